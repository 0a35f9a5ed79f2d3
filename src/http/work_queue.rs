//! Runs jobs outside the network's threads: as many at a time as there are threads, with a bounded number waiting.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::ApiError;

/// A bounded queue in front of some threads. Cloning gives the same queue.
#[derive(Debug, Clone)]
pub(super) struct WorkQueue {
    /// One permit for each job that runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each job that runs.
    running: Arc<Semaphore>,
    most: usize,
}

impl WorkQueue {
    /// A queue that runs `threads` jobs at once and lets `waiting` more wait.
    pub(super) fn new(threads: usize, waiting: usize) -> Self {
        let most = threads + waiting;
        Self { places: Arc::new(Semaphore::new(most)), running: Arc::new(Semaphore::new(threads)), most }
    }

    /// Runs `work` on a thread where it may block. Work that has begun is finished, whether or not
    /// anybody waits for it still.
    ///
    /// # Errors
    /// 503 where the queue is full, 500 where the work panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ApiError::busy())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| ApiError::busy())?;
        // So that what is logged on that thread can be traced to the request.
        let request = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            request.in_scope(work)
        });
        done.await.map_err(|error| {
            // The panic's message is not logged, since it may contain personal data.
            tracing::error!(panicked = error.is_panic(), "a request's work ended early");
            ApiError::internal()
        })
    }

    /// How many work or wait.
    pub(super) fn depth(&self) -> usize {
        self.most - self.places.available_permits()
    }
}
