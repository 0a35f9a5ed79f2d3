//! Detectors: from a picture to faces.

pub mod mmod;
