//! Persons as they are answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::ser::{Serialize, Serializer};

use crate::person::{CollectionId, DateOfBirth, Gender, Person, PersonImage, PersonSummary, Status};

use super::base64::encode_base64;
#[cfg(feature = "http")]
use super::collection::CollectionAnswer;
#[cfg(feature = "http")]
use crate::person::{ClientId, Collection};

/// A date, answered in this form.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct DateParts {
    #[cfg_attr(feature = "http", schema(minimum = 1, maximum = 9999))]
    year: u16,
    #[cfg_attr(feature = "http", schema(minimum = 1, maximum = 12))]
    month: u8,
    #[cfg_attr(feature = "http", schema(minimum = 1, maximum = 31))]
    day: u8,
}

impl From<DateOfBirth> for DateParts {
    fn from(date: DateOfBirth) -> Self {
        Self { year: date.year().unsigned_abs(), month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
    }
}

impl Serialize for DateOfBirth {
    /// `{"year": 1990, "month": 1, "day": 15}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DateParts::from(*self).serialize(serializer)
    }
}

/// Whole milliseconds of UTC: `2024-01-16T14:20:00.000Z`.
pub(super) fn time(timestamp: Timestamp) -> String {
    format!("{timestamp:.3}")
}

/// An instant to the microsecond, as it was given.
fn instant(timestamp: Timestamp) -> String {
    timestamp.to_string()
}

fn ids(collections: &[CollectionId]) -> Vec<&str> {
    collections.iter().map(CollectionId::as_str).collect()
}

/// A person as the HTTP API answers it, and as the command prints it.
///
/// This is the only place that says what a person looks like in JSON: [`Person`] serialises as it,
/// and the HTTP API's description is made from it. It has no `Debug`, because it knows names.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = Person, description = "A person."))]
pub struct PersonAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    name: &'a str,
    #[cfg_attr(feature = "http", schema(required = true))]
    gender: Option<Gender>,
    #[cfg_attr(feature = "http", schema(required = true))]
    date_of_birth: Option<DateParts>,
    #[cfg_attr(feature = "http", schema(required = true))]
    nationality: Option<&'a str>,
    /// Photos in base64, as they were handed in; null where an encoding was given without a photo.
    images: Vec<Option<String>>,
    /// Ids of the person's collections.
    collections: Vec<&'a str>,
    #[cfg_attr(feature = "http", schema(required = true))]
    notes: Option<&'a str>,
    /// What the host notes by keys of its own; absent where there is nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "http", schema(required = false))]
    attributes: &'a BTreeMap<String, String>,
    client: &'a str,
    status: Status,
    /// When the person is to be removed; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schema(required = false, nullable = false, format = DateTime))]
    expires_at: Option<String>,
    /// Face encodings in the order of the photos: little-endian `f32` in base64; null while a change
    /// of model has not reached a photo.
    #[serde(rename = "faceEncodings")]
    face_encodings: Vec<Option<String>>,
    #[serde(rename = "createdAt")]
    #[cfg_attr(feature = "http", schema(format = DateTime))]
    created_at: String,
    #[serde(rename = "updatedAt")]
    #[cfg_attr(feature = "http", schema(format = DateTime))]
    updated_at: String,
}

impl<'a> PersonAnswer<'a> {
    /// The answer about `person`. Photos and encodings are put into base64 here.
    #[must_use]
    pub fn new(person: &'a Person) -> Self {
        let images = person.images.iter().map(|image| image.bytes.as_deref().map(encode_base64));
        Self::with_images(person, images.collect())
    }

    /// As [`Self::new`], with these texts for the photos.
    pub(crate) fn with_images(person: &'a Person, images: Vec<Option<String>>) -> Self {
        let encoding = |image: &PersonImage| image.encoding.as_ref().map(|found| encode_base64(&found.to_bytes()));
        Self {
            id: person.id.as_str(),
            name: &person.name,
            gender: person.gender,
            date_of_birth: person.date_of_birth.map(Into::into),
            nationality: person.nationality.as_deref(),
            images,
            collections: ids(&person.collections),
            notes: person.notes.as_deref(),
            attributes: &person.attributes,
            client: person.client.as_str(),
            status: person.status,
            expires_at: person.expires_at.map(instant),
            face_encodings: person.images.iter().map(encoding).collect(),
            created_at: time(person.created_at),
            updated_at: time(person.updated_at),
        }
    }
}

impl Serialize for Person {
    /// As [`PersonAnswer`], the person object of the HTTP API: thirteen fields, and `attributes` and
    /// `expires_at` where there are any; photos and encodings as base64 in the same order. It is an answer, not a
    /// copy: the photos' ids and the version are not in it, and there is no way back from it to a `Person`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PersonAnswer::new(self).serialize(serializer)
    }
}

/// A person of the command's lists.
#[derive(serde::Serialize)]
struct SummaryAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    name: &'a str,
    gender: Option<Gender>,
    date_of_birth: Option<DateParts>,
    nationality: Option<&'a str>,
    image_count: u64,
    collections: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    version: u64,
    #[serde(rename = "createdAt")]
    created_at: String,
    #[serde(rename = "updatedAt")]
    updated_at: String,
}

impl Serialize for PersonSummary {
    /// As the command lists persons, with the version and without notes. The HTTP API's lists have
    /// a shape of their own.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = SummaryAnswer {
            id: self.id.as_str(),
            name: &self.name,
            gender: self.gender,
            date_of_birth: self.date_of_birth.map(Into::into),
            nationality: self.nationality.as_deref(),
            image_count: self.image_count,
            collections: ids(&self.collections),
            attributes: &self.attributes,
            status: self.status,
            expires_at: self.expires_at.map(instant),
            version: self.version,
            created_at: time(self.created_at),
            updated_at: time(self.updated_at),
        };
        answer.serialize(serializer)
    }
}

/// A person of a list, without photos and encodings.
#[cfg(feature = "http")]
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(crate) struct PersonItem<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    name: &'a str,
    #[schema(required = true)]
    gender: Option<Gender>,
    #[schema(required = true)]
    date_of_birth: Option<DateParts>,
    #[schema(required = true)]
    nationality: Option<&'a str>,
    /// How many photos the person has.
    image_count: u64,
    /// Ids, or whole collections where they are populated.
    #[serde(serialize_with = "super::sorted")]
    collections: Vec<IdOrCollection<'a>>,
    #[schema(required = true)]
    notes: Option<&'a str>,
    /// What the host notes by keys of its own; absent where there is nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    attributes: &'a BTreeMap<String, String>,
    client: IdOrClient<'a>,
    status: Status,
    /// When the person is to be removed; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, format = DateTime)]
    expires_at: Option<String>,
    #[serde(rename = "createdAt")]
    #[schema(format = DateTime)]
    created_at: String,
    #[serde(rename = "updatedAt")]
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A collection's id, or all of it.
#[cfg(feature = "http")]
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum IdOrCollection<'a> {
    Id(&'a str),
    Whole(CollectionAnswer<'a>),
}

/// A client's id, or an object with it.
#[cfg(feature = "http")]
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum IdOrClient<'a> {
    Id(&'a str),
    Whole(ClientAnswer<'a>),
}

/// A client: the tenant that persons belong to.
#[cfg(feature = "http")]
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
}

/// What is answered in whole instead of by id.
#[cfg(feature = "http")]
#[derive(Debug)]
pub(crate) struct Names {
    /// Whose persons these are.
    pub(crate) client: ClientId,
    /// Whether the client is an object.
    pub(crate) whole_client: bool,
    /// The collections that are objects.
    pub(crate) collections: std::collections::HashMap<CollectionId, Collection>,
}

#[cfg(feature = "http")]
impl<'a> PersonItem<'a> {
    pub(crate) fn new(person: &'a PersonSummary, names: &'a Names) -> Self {
        let collection = |id: &'a CollectionId| match names.collections.get(id) {
            Some(whole) => IdOrCollection::Whole(CollectionAnswer::new(whole)),
            None => IdOrCollection::Id(id.as_str()),
        };
        let client = names.client.as_str();
        Self {
            id: person.id.as_str(),
            name: &person.name,
            gender: person.gender,
            date_of_birth: person.date_of_birth.map(Into::into),
            nationality: person.nationality.as_deref(),
            image_count: person.image_count,
            collections: person.collections.iter().map(collection).collect(),
            notes: person.notes.as_deref(),
            attributes: &person.attributes,
            client: match names.whole_client {
                true => IdOrClient::Whole(ClientAnswer { id: client }),
                false => IdOrClient::Id(client),
            },
            status: person.status,
            expires_at: person.expires_at.map(instant),
            created_at: time(person.created_at),
            updated_at: time(person.updated_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{FaceEncoding, ModelId};
    use crate::person::{ClientId, ImageId, PersonId};

    #[test]
    fn a_person_is_answered_with_the_apis_fields_in_the_apis_order() {
        let id = |text| PersonId::new(text).expect("an id");
        let encoding = FaceEncoding::new(ModelId::from_bytes([1; 16]), vec![1.0]).expect("finite");
        let person = Person {
            id: id("person_123456789"),
            client: ClientId::new("client_123456789").expect("an id"),
            name: "John Doe Updated".into(),
            gender: Some(Gender::Male),
            date_of_birth: Some(DateOfBirth::new(1990, 1, 15).expect("a date")),
            nationality: Some("US".into()),
            images: vec![PersonImage {
                id: ImageId::generate(),
                bytes: Some(vec![1, 2, 3].into()),
                encoding: Some(encoding),
            }],
            collections: vec![CollectionId::new("collection_123456789").expect("an id")],
            notes: None,
            attributes: BTreeMap::new(),
            status: Status::Active,
            expires_at: None,
            version: 2,
            created_at: "2024-01-15T10:30:00Z".parse().expect("a time"),
            updated_at: "2024-01-16T14:20:00.5Z".parse().expect("a time"),
        };
        let expected = concat!(
            r#"{"_id":"person_123456789","name":"John Doe Updated","gender":"M","#,
            r#""date_of_birth":{"year":1990,"month":1,"day":15},"nationality":"US","images":["AQID"],"#,
            r#""collections":["collection_123456789"],"notes":null,"client":"client_123456789","status":"active","#,
            r#""faceEncodings":["AACAPw=="],"createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-16T14:20:00.500Z"}"#,
        );
        assert_eq!(serde_json::to_string(&person).expect("JSON"), expected);
    }
}
