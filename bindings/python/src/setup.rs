//! Installing packs and ONNX Runtime.

use pyo3::prelude::*;

use crate::exit::Running;
use crate::progress::watched;

#[pyfunction]
#[pyo3(signature = (options, progress=None))]
pub(crate) fn setup(py: Python<'_>, options: &str, progress: Option<Py<PyAny>>) -> PyResult<String> {
    let _running = Running::begin(py)?;
    watched(py, progress, |progress| facevault_bindings::setup(options.as_bytes(), progress))
}

#[pyfunction]
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
