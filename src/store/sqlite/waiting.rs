//! Entries of searches, which wait in memory to be written together: a search must not cost a write to the disk.
//!
//! They are appended by the next write of this handle, whatever it is; by a thread after [`WAIT`]; when there are
//! [`MOST`] of them, by whoever searches next; and when the last handle is dropped. A process that is killed, or
//! a power cut, loses those that wait.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::audit::{Note, State, append, cut_now_and_then};
use super::connection::Connections;
use super::error::Outcome;
use super::{Store, clients, persons, schema};
use crate::audit::{Actor, AuditEvent, AuditScope};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, PersonId, PersonKey};

/// How long an entry waits at most while the process lives.
const WAIT: Duration = Duration::from_secs(2);
/// How many may wait.
const MOST: usize = 1_000;

/// What waits, and the thread that writes it.
#[derive(Default)]
pub(super) struct Waiting {
    queue: Mutex<Queue>,
    closing: Condvar,
}

#[derive(Default)]
struct Queue {
    notes: Vec<Note>,
    has_thread: bool,
    is_closed: bool,
}

impl Waiting {
    /// What waits, to be written by whoever holds the writer: it goes on waiting unless
    /// [`Taken::written`] is called before the writer is free again.
    pub(super) fn take(&self) -> Taken<'_> {
        Taken { waiting: self, notes: std::mem::take(&mut self.lock().notes) }
    }

    /// Ends the thread, and gives what waits.
    pub(super) fn close(&self) -> Vec<Note> {
        let notes = {
            let mut queue = self.lock();
            queue.is_closed = true;
            std::mem::take(&mut queue.notes)
        };
        self.closing.notify_all();
        notes
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries that a write takes along.
pub(super) struct Taken<'a> {
    waiting: &'a Waiting,
    notes: Vec<Note>,
}

impl Taken<'_> {
    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// They are on the disk.
    pub(super) fn written(mut self) {
        self.notes.clear();
    }
}

impl Drop for Taken<'_> {
    /// Puts back what could not be written, before what has come since.
    fn drop(&mut self) {
        if !self.notes.is_empty() {
            let mut queue = self.waiting.lock();
            self.notes.append(&mut queue.notes);
            queue.notes = std::mem::take(&mut self.notes);
        }
    }
}

impl Store {
    /// Whether the vault notes searches, so that each costs an entry of the trail.
    ///
    /// # Errors
    /// As for every read.
    pub fn notes_searches(&self) -> Result<bool> {
        self.read(|connection| Ok(State::read(connection)?.policy.scope == AuditScope::All))
    }

    /// Notes a search, if the vault notes them: its entry is on the disk when this returns, or waits for a short
    /// time, as the policy says. `person` is who was recognised or asked about.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the vault notes searches and this handle only reads, and as for every
    /// read and, where the entry is written at once, for every write. Then the search should have no answer.
    pub fn note_search(&self, client: &ClientId, person: Option<&PersonId>, event: AuditEvent) -> Result<()> {
        let found = self.read(|connection| {
            let policy = State::read(connection)?.policy;
            if policy.scope != AuditScope::All {
                return Ok(None);
            }
            let key = match person {
                Some(id) => persons::find_key(connection, clients::require(connection, client)?, id)?,
                None => None,
            };
            Ok(Some((policy, key.map(PersonKey::new))))
        })?;
        let Some((policy, person)) = found else { return Ok(()) };
        if self.is_read_only() {
            let message = "the vault notes every search in its audit trail, so it has to be opened for writing";
            return Err(Error::new(ErrorKind::Unsupported, format!("{}: {message}", self.path().display())));
        }
        let note = Note { at: schema::now(), client: Some(client.clone()), actor: self.actor.clone(), person, event };
        if policy.searches_at_once {
            return self.write(|connection| append_all(connection, std::slice::from_ref(&note)));
        }
        if self.inner.waiting.lock().notes.len() >= MOST {
            self.flush_audit()?;
        }
        self.inner.waiting.lock().notes.push(note);
        if self.inner.is_written_soon() { Ok(()) } else { self.flush_audit() }
    }

    /// Writes the entries of searches that wait. Those that another write has taken along are on the disk too when
    /// this returns `Ok`.
    ///
    /// # Errors
    /// As for every write; they go on waiting then.
    pub fn flush_audit(&self) -> Result<()> {
        if self.is_read_only() {
            return Ok(());
        }
        // Whoever has the writer may be writing them.
        let writer = self.inner.writer().map_err(|fault| fault.into_error(self.path()))?;
        let is_empty = self.inner.waiting.lock().notes.is_empty();
        drop(writer);
        if is_empty { Ok(()) } else { self.write(|_| Ok(())) }
    }
}

impl Connections {
    /// Sees to it that there is a thread that writes what waits. Says whether there is.
    fn is_written_soon(self: &Arc<Self>) -> bool {
        let mut queue = self.waiting.lock();
        if !queue.has_thread {
            let (waiting, connections) = (Arc::clone(&self.waiting), Arc::downgrade(self));
            let thread = std::thread::Builder::new().name("facevault-audit".to_owned());
            queue.has_thread = thread.spawn(move || write_until_nothing_waits(&waiting, &connections)).is_ok();
        }
        queue.has_thread
    }
}

/// The thread's work: it ends when nothing waits any more, or the vault is closed.
fn write_until_nothing_waits(waiting: &Waiting, connections: &Weak<Connections>) {
    loop {
        let queue = waiting.lock();
        let waited = waiting.closing.wait_timeout_while(queue, WAIT, |queue| !queue.is_closed);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed || queue.notes.is_empty() {
            queue.has_thread = false;
            return;
        }
        drop(queue);
        let Some(inner) = connections.upgrade() else { return };
        if let Err(error) = (Store { inner, actor: Actor::default() }).flush_audit() {
            tracing::warn!(%error, "entries of searches go on waiting to be written into the audit trail");
        }
    }
}

/// Writes what waits when the vault is closed.
pub(super) fn write_last(writer: &Connection, path: &Path, notes: &[Note]) {
    let write = || -> Outcome<()> {
        let transaction = Transaction::new_unchecked(writer, TransactionBehavior::Immediate)?;
        schema::require_current(&transaction)?;
        append_all(&transaction, notes)?;
        Ok(transaction.commit()?)
    };
    if let Err(fault) = write() {
        let (error, entries) = (fault.into_error(path), notes.len());
        tracing::error!(%error, entries, "entries of searches could not be written into the audit trail and are lost");
    }
}

/// Appends what waited, in the transaction of a write. What came while searches were noted is written even if
/// they are not noted any more.
pub(super) fn append_all(connection: &Connection, notes: &[Note]) -> Outcome<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut state = State::read(connection)?;
    let before = state.head.sequence;
    for note in notes {
        append(connection, &mut state, note)?;
        if let Some(person) = note.seen() {
            note_seen(connection, person, note.at)?;
        }
    }
    cut_now_and_then(connection, &mut state, before)?;
    state.save(connection)
}

/// Notes when a person was seen last, unless the person is gone by now.
fn note_seen(connection: &Connection, person: PersonKey, at: i64) -> Outcome<()> {
    let crc32 = seen_checksum(person.number(), at);
    connection
        .prepare_cached(
            "INSERT INTO seen (person, at, crc32) SELECT key, ?2, ?3 FROM persons WHERE key = ?1
             ON CONFLICT (person) DO UPDATE SET at = excluded.at, crc32 = excluded.crc32 WHERE excluded.at > at",
        )?
        .execute(params![person.number(), at, crc32])?;
    Ok(())
}

/// The checksum of a row of `seen`.
pub(super) fn seen_checksum(person: i64, at: i64) -> u32 {
    crc32fast::hash(&[person.to_le_bytes(), at.to_le_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditPolicy, AuditQuery};
    use crate::store::CreateOptions;

    fn compared() -> AuditEvent {
        AuditEvent::Compared { threshold: "any".into(), accepted: false }
    }

    fn note_searches(store: &Store) -> Result<()> {
        store.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All))
    }

    #[test]
    fn a_flush_waits_for_a_write_that_has_taken_the_entries_along() -> Result<()> {
        let store = Store::in_memory(&CreateOptions::default())?;
        note_searches(&store)?;
        store.note_search(&store.default_client()?, None, compared())?;
        std::thread::scope(|scope| {
            let writer = store.inner.writer().map_err(|fault| fault.into_error(store.path()))?;
            let taken = store.inner.waiting.take();
            assert_eq!(taken.notes().len(), 1);
            let flush = scope.spawn(|| store.flush_audit());
            std::thread::sleep(Duration::from_millis(100));
            // The write fails.
            drop(taken);
            drop(writer);
            flush.join().expect("no panic")
        })?;
        assert_eq!(store.audit(&AuditQuery::default())?.head.sequence, 2);
        Ok(())
    }

    #[test]
    fn entries_of_searches_alone_cut_old_ones_too() -> Result<()> {
        let store = Store::in_memory(&CreateOptions::default())?;
        let at = schema::now() - 400 * 86_400_000_000;
        let old = Note { at, client: None, actor: Actor::default(), person: None, event: compared() };
        let old: Vec<Note> = std::iter::repeat_n(old, 254).collect();
        store.write(|connection| append_all(connection, &old))?;
        note_searches(&store)?;
        store.note_search(&store.default_client()?, None, compared())?;
        assert_eq!(store.verify_audit(None)?.cut_until, 0);
        store.flush_audit()?;
        let report = store.verify_audit(None)?;
        assert_eq!((report.cut_until, report.head.sequence, report.entries), (254, 257, 3));
        assert!(report.is_clean(), "{report:?}");
        Ok(())
    }
}
