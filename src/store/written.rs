//! What a write answers, and what it means to galleries.

use crate::audit::Receipt;
use crate::encoding::{FaceEncoding, ModelId};
use crate::person::{Collection, CollectionId, ImageId, Person, PersonId, PersonKey, Status};

/// What a write means to a gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GalleryEffect {
    /// The vault's generation after the write.
    pub generation: u64,
    /// Whether this write raised it by one, from `generation - 1`.
    pub changed: bool,
}

/// What a gallery missed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GalleryChanges {
    /// The generation that the gallery has after taking these changes.
    pub generation: u64,
    /// Persons as they are now; each replaces whatever the gallery has of it.
    pub written: Vec<GalleryPerson>,
    /// Persons who are gone; some may never have been in the gallery.
    pub removed: Vec<PersonKey>,
}

/// What a gallery holds of one person.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GalleryPerson {
    /// The person's number in this file.
    pub key: PersonKey,
    /// Names the person.
    pub id: PersonId,
    /// Whether the person is searched.
    pub status: Status,
    /// The collections that the person is in, oldest collection first.
    pub collections: Vec<CollectionId>,
    /// How many photos the person has.
    pub photos: u64,
    /// The encodings by the gallery's model, in the order of the photos.
    pub encodings: Vec<(ImageId, FaceEncoding)>,
}

impl GalleryPerson {
    /// Whether the person should be searched but cannot be found: none of the photos has an encoding
    /// by the gallery's model.
    #[must_use]
    pub fn is_without_encoding(&self) -> bool {
        self.status == Status::Active && self.photos > 0 && self.encodings.is_empty()
    }
}

/// Whether what was removed or replaced is gone from the write-ahead log as well.
///
/// In the vault's file it is zeros as soon as the log is folded into it. `Done` means that this has
/// happened and that the log is empty. `Pending` means that the log still has it, and that the vault's file
/// says so: the next write in any process tries again, and so do a server, each second, and whoever closes
/// the vault. A removal of a person or photo is answered with it if a reader of an older snapshot kept the
/// log for longer than 2 seconds; a change of fields also if another one was erased less than a second
/// before, since erasing costs a few syncs of the disk. Both are, too, while a file of a version before schema 5 is
/// not cleaned yet: it may hold old copies of what was removed.
/// [`Store::finish_erasure`](super::Store::finish_erasure) waits for nothing but readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// Nothing had to go: no person or photo was removed, and no field's value was replaced or cleared.
    Nothing,
    /// It is gone.
    Done,
    /// It is removed, but the log, or a file that is not cleaned yet, may still hold it.
    Pending,
}

impl Erasure {
    /// `nothing`, `done` or `pending`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Done => "done",
            Self::Pending => "pending",
        }
    }
}

/// A person that was written: the whole [`Person`], or a
/// [`PersonSummary`](crate::PersonSummary) where no photo is wanted in the answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Written<P = Person> {
    /// The person after the write.
    pub person: P,
    /// The person's number in this file.
    pub key: PersonKey,
    /// What it means to a gallery.
    pub gallery: GalleryEffect,
    /// What galleries of the vault's model hold of the person from now on; `None` where nothing that
    /// is searched changed, or the vault has no model.
    pub searched: Option<(ModelId, GalleryPerson)>,
    /// What became of removed photos and replaced fields.
    pub erasure: Erasure,
}

/// A person that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// The number that the person had in this file; no other person will have it.
    pub key: PersonKey,
    /// What it means to a gallery.
    pub gallery: GalleryEffect,
    /// Whether the person is gone from the write-ahead log as well.
    pub erasure: Erasure,
    /// The receipt, if the vault keeps an audit trail. What opens it is nowhere else.
    pub receipt: Option<Receipt>,
}

/// A collection that was written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CollectionWritten {
    /// The collection after the write.
    pub collection: Collection,
    /// What it means to a gallery: memberships may have changed.
    pub gallery: GalleryEffect,
}
