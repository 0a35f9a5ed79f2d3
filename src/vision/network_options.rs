//! How networks are loaded, and the time that they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::setters::setters;

use super::workload::Workload;

/// How a network is loaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NetworkOptions {
    /// What errors call the network, for example its file's name.
    pub name: String,
    /// How many runs may be under way at once, at least 1, each with a thread of its own.
    pub sessions: usize,
    /// How many photos the engine is working on. For a single photo, the network runs with as many threads as there may
    /// be sessions.
    pub workload: Workload,
    /// The outputs to be read, in the order in which [`Network::run`](super::Network::run) hands
    /// them over; empty for all, in the network's order.
    pub outputs: Vec<String>,
    /// Adds up the time of all runs; networks may share one.
    pub clock: NetworkClock,
}

impl NetworkOptions {
    /// One run at a time, all outputs.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            sessions: 1,
            workload: Workload::default(),
            outputs: Vec::new(),
            clock: NetworkClock::default(),
        }
    }
}

setters!(NetworkOptions {
    sessions: with_sessions(usize),
    workload: with_workload(Workload),
    outputs: with_outputs(Vec<String>),
    clock: with_clock(NetworkClock),
});

/// The time spent inside networks, and the sessions that they opened. Cloning gives another handle to
/// the same sums.
#[derive(Debug, Clone, Default)]
pub struct NetworkClock {
    sums: Arc<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    nanoseconds: AtomicU64,
    sessions: AtomicUsize,
}

impl NetworkClock {
    /// The time so far, added up over threads.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.sums.nanoseconds.load(Ordering::Relaxed))
    }

    /// How many sessions were opened. A network keeps each of them for the next run.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sums.sessions.load(Ordering::Relaxed)
    }

    /// Counts a session that was opened.
    pub(super) fn opened(&self) {
        self.sums.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `work` and adds its time.
    pub(super) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.sums.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }
}
