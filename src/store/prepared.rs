//! Photos that come into a vault, made ready for writing.

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
    /// One for each photo of the request.
    pub images: Vec<PreparedImage>,
    /// What made the encodings, and in which mode: it becomes the vault's model if there is none yet.
    pub model: Option<ModelInfo>,
    /// The most photos that the person may have after the write.
    pub max_images: usize,
}

impl Default for PreparedImages {
    /// For a request without photos.
    fn default() -> Self {
        Self { images: Vec::new(), model: None, max_images: Limits::default().max_images }
    }
}

impl PreparedImages {
    /// For a request without photos, of a vault with these limits.
    #[must_use]
    pub fn none(limits: &Limits) -> Self {
        Self { max_images: limits.max_images, ..Self::default() }
    }

    /// Each photo of a request with what was prepared of it.
    pub(super) fn of<'a>(&'a self, photos: &'a [ImageBytes]) -> Result<Vec<NewImage<'a>>> {
        if photos.len() != self.images.len() {
            let counts =
                format!("must be prepared one by one: {} photos, {} prepared", photos.len(), self.images.len());
            return Err(Error::invalid("images", Rule::Other(counts)));
        }
        Ok(photos.iter().zip(&self.images).map(|(bytes, prepared)| NewImage { bytes, prepared }).collect())
    }
}

/// The hash of a photo and the encoding that was made of it. `Debug` shows neither.
#[derive(Clone, PartialEq)]
pub struct PreparedImage {
    sha256: [u8; 32],
    /// The encoding by the vault's model; `None` where none was made.
    pub encoding: Option<FaceEncoding>,
}

impl PreparedImage {
    /// A photo with these bytes, without an encoding.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self { sha256: Sha256::digest(bytes).into(), encoding: None }
    }

    /// The SHA-256 of the bytes. Photos of one person with the same hash are the same photo.
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
    pub(super) bytes: &'a ImageBytes,
    pub(super) prepared: &'a PreparedImage,
}
