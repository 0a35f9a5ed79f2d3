//! The vault.

use std::path::PathBuf;

use facevault_bindings::facevault;
use facevault_bindings::{guard, open_vault, vault_as, vault_bytes, vault_call};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::{Engine, Handle, copied, lent};
use crate::error::raised;
use crate::exit::Running;
use crate::progress::watched;

#[pyclass(frozen, module = "facevault._native")]
pub(crate) struct Vault {
    handle: Handle<facevault::Vault>,
}

/// All vectors, a row each, and whose photos the rows are.
type Matrix<'py> = (String, u64, Vec<(String, String)>, Bound<'py, PyArray2<f32>>);

#[pymethods]
impl Vault {
    #[new]
    fn open(py: Python<'_>, path: Option<PathBuf>, options: &str, engine: Option<&Engine>) -> PyResult<Self> {
        let _running = Running::begin(py)?;
        let engine = engine.map(|engine| engine.handle.get(py)).transpose()?;
        let opened = py.detach(|| open_vault(path.as_deref(), options.as_bytes(), engine.as_ref()));
        Ok(Self::holding(opened.map_err(|error| raised(py, &error))?))
    }

    #[pyo3(signature = (verb, request, photos, progress=None))]
    fn call(
        &self,
        py: Python<'_>,
        verb: &str,
        request: &str,
        photos: Vec<Bound<'_, PyBytes>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let _running = Running::begin(py)?;
        let vault = self.handle.get(py)?;
        let photos = lent(&photos);
        watched(py, progress, |progress| vault_call(&vault, verb, request.as_bytes(), copied(&photos), progress))
    }

    fn bytes<'py>(&self, py: Python<'py>, verb: &str, request: &str) -> PyResult<Bound<'py, PyBytes>> {
        let _running = Running::begin(py)?;
        let vault = self.handle.get(py)?;
        let bytes = py.detach(|| vault_bytes(&vault, verb, request.as_bytes()));
        Ok(PyBytes::new(py, &bytes.map_err(|error| raised(py, &error))?))
    }

    fn derived(&self, py: Python<'_>, options: &str) -> PyResult<Self> {
        let _running = Running::begin(py)?;
        let vault = self.handle.get(py)?;
        let derived = py.detach(|| vault_as(&vault, options.as_bytes()));
        Ok(Self::holding(derived.map_err(|error| raised(py, &error))?))
    }

    fn encoding_matrix<'py>(&self, py: Python<'py>) -> PyResult<Matrix<'py>> {
        let _running = Running::begin(py)?;
        let vault = self.handle.get(py)?;
        let matrix = py.detach(|| guard(|| vault.encoding_matrix())).map_err(|error| raised(py, &error))?;
        let rows: Vec<(String, String)> =
            matrix.rows.iter().map(|(person, image)| (person.as_str().to_owned(), image.as_str().to_owned())).collect();
        let shape = [rows.len(), matrix.dimension];
        let (model, generation) = (matrix.model.to_string(), matrix.generation);
        let values = PyArray1::from_vec(py, matrix.data).reshape(shape)?;
        Ok((model, generation, rows, values))
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.handle.close());
    }

    #[getter]
    fn closed(&self) -> bool {
        self.handle.is_closed()
    }
}

impl Vault {
    fn holding(vault: facevault::Vault) -> Self {
        Self { handle: Handle::new(vault, "vault") }
    }
}
