//! What every request works with.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use super::answer::Reply;
use super::body::JsonBody;
use super::budget::{Budget, Share};
use super::connection::ConnectionHandle;
use super::error::ApiError;
use super::metrics::{Metrics, Queue, UnderWay};
use super::options::ServerOptions;
use super::photos::{self, Photos};
use super::score::Scale;
use super::throttle::{Shower, Throttle};
use super::turns::Cost;
use super::work_queue::WorkQueue;
use crate::engine::Engine;
use crate::models::Manifest;
use crate::person::{ClientId, TokenId};
use crate::vault::{Access, Vault};

/// Threads that read and write the file beside those that work on photos.
const FILE_THREADS: usize = 4;
/// Requests that may wait for them.
const FILE_QUEUE: usize = 256;
/// The estimate of how long work on the file takes, until some was measured.
const FILE_GUESS: Duration = Duration::from_millis(2);
/// Bodies with photos are parsed on one thread, and one more for each of so many threads that work on photos.
const READERS: usize = 8;
/// Parsing so many bytes of a body is one unit of work, as is the fixed cost of a body.
const READ_BYTES: f64 = 65_536.0;
/// The estimate of how long a unit takes, until some were measured.
const READ_GUESS: Duration = Duration::from_micros(200);
/// Threads that look up tokens, and requests that may wait for them.
const TOKEN_THREADS: usize = 2;
const TOKEN_QUEUE: usize = 1_024;

/// The state of a server. Cloning is cheap.
#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

pub(super) struct Shared {
    /// The vault as its first client sees it; a token gives the view of the token's own client.
    pub(super) vault: Vault,
    /// Whether the vault's file was in its place at the last check.
    pub(super) in_place: AtomicBool,
    pub(super) hosts: Vec<String>,
    /// Whether the console is served.
    pub(super) console: bool,
    pub(super) max_body: u64,
    /// The most requests of one client at once.
    pub(super) max_requests: usize,
    pub(super) patience: Duration,
    pub(super) longest: Duration,
    pub(super) throttle: Throttle,
    pub(super) budget: Budget,
    /// Metrics of all requests.
    pub(super) metrics: Metrics,
    /// Metrics of each client's requests.
    clients: Mutex<HashMap<ClientId, Arc<Metrics>>>,
    pub(super) manifest: Option<Manifest>,
    /// The scale of scores, or why there is none.
    pub(super) scale: Result<Scale, String>,
    /// Whether a liveness model is loaded.
    pub(super) liveness: bool,
    /// The threads that work on photos.
    threads: usize,
    /// The most megapixels of a request's photos.
    max_megapixels: u32,
    /// Work on photos, in megapixels.
    pub(super) photos: WorkQueue<ClientId>,
    /// Parsing of bodies with photos.
    readings: WorkQueue<ClientId>,
    /// Work on the file alone.
    pub(super) file: WorkQueue<ClientId>,
    /// Lookups of tokens.
    pub(super) token_work: WorkQueue<Shower>,
    /// Held by work that goes through the whole vault.
    whole: Mutex<()>,
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
        let liveness = engine.is_some_and(|engine| match engine.liveness_model() {
            Ok(_) => true,
            Err(error) => {
                tracing::info!(%error, "no liveness model is loaded");
                false
            }
        });
        Self(Arc::new(Shared {
            in_place: AtomicBool::new(true),
            hosts: options.hosts,
            console: options.console,
            max_body: options.max_body,
            max_requests: (options.max_connections / 2).max(1),
            patience: options.patience,
            longest: options.longest,
            throttle: Throttle::new(options.bad_tokens_per_second),
            // Parsing a body with photos makes a copy of it, which is not counted: a part is reserved for it.
            budget: Budget::new(options.max_bodies - options.max_body.min(options.max_bodies / 4)),
            metrics: Metrics::default(),
            clients: Mutex::default(),
            manifest: options.manifest,
            scale,
            liveness,
            threads,
            max_megapixels: options.max_megapixels,
            photos: WorkQueue::new(threads, options.queue, photos::GUESS),
            readings: WorkQueue::new(1 + threads / READERS, FILE_QUEUE, READ_GUESS),
            file: WorkQueue::new(FILE_THREADS, FILE_QUEUE, FILE_GUESS),
            token_work: WorkQueue::new(TOKEN_THREADS, TOKEN_QUEUE, FILE_GUESS),
            whole: Mutex::default(),
            vault,
        }))
    }

    /// The caller of a request on `connection`, with a token of this vault's client, and how many requests the client
    /// has open, this one included.
    pub(super) fn caller(&self, vault: Vault, token: TokenId, connection: ConnectionHandle) -> (Caller, usize) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = Arc::clone(clients.entry(vault.client().clone()).or_default());
        drop(clients);
        let (open, count) = metrics.begin();
        let share = self.budget.share(vault.client());
        (Caller { share, vault, token, connection, metrics, open: Arc::new(open) }, count)
    }

    /// Runs work on the photos of a body. `read` parses the body, which has to come first: the photos, and so the cost
    /// of the work, are known only then.
    pub(super) async fn with_photos<A: Photos + Send + 'static>(
        &self,
        caller: Caller,
        body: JsonBody,
        read: impl FnOnce(&Vault, &[u8]) -> Result<A, ApiError> + Send + 'static,
        work: impl FnOnce(&Vault, A) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        if caller.share.is_full() {
            return Err(ApiError::busy());
        }
        let counted = caller.metrics.enter(Queue::Photos);
        let (asking, threads, most) = (caller.clone(), self.threads, self.max_megapixels);
        let (bytes, mut held) = body.into_parts();
        let length = Cost { units: 1.0 + bytes.len() as f64 / READ_BYTES, width: 1 };
        let reading = move || {
            asking.check()?;
            let asked = read(&asking.vault, &bytes)?;
            let cost = photos::cost(&asked, threads, most)?;
            held.shrink(photos::saved(&asked));
            Ok((asked, cost, held))
        };
        // The thread that read the body also serialises what is wrong with it.
        let reading = move || reading().map_err(|error: ApiError| Box::new(error.into_reply()));
        let (asked, cost, held) = match self.readings.run(caller.client(), length, reading).await? {
            Ok(read) => read,
            Err(refused) => return Ok(refused.into_response(&caller, self.longest)),
        };
        let work = move |vault: &Vault| {
            let _held = held;
            work(vault, asked)
        };
        self.run(&self.photos, cost, counted, caller, work).await
    }

    /// Runs work on the file alone.
    pub(super) async fn with_file(
        &self,
        caller: Caller,
        work: impl FnOnce(&Vault) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        if caller.share.is_full() {
            return Err(ApiError::busy());
        }
        let counted = caller.metrics.enter(Queue::File);
        self.run(&self.file, Cost::ONE, counted, caller, work).await
    }

    /// The thread that did the work also serialises its answer or error, whose bytes then count as the client's.
    async fn run(
        &self,
        queue: &WorkQueue<ClientId>,
        cost: Cost,
        counted: UnderWay,
        caller: Caller,
        work: impl FnOnce(&Vault) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let asked = caller.clone();
        let work = move || {
            let _counted = counted;
            // Checked again, since other answers may have been made while this request waited.
            let room = if asked.share.is_full() { Err(ApiError::busy()) } else { Ok(()) };
            room.and_then(|()| asked.check()).and_then(|()| work(&asked.vault)).unwrap_or_else(ApiError::into_reply)
        };
        Ok(queue.run(caller.client(), cost, work).await?.into_response(&caller, self.longest))
    }

    /// Work that goes through the whole vault: one at a time, so that other work on the file has threads.
    ///
    /// # Errors
    /// 503 with `Retry-After` while there is such work.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let _held = match self.whole.try_lock() {
            Ok(held) => held,
            // Work that panicked left nothing behind.
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(ApiError::busy()),
        };
        work()
    }

    /// The scale of scores.
    ///
    /// # Errors
    /// 503 with the reason where there is none.
    pub(super) fn scale(&self) -> Result<&Scale, ApiError> {
        self.scale.as_ref().map_err(|reason| ApiError::unavailable("no_scores", reason))
    }
}

/// The client and connection of a request.
#[derive(Clone)]
pub(super) struct Caller {
    /// As the token's client sees it.
    pub(super) vault: Vault,
    /// The token of the request.
    token: TokenId,
    /// The client's part of the memory.
    pub(super) share: Share,
    /// The numbers of the client's own requests.
    pub(super) metrics: Arc<Metrics>,
    /// The connection.
    pub(super) connection: ConnectionHandle,
    /// Counts the request among the client's open ones until its answer is sent.
    pub(super) open: Arc<UnderWay>,
}

impl Caller {
    /// Checks the token again: it may have been revoked or expired while the body arrived or the request waited.
    fn check(&self) -> Result<(), ApiError> {
        match self.vault.access_of(&self.token)? {
            Access::Granted(_) => Ok(()),
            Access::Expired => Err(ApiError::token_expired()),
            Access::Unknown => Err(ApiError::unauthorized("Bearer")),
        }
    }

    fn client(&self) -> ClientId {
        self.vault.client().clone()
    }
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
