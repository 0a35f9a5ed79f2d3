//! Where a vault's file lies, and that it lies there still.
//!
//! SQLite keeps the log beside the name under which a file was opened. Where a file has two names, or is
//! mounted by itself at a second place, two programs write two logs, and the file is damaged. Where it was
//! moved or replaced while it is open, what is written goes to a file that nobody will open again.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::cipher::{self, FileKey};
use super::erasure;
use super::error::{Outcome, system};
use super::settings::{self, Access};
use crate::error::{Error, ErrorKind};

/// Device and number of the file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    #[cfg(unix)]
    file: (u64, u64),
}

impl Place {
    /// The place of the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the file has more than one name, or is mounted by itself.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Outcome<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).map_err(|error| system(path, error))?;
        require_one_name(found.nlink())?;
        if is_mounted(path) {
            let message = "the file is mounted by itself, so that its log would be another one than at its own place: \
                           mount the folder that it is in";
            return Err(Error::new(ErrorKind::Unsupported, message).into());
        }
        Ok(Self { file: (found.dev(), found.ino()) })
    }

    /// Refuses to go on if the file at `path` is not this one any more.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where it was removed, moved or replaced, [`ErrorKind::Unsupported`] where it was given
    /// another name.
    #[cfg(unix)]
    pub(super) fn verify(&self, path: &Path) -> Outcome<()> {
        use std::os::unix::fs::MetadataExt;
        let what = match fs::metadata(path) {
            Ok(found) if (found.dev(), found.ino()) == self.file => return require_one_name(found.nlink()),
            Ok(_) => "another file is in the vault's place",
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "the vault's file was moved or removed",
            Err(error) => return Err(system(path, error).into()),
        };
        let message = format!("{}: {what} since it was opened: nothing is written, open it anew", path.display());
        Err(Error::new(ErrorKind::Io, message).into())
    }

    #[cfg(not(unix))]
    pub(super) fn of(path: &Path) -> Outcome<Self> {
        // Windows moves no file that is open.
        fs::metadata(path).map_err(|error| system(path, error))?;
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(super) fn verify(&self, _: &Path) -> Outcome<()> {
        Ok(())
    }
}

/// Refuses a log beside the vault at `path` that is not the file's own: that of another vault, or of an older
/// state than the file has, as when a copy was put in a vault's place and the log was left. `reader` reads both
/// together; nothing is written.
pub(super) fn require_own_log(path: &Path, log: &Path, reader: &Connection, key: Option<&FileKey>) -> Outcome<()> {
    if erasure::is_empty(log) {
        return Ok(());
    }
    let state = |connection: &Connection| -> rusqlite::Result<(String, i64)> {
        connection.query_row("SELECT vault, revision FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))
    };
    // Vaults of older versions have no revision, and of a damaged one everything else says so.
    let alone = settings::connect(path, Access::Immutable, key).and_then(|connection| Ok(state(&connection)?));
    let Ok((vault, revision)) = alone else { return Ok(()) };
    let foreign = || {
        let message = format!(
            "the log {} belongs to another vault, or to an older state of this one, and would damage it; move the log \
             away, and the file of that name that ends in -shm",
            log.display()
        );
        Err(Error::new(ErrorKind::Unsupported, message).into())
    };
    match state(reader) {
        Ok((same, later)) if same == vault && later >= revision => Ok(()),
        Ok(_) => foreign(),
        // Pages that were encrypted with another key or salt.
        Err(_) if key.is_some() && !cipher::is_sound(reader).unwrap_or(false) => foreign(),
        Err(error) => Err(error.into()),
    }
}

#[cfg(unix)]
fn require_one_name(names: u64) -> Outcome<()> {
    if names <= 1 {
        return Ok(());
    }
    let message = format!(
        "the file has {names} names (hard links), and a vault must have one: programs that use it by different names \
         damage it; remove the others, or copy the vault with `facevault backup`"
    );
    Err(Error::new(ErrorKind::Unsupported, message).into())
}

/// Whether the file itself is where something is mounted, as `docker run -v file:file` does it.
#[cfg(target_os = "linux")]
fn is_mounted(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (fs::canonicalize(path), fs::read("/proc/self/mountinfo")) else { return false };
    is_mount_point(path.as_os_str().as_encoded_bytes(), &mounts)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_mounted(_: &Path) -> bool {
    false
}

/// Whether `path` is a mount point by Linux's list, whose fifth column has them, with some bytes as `\ooo`.
#[cfg(target_os = "linux")]
fn is_mount_point(path: &[u8], mounts: &[u8]) -> bool {
    let mut lines = mounts.split(|byte| *byte == b'\n');
    lines.any(|line| line.split(|byte| *byte == b' ').nth(4).is_some_and(|mount| unescaped(mount) == path))
}

#[cfg(target_os = "linux")]
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                plain.push(byte);
                rest = &tail[3..];
            }
            _ => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    plain
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_mounted_by_itself_is_recognised() {
        let mounts = b"36 35 98:0 /mnt /data rw,noatime master:1 - ext3 /dev/root rw\n\
                       37 35 98:0 /v /data/a\\040b.vault rw - ext4 /dev/root rw\n";
        assert!(is_mount_point(b"/data/a b.vault", mounts) && is_mount_point(b"/data", mounts));
        assert!(!is_mount_point(b"/data/a", mounts) && !is_mount_point(b"/mnt", mounts));
    }
}
