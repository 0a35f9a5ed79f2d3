//! PostgreSQL's errors in facevault's words. What a server says beside its code may hold values of people's fields, so
//! only the code is passed on.

use postgres::error::SqlState;

use crate::error::{Error, ErrorKind};

/// What an error of the connection or the server means to whoever asked.
pub(super) fn told(error: postgres::Error) -> Error {
    let Some(code) = error.code().cloned() else {
        let kind = if error.is_closed() { "the connection to the hub was lost" } else { "the hub cannot be reached" };
        return Error::new(ErrorKind::Io, format!("{kind}: {}", cause(&error)));
    };
    let (kind, message) = match code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => (
            ErrorKind::Invalid,
            "the hub refuses this user or password; the password may stand in PGPASSWORD or ~/.pgpass",
        ),
        SqlState::INVALID_CATALOG_NAME => (ErrorKind::NotFound, "the server has no database of this name"),
        SqlState::INVALID_SCHEMA_NAME | SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_FUNCTION => {
            (ErrorKind::NotFound, "this database is no hub yet: `facevault hub init ADDRESS` makes it one")
        }
        SqlState::INSUFFICIENT_PRIVILEGE => (
            ErrorKind::Invalid,
            "this user may not do that in the hub; `facevault hub add-kiosk` makes users who may follow it",
        ),
        SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::UNTRANSLATABLE_CHARACTER => {
            (ErrorKind::Invalid, "a hub keeps no texts with the character U+0000; nothing was written")
        }
        SqlState::DISK_FULL => (ErrorKind::Io, "the hub's disk is full; nothing was written"),
        SqlState::OUT_OF_MEMORY => (ErrorKind::Io, "the hub's server is out of memory; nothing was written"),
        SqlState::TOO_MANY_CONNECTIONS => (ErrorKind::Busy, "the hub's server has no connection to spare"),
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            (ErrorKind::Io, "the hub's server takes no writes: it is a copy that follows another one")
        }
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            (ErrorKind::Io, "the hub's server is being stopped or started; try again in a moment")
        }
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::QUERY_CANCELED => (ErrorKind::Busy, "others kept the hub busy for too long; nothing was written"),
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => (ErrorKind::Corrupt, "the hub's database is damaged"),
        _ => {
            let message = format!("the hub's server failed with SQLSTATE {}; nothing was written", code.code());
            return Error::new(ErrorKind::Io, message);
        }
    };
    Error::new(kind, message)
}

/// What the system or TLS says, which names hosts and ports only.
fn cause(error: &postgres::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
