//! CenterFace's boxes and landmarks, and the vectors of the embedders that go with it, agree with what
//! onnxruntime and the TFLite interpreter computed.

use std::fs;
use std::path::{Path, PathBuf};

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::models::{Home, Manifest, Pack, Role, espdl};
use facevault::vision::detect::{CenterFace, open_size};
use facevault::vision::{
    AlignedFace, DecodeLimits, Detector, Embedder, Network, NetworkEmbedder, NetworkOptions, align, decode,
};
use facevault::{EmbedderSpec, ModelId};
use image::RgbImage;
use image::imageops::flip_horizontal;
use serde::Deserialize;

use crate::data;
use crate::networks::{cosine, runtime};

#[derive(Deserialize)]
struct Golden {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    image: PathBuf,
    width: u32,
    height: u32,
    faces: Vec<GoldenFace>,
}

#[derive(Deserialize)]
struct GoldenFace {
    box_xywh: [f32; 4],
    score: f32,
    landmarks5: [[f32; 2]; 5],
    arcface112: Option<PathBuf>,
    mobilefacenet: Option<Vec<f32>>,
    mobilefacenet_mirrored: Option<Vec<f32>>,
    espdl_mbf: Option<Vec<f32>>,
}

impl GoldenFace {
    fn bounds(&self) -> Rect {
        let [x, y, width, height] = self.box_xywh;
        Rect { x, y, width, height }
    }

    fn landmarks(&self) -> Landmarks {
        let points = self.landmarks5.map(|[x, y]| Point::new(x, y));
        Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points }
    }
}

fn golden(test: &str) -> Option<(PathBuf, Vec<Record>)> {
    let folder = crate::networks::folder(test)?;
    let golden: Golden =
        serde_json::from_slice(&data::read(&folder, "golden/centerface/golden.json")).expect("the golden values");
    assert!(golden.records.len() >= 14);
    Some((folder, golden.records))
}

/// The pack `standard` as it is installed on this machine.
fn standard(test: &str) -> Option<Pack> {
    let pack = Home::from_env().ok().and_then(|home| Pack::installed(&home, Manifest::BUILTIN[0]).ok());
    if pack.is_none() {
        data::skip(test, "the pack standard is not installed");
    }
    pack
}

fn picture(path: &Path) -> RgbImage {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    decode(&bytes, &DecodeLimits::default()).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()))
}

/// CenterFace as it is installed, for pictures up to `long_side` pixels without reduction.
pub(crate) fn installed(test: &str, long_side: u32) -> Option<CenterFace> {
    Some(detector(&standard(test)?, long_side))
}

fn detector(pack: &Pack, long_side: u32) -> CenterFace {
    let spec = pack.manifest().detector.spec.clone().with_long_side(long_side);
    let onnx = open_size(pack.network(Role::Detector).expect("a network"), &spec).expect("of any size");
    let network = Network::load(&runtime(), NetworkOptions::new("centerface"), onnx).expect("a network");
    CenterFace::new(network, spec).expect("a detector")
}

fn embedder(onnx: Vec<u8>, spec: &EmbedderSpec) -> NetworkEmbedder {
    let network = Network::load(&runtime(), NetworkOptions::new("embedder"), onnx).expect("a network");
    NetworkEmbedder::new(network, spec.clone(), ModelId::from_bytes([1; 16])).expect("an embedder")
}

#[test]
fn faces_are_centerfaces_own() {
    const TEST: &str = "faces_are_centerfaces_own";
    let Some((folder, records)) = golden(TEST) else { return };
    let Some(pack) = standard(TEST) else { return };
    // As the golden values were made: pictures are never scaled.
    let detector = detector(&pack, 4_000);
    let (mut least_iou, mut most_off) = (1.0f32, 0.0f32);
    for record in &records {
        let picture = picture(&folder.join(&record.image));
        let name = record.image.display();
        assert_eq!(picture.dimensions(), (record.width, record.height), "{name}");
        let faces = detector.detect(&picture).expect("a run");
        assert_eq!(faces.len(), record.faces.len(), "{name}");
        for expected in &record.faces {
            let overlap = |face: &&facevault::vision::Face| face.bounds.iou(&expected.bounds());
            let face = faces.iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b))).expect("a face");
            let off = face.landmarks.points.iter().zip(expected.landmarks().points).map(|(a, b)| a.distance(b));
            (least_iou, most_off) = (least_iou.min(overlap(&face)), off.fold(most_off, f32::max));
            assert!((face.score - expected.score).abs() < 1e-4, "{name}: {}", face.score);
        }
    }
    eprintln!("IoU {least_iou} or more, landmarks {most_off} pixels or less");
    assert!(least_iou >= 0.999 && most_off <= 0.01, "IoU {least_iou}, {most_off} pixels");
}

#[test]
fn vectors_are_the_interpreters() {
    const TEST: &str = "vectors_are_the_interpreters";
    let Some((folder, records)) = golden(TEST) else { return };
    let Some(pack) = standard(TEST) else { return };
    let mobile = embedder(pack.network(Role::Embedder).expect("a network"), &pack.manifest().embedder.spec);
    let file = data::read(&folder, "models/espdl/human_face_feat_mbf_s8_v1.espdl");
    let manifest = Manifest::builtin("espdl").expect("built in");
    let espdl = embedder(espdl::network_onnx(&file).expect("a network"), &manifest.embedder.spec);
    let vector = |embedder: &NetworkEmbedder, pixels: &RgbImage| {
        embedder.embed(&[AlignedFace { pixels: pixels.clone() }]).expect("a run").swap_remove(0)
    };
    let (mut least, mut from_landmarks, mut compared) = (1.0f64, 1.0f64, 0);
    for record in &records {
        let original = picture(&folder.join(&record.image));
        for face in &record.faces {
            let Some(crop) = &face.arcface112 else { continue };
            let crop = picture(&folder.join("golden/centerface").join(crop));
            let own = align(&original, &face.landmarks(), &manifest.embedder.spec.template).expect("five landmarks");
            for (embedder, expected, mirrored) in [
                (&mobile, &face.mobilefacenet, false),
                (&mobile, &face.mobilefacenet_mirrored, true),
                (&espdl, &face.espdl_mbf, false),
            ] {
                let Some(expected) = expected else { continue };
                let turned = |pixels: &RgbImage| if mirrored { flip_horizontal(pixels) } else { pixels.clone() };
                least = least.min(cosine(&vector(embedder, &turned(&crop)), expected));
                from_landmarks = from_landmarks.min(cosine(&vector(embedder, &turned(&own.pixels)), expected));
                compared += 1;
            }
        }
    }
    eprintln!("{compared} vectors: cosine {least} or more from the crop, {from_landmarks} from the landmarks");
    assert!(compared >= 28 && least >= 0.999_999 && from_landmarks >= 0.999, "{compared} {least} {from_landmarks}");
}
