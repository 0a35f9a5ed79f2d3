//! All encodings of a model in one pass, for filling a gallery.
//!
//! Persons, memberships and photos' rows are small and read first, each table once in key order;
//! then the encodings, again once in the order in which they were written. Nothing is looked up in
//! an index and no photo is read. A photo's row is found by a cursor that follows the encodings:
//! they were written in the same order, so it is nearly always the next one.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::Connection;

use super::error::{Fault, Outcome};
use super::person_row::PERSONS;
use super::rows::{CLIENTS, COLLECTIONS, MEMBERSHIPS};
use super::{Store, columns, generation, images, models};
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, CollectionId, ImageId, PersonId, PersonKey, Status};
use crate::store::{EncodingRow, Vector};

impl Store {
    /// Gives `take` every encoding by `model` of one client or of all, and returns the generation
    /// that they stand for. The order is that in which they were written; encodings of one person
    /// need not follow each other. Persons of every status are among them. Of a model that the vault does
    /// not know there are none.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown client, [`ErrorKind::Corrupt`] naming
    /// the person whose encoding has flipped bits, whatever `take` returns, and as for every read.
    pub fn all_encodings(
        &self,
        client: Option<&ClientId>,
        model: &ModelId,
        mut take: impl FnMut(EncodingRow<'_>) -> Result<()>,
    ) -> Result<u64> {
        self.read(|connection| {
            let people = People::load(connection, client)?;
            let Some(model) = models::find(connection, model)? else { return generation::current(connection) };
            let mut images = Images::load(connection, &people)?;
            let mut statement = connection
                .prepare_cached("SELECT image, crc32, vector FROM encodings WHERE model = ?1 ORDER BY key")?;
            let mut rows = statement.query([model.key])?;
            let mut seen = 0;
            while let Some(row) = rows.next()? {
                seen += 1;
                let Some(image) = images.find(row.get(0)?) else {
                    // Another client's, unless all were asked for: then it belongs to nobody.
                    match client {
                        Some(_) => continue,
                        None => return Err(Error::new(ErrorKind::Corrupt, "an encoding belongs to no photo").into()),
                    }
                };
                let person = &people.all[image.person];
                let vector = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
                images::check_vector(person.id.as_str(), image.id.as_str(), &model, vector, row.get(1)?)?;
                take(EncodingRow {
                    key: PersonKey::new(person.key),
                    client: &people.clients[person.client],
                    person: &person.id,
                    image: &image.id,
                    status: person.status,
                    collections: &people.memberships[person.collections.clone()],
                    vector: Vector::new(vector),
                })?;
            }
            let counted = "SELECT COUNT(*) FROM encodings WHERE model = ?1";
            require_all(connection, "encodings", seen, counted, &[model.key])?;
            generation::current(connection)
        })
    }
}

/// Refuses a pass over a table that met other rows than an index has: `statement` counts in the index, since that
/// is smaller than the table.
fn require_all(connection: &Connection, table: &str, seen: u64, statement: &str, of: &[i64]) -> Outcome<()> {
    let mut statement = connection.prepare_cached(statement)?;
    let counted = statement.query_row(rusqlite::params_from_iter(of), |row| columns::count(row, 0))?;
    if counted == seen {
        return Ok(());
    }
    let message = format!("the vault is damaged: {seen} rows of {table} are there, and its index has {counted}");
    Err(Error::new(ErrorKind::Corrupt, message).into())
}

/// The persons concerned, in the order of their keys.
struct People {
    clients: Vec<ClientId>,
    all: Vec<ScannedPerson>,
    memberships: Vec<CollectionId>,
}

struct ScannedPerson {
    key: i64,
    /// The index in [`People::clients`].
    client: usize,
    id: PersonId,
    status: Status,
    /// Where the person's collections stand in [`People::memberships`].
    collections: Range<usize>,
}

impl People {
    fn load(connection: &Connection, client: Option<&ClientId>) -> Outcome<Self> {
        let (mut tenants, mut clients) = (HashMap::new(), Vec::new());
        let mut statement = connection.prepare_cached(&CLIENTS.select(""))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            CLIENTS.verify(row, 0)?;
            let id: ClientId = columns::id(row, 1)?;
            if client.is_none_or(|client| *client == id) {
                tenants.insert(row.get::<_, i64>(0)?, clients.len());
                clients.push(id);
            }
        }
        if let (Some(client), true) = (client, clients.is_empty()) {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no client {client}")).into());
        }

        let mut statement = connection.prepare_cached(&PERSONS.select("ORDER BY key"))?;
        let (of_client, of_id) = (PERSONS.place("client"), PERSONS.place("id"));
        let (of_status, of_pending) = (PERSONS.place("status"), PERSONS.place("is_pending"));
        let mut rows = statement.query([])?;
        let (mut all, mut seen) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            seen += 1;
            let id: PersonId = columns::id(row, of_id)?;
            if !PERSONS.is_whole(row, 0)? {
                return Err(Fault::damaged(&id, "the fields are not those that were written"));
            }
            if let Some(client) = tenants.get(&row.get(of_client)?).copied() {
                let key = row.get(0)?;
                let status = if row.get(of_pending)? { Status::Pending } else { columns::status(row, of_status)? };
                all.push(ScannedPerson { key, client, id, status, collections: 0..0 });
            }
        }
        require_all(connection, "persons", seen, "SELECT COUNT(*) FROM persons", &[])?;
        let mut people = Self { clients, all, memberships: Vec::new() };
        people.load_memberships(connection)?;
        Ok(people)
    }

    /// Both lists are in the order of the persons' keys: a merge.
    fn load_memberships(&mut self, connection: &Connection) -> Outcome<()> {
        let mut statement = connection.prepare_cached(&COLLECTIONS.select(""))?;
        let all = COLLECTIONS.read_all(statement.query([])?, |row| Ok((row.get(0)?, columns::id(row, 2)?)))?;
        let collections: HashMap<i64, CollectionId> = all.into_iter().collect();
        let mut statement = connection.prepare_cached(&MEMBERSHIPS.select("ORDER BY person, collection"))?;
        let mut rows = statement.query([])?;
        let mut persons = self.all.iter_mut().peekable();
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            seen += 1;
            MEMBERSHIPS.verify(row, 0)?;
            let (key, collection): (i64, i64) = (row.get(0)?, row.get(1)?);
            while persons.next_if(|person| person.key < key).is_some() {}
            let Some(person) = persons.peek_mut().filter(|person| person.key == key) else {
                continue;
            };
            let name = collections
                .get(&collection)
                .ok_or_else(|| Fault::damaged(&person.id, "a membership names a collection that is not there"))?;
            if person.collections.is_empty() {
                person.collections = self.memberships.len()..self.memberships.len();
            }
            self.memberships.push(name.clone());
            person.collections.end += 1;
        }
        let counted = "SELECT COUNT(*) FROM memberships INDEXED BY memberships_by_collection";
        require_all(connection, "memberships", seen, counted, &[])
    }
}

/// The persons' photos in the order of their keys, and a cursor.
struct Images {
    all: Vec<ScannedImage>,
    next: usize,
}

struct ScannedImage {
    key: i64,
    /// The index in [`People::all`].
    person: usize,
    id: ImageId,
}

impl Images {
    fn load(connection: &Connection, people: &People) -> Outcome<Self> {
        let mut statement = connection.prepare_cached("SELECT key, person, id FROM images ORDER BY key")?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        let (mut last, mut seen) = (0, 0);
        while let Some(row) = rows.next()? {
            seen += 1;
            let person: i64 = row.get(1)?;
            if let Some(index) = follow(&people.all, &mut last, person, |person| person.key) {
                all.push(ScannedImage { key: row.get(0)?, person: index, id: columns::id(row, 2)? });
            }
        }
        require_all(connection, "images", seen, "SELECT COUNT(*) FROM images", &[])?;
        Ok(Self { all, next: 0 })
    }

    fn find(&mut self, key: i64) -> Option<&ScannedImage> {
        follow(&self.all, &mut self.next, key, |image| image.key).map(|index| &self.all[index])
    }
}

/// Finds `key` in a list sorted by key: where the cursor stands or right behind it, else by
/// halving. The cursor moves there.
fn follow<T>(sorted: &[T], cursor: &mut usize, key: i64, key_of: impl Fn(&T) -> i64) -> Option<usize> {
    let near =
        [*cursor, *cursor + 1].into_iter().find(|index| sorted.get(*index).is_some_and(|item| key_of(item) == key));
    let found = near.or_else(|| sorted.binary_search_by_key(&key, key_of).ok())?;
    *cursor = found;
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn following_finds_what_halving_finds(
            sorted in proptest::collection::btree_set(0i64..200, 0..60),
            asked in proptest::collection::vec(0i64..200, 0..60),
        ) {
            let sorted: Vec<i64> = sorted.into_iter().collect();
            let mut cursor = 0;
            for key in asked {
                prop_assert_eq!(follow(&sorted, &mut cursor, key, |item| *item), sorted.binary_search(&key).ok());
            }
        }
    }

    #[test]
    fn debug_shows_no_component() {
        assert_eq!(format!("{:?}", Vector::new(&[1, 2, 3, 4])), "Vector(4 bytes)");
        assert_eq!(Vector::new(&1.5f32.to_le_bytes()).components().collect::<Vec<_>>(), [1.5]);
    }
}
