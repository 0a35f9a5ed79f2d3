//! Collections, named by `_id` or `code`.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::SmallBody;
use crate::http::error::ApiError;
use crate::http::openapi::{CollectionErrors, ConflictErrors, Errors, QueryErrors};
use crate::http::query::NoQuery;
use crate::person::{CollectionUpdate, NewCollection};
use crate::vault::Vault;
use crate::wire::{CollectionAnswer, body};

/// A collection that is gone.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RemovedCollection<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    deleted: bool,
}

/// The collection that a path names.
pub(in crate::http) struct CollectionPath(String);

impl<S: Send + Sync> FromRequestParts<S> for CollectionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        named.map(|Path(name)| Self(name)).map_err(|_| ApiError::invalid_collection())
    }
}

/// What is not found is a collection.
pub(super) fn collection(error: Error) -> ApiError {
    ApiError::from_verb(&error, ApiError::invalid_collection)
}

/// The id of the collection that a request names by `_id` or `code`, as options take it; `None` for everybody.
pub(super) fn only(vault: &Vault, named: Option<&str>) -> Result<Option<Vec<String>>, ApiError> {
    let id = |named| Ok(vec![vault.collection(named).map_err(collection)?.id.to_string()]);
    named.map(id).transpose()
}

/// Create a collection
#[utoipa::path(
    post, path = "/collections", tag = "collections", operation_id = "createCollection",
    request_body = body::NewCollection,
    responses((status = 200, description = "The new collection", body = Answer<CollectionAnswer>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn create(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    SmallBody(body): SmallBody,
) -> Result<Response, ApiError> {
    let work =
        move |vault: &Vault| Ok(Reply::collection(&vault.create_collection(&NewCollection::from_json(&body.bytes)?)?));
    app.with_file(caller, work).await
}

/// List all collections
///
/// Oldest first.
#[utoipa::path(
    get, path = "/collections", tag = "collections", operation_id = "listCollections",
    responses((status = 200, description = "The collections", body = Answer<Vec<CollectionAnswer>>), Errors, QueryErrors)
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let found = vault.collections()?;
        Ok(Reply::new(request, found.iter().map(CollectionAnswer::new).collect::<Vec<_>>()))
    };
    app.with_file(caller, work).await
}

/// Read a collection
#[utoipa::path(
    get, path = "/collections/{id}", tag = "collections", operation_id = "readCollection",
    params(("id" = String, Path, description = "The collection's `_id` or `code`")),
    responses((status = 200, description = "The collection", body = Answer<CollectionAnswer>), Errors, QueryErrors, CollectionErrors)
)]
pub(in crate::http) async fn read(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    CollectionPath(named): CollectionPath,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| Ok(Reply::collection(&vault.collection(&named).map_err(collection)?));
    app.with_file(caller, work).await
}

/// Change a collection
///
/// `people` replaces the membership.
#[utoipa::path(
    put, path = "/collections/{id}", tag = "collections", operation_id = "updateCollection",
    params(("id" = String, Path, description = "The collection's `_id` or `code`")),
    request_body = body::CollectionUpdate,
    responses((status = 200, description = "The collection after the update", body = Answer<CollectionAnswer>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn update(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    CollectionPath(named): CollectionPath,
    SmallBody(body): SmallBody,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let stored = vault.collection(&named).map_err(collection)?;
        let update = CollectionUpdate::from_json_with_name(&body.bytes, &stored)?;
        Ok(Reply::collection(&vault.update_collection(&named, &update).map_err(collection)?))
    };
    app.with_file(caller, work).await
}

/// Remove a collection
///
/// The persons in it stay.
#[utoipa::path(
    delete, path = "/collections/{id}", tag = "collections", operation_id = "removeCollection",
    params(("id" = String, Path, description = "The collection's `_id` or `code`")),
    responses((status = 200, description = "It is removed", body = Answer<RemovedCollection>), Errors, QueryErrors, CollectionErrors)
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    CollectionPath(named): CollectionPath,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let found = vault.collection(&named).map_err(collection)?;
        vault.remove_collection(found.id.as_str()).map_err(collection)?;
        let id = found.id.as_str();
        Ok(Reply::new(id, RemovedCollection { id, deleted: true }))
    };
    app.with_file(caller, work).await
}
