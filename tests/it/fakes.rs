//! An engine without networks: photos are small PNG files that say how many faces they hold.

use std::io::Cursor;

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::vision::{AlignedFace, Detector, Embedder, Face, FacePolicy, LivenessModel, QualityLimits};
use facevault::{
    AlignmentTemplate, CalibrationPoint, CalibrationTable, ColorOrder, EmbedderSpec, Engine, EngineParts, ImageBytes,
    MeasuredOn, Metric, ModelId, Normalization, PhotoRules,
};
use image::{Rgb, RgbImage};

/// Components of the fake embedder's vectors.
pub(crate) const DIMENSION: usize = 12;

/// The photo of somebody: equal seeds give equal bytes, others other bytes and encodings.
pub(crate) fn photo(seed: u32) -> ImageBytes {
    photo_of(seed, 1)
}

/// A photo with this many faces, up to 3.
pub(crate) fn photo_of(seed: u32, faces: u8) -> ImageBytes {
    photo_scored(seed, faces, 255)
}

/// A photo with this many faces, whose liveness score is `live` of 255.
pub(crate) fn photo_scored(seed: u32, faces: u8, live: u8) -> ImageBytes {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut picture = RgbImage::from_fn(96, 96, |_, _| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bytes = (state >> 33).to_le_bytes();
        Rgb([bytes[0], bytes[1], bytes[2]])
    });
    picture.put_pixel(0, 0, Rgb([faces, 255 - live, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into()
}

/// An engine of the fakes below.
pub(crate) fn engine() -> Engine {
    engine_of(1)
}

/// An engine whose encodings are marked with another model and differ.
pub(crate) fn engine_of(model: u8) -> Engine {
    engine_with(model, FacePolicy::default())
}

/// An engine that takes this face of several.
pub(crate) fn engine_with(model: u8, face: FacePolicy) -> Engine {
    let rules = PhotoRules::default().with_quality(QualityLimits::off()).with_face(face);
    engine_of_parts(Box::new(CountingDetector), model, rules, 2)
}

/// A table by which one pair of different people in a hundred reaches a similarity of 0.5.
fn table() -> CalibrationTable {
    let (name, sha256) = ("synthetic".to_owned(), "ab".repeat(32));
    let measured_on = MeasuredOn { name, sha256, people: 10, mated_pairs: 10, non_mated_pairs: 1_000_000 };
    let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.1 };
    let points = vec![point(0.1, 0.3), point(0.01, 0.5), point(1e-3, 0.8), point(1e-4, 0.95)];
    CalibrationTable::new(measured_on, points).expect("a table")
}

/// An engine with a table by which one pair of different people in a hundred reaches a similarity of 0.5.
pub(crate) fn engine_with_table() -> Engine {
    let rules = PhotoRules::default().with_quality(QualityLimits::off());
    let embedder = Box::new(MeanEmbedder::new(1));
    let parts = EngineParts::new("fake-1", Box::new(CountingDetector), embedder).with_rules(rules).with_threads(2);
    Engine::from_parts(parts.with_calibration(table())).expect("threads")
}

/// An engine that judges liveness by [`photo_scored`].
pub(crate) fn engine_judging() -> Engine {
    Engine::from_parts(judging()).expect("threads")
}

/// As [`engine_judging`], with a table by which it can tell whether photos are of one person.
pub(crate) fn engine_judging_with_table() -> Engine {
    Engine::from_parts(judging().with_calibration(table())).expect("threads")
}

fn judging() -> EngineParts {
    let rules = PhotoRules::default().with_quality(QualityLimits::off());
    let parts = EngineParts::new("fake-1", Box::new(CountingDetector), Box::new(MeanEmbedder::new(1)));
    let model: Box<dyn LivenessModel> = Box::new(FirstPixel);
    parts.with_rules(rules).with_threads(2).with_liveness(model)
}

/// Two networks: one gives what the first pixel says, the other its square.
pub(crate) struct FirstPixel;

impl LivenessModel for FirstPixel {
    fn name(&self) -> &str {
        "first-pixel"
    }

    fn judge(&self, picture: &RgbImage, _: Rect) -> facevault::Result<Vec<f64>> {
        let live = f64::from(255 - picture.get_pixel(0, 0)[1]) / 255.0;
        Ok(vec![live, live * live])
    }
}

/// An engine with a detector of the test's own.
pub(crate) fn engine_detecting(detector: Box<dyn Detector>, model: u8, threads: usize) -> Engine {
    let rules = PhotoRules::default().with_quality(QualityLimits::off());
    engine_of_parts(detector, model, rules, threads)
}

fn engine_of_parts(detector: Box<dyn Detector>, model: u8, rules: PhotoRules, threads: usize) -> Engine {
    let embedder = Box::new(MeanEmbedder::new(model));
    let parts = EngineParts::new(format!("fake-{model}"), detector, embedder).with_rules(rules).with_threads(threads);
    Engine::from_parts(parts).expect("threads")
}

/// Finds as many faces as the red of the first pixel says.
pub(crate) struct CountingDetector;

impl Detector for CountingDetector {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let count = picture.get_pixel(0, 0)[0].min(3);
        let face = |i: u8| {
            let x = 8.0 + 24.0 * f32::from(i);
            let points = [(4.0, 6.0), (16.0, 6.0), (10.0, 12.0), (5.0, 17.0), (15.0, 17.0)];
            let points = points.map(|(dx, dy)| Point::new(x + dx, 30.0 + dy));
            Face {
                bounds: Rect { x, y: 30.0, width: 20.0, height: 24.0 },
                landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
                score: 0.9,
            }
        };
        Ok((0..count).map(face).collect())
    }
}

/// The mean colours of four parts of the crop.
pub(crate) struct MeanEmbedder {
    spec: EmbedderSpec,
    model: u8,
}

impl MeanEmbedder {
    pub(crate) fn new(model: u8) -> Self {
        let template = AlignmentTemplate {
            landmarks: LandmarkScheme::EyesNoseMouth,
            size: 24,
            points: [[6.0, 8.0], [18.0, 8.0], [12.0, 14.0], [7.0, 19.0], [17.0, 19.0]],
        };
        let normalization = Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
        Self { spec: EmbedderSpec::new(normalization, DIMENSION, Metric::Cosine, template), model }
    }
}

impl Embedder for MeanEmbedder {
    fn spec(&self) -> &EmbedderSpec {
        &self.spec
    }

    fn model(&self) -> ModelId {
        ModelId::from_bytes([self.model; 16])
    }

    fn embed(&self, faces: &[AlignedFace]) -> facevault::Result<Vec<Vec<f32>>> {
        let embed = |face: &AlignedFace| {
            let mut vector = vec![0.0f32; DIMENSION];
            for (x, y, pixel) in face.pixels.enumerate_pixels() {
                let part = usize::from(x >= 12) + 2 * usize::from(y >= 12);
                for (channel, value) in pixel.0.iter().enumerate() {
                    vector[part * 3 + channel] += f32::from(*value) - 127.5;
                }
            }
            vector.rotate_left(usize::from(self.model));
            vector
        };
        Ok(faces.iter().map(embed).collect())
    }
}
