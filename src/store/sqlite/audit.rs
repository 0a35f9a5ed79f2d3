//! Writing the audit trail: every change puts its entry in its own transaction.
//!
//! One row, `audit_state`, holds the vault's policy and both ends of the chain: the last entry that was cut and
//! the newest one. So a trail that lost entries at either end does not fit it any more.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::{Fault, Outcome};
use super::{Store, columns, retention, schema};
use crate::audit::{Actor, AuditEvent, AuditHash, AuditHead, AuditPolicy, AuditScope, begin, canonical, link};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonKey};
use crate::store::trail::{self, CUT_AT_MOST, CUT_EVERY};

/// What an entry says, but for its place in the chain.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) client: Option<ClientId>,
    pub(super) actor: Actor,
    pub(super) person: Option<PersonKey>,
    pub(super) event: AuditEvent,
}

impl Note {
    /// Who was seen: recognised, or verified to be the person asked about.
    pub(super) fn seen(&self) -> Option<PersonKey> {
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
    pub(super) top: u64,
}

impl Store {
    /// What the vault's trail notes, and for how long.
    ///
    /// # Errors
    /// As for every read.
    pub fn audit_policy(&self) -> Result<AuditPolicy> {
        self.read(|connection| Ok(State::read(connection)?.policy))
    }

    /// Changes what the trail notes, and notes the change, unless the trail was off and stays so.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for days out of range, and as for every write.
    pub fn set_audit_policy(&self, policy: &AuditPolicy) -> Result<()> {
        policy.validate()?;
        self.write(|connection| {
            let mut state = State::read(connection)?;
            if state.policy == *policy {
                return Ok(());
            }
            let event = AuditEvent::PolicyChanged(*policy);
            let is_noted = [state.policy.scope, policy.scope].iter().any(|scope| *scope != AuditScope::Off);
            state.policy = *policy;
            state.searches_since = match policy.scope {
                AuditScope::All => state.searches_since.or(Some(schema::now())),
                _ => None,
            };
            if is_noted {
                append(connection, &mut state, &self.note_of(None, None, event))?;
            }
            state.save(connection)
        })
    }

    /// Cuts the entries of the trail that are older than it is to keep them, and notes how many. Returns that.
    ///
    /// Nothing is cut by a clock that stands before the newest entry.
    ///
    /// # Errors
    /// As for every write.
    pub fn cut_audit(&self) -> Result<u64> {
        self.write(|connection| {
            let mut state = State::read(connection)?;
            let cut = cut(connection, &mut state, &self.actor, u64::MAX)?;
            state.save(connection)?;
            Ok(cut)
        })
    }

    /// Appends an entry of a change to the trail, in the transaction of the change, if the vault keeps one.
    pub(super) fn note(
        &self,
        connection: &Connection,
        client: Option<&ClientId>,
        person: Option<i64>,
        event: impl FnOnce() -> Outcome<AuditEvent>,
    ) -> Outcome<Option<(AuditHead, i64)>> {
        let mut state = State::read(connection)?;
        if state.policy.scope == AuditScope::Off {
            return Ok(None);
        }
        let note = self.note_of(client, person, event()?);
        let before = state.head.sequence;
        append(connection, &mut state, &note)?;
        let entry = state.head;
        cut_now_and_then(connection, &mut state, before)?;
        state.save(connection)?;
        Ok(Some((entry, note.at)))
    }

    fn note_of(&self, client: Option<&ClientId>, person: Option<i64>, event: AuditEvent) -> Note {
        let person = person.map(PersonKey::new);
        Note { at: schema::now(), client: client.cloned(), actor: self.actor.clone(), person, event }
    }
}

/// Begins the trail of a vault that has none, once the vault has its row of `meta`.
pub(super) fn begin_trail(connection: &Connection) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT vault FROM meta")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let start = AuditHead::new(0, begin(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?));
    let state = State { policy: AuditPolicy::default(), searches_since: None, base: start, head: start, top: 0 };
    connection.execute(
        "INSERT INTO audit_state (key, scope, searches_at_once, base, anchor, last, head, crc32)
         VALUES (1, 'off', 0, 0, zeroblob(32), 0, zeroblob(32), 0)",
        [],
    )?;
    retention::begin(connection)?;
    state.save(connection)
}

/// Appends an entry; the state has still to be saved.
pub(super) fn append(connection: &Connection, state: &mut State, note: &Note) -> Outcome<()> {
    // Behind whatever is there, so that a trail that somebody has added to does not stop the vault's writes.
    let sequence = state.head.sequence.max(state.top) + 1;
    let (kind, detail) = (note.event.kind(), note.event.detail());
    let (client, actor) = (note.client.as_ref().map(ClientId::as_str), note.actor.as_text());
    let person = note.person.map(PersonKey::number);
    let hash = link(&state.head.hash, &canonical(sequence, note.at, kind, client, actor, person, &detail));
    connection
        .prepare_cached(
            "INSERT INTO audit (sequence, at, kind, client, actor, person, detail, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![row_number(sequence), note.at, kind, client, actor, person, detail, hash.as_bytes()])?;
    state.head = AuditHead::new(sequence, hash);
    Ok(())
}

/// Cuts some of the entries that are too old, once in [`CUT_EVERY`] entries: call it where entries were appended
/// behind number `before`. The state has still to be saved.
pub(super) fn cut_now_and_then(connection: &Connection, state: &mut State, before: u64) -> Outcome<()> {
    if before / CUT_EVERY != state.head.sequence / CUT_EVERY {
        cut(connection, state, &Actor::default(), CUT_AT_MOST)?;
    }
    Ok(())
}

/// Cuts at most `most` entries that are older than the policy keeps them, notes that, and returns how many; the
/// state has still to be saved.
fn cut(connection: &Connection, state: &mut State, actor: &Actor, most: u64) -> Outcome<u64> {
    let Some(days) = state.policy.keep_days else { return Ok(0) };
    let now = schema::now();
    let newest = connection
        .prepare_cached("SELECT at FROM audit ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(oldest_kept) = trail::oldest_kept(days, newest, now) else { return Ok(0) };
    // The entries from the start up to the first that is young enough, whatever the clock said in between.
    let mut statement = connection.prepare_cached("SELECT sequence, at, hash FROM audit ORDER BY sequence LIMIT ?1")?;
    let mut rows = statement.query([row_number(most)])?;
    let (mut entries, mut until) = (0, None);
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= oldest_kept {
            break;
        }
        entries += 1;
        until = Some(AuditHead::new(columns::count(row, 0)?, AuditHash::from_bytes(row.get(2)?)));
    }
    drop(rows);
    let Some(until) = until else { return Ok(0) };
    state.base = until;
    let event = AuditEvent::TrailCut { entries, until: until.sequence, hash: until.hash };
    append(connection, state, &Note { at: now, client: None, actor: actor.clone(), person: None, event })?;
    // The trigger that holds entries reads the new start.
    state.save(connection)?;
    connection.prepare_cached("DELETE FROM audit WHERE sequence <= ?1")?.execute([row_number(until.sequence)])?;
    Ok(entries)
}

impl State {
    /// Reads the row and checks it.
    pub(super) fn read(connection: &Connection) -> Outcome<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT scope, keep_days, searches_at_once, searches_since, base, anchor, last, head, crc32,
                    (SELECT MAX(sequence) FROM audit) FROM audit_state",
        )?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Err(damaged()) };
        let scope = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let hash = |index: usize| -> rusqlite::Result<AuditHash> { row.get(index).map(AuditHash::from_bytes) };
        let state = Self {
            policy: AuditPolicy::default()
                .with_scope(AuditScope::parse(scope).ok_or_else(damaged)?)
                .with_keep_days(row.get::<_, Option<u32>>(1)?)
                .with_searches_at_once(row.get::<_, bool>(2)?),
            searches_since: row.get(3)?,
            base: AuditHead::new(columns::count(row, 4)?, hash(5)?),
            head: AuditHead::new(columns::count(row, 6)?, hash(7)?),
            top: row.get::<_, Option<i64>>(9)?.map_or(0, i64::unsigned_abs),
        };
        if state.checksum() != row.get::<_, u32>(8)? {
            return Err(damaged());
        }
        Ok(state)
    }

    /// Writes the row.
    pub(super) fn save(&self, connection: &Connection) -> Outcome<()> {
        let Self { policy, searches_since, base, head, .. } = self;
        connection
            .prepare_cached(
                "UPDATE audit_state SET scope = ?1, keep_days = ?2, searches_at_once = ?3, searches_since = ?4,
                        base = ?5, anchor = ?6, last = ?7, head = ?8, crc32 = ?9",
            )?
            .execute(params![
                policy.scope.as_str(),
                policy.keep_days,
                policy.searches_at_once,
                searches_since,
                row_number(base.sequence),
                base.hash.as_bytes(),
                row_number(head.sequence),
                head.hash.as_bytes(),
                self.checksum(),
            ])?;
        Ok(())
    }

    fn checksum(&self) -> u32 {
        let Self { policy: AuditPolicy { scope, keep_days, searches_at_once, .. }, searches_since, base, head, .. } =
            self;
        let text = format!("{}\n{keep_days:?}\n{searches_at_once}\n{searches_since:?}\n{base}\n{head}", scope.as_str());
        crc32fast::hash(text.as_bytes())
    }
}

/// A number of an entry as SQLite takes it.
pub(super) fn row_number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn damaged() -> Fault {
    let message =
        "the row that holds the policy and the ends of the audit trail is damaged in the vault: restore a backup";
    Error::new(ErrorKind::Corrupt, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditQuery;
    use crate::person::{NewPerson, PersonUpdate};
    use crate::store::{CreateOptions, PreparedImages};

    /// The disk is full at any page: a change and its entry are both there or neither, and the chain is whole.
    #[test]
    fn a_write_that_fails_leaves_no_entry() -> Result<()> {
        let store = Store::in_memory(&CreateOptions::default())?;
        let client = store.default_client()?;
        let new = NewPerson { name: "a".into(), ..NewPerson::default() };
        let id = store.insert_person(&client, &new, &PreparedImages::default())?.person.id;
        let limit =
            |pages: i64| store.write(|connection| Ok(connection.pragma(None, "max_page_count", pages, |_| Ok(()))?));
        let pages: i64 =
            store.read(|connection| Ok(connection.pragma_query_value(None, "page_count", |row| row.get(0))?))?;
        let (mut done, mut refused) = (1, 0);
        for n in 0..600 {
            limit(pages + n / 150)?;
            let notes = "x".repeat(usize::try_from(n).unwrap_or(0) % 97 * 40);
            let update = PersonUpdate { notes: crate::patch::Patch::Set(notes), ..PersonUpdate::default() };
            match store.update_person(&client, &id, &update, &PreparedImages::default()) {
                Ok(written) => {
                    done += 1;
                    assert_eq!(written.person.version, done);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                }
            }
            assert_eq!(store.audit(&AuditQuery::default().with_newest_first(true))?.entries[0].sequence, done);
        }
        assert!(refused > 0 && done > 1, "{refused} of 600 were refused");
        assert!(store.verify_audit(None)?.is_clean());
        Ok(())
    }
}
