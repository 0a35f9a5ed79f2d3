//! With dlib's weights, facevault computes what dlib itself computes.
//!
//! The golden values were computed by dlib 20.0.1 (`golden/dlib/golden.json` of the test data); the
//! weights are looked for where the pack `dlib` is installed.

use std::path::PathBuf;
use std::sync::Arc;

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::models::{Home, Manifest, dlib};
use facevault::vision::detect::Mmod;
use facevault::vision::{
    AlignedFace, DecodeLimits, Detector, Embedder, Network, NetworkEmbedder, NetworkOptions, QualityLimits, align,
    decode, find_landmarks,
};
use facevault::{Engine, EngineOptions, ModelId, PhotoRules};
use image::RgbImage;
use serde::Deserialize;

use crate::data;
use crate::networks::runtime;

#[derive(Deserialize)]
struct Golden {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    image: String,
    faces: Vec<GoldenFace>,
}

#[derive(Deserialize)]
struct GoldenFace {
    upsample: u32,
    rect: [f32; 4],
    confidence: f32,
    landmarks5: Option<[[f32; 2]; 5]>,
    chip: Option<String>,
    descriptor: Option<Vec<f32>>,
}

impl GoldenFace {
    fn bounds(&self) -> Rect {
        let [left, top, right, bottom] = self.rect;
        Rect::from_sides(left, top, right, bottom)
    }

    fn landmarks(&self) -> Option<Landmarks> {
        let points = self.landmarks5?.map(|[x, y]| Point::new(x, y));
        Some(Landmarks { scheme: LandmarkScheme::EyeCornersNose, points })
    }
}

/// dlib's own values and its weights, where both are there.
struct Case {
    data: PathBuf,
    pack: PathBuf,
    manifest: Manifest,
    records: Vec<Record>,
}

impl Case {
    fn find(test: &str) -> Option<Self> {
        let data = crate::networks::folder(test)?;
        let pack = Home::from_env().ok()?.pack_dir("dlib");
        let manifest = Manifest::builtin("dlib").expect("a manifest that is built in");
        if !pack.join(&manifest.embedder.model.file).is_file() {
            data::skip(test, "the pack dlib is not installed");
            return None;
        }
        let golden: Golden =
            serde_json::from_slice(&data::read(&data, "golden/dlib/golden.json")).expect("the golden values");
        Some(Self { data, pack, manifest, records: golden.records })
    }

    fn picture(&self, name: &str) -> RgbImage {
        decode(&data::read(&self.data, name), &DecodeLimits::default())
            .unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
    }

    fn shape_model(&self) -> dlib::ShapeModel {
        let file = &self.manifest.landmarks.as_ref().expect("a landmark model").file;
        dlib::shape_model(&data::read(&self.pack, file)).expect("dlib's landmark model")
    }

    fn embedder(&self) -> NetworkEmbedder {
        let part = &self.manifest.embedder;
        let onnx = dlib::embedder_onnx(&data::read(&self.pack, &part.model.file)).expect("dlib's embedder");
        let network = Network::load(&runtime(), NetworkOptions::new("dlib embedder"), onnx).expect("a network");
        NetworkEmbedder::new(network, part.spec.clone(), ModelId::from_bytes([1; 16])).expect("the manifest's embedder")
    }

    fn detector(&self, min_face: f32, long_side: u32) -> Mmod {
        let part = &self.manifest.detector;
        let (onnx, scan) = dlib::detector_onnx(&data::read(&self.pack, &part.model.file)).expect("dlib's detector");
        let network = Network::load(&runtime(), NetworkOptions::new("dlib detector"), onnx).expect("a network");
        let spec = part.spec.clone().with_min_face(min_face).with_long_side(long_side);
        Mmod::new(network, scan, Arc::new(self.shape_model()), spec).expect("the manifest's detector")
    }

    fn align(&self, picture: &RgbImage, landmarks: &Landmarks) -> AlignedFace {
        align(picture, landmarks, &self.manifest.embedder.spec.template).expect("distinct landmarks")
    }
}

#[test]
fn descriptors_of_dlibs_crops_are_dlibs() {
    let Some(case) = Case::find("descriptors_of_dlibs_crops_are_dlibs") else { return };
    let (mut crops, mut expected) = (Vec::new(), Vec::new());
    for face in case.records.iter().flat_map(|record| &record.faces) {
        if let (Some(chip), Some(descriptor)) = (&face.chip, &face.descriptor) {
            crops.push(AlignedFace { pixels: case.picture(&format!("golden/dlib/{chip}")) });
            expected.push(descriptor);
        }
    }
    assert!(crops.len() > 30);
    let found = case.embedder().embed(&crops).expect("vectors");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
    }
}

#[test]
fn crops_around_dlibs_landmarks_are_dlibs() {
    let Some(case) = Case::find("crops_around_dlibs_landmarks_are_dlibs") else { return };
    for record in &case.records {
        let picture = case.picture(&record.image);
        for face in &record.faces {
            let (Some(landmarks), Some(chip)) = (face.landmarks(), &face.chip) else { continue };
            let found = case.align(&picture, &landmarks).pixels;
            let expected = case.picture(&format!("golden/dlib/{chip}"));
            assert_eq!(found.dimensions(), expected.dimensions());
            let difference: u64 =
                found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = difference as f64 / found.as_raw().len() as f64;
            assert!(mean < 0.01, "{chip}: mean difference {mean} grey levels");
        }
    }
}

#[test]
fn landmarks_in_dlibs_boxes_are_dlibs() {
    let Some(case) = Case::find("landmarks_in_dlibs_boxes_are_dlibs") else { return };
    let model = case.shape_model();
    let mut differences = Vec::new();
    for record in &case.records {
        let picture = case.picture(&record.image);
        for face in &record.faces {
            let Some(expected) = face.landmarks() else { continue };
            let found = find_landmarks(&model, &picture, face.bounds());
            assert_eq!(found.scheme, expected.scheme);
            for (found, expected) in found.points.iter().zip(expected.points) {
                differences.extend([(found.x - expected.x).abs(), (found.y - expected.y).abs()]);
            }
        }
    }
    assert!(!differences.is_empty());
    assert_eq!(differences.into_iter().fold(0.0, f32::max), 0.0);
}

#[test]
fn encodings_in_dlibs_boxes_are_dlibs() {
    let Some(case) = Case::find("encodings_in_dlibs_boxes_are_dlibs") else { return };
    let rules = PhotoRules::default().with_quality(QualityLimits::off());
    let engine = Engine::open(&EngineOptions::default().with_pack(case.pack.as_path()).with_rules(rules));
    let engine = engine.expect("an engine");
    let mut compared = 0;
    for record in &case.records {
        let picture = case.picture(&record.image);
        let boxes: Vec<Rect> = record.faces.iter().map(GoldenFace::bounds).collect();
        for (face, outcome) in record.faces.iter().zip(engine.encode_at(&picture, &boxes).expect("a run")) {
            let (Some(landmarks), Some(descriptor)) = (face.landmarks(), &face.descriptor) else { continue };
            let found = outcome.expect("no limits");
            assert_eq!((found.face.bounds, found.face.landmarks), (face.bounds(), landmarks), "{}", record.image);
            let worst = found.encoding.vector().iter().zip(descriptor).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.01, "{}: {worst}", record.image);
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared} faces");
}

#[test]
fn boxes_are_dlibs() {
    let Some(case) = Case::find("boxes_are_dlibs") else { return };
    for (upsample, min_face) in [(0, 80.0), (1, 40.0)] {
        let detector = case.detector(min_face, 4000);
        for record in case.records.iter() {
            let expected: Vec<_> = record.faces.iter().filter(|face| face.upsample == upsample).collect();
            if upsample == 1 && expected.is_empty() {
                continue;
            }
            let found = detector.boxes(&case.picture(&record.image)).expect("boxes");
            assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
            let agree = |face: &GoldenFace, bounds: &Rect| face.bounds().iou(bounds) >= 0.9;
            for face in expected.iter().filter(|face| face.confidence > 0.5) {
                let seen = found.iter().any(|(bounds, _)| agree(face, bounds));
                assert!(seen, "{}: {:?} is missing in {found:?}", record.image, face.rect);
            }
            for (bounds, score) in found.iter().filter(|(_, score)| *score > 0.5) {
                let known = expected.iter().any(|face| agree(face, bounds));
                assert!(known, "{}: dlib has no {bounds:?} of score {score}", record.image);
            }
        }
    }
}

#[test]
fn faces_lead_to_dlibs_descriptors() {
    let Some(case) = Case::find("faces_lead_to_dlibs_descriptors") else { return };
    let (detector, embedder) = (case.detector(80.0, 4000), case.embedder());
    let mut worst = 0.0f32;
    for record in case.records.iter() {
        let picture = case.picture(&record.image);
        let faces = detector.detect(&picture).expect("faces");
        for expected in record.faces.iter().filter(|face| face.upsample == 0) {
            let Some(descriptor) = &expected.descriptor else { continue };
            let face = faces.iter().find(|face| face.bounds.iou(&expected.bounds()) >= 0.9).expect("dlib's face");
            let crop = case.align(&picture, &face.landmarks);
            let found = embedder.embed(&[crop]).expect("a vector").remove(0);
            let off = found.iter().zip(descriptor).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            worst = worst.max(off);
        }
    }
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn large_pictures_are_reduced_and_boxes_are_in_their_own_pixels() {
    let Some(case) = Case::find("large_pictures_are_reduced_and_boxes_are_in_their_own_pixels") else { return };
    let detector = case.detector(80.0, 250);
    for record in case.records.iter().take(3) {
        let picture = case.picture(&record.image);
        let enlarged = image::imageops::resize(&picture, 750, 750, image::imageops::FilterType::Triangle);
        let expected = record.faces[0].bounds();
        let found = detector.detect(&enlarged).expect("faces");
        let bounds = found.first().expect("a face").bounds;
        // A neighbouring window at most.
        assert!(bounds.iou(&expected.scaled(3.0)) > 0.75, "{bounds:?}");
        let (left, right) = found[0].landmarks.eyes();
        assert!(left.x + 60.0 < right.x, "{left:?} {right:?}");
    }
}

#[test]
fn pictures_without_room_for_a_face_have_none() {
    let Some(case) = Case::find("pictures_without_room_for_a_face_have_none") else { return };
    for (min_face, sizes) in
        [(80.0, [(0, 0), (1, 1), (7, 7), (400, 2), (2, 400)]), (20.0, [(1, 1), (2, 1), (3, 90), (90, 3), (20, 20)])]
    {
        let detector = case.detector(min_face, 4000);
        for (width, height) in sizes {
            let picture = RgbImage::from_pixel(width, height, image::Rgb([90, 80, 70]));
            assert_eq!(detector.boxes(&picture).expect("no faces"), [], "{width} x {height}");
        }
    }
}
