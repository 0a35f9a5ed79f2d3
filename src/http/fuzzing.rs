//! What reads the requests of the HTTP surface, for tests and for the programs in `fuzz/`.

use super::live_request::{
    CompareLiveRequest, CompareThenLiveRequest, LivePersonRequest, LiveSearchRequest, LivenessRequest,
};
use super::request::{ActiveUserRequest, CompareRequest, DetectRequest, FacesRequest, SearchRequest, VerifyRequest};
use super::routes::duplicates::DuplicatesQuery;
use super::routes::listing::{ListQuery, LookupQuery, RemoveQuery};
use super::routes::thumbnails::ThumbnailQuery;
use super::routes::{matching, persons};
use crate::error::Result;
use crate::person::{
    ClientId, Collection, CollectionId, CollectionUpdate, ImageId, Limits, NewCollection, NewPerson, Person, PersonId,
    PersonImage, PersonSummary, PersonUpdate,
};

/// Reads a body.
pub type ReadBody = fn(&[u8]) -> Result<()>;

/// Reads a query, and returns whether it is accepted.
pub type ReadQuery = fn(&axum::http::Uri) -> bool;

/// What reads the body of each schema.
pub const BODIES: [(&str, ReadBody); 16] = [
    ("NewPerson", |body| NewPerson::from_json_within(body, &Limits::default(), persons::MAX_IMAGES).map(drop)),
    ("PersonUpdate", |body| {
        let (limits, person) = (Limits::default(), person());
        PersonUpdate::from_json_within(body, &limits, &person.client, &summary(), || Ok(person.images.clone()))
            .map(drop)
    }),
    ("NewCollection", |body| NewCollection::from_json(body).map(drop)),
    ("CollectionUpdate", |body| CollectionUpdate::from_json_with_name(body, &collection()).map(drop)),
    ("SearchRequest", |body| SearchRequest::from_json(body, matching::LEAST_SCORE).map(drop)),
    ("CropsRequest", |body| SearchRequest::from_json(body, matching::LEAST_SCORE_OF_CROPS).map(drop)),
    ("FacesRequest", |body| FacesRequest::from_json(body).map(drop)),
    ("ActiveUserRequest", |body| ActiveUserRequest::from_json(body).map(drop)),
    ("VerifyRequest", |body| VerifyRequest::from_json(body).map(drop)),
    ("CompareRequest", |body| CompareRequest::from_json(body).map(drop)),
    ("DetectRequest", |body| DetectRequest::from_json(body).map(drop)),
    ("LivenessRequest", |body| LivenessRequest::from_json(body).map(drop)),
    ("LiveSearchRequest", |body| LiveSearchRequest::from_json(body).map(drop)),
    ("CompareLiveRequest", |body| CompareLiveRequest::from_json(body).map(drop)),
    ("CompareThenLiveRequest", |body| CompareThenLiveRequest::from_json(body).map(drop)),
    ("NewLivePerson", |body| LivePersonRequest::from_json(body, &Limits::default(), persons::MAX_IMAGES).map(drop)),
];

/// What reads the query of each operation.
pub const QUERIES: [(&str, ReadQuery); 5] = [
    ("listPersons", |uri| ListQuery::read(uri).is_ok()),
    ("lookupPersons", |uri| LookupQuery::read(uri).is_ok()),
    ("readThumbnail", |uri| ThumbnailQuery::read(uri).is_ok()),
    ("duplicates", |uri| DuplicatesQuery::read(uri).is_ok()),
    ("removePerson", |uri| RemoveQuery::read(uri).is_ok()),
];

/// The person that is updated, without the photo.
fn summary() -> PersonSummary {
    let (id, new) = (PersonId::new("ada").expect("an id"), NewPerson::named("Ada"));
    PersonSummary { image_count: 1, ..PersonSummary::new(id, &new, jiff::Timestamp::UNIX_EPOCH) }
}

/// The person that is updated.
pub(super) fn person() -> Person {
    let photo = PersonImage { id: ImageId::generate(), bytes: Some(vec![1].into()), encoding: None };
    summary().with_images(ClientId::new("a").expect("an id"), vec![photo])
}

/// The collection that is updated.
pub(super) fn collection() -> Collection {
    let (id, now) = (CollectionId::new("staff").expect("an id"), jiff::Timestamp::UNIX_EPOCH);
    Collection { id, code: "x".into(), name: "Staff".into(), description: None, created_at: now, updated_at: now }
}
