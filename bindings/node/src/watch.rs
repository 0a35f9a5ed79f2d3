//! How far a call has come, and its cancellation.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::exit::Jobs;
use facevault::{Progress, Step, Unit};
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

/// Tells JavaScript that there is a new step. Weak: it does not keep the process alive.
type Nudge = ThreadsafeFunction<(), (), (), napi::Status, false, true>;

/// How long a call waits for JavaScript to look at its first step.
const FIRST: Duration = Duration::from_secs(1);

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const CANCELLED: u8 = 2;

/// One call, as JavaScript holds it.
#[napi]
pub struct Watch {
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(crate) struct Shared {
    stage: AtomicU8,
    stop: AtomicBool,
    latest: Mutex<Option<WatchedStep>>,
    nudged: AtomicBool,
    seen: Mutex<bool>,
    look: Condvar,
}

/// How far a call has come.
#[napi(object)]
pub struct WatchedStep {
    /// What is being done.
    pub what: String,
    /// How much is done.
    pub done: f64,
    /// How much there is to do, if known.
    pub total: Option<f64>,
    /// What is counted.
    pub unit: String,
}

#[napi]
impl Watch {
    /// A call that has not begun.
    #[napi(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Asks the call to stop. True if it had not begun, and so never will.
    #[napi]
    pub fn cancel(&self) -> bool {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.stage.compare_exchange(WAITING, CANCELLED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The latest step that was not taken yet.
    #[napi]
    pub fn take(&self) -> Option<WatchedStep> {
        self.shared.nudged.store(false, Ordering::SeqCst);
        self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says that a step was looked at, so that a call that waits for this goes on.
    #[napi]
    pub fn seen(&self) {
        *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.look.notify_all();
    }
}

impl Watch {
    pub(crate) fn reporter(&self, nudge: Option<Function<'_, (), ()>>, jobs: Arc<Jobs>) -> napi::Result<Reporter> {
        let nudge = match nudge {
            Some(nudge) => Some(nudge.build_threadsafe_function::<()>().weak::<true>().build()?),
            None => None,
        };
        Ok(Reporter { shared: self.shared.clone(), jobs, nudge, is_first: true })
    }
}

/// The side of the call.
pub(crate) struct Reporter {
    shared: Arc<Shared>,
    jobs: Arc<Jobs>,
    nudge: Option<Nudge>,
    is_first: bool,
}

impl Reporter {
    /// Marks the call as begun; false if it was cancelled before, or the process ends.
    pub(crate) fn begin(&self) -> bool {
        !self.jobs.stopping()
            && self.shared.stage.compare_exchange(WAITING, RUNNING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Progress for Reporter {
    /// Keeps the step for JavaScript. At most one message about it is on its way, so a busy event loop gets the latest
    /// step and not a queue of old ones. The first step is waited for, so that a function that cancels at once does so
    /// before a short operation is over; later ones are not, so that a busy event loop does not slow the work.
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        if let Some(nudge) = self.nudge.as_ref().filter(|_| !step.what.is_empty()) {
            let unit = if step.unit == Unit::Bytes { "bytes" } else { "items" };
            let (done, total) = (step.done as f64, step.total.map(|total| total as f64));
            let step = WatchedStep { what: step.what.to_owned(), done, total, unit: unit.to_owned() };
            *self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
            if !self.shared.nudged.swap(true, Ordering::SeqCst) {
                nudge.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
            if std::mem::take(&mut self.is_first) && !self.jobs.stopping() {
                let seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
                drop(self.shared.look.wait_timeout_while(seen, FIRST, |seen| !*seen));
            }
        }
        let stop = self.shared.stop.load(Ordering::SeqCst) || self.jobs.stopping();
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
