//! The generation: counts the changes of what galleries hold, so that one that another process
//! left behind can catch up.
//!
//! Each transaction that changes encodings, statuses or memberships raises it by one and marks the
//! persons concerned with it. Who has seen generation `g` is brought up to date by the persons
//! marked with a later one and the removals since, unless the vault no longer knows all of those
//! (`complete_since`): then everything has to be loaded anew.

use rusqlite::{Connection, params};

use super::error::Outcome;
use super::models::ModelRow;
use super::person_row::{PERSONS, PersonRow};
use super::rows::REMOVALS;
use super::{Store, clients, collections, columns, images, models};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ClientId, PersonId, PersonKey, Status};
use crate::store::{GalleryChanges, GalleryEffect, GalleryPerson};

/// Removals that are remembered; who missed more of them loads everything anew.
const KEPT: i64 = 10_000;

impl Store {
    /// The vault's generation. A gallery that has seen another one is behind.
    ///
    /// # Errors
    /// As for every read.
    pub fn generation(&self) -> Result<u64> {
        self.read(current)
    }

    /// What a gallery of a client with the encodings of `model` that has seen generation `since`
    /// missed, or `None` where it has to load everything anew: too much was forgotten, more than
    /// `most` of the client's persons changed, or the file is an older copy. Other clients' persons
    /// are not read; removed ones may be among the keys, which say nothing about them.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown client,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where an encoding of a changed person has flipped bits,
    /// and as for every read.
    pub fn changes_since(
        &self,
        client: &ClientId,
        since: u64,
        model: &ModelId,
        most: usize,
    ) -> Result<Option<GalleryChanges>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            changes_since(connection, client, since, model, most)
        })
    }
}

/// See [`Store::changes_since`].
pub(super) fn changes_since(
    connection: &Connection,
    client: i64,
    since: u64,
    model: &ModelId,
    most: usize,
) -> Outcome<Option<GalleryChanges>> {
    let generation = current(connection)?;
    let complete_since =
        connection.prepare_cached("SELECT complete_since FROM meta")?.query_row([], |row| columns::count(row, 0))?;
    if since < complete_since || since > generation {
        return Ok(None);
    }
    let after = i64::try_from(since).unwrap_or(i64::MAX);
    let many = i64::try_from(most).unwrap_or(i64::MAX - 1).saturating_add(1);

    let mut statement = connection.prepare_cached(&REMOVALS.select("WHERE generation > ?1 ORDER BY generation"))?;
    let removed = REMOVALS.read_all(statement.query([after])?, |row| row.get(1).map(PersonKey::new))?;

    let model = models::find(connection, model)?;
    let mut statement =
        connection
            .prepare_cached(&PERSONS.select(
                "INDEXED BY persons_by_generation WHERE generation > ?1 AND client = ?2 ORDER BY key LIMIT ?3",
            ))?;
    let mut rows = statement.query(params![after, client, many])?;
    let mut written = Vec::new();
    while let Some(row) = rows.next()? {
        if written.len() == most {
            return Ok(None);
        }
        let PersonRow { key, person, .. } = PersonRow::read(row)?;
        written.push(gallery_person(connection, key, person.id, person.status, model.as_ref())?);
    }
    Ok(Some(GalleryChanges { generation, written, removed }))
}

/// What a gallery by `model` holds of a person.
pub(super) fn gallery_person(
    connection: &Connection,
    key: i64,
    id: PersonId,
    status: Status,
    model: Option<&ModelRow>,
) -> Outcome<GalleryPerson> {
    Ok(GalleryPerson {
        key: PersonKey::new(key),
        status,
        collections: collections::of_person(connection, key)?,
        photos: images::count(connection, key)?,
        encodings: match model {
            Some(model) => images::encodings(connection, key, &id, model)?,
            None => Vec::new(),
        },
        id,
    })
}

/// The vault's generation.
pub(super) fn current(connection: &Connection) -> Outcome<u64> {
    Ok(connection.prepare_cached("SELECT generation FROM meta")?.query_row([], |row| columns::count(row, 0))?)
}

/// Raises the generation by one and returns it.
pub(super) fn raise(connection: &Connection) -> Outcome<i64> {
    let mut statement =
        connection.prepare_cached("UPDATE meta SET generation = generation + 1 RETURNING generation")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// What a transaction means to galleries, by the generation that it raised to, if it did.
pub(super) fn effect(connection: &Connection, raised: Option<i64>) -> Outcome<GalleryEffect> {
    Ok(GalleryEffect { generation: current(connection)?, changed: raised.is_some() })
}

/// Notes that a person went in `generation`, and forgets the oldest removals.
pub(super) fn note_removal(connection: &Connection, generation: i64, person: i64) -> Outcome<()> {
    REMOVALS.insert(connection, &[&generation, &person])?;
    // Counting back costs a pass over what is kept, so it is done now and then.
    if generation % 512 == 0 { forget_all_but(connection, KEPT) } else { Ok(()) }
}

/// Forgets all removals but the latest.
fn forget_all_but(connection: &Connection, latest: i64) -> Outcome<()> {
    connection
        .prepare_cached(
            "UPDATE meta SET complete_since = MAX(complete_since, COALESCE(
                 (SELECT generation FROM removals ORDER BY generation DESC LIMIT 1 OFFSET ?1), 0))",
        )?
        .execute([latest])?;
    connection
        .prepare_cached("DELETE FROM removals WHERE generation <= (SELECT complete_since FROM meta)")?
        .execute([])?;
    Ok(())
}

/// Makes every gallery load everything anew, whatever it has seen before `generation`.
pub(super) fn forget_before(connection: &Connection, generation: i64) -> Outcome<()> {
    connection.prepare_cached("UPDATE meta SET complete_since = ?1")?.execute([generation])?;
    connection.prepare_cached("DELETE FROM removals")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NewPerson;
    use crate::store::{CreateOptions, PreparedImages};

    #[test]
    fn who_missed_a_forgotten_removal_loads_everything_anew() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path().join("v"), &CreateOptions::default())?;
        let client = store.default_client()?;
        let model = ModelId::from_bytes([1; 16]);
        let mut keys = Vec::new();
        for _ in 0..5 {
            let new = NewPerson { name: "a".into(), ..NewPerson::default() };
            let id = store.insert_person(&client, &new, &PreparedImages::default())?.person.id;
            keys.push(store.remove_person(&client, &id, None)?.key);
        }
        let removed = |since| -> Result<_> {
            Ok(store.changes_since(&client, since, &model, 10)?.map(|changes| changes.removed))
        };
        assert_eq!(store.generation()?, 5);
        assert_eq!(removed(0)?.as_deref(), Some(&keys[..]));

        store.write(|connection| forget_all_but(connection, 3))?;
        assert_eq!((removed(0)?, removed(1)?), (None, None));
        assert_eq!(removed(2)?.as_deref(), Some(&keys[2..]));
        store.write(|connection| forget_all_but(connection, 3))?;
        assert_eq!(removed(2)?.as_deref(), Some(&keys[2..]));

        store.write(|connection| forget_before(connection, 5))?;
        assert_eq!(removed(4)?, None);
        assert_eq!(removed(5)?.as_deref(), Some(&[][..]));
        assert_eq!(removed(6)?, None);
        Ok(())
    }
}
