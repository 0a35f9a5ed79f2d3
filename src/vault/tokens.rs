//! The verbs on tokens, by which programs act for a client over HTTP.

use jiff::Timestamp;

use crate::audit::Actor;
use crate::clock;
use crate::error::{Error, Result, Rule};
use crate::person::TokenId;
use crate::token::{Token, TokenSecret};

use super::Vault;

/// What a token is good for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Access {
    /// The vault as the token's client sees it, acting as the holder of the token.
    Granted(Vault),
    /// The token was good once.
    Expired,
    /// No token of this vault, or one that was taken back.
    Unknown,
}

impl Vault {
    /// Makes a token for this client. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where it would have expired already, and as for every
    /// write.
    pub fn create_token(&self, expires_at: Option<Timestamp>) -> Result<(TokenSecret, Token)> {
        let now = clock::now();
        if expires_at.is_some_and(|expires| expires <= now) {
            return Err(Error::invalid("expires", Rule::Other("must be in the future".into())));
        }
        let secret = TokenSecret::generate()?;
        let id = secret.id().clone();
        let token = Token { id, client: self.client.clone(), created_at: now, expires_at, revoked_at: None };
        self.store().insert_token(&token, &secret.sha256())?;
        Ok((secret, token))
    }

    /// This client's tokens, oldest first.
    ///
    /// # Errors
    /// As for every read.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        self.store().tokens(&self.client)
    }

    /// Revokes a token of this client: from now on it is unknown. A token that was revoked before keeps the time of
    /// its revocation; the audit trail has an entry of each request.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown token or another client's.
    pub fn revoke_token(&self, id: &TokenId) -> Result<()> {
        self.store().revoke_token(&self.client, id)
    }

    /// What the text that somebody shows is good for, whichever client's token it is.
    ///
    /// # Errors
    /// As for every read.
    pub fn authenticate(&self, shown: &str) -> Result<Access> {
        let Some(secret) = TokenSecret::parse(shown) else { return Ok(Access::Unknown) };
        let found = self.store().token(secret.id())?;
        let Some((token, sha256)) = found else { return Ok(Access::Unknown) };
        Ok(if secret.matches(&sha256) { self.access(token) } else { Access::Unknown })
    }

    /// What a token is good for now whose secret was shown before.
    ///
    /// # Errors
    /// As for every read.
    #[cfg(feature = "http")]
    pub(crate) fn access_of(&self, id: &TokenId) -> Result<Access> {
        let found = self.store().token(id)?;
        Ok(found.map_or(Access::Unknown, |(token, _)| self.access(token)))
    }

    fn access(&self, token: Token) -> Access {
        match token.has_expired(clock::now()) {
            _ if token.revoked_at.is_some() => Access::Unknown,
            true => Access::Expired,
            false => Access::Granted(self.seen_by(token.client).acting_as(&Actor::token(&token.id))),
        }
    }
}
