//! Liveness networks: an add-on that any pack can be used with, with a manifest and a folder of its own.
//!
//! ```toml
//! schema = 1
//! name = "liveness"
//! title = "what these networks are"
//! licence = "Apache-2.0"
//! terms = "what the origin says on use"
//!
//! [[networks]]                         # one or more; the mean of their scores counts
//! file = "MiniFASNetV2.onnx"           # beside the manifest
//! size = 1743581
//! sha256 = "b329..."
//! format = "onnx"
//! color = "bgr"                        # from here on: the fields of `LivenessSpec`
//!
//! [self_test]                          # optional: `SelfTestValues`, the scores `live` for the drawn face
//! ```

use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use serde::Deserialize;
use toml::Value;

use super::artifact::{Artifact, State};
use super::home::{Home, cannot};
use super::manifest::{ModelFile, NetworkEntry, is_pack_name, model_file, table};
use super::pack::{MANIFEST, MAX_MANIFEST, read, unreadable};
use super::{missing, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::files;
use crate::onnx::{Layout, precheck};
use crate::spec::{LivenessSpec, SelfTestValues};

/// The most networks of an add-on.
const MOST_NETWORKS: usize = 16;

/// The manifest of liveness networks, read and validated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LivenessManifest {
    /// The add-on's name: up to 64 lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// One line on what it holds.
    pub title: String,
    /// The licence of the weights: an SPDX expression, or `non-commercial`.
    pub licence: String,
    /// What the origin says on use.
    pub terms: String,
    /// Whether the licence must be accepted before the files are fetched.
    pub accept_licence: bool,
    /// The networks, at least one.
    pub networks: Vec<NetworkEntry<LivenessSpec>>,
    /// What the networks give for the drawn face of the self-test.
    pub self_test: Option<SelfTestValues>,
    text: String,
}

/// The keys beside the networks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    title: String,
    licence: String,
    terms: String,
    #[serde(default)]
    accept_licence: bool,
    self_test: Option<SelfTestValues>,
}

impl LivenessManifest {
    /// The names of the add-ons whose manifests are built in; the first one is the default.
    pub const BUILTIN: [&str; 2] = ["liveness", "liveness-v2se"];

    /// The built-in manifest of the add-on `name`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where no such manifest is built in.
    pub fn builtin(name: &str) -> Result<Self> {
        let text = match name {
            "liveness" => include_str!("../../models/liveness.toml"),
            "liveness-v2se" => include_str!("../../models/liveness-v2se.toml"),
            _ => {
                let known = Self::BUILTIN.join(", ");
                let message = format!("there are no liveness networks {name:?}; there are {known}");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
        };
        Self::parse(&format!("the built-in manifest of {name:?}"), text)
    }

    /// Reads a manifest; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where it is not TOML, has an unknown key or lacks one, or a value cannot be:
    /// names `origin`, the network and the key.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::ModelUnavailable, format!("{origin}: {what}"));
        let mut table = table(text).map_err(wrong)?;
        let networks = match table.remove("networks") {
            Some(Value::Array(networks)) if (1..=MOST_NETWORKS).contains(&networks.len()) => networks,
            _ => return Err(wrong(format!("networks must be 1 to {MOST_NETWORKS} tables [[networks]]"))),
        };
        let networks = networks.into_iter().enumerate().map(network).collect::<Result<_, _>>().map_err(wrong)?;
        let head: Head = table.try_into().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
        let Head { name, title, licence, terms, accept_licence, self_test } = head;
        let text = text.to_owned();
        let manifest = Self { name, title, licence, terms, accept_licence, networks, self_test, text };
        validate::liveness(&manifest).map_err(wrong)?;
        Ok(manifest)
    }

    /// The manifest as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn network((place, value): (usize, Value)) -> Result<NetworkEntry<LivenessSpec>, String> {
    let label = format!("networks[{place}]");
    let Value::Table(mut section) = value else { return Err(format!("{label} must be a table")) };
    let model = model_file(&mut section, &label)?;
    let spec = section.try_into().map_err(|error: toml::de::Error| format!("[{label}] {}", error.message()))?;
    Ok(NetworkEntry { model, spec })
}

/// A folder with liveness networks and their manifest.
///
/// Opening one reads the manifest only; each file is read and checked when it is loaded.
#[derive(Clone, PartialEq)]
pub struct LivenessPack {
    folder: PathBuf,
    manifest: LivenessManifest,
}

impl fmt::Debug for LivenessPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LivenessPack({:?} in {})", self.manifest.name, self.folder.display())
    }
}

impl LivenessPack {
    /// The liveness networks in `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where there is no manifest or it is not valid.
    pub fn open_dir(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let path = folder.join(MANIFEST);
        let text = files::read_text(&path, MAX_MANIFEST).map_err(|error| unreadable(&path, error))?;
        let manifest = LivenessManifest::parse(&path.display().to_string(), &text)?;
        Ok(Self { folder, manifest })
    }

    /// The liveness networks `name` in the data folder.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where they are not installed: says what is missing and how to get it.
    /// [`ErrorKind::NotFound`] where they are neither installed nor known.
    pub fn installed(home: &Home, name: &str) -> Result<Self> {
        if is_pack_name(name) {
            let folder = home.liveness_dir(name);
            match fs::metadata(folder.join(MANIFEST)) {
                Ok(_) => return Self::open_dir(folder),
                Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {}
                Err(error) => return Err(unreadable(&folder.join(MANIFEST), error)),
            }
        }
        let manifest = LivenessManifest::builtin(name)?;
        Err(missing::unavailable(home, &Artifact::of_liveness(&manifest)))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &LivenessManifest {
        &self.manifest
    }

    /// The networks as ONNX models, each checked against its size and SHA-256, with what it takes and gives.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where a file is missing, is not the one that the manifest names, or holds no
    /// network with such an input.
    pub fn networks(&self) -> Result<Vec<(&ModelFile, &LivenessSpec, Vec<u8>)>> {
        let load = |model: &ModelFile, spec: &LivenessSpec| {
            let path = self.folder.join(&model.file);
            let onnx = read(&path, model)?;
            let found = precheck(&path.display().to_string(), &onnx)?;
            let side = u64::from(spec.side);
            if found.layout != Layout::Nchw || found.shape[2..].iter().flatten().any(|found| *found != side) {
                let message = format!(
                    "{}: the input must be picture, colour, row, column, with rows and columns of {side} as the \
                     manifest says",
                    path.display()
                );
                return Err(Error::new(ErrorKind::ModelUnavailable, message));
            }
            Ok(onnx)
        };
        let entries = self.manifest.networks.iter();
        entries.map(|entry| Ok((&entry.model, &entry.spec, load(&entry.model, &entry.spec)?))).collect()
    }

    /// The state of every file, by size and SHA-256.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where a file is there and cannot be read.
    pub fn verify(&self) -> Result<Vec<State>> {
        let files = Artifact::of_liveness(&self.manifest);
        let states = files.iter().take(self.manifest.networks.len()).map(|artifact| {
            let path = self.folder.join(artifact.file());
            artifact.is_at(&path).map_err(|error| cannot("read", &path, error))
        });
        states.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(change: impl Fn(String) -> String) -> Result<LivenessManifest> {
        LivenessManifest::parse("m", &change(LivenessManifest::builtin("liveness").expect("built in").text))
    }

    #[test]
    fn the_built_in_manifests_are_read() {
        let both = LivenessManifest::BUILTIN.map(|name| LivenessManifest::builtin(name).expect("built in"));
        assert_eq!(both.each_ref().map(|manifest| manifest.name.as_str()), LivenessManifest::BUILTIN);
        let crops = both.each_ref().map(|manifest| {
            let specs = manifest.networks.iter().map(|entry| &entry.spec);
            specs.map(|spec| (spec.side, spec.enlarge, spec.classes, spec.live)).collect::<Vec<_>>()
        });
        assert_eq!(crops, [vec![(80, 2.7, 3, 1), (80, 4.0, 3, 1)], vec![(128, 1.5, 2, 0)]]);
        let error = LivenessManifest::builtin("depth").expect_err("unknown").to_string();
        assert_eq!(error, "there are no liveness networks \"depth\"; there are liveness, liveness-v2se");
    }

    #[test]
    fn an_error_names_the_network_and_the_key() {
        for (from, to, expected) in [
            ("schema = 1", "schema = 2", "m: schema 2 is newer than 1, which this version reads"),
            ("live = 1", "live = 3", "m: [networks[0]] live must be from 0 to 2, is 3"),
            ("classes = 3", "classes = 1", "m: [networks[0]] classes must be from 2 to 100, is 1"),
            ("enlarge = 2.7", "enlarge = 0.5", "m: [networks[0]] enlarge must be from 1 to 10, is 0.5"),
            ("side = 80", "side = 8", "m: [networks[0]] side must be from 16 to 1024, is 8"),
            ("side = 80", "side = 80\nsize_of = 1", "m: [networks[0]] unknown field `size_of`"),
            ("format = \"onnx\"", "format = \"dlib\"", "m: [networks[0]] format must be \"onnx\""),
            ("file = \"MiniFASNetV2.onnx\"", "file = \"../x\"", "m: [networks[0]] file must be a plain file name"),
            ("file = \"MiniFASNetV2.onnx\"", "file = \"MiniFASNetV1SE.onnx\"", "m: [networks[1]] file"),
            ("crop = \"shifted\"", "crop = \"round\"", "m: [networks[0]] unknown variant `round`"),
            ("name = \"liveness\"", "name = \"Live\"", "m: name must be 1 to 64 lower-case letters"),
            ("[[networks]]", "[[other]]", "m: networks must be 1 to 16 tables [[networks]]"),
        ] {
            let replaced = match from {
                "[[networks]]" => parsed(|text| text.replace(from, to)),
                _ => parsed(|text| text.replacen(from, to, 1)),
            };
            let error = replaced.expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(parsed(|text| text).is_ok());
    }
}
