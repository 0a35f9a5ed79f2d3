//! Runs jobs outside the network's threads: as many at a time as there are threads, with a bounded number waiting, in
//! the order of [`super::turns`].

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::ApiError;
use super::turns::{Cost, Started, Ticket, Turns};

/// The key of a lane.
pub(super) trait Key: Clone + Eq + Hash + Send + 'static {}

impl<K: Clone + Eq + Hash + Send + 'static> Key for K {}

/// A bounded queue in front of some threads. Cloning gives the same queue.
#[derive(Debug)]
pub(super) struct WorkQueue<K: Key>(Arc<Mutex<Turns<K, Waits<K>>>>);

/// A request that waits for a thread.
#[derive(Debug)]
struct Waits<K: Key>(oneshot::Sender<Turn<K>>);

impl<K: Key> Ticket for Waits<K> {
    fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

/// A thread's time, until this is dropped.
#[derive(Debug)]
struct Turn<K: Key> {
    queue: WorkQueue<K>,
    started: Started<K>,
    since: Option<Instant>,
}

impl<K: Key> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Key> WorkQueue<K> {
    /// A queue that runs `threads` jobs at once and lets `waiting` more wait. `guess` is the estimated time of a unit of
    /// work until some was measured.
    pub(super) fn new(threads: usize, waiting: usize, guess: Duration) -> Self {
        Self(Arc::new(Mutex::new(Turns::new(threads, waiting, guess))))
    }

    /// Runs `work` on a thread where it may block. Work that has begun is finished, whether or not
    /// anybody waits for it still.
    ///
    /// # Errors
    /// 503 if the lane of `key` is full, 500 if the work panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        key: K,
        cost: Cost,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (ticket, turn) = oneshot::channel();
        let entered = self.turns().enter(key, cost, Waits(ticket), Instant::now());
        entered.map_err(ApiError::busy_for)?;
        self.start();
        let mut turn = turn.await.map_err(|_| ApiError::internal())?;
        // So that what is logged on that thread can be traced to the request.
        let request = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            turn.since = Some(Instant::now());
            let _held = turn;
            request.in_scope(work)
        });
        done.await.map_err(|error| {
            // The panic's message is not logged, since it may contain personal data.
            tracing::error!(panicked = error.is_panic(), "a request's work ended early");
            ApiError::internal()
        })
    }

    /// How many jobs run or wait.
    pub(super) fn depth(&self) -> usize {
        self.turns().depth()
    }

    /// Gives the free threads to the next jobs.
    fn start(&self) {
        loop {
            let next = self.turns().next(Instant::now());
            let Some((started, Waits(ticket))) = next else { return };
            // If the request was dropped meanwhile, so is the turn. Dropping it locks the queue, so it is dropped here.
            drop(ticket.send(Turn { queue: self.clone(), started, since: None }));
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns<K, Waits<K>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key> Drop for Turn<K> {
    fn drop(&mut self) {
        let took = self.since.map(|since| since.elapsed());
        self.queue.turns().finish(&self.started, took);
        self.queue.start();
    }
}
