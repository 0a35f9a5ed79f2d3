//! SHA-256 of files, as text and in manifests.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::hex;

/// A SHA-256. Its text is 64 lower-case hexadecimal digits; either case is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The checksum of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The checksum of the file at `path`, read in pieces.
    ///
    /// # Errors
    /// Those of opening and reading it.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = crate::files::open(path)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// The checksum's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A checksum in the making.
#[derive(Default)]
pub(super) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl FromStr for Sha256 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        hex::read(text).map(Self).ok_or_else(|| format!("a SHA-256 has 64 hexadecimal digits, found {text:?}"))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(checksum: Sha256) -> Self {
        checksum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_empty_text_has_the_published_checksum() {
        let published = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of(b"").to_string(), published);
        assert_eq!(published.to_uppercase().parse(), Ok(Sha256::of(b"")));
    }

    #[test]
    fn other_texts_are_no_checksums() {
        for text in ["", "e3b0", &"g".repeat(64), &"é".repeat(32), &"+".repeat(64), &"0".repeat(65)] {
            assert!(text.parse::<Sha256>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes: Vec<u8>) {
            let checksum = Sha256::of(&bytes);
            prop_assert_eq!(checksum.to_string().parse(), Ok(checksum));
        }
    }
}
