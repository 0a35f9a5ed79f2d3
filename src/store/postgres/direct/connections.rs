//! Connections to a hub, and the transactions that reads and writes are.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postgres::{Client, IsolationLevel, Transaction};

use super::super::error::told;
use super::super::rows::cell;
use super::super::timeline::{Numbers, sql};
use super::super::{address, open, schema};
use super::HubStore;
use super::search::Counts;
use crate::audit::Actor;
use crate::error::{Error, ErrorKind, Result};

/// Connections that wait for the next one who needs one.
const IDLE_AT_MOST: usize = 8;

/// The bits of a generation below its age.
pub(super) const AGE: u32 = 48;

pub(super) struct Connections {
    address: String,
    /// Without a password.
    shown: PathBuf,
    idle: Mutex<Vec<Client>>,
    /// The schema that pgvector is in, quoted.
    vectors: String,
    counts: Mutex<Counts>,
    /// What was seen of the hub last.
    seen: Mutex<Seen>,
}

/// A number of the hub's changes, what stood beside it, and how often the hub was found to be another since this began.
#[derive(Default)]
struct Seen {
    age: u64,
    sequence: i64,
    mark: Option<String>,
}

impl Connections {
    /// One that waits and that the server still knows, or a new one.
    fn take(&self) -> Result<Client> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut client) = idle else { return self.open() };
            // A server that was restarted has forgotten all of them, which shows only when one is used.
            if client.batch_execute("").is_ok() {
                return Ok(client);
            }
        }
    }

    fn open(&self) -> Result<Client> {
        let mut client = open(&self.address)?;
        schema::require_current(&mut client)?;
        Ok(client)
    }

    fn give_back(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_AT_MOST && !client.is_closed() {
            idle.push(client);
        }
    }
}

impl Drop for Connections {
    /// Ending a connection waits for the server, which no asynchronous task may do, and one may hold the last handle.
    fn drop(&mut self) {
        let idle = std::mem::take(self.idle.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !idle.is_empty() {
            let ending = std::thread::Builder::new().name("facevault-hub".to_owned()).spawn(move || drop(idle));
            drop(ending.map(std::thread::JoinHandle::join));
        }
    }
}

impl HubStore {
    /// Connects to a hub, to use it directly: its owner may, users who follow it for a client may not.
    ///
    /// # Errors
    /// As for [`Hub::connect`](super::super::Hub::connect), and [`ErrorKind::Invalid`] for another user.
    pub(crate) fn connect(hub: &str) -> Result<Self> {
        let shown = PathBuf::from(address::without_password(hub));
        let mut connections = Connections {
            address: hub.to_owned(),
            shown,
            vectors: String::new(),
            idle: Mutex::default(),
            counts: Mutex::default(),
            seen: Mutex::default(),
        };
        let mut client = connections.open()?;
        connections.vectors = schema::vectors(&mut client)?;
        let owns = "SELECT pg_has_role(tableowner, 'USAGE') FROM pg_tables
                    WHERE schemaname = 'facevault' AND tablename = 'hub'";
        if !cell::<bool>(&client.query_one(owns, &[]).map_err(told)?, 0)? {
            let message = "this user may only follow the hub with a vault (`facevault sync`); the hub's owner, who made \
                           it with `facevault hub init`, uses it directly";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        connections.give_back(client);
        Ok(Self { connections: Arc::new(connections), actor: Actor::default() })
    }

    /// The hub's generation: the number of its last change, of any client. It has to be the first question of a
    /// transaction.
    ///
    /// A hub that was put back from a backup may come to a number once more, with other changes behind it. Then the mark
    /// that stands beside the number seen last is another one or none, since this snapshot is newer than what was seen,
    /// and the generations of another age begin, which no gallery has seen.
    pub(super) fn generation_in(&self, transaction: &mut Transaction<'_>) -> Result<u64> {
        let mut seen = self.seen();
        let select = "SELECT h.sequence, (SELECT mark FROM facevault.marks WHERE sequence = h.sequence),
                             (SELECT mark FROM facevault.marks WHERE sequence = $1) FROM facevault.hub h";
        let row = transaction.query_one(select, &[&seen.sequence]).map_err(told)?;
        let (sequence, mark, then): (i64, Option<String>, Option<String>) =
            (cell(&row, 0)?, cell(&row, 1)?, cell(&row, 2)?);
        let age = seen.age + u64::from(then != seen.mark);
        *seen = Seen { age, sequence, mark };
        Ok(age << AGE | sequence.unsigned_abs())
    }

    /// What a write has left behind, so that a hub that loses it is recognised.
    fn has_written(&self, number: u64, mark: Option<String>) {
        let mut seen = self.seen();
        // Somebody may have read a later change by now.
        if mark.is_some() && sql(number) > seen.sequence {
            (seen.sequence, seen.mark) = (sql(number), mark);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.connections.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a change as a generation.
    pub(super) fn as_generation(&self, number: u64) -> u64 {
        self.seen().age << AGE | number
    }

    /// The hub's address without a password.
    pub(super) fn shown(&self) -> &Path {
        &self.connections.shown
    }

    /// The schema that pgvector is in, quoted.
    pub(super) fn vectors(&self) -> &str {
        &self.connections.vectors
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn as_actor(&self, actor: &Actor) -> Self {
        Self { connections: Arc::clone(&self.connections), actor: actor.clone() }
    }

    pub(super) fn acts(&self) -> &Actor {
        &self.actor
    }

    /// Lets `work` read as much as it needs from one snapshot of the hub.
    pub(super) fn read<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut client = self.connections.take()?;
        let read = {
            let start = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
            start.start().map_err(told).and_then(|mut transaction| work(&mut transaction))
        };
        self.connections.give_back(client);
        read
    }

    /// Lets `work` change the hub in one transaction, while nobody else can. It is on the server's disk when this
    /// returns; after an error nothing was changed, unless the error is
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    pub(super) fn write<T>(&self, work: impl FnOnce(&mut Numbers<'_, '_>) -> Result<T>) -> Result<T> {
        let mut client = self.connections.take()?;
        let written = self.write_on(&mut client, work);
        self.connections.give_back(client);
        written
    }

    fn write_on<T>(&self, client: &mut Client, work: impl FnOnce(&mut Numbers<'_, '_>) -> Result<T>) -> Result<T> {
        let mut transaction = client.transaction().map_err(told)?;
        let (done, number, mark) = {
            let mut numbers = Numbers::lock(&mut transaction, 0)?;
            self.generation_in(numbers.transaction)?;
            let done = work(&mut numbers)?;
            numbers.save()?;
            (done, numbers.last(), numbers.mark())
        };
        match transaction.commit() {
            Ok(()) => {
                self.has_written(number, mark);
                Ok(done)
            }
            Err(error) if error.code().is_some() => Err(told(error)),
            Err(_) => {
                let lost =
                    "the connection to the hub was lost while a change was being confirmed: look whether it was made";
                Err(Error::new(ErrorKind::OutcomeUnknown, lost))
            }
        }
    }
}
