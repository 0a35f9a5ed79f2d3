//! The vault's share of a hub: what is to be sent there, and taking what comes from there.
//!
//! Triggers note what is changed of shared persons (`migrations/v6.sql`); what is written here in the name of the hub
//! takes those notes back in the same transaction.

mod sending;
mod taking;

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Outcome;
use super::person_row::PersonRow;
use super::rows::{HUB, SHARED, SHARED_COLLECTIONS};
use super::{Store, clients, columns};
use crate::audit::RemovalReason;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, ImageId, PersonId};
use crate::share::{EVERYTHING, Place, Share};
use crate::store::{GalleryEffect, Removed};

pub(crate) use taking::Taken;

/// A person of the vault whom the hub has as well.
pub(crate) struct SharedHere {
    pub(crate) id: PersonId,
    /// Whether the person was added in this vault.
    pub(crate) is_own: bool,
    /// Whether the person was changed here and the hub has still to hear of it.
    pub(crate) has_unsent: bool,
}

impl Store {
    /// The share that a client of this vault has of a hub, if it has.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where another client of the vault has it, and as for every read.
    pub(crate) fn share(&self, client: &ClientId) -> Result<Option<Share>> {
        self.read(|connection| {
            let tenant = clients::require(connection, client)?;
            match read_share(connection)? {
                Some((owner, _)) if owner != tenant => {
                    let message = "another client of this vault follows a hub: a vault follows one hub, for one client";
                    Err(Error::new(ErrorKind::Conflict, message).into())
                }
                found => Ok(found.map(|(_, share)| share)),
            }
        })
    }

    /// Notes what a client's share is, and how far it was followed.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn set_share(&self, client: &ClientId, share: &Share) -> Result<()> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            write_share(connection, tenant, share)
        })
    }

    /// Starts over with a hub that was restored from a backup, and knows changes up to `restored_at` only: whatever is
    /// shared is to be compared with it, and removals are to be told again.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn restart_share(&self, client: &ClientId, share: &Share, restored_at: u64) -> Result<()> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let least = sql_number(restored_at);
            for (table, key) in [(&SHARED, "person"), (&SHARED_COLLECTIONS, "collection")] {
                let keys: Vec<(i64, i64)> = {
                    let mut statement =
                        connection.prepare(&format!("SELECT {key}, met FROM {} ORDER BY 1", table.name()))?;
                    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    rows.collect::<Result<_, _>>()?
                };
                for (key, met) in keys {
                    table.update(connection, &[key], &[("met", &met.min(least))])?;
                }
            }
            connection.execute("INSERT OR IGNORE INTO unsent SELECT person, ?1 FROM shared", [EVERYTHING])?;
            connection.execute(
                "INSERT OR IGNORE INTO unsent_collections SELECT collection, ?1 FROM shared_collections",
                [EVERYTHING],
            )?;
            connection.execute("UPDATE gone SET is_sent = 0", [])?;
            write_share(connection, tenant, share)
        })
    }

    /// What named removed persons and collections in the hub, which has still to learn that they are gone.
    ///
    /// # Errors
    /// As for every read.
    pub(crate) fn gone(&self) -> Result<Vec<(String, bool)>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT uid, kind = 'person' FROM gone WHERE is_sent = 0 ORDER BY kind, uid")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Notes that the hub knows of these removals.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn gone_is_known(&self, uids: &[(String, bool)]) -> Result<()> {
        self.write(|connection| {
            let mut statement = connection.prepare_cached("UPDATE gone SET is_sent = 1 WHERE uid = ?1")?;
            uids.iter().try_for_each(|(uid, _)| statement.execute([uid]).map(drop))?;
            Ok(())
        })
    }

    /// Which of these photos the vault has with their bytes.
    ///
    /// # Errors
    /// As for every read.
    pub(crate) fn known_images<'a>(&self, images: impl IntoIterator<Item = &'a ImageId>) -> Result<HashSet<ImageId>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT has_photo FROM images WHERE id = ?1")?;
            let mut known = HashSet::new();
            for image in images {
                if statement.query_row([image.as_str()], |row| row.get(0)).optional()? == Some(true) {
                    known.insert(image.clone());
                }
            }
            Ok(known)
        })
    }

    /// The person whom the hub names so, if the vault has the person.
    ///
    /// # Errors
    /// As for every read.
    pub(crate) fn person_of_uid(&self, uid: &str) -> Result<Option<SharedHere>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&SHARED.select("WHERE uid = ?1"))?;
            let found = SHARED.read_one(statement.query([uid])?, |row| Ok((row.get::<_, i64>(0)?, row.get(3)?)))?;
            let Some((key, is_own)) = found else { return Ok(None) };
            let id = PersonRow::by_key(connection, key)?.person.id;
            let has_unsent = connection.prepare_cached("SELECT 1 FROM unsent WHERE person = ?1")?.exists([key])?;
            Ok(Some(SharedHere { id, is_own, has_unsent }))
        })
    }

    /// Removes a person because the hub did, or because the person left this vault's share. The hub is not told.
    ///
    /// # Errors
    /// As for [`Self::remove_person`].
    pub(crate) fn remove_shared(
        &self,
        client: &ClientId,
        id: &PersonId,
        uid: &str,
        reason: RemovalReason,
    ) -> Result<Removed> {
        let removed = self.remove_person_because(client, id, None, reason)?;
        self.write(|connection| {
            // Somebody who left the share is not gone; of whom the hub removed, this vault goes on knowing it.
            match reason {
                RemovalReason::LeftShare => connection.execute("DELETE FROM gone WHERE uid = ?1", [uid])?,
                _ => connection.execute("UPDATE gone SET is_sent = 1 WHERE uid = ?1", [uid])?,
            };
            Ok(())
        })?;
        Ok(removed)
    }

    /// Removes the collection with this code because the hub did. Its persons stay.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn remove_shared_collection(&self, client: &ClientId, code: &str) -> Result<Option<GalleryEffect>> {
        let is_there = self.read(|connection| {
            let tenant = clients::require(connection, client)?;
            Ok(collection_by_code(connection, tenant, code)?.is_some())
        })?;
        if !is_there {
            return Ok(None);
        }
        let effect = self.remove_collection(client, code)?;
        self.gone_is_known(&[(code.to_owned(), false)])?;
        Ok(Some(effect))
    }
}

fn read_share(connection: &Connection) -> Outcome<Option<(i64, Share)>> {
    let mut statement = connection.prepare_cached(&HUB.select("WHERE key = 1"))?;
    let found = HUB.read_one(statement.query([])?, |row| {
        let collections: Option<String> = row.get(7)?;
        let share = Share {
            hub: row.get(1)?,
            kiosk: row.get(2)?,
            epoch: columns::count(row, 4)?,
            place: Place { sequence: columns::count(row, 5)?, mark: row.get(6)? },
            collections: None,
            photos: row.get(8)?,
        };
        Ok((row.get(3)?, share, collections))
    })?;
    let Some((client, mut share, collections)) = found else { return Ok(None) };
    if let Some(list) = collections {
        share.collections = Some(serde_json::from_str(&list).map_err(|_| HUB.damaged())?);
    }
    Ok(Some((client, share)))
}

fn write_share(connection: &Connection, client: i64, share: &Share) -> Outcome<()> {
    // A list of ids always has a JSON form.
    let collections = share.collections.as_ref().map(|ids| serde_json::to_string(ids).unwrap_or_default());
    HUB.put(
        connection,
        &[
            &1,
            &share.hub,
            &share.kiosk,
            &client,
            &sql_number(share.epoch),
            &sql_number(share.place.sequence),
            &share.place.mark,
            &collections,
            &share.photos,
        ],
    )
}

fn collection_by_code(connection: &Connection, tenant: i64, code: &str) -> Outcome<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT key FROM collections WHERE client = ?1 AND code = ?2")?;
    Ok(statement.query_row(params![tenant, code], |row| row.get(0)).optional()?)
}

fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
