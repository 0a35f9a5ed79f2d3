//! The chain: how an entry is hashed together with the one before it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result, Rule};
use crate::hex;

/// A SHA-256. As text it is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// The hash with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AuditHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        hex::read(text)
            .map(Self)
            .ok_or_else(|| Error::invalid("hash", Rule::Other("must have 64 hexadecimal digits".into())))
    }
}

impl Serialize for AuditHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The newest entry of a trail. Kept where nobody who can write the vault can write, it shows later that what
/// came up to it is still there and unchanged.
///
/// As text it is the number and the hash, `1234-0f3b...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditHead {
    /// The number of the newest entry; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: AuditHash,
}

impl AuditHead {
    /// The entry with this number and hash.
    #[must_use]
    pub const fn new(sequence: u64, hash: AuditHash) -> Self {
        Self { sequence, hash }
    }
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sequence, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("head", Rule::Other("must be a number, a dash and 64 hexadecimal digits".into()));
        let (sequence, hash) = text.split_once('-').ok_or_else(wrong)?;
        Ok(Self { sequence: sequence.parse().map_err(|_| wrong())?, hash: hash.parse().map_err(|_| wrong())? })
    }
}

/// What the first entry of a vault is linked with, so that no trail passes for another vault's.
pub(crate) fn begin(vault: &str) -> AuditHash {
    AuditHash(Sha256::new().chain_update(b"facevault: audit trail\0").chain_update(vault).finalize().into())
}

/// What is hashed of an entry. None of the first six parts has a line break, and `detail` is JSON on one line.
pub(crate) fn canonical(
    sequence: u64,
    micros: i64,
    kind: &str,
    client: Option<&str>,
    actor: Option<&str>,
    person: Option<i64>,
    detail: &str,
) -> String {
    let (client, actor) = (client.unwrap_or_default(), actor.unwrap_or_default());
    let person = person.map(|key| key.to_string()).unwrap_or_default();
    format!("{sequence}\n{micros}\n{kind}\n{client}\n{actor}\n{person}\n{detail}")
}

/// The hash of an entry with this text behind `previous`.
pub(crate) fn link(previous: &AuditHash, text: &str) -> AuditHash {
    AuditHash(Sha256::new().chain_update(previous.0).chain_update(text).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_heads_are_read_as_they_are_written() -> Result<()> {
        let hash = begin("v");
        assert_eq!(hash.to_string().parse::<AuditHash>()?, hash);
        let head = AuditHead::new(12, hash);
        assert_eq!(head.to_string().parse::<AuditHead>()?, head);
        for wrong in ["", "12", "12-", "-1-00", &format!("x-{hash}"), &format!("1-{hash}0"), &"g".repeat(64)] {
            assert!(wrong.parse::<AuditHead>().is_err() && wrong.parse::<AuditHash>().is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn the_text_says_where_each_part_ends() {
        let text = canonical(1, 2, "k", Some("c"), None, Some(3), "{}");
        assert_eq!(text, "1\n2\nk\nc\n\n3\n{}");
        // sha256sum of the same bytes.
        let hash = link(&AuditHash([0; 32]), "a");
        assert_eq!(hash.0, <[u8; 32]>::from(Sha256::digest([&[0; 32][..], b"a"].concat())));
    }
}
