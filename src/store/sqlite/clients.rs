//! Clients: the tenants that persons and collections belong to.

use rusqlite::Connection;

use super::error::Outcome;
use super::rows::CLIENTS;
use super::{Store, columns, schema};
use crate::audit::AuditEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::person::ClientId;

impl Store {
    /// The client that the vault was made with.
    ///
    /// # Errors
    /// As for every read: `Busy`, `Corrupt`, `Io`, `Unsupported`.
    pub fn default_client(&self) -> Result<ClientId> {
        self.read(|connection| {
            let default = CLIENTS.select("WHERE key = (SELECT default_client FROM meta)");
            let mut statement = connection.prepare_cached(&default)?;
            CLIENTS.read_one(statement.query([])?, |row| columns::id(row, 1))?.ok_or_else(|| CLIENTS.damaged())
        })
    }

    /// All clients in the order in which they came.
    ///
    /// # Errors
    /// As for every read.
    pub fn clients(&self) -> Result<Vec<ClientId>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&CLIENTS.select("ORDER BY key"))?;
            CLIENTS.read_all(statement.query([])?, |row| columns::id(row, 1))
        })
    }

    /// Adds a client.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], and as for every write.
    pub fn insert_client(&self, client: &ClientId) -> Result<()> {
        self.write(|connection| {
            if find(connection, client)?.is_some() {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("client {client} exists")).into());
            }
            insert(connection, client)?;
            self.note(connection, Some(client), None, || Ok(AuditEvent::ClientAdded {}))?;
            Ok(())
        })
    }
}

/// Writes a client and returns its key.
pub(super) fn insert(connection: &Connection, client: &ClientId) -> Outcome<i64> {
    let key = CLIENTS.next_key(connection)?;
    CLIENTS.insert(connection, &[&key, &client.as_str(), &schema::now()])?;
    Ok(key)
}

/// The client's key, if there is such a client.
pub(super) fn find(connection: &Connection, client: &ClientId) -> Outcome<Option<i64>> {
    let mut statement = connection.prepare_cached(&CLIENTS.select("WHERE id = ?1"))?;
    let found = CLIENTS.read_one(statement.query([client.as_str()])?, |row| Ok((row.get(0)?, columns::id(row, 1)?)))?;
    match found {
        Some((key, found)) if ClientId::eq(&found, client) => Ok(Some(key)),
        Some(_) => Err(CLIENTS.damaged()),
        None => Ok(None),
    }
}

/// The client's key.
pub(super) fn require(connection: &Connection, client: &ClientId) -> Outcome<i64> {
    find(connection, client)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no client {client}")).into())
}
