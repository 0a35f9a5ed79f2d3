//! What a liveness network takes and what it gives.

use serde::{Deserialize, Serialize};

use super::Normalization;

/// How a face is cut out for a liveness network. Such networks look at what is around a face too: the edge of a sheet
/// of paper, the frame of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LivenessCrop {
    /// The box, enlarged around its middle, at most to the size of the picture, and moved back into the picture where
    /// it leaves it; then stretched to a square by plain bilinear interpolation. This is what minivision's
    /// Silent-Face-Anti-Spoofing does (`src/generate_patches.py`).
    Shifted,
    /// A square of the box's longer side, enlarged around the box's middle; what lies outside of the picture is its
    /// mirror image. Reduced by the mean over areas, enlarged by Lanczos' kernel of eight samples. This is what
    /// face-antispoof-onnx does (`src/inference/preprocess.py`).
    Mirrored,
}

/// A liveness network: its crop, its input and its classes. The network's output has a number for each class, which
/// the softmax function turns into probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LivenessSpec {
    /// The input's pixels.
    #[serde(flatten)]
    pub normalization: Normalization,
    /// The side of the square input in pixels.
    pub side: u32,
    /// How a face is cut out.
    pub crop: LivenessCrop,
    /// By how much the box is enlarged: its sides are multiplied by this.
    pub enlarge: f32,
    /// How many classes there are.
    pub classes: usize,
    /// Which of them is a live face, from 0.
    pub live: usize,
}

impl LivenessSpec {
    /// A network of two classes, of which the first one is a live face.
    #[must_use]
    pub fn new(normalization: Normalization, side: u32, crop: LivenessCrop, enlarge: f32) -> Self {
        Self { normalization, side, crop, enlarge, classes: 2, live: 0 }
    }
}

crate::setters::setters!(LivenessSpec { classes: with_classes(usize), live: with_live(usize) });
