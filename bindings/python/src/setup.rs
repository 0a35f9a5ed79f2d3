//! Installing packs and ONNX Runtime, and what belongs to no engine and no open vault.

use std::path::PathBuf;

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
#[pyo3(signature = (path, options, progress=None))]
pub(crate) fn rekey(py: Python<'_>, path: PathBuf, options: &str, progress: Option<Py<PyAny>>) -> PyResult<String> {
    let _running = Running::begin(py)?;
    watched(py, progress, |progress| facevault_bindings::rekey(&path, options.as_bytes(), progress))
}

#[pyfunction]
pub(crate) fn has_encryption() -> bool {
    facevault_bindings::has_encryption()
}

#[pyfunction]
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
