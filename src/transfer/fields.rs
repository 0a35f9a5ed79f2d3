//! The fields of a person as texts, by the names that requests have for them, and back.

use serde_json::{Map, Value};

use crate::error::{Error, Result, Rule};
use crate::person::{NewPerson, Person};

/// The columns of a table that are texts of a request body.
pub(super) const COLUMNS: [&str; 8] =
    ["_id", "name", "gender", "date_of_birth", "nationality", "notes", "status", "expires_at"];

/// Those fields of a person, in their order; empty where there is nothing.
pub(super) fn texts(person: &Person) -> [String; COLUMNS.len()] {
    [
        person.id.to_string(),
        person.name.clone(),
        person.gender.map(|gender| gender.as_str().to_owned()).unwrap_or_default(),
        person.date_of_birth.map(|date| date.to_string()).unwrap_or_default(),
        person.nationality.clone().unwrap_or_default(),
        person.notes.clone().unwrap_or_default(),
        person.status.as_str().to_owned(),
        person.expires_at.map(|time| time.to_string()).unwrap_or_default(),
    ]
}

/// All of a person but photos and encodings, as a request body.
pub(super) fn body_of(person: &Person) -> Value {
    let mut body = Body::default();
    for (column, text) in COLUMNS.into_iter().zip(texts(person)).filter(|(_, text)| !text.is_empty()) {
        body.set(column, text);
    }
    body.set("collections", person.collections.iter().map(|id| id.as_str()).collect::<Vec<_>>());
    for (key, value) in &person.attributes {
        body.set_attribute(key, value);
    }
    Value::Object(body.0)
}

/// A request body for a new person, so that every rule is that of the HTTP API's body.
#[derive(Default)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    pub(super) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.0.insert(field.to_owned(), value.into());
    }

    /// Adds an attribute.
    pub(super) fn set_attribute(&mut self, key: &str, value: &str) {
        if let Value::Object(known) = self.0.entry("attributes").or_insert_with(|| Map::new().into()) {
            known.insert(key.to_owned(), value.into());
        }
    }

    /// Adds attributes that are written as a JSON object, beside others.
    pub(super) fn set_attributes(&mut self, text: &str) -> Result<()> {
        match serde_json::from_str(text) {
            Ok(Value::Object(found)) => {
                if let Value::Object(known) = self.0.entry("attributes").or_insert_with(|| Map::new().into()) {
                    known.extend(found);
                }
                Ok(())
            }
            _ => Err(Error::invalid("attributes", Rule::Type("a JSON object of texts"))),
        }
    }

    pub(super) fn read(self) -> Result<NewPerson> {
        NewPerson::from_json(Value::Object(self.0).to_string().as_bytes())
    }
}
