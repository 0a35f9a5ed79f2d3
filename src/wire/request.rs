//! Request bodies: what a JSON object asks to be created or changed.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::error::{Error, Result, Rule};
use crate::patch::Patch;
use crate::person::{CollectionUpdate, Gender, ImagesUpdate, NewCollection, NewPerson, PersonId, PersonUpdate, Status};

use super::fields::{Fields, parse};
#[cfg(feature = "http")]
use crate::person::{ClientId, Collection, Limits, PersonImage, PersonSummary};

/// The most collections of a person that a body may name.
pub(crate) const MAX_COLLECTIONS: usize = 1_000;
/// The most people of a collection that a body may name.
pub(crate) const MAX_PEOPLE: usize = 10_000;
/// The most photos that a body may hold where the vault's own limit is asked later.
const MAX_PHOTOS: usize = 1_000;

/// The bodies that are read below, for the description of the HTTP API. A test sends each of them
/// what is described and what is not.
#[cfg(feature = "http")]
#[allow(dead_code, reason = "these describe; the readers below fill in the types of the vocabulary")]
pub(crate) mod body {
    use std::collections::BTreeMap;

    use utoipa::ToSchema;

    use crate::person::{Gender, Status};
    use crate::wire::DateParts;

    /// A date that is not in the future: `1990-01-15`, a date-time of which the date is taken, or
    /// `{"year", "month", "day"}`.
    #[derive(ToSchema)]
    #[serde(untagged)]
    pub(crate) enum AnyDate {
        Text(String),
        Parts(DateParts),
    }

    /// A person to be created.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct NewPerson {
        /// An id of the caller's own instead of a new one.
        #[schema(rename = "_id", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
        id: Option<String>,
        /// The full name.
        #[schema(min_length = 1, max_length = 100)]
        name: String,
        /// Photos in base64; each must show one main face.
        #[schema(min_items = 1, max_items = 3)]
        images: Vec<String>,
        gender: Option<Gender>,
        date_of_birth: Option<AnyDate>,
        #[schema(min_length = 1, max_length = 100)]
        nationality: Option<String>,
        /// `_id` or `code` of collections.
        #[schema(max_items = 1000, nullable = false)]
        collections: Option<Vec<String>>,
        #[schema(max_length = 4000)]
        notes: Option<String>,
        /// What the host notes by keys of its own: up to 64 keys of 1 to 64 of `a-z 0-9 _ . -`, texts of up to
        /// 1,000 characters.
        attributes: Option<BTreeMap<String, Option<String>>>,
        #[schema(nullable = false)]
        status: Option<Status>,
        /// When the person is to be removed: a time with its zone, to the microsecond.
        #[schema(format = DateTime)]
        expires_at: Option<String>,
    }

    /// A partial update of a person: what is absent stays, null clears.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct PersonUpdate {
        /// The full name.
        #[schema(min_length = 1, max_length = 100, nullable = false)]
        name: Option<String>,
        /// Photos in base64, replacing all that the person has.
        #[schema(min_items = 1, max_items = 10, nullable = false)]
        images: Option<Vec<String>>,
        gender: Option<Gender>,
        date_of_birth: Option<AnyDate>,
        #[schema(min_length = 1, max_length = 100)]
        nationality: Option<String>,
        /// `_id` or `code` of all the person's collections.
        #[schema(max_items = 1000, nullable = false)]
        collections: Option<Vec<String>>,
        /// An empty text clears, as null does.
        #[schema(max_length = 4000)]
        notes: Option<String>,
        /// The attributes that change: a text takes the place of the old one, null removes the attribute, and
        /// those that are absent stay. Null instead of the object removes all.
        attributes: Option<BTreeMap<String, Option<String>>>,
        #[schema(nullable = false)]
        status: Option<Status>,
        /// When the person is to be removed: a time with its zone, to the microsecond.
        #[schema(format = DateTime)]
        expires_at: Option<String>,
        /// This and what follows may come along as it was read, and changes nothing.
        #[schema(rename = "_id", read_only, nullable = false)]
        id: Option<String>,
        #[schema(read_only, nullable = false)]
        client: Option<String>,
        #[schema(read_only, nullable = false)]
        image_count: Option<u64>,
        #[schema(rename = "faceEncodings", read_only, nullable = false)]
        face_encodings: Option<Vec<Option<String>>>,
        #[schema(rename = "createdAt", read_only, nullable = false)]
        created_at: Option<String>,
        #[schema(rename = "updatedAt", read_only, nullable = false)]
        updated_at: Option<String>,
    }

    /// A collection to be created.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct NewCollection {
        #[schema(min_length = 1, max_length = 100)]
        name: String,
        #[schema(max_length = 4000)]
        description: Option<String>,
    }

    /// A change of a collection.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct CollectionUpdate {
        #[schema(min_length = 1, max_length = 100)]
        name: String,
        #[schema(max_length = 4000)]
        description: Option<String>,
        /// All its persons.
        #[schema(max_items = 10000, nullable = false)]
        people: Option<Vec<Member>>,
        /// This and what follows may come along as it was read, and changes nothing.
        #[schema(rename = "_id", read_only, nullable = false)]
        id: Option<String>,
        #[schema(read_only, nullable = false)]
        code: Option<String>,
        #[schema(rename = "createdAt", read_only, nullable = false)]
        created_at: Option<String>,
        #[schema(rename = "updatedAt", read_only, nullable = false)]
        updated_at: Option<String>,
    }

    /// A person by id.
    #[derive(ToSchema)]
    pub(crate) struct Member {
        #[schema(rename = "_id", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
        id: String,
    }
}

impl PersonUpdate {
    /// Reads the request body of the HTTP API. Every field is optional; `null` clears a field that may
    /// be empty.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule: text that is not JSON, an
    /// unknown field, a value of the wrong type, `null` where there must be a value.
    ///
    /// ```
    /// use facevault::PersonUpdate;
    ///
    /// let update = PersonUpdate::from_json(br#"{"name": "John Doe Updated", "gender": null}"#)?;
    /// assert_eq!(update.gender, facevault::Patch::Clear);
    ///
    /// let error = PersonUpdate::from_json(br#"{"name": null, "shoe_size": 43}"#).unwrap_err();
    /// assert_eq!(error.violations().len(), 2);
    /// # Ok::<(), facevault::Error>(())
    /// ```
    pub fn from_json(body: &[u8]) -> Result<Self> {
        let (fields, update) = Self::read(Fields::new(parse(body)?)?, 0..=MAX_PHOTOS);
        fields.finish(update)
    }

    /// As [`Self::from_json`], with the rules of [`Self::validate`] in the same error. The body may also be a person as
    /// an answer gives it: fields that no update changes must then be as in the `stored` person of `client`.
    /// `stored_images` reads the photos and encodings, and is called only if the body has to be compared with them.
    #[cfg(feature = "http")]
    pub(crate) fn from_json_within<E: From<Error>>(
        body: &[u8],
        limits: &Limits,
        client: &ClientId,
        stored: &PersonSummary,
        stored_images: impl FnOnce() -> Result<Vec<PersonImage>, E>,
    ) -> Result<Self, E> {
        let mut fields = Fields::new(parse(body)?)?;
        let version = fields.as_read(client, stored, stored_images)?;
        let (fields, update) = Self::read(fields, 1..=limits.max_images);
        let update = Self { expected_version: version, ..update };
        Ok(fields.finish_valid(update, |update| update.validate(limits))?)
    }

    fn read(mut fields: Fields, photos: RangeInclusive<usize>) -> (Fields, Self) {
        let update = Self {
            name: fields.text("name").set(),
            images: match fields.list("images", photos, Fields::image) {
                Patch::Set(images) => ImagesUpdate::Replace(images),
                Patch::Keep | Patch::Clear => ImagesUpdate::Keep,
            },
            gender: fields.parsed("gender", Gender::parse),
            date_of_birth: fields.date("date_of_birth"),
            nationality: fields.text("nationality"),
            collections: fields.list("collections", 0..=MAX_COLLECTIONS, Fields::collection_name).set(),
            notes: fields.text("notes"),
            attributes: fields.attributes("attributes"),
            status: fields.parsed("status", Status::parse).set(),
            expires_at: fields.parsed("expires_at", instant),
            expected_version: None,
        };
        fields.must_not_be_null(&["name", "images", "collections", "status"]);
        (fields, update)
    }
}

impl NewPerson {
    /// Reads the body of a request to create a person: the fields of an update, of which `name` is
    /// required, and optionally `_id`. `null` is the same as absent where a field may be empty.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        let (fields, person) = Self::read(parse(body)?, 0..=MAX_PHOTOS)?;
        fields.finish(person)
    }

    /// As [`Self::from_json`] for a person who must have a photo and at most `max_images`, with the
    /// rules that [`Self::validate`] asks in the same error.
    #[cfg(feature = "http")]
    pub(crate) fn from_json_within(body: &[u8], limits: &Limits, max_images: usize) -> Result<Self> {
        let value = parse(body)?;
        let absent = value.get("images").is_none();
        let (mut fields, person) = Self::read(value, 1..=max_images)?;
        if absent {
            fields.broken("images", Rule::Required);
        }
        fields.finish_valid(person, |person| person.validate(limits))
    }

    fn read(value: Value, photos: RangeInclusive<usize>) -> Result<(Fields, Self)> {
        let mut fields = Fields::new(value)?;
        let person = Self {
            id: fields.parsed("_id", |text| PersonId::new(text)).set(),
            name: fields.required_text("name"),
            images: fields.list("images", photos, Fields::image).set().unwrap_or_default(),
            encodings: Vec::new(),
            gender: fields.parsed("gender", Gender::parse).set(),
            date_of_birth: fields.date("date_of_birth").set(),
            nationality: fields.text("nationality").set(),
            collections: fields
                .list("collections", 0..=MAX_COLLECTIONS, Fields::collection_name)
                .set()
                .unwrap_or_default(),
            notes: fields.text("notes").set(),
            attributes: fields
                .attributes("attributes")
                .set()
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
            status: fields.parsed("status", Status::parse).set().unwrap_or_default(),
            expires_at: fields.parsed("expires_at", instant).set(),
        };
        fields.must_not_be_null(&["name", "images", "collections", "status"]);
        Ok((fields, person))
    }
}

/// An instant, such as `2030-01-31T00:00:00Z`.
fn instant(text: &str) -> Result<Timestamp> {
    let wrong = || Error::invalid("expires_at", Rule::Other("must be a time such as 2030-01-31T00:00:00Z".into()));
    let time: Timestamp = text.parse().map_err(|_| wrong())?;
    // Vaults keep microseconds.
    Timestamp::from_microsecond(time.as_microsecond()).map_err(|_| wrong())
}

impl NewCollection {
    /// Reads the body of a request to create a collection: `name` and optionally `description`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        let collection =
            Self { id: None, name: fields.required_text("name"), description: fields.text("description").set() };
        fields.must_not_be_null(&["name"]);
        fields.finish_valid(collection, Self::validate)
    }
}

impl CollectionUpdate {
    /// Reads the body of a request to change a collection: `name`, `description` and `people`, a
    /// list of `{"_id": ...}` or ids that replaces the membership.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        Self::read(Fields::new(parse(body)?)?)
    }

    /// As [`Self::from_json`] for a body that must have a name. The collection as it was read is taken as well.
    #[cfg(feature = "http")]
    pub(crate) fn from_json_with_name(body: &[u8], stored: &Collection) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.collection_as_read(stored);
        fields.required(&["name"]);
        Self::read(fields)
    }

    fn read(mut fields: Fields) -> Result<Self> {
        let update = Self {
            name: fields.text("name").set(),
            description: fields.text("description"),
            people: fields.list("people", 0..=MAX_PEOPLE, Fields::person_reference).set(),
        };
        fields.must_not_be_null(&["name", "people"]);
        fields.finish_valid(update, Self::validate)
    }
}

impl<'de> Deserialize<'de> for PersonUpdate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::new(Value::deserialize(deserializer)?).map_err(D::Error::custom)?;
        let (fields, update) = Self::read(fields, 0..=MAX_PHOTOS);
        fields.finish(update).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::DateOfBirth;

    fn rules(body: &str) -> Vec<String> {
        match PersonUpdate::from_json(body.as_bytes()) {
            Ok(update) => panic!("{body} was accepted as {update:?}"),
            Err(error) => error.violations().iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_apis_own_request_is_read() {
        let body = br#"{"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"}"#;
        let expected = PersonUpdate {
            name: Some("John Doe Updated".into()),
            gender: Patch::Set(Gender::Male),
            notes: Patch::Set("Updated VIP customer".into()),
            ..PersonUpdate::default()
        };
        assert_eq!(PersonUpdate::from_json(body).expect("the API's body"), expected);
        assert_eq!(serde_json::from_slice::<PersonUpdate>(body).expect("the API's body"), expected);
    }

    #[test]
    fn absent_null_and_value_differ() {
        let update =
            PersonUpdate::from_json(br#"{"nationality": null, "notes": "", "collections": []}"#).expect("valid");
        assert_eq!(update.nationality, Patch::Clear);
        assert_eq!(update.notes, Patch::Set(String::new()));
        assert_eq!(update.collections, Some(Vec::new()));
        assert_eq!(update.gender, Patch::Keep);
    }

    #[test]
    fn dates_come_in_three_forms() {
        for body in [
            r#"{"date_of_birth": "1990-01-15"}"#,
            r#"{"date_of_birth": "1990-01-15T10:30:00Z"}"#,
            r#"{"date_of_birth": {"year": 1990, "month": 1, "day": 15}}"#,
            r#"{"date_of_birth": {"year": 1990.0, "month": 1e0, "day": 15.0}}"#,
        ] {
            let update = PersonUpdate::from_json(body.as_bytes()).expect(body);
            assert_eq!(update.date_of_birth, Patch::Set(DateOfBirth::new(1990, 1, 15).expect("a date")));
        }
    }

    #[test]
    fn every_broken_rule_names_its_field() {
        for (body, expected) in [
            ("[]", vec!["\"body\" must be an object"]),
            (r#"{"name": null}"#, vec!["\"name\" must not be null"]),
            (r#"{"name": 5, "shoe_size": 43}"#, vec!["\"name\" must be a string", "\"shoe_size\" is not allowed"]),
            (r#"{"gender": "X"}"#, vec!["\"gender\" must be one of [M, F]"]),
            (r#"{"images": "abc"}"#, vec!["\"images\" must be a list"]),
            (r#"{"images": ["/9j/", 7, "?"]}"#, vec!["\"images[1]\" must be a string", "\"images[2]\" must be base64"]),
            (
                r#"{"images": null, "collections": null}"#,
                vec!["\"images\" must not be null", "\"collections\" must not be null"],
            ),
            (
                r#"{"date_of_birth": "2001-02-30"}"#,
                vec!["\"date_of_birth\" must be a date: the calendar has no 2001-02-30"],
            ),
            (
                r#"{"date_of_birth": {"year": 2001, "month": 300, "day": 1}}"#,
                vec!["\"date_of_birth\" must be a date: the calendar has no 2001-00-01"],
            ),
            (
                r#"{"date_of_birth": {"year": 2001, "month": "1", "hour": 4}}"#,
                vec![
                    "\"date_of_birth.month\" must be a whole number",
                    "\"date_of_birth.day\" must be a whole number",
                    "\"date_of_birth.hour\" is not allowed",
                ],
            ),
        ] {
            assert_eq!(rules(body), expected, "{body}");
        }
        assert!(rules("{").first().is_some_and(|rule| rule.contains("must be JSON")));
    }

    #[test]
    fn a_new_person_needs_a_name() {
        let error = NewPerson::from_json(br#"{"gender": "F"}"#).expect_err("no name");
        assert_eq!(error.to_string(), "\"name\" is required");
        let person = NewPerson::from_json(br#"{"name": "A", "notes": null, "_id": "person_1"}"#).expect("valid");
        assert_eq!(person.id.map(|id| id.to_string()).as_deref(), Some("person_1"));
    }

    #[test]
    fn members_are_objects_or_ids() {
        let update = CollectionUpdate::from_json(br#"{"people": [{"_id": "person_1"}, "person_2"]}"#).expect("valid");
        let ids = ["person_1", "person_2"].map(|id| PersonId::new(id).expect("an id"));
        assert_eq!(update.people, Some(ids.to_vec()));
    }
}
