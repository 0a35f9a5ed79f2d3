//! A face in one frame: how good it is, and its encoding.

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use image::imageops::{crop_imm, thumbnail};

use crate::encoding::FaceEncoding;
use crate::engine::EncodedFace;
use crate::geometry::Rect;
use crate::vision::{Face, Quality};

use super::event::BestShot;

/// A face of more pixels a side than this is no better: the embedder gets a smaller crop anyway.
const FULL_SIZE: f32 = 112.0;
/// The sharpness and the contrast that get half of the full mark.
const HALF_SHARP: f32 = 0.01;
const HALF_CONTRAST: f32 = 10.0;
/// The light is good if the mean luma of the face lies between these.
const DARK: f32 = 60.0;
const BRIGHT: f32 = 190.0;
/// How much around the face the picture of a shot shows, as a fraction of the face's sides, and the most pixels of the
/// picture's longer side.
const AROUND: f32 = 0.4;
const PICTURE_SIDE: u32 = 256;

/// How good a shot is, 0 to 1, by its picture alone: the product of a mark for each measured quality. No mark is quite
/// 0, so that the others still count. The value only ranks shots of one face; it is not a probability.
pub(super) fn score(quality: &Quality) -> f64 {
    let saturated = |value: f32, half: f32| if value > 0.0 { value / (value + half) } else { 0.0 };
    let turned = |degrees: f32| degrees.to_radians().cos().max(0.0);
    let light = (quality.brightness / DARK).min((255.0 - quality.brightness) / (255.0 - BRIGHT));
    let parts = [
        quality.size / FULL_SIZE,
        turned(quality.pose.yaw).powi(2),
        // The pitch is estimated coarsely.
        turned(quality.pose.pitch.unwrap_or(0.0) / 2.0),
        saturated(quality.sharpness, HALF_SHARP),
        saturated(quality.contrast, HALF_CONTRAST),
        light,
        quality.visible,
    ];
    let counted = |part: f32| if part.is_nan() { 0.0 } else { f64::from(part.clamp(0.0, 1.0)) };
    parts.into_iter().map(|part| 0.05 + 0.95 * counted(part)).product()
}

/// A face in one frame that has an encoding.
#[derive(Clone)]
pub(super) struct Shot {
    /// How good it is: [`score`] times how recognisable the encoding says the face is.
    pub(super) score: f64,
    /// [`score`] alone, which is known before there is an encoding.
    pub(super) seen: f64,
    pub(super) encoding: FaceEncoding,
    /// How live the face is, where that is asked for.
    pub(super) liveness: Option<f64>,
    pub(super) best: BestShot,
}

impl Shot {
    /// The shot of a face; `limit` is how recognisable a face must be.
    pub(super) fn new(time: Duration, encoded: EncodedFace, limit: Option<f64>, picture: &RgbImage) -> Self {
        let EncodedFace { face, quality, encoding, recognizability, liveness, .. } = encoded;
        let liveness = liveness.map(|liveness| liveness.score);
        let recognizable = match (recognizability, limit) {
            (Some(value), Some(limit)) if limit > 0.0 => value / limit,
            _ => 1.0,
        };
        let seen = score(&quality);
        let score = seen * recognizable;
        let picture = Arc::new(shown(picture, &face));
        Self { score, seen, encoding, liveness, best: BestShot { time, face, score, quality, picture } }
    }
}

/// The face with what is around it.
fn shown(picture: &RgbImage, face: &Face) -> RgbImage {
    let Rect { x, y, width, height } = face.bounds;
    let side = |from: f32, length: f32, whole: u32| {
        let around = length * AROUND;
        let first = (from - around).clamp(0.0, whole.saturating_sub(1) as f32) as u32;
        let last = (from + length + around).clamp(0.0, whole as f32) as u32;
        (first, last.max(first + 1) - first)
    };
    let (left, across) = side(x, width, picture.width());
    let (top, down) = side(y, height, picture.height());
    let part = crop_imm(picture, left, top, across, down);
    let longer = across.max(down);
    if longer <= PICTURE_SIDE {
        return part.to_image();
    }
    let reduced = |length: u32| (length * PICTURE_SIDE / longer).max(1);
    thumbnail(&part.to_image(), reduced(across), reduced(down))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{LandmarkScheme, Landmarks, Point};

    fn face(x: f32, y: f32, width: f32, height: f32) -> Face {
        let bounds = Rect { x, y, width, height };
        let at = |right: f32, down: f32| Point::new(x + right * width, y + down * height);
        let points = [at(0.3, 0.4), at(0.7, 0.4), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8)];
        Face { bounds, landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points }, score: 0.9 }
    }

    #[test]
    fn a_better_face_has_the_larger_score() {
        let picture =
            RgbImage::from_fn(300, 300, |x, y| image::Rgb([(60 + 120 * ((x / 3 + y / 3) % 2)) as u8, 110, 110]));
        let base = Quality::measure(&picture, &face(90.0, 90.0, 112.0, 130.0));
        let with = |change: fn(&mut Quality)| {
            let mut quality = base;
            change(&mut quality);
            score(&quality)
        };
        assert!(score(&base) > 0.0 && score(&base) <= 1.0);
        for (what, worse) in [
            ("small", with(|quality| quality.size = 60.0)),
            ("turned", with(|quality| quality.pose.yaw = 40.0)),
            ("blurred", with(|quality| quality.sharpness = 0.001)),
            ("dark", with(|quality| quality.brightness = 20.0)),
            ("glaring", with(|quality| quality.brightness = 240.0)),
            ("flat", with(|quality| quality.contrast = 2.0)),
            ("cut off", with(|quality| quality.visible = 0.5)),
            ("not a number", with(|quality| quality.size = f32::NAN)),
        ] {
            assert!(worse < score(&base) && worse > 0.0, "{what}: {worse}");
        }
        assert_eq!(with(|quality| quality.size = 500.0), score(&base));
    }

    #[test]
    fn the_picture_of_a_shot_shows_the_face_and_is_small() {
        let picture = RgbImage::new(640, 480);
        for (face, size) in [
            (face(100.0, 100.0, 100.0, 120.0), (180, 216)),
            (face(0.0, 0.0, 600.0, 400.0), (256, 192)),
            (face(-50.0, -50.0, 100.0, 100.0), (90, 90)),
            (face(900.0, 900.0, 10.0, 10.0), (1, 1)),
        ] {
            assert_eq!(shown(&picture, &face).dimensions(), size, "{:?}", face.bounds);
        }
        assert_eq!(shown(&RgbImage::new(1, 1), &face(0.0, 0.0, 9.0, 9.0)).dimensions(), (1, 1));
    }
}
