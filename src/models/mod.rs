//! Model packs: manifests, installation, checks and conversions.

pub mod dlib;
mod onnx;
