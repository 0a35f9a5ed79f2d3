//! Who cannot be found by a model, because none of the person's photos has an encoding by it.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::error::Outcome;
use super::person_row::{PERSONS, PersonRow};
use super::{Store, clients};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ClientId, PersonId, PersonKey};

/// Active persons ?1 who have photos but no encoding by the model ?2.
const WITHOUT: &str = "
    FROM persons p
    WHERE p.client = ?1 AND p.status = 'active'
      AND EXISTS (SELECT 1 FROM images i WHERE i.person = p.key)
      AND NOT EXISTS (
        SELECT 1 FROM images i JOIN encodings e ON e.image = i.key
        WHERE i.person = p.key AND e.model = (SELECT key FROM models WHERE id = ?2))";

impl Store {
    /// The active persons of a client who have photos but no encoding by `model`, oldest first.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown client, and as for every read.
    pub fn people_without_encoding(&self, client: &ClientId, model: &ModelId) -> Result<Vec<PersonId>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            if !is_any_lacking(connection, model)? {
                return Ok(Vec::new());
            }
            let mut statement =
                connection.prepare_cached(&format!("SELECT {} {WITHOUT} ORDER BY p.key", PERSONS.selected("p.")))?;
            let mut rows = statement.query(params![client, model.as_bytes()])?;
            let mut people = Vec::new();
            while let Some(row) = rows.next()? {
                people.push(PersonRow::read(row)?.person.id);
            }
            Ok(people)
        })
    }

    /// The keys of the persons that [`Self::people_without_encoding`] lists.
    ///
    /// # Errors
    /// As for [`Self::people_without_encoding`].
    pub fn keys_without_encoding(&self, client: &ClientId, model: &ModelId) -> Result<HashSet<PersonKey>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            if !is_any_lacking(connection, model)? {
                return Ok(HashSet::new());
            }
            let mut statement = connection.prepare_cached(&format!("SELECT p.key {WITHOUT}"))?;
            let keys = statement.query_map(params![client, model.as_bytes()], |row| row.get(0).map(PersonKey::new))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }
}

/// Whether any photo of the vault lacks an encoding by the model. Mostly none does, which is quickly
/// known: then no person needs to be looked at.
fn is_any_lacking(connection: &Connection, model: &ModelId) -> Outcome<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT COUNT(*) FROM images) > (SELECT COUNT(*) FROM encodings
         WHERE model = (SELECT key FROM models WHERE id = ?1))",
    )?;
    Ok(statement.query_row([model.as_bytes()], |row| row.get(0))?)
}
