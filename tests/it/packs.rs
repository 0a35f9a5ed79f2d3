//! Packs of the networks in the test data: any detector of `tests/packs/detectors` with any
//! embedder of `tests/packs/embedders`.

use std::fs;
use std::path::Path;

use facevault::models::{Manifest, Pack};
use tempfile::TempDir;

use crate::data;

/// The detectors' names.
pub(crate) const DETECTORS: [&str; 4] = ["yunet_640", "yunet_dynamic", "scrfd_500m", "scrfd_2.5g"];

/// The embedders' names.
pub(crate) const EMBEDDERS: [&str; 4] = ["espdl_mbf", "omz_0095", "foamliu", "w600k_mbf_int8"];

/// The manifest of a pack with this detector and embedder; needs no test data.
pub(crate) fn manifest_text(detector: &str, embedder: &str) -> String {
    let half = |folder: &str, name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packs").join(folder).join(format!("{name}.toml"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    format!(
        "schema = 1\nname = \"test\"\ntitle = \"{detector} and {embedder}\"\nlicence = \"non-commercial\"\n\
         accept_licence = true\nterms = \"for tests\"\n\n{}\n{}",
        half("detectors", detector),
        half("embedders", embedder)
    )
}

/// A folder that is a pack with this detector and embedder, made of links to the test data, without
/// the embedder's table. Where that is absent, says that `test` is skipped.
pub(crate) fn pack(test: &str, detector: &str, embedder: &str) -> Option<TempDir> {
    crate::networks::runtime_for(test)?;
    let models = data::folder(test)?.join("models").canonicalize().expect("a folder of models");
    let text = manifest_text(detector, embedder);
    let text = text.split("[calibration]").next().unwrap_or_default();
    let manifest = Manifest::parse("the test manifest", text).expect("a manifest");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("manifest.toml"), text).expect("written");
    for (_, model) in manifest.files() {
        let (from, to) = (models.join(&model.file), folder.path().join(&model.file));
        #[cfg(unix)]
        std::os::unix::fs::symlink(from, to).expect("linked");
        #[cfg(not(unix))]
        fs::copy(from, to).expect("copied");
    }
    assert!(Pack::open_dir(folder.path()).is_ok());
    Some(folder)
}

/// A folder that is a pack of these two ONNX files, as `yunet_640` and `espdl_mbf` are: it need not run.
pub(crate) fn made_of(folder: &Path, detector: &[u8], embedder: &[u8]) {
    let text = manifest_text("yunet_640", "espdl_mbf");
    let mut text = text.split("[calibration]").next().unwrap_or_default().to_owned();
    fs::create_dir_all(folder).expect("a folder");
    for (file, bytes) in [("face_detection_yunet_2023mar.onnx", detector), ("espdl_mbf.onnx", embedder)] {
        let start = text.find(file).expect("the file's section");
        let (head, section) = text.split_at(start);
        let section: Vec<String> = section
            .lines()
            .scan((false, false), |done, line| {
                Some(match line.split_once(" = ") {
                    Some(("size", _)) if !std::mem::replace(&mut done.0, true) => format!("size = {}", bytes.len()),
                    Some(("sha256", _)) if !std::mem::replace(&mut done.1, true) => {
                        format!("sha256 = \"{}\"", facevault::models::Sha256::of(bytes))
                    }
                    _ => line.to_owned(),
                })
            })
            .collect();
        text = format!("{head}{}\n", section.join("\n"));
        fs::write(folder.join(file), bytes).expect("written");
    }
    fs::write(folder.join("manifest.toml"), text).expect("written");
}
