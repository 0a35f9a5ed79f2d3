//! Persons: create, list, look up, read, update, remove.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::json;

use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::http::answer::{Answer, PageAnswer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{ConflictErrors, Errors, NotFoundErrors};
use crate::http::query::Query;
use crate::http::schema;
use crate::person::{DateOfBirth, NewPerson, Page, PersonId, PersonQuery, PersonUpdate, Status};
use crate::vault::{Departure, DuplicatePolicy, Vault};
use crate::wire::{Names, PersonItem};

/// The most photos with which a person is created.
const MAX_IMAGES: usize = 3;
/// The fewest characters of a name that is looked up.
const MIN_LOOKUP: usize = 3;
/// The most persons of a page, and the last page that can be asked for.
const MAX_LIMIT: u64 = 100;
const MAX_PAGE: u64 = 1_000_000_000;

/// The person that a path names. An id that none can have is an unknown person's.
pub(in crate::http) struct PersonPath(PersonId);

impl<S: Send + Sync> FromRequestParts<S> for PersonPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(ApiError::person_not_found());
        };
        PersonId::new(id).map(Self).map_err(|_| ApiError::person_not_found())
    }
}

fn person(error: Error) -> ApiError {
    ApiError::from_verb(&error, ApiError::person_not_found)
}

/// Create a person
///
/// Refused with 412 where a person of the same name and date of birth is in one of the same
/// collections, or anywhere if no collection is named; its record is in the answer.
#[utoipa::path(
    post, path = "/v2/face-recognition/persons", tag = "persons", operation_id = "createPerson",
    request_body = schema::NewPerson,
    responses((status = 200, description = "The new person", body = Answer<schema::Person>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let new = NewPerson::from_json_within(&body.bytes, vault.limits(), MAX_IMAGES)?;
        drop(body);
        let together = (!new.collections.is_empty()).then(|| new.collections.clone());
        let policy = DuplicatePolicy { name_and_birth: true, collections: together, ..DuplicatePolicy::default() };
        match vault.create_person_unless_known(&new, &policy) {
            Ok(person) => Ok(Reply::new(person.id.as_str(), &person)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Either somebody like this one, or somebody with the id that was asked for.
                let known = error.duplicate().map(|known| &known.person).or(new.id.as_ref());
                match known.map(|id| vault.person(id)) {
                    Some(Ok(known)) => Ok(Reply::already_set(&known)),
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    };
    app.with_photos(caller, work).await
}

/// Update a person
///
/// Fields that are absent stay; null clears a field that may be empty; `images` replaces the whole
/// set. All of it is on the disk when the answer comes.
#[utoipa::path(
    put, path = "/v2/face-recognition/persons/{id}", tag = "persons", operation_id = "updatePerson",
    params(("id" = String, Path, description = "The person's id")),
    request_body = schema::PersonUpdate,
    responses((status = 200, description = "The person after the update", body = Answer<schema::Person>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn update(
    State(app): State<App>,
    caller: Caller,
    PersonPath(id): PersonPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let has_photos = mentions_images(&body.bytes);
    let work = move |vault: &Vault| {
        // Whether there is such a person comes first: the rest is nobody else's business.
        vault.person_summary(&id).map_err(person)?;
        let update = PersonUpdate::from_json_within(&body.bytes, vault.limits())?;
        drop(body);
        let updated = vault.update_person(&id, &update).map_err(person)?;
        Ok(Reply::new(updated.id.as_str(), &updated))
    };
    if has_photos { app.with_photos(caller, work).await } else { app.with_file(caller, work).await }
}

/// Whether a body can hold photos: a guess that never misses any.
fn mentions_images(body: &[u8]) -> bool {
    // `"images"` may be written with escapes: `"im\u0061ges"`. Whatever is long holds photos.
    body.len() > 1 << 20
        || body.windows(8).any(|window| window == b"\"images\"")
        || body.windows(2).any(|window| window == b"\\u")
}

/// Read a person
#[utoipa::path(
    get, path = "/v2/face-recognition/persons/{id}", tag = "persons", operation_id = "readPerson",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = Answer<schema::Person>), Errors, NotFoundErrors)
)]
pub(in crate::http) async fn read(
    State(app): State<App>,
    caller: Caller,
    PersonPath(id): PersonPath,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| vault.person(&id).map(|found| Reply::new(id.as_str(), found)).map_err(person);
    app.with_file(caller, work).await
}

/// Remove a person, or take it out of one collection
///
/// With `collection` the person is only taken out of it, and removed if that was its last one.
#[utoipa::path(
    delete, path = "/v2/face-recognition/persons/{id}", tag = "persons", operation_id = "removePerson",
    params(
        ("id" = String, Path, description = "The person's id"),
        ("collection" = Option<String>, Query, description = "`_id` or `code` of a collection")
    ),
    responses((status = 200, description = "What became of the person", body = Answer<schema::Removal>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    caller: Caller,
    PersonPath(id): PersonPath,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = Query::new(&uri);
    let collection = query.text("collection");
    let violations = query.finish();
    if !violations.is_empty() {
        return Err(ApiError::invalid_query(&violations));
    }
    let work = move |vault: &Vault| {
        vault.person_summary(&id).map_err(person)?;
        let departure = match &collection {
            Some(named) => {
                vault.collection(named).map_err(super::collections::collection)?;
                vault.remove_from_collection(&id, named).map_err(person)?
            }
            None => vault.remove_person(&id).map(|_| Departure::Removed).map_err(person)?,
        };
        let (deleted, collections) = match departure {
            Departure::Removed => (true, Vec::new()),
            Departure::Stays(left) => (false, left.collections),
        };
        Ok(Reply::new(id.as_str(), json!({"_id": id, "deleted": deleted, "collections": collections})))
    };
    app.with_file(caller, work).await
}

/// List persons
///
/// Oldest first, without photos and encodings.
#[utoipa::path(
    get, path = "/v2/face-recognition/persons", tag = "persons", operation_id = "listPersons",
    params(
        ("page" = Option<u64>, Query, minimum = 1, maximum = 1000000000, description = "The page, from 1"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100, description = "Persons a page, 10 if not named"),
        ("collection" = Option<String>, Query, description = "Only members of this collection, by `_id` or `code`"),
        ("status" = Option<schema::StatusFilter>, Query, description = "Only persons of this status"),
        ("populates[]" = Option<Vec<schema::Populated>>, Query, description = "What is answered in whole instead of by id")
    ),
    responses((status = 200, description = "A page of persons", body = PageAnswer<schema::PersonItem>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = Query::new(&uri);
    let (page, limit) = (query.number("page", 1, MAX_PAGE), query.number("limit", 10, MAX_LIMIT));
    let collection = query.text("collection");
    // `pending` is a status of the API that nobody has here.
    let status = query.text("status");
    let pending = status.as_deref() == Some("pending");
    let status = match status.as_deref().filter(|_| !pending).map(Status::parse) {
        Some(Err(_)) => {
            query.broken("status", Rule::OneOf(&["active", "inactive", "pending"]));
            None
        }
        Some(Ok(status)) => Some(status),
        None => None,
    };
    let populates = query.all(&["populates", "populates[]"]);
    if populates.iter().any(|name| !["collections", "client"].contains(&name.as_str())) {
        query.broken("populates", Rule::OneOf(&["collections", "client"]));
    }
    let violations = query.finish();
    if !violations.is_empty() {
        return Err(ApiError::invalid_query(&violations));
    }
    let work = move |vault: &Vault| {
        if let Some(named) = &collection {
            vault.collection(named).map_err(super::collections::collection)?;
        }
        let asked = PersonQuery { page, limit, collection, status, ..PersonQuery::default() };
        let found = match pending {
            true => Page { items: Vec::new(), page, limit, total: 0 },
            false => vault.persons(&asked)?,
        };
        let names = names(vault, &populates)?;
        Ok(Reply::page(request, found, |person| PersonItem::new(person, &names)))
    };
    app.with_file(caller, work).await
}

fn names(vault: &Vault, populates: &[String]) -> Result<Names, ApiError> {
    let wanted = |name: &str| populates.iter().any(|populated| populated == name);
    let collections = match wanted("collections") {
        true => vault.collections()?.into_iter().map(|found| (found.id.clone(), found)).collect(),
        false => HashMap::new(),
    };
    Ok(Names { client: vault.client().clone(), whole_client: wanted("client"), collections })
}

/// Look persons up by name
///
/// Whose name contains the text, without regard to case. An unknown name is an empty list.
#[utoipa::path(
    get, path = "/v2/face-recognition/persons/lookup", tag = "persons", operation_id = "lookupPersons",
    params(
        ("name" = String, Query, min_length = 3, description = "A part of the name, 3 characters or more"),
        ("date_of_birth" = Option<String>, Query, description = "Only persons born on this day, `1990-01-15`"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100, description = "The most persons, 20 if not named")
    ),
    responses((status = 200, description = "The persons", body = Answer<Vec<schema::PersonItem>>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn lookup(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = Query::new(&uri);
    let name = query.text("name").unwrap_or_default();
    let date_of_birth = query.parsed("date_of_birth", DateOfBirth::parse);
    let limit = query.number("limit", 20, MAX_LIMIT);
    let mut violations = query.finish();
    let short = match name.trim().chars().count() {
        0 => Some(("name is required", Rule::Required)),
        1..MIN_LOOKUP => Some(("name_too_short", Rule::Length { min: MIN_LOOKUP, max: crate::person::MAX_NAME })),
        _ => None,
    };
    if let Some((message, rule)) = short {
        violations.insert(0, Violation { field: "name".to_owned(), rule });
        return Err(ApiError::lookup_name(message, &violations));
    }
    if !violations.is_empty() {
        return Err(ApiError::invalid_query(&violations));
    }
    let work = move |vault: &Vault| {
        let asked = PersonQuery { limit, name_contains: Some(name), date_of_birth, ..PersonQuery::default() };
        let names = names(vault, &[])?;
        let found = vault.persons(&asked)?.items.into_iter().map(|person| PersonItem::new(person, &names));
        Ok(Reply::new(request, found.collect::<Vec<_>>()))
    };
    app.with_file(caller, work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn photos_are_noticed_however_they_are_written() {
        assert!(mentions_images(br#"{"images": []}"#) && mentions_images(br#"{"im\u0061ges": []}"#));
        assert!(!mentions_images(br#"{"name": "Ada"}"#));
    }

    #[test]
    fn what_is_not_there_is_the_apis_404() {
        let error = person(Error::new(ErrorKind::NotFound, "there is no person x"));
        assert_eq!(error.body().0, 404);
    }
}
