//! Persons as rows: reading one, listing many.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Fault, Outcome};
use super::{Store, clients, collections, columns, images, models};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{
    ClientId, CollectionId, DateOfBirth, Gender, Page, Person, PersonId, PersonQuery, PersonSummary, Status,
};

/// The most persons on a page.
const MAX_PAGE: u64 = 1_000;

impl Store {
    /// A person with photos and encodings by the active model.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Corrupt`] where a photo or an encoding has flipped
    /// bits, and as for every read.
    pub fn person(&self, client: &ClientId, id: &PersonId) -> Result<Person> {
        self.read(|connection| {
            let key = require_key(connection, clients::require(connection, client)?, id)?;
            load(connection, key, client)
        })
    }

    /// A person without photos and encodings.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and as for every read.
    pub fn person_summary(&self, client: &ClientId, id: &PersonId) -> Result<PersonSummary> {
        self.read(|connection| {
            let key = require_key(connection, clients::require(connection, client)?, id)?;
            summary(connection, row(connection, key)?)
        })
    }

    /// One page of a client's persons, oldest first, those of the same microsecond by id.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a page or limit out of range and for an unknown collection, and
    /// as for every read.
    pub fn persons(&self, client: &ClientId, query: &PersonQuery) -> Result<Page<PersonSummary>> {
        let range = |field, max: u64| Error::invalid(field, Rule::Range { min: 1.0, max: max as f64 });
        if !(1..=MAX_PAGE).contains(&query.limit) {
            return Err(range("limit", MAX_PAGE));
        }
        let skipped = query.page.checked_sub(1).and_then(|full| full.checked_mul(query.limit));
        let Some(offset) = skipped.and_then(|offset| i64::try_from(offset).ok()) else {
            return Err(range("page", i64::MAX as u64 / MAX_PAGE));
        };
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let collection = match &query.collection {
                Some(name) => Some(
                    collections::find(connection, client, name)?
                        .ok_or_else(|| Error::invalid("collection", Rule::Unknown(collections::describe(name))))?,
                ),
                None => None,
            };
            let filter = "
                client = ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR instr(folded_name, ?3) > 0)
                AND (?4 IS NULL OR date_of_birth = ?4)";
            // A collection's members come from its index, all others from the client's.
            let from = match collection {
                Some(_) => "memberships JOIN persons ON key = person WHERE collection = ?5 AND",
                None => "persons WHERE ?5 IS NULL AND",
            };
            let status = query.status.map(|status| status.as_str());
            let name = query.name_contains.as_deref().map(fold);
            let born = query.date_of_birth.map(|date| date.to_string());
            let total = connection
                .prepare_cached(&format!("SELECT COUNT(*) FROM {from} {filter}"))?
                .query_row(params![client, status, name, born, collection], |row| columns::count(row, 0))?;

            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {from} {filter} ORDER BY created_at, id LIMIT ?6 OFFSET ?7"
            ))?;
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![client, status, name, born, collection, limit, offset])?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(summary(connection, PersonRow::read(row)?)?);
            }
            Ok(Page { items, page: query.page, limit: query.limit, total })
        })
    }
}

/// A person's row. Whoever it belongs to is known from where it was looked up.
pub(super) struct PersonRow {
    pub(super) key: i64,
    pub(super) id: PersonId,
    pub(super) status: Status,
    pub(super) version: u64,
    pub(super) generation: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) gender: Option<Gender>,
    pub(super) date_of_birth: Option<DateOfBirth>,
    pub(super) name: String,
    pub(super) nationality: Option<String>,
    pub(super) notes: Option<String>,
}

const COLUMNS: &str =
    "key, id, status, version, generation, created_at, updated_at, gender, date_of_birth, name, nationality, notes";

impl PersonRow {
    fn read(row: &Row<'_>) -> Outcome<Self> {
        let id: PersonId = columns::id(row, 1)?;
        let rest = || {
            Ok::<_, rusqlite::Error>(Self {
                key: row.get(0)?,
                id: id.clone(),
                status: columns::status(row, 2)?,
                version: columns::count(row, 3)?,
                generation: row.get(4)?,
                created_at: columns::time(row, 5)?,
                updated_at: columns::time(row, 6)?,
                gender: columns::gender(row, 7)?,
                date_of_birth: columns::date_of_birth(row, 8)?,
                name: row.get(9)?,
                nationality: row.get(10)?,
                notes: row.get(11)?,
            })
        };
        rest().map_err(|error| Fault::damaged(&id, format_args!("a field holds what it cannot hold: {error}")))
    }

    /// Writes every field of an existing row.
    pub(super) fn save(&self, connection: &Connection) -> Outcome<()> {
        connection
            .prepare_cached(
                "UPDATE persons SET status = ?2, version = ?3, generation = ?4, updated_at = ?5, gender = ?6,
                 date_of_birth = ?7, name = ?8, folded_name = ?9, nationality = ?10, notes = ?11 WHERE key = ?1",
            )?
            .execute(params![
                self.key,
                self.status.as_str(),
                i64::try_from(self.version).unwrap_or(i64::MAX),
                self.generation,
                self.updated_at.as_microsecond(),
                self.gender.map(|gender| gender.as_str()),
                self.date_of_birth.map(|date| date.to_string()),
                self.name,
                fold(&self.name),
                self.nationality,
                self.notes,
            ])?;
        Ok(())
    }
}

/// The row with this key.
pub(super) fn row(connection: &Connection, key: i64) -> Outcome<PersonRow> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM persons WHERE key = ?1"))?;
    let mut rows = statement.query([key])?;
    match rows.next()? {
        Some(row) => PersonRow::read(row),
        None => Err(rusqlite::Error::QueryReturnedNoRows.into()),
    }
}

/// The key of a client's person, if there is such a person.
pub(super) fn find_key(connection: &Connection, client: i64, id: &PersonId) -> Outcome<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT key FROM persons WHERE client = ?1 AND id = ?2")?;
    Ok(statement.query_row(params![client, id.as_str()], |row| row.get(0)).optional()?)
}

/// The key of a client's person.
pub(super) fn require_key(connection: &Connection, client: i64, id: &PersonId) -> Outcome<i64> {
    find_key(connection, client, id)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no person {id}")).into())
}

/// The whole person with this key.
pub(super) fn load(connection: &Connection, key: i64, client: &ClientId) -> Outcome<Person> {
    let row = row(connection, key)?;
    let model = models::active(connection)?;
    Ok(Person {
        images: images::load(connection, key, &row.id, model.as_ref())?,
        collections: collections::of_person(connection, key)?,
        client: client.clone(),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        id: row.id,
        name: row.name,
        gender: row.gender,
        date_of_birth: row.date_of_birth,
        nationality: row.nationality,
        notes: row.notes,
        status: row.status,
    })
}

fn summary(connection: &Connection, row: PersonRow) -> Outcome<PersonSummary> {
    let image_count = connection
        .prepare_cached("SELECT COUNT(*) FROM images WHERE person = ?1")?
        .query_row([row.key], |row| columns::count(row, 0))?;
    let collections: Vec<CollectionId> = collections::of_person(connection, row.key)?;
    Ok(PersonSummary {
        image_count,
        collections,
        notes: row.notes,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        id: row.id,
        name: row.name,
        gender: row.gender,
        date_of_birth: row.date_of_birth,
        nationality: row.nationality,
        status: row.status,
    })
}

/// A name without the differences of case, for finding one inside another.
///
/// Each character is lowered, raised and lowered by itself, so that it does not matter where in a
/// word it stands: both forms of the small sigma are one, and `ß` and `ẞ` are `ss`. Accents stay.
pub(super) fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case() {
        for (name, part) in [
            ("John Doe", "JOHN"),
            ("JOHN DOE", "n d"),
            ("Zoë Müller", "MÜLL"),
            ("Иван Петров", "петр"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσ"),
            ("Οδυσσεύς", "ΣΕΎΣ"),
            ("Strauß", "STRAUSS"),
            ("STRAUSS", "strauß"),
            ("STRAUẞ", "strauß"),
            ("ﬁlip", "FIL"),
            ("王小明", "小明"),
            ("Ǆemal", "ǆ"),
            ("a\0b", "\0B"),
            ("anyone", ""),
        ] {
            assert!(fold(name).contains(&fold(part)), "{name}: {part}");
        }
        assert!(!fold("Zoë").contains(&fold("zoe")));
    }

    #[test]
    fn folding_twice_is_folding_once() {
        for c in '\0'..=char::MAX {
            let folded = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }
}
