//! HEIC files, as phones store them, decode to the expected pixels, upright; hostile files take
//! neither much time nor much memory. The pictures are made with the encoder of the crate `heifer`.

use facevault::RefusalCode;
use facevault::vision::{DecodeLimits, decode};
use heifer::{EncodeOptions, Image, Metadata, encode, encode_rgb8, encode_rgba8, encode_with_metadata};
use image::{DynamicImage, RgbImage};
use proptest::prelude::*;

/// The settings of every encoding. Colours are stored at half the resolution, which costs four grey
/// levels on average at the corner of a picture as small as these.
fn best() -> EncodeOptions {
    EncodeOptions { quality: 95, max_threads: 1 }
}

fn picture(width: u32, height: u32) -> RgbImage {
    let gradient = |x: u32, size: u32| (x * 250 / size) as u8;
    RgbImage::from_fn(width, height, |x, y| {
        let corner = if x < width / 2 && y < height / 2 { 230 } else { 40 };
        image::Rgb([gradient(x, width), gradient(y, height), corner])
    })
}

fn heic(picture: &RgbImage) -> Vec<u8> {
    encode_rgb8(picture.width(), picture.height(), picture.as_raw(), &best()).expect("encodes")
}

fn assert_alike(bytes: &[u8], expected: &RgbImage, what: &str) {
    let found = decode(bytes, &DecodeLimits::default()).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    assert_eq!(found.dimensions(), expected.dimensions(), "{what}");
    let off: u64 = found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let off = off as f64 / expected.as_raw().len() as f64;
    assert!(off < 4.0, "{what}: off by {off:.2}");
}

fn refused(bytes: &[u8], limits: &DecodeLimits) -> (RefusalCode, Option<f64>, String) {
    let refusal = decode(bytes, limits).expect_err("refused");
    (refusal.code, refusal.measured, refusal.message)
}

/// Where `name` stands in the file, after `skip` other places.
fn place(bytes: &[u8], name: &[u8; 4], skip: usize) -> usize {
    bytes.windows(4).enumerate().filter(|(_, word)| word == name).map(|(at, _)| at).nth(skip).expect("a box")
}

#[test]
fn one_coded_picture_and_a_grid_of_them() {
    for (width, height) in [(48, 32), (33, 17), (700, 530), (1100, 90)] {
        let expected = picture(width, height);
        assert_alike(&heic(&expected), &expected, &format!("{width} x {height}"));
    }
}

#[test]
fn ten_bits_a_colour_become_eight() {
    let expected = picture(90, 60);
    let data =
        expected.pixels().flat_map(|p| [p[0], p[1], p[2], 255].map(|value| (u32::from(value) * 1023 / 255) as u16));
    let deep = Image { width: 90, height: 60, bit_depth: 10, has_alpha: false, data: data.collect() };
    assert_alike(&encode(&deep, &best()).expect("encodes"), &expected, "10 bits");
}

#[test]
fn what_is_transparent_is_white() {
    for (width, height) in [(64, 64), (600, 520)] {
        let mut expected = picture(width, height);
        let rgba: Vec<u8> = expected
            .enumerate_pixels()
            .flat_map(|(x, _, p)| [p[0], p[1], p[2], if x < width / 4 { 0 } else { 255 }])
            .collect();
        for (x, _, pixel) in expected.enumerate_pixels_mut() {
            if x < width / 4 {
                *pixel = image::Rgb([255; 3]);
            }
        }
        let file = encode_rgba8(width, height, &rgba, &best()).expect("encodes");
        assert_alike(&file, &expected, &format!("{width} x {height}"));
    }
}

#[test]
fn the_container_turns_the_picture_and_exif_does_not() {
    // Orientation 6: turning by it as well would be seen.
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    let metadata = Metadata { exif: Some(exif), icc_profile: Some(vec![0; 64]), ..Metadata::default() };
    let upright = picture(48, 32);
    let rgba = DynamicImage::ImageRgb8(upright.clone()).into_rgba8().into_raw();
    let data = rgba.into_iter().map(u16::from).collect();
    let image = Image { width: 48, height: 32, bit_depth: 8, has_alpha: false, data };
    let file = encode_with_metadata(&image, &metadata, &best()).expect("encodes");
    assert_alike(&file, &upright, "EXIF alone");
    for quarters in 0..4u8 {
        for mirror in [None, Some(0), Some(1)] {
            // In place of properties that do not matter here, which are longer: the rest is not read.
            let mut bytes = file.clone();
            let at = place(&bytes, b"colr", 0);
            bytes[at..at + 5].copy_from_slice(&[b'i', b'r', b'o', b't', quarters]);
            let mut expected = DynamicImage::ImageRgb8(upright.clone());
            expected = match quarters {
                1 => expected.rotate270(),
                2 => expected.rotate180(),
                3 => expected.rotate90(),
                _ => expected,
            };
            if let Some(axis) = mirror {
                let at = place(&bytes, b"pixi", 0);
                bytes[at..at + 5].copy_from_slice(&[b'i', b'm', b'i', b'r', axis]);
                expected = if axis == 0 { expected.flipv() } else { expected.fliph() };
            }
            // Which of the two comes first is the file's to say.
            let first_mirrored = place(&file, b"pixi", 0) < place(&file, b"colr", 0);
            if first_mirrored
                && let Some(axis) = mirror
                && quarters % 2 == 1
            {
                expected = if axis == 0 { expected.flipv().fliph() } else { expected.fliph().flipv() };
            }
            assert_alike(&bytes, &expected.into_rgb8(), &format!("{quarters} quarters, mirrored: {mirror:?}"));
        }
    }
}

#[test]
fn sizes_are_compared_before_there_are_pixels() {
    let file = heic(&picture(700, 530));
    let limits = DecodeLimits::default();
    let few = limits.with_max_pixels(370_999);
    assert_eq!(refused(&file, &few).1, Some(371_000.0));
    let narrow = limits.with_max_side(699);
    assert_eq!(refused(&file, &narrow).1, Some(700.0));
    // The size in the container: of the tiles, of the picture, and of the grid.
    let single = heic(&picture(300, 300));
    let at = place(&single, b"ispe", 0) + 8;
    for (width, height, code) in [
        (u32::MAX, u32::MAX, RefusalCode::ImageTooLarge),
        (0, 300, RefusalCode::UndecodableImage),
        // The stream has more than the container says, or less.
        (100, 300, RefusalCode::UndecodableImage),
        (300, 301, RefusalCode::UndecodableImage),
        (9_000, 4_000, RefusalCode::UndecodableImage),
    ] {
        let mut bytes = single.clone();
        bytes[at..at + 4].copy_from_slice(&width.to_be_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&height.to_be_bytes());
        assert_eq!(refused(&bytes, &limits).0, code, "{width} x {height}");
    }
}

#[test]
fn tables_that_take_long_are_refused() {
    let file = heic(&picture(40, 40));
    // A box of references as large as the file may be, in front of the others.
    let mut bytes = file.clone();
    let meta = place(&bytes, b"meta", 0);
    let table = [&(8 + (1u32 << 20)).to_be_bytes()[..], b"iref", &vec![0; 1 << 20]].concat();
    bytes.splice(meta + 8..meta + 8, table.iter().copied());
    let size = u32::from_be_bytes(bytes[meta - 4..meta].try_into().expect("four bytes")) + table.len() as u32;
    bytes[meta - 4..meta].copy_from_slice(&size.to_be_bytes());
    let (code, _, message) = refused(&bytes, &DecodeLimits::default());
    assert_eq!((code, message.contains("this kind of HEIC file")), (RefusalCode::UndecodableImage, true), "{message}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for file in [heic(&picture(48, 32)), heic(&picture(600, 40))] {
        for cut in 0..file.len() {
            let (code, _, message) = refused(&file[..cut], &DecodeLimits::default());
            assert_eq!(code, RefusalCode::UndecodableImage, "cut to {cut}: {message}");
        }
    }
}

#[test]
fn avif_in_a_general_container_is_named() {
    let mut file = heic(&picture(40, 40));
    let at = place(&file, b"hvc1", 0);
    file[at..at + 4].copy_from_slice(b"av01");
    let (_, _, message) = refused(&file, &DecodeLimits::default());
    let expected = if cfg!(feature = "avif") {
        // It is none: the stream inside is still HEVC's.
        "the AVIF file is damaged; send another copy of the photo"
    } else {
        "AVIF pictures are not read by this build; save the photo as JPEG or PNG, or build facevault with its feature avif"
    };
    assert_eq!(message, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_is_survived(large: bool, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        static FILES: std::sync::LazyLock<[Vec<u8>; 2]> = std::sync::LazyLock::new(|| [heic(&picture(40, 24)), heic(&picture(520, 30))]);
        let mut bytes = FILES[usize::from(large)].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decode(&bytes, &DecodeLimits::default().with_max_pixels(1_000_000));
    }
}
