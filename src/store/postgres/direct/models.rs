//! The models whose encodings a hub holds, the active one among them, and the way from one active model to the next.

use pgvector::Vector;
use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{self as shared, MODEL, cell, damaged};
use super::super::timeline::{Numbers, sql};
use super::{HubStore, photos};
use crate::audit::AuditEvent;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, ImageBytes, ImageId, PersonId};
use crate::spec::EncodingMode;
use crate::store::model::{require_mode, require_of};
use crate::store::{Erasure, GalleryEffect, ImageRef, ModelInfo};

/// The photos, and the encodings that were given without one, that have no encoding by the model $1.
const WITHOUT: &str = "FROM facevault.images i
    WHERE NOT EXISTS (SELECT 1 FROM facevault.encodings e WHERE e.image = i.key AND e.model = $1)";

/// The most components that pgvector's vectors have.
const MOST_COMPONENTS: usize = 16_000;

impl HubStore {
    pub(in crate::store) fn active_model(&self) -> Result<Option<ModelInfo>> {
        self.read(|transaction| Ok(active(transaction)?.map(|(_, model)| model)))
    }

    pub(in crate::store) fn models(&self) -> Result<Vec<ModelInfo>> {
        self.read(|transaction| shared::models(transaction))
    }

    pub(in crate::store) fn add_model(&self, model: &ModelInfo) -> Result<()> {
        self.write(|numbers| self.add(numbers.transaction, model))
    }

    /// What galleries of other programs hold stays true where the old encodings are kept: then the change has a number
    /// by which everybody sees that there was one, and no person has another. Otherwise each person who lost encodings
    /// gets a new number.
    pub(in crate::store) fn switch_model(
        &self,
        from: &ModelId,
        to: &ModelId,
        keep_old: bool,
        left_out: &[ImageRef],
    ) -> Result<(GalleryEffect, Erasure)> {
        self.write(|numbers| {
            let old = active(numbers.transaction)?.filter(|(_, active)| active.id == *from);
            let (old, _) = old.ok_or_else(|| {
                Error::new(ErrorKind::Conflict, format!("model {from} is not the active one of the hub"))
            })?;
            let (new, _) = require(numbers.transaction, to)?;
            if old == new {
                return Ok((self.effect(numbers, false), Erasure::Nothing));
            }
            let mut left_out: Vec<i64> = left_out.iter().map(|image| image.key).collect();
            left_out.sort_unstable();
            left_out.dedup();
            let count = format!("SELECT COUNT(*) {WITHOUT} AND i.key <> ALL($2)");
            let row = numbers.transaction.query_one(&count, &[&new, &left_out]).map_err(told)?;
            let missing: i64 = cell(&row, 0)?;
            if missing > 0 {
                let message = format!(
                    "{missing} photos or given encodings have no encoding by model {to}: encode or remove them first"
                );
                return Err(Error::new(ErrorKind::ModelMismatch, message));
            }
            let update = "UPDATE facevault.hub SET active_model = $1 WHERE key = 1";
            numbers.transaction.execute(update, &[&new]).map_err(told)?;
            let persons = if keep_old { Vec::new() } else { remove_encodings(numbers.transaction, old)? };
            let event = AuditEvent::ModelSwitched {
                from: from.to_string(),
                to: to.to_string(),
                kept_old: keep_old,
                left_out: left_out.len() as u64,
            };
            self.note(numbers.transaction, None, None, event)?;
            let removed = !persons.is_empty();
            if removed {
                renumber(numbers, persons)?;
            } else {
                numbers.next()?;
            }
            let erasure = if removed { Erasure::Pending } else { Erasure::Nothing };
            Ok((self.effect(numbers, true), erasure))
        })
    }

    pub(in crate::store) fn count_images_without(&self, model: &ModelId) -> Result<u64> {
        self.read(|transaction| {
            let (model, _) = require(transaction, model)?;
            let count = format!("SELECT COUNT(*) {WITHOUT} AND i.has_photo");
            Ok(cell::<i64>(&transaction.query_one(&count, &[&model]).map_err(told)?, 0)?.unsigned_abs())
        })
    }

    pub(in crate::store) fn images_without(
        &self,
        model: &ModelId,
        after: Option<&ImageRef>,
        limit: usize,
    ) -> Result<Vec<ImageRef>> {
        self.lacking(model, true, after, limit)
    }

    pub(in crate::store) fn given_without(&self, model: &ModelId) -> Result<Vec<ImageRef>> {
        self.lacking(model, false, None, usize::MAX)
    }

    fn lacking(
        &self,
        model: &ModelId,
        has_photo: bool,
        after: Option<&ImageRef>,
        limit: usize,
    ) -> Result<Vec<ImageRef>> {
        self.read(|transaction| {
            let (model, _) = require(transaction, model)?;
            let select = "SELECT i.key, c.id, p.id, i.id
                          FROM facevault.images i JOIN facevault.persons p ON p.key = i.person
                          JOIN facevault.clients c ON c.key = p.client
                          WHERE i.key > $2 AND i.has_photo = $3 AND NOT EXISTS (
                              SELECT 1 FROM facevault.encodings e WHERE e.image = i.key AND e.model = $1)
                          ORDER BY i.key LIMIT $4";
            let (after, limit) = (after.map_or(0, |image| image.key), i64::try_from(limit).unwrap_or(i64::MAX));
            let rows = transaction.query(select, &[&model, &after, &has_photo, &limit]).map_err(told)?;
            rows.iter().map(named).collect()
        })
    }

    pub(in crate::store) fn photo(&self, image: &ImageRef) -> Result<Option<ImageBytes>> {
        self.read(|transaction| {
            let select = "SELECT o.bytes FROM facevault.images i LEFT JOIN facevault.photos o ON o.image = i.key
                          WHERE i.key = $1 AND i.id = $2";
            let row = transaction.query_opt(select, &[&image.key, &image.image.as_str()]).map_err(told)?;
            let Some(row) = row else { return Ok(None) };
            let bytes: Option<&[u8]> = cell(&row, 0)?;
            let bytes = bytes.ok_or_else(|| photos::missing(&image.person, &image.image))?;
            Ok(Some(ImageBytes::from(bytes)))
        })
    }

    pub(in crate::store) fn add_encodings(
        &self,
        model: &ModelId,
        batch: &[(ImageRef, FaceEncoding)],
    ) -> Result<(usize, GalleryEffect)> {
        self.write(|numbers| {
            let (key, model) = require(numbers.transaction, model)?;
            let (mut added, mut persons) = (0, Vec::new());
            for (image, encoding) in batch {
                require_of(&model.id, model.dimension, encoding)?;
                // A photo that is gone, or was given an encoding meanwhile, is passed over.
                let insert = "INSERT INTO facevault.encodings (image, model, client, person, vector)
                              SELECT i.key, $2, i.client, i.person, $3 FROM facevault.images i
                              WHERE i.key = $1 AND i.id = $4
                              ON CONFLICT DO NOTHING RETURNING person";
                let vector = Vector::from(encoding.vector().to_vec());
                let row = numbers
                    .transaction
                    .query_opt(insert, &[&image.key, &key, &vector, &image.image.as_str()])
                    .map_err(told)?;
                if let Some(row) = row {
                    added += 1;
                    persons.push(cell(&row, 0)?);
                }
            }
            if added > 0 {
                renumber(numbers, persons)?;
                let event = AuditEvent::EncodingsAdded { model: model.id.to_string(), encodings: added as u64 };
                self.note(numbers.transaction, None, None, event)?;
            }
            Ok((added, self.effect(numbers, added > 0)))
        })
    }

    /// The active model, which `made_by`, the model of the encodings that come, becomes if there is none. Refuses
    /// encodings that were made in another mode than the one that is noted.
    pub(super) fn active_or(
        &self,
        transaction: &mut Transaction<'_>,
        made_by: Option<&ModelInfo>,
    ) -> Result<Option<(i64, ModelInfo)>> {
        let known = active(transaction)?;
        match (known, made_by) {
            (None, Some(first)) => {
                self.add(transaction, first)?;
                active(transaction)
            }
            (Some(known), Some(made_by)) if known.1.id == made_by.id => {
                require_mode(known.1.mode, made_by.mode)?;
                Ok(Some(known))
            }
            (known, _) => Ok(known),
        }
    }

    /// Makes a model known. The first that a hub learns of is the active one, whoever brought it.
    fn add(&self, transaction: &mut Transaction<'_>, model: &ModelInfo) -> Result<()> {
        match find(transaction, &model.id)? {
            Some((_, known)) => require_same(&known, model)?,
            None => {
                insert(transaction, model)?;
                let event = AuditEvent::ModelAdded { model: model.id.to_string() };
                self.note(transaction, None, None, event)?;
            }
        }
        let update = "UPDATE facevault.hub SET active_model = (SELECT MIN(key) FROM facevault.models)
                      WHERE active_model IS NULL";
        transaction.execute(update, &[]).map_err(told)?;
        Ok(())
    }

    fn effect(&self, numbers: &Numbers<'_, '_>, changed: bool) -> GalleryEffect {
        GalleryEffect { generation: self.as_generation(numbers.last()), changed }
    }
}

/// The active model with its key; before one was chosen, the first that came.
pub(in super::super) fn active(transaction: &mut Transaction<'_>) -> Result<Option<(i64, ModelInfo)>> {
    let select = format!(
        "SELECT {MODEL} FROM facevault.models m
         WHERE m.key = COALESCE((SELECT active_model FROM facevault.hub), (SELECT MIN(key) FROM facevault.models))"
    );
    let row = transaction.query_opt(&select, &[]).map_err(told)?;
    row.map(|row| shared::model(&row)).transpose()
}

/// The model with this id and its key, if the hub knows it.
pub(super) fn find(transaction: &mut Transaction<'_>, model: &ModelId) -> Result<Option<(i64, ModelInfo)>> {
    let select = format!("SELECT {MODEL} FROM facevault.models m WHERE m.id = $1");
    let row = transaction.query_opt(&select, &[&&model.as_bytes()[..]]).map_err(told)?;
    row.map(|row| shared::model(&row)).transpose()
}

/// The model with this id and its key.
fn require(transaction: &mut Transaction<'_>, model: &ModelId) -> Result<(i64, ModelInfo)> {
    find(transaction, model)?.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the hub knows no model {model}")))
}

/// Refuses a model that the hub knows with another dimension or metric.
fn require_same(known: &ModelInfo, model: &ModelInfo) -> Result<()> {
    if known.dimension == model.dimension && known.metric == model.metric {
        return Ok(());
    }
    let message = format!(
        "the hub knows model {} with {} components and metric {}, found {} and {}",
        model.id,
        known.dimension,
        known.metric.as_str(),
        model.dimension,
        model.metric.as_str()
    );
    Err(Error::new(ErrorKind::ModelMismatch, message))
}

/// Writes a model that is not known yet.
fn insert(transaction: &mut Transaction<'_>, model: &ModelInfo) -> Result<()> {
    let dimension = i32::try_from(model.dimension).unwrap_or(i32::MAX);
    if !(1..=MOST_COMPONENTS).contains(&model.dimension) {
        let found = model.dimension;
        let message = format!("a model has 1 to {MOST_COMPONENTS} components in a hub, found {found}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let (id, mode) = (&model.id.as_bytes()[..], model.mode.map(EncodingMode::as_str));
    let insert = "INSERT INTO facevault.models (id, name, dimension, metric, mode) VALUES ($1, $2, $3, $4, $5)";
    transaction.execute(insert, &[&id, &model.name, &dimension, &model.metric.as_str(), &mode]).map_err(told)?;
    Ok(())
}

/// Removes a model's encodings, but for those that were given without a photo, and the model where none is left.
/// Returns whose they were, each person as often as there were encodings.
fn remove_encodings(transaction: &mut Transaction<'_>, model: i64) -> Result<Vec<i64>> {
    let delete = "DELETE FROM facevault.encodings
                  WHERE model = $1 AND image IN (SELECT key FROM facevault.images WHERE has_photo) RETURNING person";
    let rows = transaction.query(delete, &[&model]).map_err(told)?;
    let persons = rows.iter().map(|row| cell(row, 0)).collect::<Result<_>>()?;
    let delete = "DELETE FROM facevault.models
                  WHERE key = $1 AND NOT EXISTS (SELECT 1 FROM facevault.encodings WHERE model = $1)";
    transaction.execute(delete, &[&model]).map_err(told)?;
    Ok(persons)
}

/// Gives persons a new number each, since galleries and vaults that follow the hub have to see what changed. Their
/// versions stay.
fn renumber(numbers: &mut Numbers<'_, '_>, mut persons: Vec<i64>) -> Result<()> {
    persons.sort_unstable();
    persons.dedup();
    let last = numbers.many(persons.len() as u64)?;
    numbers
        .transaction
        .execute(
            "WITH numbered AS (
                 SELECT key, $2 - COUNT(*) OVER () + ROW_NUMBER() OVER (ORDER BY key) AS number
                 FROM facevault.persons WHERE key = ANY($1))
             UPDATE facevault.persons p SET changed = n.number FROM numbered n WHERE n.key = p.key",
            &[&persons, &sql(last)],
        )
        .map_err(told)?;
    Ok(())
}

/// A photo by its key and the ids of client, person and photo.
fn named(row: &Row) -> Result<ImageRef> {
    Ok(ImageRef {
        key: cell(row, 0)?,
        client: ClientId::new(cell::<&str>(row, 1)?).map_err(|_| damaged())?,
        person: PersonId::new(cell::<&str>(row, 2)?).map_err(|_| damaged())?,
        image: ImageId::new(cell::<&str>(row, 3)?).map_err(|_| damaged())?,
    })
}
