//! From the photos of a data set to their encodings.

use crate::encoding::FaceEncoding;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::files;
use crate::models::Sha256;
use crate::progress::{Progress, Step};

use super::Dataset;
use super::cache::EncodingCache;
use super::dataset::unreadable;
use super::recognizability::unchecked;

/// Photos that are read at a time, for each thread.
const PHOTOS_A_THREAD: usize = 16;

/// The encodings of a data set's photos.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetEncodings {
    /// One for each photo in its order; `None` where a photo gave none.
    pub encodings: Vec<Option<FaceEncoding>>,
    /// The photos that gave none, by their place, and why.
    pub refusals: Vec<(usize, Refusal)>,
    /// How many were known already.
    pub cached: usize,
}

impl DatasetEncodings {
    /// Removes the encodings for which `refusal` returns a refusal.
    pub fn refuse(&mut self, refusal: impl Fn(&FaceEncoding) -> Option<Refusal>) {
        for (place, encoding) in self.encodings.iter_mut().enumerate() {
            if let Some(refusal) = encoding.as_ref().and_then(&refusal) {
                *encoding = None;
                self.refusals.push((place, refusal));
            }
        }
        self.refusals.sort_by_key(|(place, _)| *place);
    }

    /// The encodings of `dataset`'s photos by `engine`, as many at a time as the engine has threads.
    ///
    /// Encodings that `cache` has are taken from it, and the others are added to it, even those made before an error or
    /// a cancellation. What the cache keeps does not depend on how recognisable a face must be: every encoding is
    /// checked for that anew. `progress` counts photos.
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled) where `progress` says to stop,
    /// [`Io`](crate::ErrorKind::Io) where a photo cannot be read or the cache cannot be written,
    /// [`Runtime`](crate::ErrorKind::Runtime) where a network fails. A photo that is refused is no
    /// error.
    pub fn compute(
        engine: &Engine,
        dataset: &Dataset,
        mut cache: Option<&mut EncodingCache>,
        progress: &mut dyn Progress,
    ) -> Result<Self> {
        let unchecked = unchecked(engine);
        let mut outcomes: Vec<Result<FaceEncoding, Refusal>> = Vec::with_capacity(dataset.photos.len());
        let mut cached = 0;
        let total = dataset.photos.len();
        let step = |done| Step::items("encoding photos", done, total);
        let mut stopped = Ok(());
        for group in dataset.photos.chunks(PHOTOS_A_THREAD * engine.threads().max(1)) {
            if progress.report(step(outcomes.len())).is_break() {
                let message = format!("interrupted after {} of {total} photos", outcomes.len());
                stopped = Err(Error::new(ErrorKind::Cancelled, message));
                break;
            }
            match encode_group(&unchecked, dataset, group, cache.as_deref_mut(), &mut cached) {
                Ok(group) => outcomes.extend(group),
                Err(error) => {
                    stopped = Err(error);
                    break;
                }
            }
        }
        if let Some(cache) = cache {
            cache.save()?;
        }
        stopped?;
        let _ = progress.report(step(outcomes.len()));
        let mut refusals = Vec::new();
        let encodings = (outcomes.into_iter().enumerate())
            .map(|(place, outcome)| outcome.map_err(|refusal| refusals.push((place, refusal))).ok())
            .collect();
        let mut encoded = Self { encodings, refusals, cached };
        encoded.refuse(|encoding| engine.recognizable(encoding).err());
        Ok(encoded)
    }
}

fn encode_group(
    engine: &Engine,
    dataset: &Dataset,
    photos: &[std::path::PathBuf],
    mut cache: Option<&mut EncodingCache>,
    cached: &mut usize,
) -> Result<Vec<Result<FaceEncoding, Refusal>>> {
    let mut known = Vec::with_capacity(photos.len());
    let mut unknown: Vec<(Sha256, Vec<u8>)> = Vec::new();
    for photo in photos {
        let path = dataset.root.join(photo);
        let bytes = files::read(&path).map_err(|error| unreadable(&path, error))?;
        let sha256 = Sha256::of(&bytes);
        let found = cache.as_ref().and_then(|cache| cache.get(&sha256)).cloned();
        if found.is_some() {
            *cached += 1;
        } else {
            unknown.push((sha256, bytes));
        }
        known.push(found);
    }
    let bytes: Vec<&[u8]> = unknown.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let mut fresh = engine.encode_all(&bytes)?.into_iter().map(|outcome| outcome.map(|encoded| encoded.encoding));
    let mut names = unknown.iter().map(|(sha256, _)| *sha256);
    let mut outcomes = Vec::with_capacity(photos.len());
    for outcome in known {
        outcomes.extend(match outcome {
            Some(outcome) => Some(outcome),
            None => fresh.next().inspect(|outcome| {
                if let (Some(cache), Some(sha256)) = (cache.as_deref_mut(), names.next()) {
                    cache.insert(sha256, outcome.clone());
                }
            }),
        });
    }
    Ok(outcomes)
}
