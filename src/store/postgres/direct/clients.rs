//! Clients: the tenants that persons and collections belong to.

use postgres::Transaction;

use super::super::error::told;
use super::super::rows::{cell, damaged};
use super::HubStore;
use crate::audit::AuditEvent;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::person::ClientId;

impl HubStore {
    pub(in crate::store) fn default_client(&self) -> Result<ClientId> {
        self.read(|transaction| {
            let select = "SELECT id FROM facevault.clients ORDER BY key LIMIT 1";
            let row = transaction.query_one(select, &[]).map_err(told)?;
            ClientId::new(cell::<&str>(&row, 0)?).map_err(|_| damaged())
        })
    }

    pub(in crate::store) fn clients(&self) -> Result<Vec<ClientId>> {
        self.read(|transaction| {
            let rows = transaction.query("SELECT id FROM facevault.clients ORDER BY key", &[]).map_err(told)?;
            rows.iter().map(|row| ClientId::new(cell::<&str>(row, 0)?).map_err(|_| damaged())).collect()
        })
    }

    pub(in crate::store) fn insert_client(&self, client: &ClientId) -> Result<()> {
        self.write(|numbers| {
            let insert = "INSERT INTO facevault.clients (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
            let now = clock::now().as_microsecond();
            if numbers.transaction.execute(insert, &[&client.as_str(), &now]).map_err(told)? == 0 {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("client {client} exists")));
            }
            self.note(numbers.transaction, Some(client), None, AuditEvent::ClientAdded {})?;
            Ok(())
        })
    }
}

/// The client's key.
pub(super) fn require(transaction: &mut Transaction<'_>, client: &ClientId) -> Result<i64> {
    let select = "SELECT key FROM facevault.clients WHERE id = $1";
    let row = transaction.query_opt(select, &[&client.as_str()]).map_err(told)?;
    let row = row.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no client {client}")))?;
    cell(&row, 0)
}
