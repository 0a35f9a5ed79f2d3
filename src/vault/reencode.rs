//! From one model to the next: encodings of all stored photos by the engine's model.
//!
//! Photos are encoded a few at a time, and each few are written in a transaction of their own:
//! whatever moment the process ends at, what was written stays, and the next run goes on from there.
//! Until every photo has an encoding, the vault's model and what it finds stay as they are; then one
//! transaction makes the new model the vault's.

use std::collections::HashMap;

use crate::encoding::FaceEncoding;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Refusal, RefusalCode, Result};
use crate::person::{ClientId, ImageBytes, ImageId, PersonId};
use crate::progress::{Progress, Step};
use crate::setters::setters;
use crate::store::{ImageRef, ModelInfo};

use super::Vault;
use super::model::engine_model;

/// Photos a transaction for each thread of the engine.
const BATCH: usize = 4;

/// How a vault is re-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReencodeOptions {
    /// Keep the old model's encodings beside the new ones, so that the way back is short. Those that were
    /// given without a photo are always kept.
    pub keep_old: bool,
    /// Change the model even though some photos give no encoding by the new one, or some encodings were
    /// given without a photo: they stay without, and a person who has no others cannot be found. Otherwise the old model stays until those
    /// photos are replaced.
    pub leave_out: bool,
}

setters!(ReencodeOptions { keep_old: with_keep_old(bool), leave_out: with_leave_out(bool) });

/// What a re-encoding did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reencoded {
    /// The engine's model, in the mode that was used.
    pub model: ModelInfo,
    /// Photos that were encoded in this run.
    pub encoded: u64,
    /// Photos that give no encoding by the model, and encodings that were given without a photo, with
    /// [`RefusalCode::NoPhoto`]: nothing can make one of them.
    pub unencoded: Vec<Unencoded>,
    /// Whether the model is now the vault's.
    pub is_active: bool,
}

impl Reencoded {
    /// How many of [`Self::unencoded`] were given without a photo.
    #[must_use]
    pub fn without_photo(&self) -> usize {
        self.unencoded.iter().filter(|image| image.refusal.code == RefusalCode::NoPhoto).count()
    }
}

/// A photo that gives no encoding.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Unencoded {
    /// The tenant that the person belongs to.
    pub client: ClientId,
    /// The person.
    pub person: PersonId,
    /// The photo.
    pub image: ImageId,
    /// Why it gives none, and what to do about it.
    pub refusal: Refusal,
}

impl Vault {
    /// Computes the encodings by the engine's model that the vault's photos, of all clients, do not
    /// have yet, and then makes that model the vault's in one step. Meanwhile the vault can be used
    /// as ever, with the old model. It can be broken off by `progress`, or killed, and goes on where
    /// it was when it is called again. `progress` counts the photos of this run that were encoded or
    /// refused, and those that it has to encode: others may add some.
    ///
    /// A model that is new to the vault is noted with the engine's mode; for one that the vault knows,
    /// photos are encoded in the mode that it notes.
    ///
    /// Other processes that hold the vault open with the old model find nobody by it afterwards,
    /// unless the old encodings are kept, and say so: they have to open it with the new one.
    ///
    /// # Errors
    /// [`ModelUnavailable`](ErrorKind::ModelUnavailable) without an engine,
    /// [`Cancelled`](ErrorKind::Cancelled) where it was broken off, and as for every write. Photos
    /// that give no encoding are no error.
    pub fn reencode(&self, options: &ReencodeOptions, progress: &mut dyn Progress) -> Result<Reencoded> {
        self.store().add_model(&engine_model(self.needed_engine()?))?;
        // The vault notes the mode by now, unless it knew the model before vaults did.
        let engine = self.engine_in(None)?;
        let model = engine_model(&engine);
        let total = self.store().count_images_without(&model.id)?;
        let mut run =
            Run { vault: self, engine: &engine, model: &model, encoded: 0, refusals: HashMap::new(), total, progress };
        let mut given;
        let is_active = loop {
            run.encode_missing()?;
            given = self.store().given_without(&model.id)?;
            let active = self.store().active_model()?.map_or(model.id, |active| active.id);
            if active == model.id {
                break true;
            }
            let is_complete = run.refusals.is_empty() && given.is_empty();
            if !is_complete && !options.leave_out {
                break false;
            }
            let left_out: Vec<ImageRef> = run.refusals.keys().chain(&given).cloned().collect();
            match self.store().switch_model(&active, &model.id, options.keep_old, &left_out) {
                Ok(_) => break true,
                // Photos have come meanwhile, or somebody else was faster.
                Err(error) if matches!(error.kind(), ErrorKind::ModelMismatch | ErrorKind::Conflict) => {}
                Err(error) => return Err(error),
            }
        };
        self.refresh();
        let encoded = run.encoded;
        let no_photo = || {
            let advice = "the encoding was given without a photo, so it cannot be made anew: add a photo of the \
                          person, or an encoding by the new model";
            Refusal::new(RefusalCode::NoPhoto, advice)
        };
        let given = given.into_iter().map(|image| (image, no_photo()));
        let mut refusals: Vec<_> = run.refusals.into_iter().chain(given).collect();
        refusals.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let unencoded = refusals.into_iter().map(|(ImageRef { client, person, image, .. }, refusal)| Unencoded {
            client,
            person,
            image,
            refusal,
        });
        Ok(Reencoded { encoded, unencoded: unencoded.collect(), is_active, model })
    }
}

struct Run<'a> {
    vault: &'a Vault,
    engine: &'a Engine,
    model: &'a ModelInfo,
    encoded: u64,
    /// Photos that give no encoding and are still there.
    refusals: HashMap<ImageRef, Refusal>,
    total: u64,
    progress: &'a mut dyn Progress,
}

impl Run<'_> {
    /// Goes through all photos without an encoding once, and encodes those that were not refused
    /// before.
    fn encode_missing(&mut self) -> Result<()> {
        let mut known = std::mem::take(&mut self.refusals);
        let mut last: Option<ImageRef> = None;
        loop {
            let limit = BATCH * self.engine.threads().max(1);
            let batch = self.vault.store().images_without(&self.model.id, last.as_ref(), limit)?;
            let Some(end) = batch.last().cloned() else { return Ok(()) };
            last = Some(end);
            let mut missing = Vec::with_capacity(batch.len());
            for image in batch {
                match known.remove_entry(&image) {
                    Some((image, refusal)) => drop(self.refusals.insert(image, refusal)),
                    None => missing.push(image),
                }
            }
            self.encode(missing)?;
            let done = self.encoded + self.refusals.len() as u64;
            let step = Step::items("encoding photos", done as usize, self.total.max(done) as usize);
            if self.progress.report(step).is_break() {
                return Err(Error::new(ErrorKind::Cancelled, "the re-encoding was broken off; it can be continued"));
            }
        }
    }

    /// Encodes photos and writes what that gives.
    fn encode(&mut self, images: Vec<ImageRef>) -> Result<()> {
        let mut photos: Vec<(ImageRef, ImageBytes)> = Vec::with_capacity(images.len());
        for image in images {
            match self.vault.store().photo(&image) {
                Ok(Some(bytes)) => photos.push((image, bytes)),
                // It was removed meanwhile.
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    let message = format!("{error}; replace the photo");
                    self.refusals.insert(image, Refusal::new(RefusalCode::UndecodableImage, message));
                }
                Err(error) => return Err(error),
            }
        }
        let (images, bytes): (Vec<ImageRef>, Vec<ImageBytes>) = photos.into_iter().unzip();
        let mut encodings: Vec<(ImageRef, FaceEncoding)> = Vec::with_capacity(images.len());
        for (image, outcome) in images.into_iter().zip(self.engine.encode_all(&bytes)?) {
            match outcome {
                Ok(encoded) => encodings.push((image, encoded.encoding)),
                Err(refusal) => drop(self.refusals.insert(image, refusal)),
            }
        }
        if !encodings.is_empty() {
            self.encoded += self.vault.store().add_encodings(&self.model.id, &encodings)?.0 as u64;
        }
        Ok(())
    }
}
