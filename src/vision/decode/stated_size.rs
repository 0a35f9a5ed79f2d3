//! How many pixels a file states, without decoding it: what it will cost, not whether it is taken.

#[cfg(feature = "more-formats")]
use std::io::Cursor;

use image::ImageFormat;

use super::{Format, format_of, jpeg, webp};

/// The property of HEIC and AVIF that states a size: its name, four bytes of version, width and height.
const ISPE: &[u8] = b"ispe";

/// The pixels that a photo's header states: of several sizes the largest; 0 where it states none, or is no picture.
pub(crate) fn stated_pixels(bytes: &[u8]) -> u64 {
    let Ok(format) = format_of(bytes) else { return 0 };
    let size = match format {
        Format::Jpeg => jpeg::stated_size(bytes),
        Format::Heif(_) => largest_ispe(bytes),
        Format::Other(ImageFormat::Png) => pair(bytes.get(16..24)),
        Format::Other(ImageFormat::WebP) => webp::stated_size(bytes),
        Format::Other(format) => other(format, bytes),
    };
    size.map_or(0, |(width, height)| u64::from(width) * u64::from(height))
}

/// The largest size of any item: a picture in tiles states those of the tiles too.
fn largest_ispe(bytes: &[u8]) -> Option<(u32, u32)> {
    let sizes = bytes.windows(ISPE.len()).enumerate().filter(|(_, name)| *name == ISPE);
    let sizes = sizes.filter_map(|(at, _)| pair(bytes.get(at + 8..at + 16)));
    sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))
}

/// Two numbers of four bytes, the highest first.
fn pair(bytes: Option<&[u8]>) -> Option<(u32, u32)> {
    let (width, height) = bytes?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height.first_chunk::<4>()?)))
}

#[cfg(feature = "more-formats")]
fn other(format: ImageFormat, bytes: &[u8]) -> Option<(u32, u32)> {
    let read = || image::ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok();
    std::panic::catch_unwind(read).ok().flatten()
}

#[cfg(not(feature = "more-formats"))]
fn other(_: ImageFormat, _: &[u8]) -> Option<(u32, u32)> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ExtendedColorType, ImageEncoder, RgbImage};

    use super::*;

    #[test]
    fn each_format_states_its_size() {
        let picture = RgbImage::new(30, 20);
        let written = |format| {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).expect("a picture in memory");
            bytes.into_inner()
        };
        let mut formats = vec![ImageFormat::Png, ImageFormat::Jpeg];
        if cfg!(feature = "more-formats") {
            formats.extend([ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Pnm]);
        }
        for format in formats {
            assert_eq!(stated_pixels(&written(format)), 600, "{format:?}");
        }
        let mut webp = Vec::new();
        let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.write_image(&picture, 30, 20, ExtendedColorType::Rgb8).expect("a WebP in memory");
        assert_eq!(stated_pixels(&webp), 600);
        let ispe = |width: u32, height: u32| {
            [&20u32.to_be_bytes()[..], b"ispe", &[0; 4], &width.to_be_bytes(), &height.to_be_bytes()].concat()
        };
        let heic = [b"\0\0\0\x10ftypheic\0\0\0\0", &ispe(512, 512)[..], &ispe(4_000, 3_000), &ispe(512, 512)].concat();
        assert_eq!(stated_pixels(&heic), 12_000_000);
    }

    #[test]
    fn what_states_none_has_none() {
        let png = [&b"\x89PNG\r\n\x1a\n"[..], &[0; 10]].concat();
        for bytes in [&b""[..], b"no picture", b"\xff\xd8\xff\xe0\0", &png, b"RIFF\x04\0\0\0WEBP", b"GIF89a", b"P6\nx"]
        {
            assert_eq!(stated_pixels(bytes), 0, "{bytes:?}");
        }
    }
}
