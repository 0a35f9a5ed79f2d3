//! What several benchmarks need: a pack and photos out of the test data.

use std::fs;
use std::path::{Path, PathBuf};

/// The test data's folder, if it is there.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("FACEVAULT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    folder.join("faces/lfw-dev").is_dir().then_some(folder)
}

/// YuNet and `espdl_mbf` as a pack: a folder of links.
pub(crate) fn yunet_espdl(data: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let half = |name: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packs").join(name)).expect("a manifest")
    };
    let manifest = format!(
        "schema = 1\nname = \"yunet-espdl\"\ntitle = \"YuNet and espdl_mbf\"\nlicence = \"MIT\"\nterms = \"for benches\"\n\n{}\n{}",
        half("detectors/yunet_dynamic.toml"),
        half("embedders/espdl_mbf.toml")
    );
    fs::write(folder.path().join("manifest.toml"), manifest).expect("written");
    for file in ["yunet_s_dynamic.onnx", "espdl_mbf.onnx"] {
        fs::copy(data.join("models").join(file), folder.path().join(file)).expect("copied");
    }
    folder
}

/// A photo each of the first people of LFW.
pub(crate) fn lfw(data: &Path, most: usize) -> Vec<Vec<u8>> {
    let mut people: Vec<PathBuf> =
        fs::read_dir(data.join("faces/lfw-dev")).expect("a folder").flatten().map(|entry| entry.path()).collect();
    people.retain(|path| path.is_dir());
    people.sort();
    let first = |folder: &PathBuf| fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).min();
    people.iter().filter_map(first).take(most).map(|path| fs::read(path).expect("a photo")).collect()
}
