//! Files of networks, each format by its reader, and manifests.

#![no_main]

use facevault::models::{Manifest, dlib, espdl, tflite};
use facevault::onnx::precheck::precheck;
use facevault::onnx::rewrite::{RewritingRules, rewrite};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, file)) = bytes.split_first() else { return };
    match which % 7 {
        0 => drop(precheck("a file", file)),
        1 => drop(rewrite(file, &RewritingRules::default().for_multiples_of(32))),
        2 => drop(tflite::network_onnx(file)),
        3 => drop(espdl::network_onnx(file)),
        4 => drop((dlib::detector_onnx(file), dlib::embedder_onnx(file))),
        5 => drop(dlib::shape_model(file)),
        _ => drop(std::str::from_utf8(file).map(|text| Manifest::parse("a manifest", text))),
    }
});
