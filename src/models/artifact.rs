//! What can be installed: one file with its place, its checksum and where it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::Deserialize;

use super::addon::Addon;
use super::checksum::Sha256;
use super::home::{Home, cannot};
use super::liveness::LivenessManifest;
use super::manifest::{Manifest, ModelFile};
use super::source::Source;
use super::{pack, validate};
use crate::error::{Error, ErrorKind, Result};

/// The licence of what is installed, to be shown to whoever installs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// What it covers, in one line.
    pub title: String,
    /// An SPDX expression, or `non-commercial`.
    pub licence: String,
    /// What the origin says on use.
    pub terms: String,
    /// Whether it must be accepted before anything is fetched.
    pub must_accept: bool,
}

/// Whether an artifact is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is there, with the right size and SHA-256.
    Present,
    /// It is not there.
    Missing,
    /// Something else is in its place.
    Damaged,
}

/// What an artifact belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Pack(String),
    Runtime,
    Samples,
    DlibHog,
    Liveness(String),
}

/// Where an artifact's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Source(Source),
    /// Nothing but a folder can supply it.
    Unknown,
    /// facevault has them built in.
    Text(Arc<str>),
}

/// One file that [`Installer`](super::Installer) puts into the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Artifact {
    pub(super) owner: Owner,
    file: String,
    size: u64,
    sha256: Sha256,
    pub(super) origin: Origin,
    terms: Arc<Terms>,
}

impl Artifact {
    /// The files of the pack or the add-on `name`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where facevault brings neither.
    pub fn named(name: &str) -> Result<Vec<Self>> {
        if let Some(addon) = Addon::named(name) {
            return Ok(addon.artifacts().to_vec());
        }
        if !Manifest::BUILTIN.contains(&name) {
            let (packs, addons) = (Manifest::BUILTIN.join(", "), Addon::NAMES.join(", "));
            let text = format!("there is no pack {name:?}; there are {packs}, and without a pack {addons}");
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        Manifest::builtin(name).map(|manifest| Self::of_pack(&manifest))
    }

    /// The files of a pack, and last its manifest, so that a folder with a manifest is complete.
    #[must_use]
    pub fn of_pack(manifest: &Manifest) -> Vec<Self> {
        let terms = Terms {
            title: manifest.title.clone(),
            licence: manifest.licence.clone(),
            terms: manifest.terms.clone(),
            must_accept: manifest.accept_licence,
        };
        of_manifest(
            &Owner::Pack(manifest.name.clone()),
            &terms,
            manifest.files().map(|(_, model)| model),
            manifest.text(),
        )
    }

    /// The files of liveness networks, and last their manifest.
    #[must_use]
    pub fn of_liveness(manifest: &LivenessManifest) -> Vec<Self> {
        let terms = Terms {
            title: manifest.title.clone(),
            licence: manifest.licence.clone(),
            terms: manifest.terms.clone(),
            must_accept: manifest.accept_licence,
        };
        let models = manifest.networks.iter().map(|network| &network.model);
        of_manifest(&Owner::Liveness(manifest.name.clone()), &terms, models, manifest.text())
    }

    /// ONNX Runtime's library, on the platforms for which it is known by its hash: Linux with the GNU
    /// C library on x86-64 and 64-bit ARM, macOS on 64-bit ARM, Windows on x86-64. On other platforms the list is
    /// empty; there `ORT_DYLIB_PATH` can name your own library.
    #[must_use]
    pub fn runtime() -> Vec<Self> {
        list(&Owner::Runtime, include_str!("../../models/runtime.toml"), here())
    }

    /// Four photos to try facevault on: three show one person, `biden.jpg` another one.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        list(&Owner::Samples, include_str!("../../models/samples.toml"), "")
    }

    /// The source file of dlib that holds its HOG face detector, as [`hog_model`](super::dlib::hog_model) takes it.
    /// It belongs to no pack and is named `dlib-hog` to the command.
    #[must_use]
    pub fn dlib_hog() -> Self {
        list(&Owner::DlibHog, include_str!("../../models/dlib-hog.toml"), "").remove(0)
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file's SHA-256.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Where it comes from; `None` for what is built in and for what only a folder supplies.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        match &self.origin {
            Origin::Source(source) => Some(source),
            _ => None,
        }
    }

    /// Its licence.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Where it is, or will be, in the data folder.
    #[must_use]
    pub fn location(&self, home: &Home) -> PathBuf {
        match &self.owner {
            Owner::Pack(name) => home.pack_dir(name),
            Owner::Runtime => home.runtime_dir(),
            Owner::Samples => home.samples_dir(),
            Owner::DlibHog => home.dlib_hog_dir(),
            Owner::Liveness(name) => home.liveness_dir(name),
        }
        .join(&self.file)
    }

    /// Whether it is there. Reads the whole file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the file is there and cannot be read.
    pub fn state(&self, home: &Home) -> Result<State> {
        let path = self.location(home);
        self.is_at(&path).map_err(|error| cannot("read", &path, error))
    }

    /// Its bytes, with the right size and SHA-256.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where it is not installed: says how to get it; [`ErrorKind::Io`] where it cannot
    /// be read.
    pub fn read(&self, home: &Home) -> Result<Vec<u8>> {
        if self.state(home)? != State::Present {
            return Err(super::missing::unavailable(home, std::slice::from_ref(self)));
        }
        let path = self.location(home);
        let bytes = fs::read(&path).map_err(|error| cannot("read", &path, error))?;
        if Sha256::of(&bytes) != self.sha256 {
            let message = format!("{} was changed while it was read", path.display());
            return Err(Error::new(ErrorKind::ModelUnavailable, message));
        }
        Ok(bytes)
    }

    /// Whether the file at `path` is this one.
    pub(super) fn is_at(&self, path: &Path) -> io::Result<State> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(error) => return Err(error),
        };
        if !found.is_file() || found.len() != self.size || Sha256::of_file(path)? != self.sha256 {
            return Ok(State::Damaged);
        }
        Ok(State::Present)
    }
}

/// The files that a manifest names, and the manifest itself.
fn of_manifest<'a>(
    owner: &Owner,
    whole: &Terms,
    models: impl Iterator<Item = &'a ModelFile>,
    text: &str,
) -> Vec<Artifact> {
    let terms = |licence: Option<&String>, terms: Option<&String>| {
        Arc::new(Terms {
            licence: licence.unwrap_or(&whole.licence).clone(),
            terms: terms.unwrap_or(&whole.terms).clone(),
            ..whole.clone()
        })
    };
    let mut artifacts: Vec<_> = models
        .map(|model| Artifact {
            owner: owner.clone(),
            file: model.file.clone(),
            size: model.size,
            sha256: model.sha256,
            origin: model.source.clone().map_or(Origin::Unknown, Origin::Source),
            terms: terms(model.licence.as_ref(), model.terms.as_ref()),
        })
        .collect();
    artifacts.push(Artifact {
        owner: owner.clone(),
        file: pack::MANIFEST.to_owned(),
        size: text.len() as u64,
        sha256: Sha256::of(text.as_bytes()),
        origin: Origin::Text(text.into()),
        terms: terms(None, None),
    });
    artifacts
}

/// This platform, as the built-in lists name it.
pub(super) fn here() -> &'static str {
    if cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        "x86_64-linux-gnu"
    } else if cfg!(all(target_arch = "aarch64", target_os = "linux", target_env = "gnu")) {
        "aarch64-linux-gnu"
    } else if cfg!(all(target_arch = "aarch64", target_os = "macos")) {
        "aarch64-macos"
    } else if cfg!(all(target_arch = "x86_64", target_os = "windows")) {
        "x86_64-windows"
    } else {
        "another"
    }
}

/// A built-in list of files that are no pack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    schema: i64,
    title: String,
    licence: String,
    terms: String,
    files: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    file: String,
    size: u64,
    sha256: Sha256,
    #[serde(default)]
    target: String,
    source: Source,
}

fn list(owner: &Owner, text: &str, target: &str) -> Vec<Artifact> {
    let list = read(text).expect("the built-in lists are read by a test");
    let terms = Arc::new(Terms { title: list.title, licence: list.licence, terms: list.terms, must_accept: false });
    list.files
        .into_iter()
        .filter(|listed| listed.target == target)
        .map(|Listed { file, size, sha256, source, .. }| Artifact {
            owner: owner.clone(),
            file,
            size,
            sha256,
            origin: Origin::Source(source),
            terms: Arc::clone(&terms),
        })
        .collect()
}

fn read(text: &str) -> Result<List> {
    let wrong = |what: String| Error::new(ErrorKind::ModelUnavailable, what);
    let list: List = toml::from_str(text).map_err(|error| wrong(super::manifest::located(text, &error)))?;
    if list.schema != 1 {
        return Err(wrong(format!("schema must be 1, is {}", list.schema)));
    }
    for listed in &list.files {
        validate::file_name(&listed.file).and_then(|()| validate::file_size(listed.size)).map_err(wrong)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_lists_are_read() {
        let samples: Vec<_> = Artifact::samples().iter().map(|a| a.file().to_owned()).collect();
        assert_eq!(samples, ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"]);
        let hog = Artifact::dlib_hog();
        assert_eq!((hog.file(), hog.terms().licence.as_str()), ("frontal_face_detector.h", "BSL-1.0"));
        let everywhere = read(include_str!("../../models/runtime.toml")).expect("read");
        let mut targets: Vec<_> = everywhere.files.iter().map(|listed| listed.target.as_str()).collect();
        targets.dedup();
        assert_eq!(targets, ["x86_64-linux-gnu", "aarch64-linux-gnu", "aarch64-macos", "x86_64-windows"]);
        assert_eq!(Artifact::runtime().len(), usize::from(here() != "another"));
    }

    #[test]
    fn the_manifest_comes_last_and_every_built_in_file_has_a_source() {
        for name in Manifest::BUILTIN {
            let manifest = Manifest::builtin(name).expect("built in");
            let artifacts = Artifact::of_pack(&manifest);
            let (last, models) = artifacts.split_last().expect("files");
            assert_eq!((last.file(), last.source()), ("manifest.toml", None));
            assert!(models.iter().all(|model| model.source().is_some()), "{name}");
        }
    }

    #[test]
    fn a_file_is_present_missing_or_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path());
        let artifact = Artifact::of_pack(&Manifest::builtin("dlib").expect("built in")).pop().expect("the manifest");
        let path = artifact.location(&home);
        assert_eq!(artifact.state(&home).expect("looked at"), State::Missing);
        fs::create_dir_all(&path).expect("a folder in its place");
        assert_eq!(artifact.state(&home).expect("looked at"), State::Damaged);
        fs::remove_dir(&path).expect("removed");
        let mut text = include_bytes!("../../models/dlib.toml").to_vec();
        fs::write(&path, &text).expect("written");
        assert_eq!(artifact.state(&home).expect("looked at"), State::Present);
        text[0] ^= 1;
        fs::write(&path, &text).expect("written");
        assert_eq!(artifact.state(&home).expect("looked at"), State::Damaged);
    }
}
