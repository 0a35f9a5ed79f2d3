//! A pack on the disk.

use std::fs;
use std::io::{ErrorKind as Io, Read};
use std::path::{Path, PathBuf};

use super::artifact::{Artifact, State};
use super::checksum::Sha256;
use super::home::{Home, cannot};
use super::manifest::{Format, Manifest, ModelFile, Role, is_pack_name};
use super::missing;
use super::{dlib, espdl, tflite};
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::files;
use crate::onnx::{Layout, precheck};

/// What a pack's manifest is called.
pub(super) const MANIFEST: &str = "manifest.toml";

/// The largest manifest that is read.
pub(super) const MAX_MANIFEST: u64 = 1 << 20;

/// A folder with a manifest and the files that it names.
///
/// Opening one reads the manifest only; each file is read and checked when it is loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    folder: PathBuf,
    manifest: Manifest,
}

impl Pack {
    /// The pack in `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where there is no manifest or it is not valid: names the
    /// file, the section and the key.
    pub fn open_dir(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let path = folder.join(MANIFEST);
        let text = files::read_text(&path, MAX_MANIFEST).map_err(|error| unreadable(&path, error))?;
        let manifest = Manifest::parse(&path.display().to_string(), &text)?;
        Ok(Self { folder, manifest })
    }

    /// The pack `name` in the data folder.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where it is not installed: says what is missing and how to
    /// get it. [`ErrorKind::NotFound`] where it is neither installed nor known.
    pub fn installed(home: &Home, name: &str) -> Result<Self> {
        let folder = home.pack_dir(name);
        if is_pack_name(name) {
            match fs::metadata(folder.join(MANIFEST)) {
                Ok(_) => return Self::open_dir(folder),
                Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {}
                Err(error) => return Err(unreadable(&folder.join(MANIFEST), error)),
            }
        }
        let manifest = Manifest::builtin(name)?;
        Err(missing::unavailable(home, &Artifact::of_pack(&manifest)))
    }

    /// The pack that `text` means: a folder if it has a separator or a manifest is in it, else an
    /// installed pack's name.
    ///
    /// # Errors
    /// As for [`Self::open_dir`] and [`Self::installed`].
    pub fn find(home: &Home, text: &str) -> Result<Self> {
        if !is_pack_name(text) || Path::new(text).join(MANIFEST).is_file() {
            Self::open_dir(text)
        } else {
            Self::installed(home, text)
        }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What its encodings are marked with.
    #[must_use]
    pub fn model_id(&self) -> ModelId {
        self.manifest.model_id()
    }

    /// The bytes of the file that has `role`, read anew, with the size and SHA-256 that the
    /// manifest states.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where the pack has no such file, it is missing, or it is not
    /// the one: names the file, what was expected and what was found.
    pub fn load(&self, role: Role) -> Result<Vec<u8>> {
        let (path, model) = self.file(role)?;
        read(&path, model)
    }

    /// The network that has `role` as an ONNX model, whatever its file's format. It has passed
    /// [`precheck`], and a detector's or embedder's input agrees with the manifest.
    ///
    /// # Errors
    /// As for [`Self::load`], and where the file holds no such network.
    pub fn network(&self, role: Role) -> Result<Vec<u8>> {
        let (path, model) = self.file(role)?;
        let bytes = read(&path, model)?;
        let named = |error: Error| Error::new(ErrorKind::ModelUnavailable, format!("{}: {error}", path.display()));
        let onnx = match (model.format, role) {
            (Format::Onnx, _) => bytes,
            (Format::Dlib, Role::Detector) => dlib::detector_onnx(&bytes).map_err(named)?.0,
            (Format::Dlib, _) => dlib::embedder_onnx(&bytes).map_err(named)?,
            (Format::Tflite, _) => tflite::network_onnx(&bytes).map_err(named)?,
            (Format::Espdl, _) => espdl::network_onnx(&bytes).map_err(named)?,
        };
        self.check(role, &path, &onnx)?;
        Ok(onnx)
    }

    /// Whether the file that has `role` is the one that the manifest names, by size and SHA-256.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where it is not, as for [`Self::load`].
    pub fn check_file(&self, role: Role) -> Result<()> {
        let (path, model) = self.file(role)?;
        open(&path, model)?;
        let found = Sha256::of_file(&path).map_err(|error| unreadable(&path, error))?;
        must_match(&path, model, found)
    }

    fn file(&self, role: Role) -> Result<(PathBuf, &ModelFile)> {
        let missing = || {
            let message = format!("the pack {:?} has no {role}", self.manifest.name);
            Error::new(ErrorKind::ModelUnavailable, message)
        };
        let model = self.manifest.file(role).ok_or_else(missing)?;
        Ok((self.folder.join(&model.file), model))
    }

    /// The state of every file, by size and SHA-256.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where a file is there and cannot be read.
    pub fn verify(&self) -> Result<Vec<(Role, State)>> {
        let files = Artifact::of_pack(&self.manifest);
        let states = self.manifest.files().zip(&files).map(|((role, _), artifact)| {
            let path = self.folder.join(artifact.file());
            let state = artifact.is_at(&path).map_err(|error| cannot("read", &path, error))?;
            Ok((role, state))
        });
        states.collect()
    }

    fn check(&self, role: Role, path: &Path, bytes: &[u8]) -> Result<()> {
        let found = precheck(&path.display().to_string(), bytes)?;
        let wrong = |what: String| {
            Err(Error::new(ErrorKind::ModelUnavailable, format!("{}: the input {what}", path.display())))
        };
        let sides = match role {
            Role::Detector => self.manifest.detector.spec.fixed_size,
            Role::Embedder => Some(self.manifest.embedder.spec.template.size),
            _ => return Ok(()),
        };
        if found.layout != Layout::Nchw {
            return wrong("has its colours last, expected picture, colour, row, column".to_owned());
        }
        let stated = sides.map(u64::from);
        match found.shape[2..].iter().flatten().find(|side| stated.is_some_and(|stated| stated != **side)) {
            Some(side) => wrong(format!("has a side of {side}, the manifest says {}", stated.unwrap_or_default())),
            None => Ok(()),
        }
    }
}

/// The file at `path`, if it is the one that a manifest names.
pub(super) fn read(path: &Path, model: &ModelFile) -> Result<Vec<u8>> {
    let file = open(path, model)?;
    let mut bytes = Vec::with_capacity(usize::try_from(model.size).unwrap_or_default());
    file.take(model.size).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    must_match(path, model, Sha256::of(&bytes))?;
    Ok(bytes)
}

/// The file, of the size that the manifest states.
fn open(path: &Path, model: &ModelFile) -> Result<fs::File> {
    let file = files::open(path).map_err(|error| unreadable(path, error))?;
    let size = file.metadata().map_err(|error| unreadable(path, error))?.len();
    if size == model.size {
        Ok(file)
    } else {
        Err(wrong(path, format!("has {size} bytes, the manifest says {}", model.size)))
    }
}

fn must_match(path: &Path, model: &ModelFile, found: Sha256) -> Result<()> {
    if found == model.sha256 {
        return Ok(());
    }
    Err(wrong(path, format!("has SHA-256 {found}, the manifest says {}", model.sha256)))
}

fn wrong(path: &Path, what: String) -> Error {
    Error::new(ErrorKind::ModelUnavailable, format!("{} {what}", path.display()))
}

pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    if error.kind() == Io::NotFound {
        Error::new(ErrorKind::ModelUnavailable, format!("{} is missing", path.display())).caused_by(error)
    } else {
        let message = format!("cannot read {}: {error}", path.display());
        Error::new(ErrorKind::ModelUnavailable, message).caused_by(error)
    }
}
