//! Small faces in large photos: found down to the size that is promised, and counted fairly.

use std::time::Instant;

use facevault::geometry::Rect;
use facevault::models::{Home, Pack};
use facevault::vision::{DecodeLimits, FacePolicy, SeekOptions, decode};
use facevault::{Engine, EngineOptions, PhotoRules, RefusalCode};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::data;

fn engine(test: &str, seek: SeekOptions) -> Option<Engine> {
    crate::networks::runtime_for(test)?;
    if !Home::from_env().is_ok_and(|home| Pack::installed(&home, "standard").is_ok()) {
        data::skip(test, "the pack standard is not installed");
        return None;
    }
    let rules = PhotoRules::default().with_face(FacePolicy::Largest).with_seek(seek);
    Some(Engine::open(&EngineOptions::default().with_rules(rules)).expect("an engine"))
}

/// A photo of LFW in which the face is `side` pixels wide.
fn person(path: &std::path::Path, side: f32) -> RgbImage {
    let picture = decode(&std::fs::read(path).expect("a photo"), &DecodeLimits::default()).expect("a picture");
    // Faces of LFW are about 96 of 250 pixels wide.
    let length = (side * 250.0 / 96.0).round() as u32;
    imageops::resize(&picture, length, length, FilterType::Triangle)
}

/// A large picture with people of these sizes in a grid, on a background that is not flat.
fn composite(folder: &std::path::Path, (width, height): (u32, u32), sides: &[f32]) -> (RgbImage, Vec<Rect>) {
    let mut picture = RgbImage::from_fn(width, height, |x, y| {
        let wave = 40.0 * (x as f32 / 97.0).sin() + 40.0 * (y as f32 / 61.0).cos();
        Rgb([(120.0 + wave) as u8, (130.0 + wave * 0.5) as u8, (110.0 - wave * 0.3) as u8])
    });
    let photos = data::files_below(&folder.join("faces/lfw-dev"));
    let photos: Vec<_> =
        photos.into_iter().filter(|path| path.extension().is_some_and(|end| end == "jpg")).step_by(31).collect();
    let columns = (sides.len() as f32).sqrt().ceil() as u32;
    let (across, down) = (width / columns, height / columns);
    let mut places = Vec::new();
    for (i, side) in sides.iter().enumerate() {
        let person = person(&photos[i % photos.len()], *side);
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        let (left, top) = (column * across + across / 5, row * down + down / 5);
        imageops::replace(&mut picture, &person, left.into(), top.into());
        let length = person.width() as f32;
        let (x, y) = (left as f32 + 0.3 * length, top as f32 + 0.25 * length);
        places.push(Rect { x, y, width: 0.4 * length, height: 0.5 * length });
    }
    (picture, places)
}

#[test]
fn faces_of_forty_pixels_are_found_in_photos_of_many_megapixels() {
    const TEST: &str = "faces_of_forty_pixels_are_found_in_photos_of_many_megapixels";
    let Some(engine) = engine(TEST, SeekOptions::default()) else { return };
    let Some(folder) = data::folder(TEST) else { return };
    for (width, height) in [(4000, 3000), (6000, 4000), (8000, 6000)] {
        // The largest fits its place in a grid of 7 by 7.
        let most = 0.75 * 96.0 / 250.0 * height as f32 / 7.0;
        let sides: Vec<f32> = (0..49).map(|i| 40.0 * (most / 40.0).powf(i as f32 / 48.0)).collect();
        let (picture, places) = composite(&folder, (width, height), &sides);
        let begun = Instant::now();
        let found = engine.detect_in(&picture).expect("a run").1;
        let took = begun.elapsed();
        let seen = |place: &&Rect| found.faces.iter().any(|face| face.bounds.iou(place) > 0.3);
        let recalled = places.iter().filter(seen).count();
        eprintln!("{width} x {height}: {recalled} of {} faces, {} found, {took:.1?}", places.len(), found.faces.len());
        assert!(recalled * 100 >= places.len() * 95, "{width} x {height}: {recalled} of {}", places.len());
    }
}

#[test]
fn the_one_small_face_of_a_large_photo_is_found_or_its_size_is_told() {
    const TEST: &str = "the_one_small_face_of_a_large_photo_is_found_or_its_size_is_told";
    let Some(engine) = engine(TEST, SeekOptions::default()) else { return };
    let Some(folder) = data::folder(TEST) else { return };
    let encode = |side: f32| {
        let (picture, _) = composite(&folder, (4000, 3000), &[side]);
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Bmp).expect("a file in memory");
        let limits = DecodeLimits::default().with_max_bytes(64 << 20);
        assert!(decode(bytes.get_ref(), &limits).is_ok());
        engine.encode_picture(&picture).expect("networks run")
    };
    for side in [50.0, 100.0, 500.0] {
        let found = encode(side).unwrap_or_else(|refusal| panic!("{side} pixels: {refusal}"));
        assert!((found.face.bounds.width / side - 1.0).abs() < 0.35, "{side}: {:?}", found.face.bounds);
    }
    let refusal = encode(26.0).expect_err("too small");
    assert_eq!(refusal.code, RefusalCode::FaceTooSmall, "{refusal}");
    assert!(refusal.measured.is_some_and(|pixels| pixels < 40.0), "{refusal}");
}
