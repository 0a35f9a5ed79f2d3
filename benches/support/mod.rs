//! What several benchmarks need: a pack and photos out of the test data.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// The test data's folder, if it is there.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("FACEVAULT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    folder.join("faces/lfw-dev").is_dir().then_some(folder)
}

/// A detector and an embedder of the test data as a pack: a folder of copies.
pub(crate) fn pack(data: &Path, detector: &str, embedder: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let half = |kind: &str, name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packs").join(kind).join(format!("{name}.toml"));
        fs::read_to_string(path).expect("a manifest")
    };
    let about = "schema = 1\nname = \"measured\"\ntitle = \"for benches\"\nlicence = \"non-commercial\"\naccept_licence = true\nterms = \"for benches\"\n";
    let manifest = format!("{about}\n{}\n{}", half("detectors", detector), half("embedders", embedder));
    for line in manifest.lines() {
        if let Some(file) = line.strip_prefix("file = \"").and_then(|rest| rest.strip_suffix('"')) {
            fs::copy(data.join("models").join(file), folder.path().join(file)).expect("copied");
        }
    }
    fs::write(folder.path().join("manifest.toml"), manifest).expect("written");
    folder
}

/// The JPEGs of `faces/deepface` of 1 to 3.2 megapixels.
pub(crate) fn large(data: &Path) -> Vec<Vec<u8>> {
    let folder = data.join("faces/deepface/unit/dataset");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    files.retain(|path| {
        image::image_dimensions(path)
            .is_ok_and(|(width, height)| (1_000_000..=3_200_000).contains(&(u64::from(width) * u64::from(height))))
    });
    files.sort();
    files.iter().map(|path| fs::read(path).expect("a photo")).collect()
}

/// One photo of each of the first people of LFW.
pub(crate) fn lfw(data: &Path, most: usize) -> Vec<Vec<u8>> {
    let mut people: Vec<PathBuf> =
        fs::read_dir(data.join("faces/lfw-dev")).expect("a folder").flatten().map(|entry| entry.path()).collect();
    people.retain(|path| path.is_dir());
    people.sort();
    let first = |folder: &PathBuf| fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).min();
    people.iter().filter_map(first).take(most).map(|path| fs::read(path).expect("a photo")).collect()
}
