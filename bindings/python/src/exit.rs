//! The end of the interpreter: daemon threads may be inside a call then, and ONNX Runtime crashes where it is taken down
//! while it works. Calls that run are waited for, and later ones are errors.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use facevault_bindings::facevault::{Error, ErrorKind};
use pyo3::prelude::*;

use crate::error::raised;

/// Between two looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

struct Calls {
    running: usize,
    /// By which thread: it may go on, with functions that run at the end too.
    ended: Option<ThreadId>,
}

// The end is one of the whole process, as is ONNX Runtime.
static CALLS: Mutex<Calls> = Mutex::new(Calls { running: 0, ended: None });
static FEWER: Condvar = Condvar::new();

fn calls() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that runs. It ends with this, which is to be dropped while the interpreter is held.
pub(crate) struct Running(());

impl Running {
    /// A call that begins, unless the interpreter ends.
    pub(crate) fn begin(py: Python<'_>) -> PyResult<Self> {
        let mut calls = calls();
        if calls.ended.is_some_and(|thread| thread != thread::current().id()) {
            drop(calls);
            return Err(raised(py, &Error::new(ErrorKind::Cancelled, "the interpreter ends; no call begins any more")));
        }
        calls.running += 1;
        Ok(Self(()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut calls = calls();
        calls.running = calls.running.saturating_sub(1);
        drop(calls);
        FEWER.notify_all();
    }
}

/// Has no further call of another thread begin and waits for those that run; Ctrl-C ends the wait.
#[pyfunction]
pub(crate) fn end(py: Python<'_>) -> PyResult<()> {
    calls().ended = Some(thread::current().id());
    loop {
        let running = py.detach(|| {
            let calls = calls();
            match calls.running {
                0 => 0,
                _ => FEWER.wait_timeout(calls, LOOK).unwrap_or_else(PoisonError::into_inner).0.running,
            }
        });
        if running == 0 {
            return Ok(());
        }
        py.check_signals()?;
    }
}

/// A child after `fork` has none of the threads whose calls ran.
#[pyfunction]
pub(crate) fn forked() {
    calls().running = 0;
}
