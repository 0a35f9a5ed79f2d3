//! AVIF files decode to the expected pixels, upright; hostile files take neither much time nor much
//! memory. `tests/data/scripts/avif.py` makes the pictures.

use std::path::Path;

use facevault::RefusalCode;
use facevault::vision::{DecodeLimits, decode};
use image::{DynamicImage, RgbImage};
use proptest::prelude::*;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/avif/{name}.avif"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the script encodes.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let blue = if x < width / 2 && y < height / 2 { 230 } else { 40 };
        image::Rgb([(x * 250 / width) as u8, (y * 250 / height) as u8, blue])
    })
}

/// Compares with `expected`: the difference is at most `most` grey levels on average.
fn assert_alike(bytes: &[u8], expected: &RgbImage, most: f64, what: &str) {
    let found = decode(bytes, &DecodeLimits::default()).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    assert_eq!(found.dimensions(), expected.dimensions(), "{what}");
    let off: u64 = found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let off = off as f64 / expected.as_raw().len() as f64;
    assert!(off < most, "{what}: off by {off:.2}");
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
fn every_depth_and_sampling() {
    // Colours at a quarter or half of the resolution are off at the edge of a picture as small as these.
    for (name, width, height, most) in [
        ("quarter", 40, 24, 4.0),
        ("quarter-odd", 33, 17, 4.0),
        ("half-odd", 33, 17, 3.0),
        ("full", 40, 24, 2.0),
        ("limited", 40, 24, 4.0),
        ("identity", 40, 24, 2.0),
        ("10-bit", 40, 24, 4.0),
        ("10-bit-full", 33, 17, 2.0),
        ("12-bit", 33, 17, 3.0),
        ("grid", 100, 70, 3.0),
        ("sequence", 40, 24, 4.0),
    ] {
        assert_alike(&file(name), &picture(width, height), most, name);
    }
}

#[test]
fn grey_is_grey_in_either_range() {
    let mut expected = picture(40, 24);
    for pixel in expected.pixels_mut() {
        *pixel = image::Rgb([pixel[0]; 3]);
    }
    for name in ["grey", "grey-limited"] {
        assert_alike(&file(name), &expected, 2.0, name);
    }
}

#[test]
fn what_is_transparent_is_white() {
    let (mut transparent, mut half) = (picture(40, 24), picture(40, 24));
    for (x, y) in (0..10).flat_map(|x| (0..24).map(move |y| (x, y))) {
        transparent.put_pixel(x, y, image::Rgb([255; 3]));
        let pixel = half.get_pixel_mut(x, y);
        *pixel = image::Rgb(pixel.0.map(|color| ((u32::from(color) * 128 + 255 * 127) / 255) as u8));
    }
    assert_alike(&file("alpha"), &transparent, 4.0, "alpha");
    assert_alike(&file("premultiplied"), &half, 4.0, "premultiplied");
}

#[test]
fn the_container_turns_the_picture() {
    let file = file("turned");
    for quarters in 0..4u8 {
        for axis in 0..2u8 {
            let mut bytes = file.clone();
            let (rotation, mirror) = (place(&file, b"irot", 0) + 4, place(&file, b"imir", 0) + 4);
            (bytes[rotation], bytes[mirror]) = (quarters, axis);
            let picture = DynamicImage::ImageRgb8(picture(40, 24));
            let picture = match quarters {
                1 => picture.rotate270(),
                2 => picture.rotate180(),
                3 => picture.rotate90(),
                _ => picture,
            };
            let picture = if axis == 0 { picture.flipv() } else { picture.fliph() };
            assert_alike(&bytes, &picture.into_rgb8(), 4.0, &format!("{quarters} quarters, axis {axis}"));
        }
    }
}

#[test]
fn the_container_says_what_samples_mean() {
    let mut bytes = file("quarter");
    // The full range in both, until the container says otherwise: black and white move apart.
    let range = place(&bytes, b"nclx", 0) + 10;
    assert_eq!(bytes[range], 0x80);
    bytes[range] = 0;
    let mut expected = picture(40, 24);
    for color in expected.iter_mut() {
        *color = ((f64::from(*color) - 16.0) * 255.0 / 219.0).clamp(0.0, 255.0) as u8;
    }
    assert_alike(&bytes, &expected, 6.0, "range");
    // A matrix that is not known (YCgCo) is not guessed.
    bytes[range - 1] = 8;
    let (_, _, message) = refused(&bytes, &DecodeLimits::default());
    assert_eq!(message, "this kind of AVIF file is not read; save the photo as JPEG or PNG");
}

#[test]
fn sizes_are_compared_before_there_are_pixels() {
    let file = file("quarter");
    let limits = DecodeLimits::default();
    assert_eq!(refused(&file, &limits.with_max_pixels(959)).1, Some(960.0));
    assert_eq!(refused(&file, &limits.with_max_side(39)).1, Some(40.0));
    let at = place(&file, b"ispe", 0) + 8;
    for (width, height, code) in [
        (u32::MAX, u32::MAX, RefusalCode::ImageTooLarge),
        (0, 24, RefusalCode::UndecodableImage),
        // The stream has more than the container says, or less.
        (39, 24, RefusalCode::UndecodableImage),
        (40, 25, RefusalCode::UndecodableImage),
        (9_000, 4_000, RefusalCode::UndecodableImage),
    ] {
        let mut bytes = file.clone();
        bytes[at..at + 4].copy_from_slice(&width.to_be_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&height.to_be_bytes());
        assert_eq!(refused(&bytes, &limits).0, code, "{width} x {height}");
    }
}

/// The file with other data in place of its picture, which is the last thing in it.
fn with_stream(file: &[u8], stream: &[u8]) -> Vec<u8> {
    let (length, start) = (place(file, b"iloc", 0) + 22, place(file, b"mdat", 0) + 4);
    let mut bytes = [&file[..start], stream].concat();
    let size = stream.len() as u32;
    bytes[length..length + 4].copy_from_slice(&size.to_be_bytes());
    bytes[start - 8..start - 4].copy_from_slice(&(8 + size).to_be_bytes());
    bytes
}

#[test]
fn only_what_makes_pixels_reaches_the_decoder() {
    let file = file("quarter");
    let stream = &file[place(&file, b"mdat", 0) + 4..];
    // A temporal delimiter, the sequence header, the frame.
    assert_eq!((stream[..4].to_vec(), stream[2 + 11]), (b"\x12\0\x0a\x09".to_vec(), 0x32));
    let (header, frame) = (&stream[2..13], &stream[13..]);
    let read = |units: &[&[u8]]| decode(&with_stream(&file, &units.concat()), &DecodeLimits::default());
    let picture = read(&[stream]).expect("decodes");
    assert!(read(&[header, frame]) == Ok(picture.clone()));
    // Metadata without content behind a byte that looks like an end: the decoder's own reader of it
    // would look far outside of the file. Padding, a list of tiles, a type without a meaning.
    for odd in [&b"\x2a\x01\x04"[..], b"\x2a\x02\x04\x80", b"\x7a\x02\0\x80", b"\x42\x01\0", b"\x52\x01\0"] {
        assert!(read(&[header, odd, frame, odd]) == Ok(picture.clone()), "{odd:02x?}");
    }
    let not_read = "this kind of AVIF file is not read; save the photo as JPEG or PNG";
    let damaged = "the AVIF file is damaged; send another copy of the photo";
    for (units, message) in [
        // Two frames, or two headers: a film, or layers.
        (&[header, frame, frame][..], not_read),
        (&[header, header, frame], not_read),
        (&[frame, header], damaged),
        (&[header], damaged),
        (&[], damaged),
        (&[header, &frame[..frame.len() - 1]], "the AVIF file is cut short; send the whole file"),
        // A length that does not end.
        (&[header, &[0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]], damaged),
    ] {
        assert_eq!(read(units).expect_err("refused").message, message, "{units:02x?}");
    }
}

#[test]
fn a_general_container_and_a_film() {
    let limits = DecodeLimits::default();
    let mut general = file("grid");
    let brand = place(&general, b"avif", 0);
    general[brand..brand + 4].copy_from_slice(b"mif2");
    assert_alike(&general, &picture(100, 70), 3.0, "a general container");
    let first = place(&general, b"mdat", 0) + 4;
    general[first + 2] = 0xff;
    assert_eq!(refused(&general, &limits).2, "the AVIF file is damaged; send another copy of the photo");
    // A film without a picture that stands for it.
    let mut film = file("sequence");
    let meta = place(&film, b"meta", 0);
    film[meta..meta + 4].copy_from_slice(b"free");
    let message = "this kind of AVIF file is not read; save the photo as JPEG or PNG";
    assert_eq!(refused(&film, &limits).2, message);
    // What a reader must understand: the second operating point.
    let mut layers = file("turned");
    let property = place(&layers, b"irot", 0);
    layers[property..property + 5].copy_from_slice(b"a1op\x01");
    assert_eq!(refused(&layers, &limits).2, message);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["quarter", "alpha", "grid", "10-bit"] {
        let file = file(name);
        for cut in 0..file.len() {
            let (code, _, message) = refused(&file[..cut], &DecodeLimits::default());
            assert_eq!(code, RefusalCode::UndecodableImage, "{name} cut to {cut}: {message}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_is_survived(
        name in prop::sample::select(&["quarter", "full", "10-bit", "alpha", "grid"][..]),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = file(name);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decode(&bytes, &DecodeLimits::default().with_max_pixels(1_000_000));
    }
}
