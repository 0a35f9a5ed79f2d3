//! Faces that the host has found by itself: an encoding or a refusal for each box.

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::models::{Home, Pack};
use facevault::vision::{AlignedFace, Detector, Embedder, Face, FacePolicy, QualityLimits, Turn};
use facevault::{
    AlignmentTemplate, ColorOrder, EmbedderSpec, Engine, EngineOptions, EngineParts, Error, ErrorKind, Metric, ModelId,
    Normalization, PhotoRules, RefusalCode,
};
use image::{Rgb, RgbImage};

use crate::{data, fakes, packs};

/// Finds squares of the colour (250, 0, n), one face for each n.
struct Squares;

impl Detector for Squares {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let mut found: Vec<(u8, [u32; 4])> = Vec::new();
        for (x, y, Rgb(pixel)) in picture.enumerate_pixels().filter(|(_, _, pixel)| pixel[0] == 250) {
            match found.iter_mut().find(|(n, _)| *n == pixel[2]) {
                Some((_, sides)) => {
                    *sides = [sides[0].min(x), sides[1].min(y), sides[2].max(x + 1), sides[3].max(y + 1)];
                }
                None => found.push((pixel[2], [x, y, x + 1, y + 1])),
            }
        }
        Ok(found.into_iter().map(|(_, sides)| face(sides.map(|side| side as f32))).collect())
    }
}

/// A face whose box has these sides.
fn face([left, top, right, bottom]: [f32; 4]) -> Face {
    let bounds = Rect::from_sides(left, top, right, bottom);
    let at = |x: f32, y: f32| Point::new(left + x * bounds.width, top + y * bounds.height);
    let points = [at(0.3, 0.35), at(0.7, 0.35), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8)];
    Face { bounds, landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points }, score: 0.9 }
}

/// A picture of 300 x 200 pixels with squares of 50 pixels at these places.
fn picture(places: &[(u32, u32)]) -> RgbImage {
    let mut picture = RgbImage::new(300, 200);
    for (n, (left, top)) in places.iter().enumerate() {
        for (x, y) in (0..50).flat_map(|x| (0..50).map(move |y| (left + x, top + y))) {
            if x < 300 && y < 200 {
                picture.put_pixel(x, y, Rgb([250, 0, 40 * n as u8]));
            }
        }
    }
    picture
}

fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
    Rect { x, y, width, height }
}

#[test]
fn each_box_gives_an_encoding_or_a_refusal() {
    use RefusalCode::{FaceTooSmall, NoFaceDetected};
    let off = fakes::engine_detecting(Box::new(Squares), 1, 2);
    let sized = off.with_rules(off.rules().clone().with_quality(QualityLimits::off().with_min_size(30.0)));
    let picture = picture(&[(20, 20), (75, 20), (270, 150)]);
    let first = Some([20.0, 20.0, 70.0, 70.0]);
    let (nan, infinite) = (f32::NAN, f32::INFINITY);
    let cases = [
        ("the face", rect(20.0, 20.0, 50.0, 50.0), Ok(first)),
        ("loose", rect(10.0, 5.0, 70.0, 90.0), Ok(first)),
        ("tight", rect(30.0, 30.0, 30.0, 30.0), Ok(first)),
        ("mostly another's", rect(60.0, 20.0, 60.0, 50.0), Ok(Some([75.0, 20.0, 125.0, 70.0]))),
        ("beyond the picture", rect(260.0, 140.0, 90.0, 90.0), Ok(Some([270.0, 150.0, 300.0, 200.0]))),
        ("around all", rect(-500.0, -500.0, 1500.0, 1500.0), Err(NoFaceDetected)),
        ("no face", rect(150.0, 100.0, 50.0, 50.0), Err(NoFaceDetected)),
        ("the corner of one", rect(60.0, 60.0, 50.0, 50.0), Err(NoFaceDetected)),
        ("tiny", rect(150.0, 100.0, 3.0, 4.0), Err(FaceTooSmall)),
        ("next to nothing", rect(150.0, 100.0, 1e-30, 1e-30), Err(FaceTooSmall)),
        ("to the left", rect(-80.0, 20.0, 50.0, 50.0), Err(NoFaceDetected)),
        ("below", rect(20.0, 200.0, 50.0, 50.0), Err(NoFaceDetected)),
        ("empty", rect(20.0, 20.0, 0.0, 50.0), Err(NoFaceDetected)),
        ("negative", rect(70.0, 70.0, -50.0, -50.0), Err(NoFaceDetected)),
        ("not a number", rect(nan, 20.0, 50.0, 50.0), Err(NoFaceDetected)),
        ("no width that is a number", rect(20.0, 20.0, nan, 50.0), Err(NoFaceDetected)),
        ("infinite", rect(20.0, 20.0, infinite, 50.0), Err(NoFaceDetected)),
        ("too large to be added up", rect(f32::MAX, 20.0, f32::MAX, 50.0), Err(NoFaceDetected)),
    ];
    let boxes: Vec<Rect> = cases.iter().map(|(_, bounds, _)| *bounds).collect();
    let outcomes = sized.encode_at(&picture, &boxes).expect("no network");
    assert_eq!(outcomes.len(), cases.len());
    for ((what, bounds, expected), outcome) in cases.into_iter().zip(outcomes) {
        match (expected, outcome) {
            (Ok(sides), Ok(encoded)) => {
                let known = face(sides.expect("sides"));
                assert_eq!((encoded.face.bounds, encoded.turned), (known.bounds, Turn::None), "{what}");
                assert_eq!(Ok(encoded), sized.encode_face(&picture, &known).expect("no network"), "{what}");
            }
            (Err(code), Err(refusal)) => {
                assert_eq!(refusal.code, code, "{what}: {refusal}");
                if code == FaceTooSmall {
                    assert_eq!(
                        (refusal.measured, refusal.limit),
                        (Some(f64::from(bounds.width)), Some(30.0)),
                        "{what}"
                    );
                    let refusal = off.encode_at(&picture, &[bounds]).expect("no network").remove(0).expect_err(what);
                    assert_eq!(refusal.code, NoFaceDetected, "{what} without limits");
                }
            }
            (expected, outcome) => panic!("{what}: expected {expected:?}, found {outcome:?}"),
        }
    }
    assert_eq!(sized.encode_at(&picture, &[]).expect("nothing to do"), []);
    let nothing = sized.encode_at(&RgbImage::new(0, 0), &boxes[..1]).expect("no network");
    assert_eq!(nothing[0].as_ref().map_err(|refusal| refusal.code).err(), Some(NoFaceDetected));
}

#[test]
fn the_best_of_the_engines_rules_holds_for_given_faces_too() {
    let engine = fakes::engine_detecting(Box::new(Squares), 1, 2);
    let engine = engine.with_rules(PhotoRules::default().with_face(FacePolicy::Only));
    let picture = picture(&[(20, 20), (120, 20)]);
    // The squares are flat: no light, no detail.
    for outcome in
        engine.encode_at(&picture, &[rect(20.0, 20.0, 50.0, 50.0), rect(120.0, 20.0, 50.0, 50.0)]).expect("ran")
    {
        let refusal = outcome.expect_err("a flat square");
        assert_ne!(refusal.code, RefusalCode::NoFaceDetected, "{refusal}");
        assert_ne!(refusal.code, RefusalCode::MultipleFacesDetected, "{refusal}");
    }
}

#[test]
fn a_network_that_fails_is_an_error() {
    struct Broken;
    impl Detector for Broken {
        fn detect(&self, _: &RgbImage) -> facevault::Result<Vec<Face>> {
            Err(Error::new(ErrorKind::Runtime, "out of order"))
        }
    }
    let engine = fakes::engine_detecting(Box::new(Broken), 1, 2);
    let boxes = [rect(20.0, 20.0, 50.0, 50.0); 3];
    let error = engine.encode_at(&picture(&[]), &boxes).expect_err("no detector");
    assert_eq!(error.kind(), ErrorKind::Runtime);
}

/// An embedder of crops with these landmarks.
struct Constant(EmbedderSpec);

impl Constant {
    fn new(landmarks: LandmarkScheme) -> Self {
        let points = [[24.0, 10.0], [19.0, 10.0], [8.0, 10.0], [13.0, 10.0], [16.0, 20.0]];
        let template = AlignmentTemplate { landmarks, size: 32, points };
        let pixels = Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
        Self(EmbedderSpec::new(pixels, 2, Metric::Cosine, template))
    }
}

impl Embedder for Constant {
    fn spec(&self) -> &EmbedderSpec {
        &self.0
    }

    fn model(&self) -> ModelId {
        ModelId::from_bytes([9; 16])
    }

    fn embed(&self, faces: &[AlignedFace]) -> facevault::Result<Vec<Vec<f32>>> {
        Ok(faces.iter().map(|_| vec![1.0, 2.0]).collect())
    }
}

#[test]
fn no_box_and_no_landmarks_do_harm() {
    const VALUES: [f32; 10] = [0.0, -1.0, 1e-30, 0.4, 7.0, 60.0, 1e9, -3e38, f32::NAN, f32::INFINITY];
    let pictures =
        [(1, 1), (3, 500), (96, 96)].map(|(width, height)| RgbImage::from_pixel(width, height, Rgb([90; 3])));
    for scheme in [LandmarkScheme::EyesNoseMouth, LandmarkScheme::EyeCornersNose] {
        for limits in [QualityLimits::off(), QualityLimits::default()] {
            let parts = EngineParts::new("constant", Box::new(Squares), Box::new(Constant::new(scheme)))
                .with_rules(PhotoRules::default().with_quality(limits));
            let engine = Engine::from_parts(parts).expect("threads");
            for i in (0..10_000).step_by(3) {
                let value = |digit: u32| VALUES[(i / 10usize.pow(digit)) % 10];
                let bounds = rect(value(0), value(1), value(2), value(3));
                let other = VALUES[(i * 7 + 3) % 10];
                let points = [(0, 1), (2, 1), (1, 3), (0, 3), (3, 3)]
                    .map(|(x, y)| Point::new(value(x), if x == y { other } else { value(y) }));
                let known = Face { bounds, landmarks: Landmarks { scheme, points }, score: 1.0 };
                let _ = engine.encode_face(&pictures[i % 3], &known).expect("no network");
                if scheme == LandmarkScheme::EyesNoseMouth {
                    let outcome = engine.encode_at(&pictures[i % 3], &[bounds]).expect("no network");
                    assert!(outcome[0].is_err(), "{bounds:?}");
                }
            }
        }
    }
}

#[test]
fn landmarks_of_another_scheme_are_an_error() {
    let engine = fakes::engine_detecting(Box::new(Squares), 1, 1);
    let mut known = face([20.0, 20.0, 70.0, 70.0]);
    known.landmarks.scheme = LandmarkScheme::EyeCornersNose;
    let error = engine.encode_face(&picture(&[]), &known).expect_err("another scheme");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
}

/// Engines of all kinds of detectors, as far as they are there.
pub(crate) fn engines(test: &str) -> Vec<(tempfile::TempDir, Engine)> {
    let mut engines = Vec::new();
    let rules = PhotoRules::default().with_face(FacePolicy::Largest);
    for name in ["standard", "dlib"] {
        if Home::from_env().is_ok_and(|home| Pack::installed(&home, name).is_ok()) {
            let options = EngineOptions::default().with_pack(name).with_rules(rules.clone());
            match Engine::open(&options) {
                Ok(engine) => engines.push((tempfile::tempdir().expect("a folder"), engine)),
                Err(error) => data::skip(test, &error.to_string()),
            }
        } else {
            data::skip(test, &format!("the pack {name} is not installed"));
        }
    }
    for detector in ["yunet_dynamic", "scrfd_500m"] {
        if let Some(pack) = packs::pack(test, detector, "espdl_mbf") {
            let options = EngineOptions::default().with_pack(pack.path()).with_rules(rules.clone());
            let engine = Engine::open(&options).expect("an engine");
            engines.push((pack, engine));
        }
    }
    engines
}

#[test]
fn the_box_of_a_found_face_gives_the_encoding_of_that_face() {
    const TEST: &str = "given::the_box_of_a_found_face_gives_the_encoding_of_that_face";
    let Some(folder) = data::folder(TEST) else { return };
    let files =
        ["faces/group/insightface/t1.jpg", "faces/group/dlib/bald_guys.jpg", "faces/deepface/unit/dataset/img1.jpg"];
    for (_pack, engine) in engines(TEST) {
        let mut cosines = Vec::new();
        for file in files {
            let picture = engine.decode(&data::read(&folder, file)).expect("a picture");
            let (picture, detection) = engine.detect_in(&picture).expect("a run");
            let boxes: Vec<Rect> = detection.faces.iter().map(|face| face.bounds).collect();
            let outcomes = engine.encode_at(&picture, &boxes).expect("a run");
            assert_eq!(outcomes.len(), boxes.len());
            for (face, outcome) in detection.faces.iter().zip(outcomes) {
                let known = engine.encode_face(&picture, face).expect("a run");
                let (Ok(known), Ok(found)) = (&known, &outcome) else {
                    eprintln!("{} {file} {:?}: {:?} {:?}", engine.name(), face.bounds, known.err(), outcome.err());
                    continue;
                };
                assert!(found.face.bounds.iou(&face.bounds) > 0.6, "{file}: {:?} {:?}", found.face, face);
                let similarity = |a, b| facevault::index::similarity(Metric::Cosine, a, b);
                cosines.push(similarity(found.encoding.vector(), known.encoding.vector()));
            }
        }
        cosines.sort_by(f64::total_cmp);
        assert!(cosines.len() >= 10, "{}: {} faces", engine.name(), cosines.len());
        let (lowest, median) = (cosines[0], cosines[cosines.len() / 2]);
        eprintln!("{}: {} faces, lowest {lowest:.3}, median {median:.3}", engine.name(), cosines.len());
        // YuNet's and SCRFD's landmarks of one face differ by some pixels between one size and another.
        let (least, usual) = if engine.name() == "test" { (0.5, 0.9) } else { (0.9, 0.97) };
        assert!(lowest > least && median > usual, "{}: {cosines:?}", engine.name());
    }
}
