//! People, their photos and their collections, as a vault keeps them and as a caller changes them.

mod attributes;
mod collection;
mod date_of_birth;
mod folding;
mod id;
mod image;
mod query;
mod retention;
mod update;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::error::{Error, ErrorKind, Result};

pub use attributes::{Gender, Status};
pub(crate) use collection::described;
pub use collection::{Collection, CollectionUpdate, NewCollection};
pub use date_of_birth::DateOfBirth;
pub(crate) use folding::fold;
pub use id::{ClientId, CollectionId, ImageId, PersonId, PersonKey, TokenId};
pub use image::{ImageBytes, PersonImage};
pub use query::{Cursor, Page, PersonQuery};
pub use retention::RetentionPolicy;
pub use update::{
    ImagesUpdate, Limits, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES, MAX_NAME, MAX_NOTES, NewPerson,
    PersonUpdate,
};

/// A person as a vault keeps it. `Debug` shows ids and counts, never what describes the person.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Person {
    /// Names the person.
    pub id: PersonId,
    /// The tenant that the person belongs to.
    pub client: ClientId,
    /// 1 to 100 characters.
    pub name: String,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// 1 to 100 characters, where it is known.
    pub nationality: Option<String>,
    /// Photos with their encodings, in the order in which they were given.
    pub images: Vec<PersonImage>,
    /// The collections that the person is in, oldest collection first.
    pub collections: Vec<CollectionId>,
    /// 1 to 4,000 characters, where there are any.
    pub notes: Option<String>,
    /// What the host notes of the person by keys of its own, at most [`MAX_ATTRIBUTES`]: keys of 1 to 64
    /// characters of `a-z 0-9 _ . -`, values of up to 1,000 characters.
    pub attributes: BTreeMap<String, String>,
    /// Whether the person is searched.
    pub status: Status,
    /// When the person is to be removed, where it is known; a vault removes nobody by itself unless its
    /// [`RetentionPolicy`] says so.
    pub expires_at: Option<Timestamp>,
    /// How often the person was written: 1 when new, one more with each change.
    pub version: u64,
    /// When the person was created.
    pub created_at: Timestamp,
    /// When the person was last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("id", &self.id)
            .field("client", &self.client)
            .field("images", &self.images.len())
            .field("collections", &self.collections)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A person without photos and encodings, as lists show it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PersonSummary {
    /// Names the person.
    pub id: PersonId,
    /// 1 to 100 characters.
    pub name: String,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// 1 to 100 characters, where it is known.
    pub nationality: Option<String>,
    /// How many photos the person has.
    pub image_count: u64,
    /// The collections that the person is in, oldest collection first.
    pub collections: Vec<CollectionId>,
    /// 1 to 4,000 characters, where there are any.
    pub notes: Option<String>,
    /// What the host notes of the person by keys of its own, at most [`MAX_ATTRIBUTES`]: keys of 1 to 64
    /// characters of `a-z 0-9 _ . -`, values of up to 1,000 characters.
    pub attributes: BTreeMap<String, String>,
    /// Whether the person is searched.
    pub status: Status,
    /// When the person is to be removed, where it is known; a vault removes nobody by itself unless its
    /// [`RetentionPolicy`] says so.
    pub expires_at: Option<Timestamp>,
    /// How often the person was written.
    pub version: u64,
    /// When the person was created.
    pub created_at: Timestamp,
    /// When the person was last changed.
    pub updated_at: Timestamp,
}

impl PersonSummary {
    /// What `new` describes, as it is when it has just been created: without photos, in no collection.
    /// An empty text counts as none.
    pub(crate) fn new(id: PersonId, new: &NewPerson, now: Timestamp) -> Self {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Self {
            id,
            name: new.name.clone(),
            gender: new.gender,
            date_of_birth: new.date_of_birth,
            nationality: text(&new.nationality),
            image_count: 0,
            collections: Vec::new(),
            notes: text(&new.notes),
            attributes: new.attributes.clone(),
            status: new.status,
            expires_at: new.expires_at,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The fields that describe the person in which this differs from `other`, as requests name them. Photos,
    /// collections and attributes are not looked at.
    pub(crate) fn differs_in(&self, other: &Self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name != other.name),
            ("gender", self.gender != other.gender),
            ("date_of_birth", self.date_of_birth != other.date_of_birth),
            ("nationality", self.nationality != other.nationality),
            ("notes", self.notes != other.notes),
            ("status", self.status != other.status),
            ("expires_at", self.expires_at != other.expires_at),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Refuses to go on where another version is expected.
    pub(crate) fn require_version(&self, expected: Option<u64>) -> Result<()> {
        match expected {
            Some(expected) if expected != self.version => {
                let message =
                    format!("person {} has version {}, the request expects {expected}", self.id, self.version);
                Err(Error::new(ErrorKind::Conflict, message))
            }
            _ => Ok(()),
        }
    }

    /// The whole person, with these photos.
    pub(crate) fn with_images(self, client: ClientId, images: Vec<PersonImage>) -> Person {
        Person {
            id: self.id,
            client,
            name: self.name,
            gender: self.gender,
            date_of_birth: self.date_of_birth,
            nationality: self.nationality,
            images,
            collections: self.collections,
            notes: self.notes,
            attributes: self.attributes,
            status: self.status,
            expires_at: self.expires_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl fmt::Debug for PersonSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonSummary").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}
