//! Entries of searches, which wait in memory to be written together: a search must not cost a write to the disk.
//!
//! They are appended by the next write of this handle, whatever it is; by a thread after [`WAIT`]; when there are
//! [`MOST`] of them, by whoever searches next; and when the last handle is dropped. A process that is killed, or
//! a power cut, loses those that wait.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::audit::{Note, State, append};
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
    /// What waits; it is the caller's to write.
    pub(super) fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.lock().notes)
    }

    /// Puts back what could not be written, before what has come since.
    pub(super) fn put_back(&self, mut notes: Vec<Note>) {
        if !notes.is_empty() {
            let mut queue = self.lock();
            notes.append(&mut queue.notes);
            queue.notes = notes;
        }
    }

    /// Ends the thread, and gives what waits.
    pub(super) fn close(&self) -> Vec<Note> {
        self.lock().is_closed = true;
        self.closing.notify_all();
        self.take()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
        let is_full = {
            let mut queue = self.inner.waiting.lock();
            queue.notes.push(note);
            queue.notes.len() >= MOST
        };
        if policy.searches_at_once || is_full || !self.inner.is_written_soon() { self.flush_audit() } else { Ok(()) }
    }

    /// Writes the entries of searches that wait.
    ///
    /// # Errors
    /// As for every write; they go on waiting then.
    pub fn flush_audit(&self) -> Result<()> {
        if self.inner.waiting.lock().notes.is_empty() { Ok(()) } else { self.write(|_| Ok(())) }
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
    for note in notes {
        append(connection, &mut state, note)?;
        if let Some(person) = note.seen() {
            note_seen(connection, person, note.at)?;
        }
    }
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
