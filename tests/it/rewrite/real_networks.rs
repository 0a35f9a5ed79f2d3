//! Networks that people use give after rewriting what they gave before, on real photos.

use facevault::onnx::rewrite::{RewritingRule, RewritingRules, rewrite};
use image::RgbImage;
use ndarray::Array4;

use super::{difference, load, run};
use crate::data;
use crate::networks::cosine;

/// Names, colour order and normalisation of the embedders of the test data, and of their aligned
/// photos.
const EMBEDDERS: [(&str, &str, bool, f32, f32); 3] = [
    ("espdl_mbf.onnx", "arcface112", false, 127.5, 127.5),
    ("omz_face_reid_0095.onnx", "omz128", true, 0.0, 1.0),
    ("foamliu_mobilefacenet.onnx", "arcface112", false, 120.0, 58.0),
];

fn tensor(photo: &RgbImage, bgr: bool, mean: f32, scale: f32) -> Array4<f32> {
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    Array4::from_shape_fn([1, 3, height, width], |(_, c, y, x)| {
        let channel = if bgr { 2 - c } else { c };
        (f32::from(photo.get_pixel(x as u32, y as u32)[channel]) - mean) / scale
    })
}

fn each_rule_and_all() -> Vec<RewritingRules> {
    let alone = RewritingRule::ALL.into_iter().map(|rule| RewritingRules::none().with(rule).for_multiples_of(32));
    alone.chain([RewritingRules::default().for_multiples_of(32)]).collect()
}

#[test]
fn embedders_give_the_same_vectors_of_real_faces() {
    let Some(folder) = crate::networks::folder("embedders_give_the_same_vectors_of_real_faces") else { return };
    for (file, photos, bgr, mean, scale) in EMBEDDERS {
        let onnx = data::read(&folder, &format!("models/{file}"));
        let stock = load(file, &onnx);
        let faces: Vec<Array4<f32>> = ["00_0", "05_0", "11_0", "24_0"]
            .map(|face| data::read(&folder, &format!("golden/yunet/{face}_{photos}.png")))
            .map(|png| image::load_from_memory(&png).expect("a picture").to_rgb8())
            .iter()
            .map(|photo| tensor(photo, bgr, mean, scale))
            .collect();
        let expected: Vec<_> = faces.iter().map(|face| run(&stock, face)).collect();
        for rules in each_rule_and_all() {
            let rewritten = rewrite(&onnx, &rules).expect("a graph");
            if rewritten.applied.is_empty() {
                continue;
            }
            let network = load(file, &rewritten.onnx);
            for (face, expected) in faces.iter().zip(&expected) {
                let found = run(&network, face);
                let same = cosine(&expected[0].1, &found[0].1);
                assert!(same >= 0.999_999, "{file}: {same} after {:?}", rewritten.applied);
            }
        }
    }
}

#[test]
fn detectors_give_the_same_tensors_of_real_photos() {
    let Some(folder) = crate::networks::folder("detectors_give_the_same_tensors_of_real_photos") else { return };
    let detectors = [
        ("scrfd_500m_kps.onnx", false, 127.5, 128.0),
        ("scrfd_2.5g_kps.onnx", false, 127.5, 128.0),
        ("yunet_s_dynamic.onnx", true, 0.0, 1.0),
    ];
    let photos: Vec<RgbImage> = data::files_below(&folder.join("faces/group"))
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .take(2)
        .map(|path| image::open(path).expect("a picture").to_rgb8())
        .map(|photo| image::imageops::resize(&photo, 320, 256, image::imageops::FilterType::Triangle))
        .collect();
    assert_eq!(photos.len(), 2);
    for (file, bgr, mean, scale) in detectors {
        let onnx = data::read(&folder, &format!("models/{file}"));
        let stock = load(file, &onnx);
        let inputs: Vec<Array4<f32>> = photos.iter().map(|photo| tensor(photo, bgr, mean, scale)).collect();
        let expected: Vec<_> = inputs.iter().map(|input| run(&stock, input)).collect();
        for rules in each_rule_and_all() {
            let rewritten = rewrite(&onnx, &rules).expect("a graph");
            if rewritten.applied.is_empty() {
                continue;
            }
            let network = load(file, &rewritten.onnx);
            for (input, expected) in inputs.iter().zip(&expected) {
                let found = run(&network, input);
                let apart = difference(expected, &found);
                assert!(apart < 1e-4, "{file}: {apart} apart after {:?}", rewritten.applied);
            }
        }
    }
}
