//! Routes about the service itself.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::http::answer::Reply;
use crate::http::app::{App, Caller};
use crate::http::docs;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::metrics::{Queue, Reading};
use crate::http::openapi::{Errors, Misdirected};
use crate::http::routes::{DOCS, HEALTH, METRICS, OPENAPI};
use crate::person::{PersonQuery, Status};
use crate::vault::Vault;

/// The description and its page, made once.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| crate::http::openapi().to_string().into());
static PAGE: LazyLock<Bytes> = LazyLock::new(|| docs::page(&crate::http::openapi()).into());

/// What Prometheus reads.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The server answers.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Health {
    status: &'static str,
}

/// Whether the server answers, and its vault is in its place
///
/// 503 with the message `vault_moved` where the vault's file was moved, removed or replaced under the running
/// server: what is written then is lost, so writes are refused. Restart the server with the right file.
#[utoipa::path(
    get, path = HEALTH, tag = "service", operation_id = "health", security(()),
    responses(
        (status = 200, description = "It does", body = Health),
        (status = 503, description = "The vault's file is not in its place any more", body = ErrorBody),
        Misdirected
    )
)]
pub(in crate::http) async fn health(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    match app.in_place.load(Ordering::Relaxed) {
        true => Ok(Json(Health { status: "ok" })),
        false => Err(ApiError::unavailable("vault_moved", "The vault's file was moved, removed or replaced")),
    }
}

/// Numbers for Prometheus, of the token's client
///
/// Its requests, latencies, queues, memory and people; nothing of another client's.
#[utoipa::path(
    get, path = METRICS, tag = "service", operation_id = "metrics",
    responses((status = 200, description = "Counters, gauges and histograms", content_type = "application/openmetrics-text", body = String), Errors)
)]
pub(in crate::http) async fn metrics(State(app): State<App>, caller: Caller) -> Result<Response, ApiError> {
    let (metrics, share) = (caller.metrics.clone(), caller.share.clone());
    // Before this request itself waits for its turn.
    let [photo_queue, file_queue] = [Queue::Photos, Queue::File].map(|queue| metrics.under_way(queue));
    let work = move |vault: &Vault| {
        let active = PersonQuery { status: Some(Status::Active), limit: 1, ..PersonQuery::default() };
        let people = Some(vault.persons(&active)?.total);
        let reading = Reading { photo_queue, file_queue, held: share.held(), encodings: None, people };
        let text = metrics.text(reading).map_err(|_| ApiError::internal())?;
        Ok(Reply::text(METRICS_TYPE, text.into()))
    };
    app.with_file(caller, work).await
}

/// Numbers for Prometheus, of the whole process: nothing of any client.
pub(in crate::http) async fn process_metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let reading = Reading {
        photo_queue: app.photos.depth(),
        file_queue: app.file.depth(),
        held: app.budget.held(),
        encodings: Some(app.vault.engine().map_or(0, Engine::encoded)),
        people: None,
    };
    let text = app.metrics.text(reading).map_err(|_| ApiError::internal())?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

/// This description of the service, as OpenAPI 3.1
#[utoipa::path(
    get, path = OPENAPI, tag = "service", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), Errors)
)]
pub(in crate::http) async fn openapi(_: Caller) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

/// This description of the service, as a page to read
#[utoipa::path(
    get, path = DOCS, tag = "service", operation_id = "docs",
    responses((status = 200, description = "A page", content_type = "text/html", body = String), Errors)
)]
pub(in crate::http) async fn docs(_: Caller) -> Response {
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE.clone()).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
