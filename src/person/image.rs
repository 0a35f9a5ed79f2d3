//! Photos of a person.

use std::fmt;
use std::sync::Arc;

use crate::encoding::FaceEncoding;

use super::ImageId;

/// The bytes of a photo as handed in. Cloning is cheap; `Debug` shows only how many there are.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageBytes(Arc<[u8]>);

impl ImageBytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for ImageBytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl std::ops::Deref for ImageBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ImageBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ImageBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageBytes({} bytes)", self.0.len())
    }
}

/// One photo of a person with its face encoding, or an encoding that was given without a photo.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PersonImage {
    /// Names the photo for as long as the person keeps it.
    pub id: ImageId,
    /// The photo as it was handed in; `None` where an encoding was given without one.
    pub bytes: Option<ImageBytes>,
    /// The encoding by the vault's model; `None` while a change of model has not reached it.
    pub encoding: Option<FaceEncoding>,
}
