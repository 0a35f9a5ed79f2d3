//! The hub of a fleet: a database of PostgreSQL with pgvector, which holds everybody, and which vaults follow.
//!
//! A hub numbers its changes, and a vault that follows it remembers the number up to which it has seen everything, and
//! for each person the number at which both last met. People travel whole; what both sides have changed is settled item
//! by item (`share::merge`), inside the hub's transaction. Nothing here knows SQLite or a vault: [`Vault::sync`]
//! (crate::Vault::sync) carries between the two.

mod address;
mod changes;
mod direct;
mod error;
mod exchange;
mod indexing;
mod kiosks;
mod passfile;
mod rows;
mod schema;
mod settling;
mod timeline;
mod tls;

use std::fmt;

use postgres::Client;

use crate::error::{Error, ErrorKind, Result};
use crate::person::ClientId;

use address::{Address, without_password};
use error::told;

pub(crate) use changes::Changes;
pub(crate) use direct::HubStore;
pub use indexing::{HubIndex, HubIndexOptions};
pub use kiosks::{HistoryEntry, HubStatus, Kiosk, KioskUser};
pub(crate) use timeline::Timeline;

/// A connection to a hub, for one client.
///
/// An address is as PostgreSQL's own programs take it: `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`. Where
/// it leaves something out, the environment says it (`PGHOST`, `PGUSER`, `PGPASSWORD`, `PGSSLMODE` and so on), and
/// passwords may stand in `~/.pgpass`. [`Hub`] is not shared among threads; connections are cheap.
pub struct Hub {
    connection: Client,
    address: String,
    /// The address as it was given, for a second connection.
    reach: String,
    id: String,
    tenant: i64,
    client: ClientId,
}

impl Hub {
    /// Whether a text is meant as a hub's address and not as a file's path: it begins with `postgres://` or
    /// `postgresql://`.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        address::is_address(text)
    }

    /// Makes a database a hub, or takes the schema of a hub to the present version, and connects to it. The user has to
    /// be the database's owner. Returns whether it was no hub before.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where PostgreSQL is older than 15, or pgvector is absent or older than 0.8, or the
    /// hub was made by a later facevault, and as for [`Self::connect`].
    pub fn init(address: &str) -> Result<(Self, bool)> {
        let mut connection = open(address)?;
        let is_new = schema::make(&mut connection)?;
        Ok((Self::enter(connection, address, None)?, is_new))
    }

    /// Connects to a hub. A user who belongs to a client acts for that one; the hub's owner acts for `client`, or for
    /// the client `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an address that is none, and for a user or password that the server refuses,
    /// [`ErrorKind::NotFound`] where the database is no hub or has no such client, [`ErrorKind::Unsupported`] for a
    /// hub of another version, and [`ErrorKind::Io`] where it cannot be reached.
    pub fn connect(address: &str, client: Option<&ClientId>) -> Result<Self> {
        let mut connection = open(address)?;
        schema::require_current(&mut connection)?;
        Self::enter(connection, address, client)
    }

    fn enter(mut connection: Client, address: &str, client: Option<&ClientId>) -> Result<Self> {
        let id = connection.query_one("SELECT id FROM facevault.hub", &[]).map_err(told)?.get(0);
        let own: Option<i64> = connection.query_one("SELECT facevault.client()", &[]).map_err(told)?.get(0);
        let asked = client.map(ClientId::as_str);
        let sql = "SELECT key, id FROM facevault.clients
                   WHERE CASE WHEN $1::bigint IS NULL THEN id = COALESCE($2, 'default') ELSE key = $1 END";
        let row = connection.query_opt(sql, &[&own, &asked]).map_err(told)?;
        let found = row.map(|row| (row.get::<_, i64>(0), row.get::<_, String>(1)));
        let found = found.filter(|(_, id)| asked.is_none_or(|asked| asked == id));
        let (tenant, found) = found.ok_or_else(|| {
            let name = asked.unwrap_or("default");
            Error::new(ErrorKind::NotFound, format!("there is no client {name} in the hub for this user"))
        })?;
        let client = ClientId::new(&found)?;
        Ok(Self { connection, address: without_password(address), reach: address.to_owned(), id, tenant, client })
    }

    /// The hub's id: a UUID that it got when it was made.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The client that this connection acts for.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("address", &self.address).field("client", &self.client).finish_non_exhaustive()
    }
}

fn open(address: &str) -> Result<Client> {
    let Address { config, trust, certificates } = Address::read(address)?;
    let connector = tls::connector(trust, &certificates)?;
    let mut connection = config.connect(connector).map_err(told)?;
    // A connection that was cut must not hold the hub's numbers for hours, nor a query wait without end.
    let settings =
        "SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '60s'; SET search_path = pg_catalog";
    connection.batch_execute(settings).map_err(told)?;
    Ok(connection)
}
