//! What dlib's weights give here is what dlib itself gives with them.
//!
//! The golden values were computed by dlib 20.0.1 (`golden/dlib/golden.json` of the test data); the
//! weights are looked for where the pack `dlib` is installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use facevault::geometry::{LandmarkScheme, Point, Rect};
use facevault::models::dlib;
use facevault::vision::detect::Mmod;
use facevault::vision::{
    Detector, Network, NetworkOptions, Runtime, RuntimeKind, RuntimeOptions, align_dlib, find_landmarks,
};
use facevault::{AlignmentTemplate, ColorOrder, DetectorKind, DetectorSpec, Normalization};
use image::RgbImage;
use ndarray::Array4;
use serde::Deserialize;

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

    fn points(&self) -> Option<[Point; 5]> {
        Some(self.landmarks5?.map(|[x, y]| Point::new(x, y)))
    }
}

/// dlib's own values and its weights, where both are there.
struct Case {
    data: PathBuf,
    pack: PathBuf,
    golden: Golden,
}

impl Case {
    fn find(test: &str) -> Option<Self> {
        let data = std::env::var_os("FACEVAULT_TEST_DATA")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
        let Ok(golden) = std::fs::read(data.join("golden/dlib/golden.json")) else {
            eprintln!("skipped: {test}: no test data");
            return None;
        };
        let Some(pack) = data_folder().map(|folder| folder.join("packs/dlib")).filter(|pack| pack.is_dir()) else {
            eprintln!("skipped: {test}: the pack dlib is not installed");
            return None;
        };
        Some(Self { data, pack, golden: serde_json::from_slice(&golden).expect("golden values") })
    }

    fn weights(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.pack.join(name)).expect("a weight file of the installed pack")
    }

    fn picture(&self, name: &str) -> RgbImage {
        image::open(self.data.join(name)).expect("a picture of the test data").to_rgb8()
    }

    /// All records for ONNX Runtime; for the built-in engine, which is ten times slower, a few.
    fn affordable_records(&self) -> impl Iterator<Item = &Record> {
        let step = if runtime().info().kind == RuntimeKind::BuiltIn { 9 } else { 1 };
        self.golden.records.iter().step_by(step)
    }

    fn shape_model(&self) -> facevault::ShapeModel {
        dlib::shape_model(&self.weights("shape_predictor_5_face_landmarks.dat")).expect("dlib's landmark model")
    }

    fn embedder(&self) -> Network {
        let onnx =
            dlib::embedder_onnx(&self.weights("dlib_face_recognition_resnet_model_v1.dat")).expect("dlib's embedder");
        Network::load(&runtime(), NetworkOptions::new("dlib embedder"), onnx).expect("a network")
    }

    fn detector(&self, min_face: f32, long_side: u32) -> Mmod {
        let (onnx, scan) = dlib::detector_onnx(&self.weights("mmod_human_face_detector.dat")).expect("dlib's detector");
        let network = Network::load(&runtime(), NetworkOptions::new("dlib detector"), onnx).expect("a network");
        let spec = DetectorSpec {
            kind: DetectorKind::Mmod,
            normalization: normalization(),
            fixed_size: None,
            outputs: Vec::new(),
            score_threshold: 0.0,
            nms_threshold: 0.0,
            long_side,
            min_face,
        };
        Mmod::new(network, scan, Arc::new(self.shape_model()), spec)
    }
}

fn data_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("FACEVAULT_HOME")
        .or_else(|| Some(variable("XDG_DATA_HOME")?.join("facevault")))
        .or_else(|| Some(variable("HOME")?.join(".local/share/facevault")))
}

fn runtime() -> Runtime {
    Runtime::select(&RuntimeOptions::default()).expect("a runtime")
}

fn normalization() -> Normalization {
    Normalization { color: ColorOrder::Rgb, mean: [122.782, 117.001, 104.298], scale: [256.0; 3] }
}

/// dlib's five-point template with a padding of a quarter of the face on each side.
fn template() -> AlignmentTemplate {
    let place = |p: f64| ((p + 0.25) / 1.5 * 150.0) as f32;
    let points = [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ];
    AlignmentTemplate { landmarks: LandmarkScheme::EyeCornersNose, size: 150, points: points.map(|p| p.map(place)) }
}

fn tensor(chips: &[RgbImage]) -> Array4<f32> {
    let Normalization { mean, scale, .. } = normalization();
    Array4::from_shape_fn((chips.len(), 3, 150, 150), |(n, c, y, x)| {
        (f32::from(chips[n].get_pixel(x as u32, y as u32).0[c]) - mean[c]) / scale[c]
    })
}

fn describe(embedder: &Network, chips: &[RgbImage]) -> Vec<Vec<f32>> {
    embedder
        .run(tensor(chips).view(), |outputs| {
            Ok(outputs[0].rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>())
        })
        .expect("descriptors")
}

/// The share of `differences` that is at most `limit`.
fn share_within(differences: &[f32], limit: f32) -> f32 {
    assert!(!differences.is_empty());
    differences.iter().filter(|difference| **difference <= limit).count() as f32 / differences.len() as f32
}

#[test]
fn descriptors_of_dlibs_crops_are_dlibs() {
    let Some(case) = Case::find("descriptors_of_dlibs_crops_are_dlibs") else { return };
    let (mut crops, mut expected) = (Vec::new(), Vec::new());
    for face in case.golden.records.iter().flat_map(|record| &record.faces) {
        if let (Some(chip), Some(descriptor)) = (&face.chip, &face.descriptor) {
            crops.push(case.picture(&format!("golden/dlib/{chip}")));
            expected.push(descriptor);
        }
    }
    assert!(crops.len() > 30);
    let embedder = case.embedder();
    let worst = |found: &[Vec<f32>]| {
        let pairs = found.iter().zip(&expected);
        pairs.flat_map(|(a, b)| a.iter().zip(*b).map(|(a, b)| (a - b).abs())).fold(0.0, f32::max)
    };
    let singles: Vec<_> = crops.iter().map(|crop| describe(&embedder, std::slice::from_ref(crop)).remove(0)).collect();
    assert!(worst(&singles) < 1e-4, "one by one: {}", worst(&singles));
    let batch = describe(&embedder, &crops[..6]);
    assert!(worst(&batch) < 1e-4, "as a batch: {}", worst(&batch));
}

// The golden values of the following tests were computed from the same JPEG files, but by another
// decoder, whose pixels differ by a third of a grey level on average. Fed with the same pixels,
// all boxes and landmarks are equal and the crops differ by 0.0001 grey levels; the tolerances are
// for the decoder.

#[test]
fn crops_around_dlibs_landmarks_are_dlibs() {
    let Some(case) = Case::find("crops_around_dlibs_landmarks_are_dlibs") else { return };
    let template = template();
    for record in &case.golden.records {
        let picture = case.picture(&record.image);
        for face in &record.faces {
            let (Some(points), Some(chip)) = (face.points(), &face.chip) else { continue };
            let found = align_dlib(&picture, &points, &template).expect("distinct points").pixels;
            let expected = case.picture(&format!("golden/dlib/{chip}"));
            assert_eq!(found.dimensions(), expected.dimensions());
            let difference: u64 =
                found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = difference as f64 / found.as_raw().len() as f64;
            assert!(mean < 0.5, "{chip}: mean difference {mean} grey levels");
        }
    }
}

#[test]
fn landmarks_in_dlibs_boxes_are_dlibs() {
    let Some(case) = Case::find("landmarks_in_dlibs_boxes_are_dlibs") else { return };
    let model = case.shape_model();
    let mut differences = Vec::new();
    for record in &case.golden.records {
        let picture = case.picture(&record.image);
        for face in &record.faces {
            let Some(expected) = face.points() else { continue };
            let found = find_landmarks(&model, &picture, face.bounds());
            assert_eq!(found.scheme, LandmarkScheme::EyeCornersNose);
            for (found, expected) in found.points.iter().zip(expected) {
                differences.extend([(found.x - expected.x).abs(), (found.y - expected.y).abs()]);
            }
        }
    }
    assert!(share_within(&differences, 0.0) > 0.75);
    assert!(share_within(&differences, 1.0) > 0.99);
    assert_eq!(share_within(&differences, 2.0), 1.0);
}

#[test]
fn boxes_are_dlibs() {
    let Some(case) = Case::find("boxes_are_dlibs") else { return };
    for (upsample, min_face) in [(0, 80.0), (1, 40.0)] {
        let detector = case.detector(min_face, 4000);
        for record in case.affordable_records() {
            let expected: Vec<_> = record.faces.iter().filter(|face| face.upsample == upsample).collect();
            if upsample == 1 && expected.is_empty() {
                continue;
            }
            let found = detector.boxes(&case.picture(&record.image)).expect("boxes");
            assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
            // Two neighbouring windows may be as good as each other within what the decoder changes.
            let agree = |face: &GoldenFace, bounds: &Rect, score: f32| {
                let iou = face.bounds().iou(bounds);
                iou >= 0.9 || (iou >= 0.75 && (score - face.confidence).abs() < 1e-3)
            };
            for face in expected.iter().filter(|face| face.confidence > 0.5) {
                let seen = found.iter().any(|(bounds, score)| agree(face, bounds, *score));
                assert!(seen, "{}: {:?} is missing in {found:?}", record.image, face.rect);
            }
            for (bounds, score) in found.iter().filter(|(_, score)| *score > 0.5) {
                let known = expected.iter().any(|face| agree(face, bounds, *score));
                assert!(known, "{}: dlib has no {bounds:?} of score {score}", record.image);
            }
        }
    }
}

#[test]
fn faces_lead_to_dlibs_descriptors() {
    let Some(case) = Case::find("faces_lead_to_dlibs_descriptors") else { return };
    let (detector, embedder, template) = (case.detector(80.0, 4000), case.embedder(), template());
    let mut distances = Vec::new();
    for record in case.affordable_records() {
        let picture = case.picture(&record.image);
        let faces = detector.detect(&picture).expect("faces");
        for expected in record.faces.iter().filter(|face| face.upsample == 0) {
            let Some(descriptor) = &expected.descriptor else { continue };
            let face = faces.iter().find(|face| face.bounds.iou(&expected.bounds()) > 0.75).expect("dlib's face");
            let crop = align_dlib(&picture, &face.landmarks.points, &template).expect("distinct points").pixels;
            let found = describe(&embedder, &[crop]).remove(0);
            let squares = found.iter().zip(descriptor).map(|(a, b)| (a - b).powi(2));
            distances.push(squares.sum::<f32>().sqrt());
        }
    }
    // Two photos of one person are 0.44 apart on average, of two people 0.83.
    assert!(share_within(&distances, 0.07) > 0.75, "{distances:?}");
    assert_eq!(share_within(&distances, 0.15), 1.0, "{distances:?}");
}

#[test]
fn large_pictures_are_reduced_and_boxes_are_in_their_own_pixels() {
    let Some(case) = Case::find("large_pictures_are_reduced_and_boxes_are_in_their_own_pixels") else { return };
    let detector = case.detector(80.0, 250);
    for record in case.golden.records.iter().take(3) {
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
