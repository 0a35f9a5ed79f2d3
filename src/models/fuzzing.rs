//! Small files of networks, for the programs in `fuzz/`.

use crate::onnx::rewrite::{RewritingRules, rewrite};

use super::{dlib, espdl, tflite};

/// Files in dlib's format, each with the number of its reader in `fuzz/programs/models.rs`.
#[must_use]
pub fn dlib_files() -> Vec<(u8, Vec<u8>)> {
    use dlib::sample::{detector_file, embedder_file, shape_file, shape_file_of};
    vec![(1, detector_file()), (2, embedder_file()), (3, shape_file()), (4, shape_file_of(68))]
}

/// A TensorFlow Lite file.
#[must_use]
pub fn tflite_file() -> Vec<u8> {
    tflite::sample::whole().file()
}

/// An ESP-DL file.
#[must_use]
pub fn espdl_file() -> Vec<u8> {
    espdl::sample::whole().file()
}

/// The same networks as ONNX, as they are and rewritten, each with a number.
#[must_use]
pub fn onnx_files() -> Vec<(usize, Vec<u8>)> {
    let plain = [
        dlib::detector_onnx(&dlib::sample::detector_file()).map(|(onnx, _)| onnx),
        dlib::embedder_onnx(&dlib::sample::embedder_file()),
        tflite::network_onnx(&tflite_file()),
        espdl::network_onnx(&espdl_file()),
    ];
    let plain: Vec<Vec<u8>> = plain.into_iter().flatten().collect();
    let rewritten = plain.iter().filter_map(|onnx| Some(rewrite(onnx, &RewritingRules::default()).ok()?.onnx));
    plain.iter().cloned().chain(rewritten).enumerate().collect()
}
