//! The fields of a request's JSON object, read one by one, with every broken rule noted.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::{Error, Result, Rule};
use crate::patch::Patch;
use crate::person::{DateOfBirth, ImageBytes, PersonId};
use crate::validate::{Violations, shortened};

use super::base64::decode_base64;

/// The most values of a body, those inside of others included: one takes up to a hundred bytes of
/// memory where its text takes two.
const MAX_VALUES: usize = 100_000;
/// The most bytes of a text that can be a collection's id or code.
const MAX_COLLECTION_NAME: usize = 64;

pub(crate) fn parse(body: &[u8]) -> Result<Value> {
    if values(body) > MAX_VALUES {
        return Err(Error::invalid("body", Rule::Other(format!("must be JSON of at most {MAX_VALUES} values"))));
    }
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("must be JSON, which it is not at line {}, column {}", error.line(), error.column());
        Error::invalid("body", Rule::Other(place)).caused_by(error)
    })
}

/// A whole number; `1990.0` is one.
fn whole(value: &Value) -> Option<i16> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    (f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&number).then_some(number as i16)
}

/// At least as many as there are values in a text, if it is JSON, counted before any is made.
fn values(body: &[u8]) -> usize {
    let (mut count, mut rest) = (1, body.iter());
    while let Some(byte) = rest.next() {
        match byte {
            b',' | b':' | b'[' | b'{' => count += 1,
            // To the end of the text in quotes.
            b'"' => while rest.find(|byte| matches!(byte, b'"' | b'\\')) == Some(&b'\\') && rest.next().is_some() {},
            _ => {}
        }
    }
    count
}

/// The `_id` of an object, or the value itself.
fn id_of(value: Value) -> Value {
    match value {
        Value::Object(mut object) => object.remove("_id").unwrap_or(Value::Null),
        other => other,
    }
}

/// The fields of an object that have not been read yet, and the rules broken so far.
pub(crate) struct Fields {
    rest: Map<String, Value>,
    nulls: Vec<&'static str>,
    violations: Violations,
}

impl Fields {
    pub(crate) fn new(value: Value) -> Result<Self> {
        match value {
            Value::Object(rest) => Ok(Self { rest, nulls: Vec::new(), violations: Violations::default() }),
            _ => Err(Error::invalid("body", Rule::Type("an object"))),
        }
    }

    /// A field that is still to be read.
    #[cfg(feature = "http")]
    pub(super) fn named(&self, field: &str) -> Option<&Value> {
        self.rest.get(field)
    }

    /// Leaves a field out.
    #[cfg(feature = "http")]
    pub(super) fn remove(&mut self, field: &str) -> Option<Value> {
        self.rest.remove(field)
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

    pub(crate) fn broken(&mut self, field: impl Into<String>, rule: Rule) {
        self.violations.add(field, rule);
    }

    /// A field read by `read`; a value that breaks a rule counts as absent.
    fn field<T>(&mut self, field: &'static str, read: impl FnOnce(&mut Self, &str, Value) -> Option<T>) -> Patch<T> {
        match self.take(field) {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(value) => read(self, field, value).map_or(Patch::Keep, Patch::Set),
        }
    }

    pub(crate) fn string(&mut self, field: &str, value: Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text),
            _ => {
                self.broken(field, Rule::Type("a string"));
                None
            }
        }
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Patch<String> {
        self.field(field, Self::string)
    }

    pub(crate) fn required_text(&mut self, field: &'static str) -> String {
        if !self.rest.contains_key(field) {
            self.broken(field, Rule::Required);
        }
        self.text(field).set().unwrap_or_default()
    }

    pub(crate) fn parsed<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T>) -> Patch<T> {
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

    /// A number from `min` to `max`.
    #[cfg(feature = "http")]
    pub(crate) fn number(&mut self, field: &'static str, min: f64, max: f64) -> Patch<f64> {
        self.field(field, |fields, name, value| {
            let Some(number) = value.as_f64() else {
                fields.broken(name, Rule::Type("a number"));
                return None;
            };
            fields.within(name, number, min, max).then_some(number)
        })
    }

    /// A whole number from `min` to `max`; `10.0` is one.
    #[cfg(feature = "http")]
    pub(crate) fn whole(&mut self, field: &'static str, min: u32, max: u32) -> Patch<u32> {
        self.field(field, |fields, name, value| {
            let Some(number) = value.as_f64().filter(|number| number.fract() == 0.0) else {
                fields.broken(name, Rule::Type("a whole number"));
                return None;
            };
            fields.within(name, number, f64::from(min), f64::from(max)).then_some(number as u32)
        })
    }

    #[cfg(feature = "http")]
    fn within(&mut self, field: &str, number: f64, min: f64, max: f64) -> bool {
        if number < min {
            self.broken(field, Rule::AtLeast(min));
        } else if number > max {
            self.broken(field, Rule::AtMost(max));
        }
        (min..=max).contains(&number)
    }

    /// `true` or `false`.
    #[cfg(feature = "http")]
    pub(crate) fn flag(&mut self, field: &'static str) -> Patch<bool> {
        self.field(field, |fields, name, value| {
            let flag = value.as_bool();
            if flag.is_none() {
                fields.broken(name, Rule::Type("a boolean"));
            }
            flag
        })
    }

    /// One photo.
    #[cfg(feature = "http")]
    pub(crate) fn one_image(&mut self, field: &'static str) -> Patch<ImageBytes> {
        self.field(field, Self::image)
    }

    /// A field with a collection's id or code.
    #[cfg(feature = "http")]
    pub(crate) fn named_collection(&mut self, field: &'static str) -> Option<String> {
        self.field(field, Self::collection_name).set()
    }

    /// Notes for each field that it is required, unless it was named. Called before they are read.
    #[cfg(feature = "http")]
    pub(crate) fn required(&mut self, fields: &[&'static str]) {
        for field in fields {
            if !self.rest.contains_key(*field) {
                self.broken(*field, Rule::Required);
            }
        }
    }

    /// Every field that was `null` breaks a rule.
    #[cfg(feature = "http")]
    pub(crate) fn no_nulls(&mut self) {
        for field in std::mem::take(&mut self.nulls) {
            self.broken(field, Rule::NotNull);
        }
    }

    pub(crate) fn date(&mut self, field: &'static str) -> Patch<DateOfBirth> {
        self.field(field, |fields, name, value| match value {
            Value::String(text) => fields.accept(name, DateOfBirth::parse(&text)),
            Value::Object(mut parts) => {
                let mut part = |key: &str| {
                    let found = parts.remove(key).as_ref().and_then(whole);
                    if found.is_none() {
                        fields.broken(format!("{name}.{key}"), Rule::Type("a whole number"));
                    }
                    found
                };
                let (year, month, day) = (part("year"), part("month"), part("day"));
                for key in parts.keys() {
                    fields.broken(format!("{name}.{}", shortened(key)), Rule::NotAllowed);
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

    /// A list of as many items as `count` says, each read by `read`. They are counted first: nothing
    /// is done for the items of a list that is too long. One item that breaks a rule, and the list
    /// counts as absent.
    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        count: RangeInclusive<usize>,
        read: fn(&mut Self, &str, Value) -> Option<T>,
    ) -> Patch<Vec<T>> {
        self.field(field, |fields, name, value| {
            let Value::Array(items) = value else {
                fields.broken(name, Rule::Type("a list"));
                return None;
            };
            if !count.contains(&items.len()) {
                fields.broken(name, Rule::Count { min: *count.start(), max: *count.end() });
                return None;
            }
            let length = items.len();
            let items = items.into_iter().enumerate();
            let read: Vec<T> = items.filter_map(|(i, item)| read(fields, &format!("{name}[{i}]"), item)).collect();
            (read.len() == length).then_some(read)
        })
    }

    /// An object of texts; `null` stands for one that is absent.
    pub(crate) fn attributes(&mut self, field: &'static str) -> Patch<BTreeMap<String, Option<String>>> {
        self.field(field, |fields, name, value| {
            let Value::Object(object) = value else {
                fields.broken(name, Rule::Type("an object"));
                return None;
            };
            let length = object.len();
            let mut read = BTreeMap::new();
            for (key, value) in object {
                match value {
                    Value::Null => drop(read.insert(key, None)),
                    Value::String(text) => drop(read.insert(key, Some(text))),
                    _ => fields.broken(format!("{name}.{}", shortened(&key)), Rule::Type("a string or null")),
                }
            }
            (read.len() == length).then_some(read)
        })
    }

    /// A collection's id or code, or the collection as lists of persons answer it.
    pub(crate) fn collection_name(&mut self, field: &str, value: Value) -> Option<String> {
        let text = self.string(field, id_of(value))?;
        if text.len() > MAX_COLLECTION_NAME {
            self.broken(field, Rule::Unknown(format!("collection {:?}", shortened(&text))));
            return None;
        }
        Some(text)
    }

    pub(crate) fn image(&mut self, field: &str, value: Value) -> Option<ImageBytes> {
        let text = self.string(field, value)?;
        let bytes = decode_base64(&text);
        if bytes.is_none() {
            self.broken(field, Rule::Base64);
        }
        bytes.map(ImageBytes::from)
    }

    pub(crate) fn person_reference(&mut self, field: &str, value: Value) -> Option<PersonId> {
        let text = self.string(field, id_of(value))?;
        self.accept(field, PersonId::new(text))
    }

    pub(crate) fn must_not_be_null(&mut self, fields: &[&'static str]) {
        for field in std::mem::take(&mut self.nulls) {
            if fields.contains(&field) {
                self.broken(field, Rule::NotNull);
            }
        }
    }

    /// The whole request, or every broken rule; a field that nobody read is not allowed.
    pub(crate) fn finish<T>(mut self, request: T) -> Result<T> {
        for field in self.rest.keys() {
            self.violations.add(shortened(field), Rule::NotAllowed);
        }
        let violations = self.violations.finish("body");
        if violations.is_empty() { Ok(request) } else { Err(Error::violated(violations)) }
    }

    /// As [`Self::finish`], with the rules that `validate` finds broken in other fields.
    pub(crate) fn finish_valid<T>(mut self, request: T, validate: impl FnOnce(&T) -> Result<()>) -> Result<T> {
        if let Err(error) = validate(&request) {
            for found in error.violations() {
                if !self.violations.names(&found.field) {
                    self.violations.add(found.field.clone(), found.rule.clone());
                }
            }
        }
        self.finish(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_before_they_are_made() {
        for (text, most) in [
            ("1", 1),
            ("[]", 2),
            ("[1, 2, [3]]", 5),
            (r#"{"a": "b,[{:", "c": null}"#, 5),
            (r#"["\"", "\\", "[,\","]"#, 4),
            (r#"["never ends, \"#, 2),
            ("\"", 1),
        ] {
            assert_eq!(values(text.as_bytes()), most, "{text}");
        }
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        let error = parse(many.as_bytes()).expect_err("too many");
        assert_eq!(error.to_string(), "\"body\" must be JSON of at most 100000 values");
        assert!(parse(format!("[{}0]", "0,".repeat(MAX_VALUES - 2)).as_bytes()).is_ok());
    }

    #[test]
    fn a_list_that_is_too_long_or_has_a_bad_item_counts_as_absent() {
        let read = |items: Value| {
            let mut fields = Fields::new(serde_json::json!({"x": items})).expect("an object");
            let list = fields.list("x", 1..=2, Fields::collection_name);
            let rules: Vec<String> = fields.violations.finish("body").iter().map(ToString::to_string).collect();
            (list, rules)
        };
        assert_eq!(read(serde_json::json!(["a", "b"])), (Patch::Set(vec!["a".into(), "b".into()]), vec![]));
        for (items, rule) in [
            (serde_json::json!([]), "\"x\" must have 1 to 2 items"),
            (serde_json::json!([1, 1, 1]), "\"x\" must have 1 to 2 items"),
            (serde_json::json!(["a", 1]), "\"x[1]\" must be a string"),
        ] {
            assert_eq!(read(items), (Patch::Keep, vec![rule.to_owned()]));
        }
        let (list, rules) = read(serde_json::json!(["é".repeat(100)]));
        assert!(list == Patch::Keep && rules[0].ends_with("é…\"") && rules[0].len() < 250, "{rules:?}");
    }
}
