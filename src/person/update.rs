//! What a caller asks for: a new person, or a partial update of one.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::encoding::FaceEncoding;
use crate::patch::Patch;
use crate::setters::setters;

use super::{DateOfBirth, Gender, ImageBytes, ImageId, PersonId, PersonSummary, Status};

/// A person to be created. Only the name is needed.
#[derive(Clone, Default)]
pub struct NewPerson {
    /// The id, where the caller brings one of its own.
    pub id: Option<PersonId>,
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// The photos' bytes; photos and encodings together are at most [`Limits::max_images`].
    pub images: Vec<ImageBytes>,
    /// Face encodings that come without a photo, behind those of the photos: of a host that keeps no
    /// photos, or from another system. They must be of the vault's model, as its network gives them: they
    /// are compared by their directions under `Cosine`, so any length from 1e-15 to 1e15 will do, and as
    /// they are under `Euclidean`. They should be of the vault's [mode](crate::Vault::encoding_mode); an
    /// encoding does not say in which mode it was made. The vault cannot make them anew when its model
    /// changes.
    pub encodings: Vec<FaceEncoding>,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// 1 to 100 characters, where it is known.
    pub nationality: Option<String>,
    /// Ids or codes of collections of the same client.
    pub collections: Vec<String>,
    /// Up to 4,000 characters.
    pub notes: Option<String>,
    /// What the host notes of the person by keys of its own, at most [`MAX_ATTRIBUTES`]: keys of 1 to 64
    /// characters of `a-z 0-9 _ . -`, values of up to 1,000 characters.
    pub attributes: BTreeMap<String, String>,
    /// Whether the person is searched.
    pub status: Status,
    /// When the person is to be removed, to the microsecond; see [`RetentionPolicy`](crate::RetentionPolicy).
    pub expires_at: Option<Timestamp>,
}

impl NewPerson {
    /// A person with a name and nothing else.
    ///
    /// ```
    /// use facevault::NewPerson;
    ///
    /// let photo = vec![0xFF, 0xD8];
    /// let new = NewPerson { images: vec![photo.into()], ..NewPerson::named("Ada Lovelace") };
    /// assert!(new.id.is_none());
    /// ```
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl fmt::Debug for NewPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPerson")
            .field("id", &self.id)
            .field("images", &self.images.len())
            .field("encodings", &self.encodings.len())
            .finish_non_exhaustive()
    }
}

/// What an update does to a person's photos.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ImagesUpdate {
    /// They stay.
    #[default]
    Keep,
    /// These replace the whole set, in this order. At least one.
    Replace(Vec<ImageBytes>),
    /// Some go and others come behind those that stay.
    Edit {
        /// The photos that go.
        remove: Vec<ImageId>,
        /// The photos that come.
        add: Vec<ImageBytes>,
    },
    /// These encodings come behind what the person has, without photos; see [`NewPerson::encodings`].
    AddEncodings(Vec<FaceEncoding>),
    /// These encodings replace all photos and encodings, in this order. At least one.
    ReplaceWithEncodings(Vec<FaceEncoding>),
    /// All go.
    Clear,
}

impl ImagesUpdate {
    /// Whether the photos stay as they are, whatever they are.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        match self {
            Self::Keep => true,
            Self::Edit { remove, add } => remove.is_empty() && add.is_empty(),
            Self::AddEncodings(encodings) => encodings.is_empty(),
            Self::Replace(_) | Self::ReplaceWithEncodings(_) | Self::Clear => false,
        }
    }

    /// The photos that the update brings.
    #[must_use]
    pub fn photos(&self) -> &[ImageBytes] {
        match self {
            Self::Replace(photos) | Self::Edit { add: photos, .. } => photos,
            Self::Keep | Self::AddEncodings(_) | Self::ReplaceWithEncodings(_) | Self::Clear => &[],
        }
    }

    /// The photos that go by their ids.
    pub(crate) fn removed(&self) -> &[ImageId] {
        match self {
            Self::Edit { remove, .. } => remove,
            _ => &[],
        }
    }

    /// The encodings that the update brings without photos.
    #[must_use]
    pub fn encodings(&self) -> &[FaceEncoding] {
        match self {
            Self::AddEncodings(encodings) | Self::ReplaceWithEncodings(encodings) => encodings,
            Self::Keep | Self::Replace(_) | Self::Edit { .. } | Self::Clear => &[],
        }
    }
}

/// A partial update of a person: what is not named stays as it is. A field that must have a value is an
/// `Option`, one that may be empty is a [`Patch`].
///
/// ```
/// use facevault::{Patch, PersonUpdate};
///
/// let update = PersonUpdate {
///     name: Some("John Doe Updated".into()),
///     nationality: Patch::Clear,
///     ..PersonUpdate::default()
/// };
/// assert!(update.gender.is_keep());
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct PersonUpdate {
    /// A new name: 1 to 100 characters after trimming.
    pub name: Option<String>,
    /// The photos.
    pub images: ImagesUpdate,
    /// Gender.
    pub gender: Patch<Gender>,
    /// Date of birth.
    pub date_of_birth: Patch<DateOfBirth>,
    /// 1 to 100 characters after trimming.
    pub nationality: Patch<String>,
    /// Ids or codes of collections of the same client, replacing the membership; an empty list is
    /// none.
    pub collections: Option<Vec<String>>,
    /// Up to 4,000 characters.
    pub notes: Patch<String>,
    /// `Set` changes the attributes that it names and keeps all others: a key with a value takes it, a key
    /// with `None` is removed. `Clear` removes all.
    pub attributes: Patch<BTreeMap<String, Option<String>>>,
    /// Whether the person is searched.
    pub status: Option<Status>,
    /// When the person is to be removed, to the microsecond.
    pub expires_at: Patch<Timestamp>,
    /// Refuse with [`Conflict`](crate::ErrorKind::Conflict) unless this is the current version.
    pub expected_version: Option<u64>,
}

impl PersonUpdate {
    /// Whether nothing is named, so that the update is the identity.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        let names_no_attribute = matches!(&self.attributes, Patch::Set(named) if named.is_empty());
        let nothing = Self {
            images: self.images.clone(),
            attributes: if names_no_attribute { self.attributes.clone() } else { Patch::Keep },
            expected_version: self.expected_version,
            ..Self::default()
        };
        self.images.is_keep() && *self == nothing
    }

    /// Takes over every field that describes the person. Photos, collections, attributes, version and times
    /// are left to the caller.
    pub(crate) fn apply(&self, person: &mut PersonSummary) {
        if let Some(name) = &self.name {
            person.name.clone_from(name);
        }
        person.status = self.status.unwrap_or(person.status);
        self.expires_at.clone().apply(&mut person.expires_at);
        self.gender.clone().apply(&mut person.gender);
        self.date_of_birth.clone().apply(&mut person.date_of_birth);
        self.nationality.apply_text(&mut person.nationality);
        self.notes.apply_text(&mut person.notes);
    }
}

impl fmt::Debug for PersonUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonUpdate")
            .field("is_keep", &self.is_keep())
            .field("images", &self.images)
            .field("collections", &self.collections)
            .field("status", &self.status)
            .field("expected_version", &self.expected_version)
            .finish_non_exhaustive()
    }
}

/// How much a vault takes of one person and one photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Photos of one person.
    pub max_images: usize,
    /// Bytes of one photo.
    pub max_image_bytes: u64,
}

setters!(Limits { max_images: with_max_images(usize), max_image_bytes: with_max_image_bytes(u64) });

impl Default for Limits {
    fn default() -> Self {
        Self { max_images: 10, max_image_bytes: 20 << 20 }
    }
}

/// The most characters of a name, a nationality or a collection's name.
pub const MAX_NAME: usize = 100;
/// The most characters of notes and of a collection's description.
pub const MAX_NOTES: usize = 4_000;
/// The most attributes of a person.
pub const MAX_ATTRIBUTES: usize = 64;
/// The most characters of an attribute's key.
pub const MAX_ATTRIBUTE_KEY: usize = 64;
/// The most characters of an attribute's value.
pub const MAX_ATTRIBUTE_VALUE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::{ClientId, PersonQuery};

    #[test]
    fn debug_shows_nothing_that_describes_a_person() {
        let attributes = BTreeMap::from([("secret".to_owned(), "secret".to_owned())]);
        let changed = attributes.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        let new = NewPerson {
            name: "Ada".into(),
            notes: Some("secret".into()),
            attributes: attributes.clone(),
            ..NewPerson::default()
        };
        let update = PersonUpdate {
            name: Some("Ada".into()),
            notes: Patch::Set("secret".into()),
            attributes: Patch::Set(changed),
            ..PersonUpdate::default()
        };
        let person = PersonSummary::new(PersonId::generate(), &new, crate::clock::now());
        let query = PersonQuery { name_contains: Some("Ada".into()), attributes, ..PersonQuery::default() };
        let whole = person.clone().with_images(ClientId::generate(), Vec::new());
        let shown = format!(
            "{new:?} {update:?} {person:?} {whole:?} {query:?} {:?}",
            DateOfBirth::new(1815, 12, 10).expect("a date")
        );
        assert!(!shown.contains("Ada") && !shown.contains("secret") && !shown.contains("1815"), "{shown}");
    }
}
