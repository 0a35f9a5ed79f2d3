//! An engine for the pictures of a film: they come fast and upright, and all have one size.

use image::RgbImage;

use crate::error::Result;
use crate::vision::{Face, SeekOptions};

use super::timing::Step;
use super::{Engine, PhotoRules};

/// Scores from which on a detector takes a face, where nobody says.
const USUAL_SCORE: f32 = 0.5;
/// From this number of canvas pixels on, of the face's longer side, landmarks are as good as those of a close look
/// (measured with CenterFace, which uses the same number for photos).
const ENOUGH: f32 = 40.0;

/// An engine for the pictures of a film.
pub(crate) struct FilmEngine {
    /// It sees all faces of the size that was asked for at one look.
    engine: Engine,
    /// The score from which on the detector takes a face in a photo.
    pub(crate) score: f32,
    /// The least score of a face that it gives.
    pub(crate) low_score: f32,
    /// The longer side of a face, in pixels of the picture, from which on its landmarks need no close look.
    pub(crate) clear: f32,
}

impl Engine {
    /// This engine for a film whose pictures have this longer side, in which faces of `min_face` pixels are looked for.
    pub(crate) fn for_film(&self, long_side: u32, min_face: f32) -> FilmEngine {
        let seek = self.rules.seek;
        let of_pack = self.manifest().map(|manifest| manifest.detector.spec.score_threshold);
        let score = seek.min_score.or(of_pack).unwrap_or(USUAL_SCORE);
        // Scores of 0 and less are those of a scale without a middle.
        let low_score = if score > 0.0 { score / 2.0 } else { score };
        let scale = self.detector.scope().map(|scope| (scope.least_face / min_face).min(1.0));
        let side = scale.map(|scale| (scale * long_side as f32).ceil() as u32);
        let seek = SeekOptions { turn: false, min_face, long_side: side, min_score: Some(low_score) };
        let engine = self.with_rules(PhotoRules { seek, ..(*self.rules).clone() });
        FilmEngine { engine, score, low_score, clear: ENOUGH / scale.unwrap_or(1.0) }
    }
}

impl FilmEngine {
    /// The faces of an upright picture, highest score first.
    pub(crate) fn faces(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        if picture.is_empty() {
            return Ok(Vec::new());
        }
        let inner = &self.engine.inner;
        let _taken_on = inner.origin.workload.take_on(1);
        Ok(inner.timing.time(Step::Detect, || self.engine.detect_in(picture))?.1.faces)
    }
}
