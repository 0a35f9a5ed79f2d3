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

impl Vault {
    /// Images with their encodings, in the order of `photos`. What `person` already has under the
    /// vault's model is not encoded again, and the same bytes twice are encoded once.
    pub(super) fn prepare(&self, photos: &[ImageBytes], person: Option<&PersonId>) -> Result<Vec<NewImage>> {
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
        if !unknown.is_empty() {
            self.encode_unknown(&images, &unknown, &mut encodings)?;
        }
        for image in &mut images {
            image.encoding = encodings.get(image.sha256()).cloned();
        }
        Ok(images)
    }

    fn encode_unknown(&self, images: &[NewImage], unknown: &[usize], encodings: &mut Encodings) -> Result<()> {
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
            return Ok(());
        }
        let outcomes = images.iter().map(|image| refusals.get(image.sha256()).cloned());
        Err(Error::refused(outcomes.enumerate().map(|(index, refusal)| ImageReport { index, refusal }).collect()))
    }

    /// The model of these images' encodings, if they have any: the first ones decide the vault's.
    pub(super) fn model_of(&self, images: &[NewImage]) -> Option<ModelInfo> {
        let encoded = images.iter().any(|image| image.encoding.is_some());
        self.engine().filter(|_| encoded).map(engine_model)
    }

    /// The engine, if its encodings may go into this vault.
    fn encoding_engine(&self) -> Result<&Engine> {
        let engine = self.needed_engine()?;
        let own = engine_model(engine);
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
