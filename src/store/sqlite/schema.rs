//! What marks a file as a vault, and the way from one schema version to the next.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{Fault, Outcome};
use super::{audit, person_row, persons, rows};
use crate::clock;
use crate::error::{Error, ErrorKind};

/// `FVLT`, in the file's header.
const APPLICATION_ID: i32 = 0x4656_4C54;

/// What leads from one schema version to the next.
struct Step {
    statements: &'static str,
    /// What statements cannot say; it comes after them.
    work: fn(&Connection) -> Outcome<()>,
}

/// One step a schema version.
const MIGRATIONS: &[Step] = &[
    Step { statements: include_str!("migrations/v1.sql"), work: |_| Ok(()) },
    Step { statements: include_str!("migrations/v2.sql"), work: |_| Ok(()) },
    Step { statements: include_str!("migrations/v3.sql"), work: |_| Ok(()) },
    Step { statements: include_str!("migrations/v4.sql"), work: persons::fold_names_anew },
    Step { statements: include_str!("migrations/v5.sql"), work: version_5 },
    Step { statements: include_str!("migrations/v6.sql"), work: |_| Ok(()) },
];

/// The schema version that this code reads and writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Bytes of a page. Four rows of a 512-component encoding would fill a smaller one badly.
pub(super) const PAGE_SIZE: i32 = 8192;

/// Makes an empty file a vault of the present version.
pub(super) fn create(connection: &mut Connection) -> Outcome<()> {
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(connection)
}

/// Refuses a file that is no vault, or one of a later version. Reads only.
pub(super) fn recognise(connection: &Connection) -> Outcome<i32> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(unsupported("the file is a database, but no vault".into()));
    }
    let version = version(connection)?;
    if version > VERSION {
        return Err(unsupported(format!(
            "the vault has schema version {version}, this facevault knows versions up to {VERSION}: use a later one"
        )));
    }
    if version < 1 {
        return Err(unsupported(format!("the vault has schema version {version}, versions start at 1")));
    }
    Ok(version)
}

/// Refuses the file if another process has taken it to another version since it was opened.
pub(super) fn require_current(connection: &Connection) -> Outcome<()> {
    let version = version(connection)?;
    if version == VERSION {
        return Ok(());
    }
    Err(unsupported(format!("the vault has schema version {version}, version {VERSION} is needed: open it anew")))
}

/// Takes the file to the present version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Outcome<()> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&transaction)?;
        let Some(step) = usize::try_from(version).ok().and_then(|done| MIGRATIONS.get(done)) else {
            return Ok(());
        };
        transaction.execute_batch(step.statements)?;
        (step.work)(&transaction)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}

/// What comes after the statements of version 5. Every row gets its checksum at the end, when it holds
/// what it is to hold.
fn version_5(connection: &Connection) -> Outcome<()> {
    audit::begin_trail(connection)?;
    let tables = rows::TABLES.into_iter().take(rows::TABLES_OF_VERSION_5).chain([&*person_row::PERSONS]);
    tables.into_iter().try_for_each(|table| table.seal_all(connection))
}

/// Now, as vaults write it: microseconds since 1970.
pub(super) fn now() -> i64 {
    clock::now().as_microsecond()
}

fn version(connection: &Connection) -> Outcome<i32> {
    let mut statement = connection.prepare_cached("PRAGMA user_version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn unsupported(message: String) -> Fault {
    Error::new(ErrorKind::Unsupported, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Connection {
        let mut connection = Connection::open_in_memory().expect("memory");
        create(&mut connection).expect("creates");
        connection
    }

    #[test]
    fn a_new_file_has_the_present_version_and_migrating_again_changes_nothing() {
        let mut connection = vault();
        let dump = |connection: &Connection| -> Vec<String> {
            let mut statement = connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").expect("reads");
            let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).expect("reads");
            rows.map(|row| row.expect("reads").unwrap_or_default()).collect()
        };
        let before = dump(&connection);
        assert_eq!(recognise(&connection).expect("a vault"), VERSION);
        migrate(&mut connection).expect("nothing to do");
        assert_eq!(dump(&connection), before);
        assert!(connection.is_autocommit());
    }

    #[test]
    fn names_of_older_vaults_are_folded_anew() {
        let mut connection = Connection::open_in_memory().expect("memory");
        for (step, version) in MIGRATIONS[..3].iter().zip(1..) {
            connection.execute_batch(step.statements).expect("a step");
            connection.pragma_update(None, "user_version", version).expect("sets");
        }
        connection
            .execute_batch(
                "INSERT INTO clients (key, id, created_at) VALUES (1, 'c', 0);
                 INSERT INTO persons (client, id, status, version, generation, created_at, updated_at, name, folded_name)
                 VALUES (1, 'p1', 'active', 1, 0, 0, 0, 'E' || char(769) || '1', 'e' || char(769) || '1'),
                        (1, 'p2', 'active', 1, 0, 0, 0, 'E' || char(769) || '2', 'e' || char(769) || '2'),
                        (1, 'p3', 'active', 1, 0, 0, 0, 'E' || char(769) || '3', 'e' || char(769) || '3')",
            )
            .expect("persons");
        migrate(&mut connection).expect("taken to the present version");
        let mut statement = connection.prepare("SELECT name, folded_name FROM persons ORDER BY key").expect("reads");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
        let names: Vec<(String, String)> = rows.collect::<Result<_, _>>().expect("reads");
        let expected = |n: u8| (format!("E\u{301}{n}"), format!("\u{e9}{n}"));
        assert_eq!(names, [expected(1), expected(2), expected(3)]);
    }

    #[test]
    fn every_table_is_strict() {
        let connection = vault();
        let lax: i64 = connection
            .query_row(
                "SELECT COUNT(*) FROM pragma_table_list
                 WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND strict = 0",
                [],
                |row| row.get(0),
            )
            .expect("reads");
        assert_eq!(lax, 0);
    }

    #[test]
    fn foreign_and_newer_files_are_refused() {
        let stranger = Connection::open_in_memory().expect("memory");
        stranger.execute_batch("CREATE TABLE t (x)").expect("a table");
        let newer = vault();
        newer.pragma_update(None, "user_version", VERSION + 1).expect("sets");
        let unfinished = vault();
        unfinished.pragma_update(None, "user_version", 0).expect("sets");
        for (connection, word) in [(stranger, "no vault"), (newer, "later"), (unfinished, "start at 1")] {
            let Err(Fault::Told(error)) = recognise(&connection) else { panic!("{word}: taken") };
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
