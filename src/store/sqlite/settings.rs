//! How a connection to the vault's file is opened, set and read back.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::cipher::FileKey;
use super::error::Outcome;
use super::vfs;
use crate::error::{Error, ErrorKind};

/// How long a connection waits for another process before it gives up.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The first SQLite without the WAL-reset bug, by which a checkpoint that races with a commit can
/// damage the file (<https://sqlite.org/wal.html#walresetbug>).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Bytes to which the write-ahead log is cut after a transaction that made it longer.
const JOURNAL_SIZE_LIMIT: &str = "67108864";

/// A setting of SQLite: its name, the value asked for, and how SQLite spells it when it is read.
struct Pragma(&'static str, &'static str, &'static str);

const PRAGMAS: &[Pragma] = &[
    Pragma("busy_timeout", "5000", "5000"),
    // A commit is on the disk when it returns.
    Pragma("synchronous", "FULL", "2"),
    Pragma("fullfsync", "ON", "1"),
    Pragma("checkpoint_fullfsync", "ON", "1"),
    Pragma("foreign_keys", "ON", "1"),
    // What is removed is overwritten with zeros, and nothing is sorted in files elsewhere.
    Pragma("secure_delete", "ON", "1"),
    Pragma("temp_store", "MEMORY", "2"),
    // A file made by an attacker gets no say, and a damaged one is noticed early.
    Pragma("trusted_schema", "OFF", "0"),
    Pragma("cell_size_check", "ON", "1"),
    Pragma("mmap_size", "0", "0"),
    Pragma("journal_size_limit", JOURNAL_SIZE_LIMIT, JOURNAL_SIZE_LIMIT),
];

const CONFIGS: &[(DbConfig, &str, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, "defensive", true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, "trusted_schema", false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, "dqs_dml", false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, "dqs_ddl", false),
];

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Read and write.
    Write,
    /// Read, beside writers.
    Read,
    /// Read a file that nobody can change, without locks.
    Immutable,
    /// Read and write a database in memory that connections of this process share.
    MemoryWrite,
    /// Read such a database.
    MemoryRead,
}

impl Access {
    /// The access of the writer beside readers of this access.
    pub(super) fn of_writer(self) -> Self {
        if self.is_in_memory() { Self::MemoryWrite } else { Self::Write }
    }

    pub(super) fn is_in_memory(self) -> bool {
        matches!(self, Self::MemoryWrite | Self::MemoryRead)
    }
}

/// SQLite's name for a database in memory, and the path that a vault in memory shows.
pub(super) const MEMORY: &str = ":memory:";

/// Opens the file at `path`, which is there and absolute, or the database in memory of this name; with a `key`,
/// what is read and written is encrypted. Nothing is set, read or written yet.
pub(super) fn connect(path: &Path, access: Access, key: Option<&FileKey>) -> Outcome<Connection> {
    require_sqlite(rusqlite::version_number())?;
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Immutable | Access::MemoryRead => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            Access::MemoryWrite => {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI
            }
        };
    let connection = match access {
        Access::Immutable => Connection::open_with_flags_and_vfs(immutable_uri(path), flags, vfs::name()?)?,
        Access::Write | Access::Read => Connection::open_with_flags_and_vfs(path, flags, vfs::name()?)?,
        Access::MemoryWrite | Access::MemoryRead => Connection::open_with_flags(path, flags)?,
    };
    // Where it may not write, or had no file to spare at this moment, SQLite reads without a word.
    if access == Access::Write && connection.is_readonly("main")? {
        return Err(
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY), None).into()
        );
    }
    if let Some(key) = key {
        key.unlock(&connection)?;
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Sets everything and reads it back.
pub(super) fn apply(connection: &Connection, access: Access) -> Outcome<()> {
    if access == Access::Write {
        // To its end: the change is committed after the row that tells the mode.
        connection.pragma(None, "journal_mode", "WAL", |_| Ok(()))?;
    }
    for Pragma(name, value, _) in PRAGMAS {
        connection.pragma(None, name, value, |_| Ok(()))?;
    }
    for (config, _, value) in CONFIGS {
        connection.set_db_config(*config, *value)?;
    }
    verify(connection, access)
}

/// Reads every setting; a difference is an error.
pub(super) fn verify(connection: &Connection, access: Access) -> Outcome<()> {
    for (name, found, wanted) in read(connection, access)? {
        if found != wanted {
            let message = format!("SQLite's setting {name} is {found} where {wanted} was asked for");
            return Err(Error::new(ErrorKind::Unsupported, message).into());
        }
    }
    Ok(())
}

/// Every setting: its name, the value that SQLite reports, and the value that it must have.
pub(super) fn read(connection: &Connection, access: Access) -> Outcome<Vec<(&'static str, String, &'static str)>> {
    let mut settings = Vec::new();
    if access != Access::Immutable {
        let wanted = if access.is_in_memory() { "memory" } else { "wal" };
        settings.push(("journal_mode", pragma(connection, "journal_mode")?, wanted));
    }
    for Pragma(name, _, wanted) in PRAGMAS {
        // What is in memory already has no such setting.
        if access.is_in_memory() && *name == "mmap_size" {
            continue;
        }
        settings.push((*name, pragma(connection, name)?, *wanted));
    }
    for (config, name, wanted) in CONFIGS {
        let word = |value: bool| if value { "on" } else { "off" };
        settings.push((*name, word(connection.db_config(*config)?).to_owned(), word(*wanted)));
    }
    Ok(settings)
}

fn pragma(connection: &Connection, name: &str) -> Outcome<String> {
    let value = connection.pragma_query_value(None, name, |row| row.get::<_, Value>(0))?;
    Ok(match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn require_sqlite(version: i32) -> Outcome<()> {
    if version < OLDEST_SQLITE {
        let text = |v: i32| format!("{}.{}.{}", v / 1_000_000, v / 1_000 % 1_000, v % 1_000);
        let message = format!("SQLite {} can damage vaults, {} is needed", text(version), text(OLDEST_SQLITE));
        return Err(Error::new(ErrorKind::Unsupported, message).into());
    }
    Ok(())
}

/// The path as SQLite's URI for a file that does not change.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    if cfg!(windows) {
        uri.push('/');
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b':' => uri.push(*byte as char),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a b?.db");
        Connection::open(&path).expect("a file").execute_batch("CREATE TABLE t (x)").expect("a table");
        let connection = connect(&path, Access::Write, None).expect("opens");
        (folder, connection)
    }

    #[test]
    fn settings_hold_on_every_kind_of_connection() {
        let (folder, connection) = fresh();
        let path = folder.path().join("a b?.db");
        apply(&connection, Access::Write).expect("sets");
        let reader = connect(&path, Access::Read, None).expect("opens");
        apply(&reader, Access::Read).expect("sets");
        drop((reader, connection));
        let immutable = connect(&path, Access::Immutable, None).expect("opens");
        apply(&immutable, Access::Immutable).expect("sets");
        assert!(immutable.execute_batch("CREATE TABLE u (x)").is_err());
        assert_eq!(immutable.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)), Ok(0));
    }

    #[test]
    fn any_difference_is_an_error() {
        for (name, value) in [
            ("journal_mode", "DELETE"),
            ("synchronous", "NORMAL"),
            ("foreign_keys", "OFF"),
            ("secure_delete", "FAST"),
            ("trusted_schema", "ON"),
            ("cell_size_check", "OFF"),
            ("busy_timeout", "0"),
            ("temp_store", "FILE"),
        ] {
            let (_folder, connection) = fresh();
            apply(&connection, Access::Write).expect("sets");
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false).expect("sets");
            connection.pragma(None, name, value, |_| Ok(())).expect("sets");
            let Err(super::super::error::Fault::Told(error)) = verify(&connection, Access::Write) else {
                panic!("{name}: {value} went unnoticed");
            };
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn sqlite_with_the_wal_reset_bug_is_refused() {
        assert!(require_sqlite(3_051_002).is_err() && require_sqlite(3_046_000).is_err());
        assert!(require_sqlite(3_051_003).is_ok() && require_sqlite(rusqlite::version_number()).is_ok());
    }
}
