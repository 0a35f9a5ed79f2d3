//! In real photos of one person the right face is chosen and passes the quality limits; photos of
//! groups are refused.

use std::path::{Path, PathBuf};

use facevault::RefusalCode;
use facevault::vision::{
    DecodeLimits, Detector, Embedder, FacePolicy, Quality, QualityLimits, align, decode, main_face,
};
use image::RgbImage;
use rayon::prelude::*;

use crate::data;
use crate::networks::{embedder, espdl_spec, scrfd, yunet, yunet_spec};

fn picture(path: &Path) -> RgbImage {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    decode(&bytes, &DecodeLimits::default()).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()))
}

/// The photos of a kind.
fn some(files: Vec<PathBuf>, extension: &str) -> Vec<PathBuf> {
    files.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn every_press_photo_gives_the_face_in_its_middle() {
    let Some(folder) = crate::networks::folder("every_press_photo_gives_the_face_in_its_middle") else { return };
    let detector = yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(640));
    let photos = some(data::files_below(&folder.join("faces/lfw-dev")), "jpg");
    let refused: Vec<String> = photos
        .par_iter()
        .filter_map(|path| {
            let picture = picture(path);
            let faces = detector.detect(&picture).expect("a run");
            let outcome =
                main_face(&faces, picture.dimensions(), FacePolicy::Central).map(|main| main.face).and_then(|face| {
                    QualityLimits::default().check(&Quality::measure(&picture, &face))?;
                    Ok(face.bounds.center())
                });
            let name = path.display();
            match outcome {
                // LFW's photos are cut out around the person that they are named after.
                Ok(middle) if (middle.x - 125.0).hypot(middle.y - 125.0) < 40.0 => None,
                Ok(middle) => Some(format!("{name}: the face at {middle:?}")),
                Err(refusal) => Some(format!("{name}: {refusal}")),
            }
        })
        .collect();
    // Three photos in a thousand are not sharp enough for the limits.
    let is_blurred = |refusal: &String| refusal.contains(": blurred: ");
    let few = photos.len() * 4 / 1_000;
    assert!(
        refused.len() <= few && refused.iter().all(is_blurred),
        "{} of {}: {refused:#?}",
        refused.len(),
        photos.len()
    );
}

#[test]
fn groups_are_refused() {
    let Some(folder) = crate::networks::folder("groups_are_refused") else { return };
    let detector = yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(640));
    for (file, people) in [
        ("images/formats/scientists_1600.jpg", 20),
        ("faces/group/insightface/t1.jpg", 6),
        ("faces/group/dlib/2007_007763.jpg", 7),
        ("faces/group/dlib/2008_001009.jpg", 2),
        ("faces/group/dlib/2008_001322.jpg", 3),
        ("faces/group/dlib/2008_002079.jpg", 6),
        ("faces/group/dlib/2008_002470.jpg", 6),
        ("faces/group/dlib/2008_002506.jpg", 3),
        ("faces/group/dlib/2008_004176.jpg", 8),
        ("faces/group/dlib/2008_007676.jpg", 7),
        ("faces/group/dlib/2009_004587.jpg", 2),
        ("faces/group/dlib/bald_guys.jpg", 20),
    ] {
        let picture = picture(&folder.join(file));
        let faces = detector.detect(&picture).expect("a run");
        assert!(faces.len() >= people, "{file}: {} faces", faces.len());
        let refusal = main_face(&faces, picture.dimensions(), FacePolicy::default()).expect_err(file);
        assert_eq!(refusal.code, RefusalCode::MultipleFacesDetected, "{file}");
        assert!(main_face(&faces, picture.dimensions(), FacePolicy::Largest).is_ok());
    }
    let blank = picture(&folder.join("images/formats/blank_640x480.jpg"));
    let faces = detector.detect(&blank).expect("a run");
    let refusal = main_face(&faces, blank.dimensions(), FacePolicy::default()).expect_err("a blank picture");
    assert_eq!(refusal.code, RefusalCode::NoFaceDetected);
}

#[test]
fn faces_that_fill_a_small_picture_are_found() {
    let Some(folder) = crate::networks::folder("faces_that_fill_a_small_picture_are_found") else { return };
    let photos = some(data::files_below(&folder.join("faces/att_faces")), "pgm");
    let detectors: [(&str, Box<dyn Detector>); 2] = [
        ("yunet", Box::new(yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(640)))),
        ("scrfd", Box::new(scrfd(&folder, "scrfd_500m_kps.onnx", 640))),
    ];
    for (name, detector) in detectors {
        let found =
            photos.par_iter().filter(|path| !detector.detect(&picture(path)).expect("a run").is_empty()).count();
        eprintln!("{name}: {found} of {}", photos.len());
        assert!(found * 100 >= photos.len() * 97, "{name}: {found} of {}", photos.len());
    }
}

#[test]
fn blurred_dark_and_overexposed_photos_are_refused() {
    use RefusalCode::{Blurred, PoorLighting};
    let Some(folder) = crate::networks::folder("blurred_dark_and_overexposed_photos_are_refused") else { return };
    let detector = yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(640));
    let photos = some(data::files_below(&folder.join("faces/lfw-dev")), "jpg");
    let photos: Vec<_> = photos.iter().step_by(photos.len() / 40).collect();
    let exposed = |picture: &RgbImage, times: f32, plus: f32| {
        let mut other = picture.clone();
        other.iter_mut().for_each(|value| *value = (f32::from(*value) * times + plus) as u8);
        other
    };
    type Spoil<'a> = Box<dyn Fn(&RgbImage) -> RgbImage + Sync + 'a>;
    let spoils: [(&str, Spoil<'_>, Option<RefusalCode>); 5] = [
        ("a blur of 1 pixel", Box::new(|picture| image::imageops::blur(picture, 1.0)), None),
        ("a blur of 6 pixels", Box::new(|picture| image::imageops::blur(picture, 6.0)), Some(Blurred)),
        ("half the light", Box::new(|picture| exposed(picture, 0.5, 0.0)), None),
        ("a tenth of the light", Box::new(|picture| exposed(picture, 0.1, 0.0)), Some(PoorLighting)),
        ("far too much light", Box::new(|picture| exposed(picture, 0.05, 240.0)), Some(PoorLighting)),
    ];
    for (what, spoil, expected) in spoils {
        let as_expected = photos.par_iter().filter(|path| {
            let original = picture(path);
            // The face is looked for in the good photo: what is spoilt is its quality.
            let faces = detector.detect(&original).expect("a run");
            let face = main_face(&faces, original.dimensions(), FacePolicy::Central).expect("one face").face;
            let quality = Quality::measure(&spoil(&original), &face);
            QualityLimits::default().check(&quality).err().map(|refusal| refusal.code) == expected
        });
        let (count, all) = (as_expected.count(), photos.len());
        assert!(count * 10 >= all * 9, "{what}: {count} of {all} as expected");
    }
}

#[test]
fn a_large_photo_gives_the_same_faces_reduced() {
    let Some(folder) = crate::networks::folder("a_large_photo_gives_the_same_faces_reduced") else { return };
    let picture = picture(&folder.join("faces/group/insightface/t1.jpg"));
    let whole = yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(2_000)).detect(&picture).expect("a run");
    for (detector, what) in [
        (yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(640)), "reduced"),
        (yunet(&folder, "face_detection_yunet_2023mar.onnx", yunet_fixed()), "reduced to a fixed size"),
    ] {
        let reduced = detector.detect(&picture).expect("a run");
        assert_eq!(reduced.len(), whole.len(), "{what}");
        for face in &whole {
            let best = reduced.iter().map(|other| other.bounds.iou(&face.bounds)).fold(0.0, f32::max);
            assert!(best > 0.8, "{what}: {best}");
        }
    }
}

fn yunet_fixed() -> facevault::DetectorSpec {
    yunet_spec(640).with_fixed_size(640)
}

#[test]
fn a_photo_compares_with_itself_turned_by_its_orientation() {
    let Some(folder) = crate::networks::folder("a_photo_compares_with_itself_turned_by_its_orientation") else {
        return;
    };
    let detector = yunet(&folder, "yunet_s_dynamic.onnx", yunet_spec(640));
    let embedder = embedder(&folder, "espdl_mbf.onnx", espdl_spec());
    let vector = |file: &str| {
        let picture = picture(&folder.join("images/formats").join(file));
        let faces = detector.detect(&picture).expect("a run");
        let face = main_face(&faces, picture.dimensions(), FacePolicy::Central).expect("one face").face;
        let crop = align(&picture, &face.landmarks, &embedder.spec().template).expect("five landmarks");
        embedder.embed(&[crop]).expect("a run").remove(0)
    };
    let original = vector("einstein.png");
    for (file, least) in [
        ("einstein_rgba.png", 1.0 - 1e-6),
        ("einstein_exif6.png", 1.0 - 1e-6),
        ("einstein_exif6.jpg", 0.99),
        ("einstein_exif3.jpg", 0.99),
        ("einstein_cmyk.jpg", 0.99),
        ("einstein_gray16.png", 0.95),
    ] {
        let cosine = crate::networks::cosine(&vector(file), &original);
        assert!(cosine >= least, "{file}: {cosine}");
    }
}
