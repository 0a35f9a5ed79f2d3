//! The manifest of a pack: a TOML file that says which files it has and what they are.
//!
//! ```toml
//! schema = 1
//! name = "mine"
//! title = "our detector and our embedder"
//! licence = "MIT"                      # an SPDX expression, or "non-commercial"
//! terms = "what the origin says on use"
//!
//! [detector]                           # and [embedder]; [landmarks], [quality] where there are such files
//! file = "detector.onnx"               # beside the manifest
//! size = 232589
//! sha256 = "8f23..."
//! format = "onnx"
//! kind = "yunet"                       # from here on: the fields of `DetectorSpec`, `EmbedderSpec`
//!
//! [calibration]                        # optional: a `CalibrationTable`
//! [recognizability]                    # optional: a `Recognizability`
//! [limits]                             # optional: `PackLimits`, stricter limits on photos
//! [self_test]                          # optional: `SelfTestValues`, what the networks give for drawn pictures
//! ```

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::checksum::Sha256;
use super::source::Source;
use super::validate;
use crate::comparison::CalibrationTable;
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::recognizability::Recognizability;
use crate::spec::{DetectorSpec, EmbedderSpec, PackLimits, SelfTestValues};

/// The manifest format that this version reads.
const SCHEMA: i64 = 1;

/// What one of a pack's files does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Finds faces.
    Detector,
    /// Finds the landmarks of a found face, where the detector does not.
    Landmarks,
    /// Turns aligned faces into vectors.
    Embedder,
    /// Judges a face's quality.
    Quality,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Detector, Self::Landmarks, Self::Embedder, Self::Quality];

    /// The role as a manifest spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Landmarks => "landmarks",
            Self::Embedder => "embedder",
            Self::Quality => "quality",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a file holds its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// An ONNX model.
    Onnx,
    /// dlib's serialised weights.
    Dlib,
    /// A TensorFlow Lite model of floats.
    Tflite,
    /// Espressif's ESP-DL model.
    Espdl,
}

/// A file of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelFile {
    /// Its name beside the manifest.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// How it holds its network.
    pub format: Format,
    /// Where it comes from; packs that come as a folder need none.
    pub source: Option<Source>,
    /// Its licence, where it is not the whole pack's.
    pub licence: Option<String>,
    /// What its origin says on use, where it is not what the whole pack says.
    pub terms: Option<String>,
}

/// A file of a pack and what its network takes and gives.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NetworkEntry<S> {
    /// The file.
    pub model: ModelFile,
    /// What the network takes and gives.
    pub spec: S,
}

/// A pack's manifest, read and validated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Manifest {
    /// The pack's name: up to 64 lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// One line on what it holds.
    pub title: String,
    /// The licence of the weights: an SPDX expression, or `non-commercial`.
    pub licence: String,
    /// What the origin says on use.
    pub terms: String,
    /// Whether the licence must be accepted before the pack is fetched.
    pub accept_licence: bool,
    /// The detector.
    pub detector: NetworkEntry<DetectorSpec>,
    /// The landmark model of detectors that give boxes only.
    pub landmarks: Option<ModelFile>,
    /// The embedder.
    pub embedder: NetworkEntry<EmbedderSpec>,
    /// A quality network.
    pub quality: Option<ModelFile>,
    /// What the embedder's similarities mean, where it was measured.
    pub calibration: Option<CalibrationTable>,
    /// How recognisable a face must be for the embedder, where it was measured.
    pub recognizability: Option<Recognizability>,
    /// What the embedder asks of photos beyond what is customary.
    pub limits: PackLimits,
    /// What the networks give for the pictures of the self-test.
    pub self_test: Option<SelfTestValues>,
    text: String,
}

/// The keys above the roles.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    title: String,
    licence: String,
    terms: String,
    #[serde(default)]
    accept_licence: bool,
    calibration: Option<CalibrationTable>,
    recognizability: Option<Recognizability>,
    #[serde(default)]
    limits: PackLimits,
    self_test: Option<SelfTestValues>,
}

/// The keys of a role that belong to its file; the others belong to its specification.
const FILE_KEYS: [&str; 7] = ["file", "size", "sha256", "format", "source", "licence", "terms"];

impl Manifest {
    /// The names of the packs whose manifests are built in; the first one is the default.
    pub const BUILTIN: [&str; 6] = ["standard", "espdl", "dlib", "opencv", "buffalo_s", "buffalo_l"];

    /// The built-in manifest of the pack `name`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where no such manifest is built in.
    pub fn builtin(name: &str) -> Result<Self> {
        let text = match name {
            "standard" => include_str!("../../models/standard.toml"),
            "espdl" => include_str!("../../models/espdl.toml"),
            "dlib" => include_str!("../../models/dlib.toml"),
            "opencv" => include_str!("../../models/opencv.toml"),
            "buffalo_s" => include_str!("../../models/buffalo_s.toml"),
            "buffalo_l" => include_str!("../../models/buffalo_l.toml"),
            _ => {
                let known = Self::BUILTIN.join(", ");
                return Err(Error::new(ErrorKind::NotFound, format!("there is no pack {name:?}; there are {known}")));
            }
        };
        Self::parse(&format!("the built-in manifest of {name:?}"), text)
    }

    /// Reads a manifest; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where it is not TOML, has an unknown key or lacks one, or a
    /// value cannot be: names `origin`, the section and the key.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::ModelUnavailable, format!("{origin}: {what}"));
        let mut table = table(text).map_err(wrong)?;
        let detector = network(&mut table, Role::Detector).map_err(wrong)?;
        let landmarks = file(&mut table, Role::Landmarks).map_err(wrong)?;
        let embedder = network(&mut table, Role::Embedder).map_err(wrong)?;
        let quality = file(&mut table, Role::Quality).map_err(wrong)?;
        let head: Head = table.try_into().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
        let manifest = Self {
            name: head.name,
            title: head.title,
            licence: head.licence,
            terms: head.terms,
            accept_licence: head.accept_licence,
            detector,
            landmarks,
            embedder,
            quality,
            calibration: head.calibration,
            recognizability: head.recognizability,
            limits: head.limits,
            self_test: head.self_test,
            text: text.to_owned(),
        };
        validate::manifest(&manifest).map_err(wrong)?;
        Ok(manifest)
    }

    /// The manifest as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What encodings of this pack are marked with: the embedder's file, its input, crop and metric.
    #[must_use]
    pub fn model_id(&self) -> ModelId {
        super::identity::model_id(&self.embedder.model.sha256, &self.embedder.spec)
    }

    /// The file that has `role`.
    #[must_use]
    pub fn file(&self, role: Role) -> Option<&ModelFile> {
        match role {
            Role::Detector => Some(&self.detector.model),
            Role::Landmarks => self.landmarks.as_ref(),
            Role::Embedder => Some(&self.embedder.model),
            Role::Quality => self.quality.as_ref(),
        }
    }

    /// All files with their roles.
    pub fn files(&self) -> impl Iterator<Item = (Role, &ModelFile)> {
        Role::ALL.into_iter().filter_map(|role| self.file(role).map(|file| (role, file)))
    }
}

/// A manifest's keys but for `schema`, which is the one that this version reads.
pub(super) fn table(text: &str) -> Result<Table, String> {
    let mut table: Table = toml::from_str(text).map_err(|error| located(text, &error))?;
    match table.remove("schema") {
        Some(Value::Integer(SCHEMA)) => Ok(table),
        Some(Value::Integer(newer)) if newer > SCHEMA => {
            Err(format!("schema {newer} is newer than {SCHEMA}, which this version reads"))
        }
        _ => Err(format!("schema must be {SCHEMA}")),
    }
}

/// Whether `name` can be a pack's: it is also a folder's.
pub(super) fn is_pack_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// The message of a TOML error with its line.
pub(super) fn located(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    match error.span() {
        Some(span) => {
            let line = text.as_bytes()[..span.start.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message,
    }
}

fn network<S: DeserializeOwned>(table: &mut Table, role: Role) -> Result<NetworkEntry<S>, String> {
    let mut section = section(table, role)?.ok_or_else(|| format!("[{role}] is missing"))?;
    let model = model_file(&mut section, role.as_str())?;
    let spec = section.try_into().map_err(|error: toml::de::Error| format!("[{role}] {}", error.message()))?;
    Ok(NetworkEntry { model, spec })
}

fn file(table: &mut Table, role: Role) -> Result<Option<ModelFile>, String> {
    let Some(mut section) = section(table, role)? else { return Ok(None) };
    let model = model_file(&mut section, role.as_str())?;
    match section.keys().next() {
        None => Ok(Some(model)),
        Some(key) => Err(format!("[{role}] unknown field `{key}`, expected one of {}", FILE_KEYS.join(", "))),
    }
}

fn section(table: &mut Table, role: Role) -> Result<Option<Table>, String> {
    match table.remove(role.as_str()) {
        None => Ok(None),
        Some(Value::Table(section)) => Ok(Some(section)),
        Some(other) => Err(format!("{role} must be a table, is {}", other.type_str())),
    }
}

/// The file of a section, whose keys for it are taken out of it; `label` is what errors call the section.
pub(super) fn model_file(section: &mut Table, label: &str) -> Result<ModelFile, String> {
    let part: Table =
        FILE_KEYS.iter().filter_map(|key| section.remove(*key).map(|value| ((*key).to_owned(), value))).collect();
    part.try_into().map_err(|error: toml::de::Error| format!("[{label}] {}", error.message()))
}
