//! What a decision needs to know of the vault, all of it at one moment.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, params};

use super::error::{Fault, Outcome};
use super::person_row::{PERSONS, PersonRow};
use super::{Store, clients, collections, generation, images, models, persons};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::Result;
use crate::person::{ClientId, Collection, CollectionId, DateOfBirth, ImageId, PersonId, PersonSummary, fold};
use crate::store::{GalleryChanges, ModelInfo};

/// The vault at one moment, as one client sees it: a read snapshot, or the inside of a transaction
/// that writes, where nobody else writes until it ends.
pub struct Snapshot<'a> {
    connection: &'a Connection,
    client: i64,
    path: &'a Path,
}

impl Store {
    /// Lets `look` read as much as it needs from one snapshot of the vault.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown client, whatever `look` returns, and as
    /// for every read.
    pub fn snapshot<T>(&self, client: &ClientId, look: impl FnOnce(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            Ok(look(&Snapshot::new(connection, client, self.path())))
        })?
    }
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(connection: &'a Connection, client: i64, path: &'a Path) -> Self {
        Self { connection, client, path }
    }

    /// The model whose encodings persons show and galleries hold; `None` before the first one.
    ///
    /// # Errors
    /// As for every read.
    pub fn active_model(&self) -> Result<Option<ModelInfo>> {
        self.read(models::active_info)
    }

    /// The collections with these ids or codes, each once, oldest first.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) that names each unknown one, and as for every read.
    pub fn collections(&self, names: &[String]) -> Result<Vec<CollectionId>> {
        self.read(|connection| {
            let keys = collections::resolve(connection, self.client, names)?;
            keys.into_iter().map(|key| Ok(collections::read(connection, key)?.id)).collect()
        })
    }

    /// A collection by its id or code, if the client has it.
    ///
    /// # Errors
    /// As for every read.
    pub fn find_collection(&self, id_or_code: &str) -> Result<Option<Collection>> {
        self.read(|connection| match collections::find(connection, self.client, id_or_code)? {
            Some(key) => Ok(Some(collections::read(connection, key)?)),
            None => Ok(None),
        })
    }

    /// Refuses the id of somebody who is in the vault.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), and as for every read.
    pub fn require_new(&self, id: &PersonId) -> Result<()> {
        self.read(|connection| persons::require_new(connection, self.client, id))
    }

    /// A person without photos and encodings.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), and as for every read.
    pub fn person_summary(&self, id: &PersonId) -> Result<PersonSummary> {
        self.read(|connection| persons::summary(connection, persons::require_key(connection, self.client, id)?))
    }

    /// The encodings by `model` that a person has already, by the SHA-256 of their photos: such a
    /// photo need not be encoded again. One with flipped bits is left out.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), and as for every read.
    pub fn known_encodings(&self, person: &PersonId, model: &ModelId) -> Result<HashMap<[u8; 32], FaceEncoding>> {
        self.read(|connection| {
            let key = persons::require_key(connection, self.client, person)?;
            match models::find(connection, model)? {
                Some(model) => images::known_encodings(connection, key, person, &model),
                None => Ok(HashMap::new()),
            }
        })
    }

    /// The encodings by `model` of a person, in the order of the photos.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Corrupt`](crate::ErrorKind::Corrupt) where one has flipped bits,
    /// and as for every read.
    pub fn encodings(&self, person: &PersonId, model: &ModelId) -> Result<Vec<(ImageId, FaceEncoding)>> {
        self.read(|connection| {
            let key = persons::require_key(connection, self.client, person)?;
            match models::find(connection, model)? {
                Some(model) => images::encodings(connection, key, person, &model),
                None => Ok(Vec::new()),
            }
        })
    }

    /// The oldest person who has this name, without regard to case, to how accents are written and to white
    /// space at its ends, and was born on this day; of members of any of `collections`, where they are named. Persons of
    /// every status count.
    ///
    /// # Errors
    /// As for every read.
    pub fn namesake(
        &self,
        name: &str,
        born: DateOfBirth,
        collections: Option<&[CollectionId]>,
    ) -> Result<Option<PersonId>> {
        self.read(|connection| namesake(connection, self.client, name, born, collections))
    }

    /// As [`Store::changes_since`].
    ///
    /// # Errors
    /// As for [`Store::changes_since`].
    pub fn changes_since(&self, since: u64, model: &ModelId, most: usize) -> Result<Option<GalleryChanges>> {
        self.read(|connection| generation::changes_since(connection, self.client, since, model, most))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        work(self.connection).map_err(|fault: Fault| fault.into_error(self.path))
    }
}

fn namesake(
    connection: &Connection,
    client: i64,
    name: &str,
    born: DateOfBirth,
    wanted: Option<&[CollectionId]>,
) -> Outcome<Option<PersonId>> {
    let name = fold(name);
    let mut statement =
        connection.prepare_cached(&PERSONS.select("WHERE client = ?1 AND date_of_birth = ?2 ORDER BY key"))?;
    let folded = PERSONS.place("folded_name");
    let mut rows = statement.query(params![client, born.to_string()])?;
    while let Some(row) = rows.next()? {
        PERSONS.verify(row, 0)?;
        if row.get_ref(folded)?.as_str().map_err(rusqlite::Error::from)?.trim() != name.trim() {
            continue;
        }
        let PersonRow { key, person, .. } = PersonRow::read(row)?;
        let is_wanted = match wanted {
            Some(wanted) => collections::of_person(connection, key)?.iter().any(|id| wanted.contains(id)),
            None => true,
        };
        if is_wanted {
            return Ok(Some(person.id));
        }
    }
    Ok(None)
}
