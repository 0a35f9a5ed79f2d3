//! Encodings that were computed before, so that measuring the same photos again is quick.
//!
//! One file for each way of making encodings: its name is a hash over all that an encoding depends
//! on, so that nothing in it can be out of date. A photo is known by its own hash, wherever it lies.
//!
//! Layout: `facevault encodings 1\n`, then a record for each photo, then the SHA-256 of all before
//! it. A record is the photo's SHA-256, a byte (1 encoding, 0 refusal), a length as little-endian
//! `u32`, and so many bytes: the encoding's, or the refusal as JSON. A file with another layout is ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::encoding::{FaceEncoding, ModelId};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::models::Sha256;

use super::recognizability::unchecked;

const HEAD: &[u8] = b"facevault encodings 1\n";
const HASH: usize = 32;
/// What stands before a record's bytes.
const RECORD_HEAD: usize = HASH + 1 + 4;

type Outcome = Result<FaceEncoding, Refusal>;

/// The encodings of photos that one engine has seen.
pub struct EncodingCache {
    path: PathBuf,
    known: BTreeMap<[u8; HASH], Outcome>,
    changed: bool,
}

impl fmt::Debug for EncodingCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodingCache({}, {} photos)", self.path.display(), self.known.len())
    }
}

impl EncodingCache {
    /// What `folder` holds of this engine's encodings; nothing where it holds none. `None` for an
    /// engine of the caller's own parts: nobody can say when its encodings change.
    #[must_use]
    pub fn open(folder: &Path, engine: &Engine) -> Option<Self> {
        let manifest = engine.manifest()?;
        let runtime = engine.runtime().map(|runtime| runtime.version.clone());
        let made_by = format!(
            "{}\n{}\n{:?}\n{runtime:?}\n{:?}\n{}",
            env!("CARGO_PKG_VERSION"),
            engine.model(),
            engine.mode(),
            unchecked(engine).rules(),
            manifest.text()
        );
        let path = folder.join(format!("{}.encodings", Sha256::of(made_by.as_bytes())));
        let known = fs::read(&path).ok().and_then(|bytes| parse(&bytes, engine.model())).unwrap_or_default();
        tracing::debug!(photos = known.len(), "encodings known from earlier runs");
        Some(Self { path, known, changed: false })
    }

    /// What became of the photo with this hash.
    pub(super) fn get(&self, photo: &Sha256) -> Option<&Outcome> {
        self.known.get(photo.as_bytes())
    }

    pub(super) fn insert(&mut self, photo: Sha256, outcome: Outcome) {
        self.changed |= self.known.insert(*photo.as_bytes(), outcome).is_none();
    }

    /// Writes the file if anything is new. It is replaced as a whole or not at all, and only its owner can read it.
    pub(super) fn save(&mut self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let bytes = self.to_bytes()?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = fs::create_dir_all(folder).and_then(|()| {
            // Temporary files are their owner's only.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&bytes)?;
            file.persist(&self.path).map_err(|error| error.error)
        });
        written.map_err(|error| {
            let what = format!("the encodings cannot be kept in {}: {error}", folder.display());
            Error::new(ErrorKind::Io, what).caused_by(error)
        })?;
        self.changed = false;
        Ok(())
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = HEAD.to_vec();
        for (photo, outcome) in &self.known {
            let (kind, content) = match outcome {
                Ok(encoding) => (1, encoding.to_bytes()),
                Err(refusal) => {
                    let json = serde_json::to_vec(refusal);
                    (
                        0,
                        json.map_err(|error| {
                            Error::new(ErrorKind::Io, "a refusal cannot be written").caused_by(error)
                        })?,
                    )
                }
            };
            bytes.extend_from_slice(photo);
            bytes.push(kind);
            bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&content);
        }
        let checksum = Sha256::of(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        Ok(bytes)
    }
}

fn parse(bytes: &[u8], model: ModelId) -> Option<BTreeMap<[u8; HASH], Outcome>> {
    let (content, checksum) = bytes.split_last_chunk::<HASH>()?;
    if Sha256::of(content).as_bytes() != checksum {
        return None;
    }
    let mut rest = content.strip_prefix(HEAD)?;
    let mut known = BTreeMap::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(RECORD_HEAD)?;
        let (photo, kind_and_length) = head.split_first_chunk::<HASH>()?;
        let length = u32::from_le_bytes(kind_and_length[1..].try_into().ok()?) as usize;
        let (content, after) = after.split_at_checked(length)?;
        let outcome = match kind_and_length[0] {
            1 => Ok(FaceEncoding::from_bytes(model, content).ok()?),
            _ => Err(serde_json::from_slice(content).ok()?),
        };
        known.insert(*photo, outcome);
        rest = after;
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RefusalCode;

    fn cache(folder: &Path) -> EncodingCache {
        let (path, model) = (folder.join("cache/x.encodings"), ModelId::from_bytes([1; 16]));
        let known = fs::read(&path).ok().and_then(|bytes| parse(&bytes, model)).unwrap_or_default();
        EncodingCache { path, known, changed: false }
    }

    fn outcomes() -> [(Sha256, Outcome); 2] {
        let encoding = FaceEncoding::new(ModelId::from_bytes([1; 16]), vec![0.5, -3.0]).expect("a vector");
        let refusal = Refusal::measured(RefusalCode::Blurred, 1.5, 2.0, "hold still");
        [(Sha256::of(b"a"), Ok(encoding)), (Sha256::of(b"b"), Err(refusal))]
    }

    #[test]
    fn what_was_saved_is_known_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = cache(folder.path());
        for (photo, outcome) in outcomes() {
            first.insert(photo, outcome);
        }
        first.save().expect("written");
        let second = cache(folder.path());
        for (photo, outcome) in outcomes() {
            assert_eq!(second.get(&photo), Some(&outcome));
        }
        assert_eq!(second.get(&Sha256::of(b"c")), None);
    }

    #[test]
    fn damage_anywhere_makes_a_file_unknown() {
        let model = ModelId::from_bytes([1; 16]);
        let folder = tempfile::tempdir().expect("a folder");
        let mut cache = cache(folder.path());
        for (photo, outcome) in outcomes() {
            cache.insert(photo, outcome);
        }
        let bytes = cache.to_bytes().expect("bytes");
        assert_eq!(parse(&bytes, model).map(|known| known.len()), Some(2));
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(parse(&damaged, model).is_none(), "byte {place}");
            assert!(parse(&bytes[..place], model).is_none(), "cut at {place}");
        }
    }
}
