//! What a vault sends is brought into the hub, and the hub's state of the same persons is the answer.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use postgres::Transaction;

use super::Hub;
use super::error::told;
use super::rows::{self, HeldCollection, cell};
use super::settling::Exchanging;
use super::timeline::{Numbers, sql};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::share::{Batch, Conflict, Incoming, IncomingCollection, Sent, SentCollection, Share};
use crate::spec::ModelInfo;

/// What became of what was sent.
#[derive(Default)]
pub(crate) struct Exchanged {
    /// The hub's state, to be taken.
    pub(crate) batch: Batch,
    /// The hub's names of persons, or collections, that were removed meanwhile.
    pub(crate) removed: Vec<String>,
    /// Values that were not kept.
    pub(crate) conflicts: Vec<Conflict>,
    /// How many persons the hub has another state of now.
    pub(crate) written: u64,
}

impl Hub {
    /// Brings persons into the hub, all in one transaction, and returns the hub's state of each. `confirmed` are
    /// attempts whose outcome the vault has heard of.
    ///
    /// # Errors
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) where the hub knows a model otherwise, and as for every
    /// write. After an error of the connection the change may have been made; sending the same again is right then.
    pub(crate) fn exchange(
        &mut self,
        share: &Share,
        sent: &[Sent],
        models: &[ModelInfo],
        wanted: Option<&ModelId>,
        confirmed: &[String],
    ) -> Result<Exchanged> {
        let tenant = self.tenant;
        let mut transaction = self.connection.transaction().map_err(told)?;
        let mut numbers = Numbers::lock(&mut transaction, tenant)?;
        let keys = model_keys(&mut numbers, models)?;
        confirm(&mut numbers, confirmed)?;
        let collections: HashSet<String> = {
            let sql = "SELECT id FROM facevault.collections WHERE client = $1";
            let rows = numbers.transaction.query(sql, &[&tenant]).map_err(told)?;
            rows.iter().map(|row| cell(row, 0)).collect::<Result<_>>()?
        };
        let mut exchanging = Exchanging { numbers, kiosk: &share.kiosk, keys, collections };
        let mut done = Exchanged::default();
        for sent in sent {
            exchanging.person(sent, wanted, share.photos, &mut done)?;
        }
        exchanging.numbers.save()?;
        done.batch.collections = referenced(&mut transaction, tenant, &done.batch.persons)?;
        transaction.commit().map_err(told)?;
        Ok(done)
    }

    /// As [`Self::exchange`], of collections.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn exchange_collections(&mut self, share: &Share, sent: &[SentCollection]) -> Result<Exchanged> {
        let tenant = self.tenant;
        let mut transaction = self.connection.transaction().map_err(told)?;
        let numbers = Numbers::lock(&mut transaction, tenant)?;
        let mut exchanging =
            Exchanging { numbers, kiosk: &share.kiosk, keys: BTreeMap::new(), collections: HashSet::new() };
        let mut done = Exchanged::default();
        for sent in sent {
            exchanging.collection(sent, &mut done)?;
        }
        exchanging.numbers.save()?;
        transaction.commit().map_err(told)?;
        Ok(done)
    }

    /// Removes persons and collections by the hub's names. They are noted as gone for ever, also where the hub does
    /// not know them any more.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn remove_all(&mut self, gone: &[(String, bool)]) -> Result<()> {
        let tenant = self.tenant;
        let mut transaction = self.connection.transaction().map_err(told)?;
        let mut numbers = Numbers::lock(&mut transaction, tenant)?;
        for (uid, is_person) in gone {
            let known = "SELECT 1 FROM facevault.tombstones WHERE uid = $1";
            if numbers.transaction.query_opt(known, &[uid]).map_err(told)?.is_some() {
                continue;
            }
            match is_person {
                true => remove_person(&mut numbers, uid)?,
                false => drop(remove_collection(&mut numbers, uid)?),
            }
        }
        numbers.save()?;
        transaction.commit().map_err(told)
    }

    /// Notes that the vault has heard the outcome of these attempts.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn confirm(&mut self, attempts: &[String]) -> Result<()> {
        if !attempts.is_empty() {
            let sql = "DELETE FROM facevault.attempts WHERE client = $1 AND id = ANY($2)";
            self.connection.execute(sql, &[&self.tenant, &attempts]).map_err(told)?;
        }
        Ok(())
    }
}

/// The collections that persons are in, each with the change that it is as of.
pub(super) fn referenced(
    transaction: &mut Transaction<'_>,
    tenant: i64,
    persons: &[Incoming],
) -> Result<Vec<IncomingCollection>> {
    let ids: BTreeSet<&str> = persons.iter().flat_map(|incoming| incoming.person.collections()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let columns = HeldCollection::COLUMNS;
    let sql = format!("SELECT {columns} FROM facevault.collections WHERE client = $1 AND id = ANY($2) ORDER BY key");
    let rows = transaction.query(&sql, &[&tenant, &ids]).map_err(told)?;
    rows.iter().map(|row| HeldCollection::read(row).map(HeldCollection::coming)).collect()
}

fn model_keys(numbers: &mut Numbers<'_, '_>, models: &[ModelInfo]) -> Result<BTreeMap<ModelId, i64>> {
    models.iter().map(|model| Ok((model.id, rows::model_key(numbers.transaction, model)?))).collect()
}

fn confirm(numbers: &mut Numbers<'_, '_>, confirmed: &[String]) -> Result<()> {
    if !confirmed.is_empty() {
        let sql = "DELETE FROM facevault.attempts WHERE client = $1 AND id = ANY($2)";
        numbers.transaction.execute(sql, &[&numbers.tenant, &confirmed]).map_err(told)?;
    }
    Ok(())
}

/// Takes a person away, if there is one of this name, who is gone for ever then.
pub(super) fn remove_person(numbers: &mut Numbers<'_, '_>, uid: &str) -> Result<()> {
    let (tenant, number) = (numbers.tenant, sql(numbers.next()?));
    let insert = "WITH gone AS (DELETE FROM facevault.persons WHERE client = $2 AND uid = $1 RETURNING key, added)
                  INSERT INTO facevault.tombstones (uid, client, kind, sequence, person, added)
                  VALUES ($1, $2, 'person', $3, COALESCE((SELECT key FROM gone), 0), COALESCE((SELECT added FROM gone), 0))";
    numbers.transaction.execute(insert, &[&uid, &tenant, &number]).map_err(told)?;
    Ok(())
}

/// Takes a collection away, which is gone for ever then, and every membership in it: each member is changed by that.
/// Returns how many there were.
pub(super) fn remove_collection(numbers: &mut Numbers<'_, '_>, code: &str) -> Result<u64> {
    let tenant = numbers.tenant;
    let number = sql(numbers.next()?);
    let insert = "INSERT INTO facevault.tombstones (uid, client, kind, sequence) VALUES ($1, $2, 'collection', $3)";
    numbers.transaction.execute(insert, &[&code, &tenant, &number]).map_err(told)?;
    let row = numbers
        .transaction
        .query_opt("DELETE FROM facevault.collections WHERE client = $1 AND code = $2 RETURNING id", &[&tenant, &code])
        .map_err(told)?;
    let Some(row) = row else { return Ok(0) };
    let item = format!("collection:{}", cell::<&str>(&row, 0)?);
    let count = "SELECT COUNT(*) FROM facevault.persons WHERE client = $1 AND items ? $2";
    let members: i64 = cell(&numbers.transaction.query_one(count, &[&tenant, &item]).map_err(told)?, 0)?;
    if members > 0 {
        let last = numbers.many(members.unsigned_abs())?;
        numbers
            .transaction
            .execute(
                "WITH members AS (
                     SELECT key, $3 - COUNT(*) OVER () + ROW_NUMBER() OVER (ORDER BY key) AS number
                     FROM facevault.persons WHERE client = $1 AND items ? $2)
                 UPDATE facevault.persons p SET items = items - $2, changed = m.number, version = version + 1,
                     updated_at = GREATEST(updated_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
                     stamps = stamps || jsonb_build_object($2, m.number)
                 FROM members m WHERE m.key = p.key",
                &[&tenant, &item, &sql(last)],
            )
            .map_err(told)?;
    }
    Ok(members.unsigned_abs())
}
