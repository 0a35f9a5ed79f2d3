//! What a pack asks of photos beyond what is customary.

use serde::{Deserialize, Serialize};

/// Limits that a pack's manifest states where its embedder needs better photos than others do. Each takes the place
/// of the limit of that name in [`QualityLimits`](crate::vision::QualityLimits), if the caller left that one as it is
/// by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PackLimits {
    /// The least sharpness, above 0.
    pub min_sharpness: Option<f32>,
    /// The least fine detail beside coarse, above 0.
    pub min_resolution: Option<f32>,
    /// The least sharpness in one direction, above 0.
    pub min_acuity: Option<f32>,
    /// The strongest blocks of compression, above 1.
    pub max_blocking: Option<f32>,
    /// The least score of the detector, above 0.
    pub min_score: Option<f32>,
}

impl PackLimits {
    /// The limits that are stated, by name.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, f32)> {
        let Self { min_sharpness, min_resolution, min_acuity, max_blocking, min_score } = *self;
        [
            ("min_sharpness", min_sharpness),
            ("min_resolution", min_resolution),
            ("min_acuity", min_acuity),
            ("max_blocking", max_blocking),
            ("min_score", min_score),
        ]
        .into_iter()
        .filter_map(|(name, limit)| Some((name, limit?)))
    }
}
