//! The seam between a vault and where its people are kept: a file ([`Store`]) or a hub ([`HubStore`]).
//!
//! Above it stand the rules, once; below it what either kind does by itself. What the methods promise is said at those
//! of [`Store`] with the same names.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

#[cfg(feature = "hub")]
use super::HubStore;
use super::{
    ChangesSince, CheckReport, CollectionWritten, Due, EncodingRow, Erasure, GalleryChanges, GalleryEffect, ImageRef,
    ModelInfo, Near, PreparedImages, Removed, Store, Written,
};
use crate::audit::{
    Actor, AuditEntry, AuditEvent, AuditHead, AuditPage, AuditPolicy, AuditQuery, AuditReport, RemovalReason,
};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::Result;
use crate::person::{
    ClientId, Collection, CollectionId, CollectionUpdate, DateOfBirth, ImageBytes, ImageId, NewCollection, NewPerson,
    Page, Person, PersonId, PersonKey, PersonQuery, PersonSummary, PersonUpdate, RetentionPolicy, TokenId,
};
use crate::token::Token;

/// What each kind does in its own way.
pub(crate) trait Kept: Send + Sync {
    /// The vault's file.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where there is none: what only a file can do is asked of it.
    fn file(&self) -> Result<&Store>;
    /// The same as `actor` uses it.
    fn acting_as(&self, actor: &Actor) -> Arc<dyn Storage>;
    fn actor(&self) -> &Actor;
    /// The file, or the hub's address without a password.
    fn path(&self) -> &Path;
    /// Bytes on the disk, 0 in memory.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "the HTTP surface reports it"))]
    fn bytes(&self) -> Result<u64>;
    fn is_read_only(&self) -> bool;
    /// Photos of at least `most` people near each probe, or of all, of members of any of `collections` where they are
    /// named; `None` where the store does not search by itself. Probes are of the model.
    fn near(
        &self,
        client: &ClientId,
        model: &ModelInfo,
        probes: &[FaceEncoding],
        collections: Option<&[CollectionId]>,
        most: usize,
    ) -> Result<Option<Near>>;
    /// Calls `look` once; see [`snapshot`].
    fn look(&self, client: &ClientId, look: &mut Look<'_>) -> Result<()>;
    fn insert_person_if(
        &self,
        client: &ClientId,
        new: &NewPerson,
        prepared: &PreparedImages,
        check: &mut Look<'_>,
    ) -> Result<Written>;
    fn insert_persons_if(
        &self,
        client: &ClientId,
        people: &[(&NewPerson, &PreparedImages)],
        check: &mut dyn FnMut(usize, &dyn Moment) -> Result<()>,
    ) -> Result<Vec<Result<Written>>>;
    fn all_encodings(
        &self,
        client: Option<&ClientId>,
        model: &ModelId,
        take: &mut dyn FnMut(EncodingRow<'_>) -> Result<()>,
    ) -> Result<u64>;
}

/// Declares the methods that both kinds have by themselves, with the same signatures.
macro_rules! storage {
    ($($(#[$about:meta])* fn $name:ident(&self $(, $value:ident: $type:ty)*) -> $answer:ty;)*) => {
        /// Where people are kept.
        pub(crate) trait Storage: Kept {
            $($(#[$about])* fn $name(&self $(, $value: $type)*) -> $answer;)*
        }

        impl Storage for Store {
            $($(#[$about])* fn $name(&self $(, $value: $type)*) -> $answer { Self::$name(self $(, $value)*) })*
        }

        #[cfg(feature = "hub")]
        impl Storage for HubStore {
            $($(#[$about])* fn $name(&self $(, $value: $type)*) -> $answer { Self::$name(self $(, $value)*) })*
        }
    };
}

storage! {
    fn require_in_place(&self) -> Result<()>;
    fn check(&self) -> Result<CheckReport>;
    fn erasure(&self) -> Result<Erasure>;
    fn finish_erasure(&self) -> Result<Erasure>;
    fn default_client(&self) -> Result<ClientId>;
    fn clients(&self) -> Result<Vec<ClientId>>;
    fn insert_client(&self, client: &ClientId) -> Result<()>;
    fn person(&self, client: &ClientId, id: &PersonId) -> Result<Person>;
    fn person_summary(&self, client: &ClientId, id: &PersonId) -> Result<PersonSummary>;
    fn persons(&self, client: &ClientId, query: &PersonQuery) -> Result<Page<PersonSummary>>;
    fn person_key(&self, client: &ClientId, id: &PersonId) -> Result<PersonKey>;
    fn person_changes(&self, client: &ClientId, since: u64) -> Result<ChangesSince>;
    fn update_person(&self, client: &ClientId, id: &PersonId, update: &PersonUpdate, prepared: &PreparedImages) -> Result<Written>;
    fn update_person_summary(&self, client: &ClientId, id: &PersonId, update: &PersonUpdate, prepared: &PreparedImages) -> Result<Written<PersonSummary>>;
    fn remove_person_because(&self, client: &ClientId, id: &PersonId, expected_version: Option<u64>, reason: RemovalReason) -> Result<Removed>;
    fn image(&self, client: &ClientId, person: &PersonId, image: &ImageId) -> Result<ImageBytes>;
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "the HTTP surface names photos by their places"))]
    fn image_at(&self, client: &ClientId, person: &PersonId, place: usize) -> Result<Option<ImageId>>;
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "the HTTP surface reserves memory"))]
    fn photo_bytes(&self, client: &ClientId, person: &PersonId) -> Result<u64>;
    #[cfg_attr(not(any(feature = "evaluation", feature = "http")), allow(dead_code, reason = "thumbnails are shown there"))]
    fn thumbnail(&self, client: &ClientId, person: &PersonId, image: &ImageId) -> Result<Option<ImageBytes>>;
    #[cfg_attr(not(any(feature = "evaluation", feature = "http")), allow(dead_code, reason = "thumbnails are shown there"))]
    fn add_thumbnail(&self, client: &ClientId, person: &PersonId, image: &ImageId, thumbnail: &ImageBytes) -> Result<()>;
    fn collection(&self, client: &ClientId, id_or_code: &str) -> Result<Collection>;
    fn collections(&self, client: &ClientId) -> Result<Vec<Collection>>;
    fn insert_collection(&self, client: &ClientId, new: &NewCollection) -> Result<Collection>;
    fn update_collection(&self, client: &ClientId, id_or_code: &str, update: &CollectionUpdate) -> Result<CollectionWritten>;
    fn remove_collection(&self, client: &ClientId, id_or_code: &str) -> Result<GalleryEffect>;
    fn generation(&self) -> Result<u64>;
    fn changes_since(&self, client: &ClientId, since: u64, model: &ModelId, most: usize) -> Result<Option<GalleryChanges>>;
    fn encodings(&self, client: &ClientId, person: &PersonId, model: &ModelId) -> Result<Vec<(ImageId, FaceEncoding)>>;
    fn people_without_encoding(&self, client: &ClientId, model: &ModelId) -> Result<Vec<PersonId>>;
    fn keys_without_encoding(&self, client: &ClientId, model: &ModelId) -> Result<HashSet<PersonKey>>;
    fn active_model(&self) -> Result<Option<ModelInfo>>;
    fn models(&self) -> Result<Vec<ModelInfo>>;
    fn add_model(&self, model: &ModelInfo) -> Result<()>;
    fn switch_model(&self, from: &ModelId, to: &ModelId, keep_old: bool, left_out: &[ImageRef]) -> Result<(GalleryEffect, Erasure)>;
    fn count_images_without(&self, model: &ModelId) -> Result<u64>;
    fn images_without(&self, model: &ModelId, after: Option<&ImageRef>, limit: usize) -> Result<Vec<ImageRef>>;
    fn given_without(&self, model: &ModelId) -> Result<Vec<ImageRef>>;
    fn photo(&self, image: &ImageRef) -> Result<Option<ImageBytes>>;
    fn add_encodings(&self, model: &ModelId, batch: &[(ImageRef, FaceEncoding)]) -> Result<(usize, GalleryEffect)>;
    fn insert_token(&self, token: &Token, sha256: &[u8; 32]) -> Result<()>;
    fn tokens(&self, client: &ClientId) -> Result<Vec<Token>>;
    fn token(&self, id: &TokenId) -> Result<Option<(Token, [u8; 32])>>;
    fn revoke_token(&self, client: &ClientId, id: &TokenId) -> Result<()>;
    fn audit_policy(&self) -> Result<AuditPolicy>;
    fn set_audit_policy(&self, policy: &AuditPolicy) -> Result<()>;
    fn cut_audit(&self) -> Result<u64>;
    fn flush_audit(&self) -> Result<()>;
    fn note_search(&self, client: &ClientId, person: Option<&PersonId>, event: AuditEvent) -> Result<()>;
    fn audit(&self, query: &AuditQuery) -> Result<AuditPage>;
    fn audit_entry(&self, head: &AuditHead) -> Result<AuditEntry>;
    fn verify_audit(&self, head: Option<&AuditHead>) -> Result<AuditReport>;
    fn retention(&self) -> Result<RetentionPolicy>;
    fn set_retention(&self, new: &RetentionPolicy) -> Result<()>;
    fn due(&self, client: &ClientId, policy: &RetentionPolicy, now: Timestamp, trust_clock: bool) -> Result<Vec<Due>>;
    fn last_seen(&self, client: &ClientId, id: &PersonId) -> Result<Option<Timestamp>>;
}

/// What somebody does with one moment.
pub(crate) type Look<'a> = dyn FnMut(&dyn Moment) -> Result<()> + 'a;

/// All of it at one moment, as one client sees it: a read snapshot, or the inside of a transaction that writes, where
/// nobody else writes until it ends. What the methods promise is said at those of [`Snapshot`](super::Snapshot).
pub(crate) trait Moment {
    fn active_model(&self) -> Result<Option<ModelInfo>>;
    fn collections(&self, names: &[String]) -> Result<Vec<CollectionId>>;
    fn find_collection(&self, id_or_code: &str) -> Result<Option<Collection>>;
    fn require_new(&self, id: &PersonId) -> Result<()>;
    fn person_summary(&self, id: &PersonId) -> Result<PersonSummary>;
    fn known_encodings(&self, person: &PersonId, model: &ModelId) -> Result<HashMap<[u8; 32], FaceEncoding>>;
    fn encodings(&self, person: &PersonId, model: &ModelId) -> Result<Vec<(ImageId, FaceEncoding)>>;
    fn namesake(&self, name: &str, born: DateOfBirth, collections: Option<&[CollectionId]>)
    -> Result<Option<PersonId>>;
    fn changes_since(&self, since: u64, model: &ModelId, most: usize) -> Result<Option<GalleryChanges>>;
}

impl dyn Storage + '_ {
    /// Lets `look` read as much as it needs from one snapshot.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown client, whatever `look` returns, and as for every read.
    pub(crate) fn snapshot<T>(&self, client: &ClientId, mut look: impl FnMut(&dyn Moment) -> Result<T>) -> Result<T> {
        let mut seen = None;
        self.look(client, &mut |now| {
            seen = Some(look(now)?);
            Ok(())
        })?;
        Ok(seen.expect("whoever looks without an error has seen something"))
    }
}
