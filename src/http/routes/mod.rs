//! The routes, a file a group.
//!
//! The method and the path of a route stand in one place, the `#[utoipa::path]` above its handler: the
//! router, the description and the labels of logs and metrics all come from there.

pub(super) mod collections;
pub(super) mod detect;
pub(super) mod duplicates;
pub(super) mod faces;
pub(super) mod listing;
pub(super) mod liveness;
pub(super) mod matching;
pub(super) mod models;
pub(super) mod persons;
pub(super) mod service;
pub(super) mod thumbnails;
pub(super) mod vault;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::ApiError;
use super::openapi::Description;
use super::{auth, connection, console, drain, framing, host, observe};

pub(super) const BASE: &str = "/v2/face-recognition";
pub(super) const HEALTH: &str = "/healthz";
pub(super) const METRICS: &str = "/metrics";
pub(super) const OPENAPI: &str = "/openapi.json";
pub(super) const DOCS: &str = "/docs";

/// Every route with its description.
pub(super) fn described() -> OpenApiRouter<App> {
    let faces = OpenApiRouter::default()
        .routes(routes!(persons::list, persons::create))
        .routes(routes!(persons::lookup))
        .routes(routes!(persons::read, persons::update, persons::remove))
        .routes(routes!(thumbnails::thumbnail))
        .routes(routes!(collections::list, collections::create))
        .routes(routes!(collections::read, collections::update, collections::remove))
        .routes(routes!(matching::search))
        .routes(routes!(matching::search_crops))
        .routes(routes!(faces::search_faces))
        .routes(routes!(matching::search_active_user))
        .routes(routes!(matching::verify))
        .routes(routes!(matching::compare))
        .routes(routes!(detect::detect))
        .routes(routes!(liveness::liveness))
        .routes(routes!(liveness::search_live_face))
        .routes(routes!(liveness::compare_live))
        .routes(routes!(liveness::compare_with_liveness))
        .routes(routes!(liveness::create_live_person))
        .routes(routes!(duplicates::duplicates))
        .routes(routes!(vault::state))
        .routes(routes!(vault::check))
        .routes(routes!(models::models));
    OpenApiRouter::with_openapi(Description::openapi())
        .nest(BASE, faces)
        .routes(routes!(service::health))
        .routes(routes!(service::metrics))
        .routes(routes!(service::openapi))
        .routes(routes!(service::docs))
}

/// All routes, and what every request goes through before them.
pub(super) fn router(app: App) -> Router {
    let mut routes = Router::from(described());
    if app.console {
        routes = routes.merge(console::routes());
    }
    routes
        .fallback(|| async { ApiError::no_such_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_such_method() })
        .layer(from_fn_with_state(app.clone(), auth::check))
        .layer(from_fn_with_state(app.clone(), host::check))
        .layer(from_fn(framing::check))
        .layer(from_fn_with_state(app.clone(), drain::leftover))
        .layer(from_fn_with_state(app.clone(), observe::request))
        .layer(from_fn(connection::open))
        .with_state(app)
}

/// What whoever runs the server asks, without a token and at an address of its own.
pub(super) fn process(app: App) -> Router {
    Router::new()
        .route(METRICS, get(service::process_metrics))
        .fallback(|| async { ApiError::no_such_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_such_method() })
        .layer(from_fn_with_state(app.clone(), host::check))
        .layer(from_fn(connection::open))
        .with_state(app)
}
