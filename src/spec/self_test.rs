//! What networks give for the pictures that facevault draws: a self-test compares with it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::setters::setters;

/// What networks give for the pictures that facevault draws, as a manifest's section `[self_test]` states it.
///
/// ```toml
/// [self_test]
/// drawing = 1                       # the edition of the drawings
/// vector = "LPKhPR..."              # the embedder's, of one view: little-endian f32 in base64
/// face = { box = [101.2, 81.5, 121.0, 144.9], landmarks = [[131.3, 132.1], ...], score = 0.68, within = 0.0001 }
/// ```
///
/// Each part may be absent: then that network is not tested. The manifest of liveness networks has
/// `live = [0.731, 0.402]` alone.
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SelfTestValues {
    /// The edition of the drawings that the values are of. Values of another edition than the program's are not compared.
    pub drawing: u32,
    /// The embedder's vector of the drawn face, not mirrored and not normalised.
    #[serde(default, deserialize_with = "vector")]
    pub vector: Option<Vec<f32>>,
    /// The detector's best face of the drawn picture.
    #[serde(default)]
    pub face: Option<SelfTestFace>,
    /// The score of each liveness network for the drawn face, 0 to 1.
    #[serde(default)]
    pub live: Option<Vec<f64>>,
}

setters!(SelfTestValues {
    vector: with_vector(impl Into<Option<Vec<f32>>>),
    face: with_face(impl Into<Option<SelfTestFace>>),
    live: with_live(impl Into<Option<Vec<f64>>>),
});

impl SelfTestValues {
    /// The edition of the drawings of this version (`vision/drawing.rs`).
    pub const DRAWING: u32 = 1;

    /// No values for an edition of the drawings.
    #[must_use]
    pub fn new(drawing: u32) -> Self {
        Self { drawing, ..Self::default() }
    }

    /// A vector as a manifest writes it: little-endian `f32` in base64.
    pub(crate) fn encoded_vector(vector: &[f32]) -> String {
        STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
    }
}

impl fmt::Debug for SelfTestValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfTestValues")
            .field("drawing", &self.drawing)
            .field("vector", &self.vector.as_ref().map(Vec::len))
            .field("face", &self.face)
            .field("live", &self.live)
            .finish()
    }
}

/// A detector's face of the drawn picture, in pixels of that picture.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SelfTestFace {
    /// The box: left, top, width, height.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
    /// The five landmarks, of the detector's scheme.
    pub landmarks: [[f32; 2]; 5],
    /// The score.
    pub score: f32,
    /// The largest difference that is allowed: of the score, and of a place in parts of the box's longer side.
    pub within: f32,
}

impl SelfTestFace {
    /// A face that may differ by [`Self::WITHIN`].
    #[must_use]
    pub fn new(bounds: [f32; 4], landmarks: [[f32; 2]; 5], score: f32) -> Self {
        Self { bounds, landmarks, score, within: Self::WITHIN }
    }

    /// The usual largest difference.
    pub const WITHIN: f32 = 1e-4;
}

setters!(SelfTestFace { within: with_within(f32) });

fn vector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<f32>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom("self_test.vector must be numbers of 4 bytes (little-endian f32) in base64");
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    match rest.is_empty() && !numbers.is_empty() {
        true => Ok(Some(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_as_it_was_written_to_the_bit() {
        let vector = [1.0, -0.1, f32::MIN_POSITIVE, 3.4e38];
        let text = format!("drawing = 1\nvector = \"{}\"\n", SelfTestValues::encoded_vector(&vector));
        let read: SelfTestValues = toml::from_str(&text).expect("values");
        assert_eq!(read, SelfTestValues::new(1).with_vector(vector.to_vec()));
        assert!(!format!("{read:?}").contains("3.4"), "{read:?}");
        for wrong in ["", "AAAA", "AAAAAA==", "no base64", "AAAAAAA="] {
            let error = toml::from_str::<SelfTestValues>(&format!("drawing = 1\nvector = \"{wrong}\"\n")).err();
            let read_as_one = wrong == "AAAAAA==";
            assert_eq!(error.is_none(), read_as_one, "{wrong:?}");
        }
    }
}
