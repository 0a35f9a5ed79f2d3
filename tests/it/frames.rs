//! Frames of cameras become the pictures that files become: colours by the standards' equations, every layout to the
//! pixel, and whatever a header says, nothing outside of the bytes is read.

use std::cell::Cell;
use std::io::Cursor;
use std::time::Duration;

use facevault::vision::{DecodeLimits, decode, picture};
use facevault::{
    CompareOptions, ErrorKind, Frame, IdentifyOptions, NewPerson, PersonId, PixelFormat, Refusal, RefusalCode,
    Rotation, Vault, VaultOptions, YuvMatrix, YuvRange,
};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::fakes;

const FORMATS: [PixelFormat; 8] = [
    PixelFormat::Rgb8,
    PixelFormat::Bgr8,
    PixelFormat::Rgba8,
    PixelFormat::Gray8,
    PixelFormat::Nv12,
    PixelFormat::Nv21,
    PixelFormat::I420,
    PixelFormat::Yuyv,
];

const TURNS: [Rotation; 4] = [Rotation::None, Rotation::Clockwise90, Rotation::Clockwise180, Rotation::Clockwise270];

const MEANINGS: [(YuvRange, YuvMatrix); 4] = [
    (YuvRange::Video, YuvMatrix::Bt601),
    (YuvRange::Video, YuvMatrix::Bt709),
    (YuvRange::Full, YuvMatrix::Bt601),
    (YuvRange::Full, YuvMatrix::Bt709),
];

fn seen(frame: &Frame<'_>) -> Result<RgbImage, Refusal> {
    picture(frame, &DecodeLimits::default())
}

/// Red, green and blue of a pixel by the equations of ITU-R BT.601-7 (2.5.1) and BT.709-6 (items 3.2 to 3.4), with the
/// ranges of their sections on quantisation, and of ITU-T T.871 for the full range.
struct Standard {
    kr: f64,
    kb: f64,
    black: f64,
    luma: f64,
    chroma: f64,
}

impl Standard {
    fn new(range: YuvRange, matrix: YuvMatrix) -> Self {
        let (kr, kb) = if matrix == YuvMatrix::Bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let (black, luma, chroma) = if range == YuvRange::Video { (16.0, 219.0, 224.0) } else { (0.0, 255.0, 255.0) };
        Self { kr, kb, black, luma, chroma }
    }

    fn color(&self, [y, u, v]: [u8; 3]) -> [f64; 3] {
        let luma = (f64::from(y) - self.black) / self.luma;
        let (blue, red) = ((f64::from(u) - 128.0) / self.chroma, (f64::from(v) - 128.0) / self.chroma);
        let r = luma + 2.0 * (1.0 - self.kr) * red;
        let b = luma + 2.0 * (1.0 - self.kb) * blue;
        let g = (luma - self.kr * r - self.kb * b) / (1.0 - self.kr - self.kb);
        [r, g, b].map(|value| (255.0 * value).clamp(0.0, 255.0))
    }
}

/// The farthest that a colour is from what the standard says, in grey levels.
fn farthest(found: [u8; 3], expected: [f64; 3]) -> f64 {
    found.into_iter().zip(expected).map(|(found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max)
}

/// Every Y, U and V: a frame for each V, of blocks of four pixels that share a U.
#[test]
fn every_colour_is_within_one_grey_level_of_the_standards() {
    let (width, height) = (512, 128);
    let mut bytes: Vec<u8> = Vec::new();
    for row in 0..height {
        bytes.extend((0..width).map(|x| (4 * (row / 2) + 2 * (row % 2) + x % 2) as u8));
    }
    bytes.extend((0..64 * 256).map(|i| i as u8));
    let luma = bytes.len();
    bytes.resize(luma + 64 * 256, 0);
    for (range, matrix) in MEANINGS {
        let standard = Standard::new(range, matrix);
        let mut worst = 0.0_f64;
        for v in 0..=255 {
            bytes[luma..].fill(v);
            let frame = Frame::new(PixelFormat::I420, width, height, &bytes).expect("whole");
            let found = seen(&frame.with_color(range, matrix)).expect("a picture");
            for (i, pixel) in found.as_raw().as_chunks::<3>().0.iter().enumerate() {
                let yuv = [bytes[i], (i % 512 / 2) as u8, v];
                let off = farthest(*pixel, standard.color(yuv));
                assert!(off <= 1.0, "{range:?} {matrix:?} {yuv:?}: {pixel:?} instead of {:?}", standard.color(yuv));
                worst = worst.max(off);
            }
        }
        println!("{range:?} {matrix:?}: at most {worst:.3} grey levels from the exact colour");
    }
}

#[test]
fn colours_that_the_standards_name() {
    // Black, white and the primaries at full strength: BT.601-7 and BT.709-6 in the video range, T.871 in the full one.
    for (range, matrix, yuv, rgb) in [
        (YuvRange::Video, YuvMatrix::Bt601, [16, 128, 128], [0, 0, 0]),
        (YuvRange::Video, YuvMatrix::Bt601, [235, 128, 128], [255, 255, 255]),
        (YuvRange::Video, YuvMatrix::Bt601, [81, 90, 240], [255, 0, 0]),
        (YuvRange::Video, YuvMatrix::Bt601, [145, 54, 34], [0, 255, 0]),
        (YuvRange::Video, YuvMatrix::Bt601, [41, 240, 110], [0, 0, 255]),
        (YuvRange::Video, YuvMatrix::Bt709, [63, 102, 240], [255, 0, 0]),
        (YuvRange::Video, YuvMatrix::Bt709, [173, 42, 26], [0, 255, 0]),
        (YuvRange::Video, YuvMatrix::Bt709, [32, 240, 118], [0, 0, 255]),
        (YuvRange::Full, YuvMatrix::Bt601, [0, 128, 128], [0, 0, 0]),
        (YuvRange::Full, YuvMatrix::Bt601, [255, 128, 128], [255, 255, 255]),
        (YuvRange::Full, YuvMatrix::Bt601, [76, 85, 255], [254, 0, 0]),
        (YuvRange::Full, YuvMatrix::Bt601, [29, 255, 107], [0, 0, 254]),
    ] {
        let [y, u, v] = yuv;
        for (format, bytes) in [
            (PixelFormat::Yuyv, vec![y, u, y, v]),
            (PixelFormat::Nv12, vec![y, y, u, v]),
            (PixelFormat::Nv21, vec![y, y, v, u]),
            (PixelFormat::I420, vec![y, y, u, v]),
        ] {
            let frame = Frame::new(format, 2, 1, &bytes).expect("whole").with_color(range, matrix);
            for pixel in seen(&frame).expect("a picture").pixels() {
                let off = pixel.0.iter().zip(rgb).map(|(found, named)| found.abs_diff(named)).max();
                assert!(off <= Some(1), "{format} {range:?} {matrix:?} {yuv:?}: {pixel:?} instead of {rgb:?}");
            }
        }
    }
}

/// What a pixel of a frame shows, read from the bytes one by one.
fn expected(
    format: PixelFormat,
    (width, height): (usize, usize),
    stride: usize,
    bytes: &[u8],
    (x, y): (usize, usize),
) -> [f64; 3] {
    let standard = Standard::new(YuvRange::Video, YuvMatrix::Bt601);
    let at = |i: usize| bytes[i];
    let plain = |rgb: [u8; 3]| rgb.map(f64::from);
    let (column, line) = (x / 2, y / 2);
    match format {
        PixelFormat::Rgb8 => plain([0, 1, 2].map(|i| at(y * stride + 3 * x + i))),
        PixelFormat::Bgr8 => plain([2, 1, 0].map(|i| at(y * stride + 3 * x + i))),
        PixelFormat::Rgba8 => plain([0, 1, 2].map(|i| at(y * stride + 4 * x + i))),
        PixelFormat::Gray8 => plain([at(y * stride + x); 3]),
        PixelFormat::Yuyv => {
            let pair = y * stride + 4 * column;
            standard.color([at(pair + 2 * (x % 2)), at(pair + 1), at(pair + 3)])
        }
        PixelFormat::Nv12 | PixelFormat::Nv21 => {
            let pair = height * stride + line * stride.next_multiple_of(2) + 2 * column;
            let (u, v) = if format == PixelFormat::Nv12 { (pair, pair + 1) } else { (pair + 1, pair) };
            standard.color([at(y * stride + x), at(u), at(v)])
        }
        PixelFormat::I420 => {
            let (half, rows) = (stride.div_ceil(2), height.div_ceil(2));
            let u = height * stride + line * half + column;
            standard.color([at(y * stride + x), at(u), at(u + rows * half)])
        }
        other => panic!("{other} has no pixels to read in {width} columns"),
    }
}

#[test]
fn every_layout_is_read_to_the_pixel() {
    let noise: Vec<u8> = (0_u32..4_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 21) as u8).collect();
    for format in FORMATS {
        for (width, height) in (1..=9).flat_map(|width| (1..=5).map(move |height| (width, height))) {
            let packed =
                Frame::new(format, width, height, &noise[..format.packed_size(width, height).expect("a size")]);
            let row = packed.expect("whole").stride();
            for (padding, cut) in [(0, false), (1, false), (1, true), (2, true), (17, true), (32, false)] {
                let stride = row + padding;
                // The longest that is taken, and the shortest: without the padding of the last row.
                let fits = |len: &usize| Frame::padded(format, width, height, stride, &noise[..*len]).is_ok();
                let len = if cut { (1..noise.len()).find(fits) } else { (1..noise.len()).rfind(fits) };
                let bytes = &noise[..len.expect("some length fits")];
                let frame = Frame::padded(format, width, height, stride, bytes).expect("fits");
                let found = seen(&frame).expect("a picture");
                assert_eq!(found.dimensions(), (width, height));
                for (x, y, pixel) in found.enumerate_pixels() {
                    let place = (x as usize, y as usize);
                    let named = expected(format, (width as usize, height as usize), stride, bytes, place);
                    let off = farthest(pixel.0, named);
                    assert!(
                        off <= 1.0,
                        "{format} {width} x {height}, {stride} a row, {place:?}: {pixel:?}, not {named:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_frame_is_turned_and_then_mirrored() {
    let shown = RgbImage::from_fn(5, 3, |x, y| Rgb([40 * x as u8, 80 * y as u8, 9]));
    let upright = DynamicImage::ImageRgb8(shown.clone());
    for (rotation, expected) in [
        (Rotation::None, upright.clone()),
        (Rotation::Clockwise90, upright.rotate90()),
        (Rotation::Clockwise180, upright.rotate180()),
        (Rotation::Clockwise270, upright.rotate270()),
    ] {
        for mirrored in [false, true] {
            let expected = if mirrored { expected.fliph() } else { expected.clone() };
            let frame = Frame::new(PixelFormat::Rgb8, 5, 3, shown.as_raw()).expect("whole");
            let found = seen(&frame.with_rotation(rotation).with_mirrored(mirrored)).expect("a picture");
            assert!(found == expected.into_rgb8(), "{rotation:?}, mirrored: {mirrored}");
        }
    }
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).expect("a JPEG in memory");
    bytes.into_inner()
}

/// The file without its Huffman tables, as many cameras send it.
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let (mut kept, mut at) = (jpeg[..2].to_vec(), 2);
    while jpeg[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != 0xc4 {
            kept.extend(&jpeg[at..end]);
        }
        at = end;
    }
    kept.extend(&jpeg[at..]);
    kept
}

#[test]
fn mjpeg_is_what_the_file_would_be() {
    let shown = RgbImage::from_fn(40, 24, |x, y| Rgb([6 * x as u8, 10 * y as u8, 90]));
    let file = jpeg(&shown);
    let expected = decode(&file, &DecodeLimits::default()).expect("a picture");
    let bare = without_tables(&file);
    assert!(bare.len() < file.len());
    for bytes in [&file, &bare] {
        let frame = Frame::new(PixelFormat::Mjpeg, 40, 24, bytes).expect("bytes");
        assert!(seen(&frame).expect("a picture") == expected);
    }
    let png = fakes::photo(1);
    for (bytes, size, said) in [
        (&file[..], (24, 40), "the frame's JPEG picture has 40 x 24 pixels, expected 24 x 40"),
        (&file[..file.len() / 2], (40, 24), "the JPEG file is cut short; send the whole file"),
        (&png[..], (96, 96), "the frame is not a JPEG picture, which MJPEG is made of"),
    ] {
        let refusal = seen(&Frame::new(PixelFormat::Mjpeg, size.0, size.1, bytes).expect("bytes")).expect_err(said);
        assert_eq!((refusal.code, refusal.message.as_str()), (RefusalCode::UndecodableImage, said));
    }
}

#[test]
fn a_frame_has_the_limits_of_a_photo() {
    let bytes = vec![0; 200 * 10];
    let frame = Frame::new(PixelFormat::Gray8, 200, 10, &bytes).expect("whole");
    for (limits, measured, limit) in [
        (DecodeLimits::default().with_max_side(199), 200.0, 199.0),
        (DecodeLimits::default().with_max_pixels(1_999), 2_000.0, 1_999.0),
    ] {
        let refusal = picture(&frame, &limits).expect_err("too large");
        assert_eq!(refusal.code, RefusalCode::ImageTooLarge);
        assert_eq!((refusal.measured, refusal.limit), (Some(measured), Some(limit)));
    }
}

#[test]
fn verbs_take_a_frame_as_they_take_a_file() {
    let (engine, options) = (fakes::engine_with_table(), IdentifyOptions::default());
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    let id = PersonId::new("ada").expect("an id");
    let (photo, group) = (fakes::photo(7), fakes::photo_of(8, 3));
    let person = NewPerson { id: Some(id.clone()), images: vec![photo.clone()], ..NewPerson::named("Ada") };
    vault.create_person(&person).expect("created");
    let pixels = |photo: &[u8]| decode(photo, &DecodeLimits::default()).expect("a picture").into_raw();
    let (one, many) = (pixels(&photo), pixels(&group));
    let frame = Frame::new(PixelFormat::Rgb8, 96, 96, &one).expect("whole").with_time(Duration::from_secs(3));
    let group_frame = Frame::new(PixelFormat::Rgb8, 96, 96, &many).expect("whole");
    let frames = [frame, frame];
    let photos = [photo.clone(), photo.clone()];

    assert_eq!(engine.detect(&frame).expect("a picture"), engine.detect(&photo).expect("a picture"));
    let own = engine.encode(&photo).expect("a face");
    assert_eq!(engine.encode(&frame).expect("a face"), own);
    assert_eq!(engine.encode_faces(&group_frame).expect("faces"), engine.encode_faces(&group).expect("faces"));
    assert_eq!(engine.encode_all(&frames).expect("fakes"), [Ok(own.clone()), Ok(own.clone())]);
    let mut each = Vec::new();
    let take = |_, outcome| {
        each.push(outcome);
        Ok(())
    };
    assert_eq!(engine.encode_each(frames, &mut (), take).expect("fakes"), 2);
    assert_eq!(each, [Ok(own.clone()), Ok(own)]);
    assert_eq!(engine.probe(&frames[..]).expect("fused"), engine.probe(&photos).expect("fused"));
    let alike = CompareOptions::default();
    assert_eq!(
        engine.compare(&frame, &photos, &alike).expect("compared"),
        engine.compare(&photos[..1], &photos, &alike).expect("compared")
    );

    let found = vault.identify(&frame, &options).expect("searched");
    assert_eq!(found.candidates.first().map(|candidate| &candidate.person), Some(&id));
    assert_eq!(found, vault.identify(&photos[..1], &options).expect("searched"));
    assert_eq!(vault.identify(&frames[..], &options).expect("searched").candidates.len(), found.candidates.len());
    let faces = vault.identify_faces(&group_frame, &options).expect("searched");
    assert_eq!(faces, vault.identify_faces(&group, &options).expect("searched"));
    assert_eq!(faces.len(), 3);
    assert!(vault.verify(&id, &frame, &alike).expect("compared").decision.accepted);

    let refused = engine.detect(&Frame::new(PixelFormat::Mjpeg, 96, 96, &one).expect("bytes")).expect_err("no JPEG");
    assert_eq!(refused.kind(), ErrorKind::Refused);
}

/// How many random headers are tried; `FACEVAULT_FRAMES` sets another number.
fn headers() -> u32 {
    std::env::var("FACEVAULT_FRAMES").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000)
}

fn any_format() -> impl Strategy<Value = PixelFormat> {
    prop_oneof![8 => proptest::sample::select(FORMATS.to_vec()), 1 => Just(PixelFormat::Mjpeg)]
}

fn any_side() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 1_u32..70, 1 => 0_u32..2, 1 => any::<u32>(), 1 => 65_000_u32..66_000]
}

/// A stride: how many bytes a pixel, and what is added.
fn any_stride() -> impl Strategy<Value = Option<(usize, usize)>> {
    prop_oneof![
        8 => Just(None),
        8 => (1_usize..5, 0_usize..40).prop_map(Some),
        1 => (0_usize..2, any::<usize>()).prop_map(Some),
        1 => (1_usize..5, usize::MAX - 300..=usize::MAX).prop_map(Some),
    ]
}

/// The bytes of such a frame with all of its padding; `None` where they cannot be counted.
fn whole(format: PixelFormat, (width, height): (u32, u32), stride: Option<usize>) -> Option<usize> {
    let (width, height) = (width as usize, height as usize);
    let row = match format {
        PixelFormat::Rgb8 | PixelFormat::Bgr8 => 3 * width,
        PixelFormat::Rgba8 => 4 * width,
        PixelFormat::Yuyv => 4 * width.div_ceil(2),
        _ => width,
    };
    let stride = stride.unwrap_or(row);
    let lines = height.div_ceil(2);
    let colour = match format {
        PixelFormat::Nv12 | PixelFormat::Nv21 => stride.checked_next_multiple_of(2)?.checked_mul(lines)?,
        PixelFormat::I420 => stride.div_ceil(2).checked_mul(2 * lines)?,
        _ => 0,
    };
    stride.checked_mul(height)?.checked_add(colour)
}

/// Bytes end where their allocation ends, so a read behind them panics, or is seen by a sanitizer.
#[test]
fn no_header_leads_outside_of_the_bytes() {
    let size = (any_side(), any_side());
    let header = (any_format(), size, any_stride(), -3_isize..=3, prop::bool::weighted(0.7), any::<u16>());
    let ways = (0_usize..4, any::<bool>(), 0_usize..4);
    let (accepted, shown) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: headers(), failure_persistence: None, ..ProptestConfig::default() };
    let tried = TestRunner::new(config).run(
        &(header, ways),
        |((format, (width, height), stride, off, exact, random), (turn, mirrored, meaning))| {
            let stride = stride.map(|(factor, more)| (factor * width as usize).wrapping_add(more));
            let near = whole(format, (width, height), stride).unwrap_or_default();
            let near = near.saturating_add_signed(if exact { 0 } else { off });
            let len = if near < 1 << 16 { near } else { usize::from(random) };
            let mut bytes: Vec<u8> = (0..len).map(|i| (i * 37) as u8).collect();
            if format == PixelFormat::Mjpeg {
                bytes.splice(0..2.min(len), [0xff, 0xd8]);
            }
            let bytes = bytes.into_boxed_slice();
            let frame = match stride {
                Some(stride) => Frame::padded(format, width, height, stride, &bytes),
                None => Frame::new(format, width, height, &bytes),
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    prop_assert_eq!(error.kind(), ErrorKind::Invalid);
                    return Ok(());
                }
            };
            accepted.set(accepted.get() + 1);
            let (range, matrix) = MEANINGS[meaning];
            let frame = frame.with_rotation(TURNS[turn]).with_mirrored(mirrored).with_color(range, matrix);
            let upright = if turn % 2 == 1 { (height, width) } else { (width, height) };
            match picture(&frame, &DecodeLimits::default().with_max_pixels(1 << 20)) {
                Ok(picture) => {
                    prop_assert_eq!(picture.dimensions(), upright);
                    shown.set(shown.get() + 1);
                }
                Err(refusal) => {
                    prop_assert!(format == PixelFormat::Mjpeg || refusal.code == RefusalCode::ImageTooLarge);
                }
            }
            Ok(())
        },
    );
    tried.unwrap_or_else(|error| panic!("{error}"));
    println!("{} headers, {} accepted, {} converted", headers(), accepted.get(), shown.get());
    assert!(4 * shown.get() > headers(), "only {} of {} headers led to a picture", shown.get(), headers());
}
