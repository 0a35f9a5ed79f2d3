//! Persons: create, list, look up, read, update, remove.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::listing::{ListQuery, LookupQuery, Populated, RemoveQuery};
use crate::error::{Error, ErrorKind};
use crate::http::answer::{Answer, PageAnswer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{ConflictErrors, Errors, NotFoundErrors, QueryErrors};
use crate::http::query::NoQuery;
use crate::person::{CollectionId, ImageBytes, NewPerson, PersonId, PersonUpdate};
use crate::store::{Erasure, Removed};
use crate::vault::{Departure, DuplicatePolicy, Vault};
use crate::wire::{Names, PersonAnswer, PersonItem, body};

/// The header with the receipt of a removal.
pub(in crate::http) const RECEIPT: &str = "facevault-receipt";

/// The most photos with which a person is created.
pub(in crate::http) const MAX_IMAGES: usize = 3;

/// What became of a person.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Removal<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    /// The collections that the person is still in.
    collections: Vec<&'a str>,
    /// Whether the person is gone.
    deleted: bool,
    /// `done`: nothing of what was removed is left. `pending`: the log beside the vault still has it, because
    /// another program is reading an older state; the server erases it as soon as it can. In a hub it is always
    /// `pending`: PostgreSQL overwrites what was removed in its own time.
    erasure: &'static str,
}

/// The person that a path names. An id that none can have is an unknown person's.
pub(in crate::http) struct PersonPath(pub(super) PersonId);

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
    post, path = "/persons", tag = "persons", operation_id = "createPerson",
    request_body = body::NewPerson,
    responses((status = 200, description = "The new person", body = Answer<PersonAnswer>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn create(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let read = |vault: &Vault, body: &[u8]| Ok(NewPerson::from_json_within(body, vault.limits(), MAX_IMAGES)?);
    let share = caller.share.clone();
    let work = move |vault: &Vault, new: NewPerson| {
        let room = share.room(bytes(&new.images))?;
        let together = (!new.collections.is_empty()).then(|| new.collections.clone());
        let policy = DuplicatePolicy { name_and_birth: true, collections: together, ..DuplicatePolicy::default() };
        match vault.create_person_unless_known(&new, &policy) {
            Ok(person) => Ok(Reply::person(&person, room)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Either somebody like this one, or somebody with the id that was asked for.
                let known = error.duplicate().map(|known| &known.person).or(new.id.as_ref());
                let Some(known) = known else { return Err(error.into()) };
                drop(room);
                let Ok(length) = vault.photo_bytes(known) else { return Err(error.into()) };
                let room = share.room(length)?;
                match vault.person(known) {
                    Ok(known) => Ok(Reply::already_set(&known, room)),
                    Err(_) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    };
    app.with_photos(caller, body, read, work).await
}

/// Update a person
///
/// Fields that are absent stay; null clears a field that may be empty; `images` replaces the whole
/// set. A person may be sent back as it was read: fields that no update changes are ignored if they are as
/// stored, and refused otherwise. All of it is on the disk when the answer comes.
#[utoipa::path(
    put, path = "/persons/{id}", tag = "persons", operation_id = "updatePerson",
    params(("id" = String, Path, description = "The person's id")),
    request_body = body::PersonUpdate,
    responses((status = 200, description = "The person after the update", body = Answer<PersonAnswer>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn update(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    PersonPath(id): PersonPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (asked, share) = (id.clone(), caller.share.clone());
    let read = move |vault: &Vault, body: &[u8]| {
        // An unknown person is reported before anything about the body.
        let stored = vault.person_summary(&asked).map_err(person)?;
        // Counts the stored photos while the body is compared with them.
        let mut room = None;
        let images = || {
            room = Some(share.room(vault.photo_bytes(&asked)?)?);
            Ok::<_, ApiError>(vault.person(&asked)?.images)
        };
        let update = PersonUpdate::from_json_within(body, vault.limits(), vault.client(), &stored, images)?;
        drop(room);
        Ok(update)
    };
    let share = caller.share.clone();
    let work = move |vault: &Vault, update: PersonUpdate| {
        // Memory for the answer is reserved before anything is changed. New photos replace all stored ones.
        let stored = vault.photo_bytes(&id).map_err(person)?;
        let new = bytes(update.images.photos());
        let room = share.room(if new > 0 { new } else { stored })?;
        Ok(Reply::person(&vault.update_person(&id, &update).map_err(person)?, room))
    };
    match mentions_images(&body.bytes) {
        true => app.with_photos(caller, body, read, work).await,
        false => app.with_file(caller, move |vault| work(vault, read(vault, &body.bytes)?)).await,
    }
}

/// How many bytes photos have together.
fn bytes(photos: &[ImageBytes]) -> u64 {
    photos.iter().map(|photo| photo.len() as u64).sum()
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
    get, path = "/persons/{id}", tag = "persons", operation_id = "readPerson",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = Answer<PersonAnswer>), Errors, QueryErrors, NotFoundErrors)
)]
pub(in crate::http) async fn read(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    PersonPath(id): PersonPath,
) -> Result<Response, ApiError> {
    let share = caller.share.clone();
    let work = move |vault: &Vault| {
        let room = share.room(vault.photo_bytes(&id).map_err(person)?)?;
        vault.person(&id).map(|found| Reply::person(&found, room)).map_err(person)
    };
    app.with_file(caller, work).await
}

/// Remove a person, or take it out of one collection
///
/// With `collection` the person is only taken out of it, and removed if that was its last one. Where the vault
/// keeps an audit trail, a removal has its receipt in the header `Facevault-Receipt`.
#[utoipa::path(
    delete, path = "/persons/{id}", tag = "persons", operation_id = "removePerson",
    params(
        ("id" = String, Path, description = "The person's id"),
        RemoveQuery
    ),
    responses((status = 200, description = "What became of the person", body = Answer<Removal>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    caller: Caller,
    PersonPath(id): PersonPath,
    uri: Uri,
) -> Result<Response, ApiError> {
    let RemoveQuery { collection } = RemoveQuery::read(&uri)?;
    let work = move |vault: &Vault| {
        vault.person_summary(&id).map_err(person)?;
        let departure = match &collection {
            Some(named) => {
                vault.collection(named).map_err(super::collections::collection)?;
                vault.remove_from_collection(&id, named).map_err(person)?
            }
            None => vault.remove_person(&id).map(Departure::Removed).map_err(person)?,
        };
        let (deleted, left) = match &departure {
            Departure::Removed(_) => (true, &[][..]),
            Departure::Stays(person) => (false, &person.collections[..]),
        };
        let collections = left.iter().map(CollectionId::as_str).collect();
        let erasure = match vault.erasure()? {
            Erasure::Pending => Erasure::Pending.as_str(),
            _ => Erasure::Done.as_str(),
        };
        let reply = Reply::new(id.as_str(), Removal { id: id.as_str(), collections, deleted, erasure });
        Ok(match &departure {
            Departure::Removed(removed) => reply.with_headers(receipt(removed)),
            Departure::Stays(_) => reply,
        })
    };
    app.with_file(caller, work).await
}

/// The receipt of a removal in a header of its own, so that the answer's shape stays.
fn receipt(removed: &Removed) -> HeaderMap {
    let shown = removed.receipt.map(|receipt| receipt.reveal());
    let value = shown.and_then(|receipt| HeaderValue::try_from(receipt).ok());
    value.map(|value| (HeaderName::from_static(RECEIPT), value)).into_iter().collect()
}

/// List persons
///
/// Oldest first, without photos and encodings. To read a long list while persons come and go, ask for the
/// first page, and then `after` the `pagination.next` of each until there is none.
#[utoipa::path(
    get, path = "/persons", tag = "persons", operation_id = "listPersons",
    params(ListQuery),
    responses((status = 200, description = "A page of persons", body = PageAnswer<PersonItem>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = ListQuery::read(&uri)?;
    let work = move |vault: &Vault| {
        if let Some(named) = &query.collection {
            vault.collection(named).map_err(super::collections::collection)?;
        }
        let found = vault.persons(&query.persons()?)?;
        let names = names(vault, |what| query.populates(what))?;
        Ok(Reply::page(request, &found, |person| PersonItem::new(person, &names)))
    };
    app.with_file(caller, work).await
}

fn names(vault: &Vault, wanted: impl Fn(Populated) -> bool) -> Result<Names, ApiError> {
    let collections = match wanted(Populated::Collections) {
        true => vault.collections()?.into_iter().map(|found| (found.id.clone(), found)).collect(),
        false => HashMap::new(),
    };
    Ok(Names { client: vault.client().clone(), whole_client: wanted(Populated::Client), collections })
}

/// Look persons up by name
///
/// Whose name contains the text, without regard to case. An unknown name is an empty list.
#[utoipa::path(
    get, path = "/persons/lookup", tag = "persons", operation_id = "lookupPersons",
    params(LookupQuery),
    responses((status = 200, description = "The persons", body = Answer<Vec<PersonItem>>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn lookup(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
    uri: Uri,
) -> Result<Response, ApiError> {
    let asked = LookupQuery::read(&uri)?.persons();
    let work = move |vault: &Vault| {
        let names = names(vault, |_| false)?;
        let found = vault.persons(&asked)?.items;
        Ok(Reply::new(request, found.iter().map(|person| PersonItem::new(person, &names)).collect::<Vec<_>>()))
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
