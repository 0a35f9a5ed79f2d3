//! Who is to be removed because of time.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::audit::State;
use super::check::CheckReport;
use super::error::{Fault, Outcome};
use super::person_row::{PERSONS, PersonRow};
use super::waiting::seen_checksum;
use super::{Store, clients, columns};
use crate::audit::{AuditEvent, RemovalReason};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId, RetentionPolicy};
use crate::store::retention::{self, Due};

impl Store {
    /// Who is removed because of time.
    ///
    /// # Errors
    /// As for every read.
    pub fn retention(&self) -> Result<RetentionPolicy> {
        self.read(policy)
    }

    /// Changes who is removed because of time, and notes the change in the audit trail.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for days out of range, and as for every write.
    pub fn set_retention(&self, new: &RetentionPolicy) -> Result<()> {
        new.validate()?;
        self.write(|connection| {
            if policy(connection)? == *new {
                return Ok(());
            }
            connection
                .prepare_cached("UPDATE retention SET expired = ?1, unseen_days = ?2, crc32 = ?3")?
                .execute(params![new.expired, new.unseen_days, checksum(new)])?;
            self.note(connection, None, None, || Ok(AuditEvent::RetentionChanged(*new)))?;
            Ok(())
        })
    }

    /// The persons of a client who are to be removed by `policy` at `now`, in the order of their keys.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where `now` cannot be: before the vault's last change, or, unless `trust_clock`, more than
    /// five years after it. [`ErrorKind::Unsupported`] where `policy` asks who was not seen and searches are not
    /// noted; [`ErrorKind::Corrupt`] where a note of who was seen is damaged; and as for every read.
    pub fn due(
        &self,
        client: &ClientId,
        policy: &RetentionPolicy,
        now: Timestamp,
        trust_clock: bool,
    ) -> Result<Vec<Due>> {
        policy.validate()?;
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            require_plausible(connection, now, trust_clock)?;
            let mut due = Vec::new();
            if policy.expired {
                let mut statement = connection
                    .prepare_cached(&PERSONS.select("WHERE client = ?1 AND expires_at <= ?2 ORDER BY key"))?;
                let mut rows = statement.query(params![client, now.as_microsecond()])?;
                while let Some(row) = rows.next()? {
                    let PersonRow { key, person, .. } = PersonRow::read(row)?;
                    due.push((key, person.id, person.version, RemovalReason::Expired));
                }
            }
            if let Some(days) = policy.unseen_days {
                unseen(connection, client, retention::days_before(now, days), &mut due)?;
            }
            due.sort_by_key(|(key, ..)| *key);
            due.dedup_by_key(|(key, ..)| *key);
            Ok(due.into_iter().map(|(_, person, version, reason)| Due { person, version, reason }).collect())
        })
    }

    /// When a person was recognised or verified last, as far as searches are noted.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Corrupt`] where the note is damaged, and as for every read.
    pub fn last_seen(&self, client: &ClientId, id: &PersonId) -> Result<Option<Timestamp>> {
        let key = self.person_key(client, id)?.number();
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT at, crc32 FROM seen WHERE person = ?1")?;
            let mut rows = statement.query([key])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            match seen_checksum(key, row.get(0)?) == row.get::<_, u32>(1)? {
                true => Ok(Some(columns::time(row, 0)?)),
                false => Err(Fault::damaged(id, "when the person was seen last is not what was written")),
            }
        })
    }
}

type Row = (i64, PersonId, u64, RemovalReason);

/// Adds those who were not seen since `before`.
fn unseen(connection: &Connection, client: i64, before: i64, due: &mut Vec<Row>) -> Outcome<()> {
    let Some(since) = State::read(connection)?.searches_since else {
        return Err(retention::nobody_was_noted().into());
    };
    if since > before {
        return Ok(());
    }
    // A note with a damaged key would make somebody look unseen.
    check_seen(connection)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM persons p LEFT JOIN seen s ON s.person = p.key
         WHERE p.client = ?1 AND p.status = 'active' AND p.created_at <= ?2 AND COALESCE(s.at, p.created_at) <= ?2
         ORDER BY p.key",
        PERSONS.selected("p.")
    ))?;
    let mut rows = statement.query(params![client, before])?;
    while let Some(row) = rows.next()? {
        let PersonRow { key, person, .. } = PersonRow::read(row)?;
        due.push((key, person.id, person.version, RemovalReason::Unseen));
    }
    Ok(())
}

/// Refuses a damaged note of who was seen.
fn check_seen(connection: &Connection) -> Outcome<()> {
    let mut statement = connection.prepare_cached("SELECT person, at, crc32 FROM seen")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if seen_checksum(row.get(0)?, row.get(1)?) != row.get::<_, u32>(2)? {
            let message = "a note of when somebody was seen last is damaged in the vault: restore a backup";
            return Err(Error::new(ErrorKind::Corrupt, message).into());
        }
    }
    Ok(())
}

/// Refuses a clock by which nobody should be removed.
fn require_plausible(connection: &Connection, now: Timestamp, trust_clock: bool) -> Outcome<()> {
    let last: i64 = connection
        .prepare_cached(
            "SELECT MAX((SELECT created_at FROM meta), COALESCE((SELECT MAX(updated_at) FROM persons), 0),
                        COALESCE((SELECT at FROM audit ORDER BY sequence DESC LIMIT 1), 0))",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(retention::require_plausible(now, last, trust_clock)?)
}

fn policy(connection: &Connection) -> Outcome<RetentionPolicy> {
    let damaged = || -> Fault {
        let message = "the row that says who is removed because of time is damaged in the vault: restore a backup";
        Error::new(ErrorKind::Corrupt, message).into()
    };
    let mut statement = connection.prepare_cached("SELECT expired, unseen_days, crc32 FROM retention")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Err(damaged()) };
    let policy =
        RetentionPolicy::default().with_expired(row.get::<_, bool>(0)?).with_unseen_days(row.get::<_, Option<u32>>(1)?);
    if checksum(&policy) == row.get::<_, u32>(2)? { Ok(policy) } else { Err(damaged()) }
}

fn checksum(policy: &RetentionPolicy) -> u32 {
    crc32fast::hash(format!("{}\n{:?}", policy.expired, policy.unseen_days).as_bytes())
}

/// Writes the row of a vault that has none: nobody is removed.
pub(super) fn begin(connection: &Connection) -> Outcome<()> {
    let nobody = RetentionPolicy::default();
    connection.execute(
        "INSERT INTO retention (key, expired, unseen_days, crc32) VALUES (1, 0, NULL, ?1)",
        [checksum(&nobody)],
    )?;
    Ok(())
}

/// What a check of the whole vault says of this.
pub(super) fn check(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    for outcome in [policy(connection).map(drop), check_seen(connection)] {
        if let Err(fault) = outcome {
            report.add(None, fault.into_damage()?);
        }
    }
    Ok(())
}
