//! Detectors and embedders made of the test data's networks.

use std::path::{Path, PathBuf};

use facevault::geometry::LandmarkScheme;
use facevault::vision::detect::{Scrfd, Yunet, open_size};
use facevault::vision::{Network, NetworkEmbedder, NetworkOptions, Runtime, RuntimeOptions};
use facevault::{
    AlignmentTemplate, ColorOrder, DetectorKind, DetectorSpec, EmbedderSpec, Metric, ModelId, Normalization,
};

use crate::data;

/// ONNX Runtime as this machine has it. Where it has none, says that `test` is skipped.
pub(crate) fn runtime_for(test: &str) -> Option<Runtime> {
    let installed = facevault::models::Home::from_env().ok().and_then(|home| home.runtime_library());
    match Runtime::select(&RuntimeOptions::default().with_installed(installed)) {
        Ok(runtime) => Some(runtime),
        Err(_) => {
            data::skip(test, "no ONNX Runtime; `facevault setup` installs it");
            None
        }
    }
}

/// ONNX Runtime, where [`runtime_for`] found one.
pub(crate) fn runtime() -> Runtime {
    runtime_for("a network").expect("the test asked for the runtime first")
}

/// The test data's folder, where there is also a runtime for its networks. Where one is absent, says
/// that `test` is skipped.
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    runtime_for(test)?;
    data::folder(test)
}

fn load(folder: &Path, file: &str, onnx: Vec<u8>) -> Network {
    assert!(folder.is_dir());
    Network::load(&runtime(), NetworkOptions::new(file), onnx).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub(crate) fn normalization(color: ColorOrder, mean: f32, scale: f32) -> Normalization {
    Normalization { color, mean: [mean; 3], scale: [scale; 3] }
}

/// OpenCV's limits for YuNet, for pictures up to `long_side` pixels without reduction.
pub(crate) fn yunet_spec(long_side: u32) -> DetectorSpec {
    DetectorSpec::new(DetectorKind::Yunet, normalization(ColorOrder::Bgr, 0.0, 1.0))
        .with_score_threshold(0.6)
        .with_nms_threshold(0.3)
        .with_long_side(long_side)
        .with_min_face(10.0)
}

pub(crate) fn yunet(folder: &Path, file: &str, spec: DetectorSpec) -> Yunet {
    let onnx = open_size(data::read(folder, &format!("models/{file}")), &spec).expect("a network");
    Yunet::new(load(folder, file, onnx), spec).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// InsightFace's limits for SCRFD.
pub(crate) fn scrfd(folder: &Path, file: &str, long_side: u32) -> Scrfd {
    let spec = DetectorSpec::new(DetectorKind::Scrfd, normalization(ColorOrder::Rgb, 127.5, 128.0))
        .with_long_side(long_side)
        .with_min_face(10.0);
    let onnx = data::read(folder, &format!("models/{file}"));
    Scrfd::new(load(folder, file, onnx), spec).unwrap_or_else(|error| panic!("{file}: {error}"))
}

const ARCFACE: [[f32; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];
const OMZ: [[f32; 2]; 5] =
    [[0.315569, 0.461574], [0.682623, 0.461574], [0.500262, 0.640505], [0.349472, 0.824692], [0.653436, 0.824692]];

pub(crate) fn espdl_spec() -> EmbedderSpec {
    let template = AlignmentTemplate { landmarks: LandmarkScheme::EyesNoseMouth, size: 112, points: ARCFACE };
    EmbedderSpec::new(normalization(ColorOrder::Rgb, 127.5, 127.5), 512, Metric::Cosine, template)
}

pub(crate) fn omz_spec() -> EmbedderSpec {
    let template = AlignmentTemplate {
        landmarks: LandmarkScheme::EyesNoseMouth,
        size: 128,
        points: OMZ.map(|point| point.map(|part| part * 128.0)),
    };
    EmbedderSpec::new(normalization(ColorOrder::Bgr, 0.0, 1.0), 256, Metric::Cosine, template)
}

pub(crate) fn embedder(folder: &Path, file: &str, spec: EmbedderSpec) -> NetworkEmbedder {
    let onnx = data::read(folder, &format!("models/{file}"));
    let model = ModelId::from_bytes([1; 16]);
    NetworkEmbedder::new(load(folder, file, onnx), spec, model).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
