//! Tokens of the HTTP surface, each of one client.

use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{cell, damaged, time};
use super::check::each;
use super::{HubStore, clients};
use crate::audit::AuditEvent;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, TokenId};
use crate::store::CheckReport;
use crate::token::Token;

/// Tokens with their clients; which and in which order stands behind it.
const SELECT: &str = "SELECT t.key, t.client, c.id, t.id, t.sha256, t.created_at, t.expires_at, t.revoked_at
                      FROM facevault.tokens t JOIN facevault.clients c ON c.key = t.client";

impl HubStore {
    pub(in crate::store) fn insert_token(&self, token: &Token, sha256: &[u8; 32]) -> Result<()> {
        self.write(|numbers| {
            let client = clients::require(numbers.transaction, &token.client)?;
            numbers
                .transaction
                .execute(
                    "INSERT INTO facevault.tokens (client, id, sha256, created_at, expires_at, revoked_at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    &[
                        &client,
                        &token.id.as_str(),
                        &&sha256[..],
                        &token.created_at.as_microsecond(),
                        &token.expires_at.map(|time| time.as_microsecond()),
                        &token.revoked_at.map(|time| time.as_microsecond()),
                    ],
                )
                .map_err(told)?;
            let event = AuditEvent::TokenCreated { token: token.id.clone(), expires: token.expires_at.is_some() };
            self.note(numbers.transaction, Some(&token.client), None, event)?;
            Ok(())
        })
    }

    pub(in crate::store) fn tokens(&self, client: &ClientId) -> Result<Vec<Token>> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let select = format!("{SELECT} WHERE t.client = $1 ORDER BY t.created_at, t.id COLLATE \"C\"");
            let rows = transaction.query(&select, &[&client]).map_err(told)?;
            rows.iter().map(|row| Ok(Found::read(row)?.token)).collect()
        })
    }

    pub(in crate::store) fn token(&self, id: &TokenId) -> Result<Option<(Token, [u8; 32])>> {
        self.read(|transaction| Ok(find(transaction, id)?.map(|found| (found.token, found.sha256))))
    }

    pub(in crate::store) fn revoke_token(&self, client: &ClientId, id: &TokenId) -> Result<()> {
        self.write(|numbers| {
            let tenant = clients::require(numbers.transaction, client)?;
            let Some(found) = find(numbers.transaction, id)?.filter(|found| found.client == tenant) else {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no token {id}")));
            };
            self.note(numbers.transaction, Some(client), None, AuditEvent::TokenRevoked { token: id.clone() })?;
            if found.token.revoked_at.is_some() {
                return Ok(());
            }
            let now = clock::now().as_microsecond().max(found.token.created_at.as_microsecond());
            let update = "UPDATE facevault.tokens SET revoked_at = $2 WHERE key = $1";
            numbers.transaction.execute(update, &[&found.key, &now]).map_err(told)?;
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

impl Found {
    /// Reads a row of [`SELECT`].
    fn read(row: &Row) -> Result<Self> {
        let token = Token {
            id: TokenId::new(cell::<&str>(row, 3)?).map_err(|_| damaged())?,
            client: ClientId::new(cell::<&str>(row, 2)?).map_err(|_| damaged())?,
            created_at: time(cell(row, 5)?)?,
            expires_at: cell::<Option<i64>>(row, 6)?.map(time).transpose()?,
            revoked_at: cell::<Option<i64>>(row, 7)?.map(time).transpose()?,
        };
        let sha256 = cell::<&[u8]>(row, 4)?.try_into().map_err(|_| damaged())?;
        Ok(Self { key: cell(row, 0)?, client: cell(row, 1)?, sha256, token })
    }
}

fn find(transaction: &mut Transaction<'_>, id: &TokenId) -> Result<Option<Found>> {
    let row = transaction.query_opt(&format!("{SELECT} WHERE t.id = $1"), &[&id.as_str()]).map_err(told)?;
    row.map(|row| Found::read(&row)).transpose()
}

/// What a check of the whole hub says of this.
pub(super) fn check(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    let mut damaged = 0;
    each(transaction, SELECT, &[], |row| {
        damaged += u64::from(Found::read(row).is_err());
        Ok(())
    })?;
    if damaged > 0 {
        report.add(None, format!("rows of tokens that are not those that were written: {damaged}"));
    }
    Ok(())
}
