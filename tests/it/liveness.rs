//! Whether faces are live: the networks against their authors' recipes, and what operations make of their scores.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::models::{Home, LivenessManifest, LivenessPack, Sha256, State};
use facevault::vision::{Face, liveness_crop};
use facevault::{
    ColorOrder, CompareOptions, DuplicatePolicy, Engine, EngineOptions, Error, ErrorKind, IdentifyOptions, ImageBytes,
    LivenessCheck, LivenessCrop, LivenessPolicy, LivenessSpec, NewPerson, Normalization, OperatingPoint, RefusalCode,
    Vault, VaultOptions,
};
use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::{data, fakes, packs};

fn golden() -> Value {
    serde_json::from_str(include_str!("../data/liveness_golden.json")).expect("golden values")
}

fn bounds(value: &Value) -> Rect {
    let [x, y, width, height] = [0, 1, 2, 3].map(|i| value[i].as_f64().expect("a number") as f32);
    Rect { x, y, width, height }
}

/// A box that counts its pixels, as `shifted` takes it.
fn counted(value: &Value) -> Rect {
    let bounds = bounds(value);
    Rect { width: bounds.width - 1.0, height: bounds.height - 1.0, ..bounds }
}

/// The picture of tests/data/scripts/liveness_golden.py.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2]
            .map(|c| ((7 * x + 13 * y + 31 * c + 5 * ((x * y) % 23) + 64 * ((x / 9 + y / 11) % 2)) % 256) as u8))
    })
}

#[test]
fn crops_are_those_of_the_networks_authors() {
    let golden = golden();
    let crops = golden["crops"].as_array().expect("crops");
    for crop in crops {
        let size = [0, 1].map(|i| crop["size"][i].as_u64().expect("a size") as u32);
        let (kind, bounds) = match crop["crop"].as_str() {
            Some("shifted") => (LivenessCrop::Shifted, counted(&crop["box"])),
            _ => (LivenessCrop::Mirrored, bounds(&crop["box"])),
        };
        let normalization = Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
        let spec = LivenessSpec::new(normalization, 16, kind, crop["enlarge"].as_f64().expect("a factor") as f32);
        let found = liveness_crop(&picture(size[0], size[1]), bounds, &spec).expect("a box in the picture");
        let expected = base64::engine::general_purpose::STANDARD.decode(crop["pixels"].as_str().expect("pixels"));
        let expected = expected.expect("base64");
        assert_eq!(found.as_raw().len(), expected.len());
        let apart = found.as_raw().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(1), "{size:?} {} {kind:?}: {apart:?} grey levels", crop["box"]);
    }
    assert_eq!(crops.len(), 24);
}

/// A folder with the test data's networks: those that are summed, or the other one.
pub(crate) fn models(test: &str, other: bool) -> Option<TempDir> {
    let source = data::folder(test)?.join("models").canonicalize().expect("a folder of models");
    let (name, files): (_, &[(&str, &str)]) = match other {
        false => (
            "liveness",
            &[
                ("MiniFASNetV2.onnx", "minifasnet_v2_2.7_80.onnx"),
                ("MiniFASNetV1SE.onnx", "minifasnet_v1se_4.0_80.onnx"),
            ],
        ),
        true => ("liveness-v2se", &[("best_model.onnx", "minifas_v2se_128.onnx")]),
    };
    let builtin = LivenessManifest::builtin(name).expect("built in");
    let mut text = builtin.text().to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    for ((file, from), entry) in files.iter().zip(&builtin.networks) {
        let bytes = data::read(&source, from);
        text = text
            .replace(&format!("size = {}\n", entry.model.size), &format!("size = {}\n", bytes.len()))
            .replace(&entry.model.sha256.to_string(), &Sha256::of(&bytes).to_string());
        fs::write(folder.path().join(file), bytes).expect("written");
    }
    fs::write(folder.path().join("manifest.toml"), text).expect("written");
    Some(folder)
}

/// An engine with these liveness networks.
pub(crate) fn engine(pack: &Path, liveness: &Path) -> Engine {
    let options = EngineOptions::default().with_pack(pack).with_liveness(liveness).with_threads(2);
    Engine::open(&options).expect("an engine")
}

/// A face of which only the box is known.
fn boxed(bounds: Rect) -> Face {
    let landmarks = Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: [Point::new(0.0, 0.0); 5] };
    Face { bounds, landmarks, score: 1.0 }
}

#[test]
fn scores_are_those_of_the_authors_recipes_and_the_samples_are_told_apart() {
    let test = "liveness of samples";
    let Some(pack) = packs::pack(test, "yunet_640", "espdl_mbf") else { return };
    let Some(folder) = data::folder(test) else { return };
    for (other, names) in
        [(false, &["minifasnet_v2_2.7_80", "minifasnet_v1se_4.0_80"][..]), (true, &["minifas_v2se_128"])]
    {
        let Some(models) = models(test, other) else { return };
        let engine = engine(pack.path(), models.path());
        for sample in golden()["photos"].as_array().expect("photos") {
            let photo = sample["photo"].as_str().expect("a name");
            let bytes = data::read(&folder, &format!("faces/liveness/{photo}"));
            let picture = engine.decode(&bytes).expect("a picture");
            let bounds = if other { bounds(&sample["box"]) } else { counted(&sample["box"]) };
            let found = engine.liveness(&picture, &boxed(bounds)).expect("a score");
            for (name, found) in names.iter().zip(&found.networks) {
                let expected = sample["scores"][name].as_f64().expect("a score");
                assert!((found - expected).abs() < 0.01, "{photo} {name}: {found}, expected {expected}");
            }
            // With the face that the engine finds by itself; one of the attacks is refused as blurred.
            let found = engine.liveness_of(&[bytes]).expect("judged").remove(0);
            let passes = found.as_ref().is_ok_and(|found| LivenessCheck::default().passes(found.liveness.score));
            assert_eq!(passes, photo == "image_T1.jpg", "{photo}: {found:?}");
        }
    }
}

#[test]
fn networks_that_are_not_installed_are_named_with_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = LivenessPack::installed(&Home::at(folder.path()), "liveness").expect_err("nothing there");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    assert!(error.to_string().contains("`facevault models install liveness`"), "{error}");
    let error = LivenessPack::installed(&Home::at(folder.path()), "depth").expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn an_engine_opens_without_networks_and_says_so_when_they_are_needed() {
    let Some(pack) = packs::pack("liveness is loaded late", "yunet_640", "espdl_mbf") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(pack.path(), folder.path());
    let photo: ImageBytes = fakes::photo(1);
    let missing = engine.liveness_of(&[photo]).expect_err("no networks");
    assert_eq!(missing.kind(), ErrorKind::ModelUnavailable, "{missing}");
    let Some(models) = models("liveness is loaded late", true) else { return };
    for entry in fs::read_dir(models.path()).expect("a folder").flatten() {
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
    }
    assert_eq!(engine.liveness_model().expect("installed meanwhile"), "liveness-v2se");
}

#[test]
fn a_damaged_file_is_noticed() {
    let Some(models) = models("liveness networks are checked", true) else { return };
    let pack = LivenessPack::open_dir(models.path()).expect("a pack");
    assert_eq!(pack.verify().expect("read"), [State::Present]);
    assert_eq!(pack.networks().expect("networks").len(), 1);
    let file = models.path().join("best_model.onnx");
    let mut bytes = fs::read(&file).expect("read");
    bytes[1000] ^= 1;
    fs::write(&file, bytes).expect("written");
    assert_eq!(pack.verify().expect("read"), [State::Damaged]);
    let error = pack.networks().expect_err("damaged");
    assert!(error.to_string().contains("has SHA-256"), "{error}");
}

fn vault() -> (TempDir, Vault) {
    vault_of(fakes::engine_judging())
}

fn vault_of(engine: Engine) -> (TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = VaultOptions::default().with_engine(engine);
    let vault = Vault::create(folder.path().join("people.vault"), options).expect("a vault");
    (folder, vault)
}

/// A photo of Ada with this liveness, of 255.
fn ada(live: u8) -> ImageBytes {
    fakes::photo_scored(1, 1, live)
}

/// What the fake's two networks say together.
fn score(live: u8) -> f64 {
    let first = f64::from(live) / 255.0;
    (first + first * first) / 2.0
}

fn options(policy: LivenessPolicy) -> IdentifyOptions {
    let point = OperatingPoint::similarity(0.9).expect("a similarity");
    let check = LivenessCheck::default().with_policy(policy);
    IdentifyOptions::default().with_operating_point(point).with_liveness(check)
}

/// Why a photo was refused: what was measured, and the limit.
type Refused = (RefusalCode, Option<f64>, Option<f64>);

/// The refusal of each photo of a request.
fn refusals(error: &Error) -> Vec<Option<Refused>> {
    let of = |refusal: &facevault::Refusal| (refusal.code, refusal.measured, refusal.limit);
    error.images().iter().map(|image| image.refusal.as_ref().map(of)).collect()
}

#[test]
fn a_policy_is_off_reports_or_requires() {
    let (_folder, vault) = vault();
    vault.create_person(&NewPerson { images: vec![ada(255)], ..NewPerson::named("Ada") }).expect("created");
    let identify = |live: u8, policy| vault.identify(&[ada(live)], &options(policy));
    for live in [255, 0] {
        let off = identify(live, LivenessPolicy::Off).expect("searched");
        assert_eq!((off.recognized().count(), off.liveness), (1, None));
        let report = identify(live, LivenessPolicy::Report).expect("searched");
        assert_eq!((report.recognized().count(), report.liveness), (1, Some(score(live))));
    }
    assert_eq!(identify(255, LivenessPolicy::Require).expect("live").liveness, Some(1.0));
    let refused = identify(0, LivenessPolicy::Require).expect_err("not live");
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(refusals(&refused), [Some((RefusalCode::LivenessFailed, Some(0.0), Some(0.6)))]);
}

#[test]
fn shots_of_a_probe_count_together() {
    let (_folder, vault) = vault_of(fakes::engine_judging_with_table());
    let person =
        vault.create_person(&NewPerson { images: vec![ada(255)], ..NewPerson::named("Ada") }).expect("created");
    let point = OperatingPoint::similarity(0.9).expect("a similarity");
    let options = CompareOptions::default().with_operating_point(point).with_liveness(LivenessCheck::require(0.5));
    // Neither counts by itself: 1 and 0.1 make 0.55, 1, 0.1 and 0.1 make 0.4.
    let low = (0..=255u8).find(|live| score(*live) >= 0.1).expect("a score");
    let both = vault.verify(&person.id, &[ada(255), ada(low)], &options).expect("live together");
    let found = both.decision.liveness.expect("asked");
    assert!((found - (1.0 + score(low)) / 2.0).abs() < 1e-12, "{found}");
    let refused = vault.verify(&person.id, &[ada(255), ada(low), ada(low)], &options).expect_err("not live");
    let refusals = refusals(&refused);
    assert_eq!(refusals.len(), 3);
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0] && refusal.is_some()), "{refusals:?}");
    let measured = refusals[0].and_then(|(_, measured, _)| measured).expect("a score");
    assert!((measured - (1.0 + 2.0 * score(low)) / 3.0).abs() < 1e-12, "{measured}");

    // Where nobody looks whether they are of one person, a living one does not stand for the picture of another.
    let mixed = vault.with_mixed_photos(true);
    let each = mixed.verify(&person.id, &[ada(255), ada(low)], &options).expect_err("one is not live");
    assert!(matches!(self::refusals(&each)[..], [None, Some((RefusalCode::LivenessFailed, ..))]));
    let alone = mixed.verify(&person.id, &[ada(255)], &options).expect("live");
    assert_eq!(alone.decision.liveness, Some(1.0));
}

#[test]
fn only_the_probe_of_a_comparison_must_be_live() {
    let engine = fakes::engine_judging();
    let point = OperatingPoint::similarity(0.9).expect("a similarity");
    let options = CompareOptions::default().with_operating_point(point);
    let required = options.with_liveness(LivenessCheck::require(0.6));
    let decision = engine.compare(&[ada(255)], &[ada(0)], &required).expect("compared");
    assert_eq!((decision.accepted, decision.liveness), (true, Some(1.0)));
    let refused = engine.compare(&[ada(0)], &[ada(255), ada(0)], &required).expect_err("not live");
    assert_eq!(refusals(&refused), [Some((RefusalCode::LivenessFailed, Some(0.0), Some(0.6))), None, None]);
    assert_eq!(engine.compare(&[ada(0)], &[ada(255)], &options).expect("compared").liveness, None);
    let wrong = options.with_liveness(LivenessCheck::require(1.5));
    assert_eq!(engine.compare(&[ada(255)], &[ada(255)], &wrong).expect_err("above 1").kind(), ErrorKind::Invalid);
}

#[test]
fn every_photo_that_is_enrolled_must_be_live() {
    let (_folder, vault) = vault();
    let live = vault.with_min_liveness(0.6);
    let new = |name: &str, photos: &[ImageBytes]| NewPerson { images: photos.to_vec(), ..NewPerson::named(name) };
    let refused = live.create_person(&new("Ada", &[ada(255), ada(0)])).expect_err("one is not live");
    assert_eq!(refusals(&refused), [None, Some((RefusalCode::LivenessFailed, Some(0.0), Some(0.6)))]);
    assert_eq!(vault.persons(&Default::default()).expect("a list").total, 0);
    live.create_person(&new("Ada", &[ada(255)])).expect("live");
    // Without the rule, a document's photo is taken, and keeps being taken when the person is updated.
    let bob = vault.create_person(&new("Bob", &[fakes::photo_scored(2, 1, 0)])).expect("taken");
    let update = facevault::PersonUpdate {
        images: facevault::ImagesUpdate::Edit { remove: Vec::new(), add: vec![fakes::photo_scored(2, 1, 250)] },
        ..Default::default()
    };
    assert_eq!(live.update_person(&bob.id, &update).expect("the new one is live").images.len(), 2);
    let many = [new("Carl", &[fakes::photo_scored(3, 1, 0)]), new("Dora", &[fakes::photo_scored(4, 1, 255)])];
    let outcomes = live.create_persons(&many, &DuplicatePolicy::default(), &mut ()).expect("tried");
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn faces_of_a_group_are_judged_by_themselves() {
    let (_folder, vault) = vault();
    let group = |live: u8| fakes::photo_scored(5, 3, live);
    let faces = vault.identify_faces(&group(255), &options(LivenessPolicy::Require)).expect("searched");
    assert_eq!(faces.len(), 3);
    assert!(faces.iter().all(|face| face.outcome.as_ref().is_ok_and(|found| found.liveness == Some(1.0))));
    let faces = vault.identify_faces(&group(0), &options(LivenessPolicy::Require)).expect("searched");
    let codes = faces.iter().map(|face| face.outcome.as_ref().err().map(|refusal| refusal.code));
    assert_eq!(codes.collect::<Vec<_>>(), [Some(RefusalCode::LivenessFailed); 3]);
}

#[test]
fn what_is_required_is_never_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = VaultOptions::default().with_engine(fakes::engine()).with_min_liveness(0.6);
    let vault = Vault::create(folder.path().join("people.vault"), options).expect("a vault");
    let new = NewPerson { images: vec![ada(255)], ..NewPerson::named("Ada") };
    assert_eq!(vault.create_person(&new).expect_err("no model").kind(), ErrorKind::ModelUnavailable);
    vault.with_min_liveness(None).create_person(&new).expect("not asked");
    for policy in [LivenessPolicy::Report, LivenessPolicy::Require] {
        let error = vault.identify(&[ada(255)], &self::options(policy)).expect_err("no model");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}");
    }
    assert!(vault.identify(&[ada(255)], &self::options(LivenessPolicy::Off)).is_ok());
}

#[cfg(feature = "evaluation")]
#[test]
fn presentations_are_measured() {
    use facevault::evaluation::liveness::{LivenessEvaluation, PresentationSet};
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, photo: ImageBytes| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, photo.as_slice()).expect("written");
    };
    for (i, live) in [255u8, 250, 240].into_iter().enumerate() {
        write(&format!("live/{i}.png"), fakes::photo_scored(i as u32, 1, live));
    }
    // Two shots that pass together, and one without a face.
    write("live/visit/1.png", fakes::photo_scored(7, 1, 255));
    write("live/visit/2.png", fakes::photo_scored(8, 1, 120));
    write("live/nobody.png", fakes::photo_of(9, 0));
    write("attack/print/1.png", fakes::photo_scored(10, 1, 0));
    write("attack/print/2.png", fakes::photo_scored(11, 1, 10));
    write("attack/screen/1.png", fakes::photo_scored(12, 1, 245));
    let data = PresentationSet::open(folder.path()).expect("presentations");
    let found = LivenessEvaluation::measure(&fakes::engine_judging(), &data, 0.6, &mut ()).expect("measured");
    assert_eq!((found.model.as_str(), found.photos), ("first-pixel", 9));
    assert_eq!((found.bpnrr.errors, found.bpnrr.trials), (1, 5));
    let apcer: Vec<_> = found.species.iter().map(|species| (species.name.as_str(), species.apcer.rate)).collect();
    assert_eq!(apcer, [("print", 0.0), ("screen", 1.0)]);
    assert_eq!((found.asked.worst.as_str(), found.asked.bpcer.errors, found.asked.bpcer.trials), ("screen", 0, 4));
    assert_eq!(found.refusals.get("no_face_detected"), Some(&1));
    // To stop the screen, whoever has no higher score is stopped too.
    assert_eq!((found.rows[0].apcer.rate, found.rows[0].bpcer.errors), (0.0, 2));
    let error = LivenessEvaluation::measure(&fakes::engine(), &data, 0.6, &mut ()).expect_err("no model");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
}
