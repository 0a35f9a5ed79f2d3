//! The description of the service, made from the routes and their types.

use serde_json::{Value, json};
use utoipa::{IntoResponses, OpenApi};

use super::request::{ActiveUserRequest, CompareRequest, CropsRequest, DetectRequest, SearchRequest, VerifyRequest};
use super::routes::{BASE, collections, detect, matching, models, persons, service};
use super::schema;

/// What every route may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum Errors {
    /// The body was cut short
    #[response(status = 400)]
    CutShort(#[to_schema] schema::Error),
    /// No token, or an unknown one
    #[response(status = 401)]
    Unauthorized(#[to_schema] schema::Error),
    /// The token has expired
    #[response(status = 403)]
    Expired(#[to_schema] schema::Error),
    /// The body did not come in time
    #[response(status = 408)]
    TooSlow(#[to_schema] schema::Error),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] schema::Error),
    /// The body is not JSON
    #[response(status = 415)]
    NotJson(#[to_schema] schema::Error),
    /// The Host header names another host
    #[response(status = 421)]
    Misdirected(#[to_schema] schema::Error),
    /// Too many unknown tokens from this address
    #[response(status = 429)]
    TooMany(#[to_schema] schema::Error),
    /// The server's own fault
    #[response(status = 500)]
    Internal(#[to_schema] schema::Error),
    /// Busy (try again after `Retry-After` seconds), or something that is needed is not there
    #[response(status = 503)]
    Unavailable(#[to_schema] schema::Error),
}

/// What a route without a token may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum Misdirected {
    /// The Host header names another host
    #[response(status = 421)]
    Misdirected(#[to_schema] schema::Error),
}

/// What a route with a body or a query may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum ConflictErrors {
    /// A field breaks a rule, or photos are refused
    #[response(status = 409)]
    Invalid(#[to_schema] schema::Error),
    /// An image that is not base64, or somebody who is there already
    #[response(status = 412)]
    Precondition(#[to_schema] schema::Error),
}

/// What a route about a person may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum NotFoundErrors {
    /// No such person or collection
    #[response(status = 404)]
    NotFound(#[to_schema] schema::Error),
}

/// What a route about a collection may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "these describe, nobody makes one")]
pub(super) enum CollectionErrors {
    /// No such collection
    #[response(status = 404)]
    NotFound(#[to_schema] schema::Error),
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "facevault",
        description = "People, their photos and face encodings in one file, found again by face."
    ),
    paths(
        persons::list,
        persons::create,
        persons::lookup,
        persons::read,
        persons::update,
        persons::remove,
        collections::list,
        collections::create,
        collections::read,
        collections::update,
        collections::remove,
        matching::search,
        matching::search_crops,
        matching::search_active_user,
        matching::verify,
        matching::compare,
        detect::detect,
        models::models,
        service::health,
        service::metrics,
        service::openapi,
        service::docs,
    ),
    components(schemas(
        SearchRequest,
        CropsRequest,
        ActiveUserRequest,
        VerifyRequest,
        CompareRequest,
        DetectRequest,
        schema::Error,
        schema::Populated,
        schema::StatusFilter
    ))
)]
struct Routes;

/// The routes that need a liveness network.
const LIVENESS: [&str; 5] =
    ["/liveness", "/search-live-face", "/compare-live", "/compare-with-liveness", "/persons/search-live-face"];

/// The schemas of bodies: a field that they do not have is an error.
const CLOSED: [&str; 11] = [
    "NewPerson",
    "PersonUpdate",
    "NewCollection",
    "CollectionUpdate",
    "SearchRequest",
    "CropsRequest",
    "ActiveUserRequest",
    "VerifyRequest",
    "CompareRequest",
    "DetectRequest",
    "DateParts",
];

/// The description of the service, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    // A description made of texts and numbers always has a JSON form.
    let mut document = serde_json::to_value(Routes::openapi()).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
    document["security"] = json!([{"token": []}]);
    for name in CLOSED {
        if let Some(schema) = document["components"]["schemas"].get_mut(name) {
            schema["additionalProperties"] = json!(false);
        }
    }
    let error = |what: &str| {
        let schema = json!({"$ref": "#/components/schemas/Error"});
        json!({"description": what, "content": {"application/json": {"schema": schema}}})
    };
    for route in LIVENESS {
        document["paths"][format!("{BASE}{route}")] = json!({"post": {
            "tags": ["liveness"],
            "summary": "Needs a liveness model",
            "description": "Answers 503 with the reason until a liveness network is part of the loaded pack.",
            "operationId": route.trim_start_matches('/').replace(['/', '-'], "_"),
            "responses": {
                "401": error("No token, or an unknown one"),
                "403": error("The token has expired"),
                "421": error("The Host header names another host"),
                "429": error("Too many unknown tokens from this address"),
                "500": error("The server's own fault"),
                "503": error("No liveness model, or busy"),
            },
        }});
    }
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::encoding::{FaceEncoding, ModelId};
    use crate::person::{
        ClientId, Collection, CollectionId, CollectionUpdate, ImageId, NewCollection, NewPerson, Person, PersonId,
        PersonImage, PersonUpdate, Status,
    };

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
        for name in CLOSED {
            assert_eq!(document["components"]["schemas"][name]["additionalProperties"], false, "{name}");
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
            images: vec![PersonImage { id: ImageId::generate(), bytes: vec![1].into(), encoding: Some(encoding) }],
            collections: Vec::new(),
            notes: None,
            status: Status::Active,
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

    #[test]
    fn bodies_may_have_the_properties_that_are_described_and_no_others() {
        type Read = fn(&[u8]) -> crate::Result<()>;
        let bodies: [(&str, Read); 4] = [
            ("NewPerson", |body| NewPerson::from_json(body).map(drop)),
            ("PersonUpdate", |body| PersonUpdate::from_json(body).map(drop)),
            ("NewCollection", |body| NewCollection::from_json(body).map(drop)),
            ("CollectionUpdate", |body| CollectionUpdate::from_json(body).map(drop)),
        ];
        for (schema, read) in bodies {
            let asked = |name: &str| {
                let error = read(json!({name: {}}).to_string().as_bytes()).expect_err("no field is an empty object");
                error.violations().iter().any(|v| v.field == name && v.rule == crate::Rule::NotAllowed)
            };
            assert!(properties(schema).iter().all(|name| !asked(name)), "{schema} refuses what it describes");
            assert!(asked("shoe_size"), "{schema}");
        }
    }
}
