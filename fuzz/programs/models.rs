//! Files of networks: ONNX, dlib, TensorFlow Lite, ESP-DL; manifests and tables. The first byte chooses the reader.

#![no_main]

use facevault::ErrorKind;
use facevault::models::{LivenessManifest, Manifest, Measured, dlib, espdl, tflite};
use facevault::onnx::precheck;
use facevault::onnx::rewrite::{RewritingRules, rewrite};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, file)) = data.split_first() else { return };
    let found = match kind % 11 {
        0 => graph(file),
        1 => dlib::detector_onnx(file).and_then(|(onnx, _)| graph(&onnx)),
        2 => dlib::embedder_onnx(file).and_then(|onnx| graph(&onnx)),
        3 => dlib::shape_model(file).map(drop),
        4 => dlib::shape_model_68(file).map(drop),
        5 => dlib::hog_model(file).map(drop),
        6 => tflite::network_onnx(file).and_then(|onnx| graph(&onnx)),
        7 => espdl::network_onnx(file).and_then(|onnx| graph(&onnx)),
        8 => manifest(file, |text| Manifest::parse("fuzz", text).map(drop)),
        9 => manifest(file, |text| LivenessManifest::parse("fuzz", text).map(drop)),
        _ => manifest(file, |text| Measured::parse(text).map(drop)),
    };
    if let Err(error) = found {
        assert_ne!(error.kind(), ErrorKind::Runtime, "{error}");
        assert!(error.to_string().len() < 10_000, "a message must not grow with the file");
    }
});

/// As before a runtime sees a graph: it is rewritten and checked.
fn graph(onnx: &[u8]) -> facevault::Result<()> {
    precheck("fuzz", onnx).map(drop)?;
    let rewritten = rewrite(onnx, &RewritingRules::default())?;
    precheck("fuzz", &rewritten.onnx).map(drop)
}

fn manifest(file: &[u8], parse: impl FnOnce(&str) -> facevault::Result<()>) -> facevault::Result<()> {
    str::from_utf8(file).map_or(Ok(()), parse)
}
