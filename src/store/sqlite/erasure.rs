//! What is removed leaves the file and its write-ahead log.
//!
//! A write that removes or replaces what the vault held of somebody notes it in the file (`meta.erasures`).
//! SQLite overwrites rows (`secure_delete`), the file's pages are written without old copies of rows
//! (`vfs`), and the log, which holds pages as they were, is folded into the file and emptied. As long as the
//! log has bytes, the note stands; the first write that finds it empty takes the note back. So any process
//! that opens the vault knows what is left to be done, and whoever writes next does it.
//!
//! A connection may keep a page as it was before it was cleaned, and would write it to the log again. The
//! connection that empties the log forgets its pages therefore; others do so by themselves, since emptying
//! the log tells them that the file has changed.

use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};

use super::connection::patiently;
use super::error::Outcome;
use super::settings::BUSY_TIMEOUT;
use super::{Store, columns, rows, vfs};
use crate::error::Result;
use crate::store::Erasure;

/// How long a removal waits for readers of older snapshots until it leaves its bytes in the log.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long one attempt to empty the log keeps other writers waiting.
const ATTEMPT: Duration = Duration::from_millis(100);

/// The same for a write that nobody expects to wait.
const SHORT: Duration = Duration::from_millis(10);

/// What replaced fields leave in the log is erased at most once in this time, since it costs a few syncs.
const PAUSE: Duration = Duration::from_secs(1);

/// How long other writers of the same handle have for their turn between two batches.
const TURN: Duration = Duration::from_millis(1);

/// Attempts of one pass over the file, where other writers come in between: enough for 32 TiB.
const MOST_BATCHES: u64 = 1 << 20;

/// Pages that are cleaned while other writers wait: 32 MiB.
const BATCH: u64 = 4096;

/// What this handle knows of erasures.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether the log may hold what was removed.
    pending: AtomicBool,
    /// The last attempt to empty the log.
    last: Mutex<Option<Instant>>,
}

impl State {
    pub(super) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }

    pub(super) fn set_pending(&self, pending: bool) {
        self.pending.store(pending, Ordering::Relaxed);
    }

    /// Whether an attempt is due; it counts as made then.
    fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= PAUSE);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }

    /// Empties the log if that is due, without waiting long.
    pub(super) fn attempt_if_due(&self, writer: &Connection) {
        if self.is_pending() && self.is_due() {
            self.set_pending(empty(writer, SHORT).unwrap_or(true));
        }
    }

    /// What became of a write that replaced something.
    pub(super) fn outcome(&self) -> Erasure {
        if self.is_pending() { Erasure::Pending } else { Erasure::Done }
    }
}

/// Notes that this transaction removes or replaces what the vault held of somebody.
pub(super) fn note(connection: &Connection) -> Outcome<()> {
    connection.prepare_cached("UPDATE meta SET erasures = erasures + 1")?.execute([])?;
    Ok(())
}

/// How many writes are noted.
pub(super) fn noted(connection: &Connection) -> Outcome<i64> {
    Ok(connection.prepare_cached("SELECT erasures FROM meta")?.query_row([], |row| row.get(0))?)
}

/// Takes back the notes of `settled` writes, whose bytes are gone.
pub(super) fn take_back(connection: &Connection, settled: i64) -> Outcome<()> {
    connection.prepare_cached("UPDATE meta SET erasures = MAX(erasures - ?1, 0)")?.execute([settled])?;
    Ok(())
}

/// Whether the write-ahead log has no bytes.
pub(super) fn is_empty(log: &Path) -> bool {
    match std::fs::metadata(log) {
        Ok(log) => log.len() == 0,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Folds the write-ahead log into the file, cuts it to nothing, and forgets the pages that the connection keeps.
pub(super) fn truncate_log(writer: &Connection, wait: Duration) -> Outcome<()> {
    writer.busy_timeout(wait)?;
    // The statement succeeds where another connection was in the way, and its row says so.
    let held_up = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    writer.busy_timeout(BUSY_TIMEOUT)?;
    if held_up? {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into());
    }
    writer.execute_batch("PRAGMA shrink_memory")?;
    Ok(())
}

/// The first page that is still to be cleaned, or 0.
fn unclean(connection: &Connection) -> Outcome<u64> {
    Ok(connection.prepare_cached("SELECT unclean FROM meta")?.query_row([], |row| columns::count(row, 0))?)
}

/// Takes removed bytes out of the log. Says whether the file may still hold some, since it has pages that are to be
/// cleaned.
fn empty(writer: &Connection, wait: Duration) -> Outcome<bool> {
    truncate_log(writer, wait)?;
    Ok(unclean(writer)? > 0)
}

impl Store {
    /// Takes removed bytes out of the write-ahead log. Readers of older snapshots can hold that up; then it
    /// is tried again for a while, and later by whoever writes next.
    pub(super) fn erase(&self) -> Erasure {
        if !self.inner.erasure.is_pending() {
            return Erasure::Done;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let attempt = self.inner.writer().and_then(|writer| empty(&writer, ATTEMPT));
            match attempt {
                Ok(is_unclean) => {
                    self.inner.erasure.set_pending(is_unclean);
                    return if is_unclean { Erasure::Pending } else { Erasure::Done };
                }
                Err(fault) if fault.is_busy() && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(fault) => {
                    self.inner.erasure.set_pending(true);
                    let error = fault.into_error(&self.inner.path);
                    tracing::warn!(%error, "removed bytes stay in the write-ahead log for now");
                    return Erasure::Pending;
                }
            }
        }
    }

    /// Whether the write-ahead log, or the file itself where it comes from an older version, may still hold what
    /// was removed or replaced: [`Erasure::Nothing`] or [`Erasure::Pending`].
    ///
    /// # Errors
    /// As for every read.
    pub fn erasure(&self) -> Result<Erasure> {
        self.read(|connection| Ok(if self.is_pending(connection)? { Erasure::Pending } else { Erasure::Nothing }))
    }

    pub(super) fn is_pending(&self, connection: &Connection) -> Outcome<bool> {
        let mut statement = connection.prepare_cached("SELECT erasures > 0, unclean > 0 FROM meta")?;
        let (noted, is_unclean) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(is_unclean || noted && !is_empty(&self.inner.log))
    }

    /// Erases what is still to be erased, whichever process removed it: empties the write-ahead log, and
    /// cleans the file if it comes from an older version. [`Erasure::Nothing`] where nothing was left to do,
    /// [`Erasure::Pending`] where a reader is in the way.
    ///
    /// # Errors
    /// As for every write.
    pub fn finish_erasure(&self) -> Result<Erasure> {
        if self.erasure()? == Erasure::Nothing {
            self.inner.erasure.set_pending(false);
            return Ok(Erasure::Nothing);
        }
        if self.is_read_only() {
            return Ok(Erasure::Pending);
        }
        let cleaned = clean(|| self.inner.writer(), &self.inner.log);
        let cleaned = cleaned.map_err(|fault| fault.into_error(&self.inner.path))?;
        let emptied = self.inner.writer().and_then(|writer| truncate_log(&writer, ATTEMPT));
        match emptied {
            Ok(()) => self.inner.erasure.set_pending(!cleaned),
            Err(fault) if fault.is_busy() => self.inner.erasure.set_pending(true),
            Err(fault) => return Err(fault.into_error(&self.inner.path)),
        }
        Ok(self.inner.erasure.outcome())
    }

    /// Cleans the whole file of what other programs that wrote to it may have left of what was removed; those
    /// that are not facevault, or one before schema version 5. It reads the file once.
    ///
    /// # Errors
    /// As for every write.
    pub fn clean(&self) -> Result<Erasure> {
        if self.is_in_memory() {
            return Ok(Erasure::Nothing);
        }
        if self.inner.key().is_some() {
            // The file system sees ciphertext, so SQLite writes every page anew.
            let rewritten = self.inner.writer().and_then(|writer| patiently(|| Ok(writer.execute_batch("VACUUM")?)));
            rewritten.map_err(|fault| fault.into_error(&self.inner.path))?;
            self.write(note)?;
            return self.finish_erasure();
        }
        self.write(|connection| {
            connection.execute("UPDATE meta SET unclean = 1", [])?;
            note(connection)
        })?;
        self.finish_erasure()
    }
}

/// Cleans the pages of a file that were written by an older version, from where the last attempt ended. `false`
/// where somebody is in the way. `writer` gives the connection for one batch.
pub(super) fn clean<W: Deref<Target = Connection>>(writer: impl Fn() -> Outcome<W>, log: &Path) -> Outcome<bool> {
    let mut is_cleaned = false;
    for _ in 0..MOST_BATCHES {
        if is_cleaned {
            std::thread::sleep(TURN);
        }
        let turn = writer()?;
        let writer: &Connection = &turn;
        let is_done = unclean(writer)? == 0;
        if is_done && !is_cleaned {
            return Ok(true);
        }
        match truncate_log(writer, ATTEMPT) {
            Err(fault) if fault.is_busy() => return Ok(false),
            emptied => emptied?,
        }
        if is_done {
            return Ok(true);
        }
        let transaction = patiently(|| Ok(Transaction::new_unchecked(writer, TransactionBehavior::Immediate)?))?;
        rows::verify_meta(&transaction)?;
        let first = unclean(&transaction)?;
        // As long as the log is empty, and nobody else can write, the file's pages are the vault's, and nobody
        // writes to them: not even what folds a log in.
        if first == 0 || !is_empty(log) {
            continue;
        }
        let (_, is_last) = vfs::clean(&transaction, first, BATCH)?;
        let next = if is_last { 0 } else { first + BATCH };
        transaction.execute("UPDATE meta SET unclean = ?1", [i64::try_from(next).unwrap_or(i64::MAX)])?;
        note(&transaction)?;
        rows::seal_meta(&transaction)?;
        transaction.commit()?;
        is_cleaned = true;
    }
    Ok(false)
}
