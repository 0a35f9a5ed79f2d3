//! Request bodies: what a JSON object asks to be created or changed.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Map, Value};

use crate::error::{Error, Result, Rule, Violation};
use crate::patch::Patch;
use crate::person::{
    CollectionUpdate, DateOfBirth, Gender, ImageBytes, ImagesUpdate, NewCollection, NewPerson, PersonId, PersonUpdate,
    Status,
};

use super::base64::decode_base64;

impl PersonUpdate {
    /// Reads the page's request body. Every field is optional; `null` clears a field that may be
    /// empty.
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
        Self::from_value(parse(body)?)
    }

    fn from_value(value: Value) -> Result<Self> {
        let mut fields = Fields::new(value)?;
        let update = Self {
            name: fields.text("name"),
            images: match fields.list("images", Fields::image) {
                Patch::Set(images) => ImagesUpdate::Replace(images),
                Patch::Keep | Patch::Clear => ImagesUpdate::Keep,
            },
            gender: fields.parsed("gender", Gender::parse),
            date_of_birth: fields.date("date_of_birth"),
            nationality: fields.text("nationality"),
            collections: fields.list("collections", Fields::string),
            notes: fields.text("notes"),
            status: fields.parsed("status", Status::parse),
            expected_version: None,
        };
        fields.must_not_be_null(&["name", "images", "collections", "status"]);
        fields.finish(update)
    }
}

impl NewPerson {
    /// Reads the body of a request to create a person: the fields of an update, of which `name` is
    /// required, and optionally `_id`. `null` is the same as absent where a field may be empty.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        let person = Self {
            id: fields.parsed("_id", |text| PersonId::new(text)).set(),
            name: fields.required_text("name"),
            images: fields.list("images", Fields::image).set().unwrap_or_default(),
            gender: fields.parsed("gender", Gender::parse).set(),
            date_of_birth: fields.date("date_of_birth").set(),
            nationality: fields.text("nationality").set(),
            collections: fields.list("collections", Fields::string).set().unwrap_or_default(),
            notes: fields.text("notes").set(),
            status: fields.parsed("status", Status::parse).set().unwrap_or_default(),
        };
        fields.must_not_be_null(&["name", "images", "collections", "status"]);
        fields.finish(person)
    }
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
        fields.finish(collection)
    }
}

impl CollectionUpdate {
    /// Reads the body of a request to change a collection: `name`, `description` and `people`, a
    /// list of `{"_id": ...}` or ids that replaces the membership.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        let update = Self {
            name: fields.text("name"),
            description: fields.text("description"),
            people: fields.list("people", Fields::person_reference),
        };
        fields.must_not_be_null(&["name", "people"]);
        fields.finish(update)
    }
}

impl<'de> Deserialize<'de> for PersonUpdate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn parse(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("must be JSON, which it is not at line {}, column {}", error.line(), error.column());
        Error::invalid("body", Rule::Other(place)).caused_by(error)
    })
}

impl<T> Patch<T> {
    /// The value, where there is one.
    fn set(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// The fields of an object that have not been read yet, and the rules broken so far.
struct Fields {
    rest: Map<String, Value>,
    nulls: Vec<&'static str>,
    violations: Vec<Violation>,
}

impl Fields {
    fn new(value: Value) -> Result<Self> {
        match value {
            Value::Object(rest) => Ok(Self { rest, nulls: Vec::new(), violations: Vec::new() }),
            _ => Err(Error::invalid("body", Rule::Type("an object"))),
        }
    }

    fn take(&mut self, field: &'static str) -> Patch<Value> {
        match self.rest.remove(field) {
            None => Patch::Keep,
            Some(Value::Null) => {
                self.nulls.push(field);
                Patch::Clear
            }
            Some(value) => Patch::Set(value),
        }
    }

    fn broken(&mut self, field: impl Into<String>, rule: Rule) {
        self.violations.push(Violation { field: field.into(), rule });
    }

    /// A field read by `read`; a value that breaks a rule counts as absent.
    fn field<T>(&mut self, field: &'static str, read: impl FnOnce(&mut Self, &str, Value) -> Option<T>) -> Patch<T> {
        match self.take(field) {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(value) => read(self, field, value).map_or(Patch::Keep, Patch::Set),
        }
    }

    fn string(&mut self, field: &str, value: Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text),
            _ => {
                self.broken(field, Rule::Type("a string"));
                None
            }
        }
    }

    fn text(&mut self, field: &'static str) -> Patch<String> {
        self.field(field, Self::string)
    }

    fn required_text(&mut self, field: &'static str) -> String {
        if !self.rest.contains_key(field) {
            self.broken(field, Rule::Required);
        }
        self.text(field).set().unwrap_or_default()
    }

    fn parsed<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T>) -> Patch<T> {
        self.field(field, |fields, name, value| {
            let text = fields.string(name, value)?;
            fields.accept(name, parse(&text))
        })
    }

    /// The value, or `None` with its broken rules noted under `field`.
    fn accept<T>(&mut self, field: &str, read: Result<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                for violation in error.violations() {
                    self.broken(field, violation.rule.clone());
                }
                None
            }
        }
    }

    fn date(&mut self, field: &'static str) -> Patch<DateOfBirth> {
        self.field(field, |fields, name, value| match value {
            Value::String(text) => fields.accept(name, DateOfBirth::parse(&text)),
            Value::Object(mut parts) => {
                let mut part = |key: &str| {
                    let found = parts.remove(key).as_ref().and_then(Value::as_i64).and_then(|n| i16::try_from(n).ok());
                    if found.is_none() {
                        fields.broken(format!("{name}.{key}"), Rule::Type("a whole number"));
                    }
                    found
                };
                let (year, month, day) = (part("year"), part("month"), part("day"));
                for key in parts.keys() {
                    fields.broken(format!("{name}.{key}"), Rule::NotAllowed);
                }
                let small = |number: i16| i8::try_from(number).unwrap_or(0);
                fields.accept(name, DateOfBirth::new(year?, small(month?), small(day?)))
            }
            _ => {
                fields.broken(name, Rule::Type("a string or an object of year, month and day"));
                None
            }
        })
    }

    fn list<T>(&mut self, field: &'static str, read: fn(&mut Self, &str, Value) -> Option<T>) -> Patch<Vec<T>> {
        self.field(field, |fields, name, value| {
            let Value::Array(items) = value else {
                fields.broken(name, Rule::Type("a list"));
                return None;
            };
            Some(
                items
                    .into_iter()
                    .enumerate()
                    .filter_map(|(i, item)| read(fields, &format!("{name}[{i}]"), item))
                    .collect(),
            )
        })
    }

    fn image(&mut self, field: &str, value: Value) -> Option<ImageBytes> {
        let text = self.string(field, value)?;
        let bytes = decode_base64(&text);
        if bytes.is_none() {
            self.broken(field, Rule::Base64);
        }
        bytes.map(ImageBytes::from)
    }

    fn person_reference(&mut self, field: &str, value: Value) -> Option<PersonId> {
        let id = match value {
            Value::Object(mut object) => object.remove("_id").unwrap_or(Value::Null),
            other => other,
        };
        let text = self.string(field, id)?;
        self.accept(field, PersonId::new(text))
    }

    fn must_not_be_null(&mut self, fields: &[&'static str]) {
        for field in std::mem::take(&mut self.nulls) {
            if fields.contains(&field) {
                self.broken(field, Rule::NotNull);
            }
        }
    }

    /// The whole request, or every broken rule; a field that nobody read is not allowed.
    fn finish<T>(mut self, request: T) -> Result<T> {
        let unknown: Vec<String> = self.rest.keys().cloned().collect();
        for field in unknown {
            self.broken(field, Rule::NotAllowed);
        }
        if self.violations.is_empty() { Ok(request) } else { Err(Error::violated(self.violations)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(body: &str) -> Vec<String> {
        match PersonUpdate::from_json(body.as_bytes()) {
            Ok(update) => panic!("{body} was accepted as {update:?}"),
            Err(error) => error.violations().iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_pages_own_request_is_read() {
        let body = br#"{"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"}"#;
        let expected = PersonUpdate {
            name: Patch::Set("John Doe Updated".into()),
            gender: Patch::Set(Gender::Male),
            notes: Patch::Set("Updated VIP customer".into()),
            ..PersonUpdate::default()
        };
        assert_eq!(PersonUpdate::from_json(body).expect("the page's body"), expected);
        assert_eq!(serde_json::from_slice::<PersonUpdate>(body).expect("the page's body"), expected);
    }

    #[test]
    fn absent_null_and_value_differ() {
        let update =
            PersonUpdate::from_json(br#"{"nationality": null, "notes": "", "collections": []}"#).expect("valid");
        assert_eq!(update.nationality, Patch::Clear);
        assert_eq!(update.notes, Patch::Set(String::new()));
        assert_eq!(update.collections, Patch::Set(Vec::new()));
        assert_eq!(update.gender, Patch::Keep);
    }

    #[test]
    fn dates_come_in_three_forms() {
        for body in [
            r#"{"date_of_birth": "1990-01-15"}"#,
            r#"{"date_of_birth": "1990-01-15T10:30:00Z"}"#,
            r#"{"date_of_birth": {"year": 1990, "month": 1, "day": 15}}"#,
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
        assert_eq!(update.people, Patch::Set(ids.to_vec()));
    }
}
