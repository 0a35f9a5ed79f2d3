//! Liveness: whether a living person stands in front of the camera.

use axum::routing::post;
use utoipa::IntoResponses;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Paths};
use utoipa::openapi::response::ResponsesBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::http::app::{App, Caller};
use crate::http::error::ApiError;
use crate::http::openapi::{Errors, QueryErrors};
use crate::http::query::NoQuery;

/// The routes with a liveness check.
const PATHS: [&str; 5] =
    ["/liveness", "/search-live-face", "/compare-live", "/compare-with-liveness", "/persons/search-live-face"];

/// What every route with a liveness check answers while no pack brings a liveness network.
const REASON: &str = "no liveness model is part of the loaded pack: whether a photo shows a living person is not known";

/// What routes answer about bodies, which are not read here.
const ABOUT_BODIES: [&str; 4] = ["400", "408", "413", "415"];

/// The routes and their descriptions.
pub(super) fn routes() -> OpenApiRouter<App> {
    PATHS.into_iter().fold(OpenApiRouter::default(), |router, path| {
        let mut paths = Paths::new();
        paths.add_path_operation(path, vec![HttpMethod::Post], described(path));
        router.routes((Vec::new(), paths, post(unavailable)))
    })
}

fn described(path: &str) -> Operation {
    OperationBuilder::new()
        .tag("liveness")
        .operation_id(Some(path.trim_start_matches('/').replace(['/', '-'], "_")))
        .summary(Some("Needs a liveness model"))
        .description(Some("Answers 503 with the reason until a liveness network is part of the loaded pack."))
        .responses(
            ResponsesBuilder::new().responses_from_iter(
                Errors::responses()
                    .into_iter()
                    .chain(QueryErrors::responses())
                    .filter(|(status, _)| !ABOUT_BODIES.contains(&&status[..])),
            ),
        )
        .build()
}

async fn unavailable(_: Caller, _: NoQuery) -> ApiError {
    ApiError::unavailable("liveness_unavailable", REASON)
}
