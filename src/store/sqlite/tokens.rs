//! Tokens of the HTTP surface, each of one client.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, clients, columns};
use crate::audit::AuditEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, TokenId};
use crate::token::Token;

const COLUMNS: &str = "t.id, c.id, t.created_at, t.expires_at, t.revoked_at";

impl Store {
    /// Adds a token; `sha256` is that of its secret.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such client, and as for every write.
    pub fn insert_token(&self, token: &Token, sha256: &[u8; 32]) -> Result<()> {
        self.write(|connection| {
            let client = clients::require(connection, &token.client)?;
            connection
                .prepare_cached(
                    "INSERT INTO tokens (client, id, sha256, created_at, expires_at, revoked_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    client,
                    token.id.as_str(),
                    sha256,
                    token.created_at.as_microsecond(),
                    token.expires_at.map(|time| time.as_microsecond()),
                    token.revoked_at.map(|time| time.as_microsecond()),
                ])?;
            let (id, expires) = (token.id.clone(), token.expires_at.is_some());
            self.note(connection, Some(&token.client), None, || Ok(AuditEvent::TokenCreated { token: id, expires }))?;
            Ok(())
        })
    }

    /// A client's tokens, oldest first.
    ///
    /// # Errors
    /// As for every read.
    pub fn tokens(&self, client: &ClientId) -> Result<Vec<Token>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tokens t JOIN clients c ON c.key = t.client WHERE t.client = ?1
                 ORDER BY t.created_at, t.id"
            ))?;
            Ok(statement.query_map([client], token)?.collect::<Result<_, _>>()?)
        })
    }

    /// The token with this id and the SHA-256 of its secret, whoever's it is.
    ///
    /// # Errors
    /// As for every read.
    pub fn token(&self, id: &TokenId) -> Result<Option<(Token, [u8; 32])>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, t.sha256 FROM tokens t JOIN clients c ON c.key = t.client WHERE t.id = ?1"
            ))?;
            Ok(statement.query_row([id.as_str()], |row| Ok((token(row)?, row.get(5)?))).optional()?)
        })
    }

    /// Takes a token back from now on; one that was taken back before stays so since then.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown token or another client's, and as for every write.
    pub fn revoke_token(&self, client: &ClientId, id: &TokenId) -> Result<()> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let revoked = connection
                .prepare_cached(
                    "UPDATE tokens SET revoked_at = COALESCE(revoked_at, MAX(created_at, ?3))
                     WHERE client = ?1 AND id = ?2",
                )?
                .execute(params![tenant, id.as_str(), super::schema::now()])?;
            if revoked == 0 {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no token {id}")).into());
            }
            self.note(connection, Some(client), None, || Ok(AuditEvent::TokenRevoked { token: id.clone() }))?;
            Ok(())
        })
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let time = |index: usize| -> rusqlite::Result<_> {
        row.get::<_, Option<i64>>(index)?.map(|_| columns::time(row, index)).transpose()
    };
    Ok(Token {
        id: columns::id(row, 0)?,
        client: columns::id(row, 1)?,
        created_at: columns::time(row, 2)?,
        expires_at: time(3)?,
        revoked_at: time(4)?,
    })
}
