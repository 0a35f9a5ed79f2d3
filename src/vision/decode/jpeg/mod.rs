//! JPEG, strictly, and to the pixel what libjpeg-turbo makes of it.
//!
//! Other programs give the same networks libjpeg's pixels. Decoders differ where colours are stored
//! at half the resolution, by a fifth of a grey level on average, which moves landmarks by a tenth
//! of a pixel and more; so the decoder is one that repeats libjpeg-turbo's arithmetic.
//!
//! The format has no checksum, and decoders are made to show something of every file: by default
//! the rest of a file that ends early comes out grey, and stray bytes are stepped over. So warnings
//! are errors here, and the markers are followed to the end of the picture beforehand. Damage that still decodes to the
//! right number of pixels, but to wrong ones, cannot be detected. A file that lacks nothing but its end marker has all
//! pixels, and is taken.

mod markers;

use image::RgbImage;
use image::metadata::Orientation;
use libjpeg_turbo_rs::{DecodeLimits as DecoderLimits, Decoder, FrameHeader, JpegError, PixelFormat};

use crate::error::Refusal;

use super::{
    DecodeLimits, check_density, check_frame, check_size, cut_short, damaged, pixels, too_much_memory, undecodable,
};
pub(super) use markers::stated_size;
use markers::{mend, reaches_end, stated};

const FORMAT: &str = "JPEG";

/// Every scan of a progressive picture goes over the whole of it, so their number is a cost that
/// the file's size does not bound. Encoders write about ten.
const MAX_SCANS: usize = 100;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    let refuse = |error: JpegError| match error {
        JpegError::Unsupported(_) | JpegError::LimitExceeded { .. } => not_read(),
        JpegError::AllocationFailed { .. } => too_much_memory(),
        _ => broken(bytes),
    };
    let whole = reaches_end(bytes);
    let mended = if whole { None } else { mend(bytes) };
    let source = mended.as_ref().map_or(bytes, |mended| mended.file());
    let mut decoder = open(source).map_err(refuse)?;
    let frame = decoder.header();
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    check_size(width, height, limits)?;
    check_density(width, height, bytes.len())?;
    let inks = frame.components.len() == 4;
    check_frame(u64::from(width) * u64::from(height) * if inks { 4 } else { 3 }, limits)?;
    if decoder.is_arithmetic() || !is_read(frame) {
        return Err(not_read());
    }
    let format = if inks { PixelFormat::Cmyk } else { PixelFormat::Rgb };
    if !whole {
        let shortened = mended.as_ref().ok_or_else(|| broken(bytes))?.shortened();
        let decodes = |mut decoder: Decoder<'_>| {
            decoder.set_output_format(format);
            decoder.decode_image()
        };
        if open(&shortened).and_then(decodes).is_ok() {
            return Err(broken(bytes));
        }
    }
    decoder.set_output_format(format);
    let mut raw = decoder.decode_image().map_err(refuse)?.data;
    drop(decoder);
    if inks {
        to_rgb(&mut raw);
    }
    let image = RgbImage::from_raw(width, height, raw).ok_or_else(|| damaged(FORMAT))?;
    Ok(pixels::upright(image, stated(bytes).orientation().unwrap_or(Orientation::NoTransforms)))
}

fn open(bytes: &[u8]) -> Result<Decoder<'_>, JpegError> {
    // Sizes are compared by the caller, where a refusal can say both numbers.
    let limits = DecoderLimits { max_pixels: u64::MAX, max_scans: MAX_SCANS, ..DecoderLimits::default() };
    let mut decoder = Decoder::new_with_limits(bytes, limits)?;
    decoder.set_stop_on_warning(true);
    // As libjpeg does where a progressive file leaves out the last bits.
    decoder.set_block_smoothing(true);
    Ok(decoder)
}

fn not_read() -> Refusal {
    undecodable(format!("this kind of {FORMAT} file is not read; save the photo as an ordinary JPEG"))
}

/// Whether the decoder reads pictures of this kind as libjpeg does: 8 bits a sample and, if there are four inks, only
/// the second and third at a lower resolution.
fn is_read(frame: &FrameHeader) -> bool {
    let sampling = |i: usize| (frame.components[i].horizontal_sampling, frame.components[i].vertical_sampling);
    let components = match frame.components.len() {
        1 | 3 => true,
        4 => {
            let (first, second) = (sampling(0), sampling(1));
            first == sampling(3)
                && second == sampling(2)
                && first.0.is_multiple_of(second.0)
                && first.1.is_multiple_of(second.1)
        }
        _ => false,
    };
    components && frame.precision == 8 && !frame.is_lossless
}

/// Cyan, magenta, yellow and black to red, green and blue, in place. The inks are stored inverted,
/// as Adobe's programs do and others follow: 255 is none.
fn to_rgb(raw: &mut Vec<u8>) {
    let pixels = raw.len() / 4;
    for i in 0..pixels {
        let black = u16::from(raw[4 * i + 3]);
        for color in 0..3 {
            let ink = u16::from(255 - raw[4 * i + color]);
            raw[3 * i + color] = (black - (ink * black + 127) / 255) as u8;
        }
    }
    raw.truncate(3 * pixels);
}

/// What is wrong with a file that cannot be decoded: a file that still has its end was not cut.
fn broken(bytes: &[u8]) -> Refusal {
    if bytes.ends_with(&[0xff, 0xd9]) || reaches_end(bytes) { damaged(FORMAT) } else { cut_short(FORMAT) }
}

#[cfg(test)]
mod tests {
    use libjpeg_turbo_rs::ComponentInfo;

    use super::*;

    #[test]
    fn kinds_that_the_decoder_gets_wrong_are_not_read() {
        let full = (2, 2);
        for (sampling, read) in [
            (vec![(1, 1)], true),
            (vec![full, (1, 1)], false),
            (vec![full, (1, 1), (1, 1)], true),
            (vec![(1, 1); 4], true),
            (vec![full, (1, 1), (1, 1), full], true),
            (vec![full, (1, 1), (1, 1), (1, 1)], false),
            (vec![full, (1, 1), (1, 2), full], false),
            (vec![(1, 1), full, full, (1, 1)], false),
            (vec![(3, 1), (2, 1), (2, 1), (3, 1)], false),
        ] {
            let component = |(horizontal_sampling, vertical_sampling)| ComponentInfo {
                id: 1,
                horizontal_sampling,
                vertical_sampling,
                quant_table_index: 0,
            };
            let components = sampling.iter().copied().map(component).collect();
            let frame = FrameHeader {
                precision: 8,
                height: 9,
                width: 9,
                components,
                is_progressive: false,
                is_lossless: false,
            };
            assert_eq!(is_read(&frame), read, "{sampling:?}");
            assert!(!is_read(&FrameHeader { precision: 12, ..frame }));
        }
    }

    #[test]
    fn inks_are_stored_inverted() {
        let mut raw = vec![255, 255, 255, 255, 0, 255, 128, 255, 255, 255, 0, 100, 50, 100, 200, 0];
        to_rgb(&mut raw);
        assert_eq!(raw, [255, 255, 255, 0, 255, 128, 100, 100, 0, 0, 0, 0]);
    }
}
