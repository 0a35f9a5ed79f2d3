//! Collections and who is in them.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::Outcome;
use super::person_row::PersonRow;
use super::persons;
use super::rows::{COLLECTIONS, MEMBERSHIPS};
use super::{Store, clients, columns, erasure, generation, schema};
use crate::audit::AuditEvent;
use crate::clock;
use crate::error::{Error, ErrorKind, Result, Rule, Violation};
use crate::person::{ClientId, Collection, CollectionId, CollectionUpdate, NewCollection, PersonId, described};
use crate::store::{CollectionWritten, GalleryEffect};

impl Store {
    /// A collection by its id or code.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and as for every read.
    pub fn collection(&self, client: &ClientId, id_or_code: &str) -> Result<Collection> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            read(connection, require(connection, client, id_or_code)?)
        })
    }

    /// All collections of a client in the order in which they came.
    ///
    /// # Errors
    /// As for every read.
    pub fn collections(&self, client: &ClientId) -> Result<Vec<Collection>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let mut statement = connection.prepare_cached(&COLLECTIONS.select("WHERE client = ?1 ORDER BY key"))?;
            COLLECTIONS.read_all(statement.query([client])?, collection)
        })
    }

    /// Adds a collection, whose fields have been validated.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where the client has one with this id, and as for every write.
    pub fn insert_collection(&self, client: &ClientId, new: &NewCollection) -> Result<Collection> {
        self.write(|connection| {
            let tenant = client;
            let client = clients::require(connection, client)?;
            let id = new.id.clone().unwrap_or_else(CollectionId::generate);
            if exists(connection, client, &id)? {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("collection {id} exists")).into());
            }
            let (key, now) = (COLLECTIONS.next_key(connection)?, schema::now());
            let (code, description) = (uuid::Uuid::now_v7().to_string(), new.description.as_deref());
            let description = description.filter(|text| !text.is_empty());
            COLLECTIONS
                .insert(connection, &[&key, &client, &id.as_str(), &code, &now, &now, &new.name, &description])?;
            let event = AuditEvent::CollectionCreated { collection: key.unsigned_abs() };
            self.note(connection, Some(tenant), None, || Ok(event))?;
            read(connection, key)
        })
    }

    /// Changes a collection, whose fields have been validated. An update that names nothing
    /// changes nothing. The version of each person who comes or goes is raised.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Invalid`] that names each unknown person, and as for
    /// every write.
    pub fn update_collection(
        &self,
        client: &ClientId,
        id_or_code: &str,
        update: &CollectionUpdate,
    ) -> Result<CollectionWritten> {
        self.write(|connection| {
            let tenant = client;
            let client = clients::require(connection, client)?;
            let key = require(connection, client, id_or_code)?;
            let mut raised = None;
            if !update.is_keep() {
                let mut collection = read(connection, key)?;
                update.apply(&mut collection);
                let Collection { name, description, updated_at, .. } = collection;
                let now = schema::now().max(updated_at.as_microsecond());
                erasure::note(connection)?;
                COLLECTIONS.update(
                    connection,
                    &[key],
                    &[("name", &name), ("description", &description), ("updated_at", &now)],
                )?;
                let (mut members_added, mut members_removed) = (0, 0);
                if let Some(people) = &update.people {
                    let members = set_members(connection, client, key, people)?;
                    (members_added, members_removed) = (members.come, members.gone);
                    raised = touch(connection, &members.concerned)?;
                }
                let (collection, fields) = (key.unsigned_abs(), update.named());
                let event = AuditEvent::CollectionUpdated { collection, fields, members_added, members_removed };
                self.note(connection, Some(tenant), None, || Ok(event))?;
            }
            Ok(CollectionWritten {
                collection: read(connection, key)?,
                gallery: generation::effect(connection, raised)?,
            })
        })
    }

    /// Removes a collection. Its persons stay; the version of each is raised.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and as for every write.
    pub fn remove_collection(&self, client: &ClientId, id_or_code: &str) -> Result<GalleryEffect> {
        self.write(|connection| {
            let tenant = client;
            let client = clients::require(connection, client)?;
            let key = require(connection, client, id_or_code)?;
            let members = members(connection, key)?;
            connection.prepare_cached("DELETE FROM collections WHERE key = ?1")?.execute([key])?;
            erasure::note(connection)?;
            let (collection, count) = (key.unsigned_abs(), members.len() as u64);
            let event = AuditEvent::CollectionRemoved { collection, members: count };
            self.note(connection, Some(tenant), None, || Ok(event))?;
            let raised = touch(connection, &members)?;
            generation::effect(connection, raised)
        })
    }
}

/// The ids of a person's collections, oldest collection first.
pub(super) fn of_person(connection: &Connection, person: i64) -> Outcome<Vec<CollectionId>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {}, {} FROM memberships m LEFT JOIN collections c ON c.key = m.collection WHERE m.person = ?1
         ORDER BY m.collection",
        MEMBERSHIPS.selected("m."),
        COLLECTIONS.selected("c.")
    ))?;
    let mut rows = statement.query([person])?;
    let (first, mut ids) = (MEMBERSHIPS.width(), Vec::new());
    while let Some(row) = rows.next()? {
        MEMBERSHIPS.verify(row, 0)?;
        COLLECTIONS.verify(row, first)?;
        ids.push(columns::id(row, first + 2)?);
    }
    Ok(ids)
}

/// The keys of the collections with these ids or codes, each once, or an error that names every
/// one that the client does not have.
pub(super) fn resolve(connection: &Connection, client: i64, names: &[String]) -> Outcome<Vec<i64>> {
    let (mut keys, mut unknown) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        match find(connection, client, name)? {
            Some(key) => keys.push(key),
            None => {
                unknown.push(Violation { field: format!("collections[{index}]"), rule: Rule::Unknown(described(name)) })
            }
        }
    }
    if !unknown.is_empty() {
        return Err(Error::violated(unknown).into());
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// Makes these the collections of a person. Says whether that changed anything.
pub(super) fn set_of_person(connection: &Connection, person: i64, collections: &[i64]) -> Outcome<bool> {
    let mut statement = connection.prepare_cached(&MEMBERSHIPS.select("WHERE person = ?1 ORDER BY collection"))?;
    let old: Vec<i64> = MEMBERSHIPS.read_all(statement.query([person])?, |row| row.get(1))?;
    if old == collections {
        return Ok(false);
    }
    // Those that stay are left alone: whatever is written is noted as changed, to be sent to a hub.
    let mut delete = connection.prepare_cached("DELETE FROM memberships WHERE person = ?1 AND collection = ?2")?;
    for collection in old.iter().filter(|collection| !collections.contains(collection)) {
        delete.execute([person, *collection])?;
    }
    for collection in collections.iter().filter(|collection| !old.contains(collection)) {
        MEMBERSHIPS.insert(connection, &[&person, collection])?;
    }
    Ok(true)
}

/// The key of a client's collection by id, else by code. A code is a UUID, whose letters may be of either case.
pub(super) fn find(connection: &Connection, client: i64, id_or_code: &str) -> Outcome<Option<i64>> {
    let mut statement = connection.prepare_cached(&format!(
        "{} UNION ALL {} LIMIT 1",
        COLLECTIONS.select("WHERE client = ?1 AND id = ?2"),
        COLLECTIONS.select("WHERE client = ?1 AND code = ?3")
    ))?;
    let code = id_or_code.to_ascii_lowercase();
    let found = COLLECTIONS.read_one(statement.query(params![client, id_or_code, code])?, |row| {
        let (owner, found): (i64, [String; 2]) = (row.get(1)?, [row.get(2)?, row.get(3)?]);
        Ok((row.get(0)?, owner == client && (found[0] == id_or_code || found[1] == code)))
    })?;
    match found {
        Some((_, false)) => Err(COLLECTIONS.damaged()),
        found => Ok(found.map(|(key, _)| key)),
    }
}

fn require(connection: &Connection, client: i64, id_or_code: &str) -> Outcome<i64> {
    find(connection, client, id_or_code)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no {}", described(id_or_code))).into())
}

fn exists(connection: &Connection, client: i64, id: &CollectionId) -> Outcome<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM collections WHERE client = ?1 AND id = ?2")?;
    Ok(statement.exists(params![client, id.as_str()])?)
}

/// The collection with this key.
pub(super) fn read(connection: &Connection, key: i64) -> Outcome<Collection> {
    let mut statement = connection.prepare_cached(&COLLECTIONS.select("WHERE key = ?1"))?;
    COLLECTIONS.read_one(statement.query([key])?, collection)?.ok_or_else(|| COLLECTIONS.damaged())
}

fn collection(row: &Row<'_>) -> rusqlite::Result<Collection> {
    let time = |index| -> rusqlite::Result<Timestamp> { columns::time(row, index) };
    Ok(Collection {
        id: columns::id(row, 2)?,
        code: row.get(3)?,
        created_at: time(4)?,
        updated_at: time(5)?,
        name: row.get(6)?,
        description: row.get(7)?,
    })
}

/// The keys of a collection's persons, in order.
fn members(connection: &Connection, collection: i64) -> Outcome<Vec<i64>> {
    let mut statement = connection.prepare_cached(&MEMBERSHIPS.select("WHERE collection = ?1 ORDER BY person"))?;
    MEMBERSHIPS.read_all(statement.query([collection])?, |row| row.get(0))
}

/// Who came into a collection and who went.
struct Moved {
    come: u64,
    gone: u64,
    /// The keys of both.
    concerned: Vec<i64>,
}

/// Makes these persons the members of a collection.
fn set_members(connection: &Connection, client: i64, collection: i64, people: &[PersonId]) -> Outcome<Moved> {
    let (mut new, mut unknown) = (Vec::new(), Vec::new());
    for (index, id) in people.iter().enumerate() {
        match persons::find_key(connection, client, id)? {
            Some(key) => new.push(key),
            None => {
                let rule = Rule::Unknown(format!("person {:?}", id.as_str()));
                unknown.push(Violation { field: format!("people[{index}]"), rule });
            }
        }
    }
    if !unknown.is_empty() {
        return Err(Error::violated(unknown).into());
    }
    new.sort_unstable();
    new.dedup();
    let old = members(connection, collection)?;
    let gone = old.iter().filter(|key| new.binary_search(key).is_err());
    let come = new.iter().filter(|key| old.binary_search(key).is_err());
    for person in gone.clone() {
        connection
            .prepare_cached("DELETE FROM memberships WHERE person = ?1 AND collection = ?2")?
            .execute([*person, collection])?;
    }
    for person in come.clone() {
        MEMBERSHIPS.insert(connection, &[person, &collection])?;
    }
    let (come_count, gone_count) = (come.clone().count() as u64, gone.clone().count() as u64);
    Ok(Moved { come: come_count, gone: gone_count, concerned: gone.chain(come).copied().collect() })
}

/// Marks persons as changed in a new generation, if there are any.
fn touch(connection: &Connection, people: &[i64]) -> Outcome<Option<i64>> {
    if people.is_empty() {
        return Ok(None);
    }
    let generation = generation::raise(connection)?;
    let now = clock::now();
    for person in people {
        let mut row = PersonRow::by_key(connection, *person)?;
        row.generation = generation;
        row.person.version += 1;
        row.person.updated_at = row.person.updated_at.max(now);
        row.save(connection)?;
    }
    Ok(Some(generation))
}
