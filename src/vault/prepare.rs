//! Step 2 of an update: photos are hashed and encoded, outside any transaction.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::encoding::FaceEncoding;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, ImageReport, Refusal, Result};
use crate::liveness::LivenessCheck;
use crate::person::{ImageBytes, ImagesUpdate, PersonId, PersonUpdate};
use crate::store::{ModelInfo, Moment, PreparedImage, PreparedImages};

use super::Vault;
use super::model::engine_model;

/// What has to be known of the vault before photos are encoded.
pub(super) struct BeforeEncoding {
    /// The vault's model.
    pub(super) active: Option<ModelInfo>,
    /// Encodings that the person has already by that model, by the SHA-256 of their photo.
    known: HashMap<[u8; 32], FaceEncoding>,
    /// Encodings of the photos that stay beside new ones, and those that are given without a photo.
    kept: Vec<FaceEncoding>,
}

impl BeforeEncoding {
    /// Reads it; `person` is somebody who is in the vault, or `None` for a new person.
    pub(super) fn read(vault: &dyn Moment, person: Option<&PersonId>) -> Result<Self> {
        let active = vault.active_model()?;
        let known = match (person, &active) {
            (Some(person), Some(model)) => vault.known_encodings(person, &model.id)?,
            (Some(person), None) => vault.person_summary(person).map(|_| HashMap::new())?,
            (None, _) => HashMap::new(),
        };
        Ok(Self { active, known, kept: Vec::new() })
    }

    /// The same for photos that come beside those of a person that stay.
    fn with_kept(self, vault: &dyn Moment, person: &PersonId, update: &ImagesUpdate) -> Result<Self> {
        let (ImagesUpdate::Edit { remove, .. }, Some(model)) = (update, &self.active) else { return Ok(self) };
        let stored = vault.encodings(person, &model.id)?;
        let kept = stored.into_iter().filter(|(image, _)| !remove.contains(image)).map(|(_, encoding)| encoding);
        Ok(Self { kept: kept.collect(), ..self })
    }
}

impl Vault {
    /// Steps 1 and 2 of an update. Only where there are photos to be encoded is the vault read, once;
    /// what is asked of it is asked again in the transaction that writes.
    pub(super) fn prepare_update(&self, id: &PersonId, update: &PersonUpdate) -> Result<PreparedImages> {
        update.validate(self.limits())?;
        let (photos, given) = (update.images.photos(), update.images.encodings());
        if photos.is_empty() && given.is_empty() {
            return Ok(PreparedImages::none(self.limits()));
        }
        let before = self.store().snapshot(&self.client, |vault| {
            vault.collections(update.collections.as_deref().unwrap_or_default())?;
            BeforeEncoding::read(vault, Some(id))?.with_kept(vault, id, &update.images)
        })?;
        self.prepare(photos, given, before)
    }

    /// The hashes and encodings of photos, in their order, then the encodings that were given. What the
    /// person already has is not encoded again, and the same bytes twice are encoded once.
    pub(super) fn prepare(
        &self,
        photos: &[ImageBytes],
        given: &[FaceEncoding],
        before: BeforeEncoding,
    ) -> Result<PreparedImages> {
        let BeforeEncoding { active, known: mut encodings, mut kept } = before;
        let (given, model_of_given) = self.prepare_given(given, active.as_ref())?;
        let mut images: Vec<PreparedImage> = photos.par_iter().map(|bytes| PreparedImage::new(bytes)).collect();
        let mut unknown: Vec<usize> = Vec::new();
        for (index, image) in images.iter().enumerate() {
            let seen = unknown.iter().any(|other| images[*other].sha256() == image.sha256());
            if !seen && !encodings.contains_key(image.sha256()) {
                unknown.push(index);
            }
        }
        let model = match unknown.is_empty() {
            true => None,
            false => {
                let engine = self.enrolling_engine(active.as_ref())?;
                let thumbnails = encode_unknown(&engine, photos, &images, &unknown, &mut encodings)?;
                for image in &mut images {
                    image.thumbnail = thumbnails.get(image.sha256()).cloned();
                }
                Some(engine_model(&engine))
            }
        };
        for image in &mut images {
            image.encoding = encodings.get(image.sha256()).cloned();
        }
        // Photos that were all known were taken before, and stay what they are.
        if model.is_some() {
            let all: Vec<&FaceEncoding> = images.iter().filter_map(|image| image.encoding.as_ref()).collect();
            kept.extend(given.iter().filter_map(|image| image.encoding.clone()));
            self.require_one_person(&all, &kept)?;
        }
        images.extend(given);
        let max_images = self.limits().max_images;
        Ok(PreparedImages { images, model: model.or(model_of_given), max_images, order: Vec::new() })
    }

    /// Encodings that come without photos, if they are of the vault's model, and that model: before the
    /// first encoding it is the engine's.
    pub(super) fn prepare_given(
        &self,
        given: &[FaceEncoding],
        active: Option<&ModelInfo>,
    ) -> Result<(Vec<PreparedImage>, Option<ModelInfo>)> {
        if given.is_empty() {
            return Ok((Vec::new(), None));
        }
        let model = match (active, self.engine()) {
            (Some(active), _) => active.clone(),
            (None, Some(engine)) => engine_model(engine),
            (None, None) => {
                let message = "the vault has no model yet, so it cannot check encodings: open it with the engine of \
                               the model that made them";
                return Err(Error::new(ErrorKind::ModelUnavailable, message));
            }
        };
        let is_other = |found: &FaceEncoding| found.model() != model.id || found.dimension() != model.dimension;
        if let Some((index, found)) = given.iter().enumerate().find(|(_, found)| is_other(found)) {
            let message = format!(
                "encodings[{index}] has {} components by model {}, the vault takes {} by {} ({})",
                found.dimension(),
                found.model(),
                model.dimension,
                model.name,
                model.id
            );
            return Err(Error::new(ErrorKind::ModelMismatch, message));
        }
        Ok((given.iter().map(PreparedImage::given).collect(), Some(model)))
    }

    /// The engine in the vault's mode, if its encodings may go into this vault.
    pub(super) fn enrolling_engine(&self, active: Option<&ModelInfo>) -> Result<Engine> {
        let engine = self.needed_engine()?;
        match active {
            Some(active) if active.id != engine.model() => {
                let own = engine_model(engine);
                let message = format!(
                    "the vault's encodings were made with {} ({}), the engine makes those of {} ({}): \
                     open the vault with that pack, or re-encode it",
                    active.name, active.id, own.name, own.id
                );
                Err(Error::new(ErrorKind::ModelMismatch, message))
            }
            active => {
                let check = self.min_liveness.map(LivenessCheck::require).unwrap_or_default();
                check.validate()?;
                if check.is_asked() {
                    // What is missing is said before anything is encoded or written.
                    engine.liveness_model()?;
                }
                let mode = active.and_then(|active| active.mode).unwrap_or(engine.mode());
                Ok(engine.in_mode(mode).with_liveness_check(check))
            }
        }
    }
}

/// Encodes the photos with these indices and answers with their thumbnails, or reports each photo of the
/// request if one is refused.
fn encode_unknown(
    engine: &Engine,
    photos: &[ImageBytes],
    images: &[PreparedImage],
    unknown: &[usize],
    encodings: &mut HashMap<[u8; 32], FaceEncoding>,
) -> Result<HashMap<[u8; 32], ImageBytes>> {
    let bytes: Vec<&[u8]> = unknown.iter().map(|index| photos[*index].as_slice()).collect();
    let mut refusals: HashMap<[u8; 32], Refusal> = HashMap::new();
    let mut thumbnails = HashMap::new();
    for (index, outcome) in unknown.iter().zip(engine.enroll_all(&bytes)?) {
        let hash = *images[*index].sha256();
        match outcome {
            Ok(enrolled) => {
                encodings.insert(hash, enrolled.encoded.encoding);
                thumbnails.extend(enrolled.thumbnail.map(|thumbnail| (hash, thumbnail.into())));
            }
            Err(refusal) => drop(refusals.insert(hash, refusal)),
        }
    }
    if refusals.is_empty() {
        return Ok(thumbnails);
    }
    let outcomes = images.iter().map(|image| refusals.get(image.sha256()).cloned());
    Err(Error::refused(outcomes.enumerate().map(|(index, refusal)| ImageReport { index, refusal }).collect()))
}
