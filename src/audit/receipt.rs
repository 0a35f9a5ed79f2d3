//! Receipts of removals: they prove what was removed, and reveal nothing about the person.
//!
//! Ids may be badge numbers and photos may be known to others, so a plain hash of them could be found by guessing.
//! The trail therefore keeps commitments: each is a SHA-256 over an [`Opening`] (256 random bits, which are in the
//! receipt and nowhere in the vault) and the id or the photo's hash. Without the opening a guess cannot be checked;
//! with it, anybody who knows the id or has the photo can show that the entry belongs to it. If the receipt is thrown
//! away, nobody can ever connect the entry with a person.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AuditHash, AuditHead};
use crate::error::{Error, Result, Rule};
use crate::hex;
use crate::person::{ClientId, PersonId};
use crate::token::random_bits;

/// Why a person was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RemovalReason {
    /// Somebody asked for it.
    #[default]
    Asked,
    /// The person left the last collection.
    LeftCollections,
    /// The person's time had expired.
    Expired,
    /// The person had not been seen for longer than persons are kept.
    Unseen,
    /// The person was removed on another machine of the fleet.
    RemovedElsewhere,
    /// The person left the share that this vault has of a hub; the hub still has the person.
    LeftShare,
}

/// What the trail says of a removed person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Removal {
    /// Why.
    pub reason: RemovalReason,
    /// The version that the person had.
    pub version: u64,
    /// Photos that were removed.
    pub photos: u64,
    /// Face encodings that were removed, by every model.
    pub encodings: u64,
    /// Attributes that were removed.
    pub attributes: u64,
    /// Collections that the person was in.
    pub collections: u64,
    /// The commitment to client and id.
    pub person: AuditHash,
    /// The commitments to the photos, and to encodings that were given without one, in their order.
    pub images: Vec<AuditHash>,
}

impl Removal {
    /// The commitments to a person and to photos with these SHA-256; all counts but that of photos are 0.
    pub(crate) fn new(opening: &Opening, client: &ClientId, person: &PersonId, images: &[[u8; 32]]) -> Self {
        Self {
            reason: RemovalReason::Asked,
            version: 0,
            photos: images.len() as u64,
            encodings: 0,
            attributes: 0,
            collections: 0,
            person: opening.of_person(client, person),
            images: images.iter().map(|sha256| opening.of_image(sha256)).collect(),
        }
    }

    /// Whether it was this person of this client.
    #[must_use]
    pub fn is_of(&self, opening: &Opening, client: &ClientId, person: &PersonId) -> bool {
        self.person == opening.of_person(client, person)
    }

    /// Whether this photo was removed, byte for byte.
    #[must_use]
    pub fn has_photo(&self, opening: &Opening, photo: &[u8]) -> bool {
        self.images.contains(&opening.of_image(&Sha256::digest(photo).into()))
    }
}

/// What opens the commitments of one removal: 256 random bits. `Debug` does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Opening([u8; 32]);

impl Opening {
    /// New random bits.
    pub(crate) fn generate() -> Result<Self> {
        random_bits().map(Self)
    }

    fn of_person(&self, client: &ClientId, person: &PersonId) -> AuditHash {
        // No id has a zero byte.
        self.commit(b"person\0", &[client.as_str().as_bytes(), &[0], person.as_str().as_bytes()])
    }

    fn of_image(&self, sha256: &[u8; 32]) -> AuditHash {
        self.commit(b"image\0", &[sha256])
    }

    fn commit(&self, what: &[u8], parts: &[&[u8]]) -> AuditHash {
        let start = Sha256::new().chain_update(b"facevault: removal\0").chain_update(what).chain_update(self.0);
        let whole = parts.iter().fold(start, |hash, part| hash.chain_update(part));
        AuditHash::from_bytes(whole.finalize().into())
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

/// The receipt of a removal: the entry of the trail, and what opens its commitments. The vault does not keep the
/// opening, so a receipt cannot be asked for again.
///
/// As text it is [`AuditHead`]'s, a dash, and the opening's 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The entry's number and hash.
    pub entry: AuditHead,
    /// When the person was removed.
    pub at: Timestamp,
    /// What opens the commitments.
    pub opening: Opening,
}

impl Receipt {
    pub(crate) fn new(entry: AuditHead, at: Timestamp, opening: Opening) -> Self {
        Self { entry, at, opening }
    }

    /// The receipt as text, with the opening.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}-{}", self.entry, AuditHash::from_bytes(self.opening.0))
    }

    /// The entry and the opening of a receipt's text.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where it is none.
    pub fn parse(text: &str) -> Result<(AuditHead, Opening)> {
        let wrong = || {
            let rule = "must be a number, a dash, 64 hexadecimal digits, a dash and 64 more";
            Error::invalid("receipt", Rule::Other(rule.into()))
        };
        let (entry, opening) = text.trim().rsplit_once('-').ok_or_else(wrong)?;
        let entry = AuditHead::from_str(entry).map_err(|_| wrong())?;
        Ok((entry, Opening(hex::read(opening).ok_or_else(wrong)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_opens_its_own_commitments_and_no_others() -> Result<()> {
        let (client, ada) = (ClientId::new("c")?, PersonId::new("ada")?);
        let (one, other) = (Opening::generate()?, Opening::generate()?);
        let removal = Removal::new(&one, &client, &ada, &[Sha256::digest(b"photo").into()]);
        assert!(removal.is_of(&one, &client, &ada) && removal.has_photo(&one, b"photo"));
        assert!(!removal.is_of(&other, &client, &ada) && !removal.has_photo(&other, b"photo"));
        assert!(!removal.is_of(&one, &ClientId::new("d")?, &ada) && !removal.has_photo(&one, b"phot0"));
        assert!(!removal.is_of(&one, &client, &PersonId::new("bob")?));
        let receipt = Receipt::new(AuditHead::new(7, removal.person), Timestamp::UNIX_EPOCH, one);
        assert_eq!(Receipt::parse(&receipt.reveal())?, (receipt.entry, one));
        let hidden = receipt.reveal().rsplit_once('-').map(|(_, opening)| opening.to_owned()).unwrap_or_default();
        assert!(hidden.len() == 64 && !format!("{receipt:?}").contains(&hidden));
        for wrong in ["", "7", &receipt.entry.to_string(), &format!("{}0", receipt.reveal())] {
            assert!(Receipt::parse(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
