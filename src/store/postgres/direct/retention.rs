//! Who is to be removed from a hub because of time.

use jiff::Timestamp;
use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{cell, damaged, time};
use super::audit::{State, days};
use super::{HubStore, audit_read, clients};
use crate::audit::{AuditEvent, RemovalReason};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId, RetentionPolicy};
use crate::store::CheckReport;
use crate::store::retention::{self, Due};

impl HubStore {
    pub(in crate::store) fn retention(&self) -> Result<RetentionPolicy> {
        self.read(policy)
    }

    pub(in crate::store) fn set_retention(&self, new: &RetentionPolicy) -> Result<()> {
        new.validate()?;
        self.write(|numbers| {
            if policy(numbers.transaction)? == *new {
                return Ok(());
            }
            let update = "UPDATE facevault.retention SET expired = $1, unseen_days = $2";
            numbers.transaction.execute(update, &[&new.expired, &days(new.unseen_days)]).map_err(told)?;
            self.note(numbers.transaction, None, None, AuditEvent::RetentionChanged(*new))?;
            Ok(())
        })
    }

    pub(in crate::store) fn due(
        &self,
        client: &ClientId,
        policy: &RetentionPolicy,
        now: Timestamp,
        trust_clock: bool,
    ) -> Result<Vec<Due>> {
        policy.validate()?;
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            require_plausible(transaction, now, trust_clock)?;
            let mut due = Vec::new();
            if policy.expired {
                let select = "SELECT key, id, version FROM facevault.persons
                              WHERE client = $1 AND expires_at <= $2 ORDER BY key";
                let rows = transaction.query(select, &[&client, &now.as_microsecond()]).map_err(told)?;
                take(&rows, RemovalReason::Expired, &mut due)?;
            }
            if let Some(days) = policy.unseen_days {
                let before = retention::days_before(now, days);
                self.unseen(transaction, client, before, &mut due)?;
            }
            due.sort_by_key(|(key, _)| *key);
            due.dedup_by_key(|(key, _)| *key);
            Ok(due.into_iter().map(|(_, due)| due).collect())
        })
    }

    pub(in crate::store) fn last_seen(&self, client: &ClientId, id: &PersonId) -> Result<Option<Timestamp>> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let key = audit_read::require_key(transaction, client, id)?;
            let select = "SELECT at FROM facevault.seen WHERE person = $1";
            let row = transaction.query_opt(select, &[&key]).map_err(told)?;
            row.map(|row| time(cell(&row, 0)?)).transpose()
        })
    }

    /// Adds those who were not seen since `before`.
    fn unseen(
        &self,
        transaction: &mut Transaction<'_>,
        client: i64,
        before: i64,
        due: &mut Vec<(i64, Due)>,
    ) -> Result<()> {
        let Some(since) = State::read(transaction)?.searches_since else {
            return Err(retention::nobody_was_noted());
        };
        let kiosks = "SELECT 1 FROM facevault.kiosks WHERE client = $1 LIMIT 1";
        if transaction.query_opt(kiosks, &[&client]).map_err(told)?.is_some() {
            let message = "kiosks follow this hub, and it does not know whom they have seen: so it removes nobody for not \
                           having been seen. Purge by --unseen in the kiosks' own vaults";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if since > before {
            return Ok(());
        }
        let select = "SELECT p.key, p.id, p.version FROM facevault.persons p
                      LEFT JOIN facevault.seen s ON s.person = p.key
                      WHERE p.client = $1 AND p.status = 'active' AND p.created_at <= $2
                        AND COALESCE(s.at, p.created_at) <= $2
                      ORDER BY p.key";
        let rows = transaction.query(select, &[&client, &before]).map_err(told)?;
        take(&rows, RemovalReason::Unseen, due)
    }
}

/// Adds persons with their keys; each row has key, id and version.
fn take(rows: &[Row], reason: RemovalReason, due: &mut Vec<(i64, Due)>) -> Result<()> {
    for row in rows {
        let person = PersonId::new(cell::<&str>(row, 1)?).map_err(|_| damaged())?;
        let version = cell::<i64>(row, 2)?.unsigned_abs();
        due.push((cell(row, 0)?, Due { person, version, reason }));
    }
    Ok(())
}

/// Refuses a clock by which nobody should be removed.
fn require_plausible(transaction: &mut Transaction<'_>, now: Timestamp, trust_clock: bool) -> Result<()> {
    let select = "SELECT GREATEST((SELECT created_at FROM facevault.hub),
                                  (SELECT MAX(updated_at) FROM facevault.persons),
                                  (SELECT at FROM facevault.audit ORDER BY sequence DESC LIMIT 1))";
    let last: i64 = cell(&transaction.query_one(select, &[]).map_err(told)?, 0)?;
    retention::require_plausible(now, last, trust_clock)
}

fn policy(transaction: &mut Transaction<'_>) -> Result<RetentionPolicy> {
    let select = "SELECT expired, unseen_days FROM facevault.retention";
    let row = transaction.query_opt(select, &[]).map_err(told)?.ok_or_else(|| {
        let message = "the row that says who is removed because of time is missing in the hub: restore a backup";
        Error::new(ErrorKind::Corrupt, message)
    })?;
    let unseen_days = cell::<Option<i32>>(&row, 1)?.map(i32::unsigned_abs);
    Ok(RetentionPolicy::default().with_expired(cell::<bool>(&row, 0)?).with_unseen_days(unseen_days))
}

/// What a check of the whole hub says of this.
pub(super) fn check(transaction: &mut Transaction<'_>, _report: &mut CheckReport) -> Result<()> {
    policy(transaction).map(drop)
}
