//! The writes of a person: insert, partial update, remove. Each answers with what it left behind, read in the same
//! transaction.

use jiff::Timestamp;
use postgres::Transaction;

use super::super::error::told;
use super::super::exchange::remove_person;
use super::super::rows::cell;
use super::super::timeline::Numbers;
use super::moment::{Now, require_new};
use super::photos::{self, Target};
use super::rows::{PersonRow, now};
use super::{HubStore, clients, collections, gallery, people};
use crate::audit::{AuditEvent, Opening, Receipt, Removal, RemovalReason};
use crate::error::{Error, Result, Rule};
use crate::patch::Patch;
use crate::person::{ClientId, MAX_ATTRIBUTES, NewPerson, Person, PersonId, PersonKey, PersonSummary, PersonUpdate};
use crate::store::noted::PersonChanged;
use crate::store::photo_plan::PhotoPlan;
use crate::store::{Erasure, GalleryEffect, Look, ModelInfo, Moment, PreparedImages, Removed, Written};

impl HubStore {
    pub(super) fn insert_persons_if(
        &self,
        client: &ClientId,
        people: &[(&NewPerson, &PreparedImages)],
        check: &mut dyn FnMut(usize, &dyn Moment) -> Result<()>,
    ) -> Result<Vec<Result<Written>>> {
        self.write(|numbers| {
            let mut outcomes = Vec::with_capacity(people.len());
            for (index, (new, prepared)) in people.iter().enumerate() {
                let before = numbers.keep();
                numbers.transaction.batch_execute("SAVEPOINT person").map_err(told)?;
                let inserted = self.insert(numbers, client, new, prepared, &mut |now| check(index, now));
                let outcome = match inserted {
                    Err(error) if error.refuses_one_person() => {
                        numbers.transaction.batch_execute("ROLLBACK TO SAVEPOINT person").map_err(told)?;
                        numbers.go_back_to(before);
                        Err(error)
                    }
                    inserted => Ok(inserted?),
                };
                numbers.transaction.batch_execute("RELEASE SAVEPOINT person").map_err(told)?;
                outcomes.push(outcome);
            }
            Ok(outcomes)
        })
    }

    /// Adds a person in a transaction, if `check` finds nothing against it.
    pub(super) fn insert(
        &self,
        numbers: &mut Numbers<'_, '_>,
        client: &ClientId,
        new: &NewPerson,
        prepared: &PreparedImages,
        check: &mut Look<'_>,
    ) -> Result<Written> {
        let tenant = clients::require(numbers.transaction, client)?;
        let id = new.id.clone().unwrap_or_else(PersonId::generate);
        require_new(numbers.transaction, tenant, &id)?;
        let memberships = collections::resolve(numbers.transaction, tenant, &new.collections)?;
        let generation = self.as_generation(numbers.last());
        check(&Now::new(numbers.transaction, tenant, generation))?;
        let model = self.active_or(numbers.transaction, prepared.model.as_ref())?;
        let mut person = PersonSummary::new(id, new, now());
        person.collections = memberships;
        person.attributes.clone_from(&new.attributes);
        let mut row = PersonRow::insert(numbers, tenant, person)?;
        let images = prepared.of(&new.images, &new.encodings)?;
        if !images.is_empty() {
            let mut target =
                Target { transaction: numbers.transaction, client: tenant, key: row.key, model: model.as_ref() };
            target.carry_out(&PhotoPlan::all_new(images))?;
            let ids = target.ids()?;
            row.save(numbers, &ids)?;
        }
        let (photos, encodings) = (new.images.len() as u64, new.encodings.len() as u64);
        let event = AuditEvent::PersonCreated { photos, encodings };
        self.note(numbers.transaction, Some(client), Some(row.key), event)?;
        self.answer(numbers, client, row, model.as_ref(), true)
    }

    pub(in crate::store) fn update_person(
        &self,
        client: &ClientId,
        id: &PersonId,
        update: &PersonUpdate,
        prepared: &PreparedImages,
    ) -> Result<Written> {
        self.update(client, id, update, prepared)
    }

    pub(in crate::store) fn update_person_summary(
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
        self.write(|numbers| {
            let tenant = clients::require(numbers.transaction, client)?;
            let mut row = PersonRow::require(numbers.transaction, tenant, id)?;
            row.person.require_version(update.expected_version)?;
            if update.is_keep() {
                return self.answer(numbers, client, row, None, false);
            }
            let memberships = match &update.collections {
                Some(names) => Some(collections::resolve(numbers.transaction, tenant, names)?),
                None => None,
            };
            let model = self.active_or(numbers.transaction, prepared.model.as_ref())?;
            let mut target =
                Target { transaction: numbers.transaction, client: tenant, key: row.key, model: model.as_ref() };
            let images = target.apply(id, &update.images, prepared)?;
            let ids = match update.images.is_keep() {
                true => row.images(),
                false => target.ids()?,
            };
            let before = row.person.clone();
            update.apply(&mut row.person);
            apply_attributes(&mut row.person, update)?;
            row.person.collections = memberships.unwrap_or_else(|| before.collections.clone());
            row.person.version += 1;
            row.person.updated_at = row.person.updated_at.max(now());
            row.save(numbers, &ids)?;
            let moved = row.person.collections != before.collections;
            let change = PersonChanged { before: &before, after: &row.person, update, moved, images: &images };
            self.note(numbers.transaction, Some(client), Some(row.key), change.event())?;
            let erasure = if change.replaces() { Erasure::Pending } else { Erasure::Nothing };
            let written = self.answer(numbers, client, row, model.as_ref(), true)?;
            Ok(Written { erasure, ..written })
        })
    }

    pub(in crate::store) fn remove_person_because(
        &self,
        client: &ClientId,
        id: &PersonId,
        expected_version: Option<u64>,
        reason: RemovalReason,
    ) -> Result<Removed> {
        self.write(|numbers| {
            let tenant = clients::require(numbers.transaction, client)?;
            let row = PersonRow::require(numbers.transaction, tenant, id)?;
            row.person.require_version(expected_version)?;
            let opening = Opening::generate()?;
            let removal = removal(numbers.transaction, &row, client, &opening, reason)?;
            let event = AuditEvent::PersonRemoved(removal);
            let entry = self.note(numbers.transaction, Some(client), Some(row.key), event)?;
            let receipt = entry.map(|(entry, at)| {
                let at = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
                Receipt::new(entry, at, opening)
            });
            numbers.tenant = tenant;
            remove_person(numbers, &row.uid)?;
            let gallery = GalleryEffect { generation: self.as_generation(numbers.last()), changed: true };
            // PostgreSQL overwrites what was removed when it gets to it.
            Ok(Removed { key: PersonKey::new(row.key), gallery, erasure: Erasure::Pending, receipt })
        })
    }

    /// The answer of a write that left this row behind, or found nothing to change.
    fn answer<P: Answered>(
        &self,
        numbers: &mut Numbers<'_, '_>,
        client: &ClientId,
        row: PersonRow,
        model: Option<&(i64, ModelInfo)>,
        changed: bool,
    ) -> Result<Written<P>> {
        let (person, key) = (P::read(numbers.transaction, &row, client)?, PersonKey::new(row.key));
        let searched = match (changed, model) {
            (true, Some((_, model))) => {
                let searched = gallery::gallery_persons(numbers.transaction, vec![row], Some(&model.id))?;
                searched.into_iter().next().map(|person| (model.id, person))
            }
            _ => None,
        };
        let gallery = GalleryEffect { generation: self.as_generation(numbers.last()), changed };
        Ok(Written { person, key, gallery, searched, erasure: Erasure::Nothing })
    }
}

/// Does what an update asks to a person's attributes.
fn apply_attributes(person: &mut PersonSummary, update: &PersonUpdate) -> Result<()> {
    match &update.attributes {
        Patch::Keep => {}
        Patch::Clear => person.attributes.clear(),
        Patch::Set(named) => {
            for (key, value) in named {
                match value {
                    Some(value) => person.attributes.insert(key.clone(), value.clone()),
                    None => person.attributes.remove(key),
                };
            }
        }
    }
    if person.attributes.len() > MAX_ATTRIBUTES {
        return Err(Error::invalid("attributes", Rule::Count { min: 0, max: MAX_ATTRIBUTES }));
    }
    Ok(())
}

/// What the audit trail says of a person who is about to be removed.
fn removal(
    transaction: &mut Transaction<'_>,
    row: &PersonRow,
    client: &ClientId,
    opening: &Opening,
    reason: RemovalReason,
) -> Result<Removal> {
    let images = photos::rows(transaction, row.key)?;
    let hashes: Vec<[u8; 32]> = images.iter().map(|image| image.sha256).collect();
    let count = "SELECT COUNT(*) FROM facevault.encodings WHERE person = $1";
    let encodings: i64 = cell(&transaction.query_one(count, &[&row.key]).map_err(told)?, 0)?;
    let mut removal = Removal::new(opening, client, &row.person.id, &hashes);
    removal.reason = reason;
    removal.version = row.person.version;
    removal.photos = images.iter().filter(|image| image.has_photo).count() as u64;
    removal.encodings = encodings.unsigned_abs();
    removal.attributes = row.person.attributes.len() as u64;
    removal.collections = row.person.collections.len() as u64;
    Ok(removal)
}

/// How a person is answered after a write.
trait Answered: Sized {
    fn read(transaction: &mut Transaction<'_>, row: &PersonRow, client: &ClientId) -> Result<Self>;
}

impl Answered for Person {
    fn read(transaction: &mut Transaction<'_>, row: &PersonRow, client: &ClientId) -> Result<Self> {
        people::whole(transaction, row.key, row.person.clone(), client)
    }
}

impl Answered for PersonSummary {
    fn read(_: &mut Transaction<'_>, row: &PersonRow, _: &ClientId) -> Result<Self> {
        Ok(row.person.clone())
    }
}
