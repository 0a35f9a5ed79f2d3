//! What a network takes and what it gives: plain data that manifests state and networks obey.

pub(crate) mod hog_model;
mod liveness;
pub(crate) mod mmod_scan;
mod model_info;
mod pack_limits;
mod self_test;
pub(crate) mod shape_model;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::geometry::{LandmarkScheme, Point};
use crate::setters::setters;

pub use liveness::{LivenessCrop, LivenessSpec};
pub use model_info::ModelInfo;
pub use pack_limits::PackLimits;
pub use self_test::{SelfTestFace, SelfTestValues};

/// The order of the three colour planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// How pixels 0 to 255 become a network's input: `(pixel - mean[c]) / scale[c]`, planes in
/// `color`'s order, one picture after the other (NCHW). `mean` and `scale` are in `color`'s order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// The order of the planes.
    pub color: ColorOrder,
    /// What is subtracted from each plane.
    #[serde(default)]
    pub mean: [f32; 3],
    /// What each plane is then divided by.
    #[serde(default = "one")]
    pub scale: [f32; 3],
}

fn one() -> [f32; 3] {
    [1.0; 3]
}

/// Which decoder turns a detector's raw tensors into faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DetectorKind {
    /// YuNet: strides 8, 16 and 32, one anchor a cell, tensors `cls_*`, `obj_*`, `bbox_*`, `kps_*`.
    Yunet,
    /// SCRFD with landmarks: strides 8, 16 and 32, two anchors a cell.
    Scrfd,
    /// CenterFace: one grid of stride 4, tensors of heat, sizes, offsets and landmarks.
    CenterFace,
    /// dlib's max-margin detector over an image pyramid, with dlib's five-point landmarks.
    Mmod,
}

impl DetectorKind {
    /// The landmarks that it gives.
    #[must_use]
    pub fn landmarks(self) -> LandmarkScheme {
        match self {
            Self::Yunet | Self::Scrfd | Self::CenterFace => LandmarkScheme::EyesNoseMouth,
            Self::Mmod => LandmarkScheme::EyeCornersNose,
        }
    }
}

/// A detector: its decoder, its input and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DetectorSpec {
    /// The decoder.
    pub kind: DetectorKind,
    /// The input's pixels.
    #[serde(flatten)]
    pub normalization: Normalization,
    /// The side of the square input, for networks of a fixed size; `None` where any multiple of 32
    /// is taken.
    #[serde(default)]
    pub fixed_size: Option<u32>,
    /// Names of the outputs in the decoder's order; empty for the decoder's customary names.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Faces with a lower score are dropped.
    pub score_threshold: f32,
    /// Of two boxes that overlap by more (intersection over union) the lower score is dropped.
    pub nms_threshold: f32,
    /// The long side, in pixels, to which larger pictures are reduced.
    pub long_side: u32,
    /// The short side, in pixels, of the smallest face that is found without enlarging.
    pub min_face: f32,
}

impl DetectorSpec {
    /// A detector of this kind that takes pictures of any size and has the customary outputs: scores
    /// from 0.5 (0 for [`DetectorKind::Mmod`]), boxes that overlap by at most 0.4, pictures of 640
    /// pixels, faces of 16 (80 for `Mmod`).
    #[must_use]
    pub fn new(kind: DetectorKind, normalization: Normalization) -> Self {
        let (score_threshold, min_face) = match kind {
            DetectorKind::Yunet | DetectorKind::Scrfd | DetectorKind::CenterFace => (0.5, 16.0),
            DetectorKind::Mmod => (0.0, 80.0),
        };
        Self {
            kind,
            normalization,
            fixed_size: None,
            outputs: Vec::new(),
            score_threshold,
            nms_threshold: 0.4,
            long_side: 640,
            min_face,
        }
    }
}

setters!(DetectorSpec {
    fixed_size: with_fixed_size(impl Into<Option<u32>>),
    outputs: with_outputs(Vec<String>),
    score_threshold: with_score_threshold(f32),
    nms_threshold: with_nms_threshold(f32),
    long_side: with_long_side(u32),
    min_face: with_min_face(f32),
});

/// Where a network's crop has the five landmarks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignmentTemplate {
    /// Which landmarks they are.
    pub landmarks: LandmarkScheme,
    /// The crop's side in pixels.
    pub size: u32,
    /// The landmarks' places in the crop, in pixels.
    pub points: [[f32; 2]; 5],
}

impl AlignmentTemplate {
    /// The landmarks' places as points.
    #[must_use]
    pub fn targets(&self) -> [Point; 5] {
        self.points.map(|[x, y]| Point::new(x, y))
    }
}

/// How two encodings of a model are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Metric {
    /// The cosine of the angle between both vectors: -1 to 1.
    Cosine,
    /// `1 - distance`, with the Euclidean distance of the raw vectors: 1 for equal ones, without a
    /// lower end.
    Euclidean,
}

impl Metric {
    /// The word by which stores keep it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
        }
    }

    /// The metric that is kept by this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Cosine, Self::Euclidean].into_iter().find(|metric| metric.as_str() == word)
    }
}

/// Fast or accurate: how many views of a face its encoding is made of.
///
/// Encodings of both modes are of one model and can be compared with each other, but thresholds
/// belong to a model in a mode. A pack says in which mode its networks are meant to be used and was
/// measured; an engine may be asked for the other one. A vault notes the mode of its encodings with
/// the first of them and keeps to it, whatever engine it is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncodingMode {
    /// The aligned face.
    #[default]
    Fast,
    /// The aligned face and its mirror image, their vectors added. Embedding takes twice as long.
    Accurate,
}

impl EncodingMode {
    /// The mode as manifests, vaults and the command write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Accurate => "accurate",
        }
    }

    /// The other mode.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Fast => Self::Accurate,
            Self::Accurate => Self::Fast,
        }
    }
}

impl fmt::Display for EncodingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An embedder: its input, its crop and the meaning of its vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EmbedderSpec {
    /// The input's pixels.
    #[serde(flatten)]
    pub normalization: Normalization,
    /// Components of a vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// How many faces the network takes in one run; `None` for any number.
    #[serde(default)]
    pub fixed_batch: Option<usize>,
    /// The mode that the pack is meant for and measured in: it is used unless another one is asked for
    /// or noted by the vault.
    #[serde(default)]
    pub mode: EncodingMode,
    /// The crop.
    pub template: AlignmentTemplate,
}

impl EmbedderSpec {
    /// An embedder that takes any number of crops at a time and is meant for the fast mode.
    #[must_use]
    pub fn new(normalization: Normalization, dimension: usize, metric: Metric, template: AlignmentTemplate) -> Self {
        Self { normalization, dimension, metric, fixed_batch: None, mode: EncodingMode::Fast, template }
    }
}

setters!(EmbedderSpec {
    fixed_batch: with_fixed_batch(impl Into<Option<usize>>),
    mode: with_mode(EncodingMode),
});
