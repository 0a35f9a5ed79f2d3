//! From a vault in plain to an encrypted one, back, and to another key.
//!
//! A new file is filled beside the old one and takes its name when it is whole, while nobody else can open the vault.
//! So at every moment there is one whole vault of that name, the old one or the new one, and what a killed process
//! left behind is written over by the next one that begins again.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};

use super::Store;
use super::cipher::{self, FileKey};
use super::connection::{beside, log_of, patiently};
use super::erasure::truncate_log;
use super::error::{Fault, Outcome, system};
use super::open::{folder, regular_file};
use super::place::{Place, require_own_log};
use super::schema::{self, PAGE_SIZE};
use super::settings::{self, Access};
use super::vfs;
use crate::audit::AuditEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Step};
use crate::vault_key::VaultKey;

/// How often the progress is told.
const TELL: Duration = Duration::from_millis(100);

/// How long others may take to close the vault.
const PATIENCE: Duration = Duration::from_secs(1);

impl Store {
    /// Makes the vault at `path`, which is encrypted with `from` or in plain, one that is encrypted with `to` or in
    /// plain. Gives whether there was anything to do: `false` where the vault is already as it is to be. Nobody may
    /// have the vault open. `progress` counts bytes and may break it off: then nothing has changed.
    ///
    /// A process that is killed while this runs leaves the old vault or the new one, whole in either case, and at most
    /// a file `.NAME.recoding` beside it, which the next run overwrites and removes.
    ///
    /// The new file is checked, byte for byte as by [`Self::check`], before it takes the old one's place; then the bytes
    /// of the old file are overwritten with zeros. Whether they are gone from the medium is up to the medium: flash
    /// memory and file systems that copy on write keep old blocks for a while.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] where `from` does not fit, [`ErrorKind::Busy`] where somebody has the vault open,
    /// [`ErrorKind::Unsupported`] where the file is no vault, has several names or another vault's log beside it,
    /// [`ErrorKind::Corrupt`] where it is damaged, [`ErrorKind::Io`] where there is not enough room for a second file,
    /// [`ErrorKind::OutcomeUnknown`] where the disk fails at the last step, [`ErrorKind::Cancelled`].
    pub fn recode(
        path: impl AsRef<Path>,
        from: Option<&VaultKey>,
        to: Option<&VaultKey>,
        progress: &mut dyn Progress,
    ) -> Result<bool> {
        let path = regular_file(path.as_ref())?;
        // The file itself gets a successor, not a link to it.
        let path = fs::canonicalize(&path).map_err(|error| system(&path, error))?;
        let told = |fault: Fault| fault.into_error(&path);
        let place = Place::of(&path).map_err(told)?;
        let same = match (from, to) {
            (Some(from), Some(to)) => from.is(to),
            (None, None) => true,
            _ => false,
        };
        let (key, is_done) = match recognise(&path, from) {
            Ok(key) => (key, same),
            // An earlier run may have been killed after its last step.
            Err(fault) => (recognise(&path, to).map_err(|_| told(fault))?, true),
        };
        if is_done {
            clear_leftover(&path, key.as_ref()).map_err(told)?;
            return Ok(false);
        }
        let source = alone(&path, key.as_ref()).map_err(told)?;
        // Whoever waited for another run has the file that it has replaced.
        place.verify(&path).map_err(told)?;
        let successor = Successor::new(&path)?;
        let target = FileKey::fresh(to).map_err(told)?;
        let source = copy(source, &path, &successor.path, target.as_ref(), progress).map_err(told)?;
        verify(&successor.path, target).map_err(told)?;
        place.verify(&path).map_err(told)?;
        successor.replace(&path, source)?;
        Ok(true)
    }
}

/// Makes sure that the file is a vault, that the key fits, and that the log beside it is its own.
fn recognise(path: &Path, key: Option<&VaultKey>) -> Outcome<Option<FileKey>> {
    let key = FileKey::of_file(path, key)?;
    let look = || {
        let reader = settings::connect(path, Access::Read, key.as_ref())?;
        require_own_log(path, &log_of(path), &reader, key.as_ref())?;
        schema::recognise(&reader)?;
        // What can write closes last, and leaves no file beside the vault.
        let writer = settings::connect(path, Access::Write, key.as_ref())?;
        schema::recognise(&writer)?;
        drop((reader, writer));
        Ok(())
    };
    patiently(look).map_err(|fault| cipher::explain(fault, path, key.is_some()))?;
    Ok(key)
}

/// Removes what a run left that was killed, of a vault that is already as it is to be.
fn clear_leftover(path: &Path, key: Option<&FileKey>) -> Outcome<()> {
    let leftover = Successor::beside(path);
    if !leftover.path.exists() {
        return Ok(());
    }
    // Nobody else is writing it.
    let _alone = alone(path, key)?;
    leftover.clear();
    Ok(())
}

/// A connection that lets nobody else read or write the file until it is closed, with an empty log.
///
/// The file stays one with a write-ahead log: a rollback journal that a killed process leaves behind would have to be
/// played back by somebody who may write and has the key.
fn alone(path: &Path, key: Option<&FileKey>) -> Outcome<Connection> {
    let lock = || -> Outcome<Connection> {
        let connection = settings::connect(path, Access::Write, key)?;
        // Said before the log is opened, it keeps the log's index in this process, and others away from the file.
        connection.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
        // Whatever the file's schema says is not trusted, and damage is noticed.
        connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")?;
        connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
        truncate_log(&connection, PATIENCE)?;
        Ok(connection)
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock() {
            Err(fault) if fault.is_busy() && Instant::now() < deadline => std::thread::sleep(TELL),
            Err(fault) if fault.is_busy() => {
                let what = "the vault is open elsewhere: close it, or stop the program that serves it, and try again";
                return Err(Error::new(ErrorKind::Busy, format!("{}: {what}", path.display())).into());
            }
            other => return other,
        }
    }
}

/// Copies everything to the empty file `target`. Gives the connection back, which still keeps others away.
fn copy(
    source: Connection,
    path: &Path,
    target: &Path,
    key: Option<&FileKey>,
    progress: &mut dyn Progress,
) -> Outcome<Connection> {
    let total = fs::metadata(path).map_or(0, |found| found.len());
    let interrupt = source.get_interrupt_handle();
    let (done, wait) = sync_channel(1);
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let outcome = export(&source, target, key);
            // The other side may have given up waiting.
            let _ = done.send(());
            (source, outcome)
        });
        let mut going = true;
        while let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(TELL) {
            let copied = fs::metadata(target).map_or(0, |found| found.len());
            if going && progress.report(Step::bytes("copying", copied.min(total), Some(total))).is_break() {
                going = false;
            }
            if !going {
                interrupt.interrupt();
            }
        }
        let (source, outcome) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match outcome {
            Ok(()) if going && progress.report(Step::bytes("copying", total, Some(total))).is_continue() => Ok(source),
            Ok(()) => Err(cancelled()),
            Err(_) if !going => Err(cancelled()),
            Err(fault) => Err(fault),
        }
    })
}

fn cancelled() -> Fault {
    Error::new(ErrorKind::Cancelled, "broken off, the vault is as it was").into()
}

fn export(source: &Connection, target: &Path, key: Option<&FileKey>) -> Outcome<()> {
    let Some(target) = target.to_str() else {
        return Err(Error::new(ErrorKind::Io, "the file's name is not text in UTF-8").into());
    };
    source.execute("ATTACH ?1 AS fresh KEY ''", [target])?;
    match key {
        Some(key) => key.unlock_schema(source, c"fresh")?,
        None => source.execute_batch(&format!("PRAGMA fresh.page_size = {PAGE_SIZE}"))?,
    }
    for pragma in ["auto_vacuum", "application_id", "user_version"] {
        let value: i64 = source.query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get(0))?;
        source.execute_batch(&format!("PRAGMA fresh.{pragma} = {value}"))?;
    }
    // Nobody else knows the file: it is synced once, when it is whole.
    source.execute_batch("PRAGMA fresh.journal_mode = OFF; PRAGMA fresh.synchronous = OFF; BEGIN EXCLUSIVE")?;
    source.query_row("SELECT sqlcipher_export('fresh', 'main')", [], |_| Ok(())).map_err(with_code)?;
    compare(source)?;
    source.execute_batch("COMMIT; DETACH fresh")?;
    if !cipher::is_sound(source)? && key_is_attached(source)? {
        return Err(Error::new(ErrorKind::Corrupt, "the vault is damaged: `facevault check` says where").into());
    }
    Ok(())
}

/// The function that copies hands on what SQLite says, without its code.
fn with_code(error: rusqlite::Error) -> Fault {
    let code = match &error {
        rusqlite::Error::SqliteFailure(_, Some(text)) if text.contains("disk is full") => ffi::SQLITE_FULL,
        rusqlite::Error::SqliteFailure(_, Some(text)) if text.contains("malformed") => ffi::SQLITE_CORRUPT,
        _ => return error.into(),
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
}

/// Whether the connection's own file is encrypted.
fn key_is_attached(source: &Connection) -> Outcome<bool> {
    let mut statement = source.prepare("PRAGMA cipher_settings")?;
    Ok(statement.query([])?.next()?.is_some())
}

/// Both files have the same tables with as many rows.
fn compare(source: &Connection) -> Outcome<()> {
    let mut statement =
        source.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name")?;
    let tables = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    for table in tables.iter().map(|table| table.replace('"', "\"\"")) {
        let rows = |file: &str| -> Outcome<i64> {
            let sql = format!("SELECT COUNT(*) FROM {file}.\"{table}\"");
            Ok(source.query_row(&sql, [], |row| row.get(0))?)
        };
        if rows("main")? != rows("fresh")? {
            return Err(Error::new(ErrorKind::Corrupt, "the copy has not as many rows as the vault").into());
        }
    }
    Ok(())
}

/// Opens the new file as it will be opened, notes in its audit trail what happens to it, and looks at every byte of it:
/// it is to be the only one.
fn verify(path: &Path, key: Option<FileKey>) -> Outcome<()> {
    let encrypted = key.is_some();
    let store = Store::open_unlocked(path.to_owned(), key)?;
    store.write(|connection| {
        store.note(connection, None, None, || Ok(AuditEvent::EncryptionChanged { encrypted }))?;
        Ok(())
    })?;
    let report = store.check()?;
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => {
            let what = &problem.what;
            let message = format!("the copy is damaged, as the vault may be, so the vault was left as it is: {what}");
            Err(Error::new(ErrorKind::Corrupt, message).into())
        }
    }
}

/// The file that takes the vault's place.
struct Successor {
    path: PathBuf,
}

impl Successor {
    fn beside(vault: &Path) -> Self {
        let mut name = std::ffi::OsString::from(".");
        name.push(vault.file_name().unwrap_or_default());
        name.push(".recoding");
        Self { path: vault.with_file_name(name) }
    }

    fn new(vault: &Path) -> Result<Self> {
        let found = fs::metadata(vault).map_err(|error| system(vault, error))?;
        let successor = Self::beside(vault);
        successor.clear();
        let made = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&successor.path)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt as _;
                let new = file.metadata()?;
                if (new.uid(), new.gid()) != (found.uid(), found.gid()) {
                    std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()))?;
                }
            }
            file.set_permissions(found.permissions())
        };
        made().map_err(|error| system(&successor.path, error))?;
        Ok(successor)
    }

    /// Overwrites and removes what is left of this file, which may be in plain.
    fn clear(&self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let path = beside(&self.path, ending);
            let mut options = fs::OpenOptions::new();
            options.write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
            // What cannot be removed is in the way later, and is told then.
            let _ = options.open(&path).and_then(|file| if is_regular(&file) { erase(&file) } else { Ok(()) });
            let _ = fs::remove_file(&path);
        }
    }

    /// Takes the place of `vault`, of which `source` keeps others away, and overwrites what was there.
    fn replace(self, vault: &Path, source: Connection) -> Result<()> {
        let old = fs::OpenOptions::new().write(true).open(vault).map_err(|error| system(vault, error))?;
        // The log beside the name belongs to the new file from now on.
        source
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|error| Fault::from(error).into_error(vault))?;
        // Windows renames no file over one that SQLite has open.
        let source = if cfg!(windows) { None } else { Some(source) };
        let rename = || {
            fs::OpenOptions::new().write(true).open(&self.path)?.sync_all()?;
            for ending in ["-wal", "-shm"] {
                match fs::remove_file(beside(vault, ending)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&self.path, vault)
        };
        rename().map_err(|error| system(vault, error))?;
        make_durable(vault).map_err(|error| {
            let what = "the vault has its new key, but the disk failed to make that durable, so after a power failure \
                        the old file may be back; its bytes were not overwritten";
            Error::new(ErrorKind::OutcomeUnknown, format!("{}: {what}", vault.display())).caused_by(error)
        })?;
        // Whoever has opened the old file meanwhile, and waits, finds that it is no vault any more.
        let erased = if has_a_name(&old) { Ok(()) } else { erase(&old) };
        drop(source);
        erased.map_err(|error| {
            let what = "the vault has its new key, but the old file's bytes on the disk could not be overwritten";
            Error::new(ErrorKind::Io, format!("{}: {what}", vault.display())).caused_by(error)
        })
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(unix)]
fn make_durable(vault: &Path) -> io::Result<()> {
    vfs::sync_folder(folder(vault))
}

#[cfg(not(unix))]
fn make_durable(vault: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(vault)?.sync_all()
}

fn is_regular(file: &fs::File) -> bool {
    file.metadata().is_ok_and(|found| found.is_file())
}

/// Whether somebody gave the old file a name of its own meanwhile, as a backup by hard links does.
#[cfg(unix)]
fn has_a_name(file: &fs::File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().is_ok_and(|found| found.nlink() > 0)
}

#[cfg(not(unix))]
fn has_a_name(_: &fs::File) -> bool {
    false
}

fn erase(mut file: &fs::File) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut left = file.metadata()?.len();
    while left > 0 {
        let length = left.min(zeros.len() as u64);
        file.write_all(&zeros[..length as usize])?;
        left -= length;
    }
    file.sync_all()
}
