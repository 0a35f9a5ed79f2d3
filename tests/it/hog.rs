//! facevault's HOG detector finds what dlib's finds, to the last bit.
//!
//! `data/hog_golden.json` has dlib's boxes and scores; `data/scripts/hog_golden.py` made it.

use facevault::models::{Artifact, Home, dlib};
use facevault::vision::{DecodeLimits, HogDetector, HogFace, decode};
use facevault::{ErrorKind, hog_detector};
use image::RgbImage;
use serde::Deserialize;

use crate::data;

const PLANES: usize = 31;
/// The filters of the made detector, in cells.
const SIZE: [usize; 2] = [11, 14];

#[derive(Deserialize)]
struct Golden {
    synthetic: Vec<Synthetic>,
    photos: Vec<Photo>,
}

#[derive(Deserialize)]
struct Synthetic {
    picture: (u32, u32, u32),
    upsample: u32,
    faces: Vec<GoldenFace>,
}

#[derive(Deserialize)]
struct Photo {
    photo: String,
    upsample: u32,
    faces: Vec<GoldenFace>,
}

/// Left, top, right, bottom, score and filter.
#[derive(Debug, PartialEq, Deserialize)]
struct GoldenFace(i64, i64, i64, i64, #[serde(deserialize_with = "score")] f64, usize);

/// A score from its digits as text: as a number of JSON it would lose the last bit.
fn score<'de, D: serde::Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    String::deserialize(value)?.parse().map_err(serde::de::Error::custom)
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../data/hog_golden.json")).expect("dlib's boxes")
}

fn plain(faces: &[HogFace]) -> Vec<GoldenFace> {
    faces.iter().map(|face| GoldenFace(face.left, face.top, face.right, face.bottom, face.score, face.filter)).collect()
}

/// Bytes that look random.
struct Numbers(u32);

impl Numbers {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 24) as u8
    }

    fn signed(&mut self, count: usize) -> Vec<i64> {
        (0..count).map(|_| i64::from(self.byte()) - 128).collect()
    }
}

fn integer(out: &mut Vec<u8>, value: i64) {
    let bytes = value.unsigned_abs().to_le_bytes();
    let count = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    out.push(count as u8 | if value < 0 { 0x80 } else { 0 });
    out.extend_from_slice(&bytes[..count]);
}

/// Whole numbers: each plane is the sum of none to two products of a column and a row.
fn weights(seed: u32) -> Vec<i64> {
    let [width, height] = SIZE;
    let mut numbers = Numbers(seed);
    let mut planes = Vec::new();
    for plane in 0..PLANES {
        let mut values = vec![0; width * height];
        for _ in 0..plane % 3 {
            let (column, row) = (numbers.signed(height), numbers.signed(width));
            for (index, value) in values.iter_mut().enumerate() {
                *value += column[index / width] * row[index % width];
            }
        }
        planes.extend(values);
    }
    planes
}

/// A serialised detector: a window of 72 x 96 pixels, a margin of one cell, levels of at least 40 x 48.
fn made_detector() -> Vec<u8> {
    let count = (PLANES * SIZE[0] * SIZE[1]) as i64;
    let mut out = Vec::new();
    let mut put = |values: &[i64]| values.iter().for_each(|value| integer(&mut out, *value));
    put(&[2, 1, 0, 0, 8, 1, 72, 96, 1000, 40, 48, 9, 0, count, 3, -3, 7, -3, 2]);
    for (seed, threshold) in [(1, 20), (2, 18)] {
        put(&[-count - 1, -1]);
        weights(seed).into_iter().for_each(|weight| put(&[weight, -14]));
        put(&[threshold, -2]);
    }
    out
}

fn made_picture((seed, width, height): (u32, u32, u32)) -> RgbImage {
    let mut numbers = Numbers(seed);
    let mut picture = RgbImage::new(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        for (color, value) in (1..).zip(&mut pixel.0) {
            let wave = (x * x * color + y * y * 3 + x * y * seed) >> 6;
            *value = (wave + u32::from(numbers.byte() >> 3)) as u8;
        }
    }
    picture
}

fn made() -> HogDetector {
    HogDetector::new(&dlib::hog_model(&made_detector()).expect("a detector")).expect("separable filters")
}

#[test]
fn faces_of_made_pictures_are_dlibs() {
    let detector = made();
    let golden = golden();
    assert!(golden.synthetic.iter().map(|case| case.faces.len()).sum::<usize>() > 300);
    for case in golden.synthetic {
        let found = detector.detect(&made_picture(case.picture), case.upsample).expect("a picture that is not large");
        assert_eq!(plain(&found), case.faces, "{:?} enlarged {} times", case.picture, case.upsample);
    }
}

#[test]
fn pictures_without_room_for_a_face_have_none() {
    let detector = made();
    for (width, height) in [(0, 0), (0, 9), (1, 1), (2, 500), (500, 3), (8, 8), (19, 19), (20, 20)] {
        for upsample in 0..3 {
            let found = detector.detect(&RgbImage::new(width, height), upsample).expect("a small picture");
            assert_eq!(found, [], "{width} x {height}");
        }
    }
}

#[test]
fn enlarging_beyond_memory_is_refused() {
    let detector = made();
    for upsample in [14, 33, u32::MAX] {
        let error = detector.detect(&RgbImage::new(100, 100), upsample).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("268435456 pixels; enlarge it less often"), "{error}");
    }
}

#[test]
fn threads_share_a_detector() {
    let detector = made();
    let picture = made_picture((1, 331, 250));
    let expected = detector.detect(&picture, 0).expect("faces");
    assert!(!expected.is_empty());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(detector.detect(&picture, 0).expect("faces"), expected));
        }
    });
}

/// dlib's own detector, where it is installed.
fn installed(test: &str) -> Option<HogDetector> {
    let home = Home::from_env().ok()?;
    match hog_detector(&home) {
        Ok(detector) => Some(detector),
        Err(error) => {
            assert!(!Artifact::dlib_hog().location(&home).exists(), "{error}");
            eprintln!("skipped: {test}: {error}");
            None
        }
    }
}

#[test]
fn faces_of_photos_are_dlibs() {
    let test = "faces_of_photos_are_dlibs";
    let (Some(folder), Some(detector)) = (data::folder(test), installed(test)) else { return };
    let golden = golden();
    assert!(golden.photos.iter().map(|case| case.faces.len()).sum::<usize>() > 100);
    for case in golden.photos {
        let picture = decode(&data::read(&folder, &case.photo), &DecodeLimits::default()).expect("a photo");
        let found = detector.detect(&picture, case.upsample).expect("a photo that is not large");
        assert_eq!(plain(&found), case.faces, "{} enlarged {} times", case.photo, case.upsample);
    }
}

#[test]
fn dlibs_source_is_read_whole_or_refused() {
    let test = "dlibs_source_is_read_whole_or_refused";
    if installed(test).is_none() {
        return;
    }
    let home = Home::from_env().expect("a data folder");
    let source = Artifact::dlib_hog().read(&home).expect("installed");
    let model = dlib::hog_model(&source).expect("dlib's detector");
    assert_eq!((model.filters().len(), model.rules().size, model.rules().padding), (5, [10, 10], 0));
    let mut numbers = Numbers(7);
    let mut number = |below: usize| {
        let bytes = [(); 4].map(|()| numbers.byte());
        u32::from_le_bytes(bytes) as usize % below
    };
    for round in 0..12 {
        let mut damaged = source.clone();
        if round % 3 == 0 {
            damaged.truncate(number(source.len()));
        } else {
            let at = number(source.len());
            damaged[at] = b"Az09+/=\"\n;\xff"[number(11)];
        }
        match dlib::hog_model(&damaged) {
            Ok(read) => assert!(read == model, "round {round}: other weights were taken"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}"),
        }
    }
}
