//! What galleries hold of a hub: all encodings, and what changed since.

use std::collections::HashMap;

use pgvector::Vector as Stored;
use postgres::Transaction;

use super::super::error::told;
use super::super::rows::{self as shared, cell, damaged};
use super::super::timeline::sql;
use super::connections::AGE;
use super::rows::{PersonRow, in_order_of_age};
use super::{HubStore, clients, models};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ClientId, CollectionId, ImageId, PersonId, PersonKey, Status};
use crate::store::{EncodingRow, GalleryChanges, GalleryPerson, Vector};

/// Encodings that are read at once.
const AT_ONCE: i32 = 2_000;

impl HubStore {
    pub(in crate::store) fn generation(&self) -> Result<u64> {
        self.read(|transaction| self.generation_in(transaction))
    }

    pub(in crate::store) fn changes_since(
        &self,
        client: &ClientId,
        since: u64,
        model: &ModelId,
        most: usize,
    ) -> Result<Option<GalleryChanges>> {
        self.read(|transaction| {
            let generation = self.generation_in(transaction)?;
            let client = clients::require(transaction, client)?;
            changes(transaction, client, generation, since, model, most)
        })
    }

    /// The order is that of persons, and of the photos of one.
    pub(super) fn all_encodings(
        &self,
        client: Option<&ClientId>,
        model: &ModelId,
        take: &mut dyn FnMut(EncodingRow<'_>) -> Result<()>,
    ) -> Result<u64> {
        self.read(|transaction| {
            let generation = self.generation_in(transaction)?;
            let client = client.map(|client| clients::require(transaction, client)).transpose()?;
            let Some((model, info)) = models::find(transaction, model)? else { return Ok(generation) };
            let ages = ages(transaction)?;
            let owners = owners(transaction)?;
            let portal = transaction
                .bind(
                    "SELECT p.key, p.client, p.id, p.status, i.id, e.vector,
                            ARRAY(SELECT substr(item, 12) FROM jsonb_object_keys(p.items) item
                                  WHERE item LIKE 'collection:%')
                     FROM facevault.encodings e
                     JOIN facevault.images i ON i.key = e.image
                     JOIN facevault.persons p ON p.key = e.person
                     WHERE e.model = $1 AND ($2::bigint IS NULL OR e.client = $2)
                     ORDER BY p.key, i.position, i.key",
                    &[&model, &client],
                )
                .map_err(told)?;
            let mut bytes = Vec::with_capacity(4 * info.dimension);
            loop {
                let rows = transaction.query_portal(&portal, AT_ONCE).map_err(told)?;
                if rows.is_empty() {
                    return Ok(generation);
                }
                for row in &rows {
                    let owner: i64 = cell(row, 1)?;
                    let mut collections = cell::<Vec<&str>>(row, 6)?
                        .into_iter()
                        .map(|id| CollectionId::new(id).map_err(|_| damaged()))
                        .collect::<Result<Vec<_>>>()?;
                    collections.sort_by_key(|id| ages.get(&(owner, id.clone())).copied().unwrap_or(i64::MAX));
                    let vector: Stored = cell(row, 5)?;
                    if vector.as_slice().len() != info.dimension {
                        return Err(damaged());
                    }
                    bytes.clear();
                    vector.as_slice().iter().for_each(|component| bytes.extend(component.to_le_bytes()));
                    take(EncodingRow {
                        key: PersonKey::new(cell(row, 0)?),
                        client: owners.get(&owner).ok_or_else(damaged)?,
                        person: &PersonId::new(cell::<&str>(row, 2)?).map_err(|_| damaged())?,
                        image: &ImageId::new(cell::<&str>(row, 4)?).map_err(|_| damaged())?,
                        status: Status::parse(cell::<&str>(row, 3)?).map_err(|_| damaged())?,
                        collections: &collections,
                        vector: Vector::new(&bytes),
                    })?;
                }
            }
        })
    }
}

/// What a gallery missed that has seen `since`, up to `generation`, which is that of this transaction.
pub(super) fn changes(
    transaction: &mut Transaction<'_>,
    client: i64,
    generation: u64,
    since: u64,
    model: &ModelId,
    most: usize,
) -> Result<Option<GalleryChanges>> {
    let first = generation >> AGE << AGE;
    if since > generation || since < first {
        return Ok(None);
    }
    let after = sql(since - first);
    let many = i64::try_from(most).unwrap_or(i64::MAX - 1).saturating_add(1);
    let select = format!(
        "SELECT {} FROM facevault.persons p WHERE p.client = $1 AND p.changed > $2 ORDER BY p.key LIMIT $3",
        PersonRow::COLUMNS
    );
    let rows = transaction.query(&select, &[&client, &after, &many]).map_err(told)?;
    if rows.len() > most {
        return Ok(None);
    }
    let mut people = rows.iter().map(PersonRow::read).collect::<Result<Vec<_>>>()?;
    in_order_of_age(transaction, client, &mut people)?;
    let written = gallery_persons(transaction, people, Some(model))?;
    // 0 is written for a person whose number is not known: no gallery has such a person.
    let select = "SELECT person FROM facevault.tombstones
                  WHERE client = $1 AND sequence > $2 AND kind = 'person' AND person > 0 ORDER BY sequence";
    let rows = transaction.query(select, &[&client, &after]).map_err(told)?;
    let removed = rows.iter().map(|row| Ok(PersonKey::new(cell(row, 0)?))).collect::<Result<_>>()?;
    Ok(Some(GalleryChanges { generation, written, removed }))
}

/// When each collection came, by its client and id.
fn ages(transaction: &mut Transaction<'_>) -> Result<HashMap<(i64, CollectionId), i64>> {
    let rows = transaction.query("SELECT client, id, key FROM facevault.collections", &[]).map_err(told)?;
    let age = |row: &postgres::Row| {
        let id = CollectionId::new(cell::<&str>(row, 1)?).map_err(|_| damaged())?;
        Ok(((cell(row, 0)?, id), cell(row, 2)?))
    };
    rows.iter().map(age).collect()
}

/// The clients by their keys.
fn owners(transaction: &mut Transaction<'_>) -> Result<HashMap<i64, ClientId>> {
    let rows = transaction.query("SELECT key, id FROM facevault.clients", &[]).map_err(told)?;
    let owner = |row: &postgres::Row| Ok((cell(row, 0)?, ClientId::new(cell::<&str>(row, 1)?).map_err(|_| damaged())?));
    rows.iter().map(owner).collect()
}

/// What a gallery by `model` holds of persons.
pub(super) fn gallery_persons(
    transaction: &mut Transaction<'_>,
    people: Vec<PersonRow>,
    model: Option<&ModelId>,
) -> Result<Vec<GalleryPerson>> {
    let keys: Vec<i64> = people.iter().map(|row| row.key).collect();
    let mut images = match model {
        Some(model) => shared::images_of(transaction, &keys, Some(model))?,
        None => Default::default(),
    };
    let person = |row: PersonRow| {
        let images = images.remove(&row.key).unwrap_or_default().into_iter();
        GalleryPerson {
            key: PersonKey::new(row.key),
            id: row.person.id,
            status: row.person.status,
            photos: row.person.image_count,
            collections: row.person.collections,
            encodings: images
                .filter_map(|held| Some((held.image.id, held.image.encodings.into_iter().next()?)))
                .collect(),
        }
    };
    Ok(people.into_iter().map(person).collect())
}
