//! Photos that come into a vault, and encodings without one, made ready for writing.

use std::fmt;

use sha2::{Digest, Sha256};

use super::ModelInfo;
use crate::encoding::FaceEncoding;
use crate::error::{Error, Result, Rule};
use crate::person::{ImageBytes, Limits};

/// What a write needs to know of the photos of its request: the hash and the encoding of each, in the
/// order of the request. The photos' bytes stay in the request.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedImages {
    /// One for each photo of the request, then one for each encoding that was given without a photo.
    pub images: Vec<PreparedImage>,
    /// What made the encodings, and in which mode: it becomes the vault's model if there is none yet.
    pub model: Option<ModelInfo>,
    /// The most photos that the person may have after the write.
    pub max_images: usize,
    /// The order in which the person has them: places in [`Self::images`], each once. Empty for the order of the
    /// request.
    pub order: Vec<usize>,
}

impl Default for PreparedImages {
    /// For a request without photos.
    fn default() -> Self {
        Self { images: Vec::new(), model: None, max_images: Limits::default().max_images, order: Vec::new() }
    }
}

impl PreparedImages {
    /// For a request without photos, of a vault with these limits.
    #[must_use]
    pub fn none(limits: &Limits) -> Self {
        Self { max_images: limits.max_images, ..Self::default() }
    }

    /// Each photo and each given encoding of a request with what was prepared of it.
    pub(super) fn of<'a>(&'a self, photos: &'a [ImageBytes], given: &[FaceEncoding]) -> Result<Vec<NewImage<'a>>> {
        let asked = photos.len() + given.len();
        if asked != self.images.len() {
            let counts = format!("must be prepared one by one: {asked} photos, {} prepared", self.images.len());
            return Err(Error::invalid("images", Rule::Other(counts)));
        }
        let (of_photos, of_given) = self.images.split_at(photos.len());
        if of_photos.iter().any(|image| image.is_given)
            || of_given.iter().zip(given).any(|(image, given)| *image != PreparedImage::given(given))
        {
            let order = "must be prepared in the order of the request: photos first, then the given encodings";
            return Err(Error::invalid("images", Rule::Other(order.to_owned())));
        }
        let bytes = photos.iter().map(Some).chain(given.iter().map(|_| None));
        let images: Vec<_> = bytes.zip(&self.images).map(|(bytes, prepared)| NewImage { bytes, prepared }).collect();
        if self.order.is_empty() {
            return Ok(images);
        }
        let mut places = self.order.clone();
        places.sort_unstable();
        if !places.into_iter().eq(0..asked) {
            let order = format!("must be put in order by their places, each of {asked} once");
            return Err(Error::invalid("images", Rule::Other(order)));
        }
        Ok(self.order.iter().map(|place| images[*place]).collect())
    }
}

/// The hash of a photo and the encoding that was made of it, or an encoding that was given without a
/// photo. `Debug` shows neither.
#[derive(Clone, PartialEq)]
pub struct PreparedImage {
    sha256: [u8; 32],
    /// Whether the encoding came without a photo.
    is_given: bool,
    /// The encoding by the vault's model; `None` where none was made.
    pub encoding: Option<FaceEncoding>,
    /// A small JPEG of the photo; `None` where none was made, so that it is made when somebody asks for it.
    pub thumbnail: Option<ImageBytes>,
}

impl PreparedImage {
    /// A photo with these bytes, without an encoding.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self { sha256: Sha256::digest(bytes).into(), is_given: false, encoding: None, thumbnail: None }
    }

    /// An encoding that was given without a photo. Its hash is made of the model and the vector, so that
    /// the same encoding given again is known.
    #[must_use]
    pub fn given(encoding: &FaceEncoding) -> Self {
        let hash = Sha256::new()
            .chain_update(b"facevault: a face encoding without a photo\0")
            .chain_update(encoding.model().as_bytes())
            .chain_update(encoding.to_bytes());
        Self { sha256: hash.finalize().into(), is_given: true, encoding: Some(encoding.clone()), thumbnail: None }
    }

    /// The SHA-256 of the bytes, or of the encoding that was given. Photos of one person with the same hash are the same photo.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl fmt::Debug for PreparedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedImage").field("has_encoding", &self.encoding.is_some()).finish_non_exhaustive()
    }
}

/// A photo of a request and what was prepared of it.
#[derive(Clone, Copy)]
pub(super) struct NewImage<'a> {
    /// `None` for an encoding that was given without a photo.
    pub(super) bytes: Option<&'a ImageBytes>,
    pub(super) prepared: &'a PreparedImage,
}
