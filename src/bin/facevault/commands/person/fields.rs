//! The options that describe a person, read by the rules of the HTTP API's request body.

use clap::ValueEnum;
use facevault::Person;
use serde_json::{Map, Value};

/// What is known of a person. Absent options say nothing. All of them together are the group `Fields`.
#[derive(Debug, clap::Args)]
pub(super) struct Fields {
    /// M or F
    #[arg(long, value_name = "M|F")]
    pub(super) gender: Option<String>,

    /// Date of birth, such as 1990-01-15
    #[arg(long, value_name = "YYYY-MM-DD", alias = "date_of_birth")]
    pub(super) date_of_birth: Option<String>,

    /// Nationality, up to 100 characters
    #[arg(long, value_name = "TEXT")]
    pub(super) nationality: Option<String>,

    /// A collection, by id or code; repeat it for more
    #[arg(long = "collection", value_name = "ID")]
    pub(super) collections: Vec<String>,

    /// Notes, up to 4,000 characters
    #[arg(long, value_name = "TEXT")]
    pub(super) notes: Option<String>,

    /// An attribute of your own, such as badge=4711; repeat it for more. Keys are 1 to 64 of a-z 0-9 _ . -,
    /// values up to 1,000 characters
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
    pub(super) attributes: Vec<(String, String)>,

    /// `active`, or for people who are kept but not matched `inactive`, or `pending` until somebody decides
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Option<String>,

    /// When the person is to be removed, such as 2030-01-31T00:00:00Z; see `facevault purge`
    #[arg(long, value_name = "TIME", alias = "expires_at")]
    pub(super) expires_at: Option<String>,
}

/// What a person's card shows of fields of one line, by their names; a field without a value is left out.
pub(super) fn shown(person: &Person) -> Vec<(&'static str, String)> {
    let fields = [
        ("gender", person.gender.map(|gender| gender.as_str().to_owned())),
        ("date of birth", person.date_of_birth.map(|date| date.to_string())),
        ("nationality", person.nationality.clone()),
        ("expires", person.expires_at.map(crate::output::time)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The fields that may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Clearable {
    Gender,
    #[value(alias = "date_of_birth")]
    DateOfBirth,
    Nationality,
    #[value(alias = "expires_at")]
    ExpiresAt,
    Notes,
    Attributes,
    Collections,
    Images,
}

/// Reads `KEY=VALUE`.
pub(super) fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("expected KEY=VALUE, such as badge=4711".to_owned()),
    }
}

/// A request body made of options, so that every rule is that of the HTTP API's body.
#[derive(Default)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    pub(super) fn set(&mut self, field: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(field.to_owned(), value.into());
        }
    }

    /// Empties a field of the body; lists are the caller's to empty.
    pub(super) fn clear(&mut self, field: Clearable) {
        let name = match field {
            Clearable::Gender => "gender",
            Clearable::DateOfBirth => "date_of_birth",
            Clearable::Nationality => "nationality",
            Clearable::ExpiresAt => "expires_at",
            Clearable::Notes => "notes",
            Clearable::Attributes => "attributes",
            Clearable::Collections | Clearable::Images => return,
        };
        self.0.insert(name.to_owned(), Value::Null);
    }

    /// The options; `collections` are given where there is one.
    pub(super) fn describe(&mut self, fields: &Fields) {
        self.set("gender", fields.gender.clone());
        self.set("date_of_birth", fields.date_of_birth.clone());
        self.set("nationality", fields.nationality.clone());
        self.set("collections", (!fields.collections.is_empty()).then(|| fields.collections.clone()));
        self.set("notes", fields.notes.clone());
        self.set_attributes(&fields.attributes, &[]);
        self.set("status", fields.status.clone());
        self.set("expires_at", fields.expires_at.clone());
    }

    /// Changes these attributes and removes those with these keys, beside what is said of others.
    pub(super) fn set_attributes(&mut self, changed: &[(String, String)], removed: &[String]) {
        if changed.is_empty() && removed.is_empty() {
            return;
        }
        let changed = changed.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        let removed = removed.iter().map(|key| (key.clone(), Value::Null));
        if let Value::Object(known) = self.0.entry("attributes").or_insert_with(|| Map::new().into()) {
            known.extend(removed.chain(changed));
        }
    }

    pub(super) fn into_json(self) -> Vec<u8> {
        Value::Object(self.0).to_string().into_bytes()
    }
}
