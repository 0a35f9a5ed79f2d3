//! Answers: the person object of the HTTP API and the others that programs read.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::{Value, json};

use crate::error::{Duplicate, DuplicateReason, Error, ImageReport};
use crate::person::{Collection, DateOfBirth, Person, PersonSummary};
use crate::token::Token;

use super::base64::encode_base64;

impl Serialize for DateOfBirth {
    /// `{"year": 1990, "month": 1, "day": 15}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut date = serializer.serialize_struct("DateOfBirth", 3)?;
        date.serialize_field("year", &self.year())?;
        date.serialize_field("month", &self.month())?;
        date.serialize_field("day", &self.day())?;
        date.end()
    }
}

/// Whole milliseconds of UTC: `2024-01-16T14:20:00.000Z`.
pub(super) fn time(timestamp: Timestamp) -> String {
    format!("{timestamp:.3}")
}

/// A person as the HTTP API answers it, borrowed. [`Person`] itself serialises so.
#[derive(Debug)]
pub struct PersonAnswer<'a>(
    /// The person.
    pub &'a Person,
);

impl Serialize for PersonAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let person = self.0;
        let images: Vec<String> = person.images.iter().map(|image| encode_base64(&image.bytes)).collect();
        let encodings: Vec<Option<String>> =
            person.images.iter().map(|image| image.encoding.as_ref().map(|e| encode_base64(&e.to_bytes()))).collect();
        let mut answer = serializer.serialize_struct("Person", 13)?;
        answer.serialize_field("_id", &person.id)?;
        answer.serialize_field("name", &person.name)?;
        answer.serialize_field("gender", &person.gender)?;
        answer.serialize_field("date_of_birth", &person.date_of_birth)?;
        answer.serialize_field("nationality", &person.nationality)?;
        answer.serialize_field("images", &images)?;
        answer.serialize_field("collections", &person.collections)?;
        answer.serialize_field("notes", &person.notes)?;
        answer.serialize_field("client", &person.client)?;
        answer.serialize_field("status", &person.status)?;
        answer.serialize_field("faceEncodings", &encodings)?;
        answer.serialize_field("createdAt", &time(person.created_at))?;
        answer.serialize_field("updatedAt", &time(person.updated_at))?;
        answer.end()
    }
}

impl Serialize for Person {
    /// The API's thirteen fields; photos and encodings as base64, in the same order.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PersonAnswer(self).serialize(serializer)
    }
}

impl Serialize for PersonSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("PersonSummary", 11)?;
        answer.serialize_field("_id", &self.id)?;
        answer.serialize_field("name", &self.name)?;
        answer.serialize_field("gender", &self.gender)?;
        answer.serialize_field("date_of_birth", &self.date_of_birth)?;
        answer.serialize_field("nationality", &self.nationality)?;
        answer.serialize_field("image_count", &self.image_count)?;
        answer.serialize_field("collections", &self.collections)?;
        answer.serialize_field("status", &self.status)?;
        answer.serialize_field("version", &self.version)?;
        answer.serialize_field("createdAt", &time(self.created_at))?;
        answer.serialize_field("updatedAt", &time(self.updated_at))?;
        answer.end()
    }
}

impl Serialize for Collection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Collection", 6)?;
        answer.serialize_field("_id", &self.id)?;
        answer.serialize_field("code", &self.code)?;
        answer.serialize_field("name", &self.name)?;
        answer.serialize_field("description", &self.description)?;
        answer.serialize_field("createdAt", &time(self.created_at))?;
        answer.serialize_field("updatedAt", &time(self.updated_at))?;
        answer.end()
    }
}

impl Serialize for Token {
    /// Everything but the secret; `status` is `active`, `expired` or `revoked`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = match self.revoked_at {
            Some(_) => "revoked",
            None if self.has_expired(Timestamp::now()) => "expired",
            None => "active",
        };
        let mut answer = serializer.serialize_struct("Token", 6)?;
        answer.serialize_field("_id", &self.id)?;
        answer.serialize_field("client", &self.client)?;
        answer.serialize_field("status", status)?;
        answer.serialize_field("createdAt", &time(self.created_at))?;
        answer.serialize_field("expiresAt", &self.expires_at.map(time))?;
        answer.serialize_field("revokedAt", &self.revoked_at.map(time))?;
        answer.end()
    }
}

impl Serialize for ImageReport {
    /// `{"index": 0, "status": "ok"}`, or `"refused"` with the refusal's fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = json!({"index": self.index, "status": "ok"});
        if let Some(refusal) = &self.refusal {
            report = json!({
                "index": self.index,
                "status": "refused",
                "code": refusal.code,
                "measured": refusal.measured,
                "limit": refusal.limit,
                "message": refusal.message,
            });
        }
        report.serialize(serializer)
    }
}

impl Serialize for Duplicate {
    /// `{"person", "reason": "name_and_birth"}`, or `"face"` with `image`, `similarity`, `fmr` and
    /// `threshold`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = match &self.reason {
            DuplicateReason::NameAndBirth => json!({"person": self.person, "reason": "name_and_birth"}),
            DuplicateReason::Face { image, decision } => json!({
                "person": self.person,
                "reason": "face",
                "image": image,
                "similarity": decision.similarity,
                "fmr": decision.fmr,
                "threshold": decision.threshold,
            }),
        };
        answer.serialize(serializer)
    }
}

/// An error as programs read it: its kind, its sentence, and every broken rule or photo, or whom a
/// new person seems to be.
#[derive(Debug)]
pub struct ErrorAnswer<'a>(
    /// The error.
    pub &'a Error,
);

impl Serialize for ErrorAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let mut answer = json!({"error": error.kind().as_str(), "message": error.to_string()});
        if !error.violations().is_empty() {
            let details = error.violations().iter().map(|v| json!({"field": v.field, "rule": v.rule.to_string()}));
            answer["details"] = details.collect::<Value>();
        }
        if !error.images().is_empty() {
            answer["images"] = json!(error.images());
        }
        if let Some(duplicate) = error.duplicate() {
            answer["duplicate"] = json!(duplicate);
        }
        answer.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{FaceEncoding, ModelId};
    use crate::person::{ClientId, CollectionId, Gender, ImageId, PersonId, PersonImage, Status};

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
                bytes: vec![1, 2, 3].into(),
                encoding: Some(encoding),
            }],
            collections: vec![CollectionId::new("collection_123456789").expect("an id")],
            notes: None,
            status: Status::Active,
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
