//! A raw frame of a camera: any format, size, stride, colours and turn.

#![no_main]

use std::time::Duration;

use facevault::vision::{DecodeLimits, picture};
use facevault::{Frame, PixelFormat, Rotation, YuvMatrix, YuvRange};
use facevault_fuzz::Input;
use libfuzzer_sys::fuzz_target;

const FORMATS: [PixelFormat; 9] = [
    PixelFormat::Gray8,
    PixelFormat::Rgb8,
    PixelFormat::Bgr8,
    PixelFormat::Rgba8,
    PixelFormat::Nv12,
    PixelFormat::Nv21,
    PixelFormat::I420,
    PixelFormat::Yuyv,
    PixelFormat::Mjpeg,
];
const ROTATIONS: [Rotation; 4] =
    [Rotation::None, Rotation::Clockwise90, Rotation::Clockwise180, Rotation::Clockwise270];

fuzz_target!(init: facevault_fuzz::end_at_own_panics_only(), |data: &[u8]| {
    let mut input = Input(data);
    let (format, how) = (FORMATS[usize::from(input.byte()) % FORMATS.len()], input.byte());
    let (width, height, stride) = (u32::from(input.number()), u32::from(input.number()), usize::from(input.number()));
    let range = if how & 1 == 0 { YuvRange::Full } else { YuvRange::Video };
    let matrix = if how & 2 == 0 { YuvMatrix::Bt601 } else { YuvMatrix::Bt709 };
    let rotation = ROTATIONS[usize::from(how >> 2) % ROTATIONS.len()];
    let made = match how & 0x10 {
        0 => Frame::new(format, width, height, input.0),
        _ => Frame::padded(format, width, height, stride, input.0),
    };
    let Ok(frame) = made else { return };
    let frame = frame.with_color(range, matrix).with_rotation(rotation).with_mirrored(how & 0x20 != 0);
    let frame = frame.with_time(Duration::from_millis(u64::from(how)));
    let limits = DecodeLimits::default().with_max_pixels(1 << 18);
    if let Ok(picture) = picture(&frame, &limits) {
        let turned = matches!(rotation, Rotation::Clockwise90 | Rotation::Clockwise270);
        if format != PixelFormat::Mjpeg {
            let expected = if turned { (height, width) } else { (width, height) };
            assert_eq!(picture.dimensions(), expected);
        }
        assert!(u64::from(picture.width()) * u64::from(picture.height()) <= 1 << 18);
    }
});
