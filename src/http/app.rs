//! What every request works with.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use super::answer::Reply;
use super::budget::{Budget, Share};
use super::connection::ConnectionHandle;
use super::error::ApiError;
use super::metrics::{Metrics, Queue};
use super::options::ServerOptions;
use super::score::Scale;
use super::throttle::Throttle;
use super::work_queue::WorkQueue;
use crate::engine::Engine;
use crate::models::Manifest;
use crate::person::ClientId;
use crate::vault::Vault;

/// Threads that read and write the file beside those that work on photos.
const FILE_THREADS: usize = 4;
/// Requests that may wait for them.
const FILE_QUEUE: usize = 256;
/// Tokens that are looked up at once, and requests that may wait for it.
const TOKEN_THREADS: usize = 2;
const TOKEN_QUEUE: usize = 256;

/// The state of a server. Cloning is cheap.
#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

pub(super) struct Shared {
    /// The vault as its first client sees it; a token gives the view of the token's own client.
    pub(super) vault: Vault,
    /// Whether the vault's file was in its place when it was last looked at.
    pub(super) in_place: AtomicBool,
    pub(super) hosts: Vec<String>,
    pub(super) max_body: u64,
    pub(super) patience: std::time::Duration,
    pub(super) longest: std::time::Duration,
    pub(super) throttle: Throttle,
    pub(super) budget: Budget,
    /// Metrics of all requests.
    pub(super) metrics: Metrics,
    /// Metrics of each client's requests.
    clients: Mutex<HashMap<ClientId, Arc<Metrics>>>,
    pub(super) manifest: Option<Manifest>,
    /// The scale of scores, or why there is none.
    pub(super) scale: Result<Scale, String>,
    /// Work on photos.
    pub(super) photos: WorkQueue,
    /// Work on the file alone.
    pub(super) file: WorkQueue,
    /// Lookups of tokens.
    pub(super) token_work: WorkQueue,
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
        let table = options.calibration.as_ref().map_or_else(|| vault.calibration(), |table| Ok(Some(table)));
        let scale = match (table, engine) {
            (Err(error), _) => Err(format!("the vault cannot be read: {error}")),
            (Ok(Some(table)), _) => Scale::new(table).map_err(|error| format!("scores need more data: {error}")),
            (Ok(None), Some(engine)) => Err(format!(
                "the model {} has no table from similarity to false match rate: make one with `facevault calibrate`",
                engine.name()
            )),
            (Ok(None), None) => Err("no model is loaded".to_owned()),
        };
        let threads = engine.map_or(1, Engine::threads);
        Self(Arc::new(Shared {
            in_place: AtomicBool::new(true),
            hosts: options.hosts,
            max_body: options.max_body,
            patience: options.patience,
            longest: options.longest,
            throttle: Throttle::new(options.bad_tokens_per_second),
            budget: Budget::new(options.max_bodies),
            metrics: Metrics::default(),
            clients: Mutex::default(),
            manifest: options.manifest,
            scale,
            photos: WorkQueue::new(threads, options.queue),
            file: WorkQueue::new(FILE_THREADS, FILE_QUEUE),
            token_work: WorkQueue::new(TOKEN_THREADS, TOKEN_QUEUE),
            vault,
        }))
    }

    /// Who asks on `connection`, with a token of this vault's client.
    pub(super) fn caller(&self, vault: Vault, connection: ConnectionHandle) -> Caller {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = Arc::clone(clients.entry(vault.client().clone()).or_default());
        Caller { share: self.budget.share(vault.client()), vault, connection, metrics }
    }

    /// Runs work on photos.
    pub(super) async fn with_photos(
        &self,
        caller: Caller,
        work: impl FnOnce(&Vault) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        self.run(Queue::Photos, caller, work).await
    }

    /// Runs work on the file alone.
    pub(super) async fn with_file(
        &self,
        caller: Caller,
        work: impl FnOnce(&Vault) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        self.run(Queue::File, caller, work).await
    }

    /// The thread that did the work also serialises its answer or error, whose bytes then count as the client's.
    async fn run(
        &self,
        queue: Queue,
        caller: Caller,
        work: impl FnOnce(&Vault) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        if caller.share.is_full() {
            return Err(ApiError::busy());
        }
        let lane = match queue {
            Queue::Photos => &self.photos,
            Queue::File => &self.file,
        };
        let (counted, asked) = (caller.metrics.enter(queue), caller.clone());
        let work = move || {
            let _counted = counted;
            // Again, since other answers may have been made while this request waited.
            let room = if asked.share.is_full() { Err(ApiError::busy()) } else { Ok(()) };
            room.and_then(|()| work(&asked.vault)).unwrap_or_else(ApiError::into_reply)
        };
        Ok(lane.run(work).await?.into_response(&caller, self.longest))
    }

    /// The scale of scores.
    ///
    /// # Errors
    /// 503 with the reason where there is none.
    pub(super) fn scale(&self) -> Result<&Scale, ApiError> {
        self.scale.as_ref().map_err(|reason| ApiError::unavailable("no_scores", reason))
    }
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    /// As the token's client sees it.
    pub(super) vault: Vault,
    /// The client's part of the memory.
    pub(super) share: Share,
    /// The numbers of the client's own requests.
    pub(super) metrics: Arc<Metrics>,
    /// The connection.
    pub(super) connection: ConnectionHandle,
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
