//! The engine.

use std::sync::Mutex;

use facevault_bindings::facevault::{self, Error, ImageBytes, ImageReport};
use facevault_bindings::{engine_call, guard, open_engine, picture_call};
use numpy::{PyArray3, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{closed, raised};
use crate::exit::Running;
use crate::picture::{Borrowed, to_array};
use crate::progress::watched;

/// A handle of something that may be closed while others use it: they finish.
pub(crate) struct Handle<T> {
    held: Mutex<Option<T>>,
    what: &'static str,
}

impl<T: Clone> Handle<T> {
    pub(crate) fn new(held: T, what: &'static str) -> Self {
        Self { held: Mutex::new(Some(held)), what }
    }

    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<T> {
        let held = self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.clone().ok_or_else(|| closed(py, self.what))
    }

    pub(crate) fn close(&self) {
        drop(self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none()
    }
}

#[pyclass(frozen, module = "facevault._native")]
pub(crate) struct Engine {
    pub(crate) handle: Handle<facevault::Engine>,
}

/// The bytes of photos. The objects never change, and whoever holds them may let the interpreter go meanwhile.
pub(crate) fn lent<'a>(photos: &'a [Bound<'_, PyBytes>]) -> Vec<&'a [u8]> {
    photos.iter().map(|photo| photo.as_bytes()).collect()
}

/// A copy of them, which a job on other threads may keep. It is made without the interpreter: it takes a while.
pub(crate) fn copied(photos: &[&[u8]]) -> Vec<ImageBytes> {
    photos.iter().map(|photo| ImageBytes::from(*photo)).collect()
}

#[pymethods]
impl Engine {
    #[new]
    fn open(py: Python<'_>, options: &str) -> PyResult<Self> {
        let _running = Running::begin(py)?;
        let engine = py.detach(|| open_engine(options.as_bytes())).map_err(|error| raised(py, &error))?;
        Ok(Self { handle: Handle::new(engine, "engine") })
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
        let engine = self.handle.get(py)?;
        let photos = lent(&photos);
        watched(py, progress, |progress| engine_call(&engine, verb, request.as_bytes(), copied(&photos), progress))
    }

    fn picture_call(
        &self,
        py: Python<'_>,
        verb: &str,
        request: &str,
        picture: PyReadonlyArray3<'_, u8>,
    ) -> PyResult<String> {
        let _running = Running::begin(py)?;
        let engine = self.handle.get(py)?;
        let picture = Borrowed::new(py, &picture)?;
        let picture: &facevault::image::RgbImage = &picture;
        py.detach(|| picture_call(&engine, verb, request.as_bytes(), picture)).map_err(|error| raised(py, &error))
    }

    fn decode<'py>(&self, py: Python<'py>, photo: &[u8]) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let _running = Running::begin(py)?;
        let engine = self.handle.get(py)?;
        let refused = |refusal| Error::refused(vec![ImageReport::new(0, Some(refusal))]);
        let decoded = py.detach(|| guard(|| engine.decode(photo).map_err(refused)));
        to_array(py, decoded.map_err(|error| raised(py, &error))?)
    }

    /// Seconds that encoding a photo takes when Rust calls the engine.
    #[cfg(feature = "bench")]
    fn seconds_in_rust(&self, py: Python<'_>, photo: &[u8]) -> PyResult<f64> {
        let _running = Running::begin(py)?;
        let engine = self.handle.get(py)?;
        let start = std::time::Instant::now();
        engine.encode(photo).map_err(|error| raised(py, &error))?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.handle.close());
    }

    #[getter]
    fn closed(&self) -> bool {
        self.handle.is_closed()
    }
}
