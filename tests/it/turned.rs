//! Every pack turns photos upright that are sideways or upside down.

use std::path::PathBuf;

use facevault::models::{Home, Pack};
use facevault::vision::{FacePolicy, SeekOptions, Turn};
use facevault::{EncodedFace, Engine, EngineOptions, PackSource, PhotoRules, Refusal};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::networks::cosine;
use crate::{data, packs};

/// One in so many photos of a part of LFW.
const STEP: usize = 16;

fn engine(pack: PackSource, turn: bool) -> Engine {
    let seek = SeekOptions::default().with_turn(turn);
    let rules = PhotoRules::default().with_face(FacePolicy::Central).with_seek(seek);
    Engine::open(&EngineOptions::default().with_pack(pack).with_rules(rules)).expect("an engine")
}

fn photos(test: &str) -> Option<Vec<PathBuf>> {
    let folder = crate::networks::folder(test)?.join("faces/lfw-dev");
    let files = data::files_below(&folder).into_iter();
    Some(files.filter(|path| path.extension().is_some_and(|found| found == "jpg")).step_by(STEP).collect())
}

/// Bytes of a file without an orientation.
fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::NoFilter)
        .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .expect("a PNG in memory");
    bytes
}

fn check(name: &str, engine: &Engine, photos: &[PathBuf]) {
    let upright: Vec<Vec<u8>> = photos.iter().map(|path| std::fs::read(path).expect("a photo")).collect();
    let encode =
        |photos: &[Vec<u8>]| -> Vec<Result<EncodedFace, Refusal>> { engine.encode_all(photos).expect("networks run") };
    let reference = encode(&upright);
    let turned_upright = reference.iter().flatten().filter(|found| found.turned != Turn::None).count();
    assert_eq!(turned_upright, 0, "{name}: upright photos are left as they are");
    let pictures: Vec<RgbImage> = upright.iter().map(|bytes| engine.decode(bytes).expect("a picture")).collect();
    for (turn, back) in
        [(Turn::Quarter, Turn::ThreeQuarters), (Turn::Half, Turn::Half), (Turn::ThreeQuarters, Turn::Quarter)]
    {
        let turned: Vec<Vec<u8>> = pictures.iter().map(|picture| png(&turn.apply(picture).expect("turned"))).collect();
        let (mut same, mut possible, mut wrong) = (0, 0, Vec::new());
        for ((found, expected), path) in encode(&turned).iter().zip(&reference).zip(photos) {
            let Ok(expected) = expected else { continue };
            possible += 1;
            let Ok(found) = found else { continue };
            if cosine(found.encoding.vector(), expected.encoding.vector()) >= 0.95 {
                same += 1;
            } else if found.turned != back {
                wrong.push(path.display().to_string());
            }
        }
        eprintln!("{name}, turned by {}: {same} of {possible} agree with their upright version", turn.degrees());
        assert!(possible * 9 >= photos.len() * 8, "{name}: {possible} of {} upright photos", photos.len());
        assert!(same * 100 >= possible * 98, "{name}, turned by {}: {same} of {possible}", turn.degrees());
        assert!(wrong.is_empty(), "{name}: taken the wrong way up: {wrong:?}");
    }
}

#[test]
fn turned_photos_are_used_the_right_way_up() {
    const TEST: &str = "turned_photos_are_used_the_right_way_up";
    let Some(photos) = photos(TEST) else { return };
    for detector in ["yunet_dynamic", "scrfd_500m"] {
        let Some(pack) = packs::pack(TEST, detector, "espdl_mbf") else { return };
        check(detector, &engine(PackSource::Folder(pack.path().into()), true), &photos);
    }
    for name in ["standard", "espdl", "dlib"] {
        if Home::from_env().is_ok_and(|home| Pack::installed(&home, name).is_ok()) {
            check(name, &engine(PackSource::Named(name.into()), true), &photos);
        } else {
            data::skip(TEST, &format!("the pack {name} is not installed"));
        }
    }
}

#[test]
fn a_camera_that_is_fixed_can_switch_it_off() {
    const TEST: &str = "a_camera_that_is_fixed_can_switch_it_off";
    let Some(photos) = photos(TEST) else { return };
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let engine = engine(PackSource::Folder(pack.path().into()), false);
    let picture = engine.decode(&std::fs::read(&photos[0]).expect("a photo")).expect("a picture");
    let turned = png(&Turn::Half.apply(&picture).expect("turned"));
    let found = engine.encode_all(&[turned]).expect("networks run").swap_remove(0);
    assert!(found.is_err() || found.is_ok_and(|found| found.turned == Turn::None));
}
