//! The description of the service, made from the routes and their types.

use serde_json::{Value, json};
use utoipa::{IntoResponses, OpenApi};

use super::error::ErrorBody;
use super::routes;
use super::routes::listing::Populated;

/// What every route may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum Errors {
    /// The body was cut short
    #[response(status = 400)]
    CutShort(#[to_schema] ErrorBody<'static>),
    /// No token, or an unknown one
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorBody<'static>),
    /// The token has expired
    #[response(status = 403)]
    Expired(#[to_schema] ErrorBody<'static>),
    /// The body did not come in time
    #[response(status = 408)]
    TooSlow(#[to_schema] ErrorBody<'static>),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorBody<'static>),
    /// The body is not JSON
    #[response(status = 415)]
    NotJson(#[to_schema] ErrorBody<'static>),
    /// The Host header names another host
    #[response(status = 421)]
    Misdirected(#[to_schema] ErrorBody<'static>),
    /// Too many unknown tokens from this address
    #[response(status = 429)]
    TooMany(#[to_schema] ErrorBody<'static>),
    /// The server's own fault
    #[response(status = 500)]
    Internal(#[to_schema] ErrorBody<'static>),
    /// Busy (try again after `Retry-After` seconds), or something that is needed is not there
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorBody<'static>),
}

/// What a route without a token may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum Misdirected {
    /// The Host header names another host
    #[response(status = 421)]
    Misdirected(#[to_schema] ErrorBody<'static>),
}

/// What a route with a body or a query may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum ConflictErrors {
    /// A field breaks a rule, or photos are refused
    #[response(status = 409)]
    Invalid(#[to_schema] ErrorBody<'static>),
    /// An image that is not base64, or a person or collection that already exists
    #[response(status = 412)]
    Precondition(#[to_schema] ErrorBody<'static>),
}

/// What a route without a body and without a query may answer to one.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum QueryErrors {
    /// A parameter of the query, which this route does not have
    #[response(status = 409)]
    NotAllowed(#[to_schema] ErrorBody<'static>),
}

/// What a route about a person may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum NotFoundErrors {
    /// No such person or collection
    #[response(status = 404)]
    NotFound(#[to_schema] ErrorBody<'static>),
}

/// What a route about a collection may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum CollectionErrors {
    /// No such collection
    #[response(status = 404)]
    NotFound(#[to_schema] ErrorBody<'static>),
}

/// What the description says beside the routes. Schemas that only responses and parameters name are
/// listed, the others come with their routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "facevault",
        description = "People, their photos and face encodings in one file, found again by face."
    ),
    components(schemas(ErrorBody, Populated))
)]
pub(super) struct Description;

/// The description of the service, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    // A description made of texts and numbers always has a JSON form.
    let mut document = serde_json::to_value(routes::described().into_openapi()).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
    document["security"] = json!([{"token": []}]);
    // Of a list, utoipa marks the items as read-only instead of the list.
    let list = &mut document["components"]["schemas"]["PersonUpdate"]["properties"]["faceEncodings"];
    if let Some(mark) = list["items"].as_object_mut().and_then(|items| items.remove("readOnly")) {
        list["readOnly"] = mark;
    }
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::encoding::{FaceEncoding, ModelId};
    use crate::person::{ClientId, Collection, CollectionId, ImageId, Person, PersonId, PersonImage, Status};

    fn properties(schema: &str) -> BTreeSet<String> {
        let found = openapi()["components"]["schemas"][schema]["properties"].as_object().cloned();
        found.unwrap_or_else(|| panic!("{schema} has no properties")).keys().cloned().collect()
    }

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn it_is_a_description_of_version_3_1_and_every_reference_leads_somewhere() {
        let document = openapi();
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
        let text = document.to_string();
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name: String = text[at + 21..].chars().take_while(|c| *c != '"').collect();
            assert!(document["components"]["schemas"].get(&name).is_some(), "{name} is not described");
        }
    }

    #[test]
    fn what_comes_in_two_forms_is_described_in_both() {
        for name in ["AnyDate", "IdOrCollection", "IdOrClient"] {
            let schema = &openapi()["components"]["schemas"][name];
            assert_eq!(schema["oneOf"].as_array().map(Vec::len), Some(2), "{name}: {schema}");
        }
    }

    #[test]
    fn answers_have_the_properties_that_are_described() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let encoding = FaceEncoding::new(ModelId::from_bytes([1; 16]), vec![1.0]).expect("finite");
        let person = Person {
            id: PersonId::new("p").expect("an id"),
            client: ClientId::new("c").expect("an id"),
            name: "A".into(),
            gender: None,
            date_of_birth: None,
            nationality: None,
            images: vec![PersonImage {
                id: ImageId::generate(),
                bytes: Some(vec![1].into()),
                encoding: Some(encoding),
            }],
            collections: Vec::new(),
            notes: None,
            attributes: [("badge".to_owned(), "4711".to_owned())].into(),
            status: Status::Active,
            expires_at: Some(now),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        assert_eq!(keys(&json!(person)), properties("Person"));
        let id = CollectionId::new("c").expect("an id");
        let collection =
            Collection { id, code: "x".into(), name: "N".into(), description: None, created_at: now, updated_at: now };
        assert_eq!(keys(&json!(collection)), properties("Collection"));
    }
}
