//! What travels between a vault and a hub: whole persons, as a set of items each of which stands for itself.
//!
//! An item is one thing that can be changed without the others: a field, an attribute, a membership, a photo.
//! [`Items`] holds the present ones by name, and [`merge`] settles two states of one person item by item, without a
//! clock: a hub numbers its changes, and each side knows the number at which both last met.

mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{
    Collection, CollectionId, DateOfBirth, Gender, ImageBytes, ImageId, PersonId, PersonSummary, Status,
};

pub use merge::Conflict;
pub(crate) use merge::{Meeting, Stamps, merge};

/// The items that a person or collection has, by their names: `name`, `gender`, `date_of_birth`, `nationality`,
/// `notes`, `status` and `expires_at` (microseconds since 1970) with their values; `attribute:KEY` with its value;
/// `collection:ID` and `image:ID` with `true`. What is not there, the person does not have.
pub(crate) type Items = BTreeMap<String, Value>;

/// In place of an item's name: all of them.
pub(crate) const EVERYTHING: &str = "*";

/// What a vault keeps of the hub that it has a share of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    /// The hub's id.
    pub(crate) hub: String,
    /// Names this vault in the hub.
    pub(crate) kiosk: String,
    /// The restorations of the hub that this vault knows of.
    pub(crate) epoch: u64,
    pub(crate) place: Place,
    /// Whose members the share is; `None` for everybody.
    pub(crate) collections: Option<Vec<CollectionId>>,
    /// Whether photos come along.
    pub(crate) photos: bool,
}

/// How far a vault has followed a hub.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The number of the last change that was taken; 0 before the first.
    pub(crate) sequence: u64,
    /// What the hub noted beside that change.
    pub(crate) mark: Option<String>,
}

/// A person who is sent to a hub.
pub(crate) struct Sent {
    /// The person, with the bytes of photos that may be new there.
    pub(crate) person: SharedPerson,
    /// The person's version in the vault when this was read.
    pub(crate) version: u64,
    /// The items that were changed since both met.
    pub(crate) changed: BTreeSet<String>,
    /// The change of the hub up to which the vault has seen the person.
    pub(crate) met: u64,
    /// Names this and earlier sendings of which no outcome was heard.
    pub(crate) attempt: String,
}

/// A collection that is sent to a hub.
pub(crate) struct SentCollection {
    pub(crate) collection: SharedCollection,
    pub(crate) changed: BTreeSet<String>,
    pub(crate) met: u64,
    pub(crate) attempt: String,
}

/// What a vault takes from a hub at once.
#[derive(Default)]
pub(crate) struct Batch {
    /// Collections, among them those of the persons.
    pub(crate) collections: Vec<IncomingCollection>,
    pub(crate) persons: Vec<Incoming>,
}

/// A collection that comes from a hub.
pub(crate) struct IncomingCollection {
    pub(crate) collection: SharedCollection,
    /// The change of the hub that it is as of.
    pub(crate) met: u64,
    /// In the answer to a sending: what was sent. It is taken only if the vault's is still that.
    pub(crate) sent: Option<Items>,
}

/// A person who comes from a hub, whole.
pub(crate) struct Incoming {
    pub(crate) person: SharedPerson,
    /// The change of the hub that the person is as of.
    pub(crate) met: u64,
    /// In the answer to a sending: the version that was sent and its items. The person is taken only if the vault's
    /// has still this version.
    pub(crate) sent: Option<u64>,
    /// The name under which the person was sent, where the hub knows the person by another one.
    pub(crate) known_as: Option<String>,
}

/// A person as the person travels. `Debug` shows ids and counts.
#[derive(Clone, PartialEq)]
pub(crate) struct SharedPerson {
    /// Names the person in the hub, for ever: a UUID that says nothing about the person, and so may outlive the
    /// person in a list of removals.
    pub(crate) uid: String,
    pub(crate) id: PersonId,
    pub(crate) created_at: Timestamp,
    pub(crate) items: Items,
    /// The photos in their order, and encodings without one.
    pub(crate) images: Vec<SharedImage>,
}

/// A photo of a person with its encodings.
#[derive(Clone, PartialEq)]
pub(crate) struct SharedImage {
    pub(crate) id: ImageId,
    pub(crate) sha256: [u8; 32],
    /// Whether there is a photo, here or elsewhere; otherwise the encoding was given without one.
    pub(crate) has_photo: bool,
    /// `None` where the bytes stay where they are.
    pub(crate) bytes: Option<ImageBytes>,
    /// By one model each.
    pub(crate) encodings: Vec<FaceEncoding>,
}

/// A collection as it travels. Its code names it in the hub.
#[derive(Clone, PartialEq)]
pub(crate) struct SharedCollection {
    pub(crate) id: CollectionId,
    pub(crate) code: String,
    pub(crate) created_at: Timestamp,
    /// `name` and `description`.
    pub(crate) items: Items,
}

impl SharedPerson {
    /// The items of a person with these photos.
    pub(crate) fn items_of(person: &PersonSummary, images: &[SharedImage]) -> Items {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let fields = [
            ("name", Some(person.name.clone().into())),
            ("gender", person.gender.map(|gender| gender.as_str().into())),
            ("date_of_birth", person.date_of_birth.map(|date| date.to_string().into())),
            ("nationality", text(&person.nationality)),
            ("notes", text(&person.notes)),
            ("status", Some(person.status.as_str().into())),
            ("expires_at", person.expires_at.map(|time| time.as_microsecond().into())),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let attributes =
            person.attributes.iter().map(|(key, value)| (format!("attribute:{key}"), Value::from(value.as_str())));
        let collections = person.collections.iter().map(|id| (format!("collection:{id}"), Value::Bool(true)));
        let images = images.iter().map(|image| (image_item(&image.id), Value::Bool(true)));
        fields.chain(attributes).chain(collections).chain(images).collect()
    }

    /// Gives `person` what the items say: fields, attributes and collections.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where an item has no valid value.
    pub(crate) fn fill(&self, person: &mut PersonSummary) -> Result<()> {
        let wrong = |name: &str| {
            let message = format!("person {} is damaged in the hub: {name} has no valid value", self.id);
            Error::new(ErrorKind::Corrupt, message)
        };
        let text = |name: &str| match self.items.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(name)),
        };
        person.name = text("name")?.filter(|name| !name.is_empty()).ok_or_else(|| wrong("name"))?.to_owned();
        person.gender = text("gender")?.map(Gender::parse).transpose().map_err(|_| wrong("gender"))?;
        let date = |text| DateOfBirth::from_stored(text).ok_or_else(|| wrong("date_of_birth"));
        person.date_of_birth = text("date_of_birth")?.map(date).transpose()?;
        person.nationality = text("nationality")?.map(str::to_owned);
        person.notes = text("notes")?.map(str::to_owned);
        person.status = Status::parse(text("status")?.unwrap_or_default()).map_err(|_| wrong("status"))?;
        let time = |value: &Value| value.as_i64().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        person.expires_at = match self.items.get("expires_at") {
            Some(value) => Some(time(value).ok_or_else(|| wrong("expires_at"))?),
            None => None,
        };
        person.attributes.clear();
        person.collections.clear();
        for name in self.items.keys() {
            if let Some(key) = name.strip_prefix("attribute:") {
                person.attributes.insert(key.to_owned(), text(name)?.unwrap_or_default().to_owned());
            } else if let Some(id) = name.strip_prefix("collection:") {
                person.collections.push(CollectionId::new(id).map_err(|_| wrong("a collection"))?);
            }
        }
        Ok(())
    }

    /// The ids of the collections that the items name.
    pub(crate) fn collections(&self) -> impl Iterator<Item = &str> {
        self.items.keys().filter_map(|name| name.strip_prefix("collection:"))
    }
}

impl SharedCollection {
    /// The items of a collection.
    pub(crate) fn items_of(collection: &Collection) -> Items {
        let description = collection.description.clone().map(|text| ("description".to_owned(), text.into()));
        [("name".to_owned(), collection.name.clone().into())].into_iter().chain(description).collect()
    }

    /// The text of an item, if there is one.
    pub(crate) fn text(&self, item: &str) -> Option<&str> {
        self.items.get(item).and_then(Value::as_str)
    }
}

/// The name of a photo's item.
pub(crate) fn image_item(id: &ImageId) -> String {
    format!("image:{id}")
}

impl fmt::Debug for SharedPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPerson").field("id", &self.id).field("images", &self.images).finish_non_exhaustive()
    }
}

impl fmt::Debug for SharedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedImage")
            .field("id", &self.id)
            .field("has_photo", &self.has_photo)
            .field("encodings", &self.encodings.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SharedCollection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCollection").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NewPerson;

    #[test]
    fn items_say_everything_and_nothing_else() {
        let new = NewPerson {
            gender: Some(Gender::Female),
            date_of_birth: Some(DateOfBirth::new(1815, 12, 10).expect("a date")),
            nationality: Some("GB".into()),
            notes: Some("two\nlines".into()),
            attributes: BTreeMap::from([("badge".to_owned(), "4711".to_owned()), ("empty".to_owned(), String::new())]),
            status: Status::Pending,
            expires_at: Some(Timestamp::from_microsecond(1_999_999_999_999_999).expect("a time")),
            ..NewPerson::named("Ada")
        };
        let id = PersonId::new("ada").expect("an id");
        let mut person = PersonSummary::new(id.clone(), &new, crate::clock::now());
        person.collections.push(CollectionId::new("staff").expect("an id"));
        let items = SharedPerson::items_of(&person, &[]);
        let shared = SharedPerson { uid: "u".into(), id, created_at: person.created_at, items, images: Vec::new() };
        let mut filled = PersonSummary::new(shared.id.clone(), &NewPerson::named("x"), person.created_at);
        filled.updated_at = person.updated_at;
        shared.fill(&mut filled).expect("valid items");
        assert!(filled == person);
        assert!(!format!("{shared:?}").contains("Ada"));
        for (item, value) in [
            ("name", Value::from(1)),
            ("name", "".into()),
            ("status", "gone".into()),
            ("expires_at", "x".into()),
            ("gender", "Q".into()),
        ] {
            let mut other = shared.clone();
            other.items.insert(item.to_owned(), value);
            let error = other.fill(&mut filled).expect_err(item);
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}
