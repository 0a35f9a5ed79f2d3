//! The routes, a file a group.

pub(super) mod collections;
pub(super) mod detect;
pub(super) mod liveness;
pub(super) mod matching;
pub(super) mod models;
pub(super) mod persons;
pub(super) mod service;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::app::App;
use super::error::ApiError;
use super::{auth, drain, host, observe};

pub(super) const BASE: &str = "/v2/face-recognition";
pub(super) const HEALTH: &str = "/healthz";
pub(super) const METRICS: &str = "/metrics";
pub(super) const OPENAPI: &str = "/openapi.json";
pub(super) const DOCS: &str = "/docs";

/// All routes, and what every request goes through before them.
pub(super) fn router(app: App) -> Router {
    let faces = Router::new()
        .route("/persons", get(persons::list).post(persons::create))
        .route("/persons/lookup", get(persons::lookup))
        .route("/persons/search-live-face", post(liveness::unavailable))
        .route("/persons/{id}", get(persons::read).put(persons::update).delete(persons::remove))
        .route("/collections", get(collections::list).post(collections::create))
        .route("/collections/{id}", get(collections::read).put(collections::update).delete(collections::remove))
        .route("/search", post(matching::search))
        .route("/search/crops", post(matching::search_crops))
        .route("/search-active-user", post(matching::search_active_user))
        .route("/verify", post(matching::verify))
        .route("/compare", post(matching::compare))
        .route("/detect", post(detect::detect))
        .route("/liveness", post(liveness::unavailable))
        .route("/search-live-face", post(liveness::unavailable))
        .route("/compare-live", post(liveness::unavailable))
        .route("/compare-with-liveness", post(liveness::unavailable))
        .route("/models", get(models::models));
    Router::new()
        .nest(BASE, faces)
        .route(HEALTH, get(service::health))
        .route(METRICS, get(service::metrics))
        .route(OPENAPI, get(service::openapi))
        .route(DOCS, get(service::docs))
        .fallback(|| async { ApiError::no_such_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_such_method() })
        .layer(from_fn_with_state(app.clone(), auth::check))
        .layer(from_fn_with_state(app.clone(), host::check))
        .layer(from_fn_with_state(app.clone(), drain::leftover))
        .layer(from_fn_with_state(app.clone(), observe::request))
        .with_state(app)
}

/// What whoever runs the server asks, without a token and at an address of its own.
pub(super) fn process(app: App) -> Router {
    Router::new()
        .route(METRICS, get(service::process_metrics))
        .fallback(|| async { ApiError::no_such_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_such_method() })
        .layer(from_fn_with_state(app.clone(), host::check))
        .with_state(app)
}
