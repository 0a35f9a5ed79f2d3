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
use super::{Store, columns, generation, images, models};
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, CollectionId, ImageId, PersonId, PersonKey, Status};

/// One encoding and the person it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct EncodingRow<'a> {
    /// The person's number in this file.
    pub key: PersonKey,
    /// The tenant that the person belongs to.
    pub client: &'a ClientId,
    /// The person.
    pub person: &'a PersonId,
    /// The photo.
    pub image: &'a ImageId,
    /// Whether the person is searched.
    pub status: Status,
    /// The collections that the person is in, oldest collection first.
    pub collections: &'a [CollectionId],
    /// The vector: little-endian `f32`, as many as the model has components.
    pub vector: Vector<'a>,
}

/// The bytes of a vector; `Debug` shows only how many there are.
#[derive(Clone, Copy)]
pub struct Vector<'a>(&'a [u8]);

impl<'a> Vector<'a> {
    /// Little-endian `f32`.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The components.
    pub fn components(self) -> impl ExactSizeIterator<Item = f32> + 'a {
        self.0.as_chunks::<4>().0.iter().map(|component| f32::from_le_bytes(*component))
    }
}

impl std::fmt::Debug for Vector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vector({} bytes)", self.0.len())
    }
}

impl Store {
    /// Gives `take` every encoding by `model` of one client or of all, and returns the generation
    /// that they stand for. The order is that in which they were written; encodings of one person
    /// need not follow each other. Persons of every status are among them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where client or model is not known, [`ErrorKind::Corrupt`] naming
    /// the person whose encoding has flipped bits, whatever `take` returns, and as for every read.
    pub fn all_encodings(
        &self,
        client: Option<&ClientId>,
        model: &ModelId,
        mut take: impl FnMut(EncodingRow<'_>) -> Result<()>,
    ) -> Result<u64> {
        self.read(|connection| {
            let model = models::require(connection, model)?;
            let people = People::load(connection, client)?;
            let mut images = Images::load(connection, &people)?;
            let mut statement = connection
                .prepare_cached("SELECT image, crc32, vector FROM encodings WHERE model = ?1 ORDER BY key")?;
            let mut rows = statement.query([model.key])?;
            while let Some(row) = rows.next()? {
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
                    vector: Vector(vector),
                })?;
            }
            generation::current(connection)
        })
    }
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
        let mut statement = connection.prepare_cached("SELECT key, id FROM clients")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: ClientId = columns::id(row, 1)?;
            if client.is_none_or(|client| *client == id) {
                tenants.insert(row.get::<_, i64>(0)?, clients.len());
                clients.push(id);
            }
        }
        if let (Some(client), true) = (client, clients.is_empty()) {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no client {client}")).into());
        }

        let selected = format!("SELECT key, client, id, {} FROM persons ORDER BY key", columns::STATUS);
        let mut statement = connection.prepare_cached(&selected)?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            if let Some(client) = tenants.get(&row.get(1)?).copied() {
                let (key, id, status) = (row.get(0)?, columns::id(row, 2)?, columns::status(row, 3)?);
                all.push(ScannedPerson { key, client, id, status, collections: 0..0 });
            }
        }
        let mut people = Self { clients, all, memberships: Vec::new() };
        people.load_memberships(connection)?;
        Ok(people)
    }

    /// Both lists are in the order of the persons' keys: a merge.
    fn load_memberships(&mut self, connection: &Connection) -> Outcome<()> {
        let mut statement = connection.prepare_cached("SELECT key, id FROM collections")?;
        let collections: HashMap<i64, CollectionId> =
            statement.query_map([], |row| Ok((row.get(0)?, columns::id(row, 1)?)))?.collect::<Result<_, _>>()?;
        let mut statement =
            connection.prepare_cached("SELECT person, collection FROM memberships ORDER BY person, collection")?;
        let mut rows = statement.query([])?;
        let mut persons = self.all.iter_mut().peekable();
        while let Some(row) = rows.next()? {
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
        Ok(())
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
        let mut last = 0;
        while let Some(row) = rows.next()? {
            let person: i64 = row.get(1)?;
            if let Some(index) = follow(&people.all, &mut last, person, |person| person.key) {
                all.push(ScannedImage { key: row.get(0)?, person: index, id: columns::id(row, 2)? });
            }
        }
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
        assert_eq!(format!("{:?}", Vector(&[1, 2, 3, 4])), "Vector(4 bytes)");
        assert_eq!(Vector(&1.5f32.to_le_bytes()).components().collect::<Vec<_>>(), [1.5]);
    }
}
