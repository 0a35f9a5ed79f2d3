//! Routes about the service itself.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::http::app::{App, Caller};
use crate::http::error::ApiError;
use crate::http::metrics::Reading;
use crate::http::openapi::Errors;
use crate::http::{docs, schema};
use crate::person::{PersonQuery, Status};

/// What Prometheus reads.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the server answers
#[utoipa::path(
    get, path = "/healthz", tag = "service", operation_id = "health", security(()),
    responses((status = 200, description = "It does", body = schema::Health))
)]
pub(in crate::http) async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Numbers for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "service", operation_id = "metrics",
    responses((status = 200, description = "Counters, gauges and histograms", content_type = "application/openmetrics-text", body = String), Errors)
)]
pub(in crate::http) async fn metrics(State(app): State<App>, caller: Caller) -> Result<Response, ApiError> {
    let state = app.clone();
    let people = move || {
        let active = PersonQuery { status: Some(Status::Active), limit: 1, ..PersonQuery::default() };
        caller.vault.persons(&active).map(|page| page.total)
    };
    let reading = Reading {
        photo_queue: state.photos.depth(),
        file_queue: state.file.depth(),
        held: state.budget.held(),
        encodings: state.vault.engine().map_or(0, Engine::encoded),
        people: app.file.run(people).await??,
    };
    let text = app.metrics.text(reading).map_err(|_| ApiError::internal())?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

/// This description of the service, as OpenAPI 3.1
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), Errors)
)]
pub(in crate::http) async fn openapi(_: Caller) -> Json<Value> {
    Json(crate::http::openapi::openapi())
}

/// This description of the service, as a page to read
#[utoipa::path(
    get, path = "/docs", tag = "service", operation_id = "docs",
    responses((status = 200, description = "A page", content_type = "text/html", body = String), Errors)
)]
pub(in crate::http) async fn docs(_: Caller) -> Response {
    let mut response = Html(docs::page(&crate::http::openapi::openapi())).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
