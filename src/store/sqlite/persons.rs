//! Persons as rows: reading one, listing many.

use rusqlite::{Connection, OptionalExtension, Statement, ToSql, params};

use super::error::Outcome;
use super::person_row::{PERSONS, PersonRow};
use super::{Store, attributes, clients, collections, columns, images, models};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{ClientId, Cursor, Page, Person, PersonId, PersonQuery, PersonSummary, described, fold};

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
            summary(connection, key)
        })
    }

    /// One page of a client's persons, oldest first, those of the same microsecond by id.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a page or limit out of range and for an unknown collection, and
    /// as for every read.
    pub fn persons(&self, client: &ClientId, query: &PersonQuery) -> Result<Page<PersonSummary>> {
        let offset = query.skipped()?;
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let collection = match &query.collection {
                Some(name) => Some(
                    collections::find(connection, client, name)?
                        .ok_or_else(|| Error::invalid("collection", Rule::Unknown(described(name))))?,
                ),
                None => None,
            };
            let attributes = attributes::filter(query.attributes.len());
            // With the plus sign SQLite starts from those who have the attributes, not from all persons.
            let owner = if query.attributes.is_empty() { "client" } else { "+client" };
            let filter = format!(
                "
                {owner} = ?1 AND (?2 IS NULL OR {} = ?2) AND (?3 IS NULL OR instr(folded_name, ?3) > 0)
                AND (?4 IS NULL OR date_of_birth = ?4){attributes}",
                columns::STATUS
            );
            // A collection's members come from its index, all others from the client's or the attributes'.
            let from = match collection {
                Some(_) => "memberships JOIN persons ON key = person WHERE collection = ?5 AND",
                None => "persons WHERE ?5 IS NULL AND",
            };
            let status = query.status.map(|status| status.as_str());
            let name = query.name_contains.as_deref().map(fold);
            let born = query.date_of_birth.map(|date| date.to_string());
            let bind = |statement: &mut Statement<'_>| -> Outcome<()> {
                let own: [&dyn ToSql; 5] = [&client, &status, &name, &born, &collection];
                for (index, value) in own.into_iter().enumerate() {
                    statement.raw_bind_parameter(index + 1, value)?;
                }
                attributes::bind_filter(statement, &query.attributes)
            };
            let mut statement = connection.prepare_cached(&format!("SELECT COUNT(*) FROM {from} {filter}"))?;
            bind(&mut statement)?;
            let mut rows = statement.raw_query();
            let total = rows.next()?.map_or(Ok(0), |row| columns::count(row, 0))?;

            let (micros, id) = query.after.as_ref().map(Cursor::place).unzip();
            // Without a cursor the parameters are there but ask nothing; with one, the index starts at it.
            let behind = match micros {
                Some(_) => "created_at >= ?8 AND (created_at > ?8 OR id > ?9)",
                None => "?8 IS NULL AND ?9 IS NULL",
            };
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {} FROM {from} {filter} AND {behind} ORDER BY created_at, id LIMIT ?6 OFFSET ?7",
                PERSONS.selected("persons.")
            ))?;
            // One more says whether there is another page.
            let most = i64::try_from(query.limit + 1).unwrap_or(i64::MAX);
            bind(&mut statement)?;
            statement.raw_bind_parameter(6, most)?;
            statement.raw_bind_parameter(7, offset)?;
            statement.raw_bind_parameter(8, micros)?;
            statement.raw_bind_parameter(9, id.map(PersonId::as_str))?;
            let mut rows = statement.raw_query();
            let (mut items, mut next) = (Vec::new(), None);
            while let Some(row) = rows.next()? {
                if items.len() as u64 == query.limit {
                    next = items.last().map(Cursor::behind);
                    break;
                }
                items.push(summary_of(connection, PersonRow::read(row)?)?);
            }
            let page = query.after.is_none().then_some(query.page);
            Ok(Page { items, page, limit: query.limit, total, next })
        })
    }
}

/// The key of a client's person, if there is such a person.
pub(super) fn find_key(connection: &Connection, client: i64, id: &PersonId) -> Outcome<Option<i64>> {
    // The index leads to the row, and the row says whether it is the right one.
    let mut statement = connection.prepare_cached(
        "SELECT i.key, p.client = ?1 AND p.id = ?2 FROM persons i LEFT JOIN persons p ON p.key = i.key
         WHERE i.client = ?1 AND i.id = ?2",
    )?;
    let found = statement.query_row(params![client, id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match found {
        Some((key, Some(true))) => Ok(Some(key)),
        Some(_) => Err(PERSONS.damaged()),
        None => Ok(None),
    }
}

/// Refuses an id that a client's person has.
pub(super) fn require_new(connection: &Connection, client: i64, id: &PersonId) -> Outcome<()> {
    match find_key(connection, client, id)? {
        Some(_) => Err(Error::new(ErrorKind::AlreadyExists, format!("person {id} exists")).into()),
        None => Ok(()),
    }
}

/// The key of a client's person.
pub(super) fn require_key(connection: &Connection, client: i64, id: &PersonId) -> Outcome<i64> {
    find_key(connection, client, id)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no person {id}")).into())
}

/// The whole person with this key, with encodings by the active model.
pub(super) fn load(connection: &Connection, key: i64, client: &ClientId) -> Outcome<Person> {
    let PersonRow { mut person, .. } = PersonRow::by_key(connection, key)?;
    person.collections = collections::of_person(connection, key)?;
    person.attributes = attributes::of_person(connection, key)?;
    let model = models::active(connection)?;
    let images = images::load(connection, key, &person.id, model.as_ref())?;
    Ok(person.with_images(client.clone(), images))
}

/// The person with this key, without photos and encodings.
pub(super) fn summary(connection: &Connection, key: i64) -> Outcome<PersonSummary> {
    summary_of(connection, PersonRow::by_key(connection, key)?)
}

fn summary_of(connection: &Connection, row: PersonRow) -> Outcome<PersonSummary> {
    let image_count = images::count(connection, row.key)?;
    let collections = collections::of_person(connection, row.key)?;
    let attributes = attributes::of_person(connection, row.key)?;
    Ok(PersonSummary { image_count, collections, attributes, ..row.person })
}

/// Folds all names anew: before schema version 4 they were folded in another way.
pub(super) fn fold_names_anew(connection: &Connection) -> Outcome<()> {
    let mut others: Vec<(i64, String)> = Vec::new();
    let mut statement = connection.prepare("SELECT key, name, folded_name FROM persons")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let folded = fold(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        if row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)? != folded {
            others.push((row.get(0)?, folded));
        }
    }
    let mut statement = connection.prepare("UPDATE persons SET folded_name = ?2 WHERE key = ?1")?;
    for (key, folded) in others {
        statement.execute(params![key, folded])?;
    }
    Ok(())
}
