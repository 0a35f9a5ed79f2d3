//! Reading the audit trail and verifying its chain.

use rusqlite::{Connection, Row, params};

use super::audit::{State, row_number};
use super::check::CheckReport;
use super::error::{Fault, Outcome};
use super::{Store, clients, columns, persons};
use crate::audit::{
    Actor, AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPage, AuditQuery, AuditReport, begin, canonical,
};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::person::{ClientId, PersonId, PersonKey};
use crate::store::trail::{self, Unread, Walk};

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
        found
            .filter(|entry| entry.sequence == head.sequence && entry.hash == head.hash)
            .ok_or_else(|| trail::unknown(head))
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
        trail::require_linked(&entry)?;
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
    let wrong = || Fault::from(trail::unreadable(sequence));
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

fn verify(connection: &Connection, wanted: Option<&AuditHead>) -> Outcome<AuditReport> {
    let state = match State::read(connection) {
        Ok(state) => state,
        Err(fault) => return Ok(Walk::impossible(fault.into_damage()?)),
    };
    let mut walk = Walk::new(state.base, state.head, wanted.copied());
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM audit ORDER BY sequence"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let entry = match read(row, walk.previous()) {
            Ok(entry) => Ok(entry),
            Err(fault) => {
                let hash = AuditHash::from_bytes(row.get(7).unwrap_or([0; 32]));
                Err(Unread { what: fault.into_damage()?, hash })
            }
        };
        walk.step(columns::count(row, 0)?, entry);
    }
    let vault: String = connection.query_row("SELECT vault FROM meta", [], |row| row.get(0))?;
    Ok(walk.end(begin(&vault)))
}

/// What a check of the whole vault says of the trail.
pub(super) fn check(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    trail::tell(verify(connection, None)?, report);
    Ok(())
}
