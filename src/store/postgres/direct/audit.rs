//! Writing a hub's audit trail: every change that a program makes directly puts its entry in its own transaction.
//!
//! One row, `audit_state`, holds the hub's policy and both ends of the chain, as in a vault: the last entry that was
//! cut and the newest one. Entries of searches do not wait in memory as a vault's do: many programs share a hub, so
//! each entry is in the hub before its search has an answer.

use postgres::Transaction;
use postgres::types::ToSql;

use super::super::error::told;
use super::super::rows::{cell, damaged};
use super::super::timeline::sql;
use super::{HubStore, audit_read, clients};
use crate::audit::{Actor, AuditEvent, AuditHash, AuditHead, AuditPolicy, AuditScope, begin, canonical, link};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId};
use crate::store::trail::{self, CUT_AT_MOST, CUT_EVERY};

/// What an entry says, but for its place in the chain.
struct Note<'a> {
    /// Microseconds since 1970.
    at: i64,
    client: Option<&'a ClientId>,
    actor: &'a Actor,
    /// The person's number in the hub.
    person: Option<i64>,
    event: AuditEvent,
}

impl Note<'_> {
    /// Who was seen: recognised, or verified to be the person asked about.
    fn seen(&self) -> Option<i64> {
        self.person.filter(|_| trail::is_sight(&self.event))
    }
}

/// The row of `audit_state`.
pub(super) struct State {
    pub(super) policy: AuditPolicy,
    /// Since when every search is noted.
    pub(super) searches_since: Option<i64>,
    /// The last entry that was cut.
    pub(super) base: AuditHead,
    /// The newest entry.
    pub(super) head: AuditHead,
    /// The largest number in the table: that of the newest entry, where nobody has added or cut one.
    top: u64,
}

impl HubStore {
    pub(in crate::store) fn audit_policy(&self) -> Result<AuditPolicy> {
        self.read(|transaction| Ok(State::read(transaction)?.policy))
    }

    pub(in crate::store) fn set_audit_policy(&self, policy: &AuditPolicy) -> Result<()> {
        policy.validate()?;
        self.write(|numbers| {
            let mut state = State::read(numbers.transaction)?;
            if state.policy == *policy {
                return Ok(());
            }
            let event = AuditEvent::PolicyChanged(*policy);
            let is_noted = [state.policy.scope, policy.scope].iter().any(|scope| *scope != AuditScope::Off);
            state.policy = *policy;
            state.searches_since = match policy.scope {
                AuditScope::All => state.searches_since.or(Some(now())),
                _ => None,
            };
            if is_noted {
                append(numbers.transaction, &mut state, &self.note_of(None, None, event))?;
            }
            state.save(numbers.transaction)
        })
    }

    pub(in crate::store) fn cut_audit(&self) -> Result<u64> {
        self.write(|numbers| {
            let mut state = State::read(numbers.transaction)?;
            let cut = cut(numbers.transaction, &mut state, self.acts(), u64::MAX)?;
            state.save(numbers.transaction)?;
            Ok(cut)
        })
    }

    /// Appends an entry of a change to the trail, in the transaction of the change, if the hub keeps one. Returns the
    /// entry and its time.
    pub(super) fn note(
        &self,
        transaction: &mut Transaction<'_>,
        client: Option<&ClientId>,
        person: Option<i64>,
        event: AuditEvent,
    ) -> Result<Option<(AuditHead, i64)>> {
        let mut state = State::read(transaction)?;
        if state.policy.scope == AuditScope::Off {
            return Ok(None);
        }
        let note = self.note_of(client, person, event);
        let entry = add(transaction, &mut state, &note)?;
        Ok(Some((entry, note.at)))
    }

    pub(in crate::store) fn note_search(
        &self,
        client: &ClientId,
        person: Option<&PersonId>,
        event: AuditEvent,
    ) -> Result<()> {
        // Where searches are not noted, none waits for those who write.
        let noted = self.read(|transaction| {
            if State::read(transaction)?.policy.scope != AuditScope::All {
                return Ok(None);
            }
            match person {
                Some(id) => {
                    let client = clients::require(transaction, client)?;
                    audit_read::find_key(transaction, client, id).map(Some)
                }
                None => Ok(Some(None)),
            }
        })?;
        let Some(person) = noted else { return Ok(()) };
        self.write(|numbers| {
            let mut state = State::read(numbers.transaction)?;
            let note = self.note_of(Some(client), person, event);
            add(numbers.transaction, &mut state, &note)?;
            match note.seen() {
                Some(person) => note_seen(numbers.transaction, person, note.at),
                None => Ok(()),
            }
        })
    }

    /// Nothing waits.
    pub(in crate::store) fn flush_audit(&self) -> Result<()> {
        Ok(())
    }

    fn note_of<'a>(&'a self, client: Option<&'a ClientId>, person: Option<i64>, event: AuditEvent) -> Note<'a> {
        Note { at: now(), client, actor: self.acts(), person, event }
    }
}

/// Begins the trail of a hub that has none.
pub(in super::super) fn begin_trail(transaction: &mut Transaction<'_>, hub_id: &str) -> Result<()> {
    let AuditPolicy { scope, keep_days, searches_at_once } = AuditPolicy::default();
    let start = begin(hub_id);
    let insert = "INSERT INTO facevault.audit_state
                      (key, scope, keep_days, searches_at_once, searches_since, base, anchor, last, head)
                  VALUES (1, $1, $2, $3, NULL, 0, $4, 0, $4) ON CONFLICT (key) DO NOTHING";
    let values: [&(dyn ToSql + Sync); 4] =
        [&scope.as_str(), &days(keep_days), &searches_at_once, &&start.as_bytes()[..]];
    transaction.execute(insert, &values).map_err(told)?;
    Ok(())
}

/// Appends an entry, cuts some of those that are too old, once in [`CUT_EVERY`] entries, and saves the state. Returns
/// the entry.
fn add(transaction: &mut Transaction<'_>, state: &mut State, note: &Note<'_>) -> Result<AuditHead> {
    let before = state.head.sequence;
    append(transaction, state, note)?;
    let entry = state.head;
    if before / CUT_EVERY != state.head.sequence / CUT_EVERY {
        cut(transaction, state, &Actor::default(), CUT_AT_MOST)?;
    }
    state.save(transaction)?;
    Ok(entry)
}

/// Appends an entry; the state has still to be saved.
fn append(transaction: &mut Transaction<'_>, state: &mut State, note: &Note<'_>) -> Result<()> {
    // Behind whatever is there, so that a trail that somebody has added to does not stop the hub's writes.
    let sequence = state.head.sequence.max(state.top) + 1;
    let (kind, detail) = (note.event.kind(), note.event.detail());
    let (client, actor) = (note.client.map(ClientId::as_str), note.actor.as_text());
    let hash = link(&state.head.hash, &canonical(sequence, note.at, kind, client, actor, note.person, &detail));
    transaction
        .execute(
            "INSERT INTO facevault.audit (sequence, at, kind, client, actor, person, detail, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[&sql(sequence), &note.at, &kind, &client, &actor, &note.person, &detail, &&hash.as_bytes()[..]],
        )
        .map_err(told)?;
    state.head = AuditHead::new(sequence, hash);
    Ok(())
}

/// Cuts at most `most` entries that are older than the policy keeps them, notes that, and returns how many; the
/// state has still to be saved.
fn cut(transaction: &mut Transaction<'_>, state: &mut State, actor: &Actor, most: u64) -> Result<u64> {
    let Some(days) = state.policy.keep_days else { return Ok(0) };
    let now = now();
    let newest = "SELECT at FROM facevault.audit ORDER BY sequence DESC LIMIT 1";
    let newest = transaction.query_opt(newest, &[]).map_err(told)?.map(|row| cell::<i64>(&row, 0)).transpose()?;
    let Some(oldest_kept) = trail::oldest_kept(days, newest, now) else { return Ok(0) };
    // The entries from the start up to the first that is young enough, whatever the clock said in between.
    let last = "SELECT a.sequence, a.hash, (SELECT COUNT(*) FROM facevault.audit WHERE sequence <= a.sequence)
                FROM (SELECT sequence, hash FROM facevault.audit ORDER BY sequence LIMIT $1) a
                WHERE a.sequence < COALESCE((SELECT MIN(sequence) FROM facevault.audit WHERE at >= $2), $3)
                ORDER BY a.sequence DESC LIMIT 1";
    let last = transaction.query_opt(last, &[&sql(most), &oldest_kept, &i64::MAX]).map_err(told)?;
    let Some(row) = last else { return Ok(0) };
    let until = AuditHead::new(cell::<i64>(&row, 0)?.unsigned_abs(), hash(cell(&row, 1)?)?);
    let entries = cell::<i64>(&row, 2)?.unsigned_abs();
    state.base = until;
    let event = AuditEvent::TrailCut { entries, until: until.sequence, hash: until.hash };
    append(transaction, state, &Note { at: now, client: None, actor, person: None, event })?;
    // The trigger that holds entries reads the new start.
    state.save(transaction)?;
    let delete = "DELETE FROM facevault.audit WHERE sequence <= $1";
    transaction.execute(delete, &[&sql(until.sequence)]).map_err(told)?;
    Ok(entries)
}

/// Notes when a person was seen last, unless the person is gone by now.
fn note_seen(transaction: &mut Transaction<'_>, person: i64, at: i64) -> Result<()> {
    let insert =
        "INSERT INTO facevault.seen AS s (person, at) SELECT key, $2::bigint FROM facevault.persons WHERE key = $1
                  ON CONFLICT (person) DO UPDATE SET at = excluded.at WHERE excluded.at > s.at";
    transaction.execute(insert, &[&person, &at]).map_err(told)?;
    Ok(())
}

impl State {
    /// Reads the row.
    pub(super) fn read(transaction: &mut Transaction<'_>) -> Result<Self> {
        let select = "SELECT scope, keep_days, searches_at_once, searches_since, base, anchor, last, head,
                             (SELECT MAX(sequence) FROM facevault.audit) FROM facevault.audit_state";
        let row = transaction.query_opt(select, &[]).map_err(told)?.ok_or_else(|| {
            let message = "the row that holds the policy and the ends of the audit trail is missing in the hub: \
                           restore a backup";
            Error::new(ErrorKind::Corrupt, message)
        })?;
        let end = |index: usize| -> Result<AuditHead> {
            Ok(AuditHead::new(cell::<i64>(&row, index)?.unsigned_abs(), hash(cell(&row, index + 1)?)?))
        };
        Ok(Self {
            policy: AuditPolicy::default()
                .with_scope(AuditScope::parse(cell(&row, 0)?).ok_or_else(damaged)?)
                .with_keep_days(cell::<Option<i32>>(&row, 1)?.map(i32::unsigned_abs))
                .with_searches_at_once(cell::<bool>(&row, 2)?),
            searches_since: cell(&row, 3)?,
            base: end(4)?,
            head: end(6)?,
            top: cell::<Option<i64>>(&row, 8)?.map_or(0, i64::unsigned_abs),
        })
    }

    /// Writes the row.
    fn save(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        let Self { policy, searches_since, base, head, .. } = self;
        transaction
            .execute(
                "UPDATE facevault.audit_state SET scope = $1, keep_days = $2, searches_at_once = $3,
                        searches_since = $4, base = $5, anchor = $6, last = $7, head = $8",
                &[
                    &policy.scope.as_str(),
                    &days(policy.keep_days),
                    &policy.searches_at_once,
                    searches_since,
                    &sql(base.sequence),
                    &&base.hash.as_bytes()[..],
                    &sql(head.sequence),
                    &&head.hash.as_bytes()[..],
                ],
            )
            .map_err(told)?;
        Ok(())
    }
}

/// A hash as a hub keeps it.
pub(super) fn hash(bytes: &[u8]) -> Result<AuditHash> {
    bytes.try_into().map(AuditHash::from_bytes).map_err(|_| damaged())
}

/// Days as PostgreSQL has them.
pub(super) fn days(days: Option<u32>) -> Option<i32> {
    days.map(|days| i32::try_from(days).unwrap_or(i32::MAX))
}

fn now() -> i64 {
    clock::now().as_microsecond()
}
