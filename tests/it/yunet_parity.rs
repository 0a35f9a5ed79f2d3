//! Boxes, landmarks, crops and vectors agree with what OpenCV and onnxruntime computed.

use std::path::{Path, PathBuf};

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect, SimilarityTransform};
use facevault::vision::{AlignedFace, DecodeLimits, Detector, Embedder, Face, align, decode};
use facevault::{ColorOrder, EmbedderSpec};
use image::RgbImage;
use serde::Deserialize;

use crate::data;
use crate::networks::{cosine, embedder, espdl_spec, omz_spec, scrfd, yunet, yunet_spec};

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
    arcface112: PathBuf,
    similarity_matrix: [[f64; 3]; 2],
    espdl_mbf: Vec<f32>,
    omz128: PathBuf,
    omz: Vec<f32>,
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
        serde_json::from_slice(&data::read(&folder, "golden/yunet/golden.json")).expect("the golden values");
    assert!(golden.records.len() >= 33);
    Some((folder, golden.records))
}

fn picture(path: &Path) -> RgbImage {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    decode(&bytes, &DecodeLimits::default()).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()))
}

/// The face that overlaps `bounds` best.
fn nearest<'a>(faces: &'a [Face], bounds: &Rect) -> &'a Face {
    faces.iter().max_by(|a, b| a.bounds.iou(bounds).total_cmp(&b.bounds.iou(bounds))).expect("a face")
}

fn farthest(a: &Landmarks, b: &Landmarks) -> f32 {
    a.points.iter().zip(b.points).map(|(a, b)| a.distance(b)).fold(0.0, f32::max)
}

/// The mean absolute difference in grey levels.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn faces_are_opencvs() {
    let Some((folder, records)) = golden("faces_are_opencvs") else { return };
    // The second one's file says 640 x 640; both are the same network.
    for file in ["yunet_s_dynamic.onnx", "face_detection_yunet_2023mar.onnx"] {
        let detector = yunet(&folder, file, yunet_spec(2_000));
        let (mut least_iou, mut most_off) = (1.0f32, 0.0f32);
        for record in &records {
            let picture = picture(&folder.join(&record.image));
            assert_eq!(picture.dimensions(), (record.width, record.height));
            let faces = detector.detect(&picture).expect("a run");
            let name = record.image.display();
            assert_eq!(faces.len(), record.faces.len(), "{file} on {name}");
            assert!(faces.is_sorted_by(|a, b| a.score >= b.score), "{file} on {name}");
            for expected in &record.faces {
                let face = nearest(&faces, &expected.bounds());
                least_iou = least_iou.min(face.bounds.iou(&expected.bounds()));
                most_off = most_off.max(farthest(&face.landmarks, &expected.landmarks()));
                assert!((face.score - expected.score).abs() < 1e-4, "{file} on {name}: {}", face.score);
            }
            assert!(least_iou >= 0.999 && most_off <= 0.01, "{file} on {name}: IoU {least_iou}, {most_off} pixels");
        }
        eprintln!("{file}: IoU {least_iou} or more, landmarks {most_off} pixels or less");
    }
}

#[test]
fn crops_are_opencvs() {
    let Some((folder, records)) = golden("crops_are_opencvs") else { return };
    let mut most = 0.0f64;
    for record in &records {
        let original = picture(&folder.join(&record.image));
        for face in &record.faces {
            for (file, spec) in [(&face.arcface112, espdl_spec()), (&face.omz128, omz_spec())] {
                let expected = picture(&folder.join("golden/yunet").join(file));
                let crop = align(&original, &face.landmarks(), &spec.template).expect("five landmarks");
                let found = difference(&crop.pixels, &expected);
                assert!(found <= 0.01, "{}: {found}", file.display());
                most = most.max(found);
            }
            let transform = SimilarityTransform::estimate(&face.landmarks().points, &espdl_spec().template.targets());
            let SimilarityTransform { a, b, tx, ty } = transform.expect("five landmarks");
            let [upper, lower] = face.similarity_matrix;
            for (found, expected) in [a, -b, tx, b, a, ty].into_iter().zip(upper.into_iter().chain(lower)) {
                assert!((found - expected).abs() < 1e-3, "{found} {expected}");
            }
        }
    }
    eprintln!("crops: {most:.3} grey levels or less");
}

fn check_vectors(
    folder: &Path,
    records: &[Record],
    file: &str,
    spec: EmbedderSpec,
    of: impl Fn(&GoldenFace) -> (&PathBuf, &[f32]),
) {
    let embedder = embedder(folder, file, spec.clone());
    let detector = yunet(folder, "yunet_s_dynamic.onnx", yunet_spec(2_000));
    let (mut from_crop, mut from_landmarks, mut from_photo) = (1.0f64, 1.0f64, 1.0f64);
    for record in records {
        let original = picture(&folder.join(&record.image));
        let faces = detector.detect(&original).expect("a run");
        for expected in &record.faces {
            let crop = |landmarks: &Landmarks| align(&original, landmarks, &spec.template).expect("five landmarks");
            let found = nearest(&faces, &expected.bounds());
            let crops = [
                AlignedFace { pixels: picture(&folder.join("golden/yunet").join(of(expected).0)) },
                crop(&expected.landmarks()),
                crop(&found.landmarks),
            ];
            let vectors = embedder.embed(&crops).expect("a run");
            let cosines = vectors.iter().map(|vector| cosine(vector, of(expected).1));
            for (lowest, cosine) in [&mut from_crop, &mut from_landmarks, &mut from_photo].into_iter().zip(cosines) {
                *lowest = lowest.min(cosine);
            }
        }
    }
    for (what, lowest) in [("crop", from_crop), ("landmarks", from_landmarks), ("photo", from_photo)] {
        eprintln!("{file} from the {what}: cosine {lowest:.6} or more");
        assert!(lowest >= 0.9999, "{file}: {lowest} from the {what}");
    }
}

#[test]
fn vectors_are_onnxruntimes() {
    let Some((folder, records)) = golden("vectors_are_onnxruntimes") else { return };
    check_vectors(&folder, &records, "espdl_mbf.onnx", espdl_spec(), |face| (&face.arcface112, &face.espdl_mbf));
    check_vectors(&folder, &records, "omz_face_reid_0095.onnx", omz_spec(), |face| (&face.omz128, &face.omz));
}

#[test]
fn colour_order_matters() {
    let Some((folder, records)) = golden("colour_order_matters") else { return };
    let mut spec = omz_spec();
    spec.normalization.color = ColorOrder::Rgb;
    let wrong = embedder(&folder, "omz_face_reid_0095.onnx", spec);
    let face = &records[0].faces[0];
    let crop = AlignedFace { pixels: picture(&folder.join("golden/yunet").join(&face.omz128)) };
    let vector = wrong.embed(&[crop]).expect("a run").remove(0);
    assert!(cosine(&vector, &face.omz) < 0.99);
}

#[test]
fn a_batch_gives_what_its_faces_give() {
    let Some((folder, records)) = golden("a_batch_gives_what_its_faces_give") else { return };
    let golden_faces: Vec<_> = records.iter().flat_map(|record| &record.faces).take(11).collect();
    let crops: Vec<_> = golden_faces
        .iter()
        .map(|face| AlignedFace { pixels: picture(&folder.join("golden/yunet").join(&face.arcface112)) })
        .collect();
    let fixed = espdl_spec().with_fixed_batch(1);
    for (file, spec) in [("espdl_mbf.onnx", espdl_spec()), ("w600k_mbf_int8.onnx", fixed)] {
        let embedder = embedder(&folder, file, spec);
        let batch = embedder.embed(&crops).expect("a run");
        assert_eq!(batch.len(), crops.len());
        for (crop, vector) in crops.iter().zip(&batch) {
            let single = embedder.embed(std::slice::from_ref(crop)).expect("a run").remove(0);
            assert!(cosine(&single, vector) > 1.0 - 1e-5, "{file}");
        }
        assert_eq!(embedder.embed(&[]).expect("nothing to do"), Vec::<Vec<f32>>::new());
    }
}

#[test]
fn scrfd_sees_the_same_faces() {
    let Some((folder, records)) = golden("scrfd_sees_the_same_faces") else { return };
    for file in ["scrfd_500m_kps.onnx", "scrfd_2.5g_kps.onnx"] {
        let detector = scrfd(&folder, file, 640);
        for record in records.iter().filter(|record| record.width <= 250) {
            let faces = detector.detect(&picture(&folder.join(&record.image))).expect("a run");
            // Another detector, another habit of drawing boxes: the main face overlaps well, and
            // its landmarks are a tenth of its size away at most.
            let expected = &record.faces[0];
            let face = nearest(&faces, &expected.bounds());
            let name = record.image.display();
            assert!(face.bounds.iou(&expected.bounds()) > 0.6, "{file} on {name}: {:?}", face.bounds);
            let off = farthest(&face.landmarks, &expected.landmarks()) / expected.bounds().width;
            assert!(off < 0.125, "{file} on {name}: landmarks are off by {off}");
        }
    }
}
