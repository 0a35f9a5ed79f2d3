//! Photos as callers of the store name them, and what encodings have to be.

use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, ImageId, PersonId};
use crate::spec::EncodingMode;

/// A photo somewhere in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    pub(super) key: i64,
    /// The tenant that the person belongs to.
    pub client: ClientId,
    /// The person who is in the photo.
    pub person: PersonId,
    /// Names the photo.
    pub image: ImageId,
}

/// Refuses an encoding of another model or dimension than the active one.
pub(super) fn require_of(model: &ModelId, dimension: usize, encoding: &FaceEncoding) -> Result<()> {
    if encoding.model() != *model {
        let message = format!("the encoding was made by model {}, the vault takes those of {model}", encoding.model());
        return Err(Error::new(ErrorKind::ModelMismatch, message));
    }
    if encoding.dimension() != dimension {
        let found = encoding.dimension();
        let message = format!("the encoding has {found} components, those of model {model} have {dimension}");
        return Err(Error::new(ErrorKind::ModelMismatch, message));
    }
    Ok(())
}

/// Refuses encodings of another mode than the one that is noted.
pub(super) fn require_mode(noted: Option<EncodingMode>, made_in: Option<EncodingMode>) -> Result<()> {
    match (noted, made_in) {
        (Some(noted), Some(made_in)) if noted != made_in => {
            let message =
                format!("the encoding was made in the {made_in} mode, the vault takes those of the {noted} mode");
            Err(Error::new(ErrorKind::ModelMismatch, message))
        }
        _ => Ok(()),
    }
}
