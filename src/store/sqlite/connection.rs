//! The connections to one file: a writer, and readers beside it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::cipher::{self, FileKey};
use super::error::{Fault, Outcome};
use super::place::Place;
use super::settings::{self, Access, BUSY_TIMEOUT};
use super::waiting::{self, Waiting};
use super::{Store, erasure, rows, schema, undo};
use crate::error::{Error, ErrorKind, Result};

/// Idle readers that are kept; more are opened when needed and closed again.
const IDLE_READERS: usize = 8;

/// Connections to the vault's file. Fields drop in this order: the writer closes last, so that
/// SQLite can fold the write-ahead log into the file and remove it.
pub(in crate::store) struct Connections {
    pub(super) path: PathBuf,
    /// The write-ahead log beside it.
    pub(super) log: PathBuf,
    /// What SQLite opens: the path, or the name of a database in memory.
    source: PathBuf,
    access: Access,
    key: Option<FileKey>,
    readers: Mutex<Vec<Connection>>,
    writer: Option<Mutex<Connection>>,
    /// Where the file was when it was opened; `None` in memory.
    place: Option<Place>,
    pub(super) erasure: erasure::State,
    /// Entries of searches that wait to be written.
    pub(super) waiting: Arc<Waiting>,
    #[cfg(test)]
    transactions: Transactions,
}

/// How many transactions there were so far.
#[cfg(test)]
#[derive(Default)]
pub(in crate::store) struct Transactions {
    reads: std::sync::atomic::AtomicU64,
    writes: std::sync::atomic::AtomicU64,
}

impl Connections {
    /// `access` is how readers are opened; without a `writer` nothing can be written. With
    /// `erasure_pending` the log may hold what was removed.
    pub(super) fn new(
        path: PathBuf,
        access: Access,
        key: Option<FileKey>,
        reader: Connection,
        writer: Option<Connection>,
        erasure_pending: bool,
    ) -> Self {
        let erasure = erasure::State::default();
        erasure.set_pending(erasure_pending);
        Self {
            source: path.clone(),
            log: log_of(&path),
            place: None,
            path,
            access,
            key,
            readers: Mutex::new(vec![reader]),
            writer: writer.map(Mutex::new),
            erasure,
            waiting: Arc::default(),
            #[cfg(test)]
            transactions: Transactions::default(),
        }
    }

    /// The same, of a file that lies at `place`.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same, where SQLite opens something else than the path.
    pub(super) fn with_source(mut self, source: PathBuf) -> Self {
        self.source = source;
        self
    }

    fn settings(&self) -> Result<Vec<(&'static str, String)>> {
        let report = |connection: &Connection, access| {
            settings::verify(connection, access)?;
            settings::read(connection, access)
        };
        let outcome = match &self.writer {
            Some(writer) => report(&lock(writer), self.access.of_writer()),
            None => self.reader().and_then(|reader| report(&reader, self.access)),
        };
        let settings = outcome.map_err(|fault| fault.into_error(&self.path))?;
        Ok(settings.into_iter().map(|(name, value, _)| (name, value)).collect())
    }

    /// A reader of its own for the caller; it goes back to the idle ones when dropped.
    pub(super) fn reader(&self) -> Outcome<Reader<'_>> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => patiently(|| {
                let connection = settings::connect(&self.source, self.access, self.key())?;
                settings::apply(&connection, self.access)?;
                Ok(connection)
            })?,
        };
        Ok(Reader { home: self, connection: Some(connection), spoilt: false })
    }

    /// What encrypts the file; `None` for a file in plain.
    pub(super) fn key(&self) -> Option<&FileKey> {
        self.key.as_ref()
    }

    /// Whether everything that the connection has read was as it had been written, as far as the file is encrypted.
    pub(super) fn is_sound(&self, connection: &Connection) -> bool {
        self.key.is_none() || cipher::is_sound(connection).unwrap_or(false)
    }

    /// What to say instead of what was made of damaged pages. An error that says which person is damaged stays, and so
    /// does one that says that a change may have been written.
    fn damaged<T>(&self, outcome: Outcome<T>) -> Fault {
        match outcome {
            Err(Fault::Told(error)) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::OutcomeUnknown) => {
                Fault::Told(error)
            }
            _ => Error::new(ErrorKind::Corrupt, format!("{}: the vault's file is damaged", self.path.display())).into(),
        }
    }

    /// Opens the writer anew after damage, which SQLCipher does not forget.
    fn renew(&self, writer: &mut Connection) {
        let access = self.access.of_writer();
        let renewed = settings::connect(&self.source, access, self.key()).and_then(|connection| {
            settings::apply(&connection, access)?;
            Ok(connection)
        });
        match renewed {
            Ok(connection) => *writer = connection,
            Err(fault) => {
                let error = fault.into_error(&self.path);
                tracing::warn!(%error, "the connection for writing cannot be opened anew after damage");
            }
        }
    }

    /// Refuses to go on where the file was moved, removed or replaced.
    fn require_in_place(&self) -> Outcome<()> {
        self.place.as_ref().map_or(Ok(()), |place| place.verify(&self.path))
    }

    pub(super) fn writer(&self) -> Outcome<MutexGuard<'_, Connection>> {
        let Some(writer) = &self.writer else {
            return Err(Error::new(ErrorKind::Io, "the vault was opened for reading only").into());
        };
        Ok(lock(writer))
    }
}

impl Drop for Connections {
    /// What waits is written as the last thing. Where other processes have the vault open, closing it does not empty
    /// the log.
    fn drop(&mut self) {
        let notes = self.waiting.close();
        let Some(writer) = &self.writer else { return };
        if !notes.is_empty() && self.require_in_place().is_ok() {
            waiting::write_last(&lock(writer), &self.path, &notes);
        }
        if self.erasure.is_pending() {
            let _later = erasure::truncate_log(&lock(writer), Duration::ZERO);
        }
    }
}

/// A connection for reading, lent from [`Connections`].
pub(super) struct Reader<'a> {
    home: &'a Connections,
    connection: Option<Connection>,
    /// Whether it read damage, which SQLCipher does not forget.
    spoilt: bool,
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader has its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if self.spoilt {
            return;
        }
        let mut idle = lock(&self.home.readers);
        if idle.len() < IDLE_READERS {
            idle.extend(self.connection.take().filter(Connection::is_autocommit));
        }
    }
}

impl Store {
    /// The vault's file; `:memory:` for a vault in memory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Whether this handle only reads.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.inner.writer.is_none()
    }

    /// Whether the vault is in memory, see [`Self::in_memory`].
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.inner.access.is_in_memory()
    }

    /// Whether the vault's file is still where it was opened, and has no other name.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where it was moved, removed or replaced,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where it has a second name (a hard link).
    pub fn require_in_place(&self) -> Result<()> {
        self.inner.require_in_place().map_err(|fault| fault.into_error(&self.inner.path))
    }

    /// SQLite's settings as a connection reports them, by name.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where one is not what the vault asked for.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>> {
        self.inner.settings()
    }

    /// How many transactions read, and how many wrote.
    #[cfg(test)]
    pub(crate) fn transactions(&self) -> (u64, u64) {
        let Transactions { reads, writes } = &self.inner.transactions;
        (reads.load(Ordering::Relaxed), writes.load(Ordering::Relaxed))
    }

    /// Runs `work` on one snapshot of the vault, whose row of `meta` is known to be whole.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        self.read_damaged(|connection| {
            rows::verify_meta(connection)?;
            work(connection)
        })
    }

    /// Runs `work` on one snapshot of the vault, whatever its row of `meta` holds.
    pub(super) fn read_damaged<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        #[cfg(test)]
        self.inner.transactions.reads.fetch_add(1, Ordering::Relaxed);
        let run = || {
            let mut reader = self.inner.reader()?;
            let outcome = patiently(|| {
                let snapshot = Transaction::new_unchecked(&reader, TransactionBehavior::Deferred)?;
                // The first read takes the snapshot.
                schema::require_current(&snapshot)?;
                Ok(snapshot)
            })
            .and_then(|snapshot| work(&snapshot));
            if self.inner.is_sound(&reader) {
                return outcome;
            }
            reader.spoilt = true;
            Err(self.inner.damaged(outcome))
        };
        run().map_err(|fault: Fault| fault.into_error(&self.inner.path))
    }

    /// Runs `work` in one transaction that is durable when this returns `Ok`, and leaves no trace
    /// when it returns an error, unless that is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    pub(super) fn write<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        #[cfg(test)]
        self.inner.transactions.writes.fetch_add(1, Ordering::Relaxed);
        let run = || {
            let mut writer = self.inner.writer()?;
            let written = self.write_with(&writer, work);
            if written.is_ok() || self.inner.is_sound(&writer) {
                return written;
            }
            self.inner.renew(&mut writer);
            Err(self.inner.damaged(written))
        };
        run().map_err(|fault: Fault| fault.into_error(&self.inner.path))
    }

    fn write_with<T>(&self, writer: &Connection, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let waiting = self.inner.waiting.take();
        let transaction = patiently(|| Ok(Transaction::new_unchecked(writer, TransactionBehavior::Immediate)?))?;
        schema::require_current(&transaction)?;
        self.inner.require_in_place()?;
        rows::verify_meta(&transaction)?;
        let noted = erasure::noted(&transaction)?;
        let settled = if noted > 0 && erasure::is_empty(&self.inner.log) { noted } else { 0 };
        let changes = transaction.total_changes();
        waiting::append_all(&transaction, waiting.notes())?;
        let value = work(&transaction)?;
        if settled > 0 && transaction.total_changes() > changes {
            erasure::take_back(&transaction, settled)?;
        }
        rows::seal_meta(&transaction)?;
        let is_pending = erasure::noted(&transaction)? > 0;
        if !self.inner.is_sound(&transaction) {
            return Err(self.inner.damaged(Ok(())));
        }
        transaction.commit().map_err(|error| undo::failed(writer, error))?;
        waiting.written();
        self.inner.erasure.set_pending(is_pending);
        self.inner.erasure.attempt_if_due(writer);
        Ok(value)
    }
}

/// Tries again while another connection is in the way, for as long as the busy timeout.
///
/// SQLite waits by itself in most places, but not while a log is recovered, a connection closes as
/// the last one, or a lock was won and lost in between.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match attempt() {
            Err(fault) if fault.is_busy() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

/// The write-ahead log of the vault at `path`; it lies where the file itself does, also if the path is a link.
pub(super) fn log_of(path: &Path) -> PathBuf {
    beside(&std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), "-wal")
}

/// The file that SQLite keeps beside another one under its name and this ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    PathBuf::from(beside)
}

/// A panic elsewhere cannot have left a connection in a transaction: transactions roll back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NewPerson;
    use crate::store::{CreateOptions, Erasure, PreparedImage, PreparedImages};

    fn insert(store: &Store, fill: u8) -> Result<crate::Person> {
        let new = NewPerson { name: "a".into(), images: vec![vec![fill; 100_000].into()], ..NewPerson::default() };
        let images = vec![PreparedImage::new(&new.images[0])];
        let prepared = PreparedImages { images, ..PreparedImages::default() };
        store.insert_person(&store.default_client()?, &new, &prepared).map(|written| written.person)
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_what_was_there() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path().join("v"), &CreateOptions::default())?;
        let client = store.default_client()?;
        let first = insert(&store, 1)?;

        let limit = |pages: i64| {
            let writer = store.inner.writer().expect("a writer");
            writer.pragma(None, "max_page_count", pages, |_| Ok(())).expect("sets");
        };
        limit(1);
        let error = insert(&store, 2).expect_err("no page is left");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().ends_with("the disk is full"), "{error}");
        assert_eq!(store.persons(&client, &crate::PersonQuery::default())?.total, 1);
        assert_eq!(store.person(&client, &first.id)?, first);

        limit(1_000_000);
        insert(&store, 2)?;
        assert!(store.check()?.is_clean());
        Ok(())
    }

    #[test]
    fn a_panic_in_a_write_leaves_nothing_behind() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path().join("v"), &CreateOptions::default())?;
        let client = store.default_client()?;
        let panicked = std::thread::scope(|scope| {
            let write = || {
                store.write::<()>(|connection| {
                    connection.execute("INSERT INTO clients (id, created_at) VALUES ('x', 0)", [])?;
                    panic!("on purpose")
                })
            };
            scope.spawn(write).join().is_err()
        });
        assert!(panicked);
        assert_eq!(store.clients()?, std::slice::from_ref(&client));
        insert(&store, 1)?;
        Ok(())
    }

    #[test]
    fn a_reader_of_an_old_snapshot_delays_erasure_but_not_removal() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path().join("v"), &CreateOptions::default())?;
        let client = store.default_client()?;
        let id = insert(&store, 1)?.id;
        let removed = store.read(|_| Ok(store.remove_person(&client, &id, None)))??;
        assert_eq!(removed.erasure, Erasure::Pending);
        assert!(store.person(&client, &id).is_err());

        let log = || std::fs::metadata(folder.path().join("v-wal")).expect("a log").len();
        assert!(log() > 0);
        store.insert_client(&crate::ClientId::new("other")?)?;
        assert_eq!(log(), 0);
        Ok(())
    }
}
