//! What is loaded, and what its scores mean.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::error::ApiError;
use crate::http::openapi::{Errors, QueryErrors};
use crate::http::query::NoQuery;
use crate::http::score::{ANCHOR_FMR, ANCHOR_SCORE};
use crate::spec::Metric;

/// What is loaded.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Models<'a> {
    /// Whether routes with a liveness check work.
    liveness: bool,
    /// The pack; null where the server runs without models.
    #[schema(required = true)]
    pack: Option<LoadedPack<'a>>,
    /// What runs the networks.
    #[schema(required = true)]
    runtime: Option<LoadedRuntime<'a>>,
    /// What scores mean, or why there are none.
    scores: Scores<'a>,
}

/// The pack, its licence and its model.
#[derive(Serialize, ToSchema)]
struct LoadedPack<'a> {
    /// Components of a face encoding.
    dimension: usize,
    #[schema(required = true)]
    licence: Option<&'a str>,
    metric: Metric,
    /// The model's id, 32 hexadecimal digits.
    model: String,
    name: &'a str,
    /// What the origin says on use.
    #[schema(required = true)]
    terms: Option<&'a str>,
    #[schema(required = true)]
    title: Option<&'a str>,
}

/// What runs the networks.
#[derive(Serialize, ToSchema)]
struct LoadedRuntime<'a> {
    kind: &'static str,
    version: &'a str,
}

/// What scores mean: the anchor, and the similarities at which the scale bends; or why there are no
/// scores.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Scores<'a> {
    None {
        /// False.
        available: bool,
        reason: &'a str,
    },
    Scale {
        anchor: Anchor,
        /// True.
        available: bool,
        knots: Vec<Knot>,
    },
}

/// The score whose rate is the same for every model.
#[derive(Serialize, ToSchema)]
struct Anchor {
    /// The false match rate for which the score stands.
    fmr: f64,
    score: f64,
    /// The similarity of this score.
    similarity: f64,
}

/// A similarity at which the scale bends, and its score.
#[derive(Serialize, ToSchema)]
struct Knot {
    score: f64,
    similarity: f64,
}

/// The loaded models and the meaning of scores
#[utoipa::path(
    get, path = "/models", tag = "service", operation_id = "models",
    responses((status = 200, description = "The models", body = Answer<Models>), Errors, QueryErrors)
)]
pub(in crate::http) async fn models(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
) -> Result<Response, ApiError> {
    let engine = caller.vault.engine();
    let runtime = engine.and_then(Engine::runtime);
    let data = Models {
        liveness: app.liveness,
        pack: engine.map(|engine| pack(&app, engine)),
        runtime: runtime.map(|runtime| LoadedRuntime { kind: "onnx_runtime", version: &runtime.version }),
        scores: scores(&app),
    };
    Ok(Reply::new(request, data).into_response(&caller, app.longest))
}

fn pack<'a>(app: &'a App, engine: &'a Engine) -> LoadedPack<'a> {
    let manifest = app.manifest.as_ref();
    LoadedPack {
        dimension: engine.embedder().dimension,
        licence: manifest.map(|manifest| manifest.licence.as_str()),
        metric: engine.embedder().metric,
        model: engine.model().to_string(),
        name: engine.name(),
        terms: manifest.map(|manifest| manifest.terms.as_str()),
        title: manifest.map(|manifest| manifest.title.as_str()),
    }
}

fn scores(app: &App) -> Scores<'_> {
    match &app.scale {
        Err(reason) => Scores::None { available: false, reason },
        Ok(scale) => Scores::Scale {
            anchor: Anchor { fmr: ANCHOR_FMR, score: ANCHOR_SCORE, similarity: scale.anchor().get() },
            available: true,
            knots: scale
                .knots()
                .iter()
                .map(|(similarity, score)| Knot { score: *score, similarity: *similarity })
                .collect(),
        },
    }
}
