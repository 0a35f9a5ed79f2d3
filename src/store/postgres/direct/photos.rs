//! The photos of a person and their encodings.

use std::collections::{BTreeSet, HashMap};

use pgvector::Vector;
use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{cell, damaged};
use super::rows::PersonRow;
use super::{HubStore, clients};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, ImageBytes, ImageId, ImagesUpdate, PersonId, PersonImage};
use crate::store::model::require_of;
use crate::store::noted::ImagesEffect;
use crate::store::photo_plan::{self, PhotoPlan, Step, StoredImage};
use crate::store::prepared::{NewImage, PreparedImage};
use crate::store::{ModelInfo, PreparedImages};

impl HubStore {
    pub(in crate::store) fn encodings(
        &self,
        client: &ClientId,
        person: &PersonId,
        model: &ModelId,
    ) -> Result<Vec<(ImageId, FaceEncoding)>> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let key = PersonRow::require(transaction, client, person)?.key;
            encodings(transaction, key, model)
        })
    }

    pub(in crate::store) fn photo_bytes(&self, client: &ClientId, person: &PersonId) -> Result<u64> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let key = PersonRow::require(transaction, client, person)?.key;
            let select = "SELECT COALESCE(SUM(octet_length(bytes)), 0)::bigint FROM facevault.photos
                          WHERE image IN (SELECT key FROM facevault.images WHERE person = $1)";
            Ok(cell::<i64>(&transaction.query_one(select, &[&key]).map_err(told)?, 0)?.unsigned_abs())
        })
    }

    pub(in crate::store) fn image_at(
        &self,
        client: &ClientId,
        person: &PersonId,
        place: usize,
    ) -> Result<Option<ImageId>> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let key = PersonRow::require(transaction, client, person)?.key;
            Ok(rows(transaction, key)?.into_iter().nth(place).map(|image| image.id))
        })
    }

    pub(in crate::store) fn image(&self, client: &ClientId, person: &PersonId, image: &ImageId) -> Result<ImageBytes> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let key = PersonRow::require(transaction, client, person)?.key;
            let found = find(transaction, key, person, image)?;
            super::super::rows::photo(transaction, found.key)?.ok_or_else(|| missing(person, image))
        })
    }
}

/// A person's photos in their order.
pub(super) fn rows(transaction: &mut Transaction<'_>, person: i64) -> Result<Vec<StoredImage>> {
    let select = "SELECT key, position, id, sha256, has_photo FROM facevault.images WHERE person = $1
                  ORDER BY position, key";
    transaction.query(select, &[&person]).map_err(told)?.iter().map(stored).collect()
}

fn stored(row: &Row) -> Result<StoredImage> {
    Ok(StoredImage {
        key: cell(row, 0)?,
        position: i64::from(cell::<i32>(row, 1)?),
        id: ImageId::new(cell::<&str>(row, 2)?).map_err(|_| damaged())?,
        sha256: cell::<&[u8]>(row, 3)?.try_into().map_err(|_| damaged())?,
        has_photo: cell(row, 4)?,
        is_whole: true,
    })
}

/// A photo of a person that has one, and not just an encoding.
pub(super) fn find(
    transaction: &mut Transaction<'_>,
    owner: i64,
    person: &PersonId,
    image: &ImageId,
) -> Result<StoredImage> {
    let found = rows(transaction, owner)?.into_iter().find(|found| found.id == *image);
    let found = found.ok_or_else(|| photo_plan::unknown(person, &[image]))?;
    if found.has_photo {
        return Ok(found);
    }
    let message =
        format!("{image} of person {person} is an encoding that was given without a photo: there is none to be shown");
    Err(Error::new(ErrorKind::NotFound, message))
}

/// The error of a photo whose bytes are not there.
pub(super) fn missing(person: &PersonId, image: &ImageId) -> Error {
    let message = format!("person {person} is damaged in the hub: the bytes of photo {image} are missing");
    Error::new(ErrorKind::Corrupt, message)
}

/// A person's photos with their bytes and their encodings by `model`.
pub(super) fn load(
    transaction: &mut Transaction<'_>,
    key: i64,
    person: &PersonId,
    model: Option<&ModelId>,
) -> Result<Vec<PersonImage>> {
    let mut encodings: HashMap<ImageId, FaceEncoding> = match model {
        Some(model) => encodings(transaction, key, model)?.into_iter().collect(),
        None => HashMap::new(),
    };
    let mut images = Vec::new();
    for image in rows(transaction, key)? {
        let bytes = match image.has_photo {
            true => {
                let bytes = super::super::rows::photo(transaction, image.key)?;
                Some(bytes.ok_or_else(|| missing(person, &image.id))?)
            }
            false => None,
        };
        images.push(PersonImage { bytes, encoding: encodings.remove(&image.id), id: image.id });
    }
    Ok(images)
}

/// A person's encodings by `model` in the order of the photos.
pub(super) fn encodings(
    transaction: &mut Transaction<'_>,
    key: i64,
    model: &ModelId,
) -> Result<Vec<(ImageId, FaceEncoding)>> {
    let all = super::super::rows::images_of(transaction, &[key], Some(model))?.remove(&key).unwrap_or_default();
    Ok(all.into_iter().filter_map(|held| Some((held.image.id, held.image.encodings.into_iter().next()?))).collect())
}

/// A person's encodings by `model`, by the SHA-256 of their photos.
pub(super) fn known_encodings(
    transaction: &mut Transaction<'_>,
    key: i64,
    model: &ModelId,
) -> Result<HashMap<[u8; 32], FaceEncoding>> {
    let all = super::super::rows::images_of(transaction, &[key], Some(model))?.remove(&key).unwrap_or_default();
    Ok(all.into_iter().filter_map(|held| Some((held.image.sha256, held.image.encodings.into_iter().next()?))).collect())
}

/// The person whose photos are written.
pub(super) struct Target<'a, 'b> {
    pub(super) transaction: &'a mut Transaction<'b>,
    pub(super) client: i64,
    pub(super) key: i64,
    pub(super) model: Option<&'a (i64, ModelInfo)>,
}

impl Target<'_, '_> {
    /// Does what an update asks to a person's photos.
    pub(super) fn apply(
        &mut self,
        person: &PersonId,
        update: &ImagesUpdate,
        prepared: &PreparedImages,
    ) -> Result<ImagesEffect> {
        if matches!(update, ImagesUpdate::Keep) {
            return Ok(ImagesEffect::default());
        }
        let old = rows(self.transaction, self.key)?;
        self.carry_out(&PhotoPlan::new(person, &old, update, prepared, |_| Ok::<_, Error>(true))?)
    }

    /// Removes, keeps and inserts.
    pub(super) fn carry_out(&mut self, plan: &PhotoPlan<'_>) -> Result<ImagesEffect> {
        let gone: Vec<i64> = plan.remove.iter().map(|image| image.key).collect();
        let removed = !gone.is_empty();
        if removed {
            let delete = "DELETE FROM facevault.images WHERE key = ANY($1)";
            self.transaction.execute(delete, &[&gone]).map_err(told)?;
        }
        let mut effect = ImagesEffect { changed: removed, removed, came: 0, went: gone.len() as u64 };
        for step in &plan.steps {
            match step {
                Step::Keep { stored, position, image } => {
                    if let Some(position) = position {
                        let update = "UPDATE facevault.images SET position = $2 WHERE key = $1";
                        self.transaction.execute(update, &[&stored.key, &place(*position)]).map_err(told)?;
                    }
                    effect.changed |= self.encode(stored.key, image.prepared)?;
                }
                Step::Insert { position, image } => {
                    self.insert(*position, image)?;
                    effect.changed = true;
                    effect.came += 1;
                }
            }
        }
        Ok(effect)
    }

    /// Writes a new photo, with its encoding if one came with it.
    fn insert(&mut self, position: i64, image: &NewImage<'_>) -> Result<()> {
        let (id, sha256) = (ImageId::generate(), &image.prepared.sha256()[..]);
        let row = self
            .transaction
            .query_one(
                "INSERT INTO facevault.images (client, person, position, id, sha256, has_photo)
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING key",
                &[&self.client, &self.key, &place(position), &id.as_str(), &sha256, &image.bytes.is_some()],
            )
            .map_err(told)?;
        let key: i64 = cell(&row, 0)?;
        if let Some(bytes) = image.bytes {
            let insert = "INSERT INTO facevault.photos (image, client, bytes) VALUES ($1, $2, $3)";
            self.transaction.execute(insert, &[&key, &self.client, &bytes.as_slice()]).map_err(told)?;
            if let Some(thumbnail) = &image.prepared.thumbnail {
                let insert = "INSERT INTO facevault.thumbnails (image, bytes) VALUES ($1, $2)";
                self.transaction.execute(insert, &[&key, &thumbnail.as_slice()]).map_err(told)?;
            }
        }
        self.encode(key, image.prepared)?;
        Ok(())
    }

    /// Gives a photo the encoding that came with it, if it has none. Says whether it did.
    fn encode(&mut self, image: i64, prepared: &PreparedImage) -> Result<bool> {
        let (encoding, (model, info)) = match (&prepared.encoding, self.model) {
            (None, _) => return Ok(false),
            (Some(encoding), Some(model)) => (encoding, model),
            (Some(_), None) => {
                let message = "the vault has no model yet: name the one that made the encodings";
                return Err(Error::new(ErrorKind::ModelMismatch, message));
            }
        };
        require_of(&info.id, info.dimension, encoding)?;
        let insert = "INSERT INTO facevault.encodings (image, model, client, person, vector)
                      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let vector = Vector::from(encoding.vector().to_vec());
        let count =
            self.transaction.execute(insert, &[&image, model, &self.client, &self.key, &vector]).map_err(told)?;
        Ok(count > 0)
    }

    /// The ids of the photos that the person has now.
    pub(super) fn ids(&mut self) -> Result<BTreeSet<ImageId>> {
        Ok(rows(self.transaction, self.key)?.into_iter().map(|image| image.id).collect())
    }
}

/// A position as the hub has it.
fn place(position: i64) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}
