//! What SQLite says, as an error of this crate.
//!
//! | SQLite | [`ErrorKind`] |
//! |---|---|
//! | `BUSY`, `LOCKED`, `PROTOCOL` | `Busy` |
//! | `CORRUPT`, `IOERR_SHORT_READ`, a constraint that does not hold, a value that is none | `Corrupt` |
//! | `NOTADB` | `Unsupported` |
//! | `TOOBIG` | `Invalid` |
//! | everything else: `FULL`, `IOERR`, `READONLY`, `CANTOPEN`, `PERM`, `NOMEM`, ... | `Io` |

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use super::settings::MEMORY;
use crate::error::{Error, ErrorKind};
use crate::person::PersonId;

const FULL: &str = "the disk is full";

/// What went wrong inside the store: an error that is ready for the caller, or SQLite's own.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum Fault {
    Told(#[from] Error),
    Sqlite(#[from] rusqlite::Error),
}

/// What the store's inner functions return.
pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// Stored bytes of a person are not what was written; `what` ends the sentence.
    pub(super) fn damaged(person: &PersonId, what: impl std::fmt::Display) -> Self {
        Self::Told(Error::new(ErrorKind::Corrupt, format!("person {person} is damaged in the vault: {what}")))
    }

    /// Whether another connection was in the way, so that trying again may succeed.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
        ))
    }

    /// What is damaged, or the fault itself where it is of another kind.
    pub(super) fn into_damage(self) -> Outcome<String> {
        match &self {
            Self::Told(error) if error.kind() == ErrorKind::Corrupt => Ok(error.to_string()),
            Self::Sqlite(error) if judge(error).0 == ErrorKind::Corrupt => Ok(judge(error).1.to_owned()),
            _ => Err(self),
        }
    }

    /// The error for the caller; `path` is the vault's file.
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            // What a file is said to be needs the file's name.
            Self::Told(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Key) => {
                Error::new(error.kind(), format!("{}: {error}", path.display()))
            }
            Self::Told(error) => error,
            Self::Sqlite(error) => {
                let (kind, what) = match judge(&error) {
                    (ErrorKind::Busy, _) if path == Path::new(MEMORY) => {
                        (ErrorKind::Busy, "another thread held the vault for longer than 5 seconds")
                    }
                    (ErrorKind::Io, FULL) if path == Path::new(MEMORY) => {
                        (ErrorKind::Io, "the vault is full: in memory it holds at most 1 GiB")
                    }
                    other => other,
                };
                Error::new(kind, format!("{}: {what}", path.display())).caused_by(error)
            }
        }
    }
}

/// What the operating system says about a path.
pub(super) fn system(path: &Path, error: io::Error) -> Error {
    let (kind, what) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "there is no such file or folder"),
        io::ErrorKind::AlreadyExists => (ErrorKind::AlreadyExists, "the file exists"),
        io::ErrorKind::PermissionDenied => (ErrorKind::Io, "access is denied"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (ErrorKind::Io, "the disk is full"),
        io::ErrorKind::ReadOnlyFilesystem => (ErrorKind::Io, "the file system can only be read"),
        _ => (ErrorKind::Io, "the file system refused"),
    };
    Error::new(kind, format!("{}: {what}", path.display())).caused_by(error)
}

fn judge(error: &rusqlite::Error) -> (ErrorKind, &'static str) {
    use rusqlite::Error as E;
    let failure = match error {
        E::SqliteFailure(failure, _) => *failure,
        // Statements are constants: what they name is not there, so the schema is not what it says it is.
        E::SqlInputError { error, .. } if error.code == ErrorCode::Unknown => {
            return (ErrorKind::Corrupt, "the vault's tables are not those of its schema version");
        }
        E::SqlInputError { error, .. } => *error,
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows => return (ErrorKind::Corrupt, "the vault holds a value that no vault writes"),
        E::InvalidPath(_) | E::NulError(_) => return (ErrorKind::Io, "SQLite cannot name this file"),
        _ => return (ErrorKind::Io, "SQLite failed"),
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            (ErrorKind::Busy, "another process held the vault for longer than 5 seconds")
        }
        // It may pass. What SQLite makes of some of these by itself is damage: see `vfs/read.rs`.
        ErrorCode::SystemIoFailure if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_READ => {
            (ErrorKind::Io, "the disk failed to read the vault: try again, and look at the disk if that does not help")
        }
        // The disk gave less than there should be, and no error: the file was cut short.
        ErrorCode::SystemIoFailure if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ => {
            (ErrorKind::Corrupt, "the vault's file is cut short")
        }
        ErrorCode::SystemIoFailure
            if matches!(
                failure.extended_code,
                rusqlite::ffi::SQLITE_IOERR_SHMOPEN
                    | rusqlite::ffi::SQLITE_IOERR_SHMSIZE
                    | rusqlite::ffi::SQLITE_IOERR_SHMMAP
            ) =>
        {
            (ErrorKind::Io, "the file `-shm` beside the vault cannot be made, perhaps because the disk is full")
        }
        ErrorCode::DatabaseCorrupt => (ErrorKind::Corrupt, "the vault's file is damaged"),
        ErrorCode::ConstraintViolation => (ErrorKind::Corrupt, "the vault's rows contradict each other"),
        ErrorCode::NotADatabase => (ErrorKind::Unsupported, "the file is no vault"),
        ErrorCode::TooBig => (ErrorKind::Invalid, "a value has more bytes than SQLite takes"),
        ErrorCode::DiskFull => (ErrorKind::Io, FULL),
        ErrorCode::ReadOnly => (ErrorKind::Io, "the vault or its folder can only be read"),
        ErrorCode::CannotOpen => (ErrorKind::Io, "the vault or a file beside it cannot be opened"),
        ErrorCode::PermissionDenied => (ErrorKind::Io, "access to the vault is denied"),
        ErrorCode::SystemIoFailure => (ErrorKind::Io, "the disk failed to read or write"),
        ErrorCode::OutOfMemory => (ErrorKind::Io, "there is not enough memory"),
        _ => (ErrorKind::Io, "SQLite failed"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn every_code_has_its_kind() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, ErrorKind::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, ErrorKind::Busy),
            (ffi::SQLITE_BUSY_RECOVERY, ErrorKind::Busy),
            (ffi::SQLITE_PROTOCOL, ErrorKind::Busy),
            (ffi::SQLITE_CORRUPT_INDEX, ErrorKind::Corrupt),
            (ffi::SQLITE_IOERR_READ, ErrorKind::Io),
            (ffi::SQLITE_IOERR_SHORT_READ, ErrorKind::Corrupt),
            (ffi::SQLITE_CONSTRAINT_CHECK, ErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, ErrorKind::Unsupported),
            (ffi::SQLITE_FULL, ErrorKind::Io),
            (ffi::SQLITE_READONLY_DBMOVED, ErrorKind::Io),
            (ffi::SQLITE_IOERR_FSYNC, ErrorKind::Io),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Io),
        ] {
            let fault = Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            assert_eq!(fault.is_busy(), kind == ErrorKind::Busy, "{code}");
            let error = fault.into_error(Path::new("a.facevault"));
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.to_string().starts_with("a.facevault: "), "{error}");
        }
    }
}
