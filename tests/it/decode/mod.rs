//! Photos decode upright and to the same picture in every format; bad files are refused with a
//! reason and do no harm.

mod hostile;

use facevault::vision::{DecodeLimits, decode};
use facevault::{Refusal, RefusalCode};
use image::{ImageFormat, RgbImage};
use proptest::prelude::*;

use crate::data;

fn decoded(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    decode(bytes, &DecodeLimits::default())
}

/// The mean absolute difference of two pictures of one size, in grey levels.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn one_picture_in_every_format_is_upright_and_alike() {
    let Some(folder) = data::folder("one_picture_in_every_format_is_upright_and_alike") else { return };
    let formats = folder.join("images/formats");
    let original = decoded(&data::read(&formats, "einstein.png")).expect("the original");
    assert_eq!(original.dimensions(), (800, 800));
    // The tolerances are what each format's own loss amounts to, measured with another decoder and
    // rounded up; a picture turned the wrong way differs by 50 and more.
    for (file, tolerance) in [
        ("einstein.bmp", 0.0),
        ("einstein.tiff", 0.0),
        ("einstein.gif", 0.4),
        ("einstein.webp", 2.5),
        ("einstein_lossless.webp", 0.0),
        ("einstein_palette.png", 0.4),
        ("einstein_rgba.png", 0.0),
        ("einstein_la.png", 1.8),
        ("einstein_gray16.png", 1.8),
        ("einstein_gray.jpg", 3.2),
        ("einstein_cmyk.jpg", 1.6),
        ("einstein_420.jpg", 2.4),
        ("einstein_444.jpg", 1.0),
        ("einstein_baseline.jpg", 1.6),
        ("einstein_progressive.jpg", 1.6),
        ("einstein_exif1.jpg", 1.6),
        ("einstein_exif2.jpg", 1.6),
        ("einstein_exif3.jpg", 1.6),
        ("einstein_exif4.jpg", 1.6),
        ("einstein_exif5.jpg", 1.6),
        ("einstein_exif6.jpg", 1.6),
        ("einstein_exif7.jpg", 1.6),
        ("einstein_exif8.jpg", 1.6),
        ("einstein_exif6.png", 0.0),
        ("einstein_exif6.webp", 2.5),
        ("einstein_exif_invalid.jpg", 2.4),
        // A good JPEG under another name: what counts is the content.
        ("bad_jpeg_named.png", 1.6),
    ] {
        let picture = decoded(&data::read(&formats, file)).unwrap_or_else(|refusal| panic!("{file}: {refusal}"));
        let found = difference(&picture, &original);
        assert!(found <= tolerance, "{file}: differs by {found:.3}, at most {tolerance} expected");
    }
    let one_bit = decoded(&data::read(&formats, "einstein_1bit.png")).expect("1 bit");
    assert!(one_bit.as_raw().iter().all(|value| *value == 0 || *value == 255));
    for (file, size) in [
        ("einstein_small16.png", (16, 16)),
        ("einstein_small128.png", (128, 128)),
        ("narrow_4x2000.png", (4, 2000)),
        ("tiny_1x1.png", (1, 1)),
        ("blank_640x480.jpg", (640, 480)),
        ("scientists_1600.jpg", (1600, 1158)),
    ] {
        assert_eq!(decoded(&data::read(&formats, file)).map(|picture| picture.dimensions()), Ok(size), "{file}");
    }
}

#[test]
fn jpegs_are_decoded_to_libjpegs_pixels() {
    let Some(folder) = data::folder("jpegs_are_decoded_to_libjpegs_pixels") else { return };
    // CRC-32 of what Pillow 13.0 with libjpeg-turbo 3.2.0 gives as red, green and blue.
    for (file, expected) in [
        ("formats/einstein_420.jpg", 0x9ffc_d274),
        ("formats/einstein_444.jpg", 0x656e_2803),
        ("formats/einstein_baseline.jpg", 0x259a_6aaf),
        ("formats/einstein_progressive.jpg", 0x259a_6aaf),
        ("formats/einstein_gray.jpg", 0xcdaa_a69e),
        ("formats/einstein_cmyk.jpg", 0xa169_6b1c),
        ("formats/scientists_1600.jpg", 0x7e1f_35b6),
        ("exif/Landscape_1.jpg", 0x7dca_04fa),
    ] {
        let picture = decoded(&data::read(&folder.join("images"), file)).expect(file);
        assert_eq!(crc32fast::hash(picture.as_raw()), expected, "{file}");
    }
}

#[test]
fn every_orientation_gives_the_same_picture() {
    let Some(folder) = data::folder("every_orientation_gives_the_same_picture") else { return };
    for (kind, size) in [("Landscape", (1800, 1200)), ("Portrait", (1200, 1800))] {
        let read = |number: u32| {
            let file = format!("{kind}_{number}.jpg");
            decoded(&data::read(&folder.join("images/exif"), &file))
                .unwrap_or_else(|refusal| panic!("{file}: {refusal}"))
        };
        // Number 1 is stored upright. Each file shows its number in a corner, and was compressed anew.
        let upright = read(1);
        assert_eq!(upright.dimensions(), size);
        for number in [0, 2, 3, 4, 5, 6, 7, 8] {
            let found = difference(&read(number), &upright);
            assert!(found < 6.0, "{kind}_{number}.jpg: differs by {found:.2}");
        }
    }
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    use RefusalCode::{ImageTooLarge, UndecodableImage};
    let Some(folder) = data::folder("bad_files_are_refused_with_a_reason") else { return };
    for (file, code, reason) in [
        ("bad_empty.jpg", UndecodableImage, "the file is empty"),
        ("bad_random.jpg", UndecodableImage, "not a picture in a known format"),
        ("bad_text.png", UndecodableImage, "not a picture in a known format"),
        ("bad_truncated_half.jpg", UndecodableImage, "the JPEG file is cut short"),
        ("bad_truncated_header.jpg", UndecodableImage, "the JPEG file is cut short"),
        ("bad_bitflips.jpg", UndecodableImage, "the JPEG file is damaged"),
        ("bad_truncated.png", UndecodableImage, "the PNG file is cut short"),
        ("bad_crc.png", UndecodableImage, "the PNG file is damaged"),
        ("bad_bomb_65000x65000.png", ImageTooLarge, "65000 x 65000"),
    ] {
        let refusal = decoded(&data::read(&folder.join("images/formats"), file)).expect_err(file);
        assert_eq!(refusal.code, code, "{file}");
        assert!(refusal.message.contains(reason), "{file}: {}", refusal.message);
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let Some(folder) = data::folder("a_file_cut_anywhere_is_refused") else { return };
    for file in [
        "einstein.png",
        "einstein.bmp",
        "einstein.tiff",
        "einstein.gif",
        "einstein.webp",
        "einstein_lossless.webp",
        "einstein_exif6.webp",
        "einstein_420.jpg",
        "einstein_progressive.jpg",
        "einstein_exif6.jpg",
    ] {
        let bytes = data::read(&folder.join("images/formats"), file);
        for share in [0.001, 0.01, 0.1, 0.35, 0.6, 0.85, 0.99] {
            let cut = &bytes[..(bytes.len() as f64 * share) as usize];
            let refusal = decoded(cut).err().unwrap_or_else(|| panic!("{file} cut to {share} was taken"));
            assert_eq!(refusal.code, RefusalCode::UndecodableImage, "{file} cut to {share}: {refusal}");
        }
    }
}

/// A picture with grain, as JPEG of each of the kinds that place the end differently.
fn jpegs() -> Vec<(&'static str, Vec<u8>)> {
    use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
    let grain = |i: u32| (i.wrapping_mul(2_654_435_761) >> 27) as u8;
    let picture = RgbImage::from_fn(67, 45, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 90 + grain(x * 45 + y)]));
    let encoder = |sampling, format| {
        Encoder::new(picture.as_raw(), if format == PixelFormat::Rgb { 67 } else { 201 }, 45, format)
            .subsampling(sampling)
            .quality(85)
    };
    [
        ("baseline", encoder(Subsampling::S420, PixelFormat::Rgb)),
        ("full resolution", encoder(Subsampling::S444, PixelFormat::Rgb).optimize_huffman(true)),
        ("with restarts", encoder(Subsampling::S422, PixelFormat::Rgb).restart_blocks(3)),
        ("grey", encoder(Subsampling::S444, PixelFormat::Grayscale)),
        ("progressive", encoder(Subsampling::S420, PixelFormat::Rgb).progressive(true)),
        ("grey, progressive", encoder(Subsampling::S444, PixelFormat::Grayscale).progressive(true)),
    ]
    .map(|(what, encoder)| (what, encoder.encode().expect("a JPEG")))
    .to_vec()
}

#[test]
fn a_jpeg_that_lacks_only_its_end_is_taken() {
    for (what, whole) in jpegs() {
        let expected = decoded(&whole).expect(what);
        let (data, end) = whole.split_at(whole.len() - 2);
        assert_eq!(end, [0xff, 0xd9], "{what}");
        for (tail, bytes) in [
            ("no end", &[][..]),
            ("half an end", &[0xff]),
            ("zeros", &[0; 4096]),
            ("erased memory", &[0xff; 4096]),
            ("a line", b"\r\n--boundary--\r\n"),
            ("another marker", &[0xff, 0xfe, 0, 20, 1, 2]),
            ("behind the end", b"\xff\xd9 and more \xff\xda"),
        ] {
            let file = [data, bytes].concat();
            let picture = decoded(&file).unwrap_or_else(|refusal| panic!("{what}, {tail}: {refusal}"));
            assert!(picture == expected, "{what}: {tail}");
        }
    }
}

#[test]
fn a_jpeg_that_lacks_more_than_its_end_is_refused() {
    for (what, whole) in jpegs() {
        let expected = decoded(&whole).expect(what);
        let mut taken = 0;
        for cut in 0..whole.len() - 2 {
            for tail in [&[][..], &[0xff], &[0; 4096]] {
                match decoded(&[&whole[..cut], tail].concat()) {
                    Err(refusal) => assert_eq!(refusal.code, RefusalCode::UndecodableImage, "{what} cut at {cut}"),
                    // The last byte, or two, may hold nothing but what fills them up.
                    Ok(picture) => {
                        assert!(picture == expected && cut + 3 >= whole.len() - 1, "{what} cut at {cut}");
                        taken += 1;
                    }
                }
            }
        }
        assert!(taken <= 3, "{what}");
        // Noise instead of the second half is not taken for the picture's data.
        let noise: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f).collect();
        assert!(decoded(&[&whole[..whole.len() / 2], &noise].concat()).is_err(), "{what} overwritten");
    }
}

#[test]
fn limits_are_told_with_the_measured_value() {
    let picture = RgbImage::from_fn(60, 40, |x, y| image::Rgb([x as u8 * 4, y as u8 * 6, 77]));
    let png = encoded(&picture, ImageFormat::Png);
    let limits = DecodeLimits::default();
    for (limits, measured, limit) in [
        (limits.with_max_bytes(50), png.len() as f64, 50.0),
        (limits.with_max_side(59), 60.0, 59.0),
        (limits.with_max_pixels(2_399), 2_400.0, 2_399.0),
    ] {
        let refusal = decode(&png, &limits).expect_err("too large");
        assert_eq!(refusal.code, RefusalCode::ImageTooLarge);
        assert_eq!((refusal.measured, refusal.limit), (Some(measured), Some(limit)));
    }
    assert_eq!(decode(&png, &limits.with_max_side(60).with_max_pixels(2_400)), Ok(picture));
    // 16 bits a colour with alpha are eight bytes a pixel: twice what a picture may take.
    let deep = image::DynamicImage::new_rgba16(60, 40);
    let mut png = Vec::new();
    deep.write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png).expect("encodes");
    let refusal = decode(&png, &limits.with_max_pixels(2_400)).expect_err("too deep");
    assert_eq!((refusal.measured, refusal.limit), (Some(19_200.0), Some(9_600.0)));
}

#[test]
fn known_formats_that_are_not_read_are_named() {
    for (start, named) in [(&b"\xff\x0a\0\0\0\0"[..], "JPEG XL"), (b"\0\0\x01\0\x01\0\x10\x10", "ICO")] {
        let refusal = decoded(start).expect_err(named);
        assert_eq!(refusal.message, format!("{named} pictures are not read; save the photo as JPEG or PNG"));
    }
    for (start, named, feature, built) in [
        (&b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"[..], "AVIF", "avif", cfg!(feature = "avif")),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF", "avif", cfg!(feature = "avif")),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "heic", cfg!(feature = "heic")),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "HEIF", "heic", cfg!(feature = "heic")),
    ] {
        let message = decoded(start).expect_err(named).message;
        let not_built = format!(
            "{named} pictures are not read by this build; save the photo as JPEG or PNG, or build facevault with its feature {feature}"
        );
        assert_eq!(message == not_built, !built, "{message}");
    }
}

#[test]
fn every_good_png_is_read_and_every_broken_one_refused() {
    let Some(folder) = data::folder("every_good_png_is_read_and_every_broken_one_refused") else { return };
    // Willem van Schaik's suite: the names of broken files start with x.
    for path in data::files_below(&folder.join("images/hostile/image-png/pngsuite")) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if name.ends_with(".png") {
            let result = decoded(&std::fs::read(&path).expect("readable"));
            assert_eq!(result.is_ok(), !name.starts_with('x'), "{name}: {:?}", result.err());
        }
    }
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), format).expect("encodes");
    bytes
}

const STARTS: [&[u8]; 12] = [
    b"",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff",
    b"\xff\xd8\xff\xc0\0\x11\x08\0\x10\0\x10\x03",
    b"GIF89a",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"RIFF\x40\0\0\0WEBPVP8L",
    b"RIFF\x40\0\0\0WEBPVP8X",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"BM",
    b"P6 ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_decoded_or_refused(start in 0..STARTS.len(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decoded(&[STARTS[start], &rest].concat());
    }

    #[test]
    fn damage_is_survived(format in 0..6usize, at in any::<prop::sample::Index>(), value: u8, cut in any::<prop::sample::Index>()) {
        let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::WebP][format];
        let mut bytes = encoded(&RgbImage::from_fn(37, 23, |x, y| image::Rgb([x as u8, y as u8 * 7, 9])), format);
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = decoded(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = decoded(&bytes);
    }
}
