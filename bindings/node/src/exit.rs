//! The end of a process or of a worker thread.
//!
//! When a process ends, C++ tears ONNX Runtime down; a photo that is worked on at that moment would crash it. So
//! JavaScript calls [`Exit::stop`] as the process ends, and a worker thread that is terminated does the same by a hook:
//! what waits is given up, and what runs is waited for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::Env;
use napi_derive::napi;

/// How long the end is held up at most.
const LONGEST: Duration = Duration::from_secs(10);

/// The jobs of everything that was opened on one JavaScript thread.
#[napi]
pub struct Exit {
    jobs: Arc<Jobs>,
}

#[napi]
impl Exit {
    /// Nothing is open yet.
    #[napi(constructor)]
    pub fn new(env: Env) -> napi::Result<Self> {
        let jobs = Arc::<Jobs>::default();
        env.add_env_cleanup_hook(jobs.clone(), |jobs| jobs.stop())?;
        Ok(Self { jobs })
    }

    /// Gives up what waits and waits for what runs.
    #[napi]
    pub fn stop(&self) {
        self.jobs.stop();
    }
}

impl Exit {
    pub(crate) fn jobs(&self) -> Arc<Jobs> {
        self.jobs.clone()
    }
}

/// Counts jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    state: Mutex<State>,
    none: Condvar,
}

#[derive(Default)]
struct State {
    count: usize,
    stopping: bool,
}

impl Jobs {
    /// Counts a job until the answer is dropped; `None` once the end has come.
    pub(crate) fn count(self: &Arc<Self>) -> Option<Counted> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        state.count += 1;
        Some(Counted(self.clone()))
    }

    /// Whether the end has come.
    pub(crate) fn stopping(&self) -> bool {
        self.lock().stopping
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        drop(self.none.wait_timeout_while(state, LONGEST, |state| state.count > 0));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that waits or runs.
pub(crate) struct Counted(Arc<Jobs>);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.count -= 1;
        if state.count == 0 {
            self.0.none.notify_all();
        }
    }
}
