//! Manifests, packs in folders, and what is refused before a network runs.

use std::fs;

use facevault::ErrorKind;
use facevault::geometry::LandmarkScheme;
use facevault::models::{Home, Manifest, Pack, Role, Sha256, State};
use facevault::onnx::{Layout, precheck};
use proptest::prelude::*;

use crate::{data, packs};

#[test]
fn the_built_in_manifests_are_valid_and_bear_their_names() {
    for name in Manifest::BUILTIN {
        let manifest = Manifest::builtin(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(manifest.name, name);
        assert_eq!(manifest.accept_licence, name.starts_with("buffalo"), "{name}");
    }
    assert_eq!(Manifest::builtin("nobody's").map_err(|error| error.kind()), Err(ErrorKind::NotFound));
}

/// dlib cuts its crops from reference points in a unit square with a quarter of padding around.
#[test]
fn the_template_of_dlib_is_its_reference_points_with_padding() {
    let reference = [
        (0.859_567_467_459_599_2, 0.213_498_153_801_4),
        (0.646_060_476_410_4, 0.228_967_438_767_7),
        (0.120_575_062_078_9, 0.213_727_452_684_8),
        (0.334_085_061_371_2, 0.229_064_240_324_2),
        (0.490_112_313_567_9, 0.627_797_531_647_5),
    ];
    let template = Manifest::builtin("dlib").expect("built in").embedder.spec.template;
    assert_eq!((template.landmarks, template.size), (LandmarkScheme::EyeCornersNose, 150));
    for ([x, y], (u, v)) in template.points.into_iter().zip(reference) {
        for (found, part) in [(x, u), (y, v)] {
            let expected: f64 = (part + 0.25) / 1.5 * 150.0;
            assert!((f64::from(found) - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }
}

#[test]
fn every_pair_of_test_networks_makes_a_manifest() {
    for detector in packs::DETECTORS {
        for embedder in packs::EMBEDDERS {
            let text = packs::manifest_text(detector, embedder);
            let manifest = Manifest::parse("test", &text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(manifest.text(), text);
            assert_eq!(manifest.files().count(), 2);
        }
    }
}

/// The message for the manifest of YuNet and SFace after `from` has become `to`.
fn refused(from: &str, to: &str) -> String {
    let whole = Manifest::builtin("opencv").expect("built in");
    assert!(whole.text().contains(from), "{from:?} is not in the manifest");
    let error = Manifest::parse("the manifest", &whole.text().replacen(from, to, 1)).expect_err(to);
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    error.to_string()
}

#[test]
fn a_wrong_value_is_refused_with_its_section_and_key() {
    for (from, to, reason) in [
        ("schema = 1", "schema = 2", "schema 2 is newer than 1"),
        ("schema = 1", "", "schema must be 1"),
        ("schema = 1", "schema = \"1\"", "schema must be 1"),
        ("schema = 1", "schema = ", "line 2: "),
        ("name = \"opencv\"", "name = \"../opencv\"", "name must be"),
        ("name = \"opencv\"", "", "missing field `name`"),
        ("licence = \"MIT AND Apache-2.0\"", "licence = \" \"", "licence must not be empty"),
        ("licence = \"MIT AND Apache-2.0\"", "licence = \"non-commercial\"", "accept_licence must be true"),
        ("[detector]", "[detectors]", "[detector] is missing"),
        ("[detector]", "detector = 3\n[x]", "detector must be a table, is integer"),
        ("size = 232589", "", "[detector] missing field `size`"),
        ("size = 232589", "size = 0", "[detector] size must be from 1"),
        ("size = 232589", "size = 1e9", "[detector] invalid type: floating point"),
        ("file = \"face_d", "file = \"../face_d", "[detector] file must be a plain file name"),
        ("file = \"face_d", "file = \"/face_d", "[detector] file must be a plain file name"),
        ("file = \"face_d", "file = \".face_d", "[detector] file must be a plain file name"),
        ("face_detection_yunet_2023mar.onnx", "manifest.toml", "[detector] file must be a plain file name"),
        ("face_detection_yunet_2023mar.onnx", "face_recognition_sface_2021dec.onnx", "has another role already"),
        ("sha256 = \"8f", "sha256 = \"8g", "[detector] a SHA-256 has 64 hexadecimal digits"),
        ("https://github.com/opencv/opencv_zoo/raw/main/models/face_d", "ftp://x/", "[detector] url must start with"),
        ("format = \"onnx\"", "format = \"dlib\"", "[detector] format must be \"dlib\" for the kind \"mmod\""),
        ("format = \"onnx\"", "format = \"pt\"", "[detector] unknown variant `pt`"),
        ("kind = \"yunet\"", "kind = \"mmod\"", "[detector] format must be \"dlib\""),
        ("color = \"bgr\"", "color = \"grey\"", "[detector] unknown variant `grey`"),
        ("color = \"bgr\"", "color = \"bgr\"\nscale = [1, 0, 1]", "[detector] scale must be finite and not 0"),
        ("color = \"bgr\"", "color = \"bgr\"\nmean = [nan, 0, 0]", "[detector] mean must be finite"),
        ("color = \"bgr\"", "color = \"bgr\"\nmean = [0, 0]", "[detector] invalid length 2"),
        ("fixed_size = 640", "fixed_size = 650", "[detector] fixed_size must be a multiple of 32, is 650"),
        ("score_threshold = 0.6", "score_threshold = inf", "[detector] score_threshold must be finite"),
        ("nms_threshold = 0.3", "nms_threshold = 3", "[detector] nms_threshold must be from 0 to 1, is 3"),
        ("min_face = 10.0", "min_face = nan", "[detector] min_face must be from 1"),
        ("dimension = 128", "dimension = 0", "[embedder] dimension must be from 1"),
        ("dimension = 128", "dimension = 128\nfixed_batch = 0", "[embedder] fixed_batch must be from 1"),
        ("metric = \"cosine\"", "metric = \"l2\"", "[embedder] unknown variant `l2`"),
        ("size = 112", "size = 8", "[embedder] template.size must be from 16"),
        ("[38.2946, 51.6963]", "[138.2946, 51.6963]", "[embedder] template.points must be from 0 to 112"),
        ("\"eyes-nose-mouth\"", "\"eye-corners-nose\"", "[embedder] template.landmarks must be \"eyes-nose-mouth\""),
        ("[embedder.template]", "[calibration]\npoints = []\n[embedder.template]", "missing field `measured_on`"),
    ] {
        let message = refused(from, to);
        assert!(message.starts_with("the manifest: ") && message.contains(reason), "{to:?}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

proptest! {
    /// A misspelt key must not pass as a default, wherever it stands.
    #[test]
    fn an_unknown_key_is_refused_in_every_section(key in "x[a-z_]{1,12}", section in 0..5_usize) {
        let (section, name) =
            [("schema = 1", ""), ("[detector]", "[detector]"), ("[landmarks]", "[landmarks]"),
             ("[embedder]", "[embedder]"), ("[embedder.template]", "[embedder]")][section];
        let text = Manifest::builtin("dlib").expect("built in").text().replacen(
            &format!("{section}\n"),
            &format!("{section}\n{key} = 1\n"),
            1,
        );
        let message = Manifest::parse("m", &text).expect_err(&key).to_string();
        let expected = format!("{name} unknown field `{key}`");
        prop_assert!(message.contains(expected.trim_start()), "{message}");
    }
}

#[test]
fn a_pack_is_loaded_only_with_the_bytes_that_its_manifest_names() {
    let Some(folder) = packs::pack("a_pack_is_loaded", "yunet_dynamic", "foamliu") else { return };
    let pack = Pack::open_dir(folder.path()).expect("a pack");
    let path = folder.path().join(&pack.manifest().detector.model.file);
    let bytes = pack.load(Role::Detector).expect("loaded");
    assert_eq!(Sha256::of(&bytes), pack.manifest().detector.model.sha256);
    assert!(pack.load(Role::Embedder).is_ok());
    assert_eq!(pack.verify().expect("read"), [(Role::Detector, State::Present), (Role::Embedder, State::Present)]);

    let refusal = |part: &str| {
        let error = pack.load(Role::Detector).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        let message = error.to_string();
        assert!(message.contains(&path.display().to_string()) && message.contains(part), "{message}");
        message
    };
    fs::remove_file(&path).expect("the link goes");
    refusal("is missing");
    assert_eq!(pack.verify().expect("read")[0], (Role::Detector, State::Missing));
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&path, &flipped).expect("written");
    let message = refusal(&Sha256::of(&flipped).to_string());
    assert!(message.contains(&Sha256::of(&bytes).to_string()), "{message}");
    assert_eq!(pack.verify().expect("read")[0], (Role::Detector, State::Damaged));
    fs::write(&path, &bytes[1..]).expect("written");
    refusal(&format!("has {} bytes, the manifest says {}", bytes.len() - 1, bytes.len()));
    let error = pack.load(Role::Quality).expect_err("none").to_string();
    assert_eq!(error, "the pack \"test\" has no quality");
}

#[test]
fn a_manifest_that_disagrees_with_its_network_is_refused() {
    for (detector, embedder, role, from, to, reason) in [
        (
            "yunet_640",
            "foamliu",
            Role::Detector,
            "fixed_size = 640",
            "fixed_size = 320",
            "has a side of 640, the manifest says 320",
        ),
        (
            "yunet_640",
            "omz_0095",
            Role::Embedder,
            "size = 128\n",
            "size = 144\n",
            "has a side of 128, the manifest says 144",
        ),
    ] {
        let Some(folder) = packs::pack("a_manifest_that_disagrees", detector, embedder) else { return };
        let manifest = folder.path().join("manifest.toml");
        let text = fs::read_to_string(&manifest).expect("read");
        assert!(text.contains(from));
        fs::write(&manifest, text.replace(from, to)).expect("written");
        let message = Pack::open_dir(folder.path()).and_then(|pack| pack.network(role)).expect_err(to).to_string();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_pack_is_found_by_name_or_by_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::at(folder.path());
    let text = packs::manifest_text("yunet_640", "foamliu");
    for name in ["mine", "dlib"] {
        assert!(Pack::find(&home, name).is_err());
        fs::create_dir_all(home.pack_dir(name)).expect("a pack folder");
        fs::write(home.pack_dir(name).join("manifest.toml"), &text).expect("written");
        assert_eq!(Pack::find(&home, name).expect("found").folder(), home.pack_dir(name));
    }
    let path = home.pack_dir("mine");
    assert_eq!(Pack::find(&home, path.to_str().expect("plain")).expect("found").folder(), path);
    assert_eq!(home.packs().expect("read"), ["dlib", "mine"]);
    for (name, kind) in [("opencv", ErrorKind::ModelUnavailable), ("other", ErrorKind::NotFound)] {
        assert_eq!(Pack::installed(&home, name).map_err(|error| error.kind()), Err(kind), "{name}");
    }
    assert_eq!(Pack::open_dir(folder.path()).map_err(|error| error.kind()), Err(ErrorKind::ModelUnavailable));
}

#[test]
fn real_models_pass_the_pre_check() {
    let Some(folder) = data::folder("real_models_pass_the_pre_check") else { return };
    let mut checked = 0;
    for path in data::files_below(&folder.join("models")) {
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("read");
        let found = precheck(&name, &bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.layout == Layout::Nhwc, name.starts_with("lightqnet"), "{name}");
        assert!(found.parameters > 1000 && !found.outputs.is_empty(), "{name}: {found:?}");
        let cut = precheck(&name, &bytes[..bytes.len() / 2]).expect_err("half a model");
        assert_eq!(cut.kind(), ErrorKind::ModelUnavailable);
        checked += 1;
    }
    assert!(checked > 0, "no model was found");
}
