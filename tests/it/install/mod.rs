//! Installing packs, the runtime and the samples: whole and verified, or nothing.

mod folder;
#[cfg(feature = "download")]
mod network;
mod npm;
mod pip;
#[cfg(feature = "download")]
mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use facevault::models::{Artifact, Home, LivenessManifest, Manifest, Sha256, State};
use facevault::{Progress, Step};
use tempfile::TempDir;

use crate::data;

/// A data folder that goes when the test ends.
struct TestHome {
    folder: TempDir,
    home: Home,
}

impl TestHome {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("data"));
        Self { folder, home }
    }

    /// A new, empty folder beside the data folder.
    fn beside(&self, name: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir(&path).expect("a folder");
        path
    }

    /// Everything in the data folder but the lock, as paths inside it.
    fn files(&self) -> Vec<String> {
        let inside = |path: &Path| path.strip_prefix(self.home.path()).expect("inside").display().to_string();
        if !self.home.path().exists() {
            return Vec::new();
        }
        data::files_below(self.home.path()).iter().map(|path| inside(path)).filter(|path| path != ".lock").collect()
    }

    /// Nothing incomplete is left, not even an empty folder.
    fn assert_empty(&self) {
        assert_eq!(self.files(), [""; 0]);
        for entry in fs::read_dir(self.home.path()).into_iter().flatten().flatten() {
            assert_eq!(entry.file_name(), ".lock");
        }
    }

    fn all_present(&self, artifacts: &[Artifact]) -> bool {
        artifacts.iter().all(|artifact| artifact.state(&self.home).expect("readable") == State::Present)
    }
}

/// The content of a pack's two files; large enough to come in several pieces.
fn contents() -> (Vec<u8>, Vec<u8>) {
    let noise = |seed: u32, bytes: u32| {
        (0..bytes).map(|i| ((i ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>()
    };
    (noise(1, 300_000), noise(2, 200_000))
}

/// A pack of two such files, each with the lines of a `source`.
fn manifest(detector_source: &str, embedder_source: &str) -> Manifest {
    let (detector, embedder) = contents();
    let builtin = Manifest::builtin("opencv").expect("built in");
    let mut text = builtin.text().to_owned();
    for (model, bytes, source) in
        [(&builtin.detector.model, &detector, detector_source), (&builtin.embedder.model, &embedder, embedder_source)]
    {
        text = text
            .replace(&format!("size = {}\n", model.size), &format!("size = {}\n", bytes.len()))
            .replace(&model.sha256.to_string(), &Sha256::of(bytes).to_string());
        let start = text.find("source = { url = \"https").expect("a source");
        let end = start + text[start..].find('\n').expect("a line");
        text.replace_range(start..end, source);
    }
    Manifest::parse("test", &text.replace("\"opencv\"", "\"test\"")).expect("a manifest")
}

/// Liveness networks of the same two files, each with the lines of a `source`.
fn liveness(sources: [&str; 2]) -> LivenessManifest {
    let builtin = LivenessManifest::builtin("liveness").expect("built in");
    let (first, second) = contents();
    let mut text = builtin.text().to_owned();
    for ((network, bytes), source) in builtin.networks.iter().zip([first, second]).zip(sources) {
        let model = &network.model;
        text = text
            .replace(&format!("size = {}\n", model.size), &format!("size = {}\n", bytes.len()))
            .replace(&model.sha256.to_string(), &Sha256::of(&bytes).to_string());
        let start = text.find("source = { url = \"https").expect("a source");
        let end = start + text[start..].find('\n').expect("a line");
        text.replace_range(start..end, source);
    }
    LivenessManifest::parse("test", &text).expect("a manifest")
}

const DETECTOR: &str = "face_detection_yunet_2023mar.onnx";
const EMBEDDER: &str = "face_recognition_sface_2021dec.onnx";

/// Whoever watches notes all and stops when told to.
#[derive(Default)]
struct Watch {
    seen: Vec<(String, u64, Option<u64>)>,
    stop_at: Option<u64>,
    started: Option<std::time::Instant>,
    stop_after: Option<std::time::Duration>,
}

impl Progress for Watch {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        let started = *self.started.get_or_insert_with(std::time::Instant::now);
        if !step.what.is_empty() {
            self.seen.push((step.what.to_owned(), step.done, step.total));
        }
        let done = self.seen.last().map_or(0, |(_, done, _)| *done);
        let stops = self.stop_at.is_some_and(|stop| done >= stop)
            || self.stop_after.is_some_and(|after| started.elapsed() >= after);
        if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A program at `path` that is this script.
#[cfg(unix)]
fn program(path: &Path, script: &str) -> std::path::PathBuf {
    use std::io::Write;
    use std::process::{Command, Stdio};
    // Another process writes it: a child that some test starts meanwhile would inherit a file open
    // for writing here, and what is open for writing cannot be started.
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    writer.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
    assert!(writer.wait().expect("ended").success());
    path.to_owned()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("started");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("a zip").into_inner()
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).expect("appended");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("a tar")
}
