//! The writes of a person: insert, partial update, remove.
//!
//! Each is one transaction, and each answers with what it left behind, read in the same
//! transaction.

use jiff::Timestamp;
use rusqlite::Connection;

use super::error::Outcome;
use super::models::ModelRow;
use super::person_row::PersonRow;
use super::snapshot::Snapshot;
use super::{Store, attributes, clients, collections, columns, erasure, generation, images, persons};
use crate::audit::{AuditEvent, Opening, Receipt, Removal, RemovalReason};
use crate::clock;
use crate::encoding::ModelId;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::person::{ClientId, NewPerson, Person, PersonId, PersonKey, PersonSummary, PersonUpdate};
use crate::store::noted::PersonChanged;
use crate::store::{Erasure, GalleryPerson, PreparedImages, Removed, Written};

impl Store {
    /// Adds a person whose fields have been validated, with the photos that were `prepared` of it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where the client has a person with this id,
    /// [`ErrorKind::Invalid`] that names each unknown collection, or where photos were not prepared,
    /// [`ErrorKind::ModelMismatch`] where an encoding is not the active model's, and as for every
    /// write.
    pub fn insert_person(&self, client: &ClientId, new: &NewPerson, prepared: &PreparedImages) -> Result<Written> {
        self.insert_person_if(client, new, prepared, |_| Ok(()))
    }

    /// Adds a person if `check` finds nothing against it in the vault as it is at that moment; it
    /// runs inside the transaction, while nobody else can write.
    ///
    /// # Errors
    /// Whatever `check` returns, and as for [`Self::insert_person`].
    pub fn insert_person_if(
        &self,
        client: &ClientId,
        new: &NewPerson,
        prepared: &PreparedImages,
        check: impl FnOnce(&Snapshot<'_>) -> Result<()>,
    ) -> Result<Written> {
        self.write(|connection| self.insert(connection, client, new, prepared, check))
    }

    /// Adds many persons in one transaction: one that is refused leaves no trace and does not stop the
    /// others. `check` gets the place of a person in `people`, and is as for
    /// [`Self::insert_person_if`]: it sees those of `people` that come first. The answers are in the order
    /// of `people`.
    ///
    /// A person is refused with an error of kind [`ErrorKind::Invalid`], [`ErrorKind::NotFound`],
    /// [`ErrorKind::AlreadyExists`], [`ErrorKind::Conflict`] or [`ErrorKind::ModelMismatch`].
    ///
    /// # Errors
    /// Any other error, of `check` too: then nobody was added.
    pub fn insert_persons_if(
        &self,
        client: &ClientId,
        people: &[(&NewPerson, &PreparedImages)],
        mut check: impl FnMut(usize, &Snapshot<'_>) -> Result<()>,
    ) -> Result<Vec<Result<Written>>> {
        self.write(|connection| {
            let mut outcomes = Vec::with_capacity(people.len());
            for (index, (new, prepared)) in people.iter().enumerate() {
                connection.prepare_cached("SAVEPOINT person")?.execute([])?;
                let inserted = self.insert(connection, client, new, prepared, |vault| check(index, vault));
                let outcome = inserted.map_err(|fault| fault.into_error(self.path()));
                let outcome = match outcome {
                    Err(error) if error.refuses_one_person() => {
                        connection.prepare_cached("ROLLBACK TO person")?.execute([])?;
                        Err(error)
                    }
                    outcome => Ok(outcome?),
                };
                connection.prepare_cached("RELEASE person")?.execute([])?;
                outcomes.push(outcome);
            }
            Ok(outcomes)
        })
    }

    fn insert(
        &self,
        connection: &Connection,
        client: &ClientId,
        new: &NewPerson,
        prepared: &PreparedImages,
        check: impl FnOnce(&Snapshot<'_>) -> Result<()>,
    ) -> Outcome<Written> {
        let tenant = clients::require(connection, client)?;
        let id = new.id.clone().unwrap_or_else(PersonId::generate);
        persons::require_new(connection, tenant, &id)?;
        let memberships = collections::resolve(connection, tenant, &new.collections)?;
        check(&Snapshot::new(connection, tenant, self.path()))?;
        let model = self.active_or(connection, prepared.model.as_ref())?;
        let is_searched = !memberships.is_empty() || !prepared.images.is_empty();
        let raised = if is_searched { Some(generation::raise(connection)?) } else { None };
        let person = PersonSummary::new(id.clone(), new, clock::now());
        let key = PersonRow::new(tenant, raised.unwrap_or(0), person).insert(connection)?;
        images::insert(connection, key, &id, prepared.of(&new.images, &new.encodings)?, model.as_ref())?;
        collections::set_of_person(connection, key, &memberships)?;
        attributes::insert(connection, key, &new.attributes)?;
        let (photos, encodings) = (new.images.len() as u64, new.encodings.len() as u64);
        self.note(connection, Some(client), Some(key), || Ok(AuditEvent::PersonCreated { photos, encodings }))?;
        answer(connection, client, key, model.as_ref(), raised)
    }

    /// Updates a person, whose fields have been validated, with the photos that were `prepared` of the
    /// update: what it does not name stays. An update that names nothing is the identity: not even
    /// version and time of change move. Any other raises the version by one. The answer is the whole
    /// person; [`Self::update_person_summary`] reads no photo.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for the person or a photo to be removed, [`ErrorKind::Conflict`]
    /// where `expected_version` is not the current one, [`ErrorKind::Invalid`] that names each
    /// unknown collection, says how many photos there may be, or where photos were not prepared,
    /// [`ErrorKind::ModelMismatch`] where an encoding is not of the active model and its mode,
    /// [`ErrorKind::Corrupt`] where a photo or an encoding that stays has flipped bits, and as for
    /// every write.
    pub fn update_person(
        &self,
        client: &ClientId,
        id: &PersonId,
        update: &PersonUpdate,
        prepared: &PreparedImages,
    ) -> Result<Written> {
        self.update(client, id, update, prepared)
    }

    /// As [`Self::update_person`], with an answer without photos and encodings: unless the update
    /// names photos, none is read, and so none that is damaged is noticed.
    ///
    /// # Errors
    /// As for [`Self::update_person`].
    pub fn update_person_summary(
        &self,
        client: &ClientId,
        id: &PersonId,
        update: &PersonUpdate,
        prepared: &PreparedImages,
    ) -> Result<Written<PersonSummary>> {
        self.update(client, id, update, prepared)
    }

    fn update<P: Answered>(
        &self,
        client: &ClientId,
        id: &PersonId,
        update: &PersonUpdate,
        prepared: &PreparedImages,
    ) -> Result<Written<P>> {
        let (mut written, replaced, removed) = self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let key = persons::require_key(connection, tenant, id)?;
            let mut row = PersonRow::by_key(connection, key)?;
            row.person.require_version(update.expected_version)?;
            if update.is_keep() {
                return Ok((answer(connection, client, key, None, None)?, false, false));
            }
            let memberships = match &update.collections {
                Some(names) => Some(collections::resolve(connection, tenant, names)?),
                None => None,
            };
            let model = self.active_or(connection, prepared.model.as_ref())?;
            let images = images::apply(connection, key, id, &update.images, prepared, model.as_ref())?;
            let moved = match memberships {
                Some(memberships) => collections::set_of_person(connection, key, &memberships)?,
                None => false,
            };
            let before = row.person.clone();
            update.apply(&mut row.person);
            attributes::apply(connection, key, &update.attributes)?;
            let is_noticed = images.changed || moved || row.person.status != before.status;
            let raised = if is_noticed { Some(generation::raise(connection)?) } else { None };
            row.generation = raised.unwrap_or(row.generation);
            row.person.version += 1;
            row.person.updated_at = row.person.updated_at.max(clock::now());
            row.save(connection)?;
            let change = PersonChanged { before: &before, after: &row.person, update, moved, images: &images };
            self.note(connection, Some(client), Some(key), || Ok(change.event()))?;
            let replaced = change.replaces();
            if replaced {
                erasure::note(connection)?;
            }
            Ok((answer(connection, client, key, model.as_ref(), raised)?, replaced, images.removed))
        })?;
        written.erasure = match (replaced, removed) {
            (_, true) => self.erase(),
            (true, false) => self.inner.erasure.outcome(),
            (false, false) => Erasure::Nothing,
        };
        Ok(written)
    }

    /// Removes a person with everything that the vault holds of it: nothing of it is left in the
    /// file, nor, once [`Removed::erasure`] is [`Erasure::Done`], in the write-ahead log.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Conflict`] where `expected_version` is named and not
    /// the current one, and as for every write.
    pub fn remove_person(&self, client: &ClientId, id: &PersonId, expected_version: Option<u64>) -> Result<Removed> {
        self.remove_person_because(client, id, expected_version, RemovalReason::Asked)
    }

    /// As [`Self::remove_person`]; the audit trail gives this reason.
    ///
    /// # Errors
    /// As for [`Self::remove_person`].
    pub fn remove_person_because(
        &self,
        client: &ClientId,
        id: &PersonId,
        expected_version: Option<u64>,
        reason: RemovalReason,
    ) -> Result<Removed> {
        let (key, gallery, receipt) = self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let key = persons::require_key(connection, tenant, id)?;
            if expected_version.is_some() {
                PersonRow::by_key(connection, key)?.person.require_version(expected_version)?;
            }
            let opening = Opening::generate()?;
            let entry = self.note(connection, Some(client), Some(key), || {
                Ok(AuditEvent::PersonRemoved(removal(connection, key, client, id, &opening, reason)?))
            })?;
            let receipt = match entry {
                Some((entry, at)) => {
                    let at = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
                    Some(Receipt::new(entry, at, opening))
                }
                None => None,
            };
            connection.prepare_cached("DELETE FROM persons WHERE key = ?1")?.execute([key])?;
            let raised = generation::raise(connection)?;
            generation::note_removal(connection, raised, key)?;
            erasure::note(connection)?;
            let gallery = generation::effect(connection, Some(raised))?;
            Ok((PersonKey::new(key), gallery, receipt))
        })?;
        Ok(Removed { key, gallery, erasure: self.erase(), receipt })
    }
}

/// What the audit trail says of a person who is about to be removed.
fn removal(
    connection: &Connection,
    key: i64,
    client: &ClientId,
    id: &PersonId,
    opening: &Opening,
    reason: RemovalReason,
) -> Outcome<Removal> {
    let images = images::rows(connection, key)?;
    let mut statement = connection.prepare_cached(
        "SELECT version, (SELECT COUNT(*) FROM encodings e JOIN images i ON i.key = e.image WHERE i.person = ?1),
                (SELECT COUNT(*) FROM attributes WHERE person = ?1),
                (SELECT COUNT(*) FROM memberships WHERE person = ?1) FROM persons WHERE key = ?1",
    )?;
    let counts = statement.query_row([key], |row| {
        let count = |index| columns::count(row, index);
        Ok([count(0)?, count(1)?, count(2)?, count(3)?])
    })?;
    let hashes: Vec<[u8; 32]> = images.iter().map(|image| image.sha256).collect();
    let mut removal = Removal::new(opening, client, id, &hashes);
    removal.reason = reason;
    removal.photos = images.iter().filter(|image| image.has_photo).count() as u64;
    [removal.version, removal.encodings, removal.attributes, removal.collections] = counts;
    Ok(removal)
}

/// How a person is answered after a write.
trait Answered: Sized {
    fn read(connection: &Connection, key: i64, client: &ClientId) -> Outcome<Self>;
    /// What a gallery by `model` holds of the person now.
    fn searched(&self, connection: &Connection, key: i64, model: &ModelRow) -> Outcome<GalleryPerson>;
}

impl Answered for Person {
    fn read(connection: &Connection, key: i64, client: &ClientId) -> Outcome<Self> {
        persons::load(connection, key, client)
    }

    /// The answer has the encodings already.
    fn searched(&self, _: &Connection, key: i64, _: &ModelRow) -> Outcome<GalleryPerson> {
        let encodings = self.images.iter().filter_map(|image| Some((image.id.clone(), image.encoding.clone()?)));
        Ok(GalleryPerson {
            key: PersonKey::new(key),
            id: self.id.clone(),
            status: self.status,
            collections: self.collections.clone(),
            photos: self.images.len() as u64,
            encodings: encodings.collect(),
        })
    }
}

impl Answered for PersonSummary {
    fn read(connection: &Connection, key: i64, _: &ClientId) -> Outcome<Self> {
        persons::summary(connection, key)
    }

    fn searched(&self, connection: &Connection, key: i64, model: &ModelRow) -> Outcome<GalleryPerson> {
        generation::gallery_person(connection, key, self.id.clone(), self.status, Some(model))
    }
}

/// The answer of a write that raised the generation to `raised`, if it did.
fn answer<P: Answered>(
    connection: &Connection,
    client: &ClientId,
    key: i64,
    model: Option<&ModelRow>,
    raised: Option<i64>,
) -> Outcome<Written<P>> {
    let person = P::read(connection, key, client)?;
    let searched: Option<(ModelId, GalleryPerson)> = match (raised, model) {
        (Some(_), Some(model)) => Some((model.id, person.searched(connection, key, model)?)),
        _ => None,
    };
    let gallery = generation::effect(connection, raised)?;
    Ok(Written { person, key: PersonKey::new(key), gallery, searched, erasure: Erasure::Nothing })
}
