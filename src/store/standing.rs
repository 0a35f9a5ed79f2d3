//! What is in the vault at the moment at which a person is about to be added.

use std::path::Path;

use rusqlite::{Connection, params};

use super::error::{Fault, Outcome};
use super::generation::{self, GalleryChanges};
use super::{Store, clients, collections, columns, persons};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ClientId, CollectionId, DateOfBirth, PersonId};

/// The vault inside the transaction that adds a person: nobody else writes until it ends.
pub struct Standing<'a> {
    connection: &'a Connection,
    client: i64,
    path: &'a Path,
}

impl<'a> Standing<'a> {
    pub(super) fn new(connection: &'a Connection, client: i64, path: &'a Path) -> Self {
        Self { connection, client, path }
    }

    /// As [`Store::namesake`].
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
        self.read(|connection| generation::changes_since(connection, since, model, most))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        work(self.connection).map_err(|fault: Fault| fault.into_error(self.path))
    }
}

impl Store {
    /// The oldest person of a client who has this name, without regard to case and to white space
    /// at its ends, and was born on this day; of members of any of `collections`, where they are
    /// named. Persons of every status count.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown client, and as for every read.
    pub fn namesake(
        &self,
        client: &ClientId,
        name: &str,
        born: DateOfBirth,
        collections: Option<&[CollectionId]>,
    ) -> Result<Option<PersonId>> {
        self.read(|connection| namesake(connection, clients::require(connection, client)?, name, born, collections))
    }
}

fn namesake(
    connection: &Connection,
    client: i64,
    name: &str,
    born: DateOfBirth,
    wanted: Option<&[CollectionId]>,
) -> Outcome<Option<PersonId>> {
    let name = persons::fold(name);
    let mut statement = connection.prepare_cached(
        "SELECT key, id, folded_name FROM persons WHERE client = ?1 AND date_of_birth = ?2 ORDER BY key",
    )?;
    let mut rows = statement.query(params![client, born.to_string()])?;
    while let Some(row) = rows.next()? {
        if row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?.trim() != name.trim() {
            continue;
        }
        let is_wanted = match wanted {
            Some(wanted) => collections::of_person(connection, row.get(0)?)?.iter().any(|id| wanted.contains(id)),
            None => true,
        };
        if is_wanted {
            return Ok(Some(columns::id(row, 1)?));
        }
    }
    Ok(None)
}
