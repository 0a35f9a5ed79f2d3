//! Reading a hub's audit trail and verifying its chain.

use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{cell, damaged, time};
use super::super::timeline::sql;
use super::audit::{State, hash};
use super::check::{each, into_damage};
use super::{HubStore, clients};
use crate::audit::{
    Actor, AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPage, AuditQuery, AuditReport, begin, canonical,
};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId, PersonKey};
use crate::store::CheckReport;
use crate::store::trail::{self, Unread, Walk};

const COLUMNS: &str = "sequence, at, kind, client, actor, person, detail, hash";

impl HubStore {
    pub(in crate::store) fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        query.validate()?;
        self.read(|transaction| page(transaction, query))
    }

    pub(in crate::store) fn audit_entry(&self, head: &AuditHead) -> Result<AuditEntry> {
        let query = AuditQuery::default().with_after(head.sequence.saturating_sub(1)).with_limit(1);
        let found = self.read(|transaction| page(transaction, &query))?.entries.pop();
        found
            .filter(|entry| entry.sequence == head.sequence && entry.hash == head.hash)
            .ok_or_else(|| trail::unknown(head))
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
        trail::require_linked(&entry)?;
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
    let wrong = || trail::unreadable(sequence);
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

fn verify(transaction: &mut Transaction<'_>, wanted: Option<&AuditHead>) -> Result<AuditReport> {
    let state = match State::read(transaction) {
        Ok(state) => state,
        Err(error) => return Ok(Walk::impossible(into_damage(error)?)),
    };
    let mut walk = Walk::new(state.base, state.head, wanted.copied());
    let select = format!("SELECT {COLUMNS} FROM facevault.audit ORDER BY sequence");
    each(transaction, &select, &[], |row| {
        let entry = match read(row, walk.previous()) {
            Ok(entry) => Ok(entry),
            Err(error) => {
                let hash = cell(row, 7).and_then(hash).unwrap_or(AuditHash::from_bytes([0; 32]));
                Err(Unread { what: into_damage(error)?, hash })
            }
        };
        walk.step(number(row)?, entry);
        Ok(())
    })?;
    let row = transaction.query_one("SELECT id FROM facevault.hub", &[]).map_err(told)?;
    Ok(walk.end(begin(cell(&row, 0)?)))
}

/// What a check of the whole hub says of the trail.
pub(super) fn check(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    trail::tell(verify(transaction, None)?, report);
    Ok(())
}
