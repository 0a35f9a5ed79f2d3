//! Tokens: what a program shows to act for a client over HTTP.
//!
//! A token is `ID.SECRET`. The id is public and names the token in lists; the secret is 256 random
//! bits in URL-safe base64, shown once and kept nowhere: a vault holds its SHA-256. Random bits need
//! no slow hash, since nobody can try them all.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, TokenId};

/// A token as a vault keeps it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Names the token; the first part of its text.
    pub id: TokenId,
    /// The client that its holder acts for.
    pub client: ClientId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked; `None` if it was not.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether the token is refused at `now` because it has expired.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }
}

/// The text that a token's holder shows. `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret {
    id: TokenId,
    secret: [u8; 32],
}

impl TokenSecret {
    /// A new token's text.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no random bits.
    pub fn generate() -> Result<Self> {
        Ok(Self { id: TokenId::generate(), secret: random_bits()? })
    }

    /// Reads `ID.SECRET`; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
        Some(Self { id: TokenId::new(id).ok()?, secret: secret.try_into().ok()? })
    }

    /// Names the token.
    #[must_use]
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// `ID.SECRET`, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.id, URL_SAFE_NO_PAD.encode(self.secret))
    }

    /// What a vault keeps of the secret.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// Whether `sha256` is that of the secret, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, sha256: &[u8; 32]) -> bool {
        self.sha256().ct_eq(sha256).into()
    }
}

/// 256 bits that nobody can guess.
pub(crate) fn random_bits() -> Result<[u8; 32]> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| Error::new(ErrorKind::Io, "the operating system gives no random bits").caused_by(error))?;
    Ok(bits)
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_back_and_matches_its_own_hash_alone() {
        let (one, other) = (TokenSecret::generate().expect("random"), TokenSecret::generate().expect("random"));
        let text = one.reveal();
        assert_eq!(TokenSecret::parse(&text).as_ref(), Some(&one));
        assert!(one.matches(&one.sha256()) && !one.matches(&other.sha256()));
        let (_, secret) = text.split_once('.').expect("two parts");
        assert_eq!(secret.len(), 43);
        assert!(!format!("{one:?}").contains(secret));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let text = TokenSecret::generate().expect("random").reveal();
        for wrong in ["", ".", "a.b", "<your_token>", &text[..text.len() - 1], &format!("{text}A"), &format!(" {text}")]
        {
            assert_eq!(TokenSecret::parse(wrong), None, "{wrong}");
        }
    }
}
