//! What is loaded, and what its scores mean.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::error::ApiError;
use crate::http::openapi::Errors;
use crate::http::schema;
use crate::http::score::{ANCHOR_FMR, ANCHOR_SCORE};

/// The loaded models and the meaning of scores
#[utoipa::path(
    get, path = "/v2/face-recognition/models", tag = "service", operation_id = "models",
    responses((status = 200, description = "The models", body = Answer<schema::Models>), Errors)
)]
pub(in crate::http) async fn models(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
) -> Result<Response, ApiError> {
    let data = json!({
        "pack": caller.vault.engine().map(|engine| pack(&app, engine)),
        "runtime": caller.vault.engine().and_then(Engine::runtime).map(|runtime| json!({
            "kind": "onnx_runtime",
            "version": runtime.version,
        })),
        "scores": scores(&app),
        "liveness": false,
    });
    Ok(Reply::new(request, data).into_response(&caller, app.longest))
}

fn pack(app: &App, engine: &Engine) -> Value {
    let manifest = app.manifest.as_ref();
    json!({
        "name": engine.name(),
        "title": manifest.map(|manifest| &manifest.title),
        "licence": manifest.map(|manifest| &manifest.licence),
        "terms": manifest.map(|manifest| &manifest.terms),
        "model": engine.model().to_string(),
        "dimension": engine.embedder().dimension,
        "metric": engine.embedder().metric,
    })
}

fn scores(app: &App) -> Value {
    match &app.scale {
        Err(reason) => json!({"available": false, "reason": reason}),
        Ok(scale) => json!({
            "available": true,
            "anchor": {"score": ANCHOR_SCORE, "fmr": ANCHOR_FMR, "similarity": scale.anchor()},
            "knots": scale.knots().iter().map(|(similarity, score)| json!({"similarity": similarity, "score": score})).collect::<Value>(),
        }),
    }
}
