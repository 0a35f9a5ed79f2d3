//! Progress reports to a Python function, and Ctrl-C.

use std::ops::ControlFlow;

use facevault_bindings::facevault::{Progress, Result, Step, Unit};
use pyo3::prelude::*;

use crate::error::raised;

/// Asks a function whether to go on, and the interpreter whether there is a signal to handle.
pub(crate) struct Watch {
    call: Option<Py<PyAny>>,
    stopped_by: Option<PyErr>,
}

impl Watch {
    fn new(call: Option<Py<PyAny>>) -> Self {
        Self { call, stopped_by: None }
    }

    fn ask(&self, py: Python<'_>, step: Step<'_>) -> PyResult<bool> {
        py.check_signals()?;
        let Some(call) = &self.call else { return Ok(true) };
        // Nothing new: the operation only asks whether to go on.
        if step.what.is_empty() {
            return Ok(true);
        }
        let unit = if step.unit == Unit::Bytes { "bytes" } else { "items" };
        // Only `False` stops: a function that returns nothing watches.
        let answer = call.bind(py).call1((step.what, step.done, step.total, unit))?;
        Ok(!answer.is_instance_of::<pyo3::types::PyBool>() || answer.is_truthy()?)
    }
}

impl Progress for Watch {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        match Python::attach(|py| self.ask(py, step)) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                self.stopped_by = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Does `work` without holding the interpreter. What was raised while it reported its progress, such as
/// `KeyboardInterrupt`, is raised instead; the answer to what was done
/// until then is its attribute `outcome`, as in JSON.
pub(crate) fn watched(
    py: Python<'_>,
    call: Option<Py<PyAny>>,
    work: impl FnOnce(&mut dyn Progress) -> Result<String> + Send,
) -> PyResult<String> {
    let mut watch = Watch::new(call);
    let outcome = py.detach(|| work(&mut watch));
    match watch.stopped_by {
        Some(error) => {
            if let Ok(answer) = outcome {
                // An exception that takes no attribute stays as it is.
                let _ = py
                    .import("json")
                    .and_then(|json| json.call_method1("loads", (answer,)))
                    .and_then(|answer| error.value(py).setattr("outcome", answer));
            }
            Err(error)
        }
        None => outcome.map_err(|error| raised(py, &error)),
    }
}
