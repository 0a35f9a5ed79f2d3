//! Tokens of the HTTP surface, each of one client.

use rusqlite::{Connection, Row, params};

use super::error::Outcome;
use super::rows::{CLIENTS, TOKENS};
use super::{Store, clients, columns, schema};
use crate::audit::AuditEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, TokenId};
use crate::token::Token;

/// The statement for tokens with their clients; `rest` says which and in which order.
fn select(rest: &str) -> String {
    let (own, client) = (TOKENS.selected("t."), CLIENTS.selected("c."));
    format!("SELECT {own}, {client} FROM tokens t LEFT JOIN clients c ON c.key = t.client {rest}")
}

impl Store {
    /// Adds a token; `sha256` is that of its secret.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such client, and as for every write.
    pub fn insert_token(&self, token: &Token, sha256: &[u8; 32]) -> Result<()> {
        self.write(|connection| {
            let client = clients::require(connection, &token.client)?;
            TOKENS.insert(
                connection,
                &[
                    &TOKENS.next_key(connection)?,
                    &client,
                    &token.id.as_str(),
                    sha256,
                    &token.created_at.as_microsecond(),
                    &token.expires_at.map(|time| time.as_microsecond()),
                    &token.revoked_at.map(|time| time.as_microsecond()),
                ],
            )?;
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
            let mut statement =
                connection.prepare_cached(&select("WHERE t.client = ?1 ORDER BY t.created_at, t.id"))?;
            let mut rows = statement.query([client])?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next()? {
                tokens.push(token(row)?);
            }
            Ok(tokens)
        })
    }

    /// The token with this id and the SHA-256 of its secret, whoever's it is.
    ///
    /// # Errors
    /// As for every read.
    pub fn token(&self, id: &TokenId) -> Result<Option<(Token, [u8; 32])>> {
        self.read(|connection| Ok(find(connection, id)?.map(|found| (found.token, found.sha256))))
    }

    /// Revokes a token from now on. One that was revoked before keeps its time; the trail has an entry of each request.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown token or another client's, and as for every write.
    pub fn revoke_token(&self, client: &ClientId, id: &TokenId) -> Result<()> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let Some(found) = find(connection, id)?.filter(|found| found.client == tenant) else {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no token {id}")).into());
            };
            self.note(connection, Some(client), None, || Ok(AuditEvent::TokenRevoked { token: id.clone() }))?;
            if found.token.revoked_at.is_some() {
                return Ok(());
            }
            let now = schema::now().max(found.token.created_at.as_microsecond());
            TOKENS.update(connection, &[found.key], &[("revoked_at", &now)])?;
            Ok(())
        })
    }
}

/// A token's row.
struct Found {
    key: i64,
    client: i64,
    sha256: [u8; 32],
    token: Token,
}

fn find(connection: &Connection, id: &TokenId) -> Outcome<Option<Found>> {
    let mut statement = connection.prepare_cached(&select("WHERE t.id = ?1"))?;
    let mut rows = statement.query(params![id.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let token = token(row)?;
    if token.id != *id {
        return Err(TOKENS.damaged());
    }
    Ok(Some(Found { key: row.get(0)?, client: row.get(1)?, sha256: row.get(3)?, token }))
}

/// Reads a row of what [`select`] selects.
fn token(row: &Row<'_>) -> Outcome<Token> {
    TOKENS.verify(row, 0)?;
    CLIENTS.verify(row, TOKENS.width())?;
    Ok(Token {
        id: columns::id(row, 2)?,
        client: columns::id(row, TOKENS.width() + 1)?,
        created_at: columns::time(row, 4)?,
        expires_at: columns::optional_time(row, 5)?,
        revoked_at: columns::optional_time(row, 6)?,
    })
}
