//! Who follows a hub, and who may.

use jiff::Timestamp;
use postgres::types::Json;
use serde_json::Value;

use super::Hub;
use super::error::told;
use super::rows::{cell, time};
use super::timeline::sql;
use crate::clock;
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{ClientId, PersonId};
use crate::share::Share;

/// What a hub holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HubStatus {
    /// The number of the hub's last change.
    pub sequence: u64,
    /// Persons of the client.
    pub persons: u64,
    /// Photos, and encodings without one, of the client.
    pub images: u64,
    /// Face encodings of the client, by every model.
    pub encodings: u64,
    /// Values of the client that were not kept in conflicts.
    pub conflicts: u64,
    /// How often the hub was found to be restored from a backup.
    pub restorations: u64,
    /// Bytes of the database, all clients and indexes included.
    pub bytes: u64,
    /// Bytes of the index by which the hub searches by itself; `None` where there is none.
    pub index_bytes: Option<u64>,
    /// The vaults that follow it for the client, the last one to come first.
    pub kiosks: Vec<Kiosk>,
}

/// A vault that follows a hub.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Kiosk {
    /// Names the vault in the hub.
    pub id: String,
    /// What it calls itself: the machine's name and the vault's file.
    pub name: String,
    /// The user of the server that it came as.
    pub role: String,
    /// The number of the hub's last change that it has taken.
    pub place: u64,
    /// Persons of whom it had something to send when it came last.
    pub unsent: u64,
    /// When it came first.
    pub first_at: Timestamp,
    /// When it came last, by the hub's clock.
    pub last_at: Timestamp,
}

/// A user of the server who may follow a hub. `Debug` does not show the password.
#[non_exhaustive]
pub struct KioskUser {
    /// The user's name.
    pub user: String,
    /// The password. It is nowhere else: the server keeps what can check it, not the password.
    pub password: String,
    /// The client that the user acts for.
    pub client: ClientId,
}

/// A value that was not kept, because the item was changed on both sides since they last met.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The number of the hub's change.
    pub sequence: u64,
    /// When, by the clock of the machine that sent it.
    pub at: Timestamp,
    /// The vault whose value was not kept.
    pub kiosk: String,
    /// The item: a field as requests name it, `attribute:KEY`, `collection:ID` or `image:ID`.
    pub item: String,
    /// What was kept.
    pub kept: Value,
    /// What was not.
    pub lost: Value,
}

/// What a kiosk's user may do: everything with rows of its own client, which policies see to.
const GRANTS: &str = "
    GRANT USAGE ON SCHEMA facevault TO {role};
    GRANT EXECUTE ON FUNCTION facevault.client() TO {role};
    GRANT SELECT ON facevault.hub, facevault.marks, facevault.epochs, facevault.clients, facevault.models TO {role};
    GRANT UPDATE (sequence) ON facevault.hub TO {role};
    GRANT INSERT ON facevault.marks, facevault.epochs, facevault.models TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON facevault.persons, facevault.images, facevault.photos, facevault.encodings,
        facevault.collections, facevault.tombstones, facevault.attempts, facevault.history, facevault.kiosks TO {role};
";

impl Hub {
    /// Notes that a vault was here, how far it has followed, and how much it has still to send.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn leave(&mut self, share: &Share, name: &str, unsent: u64) -> Result<()> {
        let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let statement = format!(
            "INSERT INTO facevault.kiosks (id, client, role, name, place, unsent, first_at, last_at)
             VALUES ($1, $2, session_user, $3, $4, $5, {now}, {now})
             ON CONFLICT (id) DO UPDATE SET role = session_user, name = $3, place = $4, unsent = $5, last_at = {now}"
        );
        let (place, unsent) = (sql(share.place.sequence), sql(unsent));
        self.connection.execute(&statement, &[&share.kiosk, &self.tenant, &name, &place, &unsent]).map_err(told)?;
        Ok(())
    }

    /// What the hub holds of this client, and who follows it.
    ///
    /// # Errors
    /// As for every read.
    pub fn status(&mut self) -> Result<HubStatus> {
        let row = self
            .connection
            .query_one(
                "SELECT (SELECT sequence FROM facevault.hub),
                        (SELECT COUNT(*) FROM facevault.persons WHERE client = $1),
                        (SELECT COUNT(*) FROM facevault.images WHERE client = $1),
                        (SELECT COUNT(*) FROM facevault.encodings WHERE client = $1),
                        (SELECT COUNT(*) FROM facevault.history WHERE client = $1),
                        (SELECT COUNT(*) FROM facevault.epochs),
                        pg_database_size(current_database())",
                &[&self.tenant],
            )
            .map_err(told)?;
        let count = |index| Ok(cell::<i64>(&row, index)?.unsigned_abs());
        let rows = self
            .connection
            .query(
                "SELECT id, name, role::text, place, unsent, first_at, last_at FROM facevault.kiosks
                 WHERE client = $1 ORDER BY last_at DESC, id",
                &[&self.tenant],
            )
            .map_err(told)?;
        let model = "SELECT COALESCE(active_model, (SELECT MIN(key) FROM facevault.models)) FROM facevault.hub";
        let model: Option<i64> = cell(&self.connection.query_one(model, &[]).map_err(told)?, 0)?;
        let index_bytes = model.map_or(Ok(None), |model| self.index_bytes(model))?;
        let kiosks = rows.iter().map(|row| {
            Ok(Kiosk {
                id: cell(row, 0)?,
                name: cell(row, 1)?,
                role: cell(row, 2)?,
                place: cell::<i64>(row, 3)?.unsigned_abs(),
                unsent: cell::<i64>(row, 4)?.unsigned_abs(),
                first_at: time(cell(row, 5)?)?,
                last_at: time(cell(row, 6)?)?,
            })
        });
        Ok(HubStatus {
            sequence: count(0)?,
            persons: count(1)?,
            images: count(2)?,
            encodings: count(3)?,
            conflicts: count(4)?,
            restorations: count(5)?,
            bytes: count(6)?,
            index_bytes,
            kiosks: kiosks.collect::<Result<_>>()?,
        })
    }

    /// What was not kept of a person in conflicts, the oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the client has no such person, and as for every read.
    pub fn history(&mut self, person: &PersonId) -> Result<Vec<HistoryEntry>> {
        let select = "SELECT key FROM facevault.persons WHERE client = $1 AND id = $2";
        let row = self.connection.query_opt(select, &[&self.tenant, &person.as_str()]).map_err(told)?;
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no person {person} in the hub"));
        let key: i64 = cell(&row.ok_or_else(missing)?, 0)?;
        let select =
            "SELECT sequence, at, kiosk, item, kept, lost FROM facevault.history WHERE person = $1 ORDER BY key";
        let rows = self.connection.query(select, &[&key]).map_err(told)?;
        let entry = |row: &postgres::Row| {
            let (Json(kept), Json(lost)) = (cell(row, 4)?, cell(row, 5)?);
            Ok(HistoryEntry {
                sequence: cell::<i64>(row, 0)?.unsigned_abs(),
                at: time(cell(row, 1)?)?,
                kiosk: cell(row, 2)?,
                item: cell(row, 3)?,
                kept,
                lost,
            })
        };
        rows.iter().map(entry).collect()
    }

    /// Makes a user of the server who may follow the hub for `client`, which is added if the hub has it not. A user who
    /// is there gets a new password.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a name that is none, or where this connection's user may make no users.
    pub fn add_kiosk(&mut self, user: &str, client: &ClientId) -> Result<KioskUser> {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if user.is_empty() || user.len() > 63 || !user.chars().all(known) {
            let rule = Rule::Other("must have 1 to 63 of the characters A-Z a-z 0-9 _ -".into());
            return Err(Error::invalid("user", rule));
        }
        let password = secret()?;
        let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
        let mut transaction = self.connection.transaction().map_err(told)?;
        let tenant = {
            let insert = "INSERT INTO facevault.clients (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
            let now = clock::now().as_microsecond();
            transaction.execute(insert, &[&client.as_str(), &now]).map_err(told)?;
            let select = "SELECT key FROM facevault.clients WHERE id = $1";
            cell::<i64>(&transaction.query_one(select, &[&client.as_str()]).map_err(told)?, 0)?
        };
        let there = transaction.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&user]).map_err(told)?;
        let verb = if there.is_some() { "ALTER" } else { "CREATE" };
        let select = "SELECT format('%s ROLE %I LOGIN PASSWORD %L', $1::text, $2::text, $3::text), quote_ident($2)";
        let row = transaction.query_one(select, &[&verb, &user, &verifier]).map_err(told)?;
        let (statement, role): (String, String) = (cell(&row, 0)?, cell(&row, 1)?);
        transaction.batch_execute(&statement).map_err(told)?;
        transaction.batch_execute(&GRANTS.replace("{role}", &role)).map_err(told)?;
        let insert = "INSERT INTO facevault.members (role, client) VALUES ($1::text::name, $2)
                      ON CONFLICT (role) DO UPDATE SET client = $2";
        transaction.execute(insert, &[&user, &tenant]).map_err(told)?;
        transaction.commit().map_err(told)?;
        Ok(KioskUser { user: user.to_owned(), password, client: client.clone() })
    }

    /// Takes a user's right to follow the hub, and ends the connections that are open. Returns whether there was one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where this connection's user may not do that.
    pub fn revoke_kiosk(&mut self, user: &str) -> Result<bool> {
        let mut transaction = self.connection.transaction().map_err(told)?;
        let delete = "DELETE FROM facevault.members WHERE role = $1::text::name";
        let known = transaction.execute(delete, &[&user]).map_err(told)? > 0;
        if known {
            let row = transaction.query_one("SELECT quote_ident($1::text)", &[&user]).map_err(told)?;
            let role: String = cell(&row, 0)?;
            let all = format!(
                "REVOKE ALL ON ALL TABLES IN SCHEMA facevault FROM {role}; REVOKE ALL (sequence) ON facevault.hub FROM {role}; REVOKE ALL ON FUNCTION facevault.client() FROM {role}; REVOKE ALL ON SCHEMA facevault FROM {role}; ALTER ROLE {role} NOLOGIN"
            );
            transaction.batch_execute(&all).map_err(told)?;
            let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE usename = $1::text::name AND pid <> pg_backend_pid()";
            transaction.query_one(end, &[&user]).map_err(told)?;
        }
        transaction.commit().map_err(told)?;
        Ok(known)
    }
}

/// 160 random bits as text.
fn secret() -> Result<String> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the system gives no random numbers: {error}")))?;
    let mut text = String::new();
    bytes.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
    Ok(text)
}

impl std::fmt::Debug for KioskUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KioskUser").field("user", &self.user).field("client", &self.client).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HistoryEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryEntry")
            .field("sequence", &self.sequence)
            .field("item", &self.item)
            .finish_non_exhaustive()
    }
}
