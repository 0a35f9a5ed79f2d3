//! Engines that share networks but have their own rules for photos, and engines made from a host's own
//! detector and embedder.

use std::sync::{Arc, Mutex};

use facevault::vision::{Detector, Face, QualityLimits, SeekOptions};
use facevault::{
    CalibrationPoint, CalibrationTable, CompareOptions, DamageMean, EncodingMode, Engine, EngineOptions, EngineParts,
    ErrorKind, MeasuredOn, OperatingPoint, PhotoRules, Recognizability, RefusalCode,
};
use image::RgbImage;

use crate::{data, fakes, given, packs};

/// Three faces of the scores 0.9, 0.6 and 0.3.
struct Scores;

impl Detector for Scores {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let faces = fakes::CountingDetector.detect(picture)?;
        Ok(faces.into_iter().zip([0.9, 0.6, 0.3]).map(|(face, score)| Face { score, ..face }).collect())
    }
}

/// The side and the score that a detector is asked for.
type Asked = (Option<u32>, Option<f32>);

/// Notes what is asked of it.
#[derive(Default, Clone)]
struct Noting(Arc<Mutex<Vec<Asked>>>);

impl Detector for Noting {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        Scores.detect(picture)
    }

    fn with_options(&self, options: &SeekOptions) -> Option<Box<dyn Detector>> {
        self.0.lock().expect("a lock").push((options.long_side, options.min_score));
        Some(Box::new(self.clone()))
    }
}

#[test]
fn faces_with_a_lower_score_are_passed_over() {
    let engine = fakes::engine_detecting(Box::new(Scores), 1, 1);
    let photo = fakes::photo_of(1, 3);
    for (min_score, found) in
        [(None, 3), (Some(0.3), 3), (Some(0.5), 2), (Some(0.7), 1), (Some(0.95), 0), (Some(f32::NAN), 3)]
    {
        let seek = SeekOptions::default().with_min_score(min_score);
        let other = engine.with_rules(engine.rules().clone().with_seek(seek));
        assert_eq!(other.detect(photo.as_slice()).expect("a picture").faces.len(), found, "{min_score:?}");
        assert_eq!(other.encode_faces(photo.as_slice()).expect("a picture").1.len(), found, "{min_score:?}");
        if found == 1 {
            assert!(other.encode(photo.as_slice()).is_ok(), "the others do not count");
        }
    }
    assert_eq!(engine.detect(photo.as_slice()).expect("a picture").faces.len(), 3, "the first engine stays as it is");
}

#[test]
fn a_detector_that_can_is_asked_itself() {
    let noting = Noting::default();
    let engine = fakes::engine_detecting(Box::new(noting.clone()), 1, 1);
    assert_eq!(*noting.0.lock().expect("a lock"), [], "nothing is asked for");
    let seek = SeekOptions::default().with_long_side(320).with_min_score(0.7);
    let other = engine.with_rules(engine.rules().clone().with_seek(seek));
    assert_eq!(*noting.0.lock().expect("a lock"), [(Some(320), Some(0.7))]);
    // What it finds then is its own affair.
    assert_eq!(other.detect(fakes::photo_of(1, 3).as_slice()).expect("a picture").faces.len(), 3);
}

#[test]
fn an_engine_with_other_rules_opens_no_session() {
    const TEST: &str = "rules::an_engine_with_other_rules_opens_no_session";
    let Some(folder) = data::folder(TEST) else { return };
    let photo = data::read(&folder, "images/formats/einstein_420.jpg");
    for (_pack, engine) in given::engines(TEST) {
        let options = |threads| match engine.name() {
            "test" => EngineOptions::default().with_pack(_pack.path()).with_threads(threads),
            name => EngineOptions::default().with_pack(name).with_threads(threads),
        };
        let engine = Engine::open(&options(1)).expect("an engine");
        assert_eq!(engine.sessions(), 2, "{}: a detector and an embedder", engine.name());
        let seek = SeekOptions::default().with_min_face(30.0).with_turn(false).with_long_side(320).with_min_score(0.3);
        let rules = PhotoRules::default().with_seek(seek).with_quality(QualityLimits::off());
        let other = engine.with_rules(rules).in_mode(EncodingMode::Accurate);
        assert!(engine.encode(&photo).is_ok(), "{}", engine.name());
        assert!(other.encode(&photo).is_ok(), "{}", engine.name());
        assert_eq!((engine.sessions(), other.sessions()), (2, 2), "{}", engine.name());
        assert_eq!((engine.encoded(), other.encoded()), (2, 2));
        assert_eq!(engine.timing(), other.timing());
    }
    assert_eq!(fakes::engine().sessions(), 0);
}

#[test]
fn side_and_score_are_those_of_a_pack_that_says_so() {
    const TEST: &str = "rules::side_and_score_are_those_of_a_pack_that_says_so";
    let Some(folder) = data::folder(TEST) else { return };
    let picture = data::read(&folder, "faces/group/insightface/t1.jpg");
    for detector in ["yunet_dynamic", "scrfd_500m"] {
        let Some(pack) = packs::pack(TEST, detector, "espdl_mbf") else { return };
        let engine = Engine::open(&EngineOptions::default().with_pack(pack.path())).expect("an engine");
        let spec = engine.manifest().expect("a manifest").detector.spec.clone();
        let path = pack.path().join("manifest.toml");
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let changed = text
            .replace(&format!("long_side = {}", spec.long_side), "long_side = 224")
            .replace(&format!("score_threshold = {:?}", spec.score_threshold), "score_threshold = 0.75");
        assert_ne!(text, changed);
        std::fs::write(&path, changed).expect("written");
        let expected = Engine::open(&EngineOptions::default().with_pack(pack.path())).expect("an engine");
        let found_spec = &expected.manifest().expect("a manifest").detector.spec;
        assert_eq!((found_spec.long_side, found_spec.score_threshold), (224, 0.75));
        let seek = SeekOptions::default().with_long_side(224).with_min_score(0.75);
        let found = engine.with_rules(PhotoRules::default().with_seek(seek));
        let faces = |engine: &Engine| engine.detect(&picture).expect("a picture").faces;
        assert_eq!(faces(&found), faces(&expected), "{detector}");
        assert_ne!(faces(&engine), faces(&expected), "{detector}");
        // A side of nothing is the smallest there is.
        let seek = SeekOptions::default().with_long_side(0).with_turn(false);
        assert!(engine.with_rules(PhotoRules::default().with_seek(seek)).detect(&picture).is_ok());
    }
}

fn table() -> CalibrationTable {
    let measured_on = MeasuredOn {
        name: "made up".into(),
        sha256: "0a".repeat(32),
        people: 20,
        mated_pairs: 30,
        non_mated_pairs: 3_000_000,
    };
    let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.25 };
    CalibrationTable::new(measured_on, vec![point(0.5, -0.25), point(1e-6, 0.9)]).expect("a table")
}

fn parts() -> EngineParts {
    let (detector, embedder) = (Box::new(fakes::CountingDetector), Box::new(fakes::MeanEmbedder::new(1)));
    EngineParts::new("own", detector, embedder).with_rules(PhotoRules::default().with_quality(QualityLimits::off()))
}

#[test]
fn a_hosts_own_networks_bring_their_measurements() {
    let photos = [fakes::photo(1), fakes::photo(2)];
    let compare = |engine: &Engine| {
        let options = CompareOptions::default().with_operating_point(OperatingPoint::fmr(1e-3).expect("a rate"));
        engine.compare(&photos[..1], &photos[..1], &options)
    };
    let bare = Engine::from_parts(parts()).expect("threads");
    assert_eq!((bare.calibration(), bare.recognizability()), (None, None));
    assert_eq!(compare(&bare).expect_err("no table").kind(), ErrorKind::Invalid);

    let engine = Engine::from_parts(parts().with_calibration(table()).with_threads(3)).expect("threads");
    assert_eq!((engine.calibration(), engine.calibration_mode()), (Some(&table()), Some(EncodingMode::Fast)));
    assert_eq!((engine.name(), engine.threads(), engine.model().as_bytes()), ("own", 3, &[1; 16]));
    assert!(compare(&engine).expect("a table").accepted);
    let accurate = Engine::from_parts(parts().with_calibration(table()).with_mode(EncodingMode::Accurate));
    let accurate = accurate.expect("threads");
    assert_eq!((accurate.mode(), accurate.calibration_mode()), (EncodingMode::Accurate, Some(EncodingMode::Accurate)));
    assert_eq!(accurate.in_mode(EncodingMode::Fast).calibration(), None, "the table is of the other mode");
}

#[test]
fn a_hosts_own_networks_may_say_what_is_recognisable() {
    let rule = |limit, dimension| {
        let mean = DamageMean::new("night", &vec![1.0; dimension]).expect("a mean");
        Recognizability::new(limit, 1.0, vec![mean]).expect("a rule")
    };
    let photo = fakes::photo(1);
    let checked = PhotoRules::default().with_quality(QualityLimits::off().with_recognizable(true));
    let engine = |limit| {
        let parts = parts().with_rules(checked.clone()).with_recognizability(rule(limit, fakes::DIMENSION));
        Engine::from_parts(parts).expect("threads")
    };
    let value = engine(0.0).encode(photo.as_slice()).expect("a face").recognizability.expect("a rule");
    assert!(value > 0.0);
    let error = engine(value + 1.0).encode(photo.as_slice()).expect_err("below the limit");
    let refusal = error.images()[0].refusal.as_ref().expect("a refusal");
    assert_eq!((refusal.code, refusal.measured), (RefusalCode::NotRecognizable, Some(value)));

    let error = Engine::from_parts(parts().with_recognizability(rule(1.0, 3))).expect_err("another dimension");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().starts_with("own: recognizability"), "{error}");
}
