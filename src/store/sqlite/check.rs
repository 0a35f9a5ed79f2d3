//! Looks at every byte of a vault.

use std::sync::OnceLock;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::error::{Fault, Outcome};
use super::models::{self, ModelRow};
use super::person_row::{PERSONS, PersonRow};
use super::rows::{self, IMAGES};
use super::{Store, audit_read, checksum, cipher, columns, generation, images, retention, schema};
use crate::encoding::FaceEncoding;
use crate::error::{ErrorKind, Result};
use crate::person::{ImageId, PersonId};

/// SQLite stops after so many findings of its own.
const MOST_FINDINGS: i64 = 1_000;

/// What a check looked at, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Persons looked at.
    pub persons: u64,
    /// Photos looked at.
    pub images: u64,
    /// Encodings that were given without a photo; they count as encodings too.
    pub without_photo: u64,
    /// Encodings looked at.
    pub encodings: u64,
    /// Whether the log beside the vault may still hold what was removed or replaced, or the file itself where
    /// it comes from a version before schema 5 and was not opened for writing since. This is no damage: see
    /// [`Store::finish_erasure`].
    pub erasure_pending: bool,
    /// Entries of the audit trail looked at.
    pub audit_entries: u64,
    /// What is wrong; empty where nothing is.
    pub problems: Vec<Problem>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The person concerned, where it is known.
    pub person: Option<PersonId>,
    /// What is wrong, as a sentence without names of people.
    pub what: String,
}

impl Store {
    /// Checks everything on one snapshot: SQLite's own structures and references, the schema, every row,
    /// photo and encoding against its checksum, every photo against its SHA-256, every encoding against
    /// its model, what tables say of each other, and the audit trail against its chain. Damage is reported,
    /// not an error; an error means that the check could not be made.
    ///
    /// # Errors
    /// As for every read, but never for damage.
    pub fn check(&self) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        let checked = self.read_damaged(|connection| {
            let parts = [pages, sqlite, references, schema_itself, tables, people, photos, thumbnails, encodings];
            for part in parts.into_iter().chain([numbers, audit_read::check, retention::check]) {
                let found = report.problems.len();
                if let Err(fault) = part(connection, &mut report) {
                    report.take(None, fault)?;
                }
                // From the first damaged page of an encrypted file on, zeros were read.
                if !self.inner.is_sound(connection) {
                    report.problems.truncate(found);
                    report.add(None, "a page is damaged, so what the vault holds could not be checked further".into());
                    break;
                }
            }
            // Where this cannot be read, a problem says so.
            report.erasure_pending = self.is_pending(connection).unwrap_or_default();
            Ok(())
        });
        match checked {
            Ok(()) => {}
            // Too damaged to take a snapshot of, or a page of an encrypted file.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                if report.is_clean() {
                    report.add(None, error.to_string());
                }
            }
            Err(error) => return Err(error),
        }
        Ok(report)
    }
}

impl CheckReport {
    pub(in crate::store) fn add(&mut self, person: Option<&PersonId>, what: String) {
        self.problems.push(Problem { person: person.cloned(), what });
    }

    /// Takes damage as a finding; any other fault ends the check.
    fn take(&mut self, person: Option<&PersonId>, fault: Fault) -> Outcome<()> {
        let what = fault.into_damage()?;
        self.add(person, what);
        Ok(())
    }
}

/// The checksum of each page, where the file is encrypted.
fn pages(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let found = cipher::damaged_pages(connection, MOST_FINDINGS.unsigned_abs() as usize)?;
    report.problems.extend(found.into_iter().map(|what| Problem { person: None, what }));
    Ok(())
}

fn sqlite(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST_FINDINGS})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let finding: String = row.get(0)?;
        if finding != "ok" {
            report.add(None, finding);
        }
    }
    Ok(())
}

fn references(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        report.add(None, format!("a row of {table} names a row of {parent} that is not there"));
    }
    Ok(())
}

/// Tables, indexes and triggers: type, name, table and statement of each.
type Schema = Vec<[Option<String>; 4]>;

fn schema_of(connection: &Connection) -> Outcome<Schema> {
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the schema is what this version makes.
fn schema_itself(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    // Made once: to go through all migrations takes longer than to check a small vault.
    static FRESH: OnceLock<Schema> = OnceLock::new();
    let fresh = match FRESH.get() {
        Some(fresh) => fresh,
        None => {
            let mut made = Connection::open_in_memory()?;
            schema::create(&mut made)?;
            let found = schema_of(&made)?;
            FRESH.get_or_init(|| found)
        }
    };
    if schema_of(connection)? != *fresh {
        report.add(None, format!("the tables are not those of schema version {}", schema::VERSION));
    }
    Ok(())
}

/// Every row of the tables that no other part looks at.
fn tables(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    for table in rows::TABLES.into_iter().filter(|table| table.name() != rows::IMAGES.name()) {
        let mut statement = connection.prepare(&table.select(""))?;
        let (mut rows, mut damaged) = (statement.query([])?, 0);
        while let Some(row) = rows.next()? {
            damaged += u64::from(!table.is_whole(row, 0)?);
        }
        if damaged > 0 {
            report.add(None, format!("rows of {} that are not those that were written: {damaged}", table.name()));
        }
    }
    Ok(())
}

fn people(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let newest = generation::current(connection)?;
    let mut statement = connection.prepare(&PERSONS.select("ORDER BY key"))?;
    let mut rows = statement.query([])?;
    let of_id = PERSONS.place("id");
    while let Some(row) = rows.next()? {
        report.persons += 1;
        match PersonRow::read(row) {
            Ok(found) if u64::try_from(found.generation).is_ok_and(|generation| generation > newest) => {
                let what = "the person was changed after the vault's last generation";
                report.add(Some(&found.person.id), what.into());
            }
            Ok(_) => {}
            Err(fault) => report.take(columns::id(row, of_id).ok().as_ref(), fault)?,
        }
    }
    Ok(())
}

/// What tables that say the same in different words say of each other.
fn numbers(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    for (what, statement) in [
        (
            "persons of whom the log of changes says something else",
            "SELECT (SELECT COUNT(*) FROM persons p LEFT JOIN changes c ON c.person = p.key
                     WHERE c.person IS NULL OR c.removed OR c.client <> p.client)
                  + (SELECT COUNT(*) FROM changes c LEFT JOIN persons p ON p.key = c.person
                     WHERE NOT c.removed AND p.key IS NULL)",
        ),
        (
            "changes of persons after the vault's last revision",
            "SELECT COUNT(*) FROM changes WHERE changed > (SELECT revision FROM meta)",
        ),
        (
            "numbers that would be given twice",
            "SELECT COUNT(*)
             FROM (SELECT 'persons' AS name, MAX(person) AS last FROM changes
                   UNION ALL SELECT 'images', MAX(key) FROM images
                   UNION ALL SELECT 'collections', MAX(key) FROM collections) given
             WHERE last > COALESCE((SELECT MAX(seq) FROM sqlite_sequence s WHERE s.name = given.name), 0)",
        ),
    ] {
        let found: Option<i64> = connection.prepare(statement)?.query_row([], |row| row.get(0))?;
        if let Some(found @ 1..) = found {
            report.add(None, format!("{what}: {found}"));
        }
    }
    Ok(())
}

fn photos(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let mut statement = connection.prepare(&format!(
        "SELECT p.id, i.id, i.sha256, o.crc32, o.bytes, i.has_photo, EXISTS (SELECT 1 FROM encodings WHERE image = i.key),
                {}
         FROM images i JOIN persons p ON p.key = i.person LEFT JOIN photos o ON o.image = i.key ORDER BY i.key",
        IMAGES.selected("i.")
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (person, image): (PersonId, ImageId) = (columns::id(row, 0)?, columns::id(row, 1)?);
        if !IMAGES.is_whole(row, 7)? {
            report.add(Some(&person), format!("the row of photo {image} is not the one that was written"));
        }
        let (has_photo, has_encoding): (bool, bool) = (row.get(5)?, row.get(6)?);
        if !has_photo {
            report.without_photo += 1;
            if !has_encoding {
                report.add(Some(&person), format!("{image} has neither a photo nor an encoding"));
            }
            if row.get_ref(4)? != ValueRef::Null {
                report.add(Some(&person), format!("{image} was given without a photo, and one is there"));
            }
            continue;
        }
        report.images += 1;
        let Some(bytes) = row.get_ref(4)?.as_blob_or_null().map_err(rusqlite::Error::from)? else {
            report.add(Some(&person), format!("the bytes of photo {image} are missing"));
            continue;
        };
        let (sha256, crc32): ([u8; 32], u32) = (row.get(2)?, row.get(3)?);
        if checksum::photo(person.as_str(), image.as_str(), bytes) != crc32 {
            report.add(Some(&person), format!("the bytes of photo {image} do not have their checksum"));
        } else if sha256 != <[u8; 32]>::from(Sha256::digest(bytes)) {
            report.add(Some(&person), format!("the bytes of photo {image} do not have their SHA-256"));
        }
    }
    Ok(())
}

fn thumbnails(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let mut statement = connection.prepare(
        "SELECT p.id, i.id, t.crc32, t.bytes FROM thumbnails t JOIN images i ON i.key = t.image
         JOIN persons p ON p.key = i.person ORDER BY t.image",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (person, image): (PersonId, ImageId) = (columns::id(row, 0)?, columns::id(row, 1)?);
        let bytes = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        if checksum::thumbnail(person.as_str(), image.as_str(), bytes) != row.get::<_, u32>(2)? {
            report.add(Some(&person), format!("the thumbnail of photo {image} does not have its checksum"));
        }
    }
    Ok(())
}

fn encodings(connection: &Connection, report: &mut CheckReport) -> Outcome<()> {
    let mut statement = connection.prepare(
        "SELECT p.id, i.id, m.key, m.id, m.dimension, e.crc32, e.vector
         FROM encodings e JOIN images i ON i.key = e.image JOIN persons p ON p.key = i.person
         JOIN models m ON m.key = e.model ORDER BY e.key",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.encodings += 1;
        let (person, image): (PersonId, ImageId) = (columns::id(row, 0)?, columns::id(row, 1)?);
        if let Err(fault) = encoding(row, &person, &image) {
            report.take(Some(&person), fault)?;
        }
    }
    Ok(())
}

fn encoding(row: &Row<'_>, person: &PersonId, image: &ImageId) -> Outcome<()> {
    let (key, id, dimension) = (row.get(2)?, columns::model(row, 3)?, models::dimension(row, 4)?);
    let model = ModelRow { key, id, dimension, mode: None };
    let bytes = row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?;
    images::check_vector(person.as_str(), image.as_str(), &model, bytes, row.get(5)?)?;
    FaceEncoding::from_bytes(model.id, bytes)
        .map(drop)
        .map_err(|error| Fault::damaged(person, format_args!("the encoding of photo {image} is none: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NewPerson;
    use crate::store::{CreateOptions, PreparedImages};

    #[test]
    fn a_number_that_would_be_given_twice_is_found() -> Result<()> {
        let store = Store::in_memory(&CreateOptions::default())?;
        let client = store.default_client()?;
        let id = store.insert_person(&client, &NewPerson::named("a"), &PreparedImages::default())?.person.id;
        store.remove_person(&client, &id, None)?;
        assert!(store.check()?.is_clean());
        store.write(|connection| {
            Ok(connection.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'persons'", [])?)
        })?;
        let problems = store.check()?.problems;
        assert!(problems.iter().any(|problem| problem.what == "numbers that would be given twice: 1"), "{problems:?}");
        Ok(())
    }
}
