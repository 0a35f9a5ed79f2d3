//! JPEG, strictly.
//!
//! The format has no checksum, and decoders are made to show something of every file: by default
//! the rest of a file that ends early comes out grey, and a broken code ends the picture without
//! an error. So the decoder below `image`'s is used directly, in its strict mode, and the markers
//! are followed to the end of the picture beforehand. Damage that happens to decode to other
//! pixels of the right number cannot be seen by anyone.

use image::metadata::Orientation;
use image::{ImageFormat, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::Refusal;

use super::{DecodeLimits, check_frame, check_size, cut_short, damaged, name, pixels, undecodable};

const FORMAT: ImageFormat = ImageFormat::Jpeg;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let refuse = |error: DecodeErrors| match error {
        DecodeErrors::Unsupported(_) => {
            undecodable(format!("this kind of {} file is not read; save the photo as an ordinary JPEG", name(FORMAT)))
        }
        _ => broken(bytes),
    };
    decoder.decode_headers().map_err(refuse)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged(FORMAT))?;
    let (width, height) = (u32::try_from(width).unwrap_or(u32::MAX), u32::try_from(height).unwrap_or(u32::MAX));
    check_size(width, height, limits)?;
    check_frame(u64::from(width) * u64::from(height) * 3, limits)?;
    if !reaches_end(bytes) {
        return Err(broken(bytes));
    }
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let mut raw = vec![0; width as usize * height as usize * 3];
    decoder.decode_into(&mut raw).map_err(refuse)?;
    let image = RgbImage::from_raw(width, height, raw).ok_or_else(|| damaged(FORMAT))?;
    Ok(pixels::upright(image, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// What is wrong with a file that cannot be decoded: a file that still has its end was not cut.
fn broken(bytes: &[u8]) -> Refusal {
    if bytes.ends_with(&[0xff, 0xd9]) || reaches_end(bytes) { damaged(FORMAT) } else { cut_short(FORMAT) }
}

/// Whether the markers lead from the file's start to the end of its picture. Thumbnails inside
/// segments are stepped over, and what follows the end does not matter.
///
/// Method: ITU-T T.81, annex B: a segment states its length; after a scan's header the compressed
/// data runs to the next `FF` that is followed by neither `00` nor a restart marker.
fn reaches_end(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        match marker {
            END => return true,
            // Markers without a segment: restarts, start of image, temporary.
            0xd0..=0xd8 | 0x01 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                if marker == SCAN {
                    skip_scan(bytes, &mut at);
                }
            }
        }
    }
    false
}

/// The code of the next marker at or after `at`, which moves behind it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)?;
    *at += bytes[*at..].iter().position(|byte| *byte != 0xff)?;
    *at += 1;
    Some(bytes[*at - 1])
}

/// Moves `at` over compressed data to the marker behind it.
fn skip_scan(bytes: &[u8], at: &mut usize) {
    while let Some(rest) = bytes.get(*at..) {
        let Some(found) = rest.iter().position(|byte| *byte == 0xff) else { break };
        match rest.get(found + 1) {
            Some(0x00 | 0xd0..=0xd7) => *at += found + 2,
            // A fill byte: the next one may start a marker.
            Some(0xff) => *at += found + 1,
            Some(_) => {
                *at += found;
                return;
            }
            None => break,
        }
    }
    *at = bytes.len();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_followed_to_the_end() {
        const APP_WITH_END_INSIDE: [u8; 8] = [0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9];
        const SCAN: [u8; 10] = [0xff, 0xda, 0, 2, 7, 0xff, 0x00, 0xff, 0xd3, 7];
        for (what, parts, reaches) in [
            ("nothing", vec![], false),
            ("end only", vec![&[0xff, 0xd9][..]], true),
            ("fill bytes", vec![&[0xff, 0xff, 0xff, 0xd9][..]], true),
            ("end in a segment", vec![&APP_WITH_END_INSIDE[..]], false),
            ("scan without end", vec![&APP_WITH_END_INSIDE[..], &SCAN], false),
            ("scan with end", vec![&APP_WITH_END_INSIDE[..], &SCAN, &[0xff, 0xd9]], true),
            ("two scans", vec![&SCAN[..], &SCAN, &[0xff, 0xd9, 1, 2, 3]], true),
            ("half an end", vec![&SCAN[..], &[0xff]], false),
            ("half a segment", vec![&[0xff, 0xe0, 0][..]], false),
            ("segment beyond the file", vec![&[0xff, 0xe0, 0xff, 0xff, 0xff, 0xd9][..]], false),
        ] {
            let file: Vec<u8> =
                [&[0xff, 0xd8][..]].iter().chain(&parts).flat_map(|part| part.iter().copied()).collect();
            assert_eq!(reaches_end(&file), reaches, "{what}");
        }
    }
}
