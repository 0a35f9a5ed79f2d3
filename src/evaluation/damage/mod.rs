//! Photos damaged on purpose, to measure what a model makes of them.
//!
//! Each kind is a function of an upright picture, the face in it and a seed: equal inputs give equal
//! pixels. What a damage does depends on how large the face is, so pictures with a large face are
//! reduced until its eyes are [`EYES`] pixels apart (the face is then about 105 pixels wide), and
//! lengths in pixels are those for eyes [`UNIT`] pixels apart, as in the photos of LFW.

mod cover;
mod encode;
mod light;
mod measure;
mod soften;

use std::fmt;

use image::RgbImage;
use image::imageops::{self, FilterType};
use serde::{Serialize, Serializer};

use crate::geometry::{Point, Rect};
use crate::statistics::SplitMix64;
use crate::vision::Face;

pub use encode::{DamagedEncodings, MOST_MEASURED, MOST_PEOPLE, Outcome, halves, measured};
pub use measure::{DamageReport, DamageRow};

/// The largest distance of the eyes, in pixels, that damages are done at.
pub const EYES: f32 = 48.0;
/// The distance of the eyes, in pixels, for which the kinds' lengths are given.
pub const UNIT: f32 = 44.0;

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// None: the picture itself.
    None,
    /// Normal noise with a standard deviation of 32 grey levels, each colour by itself.
    Noise,
    /// A third of the light, noise of 14 grey levels, brightened again.
    Night,
    /// JPEG with this quality, colours at half the resolution.
    Jpeg(u8),
    /// A Gaussian blur with this standard deviation in pixels.
    Blur(u8),
    /// Reduced to one in so many pixels a side and enlarged again.
    Reduced(u8),
    /// Moved sideways by 15 pixels while the picture was taken.
    Motion,
    /// A black bar over the eyes.
    EyesBar,
    /// Dark glasses.
    Sunglasses,
    /// A mask over mouth and nose.
    Mask,
    /// Red light: little green and blue.
    RedLight,
    /// Blue light: little red and green.
    BlueLight,
    /// Turned clockwise by so many quarters.
    Turned(u8),
    /// The mirror image.
    Mirrored,
    /// The picture's left side cut off, and with it so many hundredths of the face's width.
    CutLeft(u8),
    /// The picture's lower side cut off, and with it so many hundredths of the face's height.
    CutBottom(u8),
}

impl Damage {
    /// All kinds, undamaged first.
    pub const ALL: [Self; 27] = [
        Self::None,
        Self::Noise,
        Self::Night,
        Self::Jpeg(3),
        Self::Jpeg(5),
        Self::Jpeg(10),
        Self::Jpeg(15),
        Self::Blur(2),
        Self::Blur(3),
        Self::Blur(4),
        Self::Blur(6),
        Self::Reduced(4),
        Self::Reduced(6),
        Self::Reduced(8),
        Self::Motion,
        Self::EyesBar,
        Self::Sunglasses,
        Self::Mask,
        Self::RedLight,
        Self::BlueLight,
        Self::Turned(1),
        Self::Turned(2),
        Self::Turned(3),
        Self::Mirrored,
        Self::CutLeft(25),
        Self::CutLeft(40),
        Self::CutBottom(30),
    ];

    /// The kinds whose mean vectors say what cannot be recognised.
    pub const LEARNED: [Self; 13] = [
        Self::Noise,
        Self::Night,
        Self::Jpeg(3),
        Self::Blur(4),
        Self::Blur(6),
        Self::Reduced(8),
        Self::Motion,
        Self::EyesBar,
        Self::Sunglasses,
        Self::Mask,
        Self::RedLight,
        Self::Turned(2),
        Self::Turned(3),
    ];

    /// What it is called, as data and command lines spell it.
    #[must_use]
    pub fn name(self) -> String {
        self.words().0
    }

    /// What was done, in words.
    #[must_use]
    pub fn description(self) -> String {
        self.words().1
    }

    /// Name and description.
    fn words(self) -> (String, String) {
        match self {
            Self::None => ("none".into(), "undamaged".into()),
            Self::Noise => ("noise".into(), "noise".into()),
            Self::Night => ("night".into(), "night".into()),
            Self::Jpeg(quality) => (format!("jpeg_{quality}"), format!("JPEG quality {quality}")),
            Self::Blur(sigma) => (format!("blur_{sigma}"), format!("blur, {sigma} pixels")),
            Self::Reduced(factor) => (format!("reduced_{factor}"), format!("one pixel in {factor}")),
            Self::Motion => ("motion".into(), "motion, 15 pixels".into()),
            Self::EyesBar => ("eyes_bar".into(), "bar over the eyes".into()),
            Self::Sunglasses => ("sunglasses".into(), "dark glasses".into()),
            Self::Mask => ("mask".into(), "mask".into()),
            Self::RedLight => ("red_light".into(), "red light".into()),
            Self::BlueLight => ("blue_light".into(), "blue light".into()),
            Self::Turned(quarters) => {
                let degrees = 90 * u16::from(quarters);
                (format!("turned_{degrees}"), format!("turned by {degrees} degrees"))
            }
            Self::Mirrored => ("mirrored".into(), "mirrored".into()),
            Self::CutLeft(share) => (format!("cut_left_{share}"), format!("{share} % cut off at the left")),
            Self::CutBottom(share) => (format!("cut_bottom_{share}"), format!("{share} % cut off below")),
        }
    }

    /// The subject's picture with this damage. Of photos damaged in one way each needs a seed of its
    /// own.
    #[must_use]
    pub fn apply(self, subject: &Subject, seed: u64) -> RgbImage {
        let Subject { picture, bounds, .. } = subject;
        let mut random = SplitMix64::new(seed ^ u64::from(crc32fast::hash(self.name().as_bytes())));
        let pixels = subject.eye_distance() / UNIT;
        match self {
            Self::None => picture.clone(),
            Self::Noise => light::noise(picture, 32.0, &mut random),
            Self::Night => light::night(picture, &mut random),
            Self::Jpeg(quality) => soften::jpeg(picture, quality),
            Self::Blur(sigma) => soften::blur(picture, f32::from(sigma) * pixels),
            Self::Reduced(factor) => soften::reduce(picture, f32::from(factor) * pixels),
            Self::Motion => soften::motion(picture, 15.0 * pixels),
            Self::EyesBar => cover::eyes_bar(subject),
            Self::Sunglasses => cover::sunglasses(subject),
            Self::Mask => cover::mask(subject),
            Self::RedLight => light::tint(picture, [1.0, 0.35, 0.2]),
            Self::BlueLight => light::tint(picture, [0.2, 0.35, 1.0]),
            Self::Turned(quarters) => match quarters % 4 {
                1 => imageops::rotate90(picture),
                2 => imageops::rotate180(picture),
                3 => imageops::rotate270(picture),
                _ => picture.clone(),
            },
            Self::Mirrored => imageops::flip_horizontal(picture),
            Self::CutLeft(share) => {
                let left = (bounds.x + bounds.width * f32::from(share) / 100.0).round().max(0.0) as u32;
                let left = left.min(picture.width().saturating_sub(1));
                imageops::crop_imm(picture, left, 0, picture.width() - left, picture.height()).to_image()
            }
            Self::CutBottom(share) => {
                let kept = (bounds.y + bounds.height * (1.0 - f32::from(share) / 100.0)).round().max(1.0) as u32;
                imageops::crop_imm(picture, 0, 0, picture.width(), kept.min(picture.height())).to_image()
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for Damage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An upright picture and the face in it.
#[derive(Clone, PartialEq)]
pub struct Subject {
    picture: RgbImage,
    bounds: Rect,
    eyes: [Point; 2],
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({} x {})", self.picture.width(), self.picture.height())
    }
}

impl Subject {
    /// The picture, reduced where the face's eyes are more than [`EYES`] pixels apart.
    #[must_use]
    pub fn new(picture: RgbImage, face: &Face) -> Self {
        let (left, right) = face.landmarks.eyes();
        let subject = Self { picture, bounds: face.bounds, eyes: [left, right] };
        let factor = EYES / subject.eye_distance();
        if !(factor < 1.0) {
            return subject;
        }
        let (width, height) = subject.picture.dimensions();
        let side = |length: u32| ((length as f32 * factor).round() as u32).max(1);
        let picture = imageops::resize(&subject.picture, side(width), side(height), FilterType::Triangle);
        // Points are middles of pixels.
        let moved = |p: Point| Point::new((p.x + 0.5) * factor - 0.5, (p.y + 0.5) * factor - 0.5);
        Self { picture, bounds: subject.bounds.scaled(factor), eyes: subject.eyes.map(moved) }
    }

    /// The distance of the eyes in pixels.
    fn eye_distance(&self) -> f32 {
        self.eyes[0].distance(self.eyes[1])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use image::Rgb;
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::{LandmarkScheme, Landmarks};

    /// A picture of waves, its face in the middle with the eyes so many pixels apart.
    fn subject(side: u32, eyes: f32) -> Subject {
        let wave = |a: u32, b: u32| (127.0 + 60.0 * (a as f32 / 5.0).sin() + 60.0 * (b as f32 / 7.0).cos()) as u8;
        let picture = RgbImage::from_fn(side, side, |x, y| Rgb([wave(x, y), wave(y, x), wave(x + y, x)]));
        let middle = side as f32 / 2.0;
        let at = |x: f32, y: f32| Point::new(middle + eyes * x, middle + eyes * y);
        let points = [at(-0.5, 0.0), at(0.5, 0.0), at(0.0, 0.5), at(-0.4, 1.0), at(0.4, 1.0)];
        let bounds = Rect { x: middle - eyes, y: middle - eyes, width: 2.0 * eyes, height: 2.5 * eyes };
        let landmarks = Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points };
        Subject::new(picture, &Face { bounds, landmarks, score: 1.0 })
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_changes_the_picture() {
        let subject = subject(200, 40.0);
        let names: BTreeSet<String> = Damage::ALL.iter().map(|damage| damage.name()).collect();
        let descriptions: BTreeSet<String> = Damage::ALL.iter().map(|damage| damage.description()).collect();
        assert_eq!((names.len(), descriptions.len()), (Damage::ALL.len(), Damage::ALL.len()));
        for damage in Damage::ALL {
            assert_eq!(damage.apply(&subject, 1) != subject.picture, damage != Damage::None, "{damage}");
        }
        assert!(Damage::LEARNED.iter().all(|damage| Damage::ALL.contains(damage)));
    }

    #[test]
    fn what_is_cut_and_turned_has_the_size_that_is_left() {
        let subject = subject(200, 40.0);
        // The face is from 60 to 140 across and from 60 to 160 down.
        for (damage, size) in [
            (Damage::CutLeft(25), (120, 200)),
            (Damage::CutLeft(40), (108, 200)),
            (Damage::CutBottom(30), (200, 130)),
            (Damage::Turned(1), (200, 200)),
        ] {
            assert_eq!(damage.apply(&subject, 1).dimensions(), size, "{damage}");
        }
        let turned = Damage::Turned(1).apply(&subject, 1);
        assert_eq!(turned.get_pixel(199, 0), subject.picture.get_pixel(0, 0));
    }

    #[test]
    fn large_faces_are_reduced_and_small_ones_stay() {
        for (side, eyes, expected) in [(200, 40.0, 200), (400, 96.0, 200), (300, 48.0, 300)] {
            let subject = subject(side, eyes);
            assert_eq!(subject.picture.width(), expected);
            assert!((subject.eye_distance() - eyes.min(EYES)).abs() < 1e-3);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn a_seed_gives_the_same_pixels_and_another_one_other_noise(seed: u64) {
            let subject = subject(80, 30.0);
            for damage in Damage::ALL {
                let first = damage.apply(&subject, seed);
                prop_assert!(first == damage.apply(&subject, seed), "{}", damage);
                let random = matches!(damage, Damage::Noise | Damage::Night);
                prop_assert_eq!(first != damage.apply(&subject, seed ^ 1), random, "{}", damage);
            }
        }
    }
}
