//! Clients: the tenants that persons and collections belong to.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Outcome;
use super::{Store, schema};
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
            let id: String = connection
                .prepare_cached("SELECT c.id FROM meta m JOIN clients c ON c.key = m.default_client")?
                .query_row([], |row| row.get(0))?;
            Ok(ClientId::new(id)?)
        })
    }

    /// All clients in the order in which they came.
    ///
    /// # Errors
    /// As for every read.
    pub fn clients(&self) -> Result<Vec<ClientId>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM clients ORDER BY key")?;
            let mut rows = statement.query([])?;
            let mut clients = Vec::new();
            while let Some(row) = rows.next()? {
                clients.push(ClientId::new(row.get::<_, String>(0)?)?);
            }
            Ok(clients)
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
    connection
        .prepare_cached("INSERT INTO clients (id, created_at) VALUES (?1, ?2)")?
        .execute(params![client.as_str(), schema::now()])?;
    Ok(connection.last_insert_rowid())
}

/// The client's key, if there is such a client.
pub(super) fn find(connection: &Connection, client: &ClientId) -> Outcome<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT key FROM clients WHERE id = ?1")?;
    Ok(statement.query_row([client.as_str()], |row| row.get(0)).optional()?)
}

/// The client's key.
pub(super) fn require(connection: &Connection, client: &ClientId) -> Outcome<i64> {
    find(connection, client)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no client {client}")).into())
}
