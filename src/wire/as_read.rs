//! What an answer has and no request changes: it may come back as it was read, and is then passed over.

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Rule};
use crate::person::{ClientId, Collection, PersonImage, PersonSummary};

use super::base64::decode_base64;
use super::fields::Fields;
use super::person::time;

/// What of a person stays as it is for ever.
const FIXED: [&str; 3] = ["_id", "client", "createdAt"];
/// What of a person changes with other fields, or by others.
const DERIVED: [&str; 3] = ["image_count", "faceEncodings", "updatedAt"];

impl Fields {
    /// Removes the fields that no update changes, and reports those that differ from the `stored` person of `client`.
    /// Beside such fields, or if `images` is empty or has `null` for an encoding without a photo, `images` is compared
    /// with the stored photos, and removed if it is the same. `stored_images` reads the photos and encodings, and is
    /// called only if they have to be compared. Returns the version that the person must still have, if a value was
    /// compared that may change.
    pub(super) fn as_read<E: From<Error>>(
        &mut self,
        client: &ClientId,
        stored: &PersonSummary,
        stored_images: impl FnOnce() -> Result<Vec<PersonImage>, E>,
    ) -> Result<Option<u64>, E> {
        let images = self.named("images").and_then(Value::as_array);
        let has_odd_images = images.is_some_and(|images| images.is_empty() || images.iter().any(Value::is_null));
        let may_be_same = images.is_some_and(|images| images.len() as u64 == stored.image_count);
        let names = |fields: &Self, some: [&str; 3]| some.iter().any(|field| fields.named(field).is_some());
        let (names_fixed, names_derived) = (names(self, FIXED), names(self, DERIVED));
        if !(has_odd_images || names_fixed || names_derived) {
            return Ok(None);
        }
        let images = match may_be_same || self.named("faceEncodings").is_some() {
            true => stored_images()?,
            false => Vec::new(),
        };
        self.unchanged("_id", |value| value == stored.id.as_str());
        self.unchanged("client", |value| {
            value == client.as_str() || value.get("_id").is_some_and(|id| id == client.as_str())
        });
        self.unchanged("image_count", |value| value.as_f64() == Some(stored.image_count as f64));
        self.unchanged("faceEncodings", |value| {
            let encoding = |image: &PersonImage| image.encoding.as_ref().map(|encoding| encoding.to_bytes());
            are_same(value, &images, encoding)
        });
        self.unchanged("createdAt", |value| is_same_time(value, stored.created_at));
        self.unchanged("updatedAt", |value| is_same_time(value, stored.updated_at));
        let bytes = |image: &PersonImage| image.bytes.as_deref().map(<[u8]>::to_vec);
        let has_same_images = may_be_same && self.named("images").is_some_and(|given| are_same(given, &images, bytes));
        if has_same_images {
            self.remove("images");
        }
        Ok((names_derived || has_same_images).then_some(stored.version))
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;
    use crate::person::{ImageId, NewPerson, PersonId};

    #[test]
    fn photos_are_read_only_to_be_compared() {
        let (client, id) = (ClientId::new("a").expect("an id"), PersonId::new("ada").expect("an id"));
        let stored = PersonSummary::new(id, &NewPerson::named("Ada"), Timestamp::UNIX_EPOCH);
        let stored = PersonSummary { image_count: 1, ..stored };
        for (body, is_read) in [
            (json!({"name": "Eve"}), false),
            (json!({"name": "Eve", "images": ["AQ=="]}), false),
            (json!({"_id": "ada", "client": "a", "image_count": 1, "updatedAt": "1970-01-01T00:00:00Z"}), false),
            (json!({"_id": "ada", "images": ["AQ==", "AQ=="]}), false),
            (json!({"_id": "ada", "images": ["AQ=="]}), true),
            (json!({"faceEncodings": [null]}), true),
        ] {
            let mut fields = Fields::new(body.clone()).expect("an object");
            let was_read = Cell::new(false);
            let images = || {
                was_read.set(true);
                Ok::<_, Error>(vec![PersonImage {
                    id: ImageId::generate(),
                    bytes: Some(vec![1].into()),
                    encoding: None,
                }])
            };
            fields.as_read(&client, &stored, images).expect("read");
            assert_eq!(was_read.get(), is_read, "{body}");
        }
    }
}
