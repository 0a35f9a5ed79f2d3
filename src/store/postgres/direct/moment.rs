//! What a decision needs to know of a hub, all of it at one moment.

use std::cell::RefCell;
use std::collections::HashMap;

use postgres::Transaction;

use super::super::error::told;
use super::rows::{PersonRow, in_order_of_age};
use super::{collections, gallery, models, photos};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{Collection, CollectionId, DateOfBirth, ImageId, PersonId, PersonSummary, fold};
use crate::store::{GalleryChanges, ModelInfo, Moment};

/// The inside of a transaction, as one client sees it.
pub(super) struct Now<'a, 'b> {
    transaction: RefCell<&'a mut Transaction<'b>>,
    client: i64,
    generation: u64,
}

impl<'a, 'b> Now<'a, 'b> {
    pub(super) fn new(transaction: &'a mut Transaction<'b>, client: i64, generation: u64) -> Self {
        Self { transaction: RefCell::new(transaction), client, generation }
    }

    fn read<T>(&self, work: impl FnOnce(&mut Transaction<'b>) -> Result<T>) -> Result<T> {
        work(&mut self.transaction.borrow_mut())
    }
}

impl Moment for Now<'_, '_> {
    fn active_model(&self) -> Result<Option<ModelInfo>> {
        self.read(|transaction| Ok(models::active(transaction)?.map(|(_, model)| model)))
    }

    fn collections(&self, names: &[String]) -> Result<Vec<CollectionId>> {
        self.read(|transaction| collections::resolve(transaction, self.client, names))
    }

    fn find_collection(&self, id_or_code: &str) -> Result<Option<Collection>> {
        self.read(|transaction| {
            Ok(collections::find(transaction, self.client, id_or_code)?.map(|found| found.collection))
        })
    }

    fn require_new(&self, id: &PersonId) -> Result<()> {
        self.read(|transaction| require_new(transaction, self.client, id))
    }

    fn person_summary(&self, id: &PersonId) -> Result<PersonSummary> {
        self.read(|transaction| Ok(PersonRow::require(transaction, self.client, id)?.person))
    }

    fn known_encodings(&self, person: &PersonId, model: &ModelId) -> Result<HashMap<[u8; 32], FaceEncoding>> {
        self.read(|transaction| {
            let key = PersonRow::require(transaction, self.client, person)?.key;
            photos::known_encodings(transaction, key, model)
        })
    }

    fn encodings(&self, person: &PersonId, model: &ModelId) -> Result<Vec<(ImageId, FaceEncoding)>> {
        self.read(|transaction| {
            let key = PersonRow::require(transaction, self.client, person)?.key;
            photos::encodings(transaction, key, model)
        })
    }

    fn namesake(
        &self,
        name: &str,
        born: DateOfBirth,
        collections: Option<&[CollectionId]>,
    ) -> Result<Option<PersonId>> {
        self.read(|transaction| {
            let select = format!(
                "SELECT {} FROM facevault.persons p WHERE p.client = $1 AND p.date_of_birth = $2 ORDER BY p.key",
                PersonRow::COLUMNS
            );
            let rows = transaction.query(&select, &[&self.client, &born.to_string()]).map_err(told)?;
            let mut people = rows.iter().map(PersonRow::read).collect::<Result<Vec<_>>>()?;
            people.retain(|row| fold(&row.person.name).trim() == fold(name).trim());
            in_order_of_age(transaction, self.client, &mut people)?;
            let is_wanted = |row: &PersonRow| {
                collections.is_none_or(|wanted| row.person.collections.iter().any(|id| wanted.contains(id)))
            };
            Ok(people.into_iter().find(is_wanted).map(|row| row.person.id))
        })
    }

    fn changes_since(&self, since: u64, model: &ModelId, most: usize) -> Result<Option<GalleryChanges>> {
        self.read(|transaction| gallery::changes(transaction, self.client, self.generation, since, model, most))
    }
}

/// Refuses an id that a client's person has.
pub(super) fn require_new(transaction: &mut Transaction<'_>, client: i64, id: &PersonId) -> Result<()> {
    let select = "SELECT 1 FROM facevault.persons WHERE client = $1 AND id = $2";
    match transaction.query_opt(select, &[&client, &id.as_str()]).map_err(told)? {
        Some(_) => Err(Error::new(ErrorKind::AlreadyExists, format!("person {id} exists"))),
        None => Ok(()),
    }
}
