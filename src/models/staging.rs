//! Unfinished files: they are written beside their final place, verified, then renamed into it.
//!
//! One installation runs at a time in a data folder, by a lock on the file `.lock`; whoever holds
//! it deletes what an earlier run that was killed left behind.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{Builder, NamedTempFile, TempDir};

use super::checksum::{Hasher, Sha256};
use super::home::{Home, cannot};
use super::install::{Failure, report};
use super::validate::MAX_FILE_SIZE;
use crate::error::{Error, ErrorKind};
use crate::progress::{Progress, Step};

/// How the names of unfinished files and folders start.
const PREFIX: &str = ".partial-";

/// Bytes between two checks whether the installation was cancelled.
const PIECE: usize = 1 << 16;

/// The right to install into a data folder.
pub(super) struct Staging<'a> {
    home: &'a Home,
    _lock: File,
}

impl<'a> Staging<'a> {
    /// Waits for other installations, then clears away what they left unfinished.
    pub(super) fn open(home: &'a Home, progress: &mut dyn Progress) -> Result<Self, Failure> {
        fs::create_dir_all(home.path()).map_err(|error| cannot("create", home.path(), error))?;
        let path = home.path().join(".lock");
        // Windows locks no file that was opened for appending alone.
        let lock = File::options().create(true).read(true).append(true).open(&path);
        let lock = lock.map_err(|error| cannot("open", &path, error))?;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    sweep(home);
                    break;
                }
                Err(TryLockError::WouldBlock) => {
                    report(progress, Step::bytes("waiting for another installation", 0, None))?;
                    std::thread::sleep(Duration::from_millis(100));
                }
                // Some network file systems know no locks: unfinished files have names of their
                // own, so that two installations at once do double work but no harm.
                Err(TryLockError::Error(_)) => break,
            }
        }
        Ok(Self { home, _lock: lock })
    }

    /// A folder for downloads, which is deleted when it is dropped.
    pub(super) fn folder(&self) -> Result<TempDir, Failure> {
        let made = Builder::new().prefix(PREFIX).tempdir_in(self.home.path());
        Ok(made.map_err(|error| cannot("create a folder in", self.home.path(), error))?)
    }
}

fn sweep(home: &Home) {
    let mut folders = vec![home.path().to_owned(), home.runtime_dir(), home.samples_dir(), home.dlib_hog_dir()];
    for parent in ["packs", "liveness"] {
        let named = fs::read_dir(home.path().join(parent)).into_iter().flatten().flatten();
        folders.extend(named.map(|entry| entry.path()));
    }
    for entry in folders.iter().flat_map(fs::read_dir).flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // What cannot be deleted now is tried again by the next installation.
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
                _ => fs::remove_file(entry.path()),
            };
        }
    }
}

/// An unfinished file. It is deleted if this is dropped before [`Self::finish`].
pub(super) struct Partial {
    file: NamedTempFile,
    target: PathBuf,
    hasher: Hasher,
    written: u64,
    sha256: Sha256,
    size: Option<u64>,
}

impl Partial {
    /// A file that will be at `target`, if it gets this checksum and size.
    pub(super) fn create(target: PathBuf, sha256: Sha256, size: Option<u64>) -> Result<Self, Failure> {
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| cannot("create", folder, error))?;
        let mut builder = Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let file = builder.tempfile_in(folder).map_err(|error| cannot("create a file in", folder, error))?;
        Ok(Self { file, target, hasher: Hasher::default(), written: 0, sha256, size })
    }

    /// The name that it will have.
    pub(super) fn name(&self) -> String {
        self.target.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The most bytes that it takes.
    pub(super) fn limit(&self) -> u64 {
        self.size.unwrap_or(MAX_FILE_SIZE)
    }

    /// Appends `bytes`, unless it would become larger than expected.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written += bytes.len() as u64;
        if self.written > self.limit() {
            let found = format!("{} has more than the {} bytes expected", self.name(), self.limit());
            return Err(Error::new(ErrorKind::ModelUnavailable, found).into());
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|error| cannot("write", self.file.path(), error))?;
        Ok(())
    }

    /// Appends all that `reader` gives; `from` names it in errors.
    pub(super) fn copy(
        &mut self,
        reader: &mut dyn Read,
        from: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let name = self.name();
        let mut piece = vec![0; PIECE];
        loop {
            report(progress, Step::bytes(&name, self.written, self.size))?;
            match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => self.write(&piece[..read])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot("read", from, error).into()),
            }
        }
    }

    /// Verifies the file, syncs it to the disk and renames it into its place.
    pub(super) fn finish(self) -> Result<PathBuf, Failure> {
        let name = self.name();
        let mismatch = |what| Err(Error::new(ErrorKind::ModelUnavailable, format!("{name} {what}")).into());
        if let Some(size) = self.size.filter(|size| *size != self.written) {
            return mismatch(format!("has {} bytes, expected {size}", self.written));
        }
        let found = self.hasher.finish();
        if found != self.sha256 {
            return mismatch(format!("has SHA-256 {found}, expected {}", self.sha256));
        }
        self.file.as_file().sync_all().map_err(|error| cannot("write", self.file.path(), error))?;
        if self.target.is_dir() {
            // A rename does not replace a folder; an empty one is no loss.
            fs::remove_dir(&self.target).map_err(|error| cannot("replace", &self.target, error))?;
        }
        self.file.persist(&self.target).map_err(|error| cannot("create", &self.target, error.error))?;
        #[cfg(unix)]
        if let Some(folder) = self.target.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| cannot("sync", folder, error))?;
        }
        Ok(self.target)
    }
}
