//! Fast or accurate: how many views of a face its encoding is made of.

use serde::{Deserialize, Serialize};

/// How a face becomes an encoding.
///
/// Encodings of both modes are of one model and can be compared with each other, enrolled ones with
/// probes of the other mode too. A vault does not note the mode: the engine's mode at the time
/// decides, and a photo that is known keeps the encoding that it has.
///
/// A table is measured in one mode; accurate encodings deserve one of their own
/// (`facevault calibrate --accurate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncodingMode {
    /// The aligned face.
    #[default]
    Fast,
    /// The aligned face and its mirror image, fused as two photos of one person are. Embedding
    /// takes twice as long.
    Accurate,
}
