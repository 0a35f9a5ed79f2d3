//! Reading the audit trail and verifying its chain.

use rusqlite::{Connection, Row, params};

use super::audit::{State, row_number};
use super::check::CheckReport;
use super::error::{Fault, Outcome};
use super::{Store, clients, columns, persons};
use crate::audit::{
    Actor, AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPage, AuditProblem, AuditQuery, AuditReport, begin,
    canonical, link,
};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId, PersonKey};

/// The most findings that are listed.
const MOST_PROBLEMS: usize = 100;

const COLUMNS: &str = "sequence, at, kind, client, actor, person, detail, hash";

impl Store {
    /// Some entries of the trail, of all clients unless one is named.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a limit out of range or an unknown kind, [`ErrorKind::Corrupt`] where an entry
    /// is not what was written, and as for every read.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        query.validate()?;
        self.read(|connection| page(connection, query))
    }

    /// The entry that has this number and hash.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none, [`ErrorKind::Corrupt`] where it is not what was written, and
    /// as for every read.
    pub fn audit_entry(&self, head: &AuditHead) -> Result<AuditEntry> {
        let query = AuditQuery::default().with_after(head.sequence.saturating_sub(1)).with_limit(1);
        let found = self.read(|connection| page(connection, &query))?.entries.pop();
        found.filter(|entry| entry.sequence == head.sequence && entry.hash == head.hash).ok_or_else(|| {
            let message = format!(
                "the audit trail holds no entry {} with this hash: it was cut because of its age, or is another vault's",
                head.sequence
            );
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// Follows the chain from its start to its end. With `head`, which was noted elsewhere, it also asks whether
    /// the trail still holds that entry.
    ///
    /// # Errors
    /// As for every read, but never for what is wrong in the trail.
    pub fn verify_audit(&self, head: Option<&AuditHead>) -> Result<AuditReport> {
        self.read(|connection| verify(connection, head))
    }

    /// The number that a person of this client has in this file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and as for every read.
    pub fn person_key(&self, client: &ClientId, id: &PersonId) -> Result<PersonKey> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            persons::require_key(connection, client, id).map(PersonKey::new)
        })
    }
}

fn page(connection: &Connection, query: &AuditQuery) -> Outcome<AuditPage> {
    let state = State::read(connection)?;
    let (after, order) = match query.newest_first {
        true => ("sequence < ?1", "DESC"),
        false => ("sequence > ?1", "ASC"),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, (SELECT hash FROM audit p WHERE p.sequence = a.sequence - 1) FROM audit a
         WHERE {after} AND (?2 IS NULL OR client = ?2) AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR at < ?4)
           AND (?5 IS NULL OR person = ?5) AND (?6 = '' OR instr(?6, ' ' || kind || ' ') > 0)
         ORDER BY sequence {order} LIMIT ?7"
    ))?;
    let from = query.after.map_or(if query.newest_first { i64::MAX } else { 0 }, row_number);
    let kinds = match query.kinds.is_empty() {
        true => String::new(),
        false => format!(" {} ", query.kinds.join(" ")),
    };
    let mut rows = statement.query(params![
        from,
        query.client.as_ref().map(ClientId::as_str),
        query.since.map(|time| time.as_microsecond()),
        query.until.map(|time| time.as_microsecond()),
        query.person.map(PersonKey::number),
        kinds,
        row_number(query.limit.saturating_add(1)),
    ])?;
    let (mut entries, mut next) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        if entries.len() as u64 == query.limit {
            next = entries.last().map(|entry: &AuditEntry| entry.sequence);
            break;
        }
        let previous = match row.get::<_, Option<[u8; 32]>>(8)? {
            Some(hash) => AuditHash::from_bytes(hash),
            None => state.base.hash,
        };
        let entry = read(row, previous)?;
        if link(&previous, &entry.text) != entry.hash {
            return Err(unreadable(entry.sequence));
        }
        entries.push(entry);
    }
    Ok(AuditPage { entries, next, head: state.head })
}

/// Reads an entry behind one with this hash; whether they fit is not asked.
fn read(row: &Row<'_>, previous: AuditHash) -> Outcome<AuditEntry> {
    let sequence = columns::count(row, 0)?;
    let text = |index: usize| row.get_ref(index)?.as_str_or_null().map_err(rusqlite::Error::from);
    let (kind, client, actor, detail) = (text(2)?, text(3)?, text(4)?, text(6)?);
    let (kind, detail) = (kind.unwrap_or_default(), detail.unwrap_or_default());
    let person: Option<i64> = row.get(5)?;
    let wrong = || unreadable(sequence);
    Ok(AuditEntry {
        sequence,
        at: columns::time(row, 1)?,
        client: client.map(|id| ClientId::new(id).map_err(|_| wrong())).transpose()?,
        actor: Actor::from_text(actor).ok_or_else(wrong)?,
        person: person.map(PersonKey::new),
        event: AuditEvent::read(kind, detail),
        previous,
        hash: AuditHash::from_bytes(row.get(7)?),
        text: canonical(sequence, row.get(1)?, kind, client, actor, person, detail),
    })
}

fn unreadable(sequence: u64) -> Fault {
    let message = format!(
        "entry {sequence} of the audit trail is not what was written: `facevault audit verify` says what else is"
    );
    Error::new(ErrorKind::Corrupt, message).into()
}

/// Collects what is wrong with a trail.
struct Findings(Vec<AuditProblem>);

impl Findings {
    fn add(&mut self, sequence: Option<u64>, what: impl Into<String>) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(AuditProblem::new(sequence, what.into()));
        }
    }
}

fn verify(connection: &Connection, wanted: Option<&AuditHead>) -> Outcome<AuditReport> {
    let mut found = Findings(Vec::new());
    let state = match State::read(connection) {
        Ok(state) => state,
        Err(fault) => {
            found.add(None, fault.into_damage()?);
            let head = AuditHead::new(0, AuditHash::from_bytes([0; 32]));
            return Ok(AuditReport { entries: 0, cut_until: 0, head, problems: found.0 });
        }
    };
    let mut walk = Walk { previous: state.base, entries: 0, cut: None, wanted: wanted.copied(), has_wanted: false };
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM audit ORDER BY sequence"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        walk.step(row, &mut found)?;
    }
    walk.end(connection, &state, &mut found)?;
    Ok(AuditReport { entries: walk.entries, cut_until: state.base.sequence, head: state.head, problems: found.0 })
}

/// The chain as far as it has been followed.
struct Walk {
    previous: AuditHead,
    entries: u64,
    /// The last note of a cut: how far it went.
    cut: Option<AuditHead>,
    wanted: Option<AuditHead>,
    has_wanted: bool,
}

impl Walk {
    fn step(&mut self, row: &Row<'_>, found: &mut Findings) -> Outcome<()> {
        self.entries += 1;
        let sequence = columns::count(row, 0)?;
        let expected = self.previous.sequence + 1;
        match sequence.checked_sub(expected) {
            Some(0) => {}
            Some(1) => found.add(Some(expected), "the entry is missing"),
            Some(_) => found.add(Some(expected), format!("the entries up to {} are missing", sequence - 1)),
            None => found.add(Some(sequence), "the entry was cut because of its age, and is there"),
        }
        match read(row, self.previous.hash) {
            Ok(entry) => {
                if sequence == expected && link(&self.previous.hash, &entry.text) != entry.hash {
                    found.add(Some(sequence), "the entry, or the hash of the one before it, is not what was written");
                }
                if let AuditEvent::TrailCut { until, hash, .. } = entry.event {
                    self.cut = Some(AuditHead::new(until, hash));
                }
                self.previous = AuditHead::new(sequence, entry.hash);
            }
            Err(fault) => {
                found.add(Some(sequence), fault.into_damage()?);
                let hash = row.get(7).unwrap_or([0; 32]);
                self.previous = AuditHead::new(sequence, AuditHash::from_bytes(hash));
            }
        }
        self.has_wanted |= self.wanted == Some(self.previous);
        Ok(())
    }

    fn end(&mut self, connection: &Connection, state: &State, found: &mut Findings) -> Outcome<()> {
        let start = match state.base.sequence {
            0 => {
                let vault: String = connection.query_row("SELECT vault FROM meta", [], |row| row.get(0))?;
                Some(AuditHead::new(0, begin(&vault)))
            }
            _ => self.cut,
        };
        if start != Some(state.base) {
            found.add(None, "the oldest entries were cut, and the trail does not say so");
        }
        if self.previous.sequence < state.head.sequence {
            let what = format!("the newest entries, up to {}, are missing", state.head.sequence);
            found.add(Some(self.previous.sequence + 1), what);
        } else if self.previous != state.head {
            found.add(Some(self.previous.sequence), "the newest entry is not the one that the vault wrote last");
        }
        let Some(wanted) = self.wanted else { return Ok(()) };
        if wanted.sequence < state.base.sequence {
            let what = format!("it was cut because of its age: use a head of entry {} or later", state.base.sequence);
            found.add(Some(wanted.sequence), what);
        } else if !self.has_wanted && wanted != state.base {
            found.add(
                Some(wanted.sequence),
                "the trail does not hold the entry with the given hash: it was changed or cut since, or the vault is \
                 an older copy or another one",
            );
        }
        Ok(())
    }
}

/// What a check of the whole vault says of the trail.
pub(super) fn check(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let AuditReport { entries, problems, .. } = verify(connection, None)?;
    report.audit_entries = entries;
    for AuditProblem { sequence, what } in problems {
        let what = match sequence {
            Some(sequence) => format!("audit trail, entry {sequence}: {what}"),
            None => format!("audit trail: {what}"),
        };
        report.add(None, what);
    }
    Ok(())
}
