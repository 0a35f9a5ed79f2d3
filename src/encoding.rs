//! Face encodings: a vector, the model that made it, and their bytes.
//!
//! An encoding's bytes are its components as little-endian `f32`, nothing before, between or
//! after; base64 of them is what the HTTP API calls `faceEncodings`. The model is kept beside the
//! bytes, never inside, so that the bytes stay what other programs expect.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::hex;

/// What made an encoding: the network's file and everything done to a face before it.
///
/// Two encodings can be compared only if their `ModelId`s are equal. Its text is 32 lower-case
/// hexadecimal digits, the first half of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId([u8; 16]);

impl ModelId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelId({self})")
    }
}

impl FromStr for ModelId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Invalid, "a model id has 32 hexadecimal digits");
        hex::read(text).map(Self).ok_or_else(wrong)
    }
}

/// A face as a vector, as its network gave it, with the id of its model.
///
/// Cloning is cheap. `Debug` shows the model and the dimension, never the vector. The vector is overwritten with zeros
/// when the last clone is dropped.
#[derive(Clone, PartialEq)]
pub struct FaceEncoding {
    model: ModelId,
    vector: Arc<[f32]>,
}

impl FaceEncoding {
    /// An encoding of `vector` made by `model`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the vector is empty, all zero, or has a component that is not
    /// finite: such a vector has no direction and cannot be compared.
    pub fn new(model: ModelId, vector: impl Into<Arc<[f32]>>) -> Result<Self> {
        let vector = vector.into();
        if vector.iter().any(|v| !v.is_finite()) || vector.iter().all(|v| *v == 0.0) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a face encoding needs at least one number, all of them finite and not all of them zero",
            ));
        }
        Ok(Self { model, vector })
    }

    /// The encoding whose bytes these are: little-endian `f32`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the length is no multiple of 4, and as for [`Self::new`].
    pub fn from_bytes(model: ModelId, bytes: &[u8]) -> Result<Self> {
        let (components, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("the {} bytes of a face encoding are no multiple of 4", bytes.len()),
            ));
        }
        Self::new(model, components.iter().map(|c| f32::from_le_bytes(*c)).collect::<Arc<[f32]>>())
    }

    /// The components as little-endian `f32`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.vector.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// What made it.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// The components as the network gave them: not normalised.
    #[must_use]
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// How many components it has.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.vector.len()
    }
}

impl Drop for FaceEncoding {
    fn drop(&mut self) {
        if let Some(vector) = Arc::get_mut(&mut self.vector) {
            vector.zeroize();
        }
    }
}

impl fmt::Debug for FaceEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceEncoding")
            .field("model", &self.model)
            .field("dimension", &self.vector.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODEL: ModelId = ModelId::from_bytes([7; 16]);

    proptest! {
        #[test]
        fn bytes_round_trip(vector in proptest::collection::vec(-1e30f32..1e30, 1..600)) {
            prop_assume!(vector.iter().any(|v| *v != 0.0));
            let encoding = FaceEncoding::new(MODEL, vector).expect("finite");
            prop_assert_eq!(FaceEncoding::from_bytes(MODEL, &encoding.to_bytes()).expect("own bytes"), encoding);
        }

        #[test]
        fn model_ids_round_trip(bytes: [u8; 16]) {
            let id = ModelId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<ModelId>().expect("own text"), id);
        }
    }

    #[test]
    fn vectors_without_direction_are_refused() {
        for vector in [vec![], vec![0.0; 4], vec![1.0, f32::NAN], vec![f32::INFINITY]] {
            assert!(FaceEncoding::new(MODEL, vector).is_err());
        }
        assert!(FaceEncoding::from_bytes(MODEL, &[0, 0, 128]).is_err());
    }

    #[test]
    fn debug_shows_no_component() {
        let encoding = FaceEncoding::new(MODEL, vec![0.125, 0.5]).expect("finite");
        let shown = format!("{encoding:?}");
        assert!(shown.contains("dimension: 2") && !shown.contains("0.125"), "{shown}");
    }
}
