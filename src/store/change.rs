//! What is asked of a write, and what it answers.

use std::fmt;

use sha2::{Digest, Sha256};

use super::models::ModelInfo;
use crate::encoding::FaceEncoding;
use crate::patch::Patch;
use crate::person::{
    Collection, DateOfBirth, Gender, ImageBytes, ImageId, NewPerson, Person, PersonId, PersonKey, PersonUpdate, Status,
};

/// A photo that comes into the vault: its bytes, their hash, and the encoding that was made of it.
#[derive(Clone, PartialEq)]
pub struct NewImage {
    bytes: ImageBytes,
    sha256: [u8; 32],
    /// The encoding by the vault's model; `None` where none was made.
    pub encoding: Option<FaceEncoding>,
}

impl NewImage {
    /// A photo with these bytes, without an encoding.
    #[must_use]
    pub fn new(bytes: ImageBytes) -> Self {
        let sha256 = Sha256::digest(bytes.as_slice()).into();
        Self { bytes, sha256, encoding: None }
    }

    /// The photo.
    #[must_use]
    pub fn bytes(&self) -> &ImageBytes {
        &self.bytes
    }

    /// The SHA-256 of the bytes, by which a person's photos are told apart.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl fmt::Debug for NewImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewImage").field("bytes", &self.bytes).field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

/// A person to be written, whose fields have been validated.
#[derive(Clone, Default)]
pub struct NewPersonRecord {
    /// The id; `None` for a new one.
    pub id: Option<PersonId>,
    /// The name.
    pub name: String,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// Nationality; an empty text counts as none.
    pub nationality: Option<String>,
    /// Notes; an empty text counts as none.
    pub notes: Option<String>,
    /// Whether the person is searched.
    pub status: Status,
    /// Ids or codes of collections of the same client.
    pub collections: Vec<String>,
    /// The photos in their order.
    pub images: Vec<NewImage>,
    /// What made the photos' encodings, and in which mode: it becomes the vault's model if there is
    /// none yet.
    pub model: Option<ModelInfo>,
}

/// A partial update of a person whose fields have been validated: the step that writes.
#[derive(Clone, Default)]
pub struct PersonChange {
    /// A new name.
    pub name: Option<String>,
    /// Gender.
    pub gender: Patch<Gender>,
    /// Date of birth.
    pub date_of_birth: Patch<DateOfBirth>,
    /// Nationality; an empty text clears it.
    pub nationality: Patch<String>,
    /// Notes; an empty text clears them.
    pub notes: Patch<String>,
    /// A new status.
    pub status: Option<Status>,
    /// Ids or codes of all collections of the person.
    pub collections: Option<Vec<String>>,
    /// The photos.
    pub images: ImagesChange,
    /// What made the encodings of new photos, and in which mode: it becomes the vault's model if there
    /// is none yet.
    pub model: Option<ModelInfo>,
    /// Refuse with [`Conflict`](crate::ErrorKind::Conflict) unless this is the current version.
    pub expected_version: Option<u64>,
}

impl NewPersonRecord {
    /// What `new` says, with its photos encoded.
    #[must_use]
    pub fn new(new: &NewPerson, images: Vec<NewImage>) -> Self {
        let NewPerson { id, name, images: _, gender, date_of_birth, nationality, collections, notes, status } =
            new.clone();
        Self { id, name, gender, date_of_birth, nationality, notes, status, collections, images, model: None }
    }
}

impl fmt::Debug for NewPersonRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPersonRecord")
            .field("id", &self.id)
            .field("images", &self.images.len())
            .finish_non_exhaustive()
    }
}

impl PersonChange {
    /// What `update` says, with its photos encoded. A field that cannot be cleared is kept where
    /// the update clears it: validation has refused that before.
    #[must_use]
    pub fn new(update: &PersonUpdate, images: ImagesChange) -> Self {
        fn value<T>(patch: Patch<T>) -> Option<T> {
            match patch {
                Patch::Set(value) => Some(value),
                Patch::Keep | Patch::Clear => None,
            }
        }
        let PersonUpdate {
            name,
            images: _,
            gender,
            date_of_birth,
            nationality,
            collections,
            notes,
            status,
            expected_version,
        } = update.clone();
        Self {
            name: value(name),
            gender,
            date_of_birth,
            nationality,
            notes,
            status: value(status),
            collections: value(collections),
            images,
            model: None,
            expected_version,
        }
    }

    /// Whether nothing is named, so that the update is the identity.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        let Self { name, gender, date_of_birth, nationality, notes, status, collections, images, .. } = self;
        let texts = name.is_none() && nationality.is_keep() && notes.is_keep();
        let rest = gender.is_keep() && date_of_birth.is_keep() && status.is_none() && collections.is_none();
        texts && rest && images.is_keep()
    }
}

impl fmt::Debug for PersonChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonChange")
            .field("is_keep", &self.is_keep())
            .field("images", &self.images)
            .field("expected_version", &self.expected_version)
            .finish_non_exhaustive()
    }
}

/// What an update does to a person's photos.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ImagesChange {
    /// They stay.
    #[default]
    Keep,
    /// These become the person's photos, in this order. One whose bytes the person has already
    /// keeps its id and its encoding; each old photo counts once.
    Replace(Vec<NewImage>),
    /// Some go and others come behind those that stay.
    Edit {
        /// The photos that go; naming one twice is naming it once.
        remove: Vec<ImageId>,
        /// The photos that come.
        add: Vec<NewImage>,
    },
    /// All go.
    Clear,
}

impl ImagesChange {
    /// Whether the photos stay as they are, whatever they are.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        match self {
            Self::Keep => true,
            Self::Edit { remove, add } => remove.is_empty() && add.is_empty(),
            Self::Replace(_) | Self::Clear => false,
        }
    }
}

/// What a write means to a gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GalleryEffect {
    /// The vault's generation after the write.
    pub generation: u64,
    /// Whether this write raised it by one, from `generation - 1`.
    pub changed: bool,
}

/// Whether removed bytes are gone from the write-ahead log as well.
///
/// In the vault's file they are zeros as soon as the log is folded into it. `Done` means that this
/// has happened and that the log is empty. `Pending` means that a reader of an older snapshot kept
/// the log for longer than 2 seconds; the next write tries again, and so does the last connection
/// to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// Nothing had to go: no person or photo was removed.
    Nothing,
    /// They are gone.
    Done,
    /// They are removed, but the log still holds them.
    Pending,
}

/// A person that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The whole person after the write.
    pub person: Person,
    /// The person's number in this file.
    pub key: PersonKey,
    /// What it means to a gallery.
    pub gallery: GalleryEffect,
    /// What became of removed photos.
    pub erasure: Erasure,
}

/// A person that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The number that the person had in this file; no other person will have it.
    pub key: PersonKey,
    /// What it means to a gallery.
    pub gallery: GalleryEffect,
    /// Whether the person is gone from the write-ahead log as well.
    pub erasure: Erasure,
}

/// A collection that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionWritten {
    /// The collection after the write.
    pub collection: Collection,
    /// What it means to a gallery: memberships may have changed.
    pub gallery: GalleryEffect,
}
