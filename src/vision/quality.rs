//! Whether a face is good enough for an encoding that can be relied on, and what to do if not.

use image::RgbImage;
use serde::Serialize;

use crate::error::{Refusal, RefusalCode};
use crate::geometry::Landmarks;

use super::light::Light;
use super::pose::Pose;
use super::quality_limits::QualityLimits;
use super::{Face, blocking};

/// What is measured of a face in its picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Quality {
    /// The shorter side of the face's box in pixels.
    pub size: f32,
    /// The distance from the box to the nearest side of the picture, in parts of the box's shorter
    /// side; negative where the box reaches beyond the picture.
    pub margin: f32,
    /// The distance of the eyes in pixels.
    pub eye_distance: f32,
    /// How the head is turned.
    pub pose: Pose,
    /// The mean luma of the face, 0 (black) to 255 (white).
    pub brightness: f32,
    /// The standard deviation of the face's luma, 0 to 127.5.
    pub contrast: f32,
    /// The variance of the Laplacian of the face's luma over the variance of the luma, both at the
    /// size that embedders see. A press photo has about 0.08; blurred until its vector has a cosine
    /// of 0.6 to that of the sharp photo it has about 0.003.
    pub sharpness: f32,
    /// How much of the picture's width or height the face's box takes, the larger of both.
    pub extent: f32,
    /// How far the face's middle is from the picture's, across or down, the larger of both: 0 in the middle, 1 at the
    /// picture's side.
    pub offset: f32,
    /// The part of the face that lies within the picture, 0 to 1. It is judged by the landmarks, because the box of a
    /// face that is cut off ends at the picture's side.
    pub visible: f32,
    /// The median of the Laplacian's magnitude over the luma's standard deviation: how noisy the face is.
    /// Press photos have 0.06 to 0.22; noise of 32 grey levels gives 0.5 or more.
    pub grain: f32,
    /// The Laplacian's magnitude that 70 % of the face's pixels have less than, at half the size that embedders
    /// see over the same at a quarter of it: how much fine detail there is beside coarse. One of 1,549 press
    /// photos has 0.32 and all others 0.365 or more.
    pub resolution: f32,
    /// The mean of the face's weakest colour over that of its strongest, 0 to 1. The least of 400 press
    /// photos was 0.23 (of 1,549 it was 0.18); in plain red light it is about 0.08.
    pub color_balance: f32,
    /// How strong the blocks of JPEG compression stand out, 1 for not at all. Press photos have 1.1 to 1.4,
    /// JPEGs of quality 5 about 3.7.
    pub blocking: f32,
    /// As `sharpness`, by the lesser of the two second differences, across and down: a hand that
    /// moved leaves one of them. One of 1,549 press photos has 0.003 and all others 0.004 or more; moved by a
    /// seventh of the face's width it is about 0.0007.
    pub acuity: f32,
    /// How much detail there is at the eye that shows more (in a turned face, the other eye lies at the edge): the
    /// median, over the eye's pixels, of the difference between the lightest and the darkest neighbour, in standard
    /// deviations of the face's luma. A press photo has about 0.7, painted glasses 0.
    pub eye_detail: f32,
    /// The same where the mouth is. A press photo has about 0.7, a plain mask 0.
    pub mouth_detail: f32,
}

impl Quality {
    /// Measures `face` in `picture`. Light and sharpness are measured on a crop of their own, so
    /// that they do not depend on the embedder.
    #[must_use]
    pub fn measure(picture: &RgbImage, face: &Face) -> Self {
        let bounds = face.bounds;
        let size = bounds.width.min(bounds.height);
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        // The first pixel reaches from -0.5 to 0.5.
        let sides = [bounds.x + 0.5, bounds.y + 0.5, width - 0.5 - bounds.right(), height - 0.5 - bounds.bottom()];
        let nearest = sides.into_iter().fold(f32::INFINITY, f32::min);
        let (left, right) = face.landmarks.eyes();
        let light = Light::measure(picture, &face.landmarks);
        Self {
            size,
            margin: if size > 0.0 { nearest / size } else { 0.0 },
            eye_distance: left.distance(right),
            pose: Pose::estimate(&face.landmarks),
            brightness: light.mean as f32,
            contrast: light.variance.sqrt() as f32,
            sharpness: light.sharpness() as f32,
            extent: (bounds.width / width).max(bounds.height / height),
            offset: offset(&face.landmarks, width, height),
            visible: light.visible,
            grain: light.grain,
            resolution: light.resolution,
            color_balance: light.color_balance,
            blocking: blocking::measure(picture, &bounds),
            acuity: light.acuity() as f32,
            eye_detail: light.eye_detail,
            mouth_detail: light.mouth_detail,
        }
    }
}

/// How far the middle of the landmarks is from that of the picture, in halves of its sides.
fn offset(landmarks: &Landmarks, width: f32, height: f32) -> f32 {
    let count = landmarks.points.len() as f32;
    let (x, y) = landmarks.points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.x / count, y + point.y / count));
    let from_middle = |at: f32, side: f32| ((at + 0.5) / side - 0.5).abs() * 2.0;
    from_middle(x, width).max(from_middle(y, height))
}

/// From this part of the picture's width or height on, a face that is cut off is too close.
const FILLS_PICTURE: f32 = 0.9;
/// Beyond this distance from the middle, a face that is cut off is not centred.
const OFF_CENTER: f32 = 0.5;

/// The largest turn to the side, in degrees, at which eyes and mouth are looked for.
const FRONTAL: f32 = 45.0;

impl QualityLimits {
    /// Compares what was measured with the limits; the first one that is missed is reported, in the order size, border,
    /// rotation, light, sharpness, coloured light, compression, noise, covered parts, fine detail, blur in one
    /// direction.
    ///
    /// # Errors
    /// A [`Refusal`] with the measured value and the limit.
    pub fn check(&self, quality: &Quality) -> Result<(), Refusal> {
        use RefusalCode::{
            Blurred, FaceCloseToBorder, FaceNotCentered, FaceOccluded, FaceRotationTooLarge, FaceTooClose,
            FaceTooSmall, LowQuality, PoorLighting,
        };
        let refuse = |code, measured: f32, limit: f32, message: String| {
            Err(Refusal::measured(code, f64::from(measured), f64::from(limit), message))
        };
        let Quality { size, margin, pose, brightness, contrast, sharpness, .. } = *quality;
        // Written so that what is not a number is refused.
        let below = |value: f32, limit: f32| !(value >= limit);
        let above = |value: f32, limit: f32| !(value <= limit);
        if below(size, self.min_size) {
            let limit = self.min_size;
            let message = format!(
                "the face is {size:.0} pixels wide, {limit:.0} are needed; send a larger photo or one taken closer"
            );
            return refuse(FaceTooSmall, size, limit, message);
        }
        // Why the face is not whole, and what helps.
        let (code, advice) = if quality.extent >= FILLS_PICTURE {
            (FaceTooClose, "send a photo taken from further away, which shows the whole head")
        } else if quality.offset > OFF_CENTER {
            (FaceNotCentered, "send a photo that has the face in the middle and shows the whole head")
        } else {
            (FaceCloseToBorder, "send a photo that shows the whole head")
        };
        if below(margin, self.min_margin) {
            let limit = self.min_margin;
            let message = format!(
                "the face's distance to the border of the photo is {margin:.2} of its width, {limit:.2} is needed; {advice}"
            );
            return refuse(code, margin, limit, message);
        }
        if below(quality.visible, self.min_visible) {
            let (seen, limit) = (quality.visible, self.min_visible);
            let (percent, least) = (100.0 * seen, 100.0 * limit);
            let message = format!("{percent:.0} % of the face is in the photo, {least:.0} % is needed; {advice}");
            return refuse(code, seen, limit, message);
        }
        for (angle, limit, how, what) in [
            (pose.yaw, self.max_yaw, "turned to the side by", "face the camera"),
            (pose.pitch.unwrap_or(0.0), self.max_pitch, "tipped up or down by", "look straight into the camera"),
            (pose.roll, self.max_roll, "tilted by", "send a photo with the head upright"),
        ] {
            let angle = angle.abs();
            if above(angle, limit) {
                let message = format!("the head is {how} {angle:.0} degrees, at most {limit:.0} are taken; {what}");
                return refuse(FaceRotationTooLarge, angle, limit, message);
            }
        }
        for (value, limit, misses, what) in [
            (brightness, self.min_brightness, below(brightness, self.min_brightness), "too dark: its mean brightness"),
            (
                brightness,
                self.max_brightness,
                above(brightness, self.max_brightness),
                "too bright: its mean brightness",
            ),
            (contrast, self.min_contrast, below(contrast, self.min_contrast), "too flat: its contrast"),
        ] {
            if misses {
                let message = format!(
                    "the face is {what} is {value:.0} of 255, the limit is {limit:.0}; send a photo with even light on the face"
                );
                return refuse(PoorLighting, value, limit, message);
            }
        }
        if below(sharpness, self.min_sharpness) {
            let limit = self.min_sharpness;
            let message = format!(
                "the face is not sharp: {sharpness:.4}, {limit:.4} is needed; hold the camera still and clean its lens"
            );
            return refuse(Blurred, sharpness, limit, message);
        }
        if below(quality.color_balance, self.min_color_balance) {
            let (balance, limit) = (quality.color_balance, self.min_color_balance);
            let message = format!(
                "the light is coloured: the weakest colour has {balance:.2} of the strongest, {limit:.2} is needed; use white light"
            );
            return refuse(PoorLighting, balance, limit, message);
        }
        if above(quality.blocking, self.max_blocking) {
            let (blocking, limit) = (quality.blocking, self.max_blocking);
            let message = format!(
                "the photo is compressed too hard: blocks stand out {blocking:.1} times, at most {limit:.1} is taken; send a JPEG of higher quality"
            );
            return refuse(LowQuality, blocking, limit, message);
        }
        if above(quality.grain, self.max_grain) {
            let (grain, limit) = (quality.grain, self.max_grain);
            let message = format!("the face is noisy: {grain:.2}, at most {limit:.2} is taken; use more light");
            return refuse(PoorLighting, grain, limit, message);
        }
        // What covers a part of the face makes the whole less sharp: it is looked for before blur in one direction.
        // Of a face that is turned away, eyes and mouth lie at its edge, where the crop shows what is behind it.
        let frontal = pose.yaw.abs() <= FRONTAL;
        for (value, limit, what, advice) in [
            (quality.eye_detail, self.min_eye_detail, "eyes", "take off dark glasses"),
            (quality.mouth_detail, self.min_mouth_detail, "mouth", "take off the mask"),
        ] {
            if frontal && below(value, limit) {
                let message =
                    format!("the {what} cannot be seen: {value:.2} of detail, {limit:.2} is needed; {advice}");
                return refuse(FaceOccluded, value, limit, message);
            }
        }
        if below(quality.resolution, self.min_resolution) {
            let (resolution, limit) = (quality.resolution, self.min_resolution);
            let message = format!(
                "the face has no fine detail, as if a small picture had been enlarged: {resolution:.2}, {limit:.2} is needed; send the photo as it was taken"
            );
            return refuse(Blurred, resolution, limit, message);
        }
        if below(quality.acuity, self.min_acuity) {
            let limit = self.min_acuity;
            let message = format!(
                "the face is blurred in one direction: {:.4}, {limit:.4} is needed; hold camera and head still",
                quality.acuity
            );
            return refuse(Blurred, quality.acuity, limit, message);
        }
        Ok(())
    }

    /// Compares the detector's score of a face with its limit.
    ///
    /// # Errors
    /// A [`Refusal`] with the score and the limit.
    pub fn check_score(&self, score: f32) -> Result<(), Refusal> {
        let limit = self.min_score;
        if score >= limit || score.is_nan() {
            return Ok(());
        }
        let message = format!(
            "the detector is not sure of the face: its score is {score:.2}, {limit:.2} is needed; send a photo that shows the whole face from the front"
        );
        Err(Refusal::measured(RefusalCode::LowQuality, f64::from(score), f64::from(limit), message))
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use image::imageops::{self, FilterType};

    use crate::geometry::{LandmarkScheme, Point, Rect};

    use super::*;

    /// A face of 100 pixels at (150, 120), its eyes 40 pixels apart.
    fn face() -> Face {
        let points = [(180.0, 160.0), (220.0, 160.0), (200.0, 183.0), (183.0, 205.0), (217.0, 205.0)];
        Face {
            bounds: Rect { x: 150.0, y: 120.0, width: 100.0, height: 120.0 },
            landmarks: Landmarks {
                scheme: LandmarkScheme::EyesNoseMouth,
                points: points.map(|(x, y)| Point::new(x, y)),
            },
            score: 0.9,
        }
    }

    fn picture(value: impl Fn(f32, f32) -> f32) -> RgbImage {
        RgbImage::from_fn(400, 300, |x, y| Rgb([value(x as f32, y as f32).round().clamp(0.0, 255.0) as u8; 3]))
    }

    fn waves(length: f32) -> RgbImage {
        picture(|x, y| 120.0 + 40.0 * (x / length).sin() + 40.0 * (y / length).sin())
    }

    #[test]
    fn a_good_face_passes_and_is_measured() {
        let quality = Quality::measure(&waves(2.0), &face());
        assert_eq!(quality.size, 100.0);
        assert_eq!(quality.eye_distance, 40.0);
        // 59.5 pixels are left below the box.
        assert!((quality.margin - 0.595).abs() < 1e-4, "{quality:?}");
        assert!((quality.brightness - 120.0).abs() < 3.0 && (quality.contrast - 40.0).abs() < 5.0, "{quality:?}");
        assert!(quality.pose.yaw.abs() < 0.1 && quality.pose.roll == 0.0);
        assert_eq!(QualityLimits::default().check(&quality), Ok(()));
    }

    #[test]
    fn each_limit_refuses_with_its_numbers() {
        use RefusalCode::{
            Blurred, FaceCloseToBorder, FaceNotCentered, FaceOccluded, FaceRotationTooLarge, FaceTooClose,
            FaceTooSmall, PoorLighting,
        };
        let good = waves(2.0);
        let across = |y: f32, x: f32| 120.0 + 40.0 * (x / 2.0).sin() + 40.0 * (y / 2.0).sin();
        let covered = |rows: std::ops::Range<f32>| picture(|x, y| if rows.contains(&y) { 9.0 } else { across(y, x) });
        let (no_eyes, no_mouth) = (covered(140.0..178.0), covered(190.0..222.0));
        let noisy = picture(|x, y| across(y, x) + 120.0 * ((x * 12.9898 + y * 78.233).sin() * 43_758.547).fract());
        let moved = picture(|_, y| 120.0 + 60.0 * (y / 2.0).sin());
        let with = |change: &dyn Fn(&mut Face)| {
            let mut face = face();
            change(&mut face);
            face
        };
        let cut = with(&|face| {
            face.landmarks.points = face.landmarks.points.map(|p| Point::new(p.x - 175.0, p.y));
            face.bounds.x = 0.0;
        });
        let shrunk = with(&|face| {
            face.bounds.width = 39.0;
        });
        let outside = with(&|face| face.bounds.x = -20.0);
        let close = with(&|face| face.bounds = Rect { x: 20.0, y: -40.0, width: 340.0, height: 380.0 });
        let turned = with(&|face| face.landmarks.points[2].x += 60.0);
        let tipped = with(&|face| face.landmarks.points[2].y = 208.0);
        let tilted =
            with(&|face| face.landmarks.points = face.landmarks.points.map(|p| Point::new(360.0 - p.y, p.x - 40.0)));
        let upright = face();
        let dark = picture(|x, _| 10.0 + 9.0 * x.sin());
        let bright = picture(|x, _| 246.0 + 9.0 * x.sin());
        let flat = picture(|x, _| 120.0 + 5.0 * x.sin());
        let blurred = waves(25.0);
        let grey = |x: u32, y: u32| ((x as f32 * 12.9898 + y as f32 * 78.233).sin() * 43_758.547).fract();
        let small = RgbImage::from_fn(27, 20, |x, y| Rgb([(120.0 + 60.0 * grey(x, y)) as u8; 3]));
        let enlarged = imageops::resize(&small, 400, 300, FilterType::CatmullRom);
        for (what, picture, face, code, limit) in [
            ("small", &good, shrunk, FaceTooSmall, 40.0),
            ("outside", &good, outside, FaceCloseToBorder, f64::from(-0.1f32)),
            ("turned", &good, turned, FaceRotationTooLarge, 65.0),
            ("tipped", &good, tipped, FaceRotationTooLarge, 35.0),
            ("tilted", &good, tilted, FaceRotationTooLarge, 45.0),
            ("dark", &dark, upright, PoorLighting, 25.0),
            ("bright", &bright, upright, PoorLighting, 235.0),
            ("flat", &flat, upright, PoorLighting, 8.0),
            ("blurred", &blurred, upright, Blurred, f64::from(0.003f32)),
            ("enlarged", &enlarged, upright, Blurred, f64::from(0.36f32)),
            ("moved", &moved, upright, Blurred, f64::from(0.0035f32)),
            ("noisy", &noisy, upright, PoorLighting, f64::from(0.4f32)),
            ("close", &good, close, FaceTooClose, f64::from(-0.1f32)),
            ("cut off", &good, cut, FaceNotCentered, f64::from(0.95f32)),
            ("dark glasses", &no_eyes, upright, FaceOccluded, f64::from(0.06f32)),
            ("a mask", &no_mouth, upright, FaceOccluded, f64::from(0.06f32)),
        ] {
            let quality = Quality::measure(picture, &face);
            let refusal = QualityLimits::default().check(&quality).expect_err(what);
            assert_eq!((refusal.code, refusal.limit), (code, Some(limit)), "{what}: {refusal} {quality:?}");
            assert!(refusal.measured.is_some_and(f64::is_finite), "{what}: {refusal}");
            assert!(refusal.message.contains("; "), "{what} says what to do: {refusal}");
            assert_eq!(QualityLimits::off().check(&quality), Ok(()), "{what}");
        }
    }

    #[test]
    fn a_face_that_the_detector_is_not_sure_of_is_refused_where_that_is_asked_for() {
        let limits = QualityLimits::default().with_min_score(0.9);
        assert_eq!(limits.check_score(0.9), Ok(()));
        let refusal = limits.check_score(0.89).expect_err("below the limit");
        assert_eq!((refusal.code, refusal.limit), (RefusalCode::LowQuality, Some(f64::from(0.9f32))));
        for any in [QualityLimits::default(), QualityLimits::off()] {
            assert_eq!(any.check_score(-1.0), Ok(()));
        }
    }

    #[test]
    fn sharpness_falls_with_blur_and_not_with_contrast() {
        let sharpness = |picture: &RgbImage| Quality::measure(picture, &face()).sharpness;
        let by_length: Vec<f32> = [2.0, 4.0, 8.0, 16.0].map(|length| sharpness(&waves(length))).to_vec();
        assert!(by_length.is_sorted_by(|a, b| a > b), "{by_length:?}");
        let strong = sharpness(&waves(4.0));
        let weak = sharpness(&picture(|x, y| 120.0 + 20.0 * (x / 4.0).sin() + 20.0 * (y / 4.0).sin()));
        // Half the contrast has half the grey levels to be told in.
        assert!((strong - weak).abs() < 0.25 * strong, "{strong} {weak}");
    }

    #[test]
    fn a_flat_picture_and_landmarks_in_one_point_are_measured_too() {
        let quality = Quality::measure(&picture(|_, _| 90.0), &face());
        assert_eq!((quality.contrast, quality.sharpness), (0.0, 0.0));
        let mut nowhere = face();
        nowhere.landmarks.points = [Point::new(5.0, 5.0); 5];
        assert!(QualityLimits::default().check(&Quality::measure(&waves(3.0), &nowhere)).is_err());
    }
}
