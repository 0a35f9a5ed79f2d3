//! The writes of a person: insert, partial update, remove.
//!
//! Each is one transaction, and each answers with what it left behind, read in the same
//! transaction.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::change::{Erasure, NewPersonRecord, PersonChange, Removed, Written};
use super::error::Outcome;
use super::persons::{self, PersonRow};
use super::standing::Standing;
use super::{Store, clients, collections, generation, images, models, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, Limits, PersonId, PersonKey};

impl Store {
    /// Adds a person. How many photos there may be is the caller's to check.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where the client has a person with this id,
    /// [`ErrorKind::Invalid`] that names each unknown collection, [`ErrorKind::ModelMismatch`] where
    /// an encoding is not the active model's, and as for every write.
    pub fn insert_person(&self, client: &ClientId, new: &NewPersonRecord) -> Result<Written> {
        self.insert_person_if(client, new, |_| Ok(()))
    }

    /// Adds a person if `check` finds nothing against it in the vault as it is at that moment; it
    /// runs inside the transaction, while nobody else can write.
    ///
    /// # Errors
    /// Whatever `check` returns, and as for [`Self::insert_person`].
    pub fn insert_person_if(
        &self,
        client: &ClientId,
        new: &NewPersonRecord,
        check: impl FnOnce(&Standing<'_>) -> Result<()>,
    ) -> Result<Written> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let id = new.id.clone().unwrap_or_else(PersonId::generate);
            if persons::find_key(connection, tenant, &id)?.is_some() {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("person {id} exists")).into());
            }
            let memberships = collections::resolve(connection, tenant, &new.collections)?;
            check(&Standing::new(connection, tenant, self.path()))?;
            let model = models::active_or(connection, new.model.as_ref())?;
            let searchable = !memberships.is_empty() || !new.images.is_empty();
            let raised = if searchable { Some(generation::raise(connection)?) } else { None };
            let key = insert_row(connection, tenant, &id, raised.unwrap_or(0), new)?;
            images::insert(connection, key, &id, &new.images, model.as_ref())?;
            collections::set_of_person(connection, key, &memberships)?;
            Ok(Written {
                person: persons::load(connection, key, client)?,
                key: PersonKey::new(key),
                gallery: generation::effect(connection, raised)?,
                erasure: Erasure::Nothing,
            })
        })
    }

    /// Updates a person: what the change does not name stays. A change that names nothing is the
    /// identity: not even version and time of change move. Any other raises the version by one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for the person or a photo to be removed, [`ErrorKind::Conflict`]
    /// where `expected_version` is not the current one, [`ErrorKind::Invalid`] that names each
    /// unknown collection or says how many photos there may be, [`ErrorKind::ModelMismatch`]
    /// where an encoding is not of the active model and its mode, [`ErrorKind::Corrupt`] where a photo or an
    /// encoding that stays has flipped bits, and as for every write.
    pub fn update_person(
        &self,
        client: &ClientId,
        id: &PersonId,
        change: &PersonChange,
        limits: &Limits,
    ) -> Result<Written> {
        let (mut written, removed) = self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let key = persons::require_key(connection, tenant, id)?;
            let mut row = persons::row(connection, key)?;
            require_version(&row, change.expected_version)?;
            let (mut raised, mut removed) = (None, false);
            if !change.is_keep() {
                let memberships = match &change.collections {
                    Some(names) => Some(collections::resolve(connection, tenant, names)?),
                    None => None,
                };
                let model = models::active_or(connection, change.model.as_ref())?;
                let effect = images::apply(connection, key, id, &change.images, model.as_ref(), limits)?;
                let moved = match memberships {
                    Some(memberships) => collections::set_of_person(connection, key, &memberships)?,
                    None => false,
                };
                let status = row.status;
                apply_fields(&mut row, change);
                if effect.changed || moved || row.status != status {
                    row.generation = *raised.insert(generation::raise(connection)?);
                }
                row.version += 1;
                row.updated_at = row.updated_at.max(Timestamp::now());
                row.save(connection)?;
                removed = effect.removed;
            }
            let written = Written {
                person: persons::load(connection, key, client)?,
                key: PersonKey::new(key),
                gallery: generation::effect(connection, raised)?,
                erasure: Erasure::Nothing,
            };
            Ok((written, removed))
        })?;
        if removed {
            written.erasure = self.erase();
        }
        Ok(written)
    }

    /// Removes a person with everything that the vault holds of it: nothing of it is left in the
    /// file, nor, once [`Removed::erasure`] is [`Erasure::Done`], in the write-ahead log.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Conflict`] where `expected_version` is named and not
    /// the current one, and as for every write.
    pub fn remove_person(&self, client: &ClientId, id: &PersonId, expected_version: Option<u64>) -> Result<Removed> {
        let (key, gallery) = self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let key = persons::require_key(connection, tenant, id)?;
            if expected_version.is_some() {
                require_version(&persons::row(connection, key)?, expected_version)?;
            }
            connection.prepare_cached("DELETE FROM persons WHERE key = ?1")?.execute([key])?;
            let raised = generation::raise(connection)?;
            generation::note_removal(connection, raised, key)?;
            let gallery = generation::effect(connection, Some(raised))?;
            Ok((PersonKey::new(key), gallery))
        })?;
        Ok(Removed { key, gallery, erasure: self.erase() })
    }
}

fn require_version(row: &PersonRow, expected: Option<u64>) -> Result<()> {
    match expected {
        Some(expected) if expected != row.version => {
            let message = format!("person {} has version {}, the request expects {expected}", row.id, row.version);
            Err(Error::new(ErrorKind::Conflict, message))
        }
        _ => Ok(()),
    }
}

fn apply_fields(row: &mut PersonRow, change: &PersonChange) {
    if let Some(name) = &change.name {
        row.name.clone_from(name);
    }
    if let Some(status) = change.status {
        row.status = status;
    }
    change.gender.clone().apply(&mut row.gender);
    change.date_of_birth.clone().apply(&mut row.date_of_birth);
    change.nationality.clone().apply(&mut row.nationality);
    change.notes.clone().apply(&mut row.notes);
    for text in [&mut row.nationality, &mut row.notes] {
        text.take_if(|text| text.is_empty());
    }
}

fn insert_row(
    connection: &Connection,
    client: i64,
    id: &PersonId,
    generation: i64,
    new: &NewPersonRecord,
) -> Outcome<i64> {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    connection
        .prepare_cached(
            "INSERT INTO persons (client, id, status, version, generation, created_at, updated_at, gender,
             date_of_birth, name, folded_name, nationality, notes)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            client,
            id.as_str(),
            new.status.as_str(),
            generation,
            schema::now(),
            new.gender.map(|gender| gender.as_str()),
            new.date_of_birth.map(|date| date.to_string()),
            new.name,
            persons::fold(&new.name),
            some(&new.nationality),
            some(&new.notes),
        ])?;
    Ok(connection.last_insert_rowid())
}
