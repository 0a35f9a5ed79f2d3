//! From a folder, without a network.

use std::fs;
use std::path::PathBuf;

use facevault::ErrorKind;
use facevault::models::{Artifact, Installer, Manifest, Pack, Role, Sha256};

use super::{DETECTOR, EMBEDDER, TestHome, Watch, contents, liveness, manifest, tar};

/// A pack whose files are in a package `made-up` 1.0, whose archive is `archive`.
fn packaged(archive: &[u8], wheel: &str) -> Vec<Artifact> {
    let source = |member: &str| {
        format!(
            "source = {{ pip = \"made_up==1.0\", archive_sha256 = \"{}\", member = \"made_up/{member}\"{wheel} }}",
            Sha256::of(archive)
        )
    };
    Artifact::of_pack(&manifest(&source("d"), &source("e")))
}

#[test]
fn bare_files_are_taken_by_their_checksum() {
    let (detector, embedder) = contents();
    let artifacts = Artifact::of_pack(&manifest("", ""));
    for copied in [false, true] {
        let test = TestHome::new();
        let folder = test.beside("files");
        let place = if copied { folder.join("packs/test") } else { folder.clone() };
        fs::create_dir_all(&place).expect("a folder");
        fs::write(place.join(DETECTOR), &detector).expect("written");
        fs::write(place.join(EMBEDDER), &detector).expect("written");
        let error = Installer::new(&test.home).from_folder(&folder).install(&artifacts, &mut ()).expect_err("another");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        let message = error.to_string();
        assert!(message.contains(&format!("{EMBEDDER} is there, but is another file")), "{message}");
        assert_eq!(test.files(), [format!("packs/test/{DETECTOR}")]);

        fs::write(place.join(EMBEDDER), &embedder).expect("written");
        let mut watch = Watch::default();
        Installer::new(&test.home).from_folder(&folder).install(&artifacts, &mut watch).expect("installed");
        assert!(test.all_present(&artifacts));
        assert!(watch.seen.contains(&(EMBEDDER.into(), 200_000, Some(200_000))), "{:?}", watch.seen.last());
        assert!(Pack::installed(&test.home, "test").is_ok());
    }
}

#[test]
fn liveness_networks_are_taken_out_of_a_folder() {
    let test = TestHome::new();
    let (first, second) = contents();
    let artifacts = Artifact::of_liveness(&liveness(["", ""]));
    let folder = test.beside("files");
    let install = || Installer::new(&test.home).from_folder(&folder).install(&artifacts, &mut ());
    let error = install().expect_err("an empty folder").to_string();
    assert!(error.contains("`facevault models install liveness --from FOLDER`"), "{error}");
    fs::write(folder.join("MiniFASNetV2.onnx"), first).expect("written");
    fs::write(folder.join("MiniFASNetV1SE.onnx"), second).expect("written");
    assert_eq!(install().expect("installed").len(), 3);
    assert!(test.all_present(&artifacts));
}

#[test]
fn packages_are_taken_by_their_names_and_checked() {
    let (detector, embedder) = contents();
    let good = tar(&[("made_up-1.0/made_up/d", &detector), ("made_up-1.0/made_up/e", &embedder)]);
    let artifacts = packaged(&good, "");
    let test = TestHome::new();
    let folder = test.beside("files");
    let install = || Installer::new(&test.home).from_folder(&folder).install(&artifacts, &mut ());

    let message = install().expect_err("an empty folder").to_string();
    for part in ["nor made_up-1.0.tar.gz", DETECTOR, "`facevault models install test --from FOLDER`"] {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    fs::write(folder.join("made-up-1.0.tar.gz"), tar(&[("made_up-1.0/made_up/d", b"another")])).expect("written");
    let message = install().expect_err("another package").to_string();
    assert!(message.contains("made-up-1.0.tar.gz is there, but is another file"), "{message}");
    test.assert_empty();
    fs::write(folder.join("made_up-1.0.tar.gz"), &good).expect("written");
    install().expect("the right one of both");
    assert!(test.all_present(&artifacts));
}

#[test]
fn the_wheel_of_another_python_will_do_and_that_of_another_platform_is_passed_over() {
    let (detector, embedder) = contents();
    let pinned = super::zip(&[("made_up/d", &detector), ("made_up/e", &embedder)]);
    let artifacts = packaged(&pinned, ", wheel = { python = \"3.12\", platform = \"linux\" }");
    let test = TestHome::new();
    let folder = test.beside("files");
    let install = || Installer::new(&test.home).from_folder(&folder).install(&artifacts, &mut ());
    fs::write(folder.join("made_up-1.0-cp311-cp311-macosx.whl"), super::zip(&[("made_up/x", b"x")])).expect("written");
    let message = install().expect_err("no wheel for here").to_string();
    assert!(message.contains("macosx.whl has no file made_up/d"), "{message}");
    let other = super::zip(&[("made_up/e", &embedder), ("made_up/d", &detector), ("made_up/python311", b"")]);
    fs::write(folder.join("made_up-1.0-cp311-cp311-zlinux.whl"), other).expect("written");
    install().expect("installed");
    assert!(test.all_present(&artifacts));
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let test = TestHome::new();
    let artifacts = packaged(b"", "");
    let nowhere = test.folder.path().join("nowhere");
    let error = Installer::new(&test.home).from_folder(&nowhere).install(&artifacts, &mut ()).expect_err("nowhere");
    assert!(error.to_string().contains(&nowhere.display().to_string()), "{error}");
    test.assert_empty();
}

/// The real packages, where `FACEVAULT_TEST_PACKAGES` names a folder of them.
#[test]
fn packs_the_runtime_and_the_samples_come_out_of_their_packages() {
    let Some(folder) = std::env::var_os("FACEVAULT_TEST_PACKAGES").map(PathBuf::from) else {
        eprintln!(
            "skipped: packs_the_runtime_and_the_samples_come_out_of_their_packages: FACEVAULT_TEST_PACKAGES is not set"
        );
        return;
    };
    let test = TestHome::new();
    let mut artifacts = Vec::new();
    for name in ["standard", "dlib"] {
        artifacts.extend(Artifact::of_pack(&Manifest::builtin(name).expect("built in")));
    }
    artifacts.extend(Artifact::runtime());
    artifacts.extend(Artifact::samples());
    let installed = Installer::new(&test.home).from_folder(&folder).install(&artifacts, &mut ()).expect("installed");
    assert_eq!(installed.len(), artifacts.len());
    assert!(test.all_present(&artifacts));
    for (name, roles) in [
        ("standard", &[Role::Detector, Role::Embedder][..]),
        ("dlib", &[Role::Detector, Role::Landmarks, Role::Embedder]),
    ] {
        let pack = Pack::installed(&test.home, name).expect("a pack");
        for role in roles {
            assert!(pack.load(*role).is_ok(), "{name} {role}");
        }
    }
    assert_eq!(test.home.runtime_library().is_some(), !Artifact::runtime().is_empty());
}
