//! Step 2 of an update: photos become images with encodings, outside any transaction.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::encoding::FaceEncoding;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, ImageReport, Refusal, Result};
use crate::person::{ImageBytes, PersonId};
use crate::store::{ModelInfo, NewImage};

use super::Vault;
use super::gallery::engine_model;

/// Encodings by the SHA-256 of their photo.
type Encodings = HashMap<[u8; 32], FaceEncoding>;

/// Images and what made the encodings of those that are new.
pub(super) struct Prepared {
    pub(super) images: Vec<NewImage>,
    /// The engine's model in the mode that was used, which the first encodings make the vault's; `None`
    /// where nothing was encoded.
    pub(super) model: Option<ModelInfo>,
}

impl Vault {
    /// Images with their encodings, in the order of `photos`. What `person` already has under the
    /// vault's model is not encoded again, and the same bytes twice are encoded once.
    pub(super) fn prepare(&self, photos: &[ImageBytes], person: Option<&PersonId>) -> Result<Prepared> {
        let mut images: Vec<NewImage> = photos.par_iter().map(|bytes| NewImage::new(bytes.clone())).collect();
        let mut encodings = match (person, self.store().active_model()?) {
            (Some(person), Some(model)) => self.store().known_images(&self.client, person, &model.id)?,
            _ => Encodings::new(),
        };
        let mut unknown: Vec<usize> = Vec::new();
        for (index, image) in images.iter().enumerate() {
            let seen = unknown.iter().any(|other| images[*other].sha256() == image.sha256());
            if !seen && !encodings.contains_key(image.sha256()) {
                unknown.push(index);
            }
        }
        let model = match unknown.is_empty() {
            true => None,
            false => Some(self.encode_unknown(&images, &unknown, &mut encodings)?),
        };
        for image in &mut images {
            image.encoding = encodings.get(image.sha256()).cloned();
        }
        Ok(Prepared { images, model })
    }

    fn encode_unknown(&self, images: &[NewImage], unknown: &[usize], encodings: &mut Encodings) -> Result<ModelInfo> {
        let engine = self.encoding_engine()?;
        let photos: Vec<&[u8]> = unknown.iter().map(|index| images[*index].bytes().as_slice()).collect();
        let mut refusals: HashMap<[u8; 32], Refusal> = HashMap::new();
        for (index, outcome) in unknown.iter().zip(engine.encode_all(&photos)?) {
            let hash = *images[*index].sha256();
            match outcome {
                Ok(encoded) => drop(encodings.insert(hash, encoded.encoding)),
                Err(refusal) => drop(refusals.insert(hash, refusal)),
            }
        }
        if refusals.is_empty() {
            return Ok(engine_model(&engine));
        }
        let outcomes = images.iter().map(|image| refusals.get(image.sha256()).cloned());
        Err(Error::refused(outcomes.enumerate().map(|(index, refusal)| ImageReport { index, refusal }).collect()))
    }

    /// The engine in the vault's mode, if its encodings may go into this vault.
    fn encoding_engine(&self) -> Result<Engine> {
        let engine = self.engine_in(None)?;
        let own = engine_model(&engine);
        let Some(active) = self.store().active_model()?.filter(|active| active.id != own.id) else {
            return Ok(engine);
        };
        let message = format!(
            "the vault's encodings were made with {} ({}), the engine makes those of {} ({}): \
             open the vault with that pack, or re-encode it",
            active.name, active.id, own.name, own.id
        );
        Err(Error::new(ErrorKind::ModelMismatch, message))
    }
}
