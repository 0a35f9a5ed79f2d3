//! Reading a hub's audit trail and verifying its chain.

use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{cell, damaged, time};
use super::super::timeline::sql;
use super::audit::{State, hash};
use super::check::{each, into_damage};
use super::{HubStore, clients};
use crate::audit::{
    Actor, AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPage, AuditProblem, AuditQuery, AuditReport, begin,
    canonical, link,
};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId, PersonKey};
use crate::store::CheckReport;

/// The most findings that are listed.
const MOST_PROBLEMS: usize = 100;

const COLUMNS: &str = "sequence, at, kind, client, actor, person, detail, hash";

impl HubStore {
    pub(in crate::store) fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        query.validate()?;
        self.read(|transaction| page(transaction, query))
    }

    pub(in crate::store) fn audit_entry(&self, head: &AuditHead) -> Result<AuditEntry> {
        let query = AuditQuery::default().with_after(head.sequence.saturating_sub(1)).with_limit(1);
        let found = self.read(|transaction| page(transaction, &query))?.entries.pop();
        found.filter(|entry| entry.sequence == head.sequence && entry.hash == head.hash).ok_or_else(|| {
            let message = format!(
                "the audit trail holds no entry {} with this hash: it was cut because of its age, or is another hub's",
                head.sequence
            );
            Error::new(ErrorKind::NotFound, message)
        })
    }

    pub(in crate::store) fn verify_audit(&self, head: Option<&AuditHead>) -> Result<AuditReport> {
        self.read(|transaction| verify(transaction, head))
    }

    pub(in crate::store) fn person_key(&self, client: &ClientId, id: &PersonId) -> Result<PersonKey> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            require_key(transaction, client, id).map(PersonKey::new)
        })
    }
}

/// The number of a client's person, if there is such a person.
pub(super) fn find_key(transaction: &mut Transaction<'_>, client: i64, id: &PersonId) -> Result<Option<i64>> {
    let select = "SELECT key FROM facevault.persons WHERE client = $1 AND id = $2";
    let row = transaction.query_opt(select, &[&client, &id.as_str()]).map_err(told)?;
    row.map(|row| cell(&row, 0)).transpose()
}

/// The number of a client's person.
pub(super) fn require_key(transaction: &mut Transaction<'_>, client: i64, id: &PersonId) -> Result<i64> {
    find_key(transaction, client, id)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no person {id}")))
}

fn page(transaction: &mut Transaction<'_>, query: &AuditQuery) -> Result<AuditPage> {
    let state = State::read(transaction)?;
    let (after, order) = match query.newest_first {
        true => ("sequence < $1", "DESC"),
        false => ("sequence > $1", "ASC"),
    };
    let select = format!(
        "SELECT {COLUMNS}, (SELECT p.hash FROM facevault.audit p WHERE p.sequence = a.sequence - 1)
         FROM facevault.audit a
         WHERE {after} AND ($2::text IS NULL OR client = $2) AND ($3::bigint IS NULL OR at >= $3)
           AND ($4::bigint IS NULL OR at < $4) AND ($5::bigint IS NULL OR person = $5)
           AND (cardinality($6::text[]) = 0 OR kind = ANY($6))
         ORDER BY sequence {order} LIMIT $7"
    );
    let from = query.after.map_or(if query.newest_first { i64::MAX } else { 0 }, sql);
    let rows = transaction
        .query(
            &select,
            &[
                &from,
                &query.client.as_ref().map(ClientId::as_str),
                &query.since.map(|time| time.as_microsecond()),
                &query.until.map(|time| time.as_microsecond()),
                &query.person.map(PersonKey::number),
                &query.kinds,
                &sql(query.limit.saturating_add(1)),
            ],
        )
        .map_err(told)?;
    let (mut entries, mut next) = (Vec::new(), None);
    for row in &rows {
        if entries.len() as u64 == query.limit {
            next = entries.last().map(|entry: &AuditEntry| entry.sequence);
            break;
        }
        let previous = match cell::<Option<&[u8]>>(row, 8)? {
            Some(bytes) => hash(bytes)?,
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
fn read(row: &Row, previous: AuditHash) -> Result<AuditEntry> {
    let sequence = number(row)?;
    let (kind, detail): (&str, &str) = (cell(row, 2)?, cell(row, 6)?);
    let (client, actor): (Option<&str>, Option<&str>) = (cell(row, 3)?, cell(row, 4)?);
    let (at, person): (i64, Option<i64>) = (cell(row, 1)?, cell(row, 5)?);
    let wrong = || unreadable(sequence);
    Ok(AuditEntry {
        sequence,
        at: time(at).map_err(|_| wrong())?,
        client: client.map(|id| ClientId::new(id).map_err(|_| wrong())).transpose()?,
        actor: Actor::from_text(actor).ok_or_else(wrong)?,
        person: person.map(PersonKey::new),
        event: AuditEvent::read(kind, detail),
        previous,
        hash: hash(cell(row, 7)?)?,
        text: canonical(sequence, at, kind, client, actor, person, detail),
    })
}

/// An entry's number.
fn number(row: &Row) -> Result<u64> {
    u64::try_from(cell::<i64>(row, 0)?).map_err(|_| damaged())
}

fn unreadable(sequence: u64) -> Error {
    let message = format!(
        "entry {sequence} of the audit trail is not what was written: `facevault audit verify` says what else is"
    );
    Error::new(ErrorKind::Corrupt, message)
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

fn verify(transaction: &mut Transaction<'_>, wanted: Option<&AuditHead>) -> Result<AuditReport> {
    let mut found = Findings(Vec::new());
    let state = match State::read(transaction) {
        Ok(state) => state,
        Err(error) => {
            found.add(None, into_damage(error)?);
            let head = AuditHead::new(0, AuditHash::from_bytes([0; 32]));
            return Ok(AuditReport { entries: 0, cut_until: 0, head, problems: found.0 });
        }
    };
    let mut walk = Walk { previous: state.base, entries: 0, cut: None, wanted: wanted.copied(), has_wanted: false };
    let select = format!("SELECT {COLUMNS} FROM facevault.audit ORDER BY sequence");
    each(transaction, &select, &[], |row| walk.step(row, &mut found))?;
    let row = transaction.query_one("SELECT id FROM facevault.hub", &[]).map_err(told)?;
    walk.end(cell(&row, 0)?, &state, &mut found);
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
    fn step(&mut self, row: &Row, found: &mut Findings) -> Result<()> {
        self.entries += 1;
        let sequence = number(row)?;
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
            Err(error) => {
                found.add(Some(sequence), into_damage(error)?);
                let hash = cell(row, 7).and_then(hash).unwrap_or(AuditHash::from_bytes([0; 32]));
                self.previous = AuditHead::new(sequence, hash);
            }
        }
        self.has_wanted |= self.wanted == Some(self.previous);
        Ok(())
    }

    fn end(&mut self, hub: &str, state: &State, found: &mut Findings) {
        let start = match state.base.sequence {
            0 => Some(AuditHead::new(0, begin(hub))),
            _ => self.cut,
        };
        if start != Some(state.base) {
            found.add(None, "the oldest entries were cut, and the trail does not say so");
        }
        if self.previous.sequence < state.head.sequence {
            let what = format!("the newest entries, up to {}, are missing", state.head.sequence);
            found.add(Some(self.previous.sequence + 1), what);
        } else if self.previous != state.head {
            found.add(Some(self.previous.sequence), "the newest entry is not the one that the hub wrote last");
        }
        let Some(wanted) = self.wanted else { return };
        if wanted.sequence < state.base.sequence {
            let what = format!("it was cut because of its age: use a head of entry {} or later", state.base.sequence);
            found.add(Some(wanted.sequence), what);
        } else if !self.has_wanted && wanted != state.base {
            found.add(
                Some(wanted.sequence),
                "the trail does not hold the entry with the given hash: it was changed or cut since, or the hub is an \
                 older copy or another one",
            );
        }
    }
}

/// What a check of the whole hub says of the trail.
pub(super) fn check(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    let AuditReport { entries, problems, .. } = verify(transaction, None)?;
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
