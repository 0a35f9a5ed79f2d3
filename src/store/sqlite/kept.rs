//! A vault's file behind the seam of storage.

use std::path::Path;
use std::sync::Arc;

use super::{Snapshot, Store};
use crate::audit::Actor;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::Result;
use crate::person::{ClientId, Collection, CollectionId, DateOfBirth, ImageId, NewPerson, PersonId, PersonSummary};
use crate::store::{
    EncodingRow, GalleryChanges, Kept, Look, ModelInfo, Moment, Near, PreparedImages, Storage, Written,
};

impl Kept for Store {
    fn file(&self) -> Result<&Store> {
        Ok(self)
    }

    fn acting_as(&self, actor: &Actor) -> Arc<dyn Storage> {
        Arc::new(Self::acting_as(self, actor))
    }

    fn actor(&self) -> &Actor {
        Self::actor(self)
    }

    fn path(&self) -> &Path {
        Self::path(self)
    }

    fn bytes(&self) -> Result<u64> {
        let mut log = self.path().as_os_str().to_owned();
        log.push("-wal");
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Ok(size(self.path()) + size(Path::new(&log)))
    }

    fn is_read_only(&self) -> bool {
        Self::is_read_only(self)
    }

    fn near(
        &self,
        _: &ClientId,
        _: &ModelInfo,
        _: &[FaceEncoding],
        _: Option<&[CollectionId]>,
        _: usize,
    ) -> Result<Option<Near>> {
        Ok(None)
    }

    fn look(&self, client: &ClientId, look: &mut Look<'_>) -> Result<()> {
        self.snapshot(client, |now| look(now))
    }

    fn insert_person_if(
        &self,
        client: &ClientId,
        new: &NewPerson,
        prepared: &PreparedImages,
        check: &mut Look<'_>,
    ) -> Result<Written> {
        Self::insert_person_if(self, client, new, prepared, |now| check(now))
    }

    fn insert_persons_if(
        &self,
        client: &ClientId,
        people: &[(&NewPerson, &PreparedImages)],
        check: &mut dyn FnMut(usize, &dyn Moment) -> Result<()>,
    ) -> Result<Vec<Result<Written>>> {
        Self::insert_persons_if(self, client, people, |place, now| check(place, now))
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

impl Moment for Snapshot<'_> {
    fn active_model(&self) -> Result<Option<ModelInfo>> {
        Self::active_model(self)
    }

    fn collections(&self, names: &[String]) -> Result<Vec<CollectionId>> {
        Self::collections(self, names)
    }

    fn find_collection(&self, id_or_code: &str) -> Result<Option<Collection>> {
        Self::find_collection(self, id_or_code)
    }

    fn require_new(&self, id: &PersonId) -> Result<()> {
        Self::require_new(self, id)
    }

    fn person_summary(&self, id: &PersonId) -> Result<PersonSummary> {
        Self::person_summary(self, id)
    }

    fn known_encodings(
        &self,
        person: &PersonId,
        model: &ModelId,
    ) -> Result<std::collections::HashMap<[u8; 32], FaceEncoding>> {
        Self::known_encodings(self, person, model)
    }

    fn encodings(&self, person: &PersonId, model: &ModelId) -> Result<Vec<(ImageId, FaceEncoding)>> {
        Self::encodings(self, person, model)
    }

    fn namesake(
        &self,
        name: &str,
        born: DateOfBirth,
        collections: Option<&[CollectionId]>,
    ) -> Result<Option<PersonId>> {
        Self::namesake(self, name, born, collections)
    }

    fn changes_since(&self, since: u64, model: &ModelId, most: usize) -> Result<Option<GalleryChanges>> {
        Self::changes_since(self, since, model, most)
    }
}
