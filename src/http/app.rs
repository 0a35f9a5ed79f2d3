//! What every request works with.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use super::answer::Reply;
use super::budget::Budget;
use super::error::ApiError;
use super::metrics::Metrics;
use super::options::ServerOptions;
use super::score::Scale;
use super::throttle::Throttle;
use super::work::Lane;
use crate::engine::Engine;
use crate::models::Manifest;
use crate::vault::Vault;

/// Threads that read and write the file beside those that work on photos.
const FILE_THREADS: usize = 4;
/// Requests that may wait for them.
const FILE_QUEUE: usize = 256;

/// The state of a server. Cloning is cheap.
#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

pub(super) struct Shared {
    /// As its first client sees it; a token gives it for another one.
    pub(super) vault: Vault,
    pub(super) hosts: Vec<String>,
    pub(super) max_body: u64,
    pub(super) patience: std::time::Duration,
    pub(super) throttle: Throttle,
    pub(super) budget: Budget,
    pub(super) metrics: Metrics,
    pub(super) manifest: Option<Manifest>,
    /// The scale of scores, or why there is none.
    pub(super) scale: Result<Scale, String>,
    /// Work on photos.
    pub(super) photos: Lane,
    /// Work on the file alone.
    pub(super) file: Lane,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(super) fn new(vault: Vault, options: ServerOptions) -> Self {
        let engine = vault.engine();
        let table = options.calibration.as_ref().or_else(|| engine.and_then(Engine::calibration));
        let scale = match (table, engine) {
            (Some(table), _) => Scale::new(table).map_err(|error| format!("scores need more data: {error}")),
            (None, Some(engine)) => Err(format!(
                "the model {} has no table from similarity to false match rate: make one with `facevault calibrate`",
                engine.name()
            )),
            (None, None) => Err("no model is loaded".to_owned()),
        };
        let threads = engine.map_or(1, Engine::threads);
        Self(Arc::new(Shared {
            hosts: options.hosts,
            max_body: options.max_body,
            patience: options.patience,
            throttle: Throttle::new(options.bad_tokens_per_second),
            budget: Budget::new(options.max_bodies),
            metrics: Metrics::default(),
            manifest: options.manifest,
            scale,
            photos: Lane::new(threads, options.queue),
            file: Lane::new(FILE_THREADS, FILE_QUEUE),
            vault,
        }))
    }

    /// Runs work on photos.
    pub(super) async fn with_photos(
        &self,
        work: impl FnOnce() -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        self.run(&self.photos, work).await
    }

    /// Runs work on the file alone.
    pub(super) async fn with_file(
        &self,
        work: impl FnOnce() -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        self.run(&self.file, work).await
    }

    async fn run(
        &self,
        lane: &Lane,
        work: impl FnOnce() -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        if self.budget.is_full() {
            return Err(ApiError::busy());
        }
        Ok(lane.run(work).await??.into_response(&self.budget))
    }

    /// The scale of scores.
    ///
    /// # Errors
    /// 503 with the reason where there is none.
    pub(super) fn scale(&self) -> Result<&Scale, ApiError> {
        self.scale.as_ref().map_err(|reason| ApiError::unavailable("no_scores", reason))
    }
}

/// Who asks: the vault as the token's client sees it.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) vault: Vault,
}

/// The id under which a request is answered and logged.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::internal)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::internal)
    }
}
