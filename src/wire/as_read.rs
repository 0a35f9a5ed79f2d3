//! What an answer has and no request changes: it may come back as it was read, and is then passed over.

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Result, Rule};
use crate::person::{Collection, Person, PersonImage};

use super::base64::decode_base64;
use super::fields::Fields;
use super::person::time;

/// What of a person stays as it is for ever.
const FIXED: [&str; 3] = ["_id", "client", "createdAt"];
/// What of a person changes with other fields, or by others.
const DERIVED: [&str; 3] = ["image_count", "faceEncodings", "updatedAt"];

impl Fields {
    /// Compares what no update changes with the person that is `stored`, and passes it over. Photos that are
    /// those of the person are passed over too where they could not be given: none at all, or encodings without
    /// photos. Returns the version that the person must still have if this said something of it that may change.
    pub(super) fn as_read(&mut self, stored: impl FnOnce() -> Result<Person>) -> Result<Option<u64>> {
        let images = self.named("images").and_then(Value::as_array);
        let has_odd_images = images.is_some_and(|images| images.is_empty() || images.iter().any(Value::is_null));
        let names = |fields: &Self, some: [&str; 3]| some.iter().any(|field| fields.named(field).is_some());
        let (names_fixed, names_derived) = (names(self, FIXED), names(self, DERIVED));
        if !(has_odd_images || names_fixed || names_derived) {
            return Ok(None);
        }
        let person = stored()?;
        self.unchanged("_id", |value| value == person.id.as_str());
        self.unchanged("client", |value| {
            value == person.client.as_str() || value.get("_id").is_some_and(|id| id == person.client.as_str())
        });
        self.unchanged("image_count", |value| value.as_f64() == Some(person.images.len() as f64));
        self.unchanged("faceEncodings", |value| {
            let encoding = |image: &PersonImage| image.encoding.as_ref().map(|encoding| encoding.to_bytes());
            are_same(value, &person.images, encoding)
        });
        self.unchanged("createdAt", |value| is_same_time(value, person.created_at));
        self.unchanged("updatedAt", |value| is_same_time(value, person.updated_at));
        let bytes = |image: &PersonImage| image.bytes.as_deref().map(<[u8]>::to_vec);
        let has_same_images = self.named("images").is_some_and(|images| are_same(images, &person.images, bytes));
        if has_same_images {
            self.remove("images");
        }
        Ok((names_derived || has_same_images).then_some(person.version))
    }

    /// As [`Self::as_read`], for a collection.
    pub(super) fn collection_as_read(&mut self, stored: &Collection) {
        self.unchanged("_id", |value| value == stored.id.as_str());
        self.unchanged("code", |value| value.as_str().is_some_and(|code| code.eq_ignore_ascii_case(&stored.code)));
        self.unchanged("createdAt", |value| is_same_time(value, stored.created_at));
        self.unchanged("updatedAt", |value| is_same_time(value, stored.updated_at));
    }

    fn unchanged(&mut self, field: &'static str, is_same: impl FnOnce(&Value) -> bool) {
        if self.remove(field).is_some_and(|value| !is_same(&value)) {
            let rule = "is read-only and differs from what is stored: leave it out, or read it again";
            self.broken(field, Rule::Other(rule.to_owned()));
        }
    }
}

fn is_same_time(value: &Value, stored: Timestamp) -> bool {
    value.as_str().and_then(|text| text.parse().ok()).is_some_and(|found: Timestamp| time(found) == time(stored))
}

/// Whether a list has what `of` says of each image, in base64, and null where it says nothing.
fn are_same(value: &Value, images: &[PersonImage], of: impl Fn(&PersonImage) -> Option<Vec<u8>>) -> bool {
    let Some(found) = value.as_array().filter(|found| found.len() == images.len()) else { return false };
    found.iter().zip(images).all(|(found, image)| match found {
        Value::Null => of(image).is_none(),
        Value::String(text) => of(image).is_some_and(|bytes| decode_base64(text) == Some(bytes)),
        _ => false,
    })
}
