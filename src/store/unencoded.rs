//! Who cannot be found by a model, because none of the person's photos has an encoding by it.

use rusqlite::params;

use super::{Store, clients, columns};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ClientId, PersonId};

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
            let mut statement = connection.prepare_cached(&format!("SELECT p.id {WITHOUT} ORDER BY p.key"))?;
            let mut rows = statement.query(params![client, model.as_bytes()])?;
            let mut people = Vec::new();
            while let Some(row) = rows.next()? {
                people.push(columns::id(row, 0)?);
            }
            Ok(people)
        })
    }

    /// How many persons [`Self::people_without_encoding`] would list.
    ///
    /// # Errors
    /// As for [`Self::people_without_encoding`].
    pub fn count_without_encoding(&self, client: &ClientId, model: &ModelId) -> Result<u64> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            // Where no photo of the vault lacks an encoding, which is usual and quickly known, no
            // person needs to be looked at.
            let lacking = connection
                .prepare_cached(
                    "SELECT (SELECT COUNT(*) FROM images) - (SELECT COUNT(*) FROM encodings
                     WHERE model = (SELECT key FROM models WHERE id = ?1))",
                )?
                .query_row([model.as_bytes()], |row| columns::count(row, 0))?;
            if lacking == 0 {
                return Ok(0);
            }
            let mut statement = connection.prepare_cached(&format!("SELECT COUNT(*) {WITHOUT}"))?;
            Ok(statement.query_row(params![client, model.as_bytes()], |row| columns::count(row, 0))?)
        })
    }
}
