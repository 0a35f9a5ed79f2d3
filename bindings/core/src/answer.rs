//! Answers that are the bindings' own: persons without their photos' bytes, faces with their encodings.

use std::collections::{BTreeMap, HashMap};

use facevault::jiff::Timestamp;
use facevault::wire::{EncodedFaceAnswer, encode_base64};
use facevault::{
    ClientId, CollectionId, DateOfBirth, EncodedFace, Error, ErrorKind, Gender, ImageId, Page, Person, PersonId,
    PersonSummary, Refusal, Result, Status, Vault,
};
use serde::Serialize;
use serde_json::{Value, json};

/// A value as JSON text.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Runtime, "the answer cannot be written as JSON").caused_by(error))
}

/// A person. All fields are always there, but `images` only of a whole person.
#[derive(Serialize)]
pub(crate) struct PersonAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a PersonId,
    client: &'a ClientId,
    name: &'a str,
    gender: Option<Gender>,
    date_of_birth: Option<DateOfBirth>,
    nationality: Option<&'a str>,
    notes: Option<&'a str>,
    collections: &'a [CollectionId],
    attributes: &'a BTreeMap<String, String>,
    status: Status,
    expires_at: Option<String>,
    version: u64,
    image_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Vec<ImageAnswer<'a>>>,
    #[serde(rename = "createdAt")]
    created_at: String,
    #[serde(rename = "updatedAt")]
    updated_at: String,
}

/// A photo of a person, or an encoding that was given without one.
#[derive(Serialize)]
struct ImageAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a ImageId,
    has_photo: bool,
    has_encoding: bool,
    /// In base64, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<Option<String>>,
}

/// To the millisecond, as everywhere in facevault's answers.
fn time(timestamp: Timestamp) -> String {
    format!("{timestamp:.3}")
}

macro_rules! person_answer {
    ($person:expr, $client:expr, $count:expr, $images:expr) => {
        PersonAnswer {
            id: &$person.id,
            client: $client,
            name: &$person.name,
            gender: $person.gender,
            date_of_birth: $person.date_of_birth,
            nationality: $person.nationality.as_deref(),
            notes: $person.notes.as_deref(),
            collections: &$person.collections,
            attributes: &$person.attributes,
            status: $person.status,
            expires_at: $person.expires_at.map(|time| time.to_string()),
            version: $person.version,
            image_count: $count,
            images: $images,
            created_at: time($person.created_at),
            updated_at: time($person.updated_at),
        }
    };
}

impl<'a> PersonAnswer<'a> {
    /// A whole person, with the encodings if they are wanted.
    pub(crate) fn whole(person: &'a Person, encodings: bool) -> Self {
        let image = |image: &'a facevault::PersonImage| ImageAnswer {
            id: &image.id,
            has_photo: image.bytes.is_some(),
            has_encoding: image.encoding.is_some(),
            encoding: encodings.then(|| image.encoding.as_ref().map(|encoding| encode_base64(&encoding.to_bytes()))),
        };
        let images = person.images.iter().map(image).collect();
        person_answer!(person, &person.client, person.images.len() as u64, Some(images))
    }

    /// A person without photos.
    pub(crate) fn summary(person: &'a PersonSummary, client: &'a ClientId) -> Self {
        person_answer!(person, client, person.image_count, None)
    }
}

/// A page of persons.
pub(crate) fn page(page: &Page<PersonSummary>, client: &ClientId) -> Result<String> {
    let persons: Vec<_> = page.items.iter().map(|person| PersonAnswer::summary(person, client)).collect();
    #[derive(Serialize)]
    struct Answer<'a> {
        persons: Vec<PersonAnswer<'a>>,
        page: Option<u64>,
        limit: u64,
        total: u64,
        pages: u64,
        next: Option<String>,
    }
    let next = page.next.as_ref().map(ToString::to_string);
    json_text(&Answer { persons, page: page.page, limit: page.limit, total: page.total, pages: page.pages(), next })
}

/// The names of people, for answers that list them; who was removed meanwhile has none.
pub(crate) fn names<'a>(
    vault: &Vault,
    people: impl Iterator<Item = &'a PersonId>,
) -> Result<HashMap<PersonId, String>> {
    let mut names = HashMap::new();
    for id in people {
        if names.contains_key(id) {
            continue;
        }
        match vault.person_summary(id) {
            Ok(person) => drop(names.insert(id.clone(), person.name)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

/// `{"status": "ok", ...}` with the encoding and what was measured, or `"refused"` with why.
pub(crate) fn encoded(outcome: &Result<EncodedFace, Refusal>) -> Value {
    json!(EncodedFaceAnswer::new(outcome))
}

/// Why there is no encoding.
pub(crate) fn refused(refusal: &Refusal) -> Value {
    json!(EncodedFaceAnswer::Refused(refusal))
}
