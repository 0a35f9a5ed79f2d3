//! Threads for the calls of one handle.
//!
//! libuv has four threads for the whole process, which also read files and look up names, so work of seconds must not
//! run there. A pool starts a thread when a job finds none idle, up to a limit; a thread that had nothing to do for
//! some seconds ends, and all end once the pool is dropped and its jobs are done.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::exit::{Counted, Jobs};

/// For how long a thread waits for its next job.
const IDLE: Duration = Duration::from_secs(5);

/// What a thread does.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// See the module.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    jobs: Arc<Jobs>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    jobs: VecDeque<(Job, Counted)>,
    limit: usize,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool of at most `limit` threads, none of them started, whose jobs are counted among `jobs`.
    pub(crate) fn new(limit: usize, jobs: Arc<Jobs>) -> Self {
        let state = State { jobs: VecDeque::new(), limit: limit.max(1), threads: 0, idle: 0, closed: false };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() }), jobs }
    }

    /// The pool's limit, for a job that finds out what it should be.
    pub(crate) fn limit(&self) -> Limit {
        Limit(self.shared.clone())
    }

    /// The jobs that this pool's are counted among.
    pub(crate) fn jobs(&self) -> Arc<Jobs> {
        self.jobs.clone()
    }

    /// Has a thread do `job`. Where no thread can be started, or the process ends, it is done here rather than lost.
    pub(crate) fn run(&self, job: Job) {
        let Some(counted) = self.jobs.count() else { return job() };
        let mut state = self.shared.lock();
        state.jobs.push_back((job, counted));
        if state.jobs.len() <= state.idle || state.threads >= state.limit {
            drop(state);
            self.shared.wake.notify_one();
            return;
        }
        state.threads += 1;
        let shared = self.shared.clone();
        let started = std::thread::Builder::new().name("facevault-call".to_owned()).spawn(move || shared.work());
        if started.is_err() {
            state.threads -= 1;
            if state.threads == 0 {
                let jobs = std::mem::take(&mut state.jobs);
                drop(state);
                jobs.into_iter().for_each(|(job, _counted)| job());
            }
        }
    }
}

/// How many threads a pool may have.
pub(crate) struct Limit(Arc<Shared>);

impl Limit {
    /// Changes it; threads that run go on.
    pub(crate) fn set(&self, limit: usize) {
        self.0.lock().limit = limit.max(1);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run outside of the lock, so a panic cannot leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some((job, counted)) = state.jobs.pop_front() {
                drop(state);
                job();
                drop(counted);
                state = self.lock();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, waited) = self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

/// The pools of a handle, so that a quick call does not wait for work of minutes.
pub(crate) struct Lanes {
    /// Reads and changes without photos.
    pub(crate) quick: Pool,
    /// Calls with photos of one person, and with single pictures.
    pub(crate) photos: Pool,
    /// Work whose length depends on how much there is.
    pub(crate) long: Pool,
}

impl Lanes {
    /// Lanes of a handle; how many photos its engine works on at once is known once it is open.
    pub(crate) fn new(jobs: &Arc<Jobs>) -> Self {
        let pool = |limit| Pool::new(limit, jobs.clone());
        Self { quick: pool(4), photos: pool(1), long: pool(4) }
    }
}
