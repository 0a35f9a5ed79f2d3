//! The models whose encodings a vault holds, the active one among them, and the way from one
//! active model to the next.

use std::collections::HashSet;

use rusqlite::{Connection, Row, params};

use super::error::Outcome;
use super::person_row::PERSONS;
use super::rows::MODELS;
use super::{Store, columns, erasure, generation, images};
use crate::audit::AuditEvent;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::ImageBytes;
use crate::spec::{EncodingMode, Metric};
use crate::store::model::{require_mode, require_of};
use crate::store::{Erasure, GalleryEffect, ImageRef, ModelInfo};

/// The photos, and the encodings that were given without one, that have no encoding by the model ?1.
const WITHOUT: &str =
    "FROM images i WHERE NOT EXISTS (SELECT 1 FROM encodings e WHERE e.image = i.key AND e.model = ?1)";

/// A model's row.
pub(super) struct ModelRow {
    pub(super) key: i64,
    pub(super) id: ModelId,
    pub(super) dimension: usize,
    pub(super) mode: Option<EncodingMode>,
}

impl Store {
    /// The model whose encodings persons show and galleries hold; `None` before the first one.
    ///
    /// # Errors
    /// As for every read.
    pub fn active_model(&self) -> Result<Option<ModelInfo>> {
        self.read(active_info)
    }

    /// All models that the vault knows, in the order in which they came.
    ///
    /// # Errors
    /// As for every read.
    pub fn models(&self) -> Result<Vec<ModelInfo>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&MODELS.select("ORDER BY key"))?;
            MODELS.read_all(statement.query([])?, info)
        })
    }

    /// Makes a model known, so that the vault takes its encodings; the first one becomes active.
    /// One that is known already stays as it is, mode included.
    ///
    /// # Errors
    /// [`ErrorKind::ModelMismatch`] where the vault knows it with another dimension or metric, and
    /// as for every write.
    pub fn add_model(&self, model: &ModelInfo) -> Result<()> {
        self.write(|connection| self.add(connection, model))
    }

    /// Makes `to` the active model instead of `from`, and removes the encodings of `from` unless
    /// they are to be kept. Encodings that were given without a photo always stay: nothing could make
    /// them again. Versions of persons stay; galleries load everything anew. The photos `left_out` may be
    /// without an encoding by `to`.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where `from` is not the active model, [`ErrorKind::NotFound`] where
    /// `to` is not known, [`ErrorKind::ModelMismatch`] while any other photo has none,
    /// and as for every write.
    pub fn switch_model(
        &self,
        from: &ModelId,
        to: &ModelId,
        keep_old: bool,
        left_out: &[ImageRef],
    ) -> Result<(GalleryEffect, Erasure)> {
        let left_out: HashSet<i64> = left_out.iter().map(|image| image.key).collect();
        let (gallery, removed) = self.write(|connection| {
            let old = active(connection)?.filter(|active| active.id == *from).ok_or_else(|| {
                Error::new(ErrorKind::Conflict, format!("model {from} is not the active one of the vault"))
            })?;
            let new = require(connection, to)?;
            if old.key == new.key {
                return Ok((generation::effect(connection, None)?, false));
            }
            let mut statement = connection.prepare_cached(&format!("SELECT i.key {WITHOUT}"))?;
            let mut rows = statement.query([new.key])?;
            let mut missing = 0;
            while let Some(row) = rows.next()? {
                missing += u64::from(!left_out.contains(&row.get(0)?));
            }
            if missing > 0 {
                let message = format!(
                    "{missing} photos or given encodings have no encoding by model {to}: encode or remove them first"
                );
                return Err(Error::new(ErrorKind::ModelMismatch, message).into());
            }
            connection.prepare_cached("UPDATE meta SET active_model = ?1")?.execute([new.key])?;
            let mut removed = false;
            if !keep_old {
                let rows = connection
                    .prepare_cached(
                        "DELETE FROM encodings
                         WHERE model = ?1 AND image IN (SELECT key FROM images WHERE has_photo)",
                    )?
                    .execute([old.key])?;
                connection
                    .prepare_cached(
                        "DELETE FROM models WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM encodings WHERE model = ?1)",
                    )?
                    .execute([old.key])?;
                removed = rows > 0;
                if removed {
                    erasure::note(connection)?;
                }
            }
            let (from, to, left_out) = (from.to_string(), to.to_string(), left_out.len() as u64);
            let event = AuditEvent::ModelSwitched { from, to, kept_old: keep_old, left_out };
            self.note(connection, None, None, || Ok(event))?;
            let raised = generation::raise(connection)?;
            generation::forget_before(connection, raised)?;
            Ok((generation::effect(connection, Some(raised))?, removed))
        })?;
        Ok((gallery, if removed { self.erase() } else { Erasure::Nothing }))
    }

    /// How many encodings the vault has of a model, of all clients.
    ///
    /// # Errors
    /// As for every read.
    pub fn encoding_count(&self, model: &ModelId) -> Result<u64> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT COUNT(*) FROM encodings e JOIN models m ON m.key = e.model WHERE m.id = ?1")?;
            Ok(statement.query_row([model.as_bytes()], |row| columns::count(row, 0))?)
        })
    }

    /// How many photos, of all clients, have no encoding by `model`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the model is not known, and as for every read.
    pub fn count_images_without(&self, model: &ModelId) -> Result<u64> {
        self.read(|connection| {
            let model = require(connection, model)?;
            let mut statement = connection.prepare_cached(&format!("SELECT COUNT(*) {WITHOUT} AND has_photo"))?;
            Ok(statement.query_row([model.key], |row| columns::count(row, 0))?)
        })
    }

    /// At most `limit` photos that have no encoding by `model`, oldest first, behind `after`: ask
    /// again with the last one until none is left.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the model is not known, and as for every read.
    pub fn images_without(&self, model: &ModelId, after: Option<&ImageRef>, limit: usize) -> Result<Vec<ImageRef>> {
        self.lacking(model, true, after, limit)
    }

    /// The encodings that were given without a photo, of all clients and oldest first, of which there is
    /// none by `model`: nothing could make one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the model is not known, and as for every read.
    pub fn given_without(&self, model: &ModelId) -> Result<Vec<ImageRef>> {
        self.lacking(model, false, None, usize::MAX)
    }

    fn lacking(
        &self,
        model: &ModelId,
        has_photo: bool,
        after: Option<&ImageRef>,
        limit: usize,
    ) -> Result<Vec<ImageRef>> {
        self.read(|connection| {
            let model = require(connection, model)?;
            let mut statement = connection.prepare_cached(
                "SELECT i.key, c.id, p.id, i.id
                 FROM images i JOIN persons p ON p.key = i.person JOIN clients c ON c.key = p.client
                 WHERE i.key > ?1 AND i.has_photo = ?4
                   AND NOT EXISTS (SELECT 1 FROM encodings e WHERE e.image = i.key AND e.model = ?2)
                 ORDER BY i.key LIMIT ?3",
            )?;
            let (after, limit) = (after.map_or(0, |image| image.key), i64::try_from(limit).unwrap_or(i64::MAX));
            let rows = statement.query_map(params![after, model.key, limit, has_photo], |row| {
                Ok(ImageRef {
                    key: row.get(0)?,
                    client: columns::id(row, 1)?,
                    person: columns::id(row, 2)?,
                    image: columns::id(row, 3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The photo itself; `None` where it was removed meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where its bytes have flipped bits, and as for every read.
    pub fn photo(&self, image: &ImageRef) -> Result<Option<ImageBytes>> {
        self.read(|connection| {
            if !is_there(connection, image)? {
                return Ok(None);
            }
            images::photo(connection, &image.person, image.key, &image.image).map(Some)
        })
    }

    /// Adds encodings that `model` made of photos in the vault, and returns how many. A photo that
    /// was removed meanwhile, or that has one by this model, is passed over. Versions of persons
    /// stay.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the model is not known, [`ErrorKind::ModelMismatch`] where an
    /// encoding is another model's or has another dimension, and as for every write.
    pub fn add_encodings(&self, model: &ModelId, batch: &[(ImageRef, FaceEncoding)]) -> Result<(usize, GalleryEffect)> {
        self.write(|connection| {
            let model = require(connection, model)?;
            let (mut added, mut raised) = (0, None);
            for (image, encoding) in batch {
                model.check(encoding)?;
                if !is_there(connection, image)? || images::has_encoding(connection, image.key, &model)? {
                    continue;
                }
                images::insert_encoding(connection, &image.person, image.key, &image.image, &model, encoding)?;
                added += 1;
                let generation = match raised {
                    Some(generation) => generation,
                    None => *raised.insert(generation::raise(connection)?),
                };
                let owner = images::owner(connection, image.key)?;
                PERSONS.update(connection, &[owner], &[("generation", &generation)])?;
            }
            if added > 0 {
                let event = AuditEvent::EncodingsAdded { model: model.id.to_string(), encodings: added as u64 };
                self.note(connection, None, None, || Ok(event))?;
            }
            Ok((added, generation::effect(connection, raised)?))
        })
    }
}

impl ModelRow {
    /// Refuses an encoding of another model or dimension.
    pub(super) fn check(&self, encoding: &FaceEncoding) -> Result<()> {
        require_of(&self.id, self.dimension, encoding)
    }
}

/// What is known of the active model.
pub(super) fn active_info(connection: &Connection) -> Outcome<Option<ModelInfo>> {
    read_active(connection, info)
}

/// The active model.
pub(super) fn active(connection: &Connection) -> Outcome<Option<ModelRow>> {
    read_active(connection, row)
}

fn read_active<T>(connection: &Connection, read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>) -> Outcome<Option<T>> {
    // A model that is named and not there is damage, not no model.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM meta LEFT JOIN models m ON m.key = active_model WHERE active_model IS NOT NULL",
        MODELS.selected("m.")
    ))?;
    MODELS.read_one(statement.query([])?, read)
}

impl Store {
    /// The active model, which `made_by`, the model of the encodings that come, becomes if there is none.
    /// Refuses encodings that were made in another mode than the one that is noted.
    pub(super) fn active_or(&self, connection: &Connection, made_by: Option<&ModelInfo>) -> Outcome<Option<ModelRow>> {
        let known = active(connection)?;
        match (known, made_by) {
            (None, Some(first)) => {
                self.add(connection, first)?;
                active(connection)
            }
            (Some(known), Some(made_by)) if known.id == made_by.id => {
                require_mode(known.mode, made_by.mode)?;
                Ok(Some(known))
            }
            (known, _) => Ok(known),
        }
    }

    /// Makes a model known, and active if it is the first.
    fn add(&self, connection: &Connection, model: &ModelInfo) -> Outcome<()> {
        let is_known = find(connection, &model.id)?.is_some();
        let key = insert(connection, model)?;
        if !is_known {
            let event = AuditEvent::ModelAdded { model: model.id.to_string() };
            self.note(connection, None, None, || Ok(event))?;
        }
        connection.prepare_cached("UPDATE meta SET active_model = ?1 WHERE active_model IS NULL")?.execute([key])?;
        Ok(())
    }
}

/// The model with this id, if the vault knows it.
pub(super) fn find(connection: &Connection, model: &ModelId) -> Outcome<Option<ModelRow>> {
    let mut statement = connection.prepare_cached(&MODELS.select("WHERE id = ?1"))?;
    match MODELS.read_one(statement.query([model.as_bytes()])?, row)? {
        Some(found) if found.id != *model => Err(MODELS.damaged()),
        found => Ok(found),
    }
}

/// The model with this id.
pub(super) fn require(connection: &Connection, model: &ModelId) -> Outcome<ModelRow> {
    find(connection, model)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the vault knows no model {model}")).into())
}

/// Writes a model that is not known yet, and returns its key.
pub(super) fn insert(connection: &Connection, model: &ModelInfo) -> Outcome<i64> {
    if let Some(known) = find(connection, &model.id)? {
        let metric: String = connection
            .prepare_cached("SELECT metric FROM models WHERE key = ?1")?
            .query_row([known.key], |row| row.get(0))?;
        if known.dimension != model.dimension || metric != model.metric.as_str() {
            let message = format!(
                "the vault knows model {} with {} components and metric {metric}, found {} and {}",
                model.id,
                known.dimension,
                model.dimension,
                model.metric.as_str()
            );
            return Err(Error::new(ErrorKind::ModelMismatch, message).into());
        }
        return Ok(known.key);
    }
    if !(1..=65_536).contains(&model.dimension) {
        let message = format!("a model has 1 to 65536 components, found {}", model.dimension);
        return Err(Error::new(ErrorKind::Invalid, message).into());
    }
    let key = MODELS.next_key(connection)?;
    MODELS.insert(
        connection,
        &[
            &key,
            model.id.as_bytes(),
            &model.name,
            &i64::try_from(model.dimension).unwrap_or(i64::MAX),
            &model.metric.as_str(),
            &model.mode.map(EncodingMode::as_str),
        ],
    )?;
    Ok(key)
}

/// Whether the photo is still the one that was named.
fn is_there(connection: &Connection, image: &ImageRef) -> Outcome<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM images WHERE key = ?1 AND id = ?2")?;
    Ok(statement.exists(params![image.key, image.image.as_str()])?)
}

fn row(row: &Row<'_>) -> rusqlite::Result<ModelRow> {
    let (id, dimension, mode) = (columns::model(row, 1)?, dimension(row, 3)?, columns::mode(row, 5)?);
    Ok(ModelRow { key: row.get(0)?, id, dimension, mode })
}

fn info(row: &Row<'_>) -> rusqlite::Result<ModelInfo> {
    let metric = Metric::from_word(row.get_ref(4)?.as_str()?).unwrap_or(Metric::Euclidean);
    let (id, dimension, mode) = (columns::model(row, 1)?, dimension(row, 3)?, columns::mode(row, 5)?);
    Ok(ModelInfo { id, name: row.get(2)?, dimension, metric, mode })
}

/// The components of a model's vectors.
pub(super) fn dimension(row: &Row<'_>, index: usize) -> rusqlite::Result<usize> {
    row.get::<_, u32>(index).map(|dimension| dimension as usize)
}
