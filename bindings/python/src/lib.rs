//! The native part of the Python package `facevault`. Its classes are thin: verbs by name, requests and answers in
//! JSON, pictures and vectors as numpy arrays. What users see is written in Python, beside it in `python/facevault`.
//!
//! Whatever takes time is done without holding the interpreter. What is not Python's own error is raised as
//! `facevault.Error`.

// A module for Python is all that this crate is.
#![allow(missing_docs)]

mod crop_68;
mod distance;
mod dlib;
mod engine;
mod error;
mod exit;
mod jitter;
mod picture;
mod progress;
mod setup;
mod upsample;
mod vault;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::distance::distances;
    #[pymodule_export]
    use super::dlib::Dlib;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::exit::{end, forked};
    #[pymodule_export]
    use super::setup::{has_encryption, rekey, setup, version};
    #[pymodule_export]
    use super::vault::Vault;
}
