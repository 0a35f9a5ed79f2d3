//! Where the tests find photos, models and golden values that are not part of the project.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The test data's folder: `$FACEVAULT_TEST_DATA`, else `../shared` beside the project. Where it is
/// absent, says that `test` is skipped.
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("FACEVAULT_TEST_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    if folder.is_dir() {
        return Some(folder);
    }
    skip(test, "no test data");
    None
}

/// Says that `test` is skipped, and why. With `FACEVAULT_REQUIRE_DATA=1` in the environment what is
/// missing is a failure instead.
pub(crate) fn skip(test: &str, why: &str) {
    let required = std::env::var_os("FACEVAULT_REQUIRE_DATA").is_some_and(|value| value == "1");
    assert!(!required, "{test}: {why}");
    eprintln!("skipped: {test}: {why}");
}

/// Whether ffmpeg is there; else the test is left out, and named.
pub(crate) fn has_ffmpeg(test: &str) -> bool {
    let version = Command::new("ffmpeg").arg("-version").stdin(Stdio::null()).output();
    let is_there = version.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: {test}: ffmpeg is not installed");
    }
    is_there
}

/// Whether vaults of the tests are encrypted unless they say otherwise; see the feature `test-encrypted`.
pub(crate) fn vaults_are_encrypted() -> bool {
    cfg!(feature = "test-encrypted") && std::env::var_os("FACEVAULT_TEST_ENCRYPTED").is_some_and(|value| value == "1")
}

/// Whether vaults are in hubs where a test leaves their place to [`Place`](crate::place::Place).
pub(crate) fn vaults_are_in_hubs() -> bool {
    cfg!(feature = "hub") && std::env::var_os("FACEVAULT_TEST_HUB").is_some_and(|value| value == "1")
}

/// Whether the running test is left out, and named, because vaults are in hubs: it says why only a file will do.
pub(crate) fn only_of_files(why: &str) -> bool {
    if vaults_are_in_hubs() {
        eprintln!("skipped: {}: {why}", std::thread::current().name().unwrap_or_default());
    }
    vaults_are_in_hubs()
}

/// A vault's file as SQLite sees it, for damage and for looking inside.
pub(crate) fn database(path: impl AsRef<Path>) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).expect("a database");
    if vaults_are_encrypted() {
        let key = "5a".repeat(32);
        connection
            .execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA cipher_page_size = 8192"))
            .expect("unlocked");
    }
    connection
}

/// The bytes of a file of the test data.
pub(crate) fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files below `folder`, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
