//! A hub behind the seam of storage.

use std::path::Path;
use std::sync::Arc;

use super::super::error::told;
use super::super::rows::cell;
use super::moment::Now;
use super::{HubStore, clients};
use crate::audit::Actor;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, CollectionId, NewPerson};
use crate::store::{
    EncodingRow, Erasure, Kept, Look, ModelInfo, Moment, Near, PreparedImages, Storage, Store, Written,
};

impl Kept for HubStore {
    fn file(&self) -> Result<&Store> {
        let message = "a hub has no file: PostgreSQL's own programs back it up (docs/fleet.md), and a vault follows it \
                       with `facevault sync`";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    fn acting_as(&self, actor: &Actor) -> Arc<dyn Storage> {
        Arc::new(self.as_actor(actor))
    }

    fn actor(&self) -> &Actor {
        self.acts()
    }

    fn path(&self) -> &Path {
        self.shown()
    }

    fn bytes(&self) -> Result<u64> {
        self.read(|transaction| {
            let size = transaction.query_one("SELECT pg_database_size(current_database())", &[]).map_err(told)?;
            Ok(cell::<i64>(&size, 0)?.unsigned_abs())
        })
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn near(
        &self,
        client: &ClientId,
        model: &ModelInfo,
        probes: &[FaceEncoding],
        collections: Option<&[CollectionId]>,
        most: usize,
    ) -> Result<Option<Near>> {
        self.search(client, model, probes, collections, most).map(Some)
    }

    fn look(&self, client: &ClientId, look: &mut Look<'_>) -> Result<()> {
        self.read(|transaction| {
            let generation = self.generation_in(transaction)?;
            let client = clients::require(transaction, client)?;
            look(&Now::new(transaction, client, generation))
        })
    }

    fn insert_person_if(
        &self,
        client: &ClientId,
        new: &NewPerson,
        prepared: &PreparedImages,
        check: &mut Look<'_>,
    ) -> Result<Written> {
        self.write(|numbers| self.insert(numbers, client, new, prepared, check))
    }

    fn insert_persons_if(
        &self,
        client: &ClientId,
        people: &[(&NewPerson, &PreparedImages)],
        check: &mut dyn FnMut(usize, &dyn Moment) -> Result<()>,
    ) -> Result<Vec<Result<Written>>> {
        Self::insert_persons_if(self, client, people, check)
    }

    fn all_encodings(
        &self,
        client: Option<&ClientId>,
        model: &ModelId,
        take: &mut dyn FnMut(EncodingRow<'_>) -> Result<()>,
    ) -> Result<u64> {
        Self::all_encodings(self, client, model, take)
    }
}

impl HubStore {
    /// A hub stays where it is: whether it can be reached, each statement finds out.
    pub(in crate::store) fn require_in_place(&self) -> Result<()> {
        Ok(())
    }

    /// PostgreSQL overwrites what was removed in its own time (docs/fleet.md), and nobody can tell when.
    pub(in crate::store) fn erasure(&self) -> Result<Erasure> {
        Ok(Erasure::Pending)
    }

    pub(in crate::store) fn finish_erasure(&self) -> Result<Erasure> {
        Ok(Erasure::Pending)
    }
}
