//! facevault's errors as Python raises them.

use facevault_bindings::error_json;
use facevault_bindings::facevault::{Error, ErrorKind};
use pyo3::prelude::*;

/// `facevault.Error` with everything that the error says.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let class = || py.import("facevault._errors")?.getattr("Error");
    match class().and_then(|class| class.call_method1("_from_json", (error_json(error),))) {
        Ok(value) => PyErr::from_value(value),
        Err(failure) => failure,
    }
}

/// What a call on something that was closed raises.
pub(crate) fn closed(py: Python<'_>, what: &str) -> PyErr {
    raised(py, &Error::new(ErrorKind::Invalid, format!("the {what} is closed; open another one")))
}
