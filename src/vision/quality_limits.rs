//! How good a face must be.

use serde::{Deserialize, Serialize};

use crate::setters::setters;
use crate::spec::PackLimits;

#[cfg(doc)]
use super::Quality;

/// What a face must reach to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct QualityLimits {
    /// The least [`Quality::size`] in pixels.
    pub min_size: f32,
    /// The least [`Quality::margin`].
    pub min_margin: f32,
    /// The largest turn to either side in degrees.
    pub max_yaw: f32,
    /// The largest nod up or down in degrees.
    pub max_pitch: f32,
    /// The largest tilt to either side in degrees.
    pub max_roll: f32,
    /// The least [`Quality::brightness`].
    pub min_brightness: f32,
    /// The largest [`Quality::brightness`].
    pub max_brightness: f32,
    /// The least [`Quality::contrast`].
    pub min_contrast: f32,
    /// The least [`Quality::sharpness`].
    pub min_sharpness: f32,
    /// The least [`Quality::visible`].
    pub min_visible: f32,
    /// The largest [`Quality::grain`].
    pub max_grain: f32,
    /// The least [`Quality::resolution`].
    pub min_resolution: f32,
    /// The least [`Quality::color_balance`].
    pub min_color_balance: f32,
    /// The largest [`Quality::blocking`].
    pub max_blocking: f32,
    /// The least [`Quality::acuity`].
    pub min_acuity: f32,
    /// The least [`Quality::eye_detail`].
    pub min_eye_detail: f32,
    /// The least [`Quality::mouth_detail`].
    pub min_mouth_detail: f32,
    /// The least score that the detector gives the face, on the detector's own scale; any by default.
    pub min_score: f32,
    /// Whether a face that cannot be recognised by its vector is refused, where the pack says how to tell
    /// ([`Recognizability`](crate::Recognizability)). This is checked after all of the above.
    pub recognizable: bool,
}

impl Default for QualityLimits {
    /// Limits that refuse what cannot work and take what may. The main faces of all 1,549 photos of
    /// a part of LFW pass; there the least values are size 63, margin 0.12, brightness 48,
    /// contrast 18 and sharpness 0.010, the largest brightness 193, yaw 62, pitch 18 and roll 10.
    fn default() -> Self {
        Self {
            min_size: 40.0,
            min_margin: -0.1,
            max_yaw: 65.0,
            max_pitch: 35.0,
            max_roll: 45.0,
            min_brightness: 25.0,
            max_brightness: 235.0,
            min_contrast: 8.0,
            min_sharpness: 0.003,
            min_visible: 0.95,
            max_grain: 0.4,
            min_resolution: 0.36,
            min_color_balance: 0.18,
            max_blocking: 2.6,
            min_acuity: 0.0035,
            min_eye_detail: 0.06,
            min_mouth_detail: 0.06,
            min_score: f32::MIN,
            recognizable: true,
        }
    }
}

setters!(QualityLimits {
    min_size: with_min_size(f32),
    min_margin: with_min_margin(f32),
    max_yaw: with_max_yaw(f32),
    max_pitch: with_max_pitch(f32),
    max_roll: with_max_roll(f32),
    min_brightness: with_min_brightness(f32),
    max_brightness: with_max_brightness(f32),
    min_contrast: with_min_contrast(f32),
    min_sharpness: with_min_sharpness(f32),
    min_visible: with_min_visible(f32),
    max_grain: with_max_grain(f32),
    min_resolution: with_min_resolution(f32),
    min_color_balance: with_min_color_balance(f32),
    max_blocking: with_max_blocking(f32),
    min_acuity: with_min_acuity(f32),
    min_eye_detail: with_min_eye_detail(f32),
    min_mouth_detail: with_min_mouth_detail(f32),
    min_score: with_min_score(f32),
    recognizable: with_recognizable(bool),
});

impl QualityLimits {
    /// These limits with those of a pack in place of the ones that are as they are by default.
    #[must_use]
    pub(crate) fn of_pack(mut self, pack: &PackLimits) -> Self {
        let usual = Self::default();
        let replace = |limit: &mut f32, usual: f32, stated: Option<f32>| {
            if let Some(stated) = stated.filter(|_| *limit == usual) {
                *limit = stated;
            }
        };
        replace(&mut self.min_sharpness, usual.min_sharpness, pack.min_sharpness);
        replace(&mut self.min_resolution, usual.min_resolution, pack.min_resolution);
        replace(&mut self.min_acuity, usual.min_acuity, pack.min_acuity);
        replace(&mut self.max_blocking, usual.max_blocking, pack.max_blocking);
        replace(&mut self.min_score, usual.min_score, pack.min_score);
        self
    }

    /// No limits.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            min_size: 0.0,
            min_margin: f32::NEG_INFINITY,
            max_yaw: 90.0,
            max_pitch: 180.0,
            max_roll: 180.0,
            min_brightness: 0.0,
            max_brightness: 255.0,
            min_contrast: 0.0,
            min_sharpness: 0.0,
            min_visible: 0.0,
            max_grain: f32::INFINITY,
            min_resolution: 0.0,
            min_color_balance: 0.0,
            max_blocking: f32::INFINITY,
            min_acuity: 0.0,
            min_eye_detail: 0.0,
            min_mouth_detail: 0.0,
            min_score: f32::MIN,
            recognizable: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_replaces_the_limits_that_nobody_chose() {
        let pack = PackLimits { min_sharpness: Some(0.5), max_blocking: Some(1.5), ..PackLimits::default() };
        let usual = QualityLimits::default();
        let expected = QualityLimits { min_sharpness: 0.5, max_blocking: 1.5, ..usual };
        assert_eq!(usual.of_pack(&pack), expected);
        assert_eq!(expected.of_pack(&pack), expected);
        assert_eq!(QualityLimits::off().of_pack(&pack), QualityLimits::off());
        let chosen = usual.with_min_sharpness(0.004);
        assert_eq!(chosen.of_pack(&pack), QualityLimits { max_blocking: 1.5, ..chosen });
        assert_eq!(usual.of_pack(&PackLimits::default()), usual);
    }
}
