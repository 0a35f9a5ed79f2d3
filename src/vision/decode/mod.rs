//! From an image's bytes to an upright picture of 8-bit red, green and blue. `frame.rs` does the same for frames.
//!
//! The header comes first: nothing is allocated for pixels before the size that it claims was
//! compared with the limits. The `image` crate's own memory limit does not hold on every path, so
//! width, height and the bytes of a whole frame are checked here, and where a container holds a
//! second header (WebP), that one too. A file too small for a photo of its size is refused as well,
//! and colour profiles, which are not used, are not unpacked. A file that is cut short or damaged is refused even where
//! decoders would fill in grey: a face encoding of half a picture is worse than none. What the
//! file is called does not matter, its content does.
//!
//! Colours are taken as they stand: an embedded colour profile is not applied, as in the programs
//! that the networks were trained with. What is transparent is laid on white, because that is what
//! people see; colours hidden under transparency are never looked at. Of an animation the first
//! frame is taken.

mod frame;
mod heif;
mod jpeg;
mod orientation;
mod pixels;
mod png;
#[cfg(feature = "http")]
mod stated_size;
mod webp;

use std::error::Error as StdError;
use std::io::{Cursor, ErrorKind as IoErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(feature = "more-formats")]
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, pnm::PnmDecoder, tiff::TiffDecoder};
use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageResult, RgbImage};

use crate::error::{Refusal, RefusalCode};
use crate::setters::setters;

pub use frame::picture;
#[cfg(feature = "http")]
pub(crate) use stated_size::stated_pixels;

use heif::Kind;
use orientation::Stated;

/// How large a picture may be. Decoding a JPEG takes 3 to 6 bytes a pixel beside the file, 10 where it is progressive
/// and 9 where it is of four inks; a HEIC takes 3, and 11 to 14 where it is not stored in tiles; an AVIF takes 5 to 10,
/// and up to 15 with film grain. The largest that the default takes need less than 512 MiB (`tests/it/decode.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Width times height. The decoded frame may take four bytes for each of these pixels,
    /// whatever its own depth.
    pub max_pixels: u64,
    /// Pixels of the longer side.
    pub max_side: u32,
}

impl Default for DecodeLimits {
    /// 20 MiB, 50 megapixels, 12,000 pixels a side.
    fn default() -> Self {
        Self { max_bytes: 20 << 20, max_pixels: 50_000_000, max_side: 12_000 }
    }
}

setters!(DecodeLimits {
    max_bytes: with_max_bytes(u64),
    max_pixels: with_max_pixels(u64),
    max_side: with_max_side(u32),
});

/// Decodes a JPEG, PNG or WebP file, a GIF, BMP, TIFF or PNM file where the feature `more-formats` is
/// on, a HEIC file where the feature `heic` is on, or an AVIF file where the feature `avif` is on,
/// and turns it upright as its EXIF orientation says, or its XMP orientation where EXIF says nothing;
/// an orientation that is not one of 1 to 8 is ignored. HEIC and AVIF are turned as their container
/// says.
///
/// # Errors
/// [`RefusalCode::UndecodableImage`] for what is empty, no picture in a known format, cut short or
/// damaged; [`RefusalCode::ImageTooLarge`], with the measured value and the limit, for what is
/// larger than `limits`.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    if bytes.is_empty() {
        return Err(undecodable("the file is empty; send the photo again"));
    }
    if bytes.len() as u64 > limits.max_bytes {
        let message =
            format!("the file has {} bytes, at most {} are taken; send a smaller copy", bytes.len(), limits.max_bytes);
        return Err(too_large(bytes.len() as u64, limits.max_bytes, message));
    }
    let format = format_of(bytes)?;
    // Decoders are fuzzed, not proved correct: if one panics, the file counts as damaged.
    catch_unwind(AssertUnwindSafe(|| match format {
        Format::Jpeg => jpeg::decode(bytes, limits),
        Format::Heif(kind) => decode_heif(kind, bytes, limits),
        Format::Other(format) => decode_any(format, bytes, limits),
    }))
    .unwrap_or_else(|_| Err(damaged(format.name())))
}

#[cfg(feature = "heic")]
fn decode_heif(kind: Kind, bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    if kind == Kind::Avif && cfg!(not(feature = "avif")) {
        return Err(kind.not_built());
    }
    heif::decode(kind, bytes, limits)
}

#[cfg(not(feature = "heic"))]
fn decode_heif(kind: Kind, _: &[u8], _: &DecodeLimits) -> Result<RgbImage, Refusal> {
    Err(kind.not_built())
}

fn decode_any(format: ImageFormat, bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    let refuse = |error: ImageError| explain(format, &error);
    let input = Cursor::new(bytes);
    match format {
        ImageFormat::Png => {
            let needed = png::without_profiles(bytes);
            let decoder = PngDecoder::with_limits(Cursor::new(&*needed), image_limits(limits)).map_err(refuse)?;
            unpack(format, decoder, (limits, bytes.len()), || png::stated(bytes))
        }
        ImageFormat::WebP => {
            webp::check_frames(bytes, limits)?;
            unpack(format, WebPDecoder::new(input).map_err(refuse)?, (limits, bytes.len()), || webp::stated(bytes))
        }
        ImageFormat::Gif | ImageFormat::Bmp | ImageFormat::Tiff | ImageFormat::Pnm => {
            decode_more(format, bytes, limits)
        }
        // The file begins like AVIF, but its list of brands is broken.
        ImageFormat::Avif if cfg!(feature = "avif") => Err(damaged(name(format))),
        _ => Err(undecodable(not_read(name(format)))),
    }
}

#[cfg(feature = "more-formats")]
fn decode_more(format: ImageFormat, bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    let refuse = |error: ImageError| explain(format, &error);
    let (input, limits) = (Cursor::new(bytes), (limits, bytes.len()));
    match format {
        ImageFormat::Gif => unpack(format, GifDecoder::new(input).map_err(refuse)?, limits, Stated::default),
        ImageFormat::Bmp => unpack(format, BmpDecoder::new(input).map_err(refuse)?, limits, Stated::default),
        ImageFormat::Pnm => unpack(format, PnmDecoder::new(input).map_err(refuse)?, limits, Stated::default),
        _ => unpack(format, TiffDecoder::new(input).map_err(refuse)?, limits, || tiff_stated(bytes)),
    }
}

#[cfg(not(feature = "more-formats"))]
fn decode_more(format: ImageFormat, _: &[u8], _: &DecodeLimits) -> Result<RgbImage, Refusal> {
    Err(undecodable(format!(
        "{} pictures are not read by this build; save the photo as JPEG or PNG, or build facevault with its feature \
         more-formats",
        name(format)
    )))
}

/// Decodes the picture whose header `decoder` has read from a file of so many bytes. `stated` looks for the
/// orientation.
fn unpack(
    format: ImageFormat,
    mut decoder: impl ImageDecoder,
    (limits, bytes): (&DecodeLimits, usize),
    stated: impl FnOnce() -> Stated,
) -> Result<RgbImage, Refusal> {
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    check_density(width, height, bytes)?;
    // Four-colour and palette pictures are wider while they are unpacked than in the end.
    let unpacked = u64::from(decoder.original_color_type().bits_per_pixel()).div_ceil(8);
    let stored = u64::from(decoder.color_type().bytes_per_pixel());
    check_frame(u64::from(width) * u64::from(height) * unpacked.max(stored), limits)?;
    let image = || -> ImageResult<(Orientation, DynamicImage)> {
        decoder.set_limits(image_limits(limits))?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        Ok((orientation, DynamicImage::from_decoder(decoder)?))
    };
    let (own, image) = image().map_err(|error| explain(format, &error))?;
    Ok(pixels::upright(pixels::to_rgb(image), stated().orientation().unwrap_or(own)))
}

#[cfg(feature = "more-formats")]
fn tiff_stated(bytes: &[u8]) -> Stated {
    let mut stated = Stated::default();
    stated.tiff(bytes);
    stated
}

fn image_limits(limits: &DecodeLimits) -> image::Limits {
    let mut own = image::Limits::no_limits();
    // The frame itself and as much again for what a decoder keeps beside it.
    own.max_alloc = Some(frame_limit(limits).saturating_mul(2));
    own
}

fn frame_limit(limits: &DecodeLimits) -> u64 {
    limits.max_pixels.saturating_mul(4)
}

/// Refuses a picture of more pixels than are taken, or of none.
fn check_size(width: u32, height: u32, limits: &DecodeLimits) -> Result<(), Refusal> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(undecodable("the picture has no pixels; send another copy of the photo"));
    }
    let side = width.max(height);
    if side > limits.max_side {
        let message = format!(
            "the picture has {width} x {height} pixels, at most {} a side are taken; send a smaller copy",
            limits.max_side
        );
        return Err(too_large(u64::from(side), u64::from(limits.max_side), message));
    }
    if pixels > limits.max_pixels {
        let message = format!(
            "the picture has {pixels} pixels ({width} x {height}), at most {} are taken; send a smaller copy",
            limits.max_pixels
        );
        return Err(too_large(pixels, limits.max_pixels, message));
    }
    Ok(())
}

/// Pixels that any file may have.
const FREE_PIXELS: u64 = 1 << 20;
/// The most pixels of a larger picture for each byte of its file. Photos have a few; one of 50 megapixels at the
/// worst quality of WebP has 380. A file with more is almost all of one colour, but takes the memory of a photo.
const MAX_DENSITY: u64 = 4096;

/// Refuses a file that is too small for a photo of the size that it claims.
fn check_density(width: u32, height: u32, bytes: usize) -> Result<(), Refusal> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= FREE_PIXELS || pixels / MAX_DENSITY <= bytes as u64 {
        return Ok(());
    }
    Err(undecodable(format!(
        "{bytes} bytes are too few for a photo of {width} x {height} pixels: the file is cut short, or nearly all of \
         it is one colour; send the whole file, or a smaller picture"
    )))
}

fn check_frame(bytes: u64, limits: &DecodeLimits) -> Result<(), Refusal> {
    let limit = frame_limit(limits);
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the picture takes {bytes} bytes when it is unpacked, at most {limit} are taken; send a smaller copy, or one of 8 bits a colour"
    );
    Err(too_large(bytes, limit, message))
}

/// What is in a file.
#[derive(Clone, Copy)]
enum Format {
    Jpeg,
    Heif(Kind),
    Other(ImageFormat),
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Heif(kind) => kind.name(),
            Self::Other(format) => name(format),
        }
    }
}

/// The format by the first bytes. A format that is known but not read is named in the refusal.
fn format_of(bytes: &[u8]) -> Result<Format, Refusal> {
    if let Some(kind) = Kind::of(bytes) {
        return Ok(Format::Heif(kind));
    }
    if let Ok(format) = image::guess_format(bytes) {
        return Ok(if format == ImageFormat::Jpeg { Format::Jpeg } else { Format::Other(format) });
    }
    if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") {
        return Err(undecodable(not_read("JPEG XL")));
    }
    let known = if cfg!(feature = "avif") {
        "HEIC, AVIF, "
    } else if cfg!(feature = "heic") {
        "HEIC, "
    } else {
        ""
    };
    let more = if cfg!(feature = "more-formats") { "WebP, GIF, BMP, TIFF and PNM" } else { "and WebP" };
    Err(undecodable(format!("this is not a picture in a known format; JPEG, PNG, {known}{more} pictures are read")))
}

fn not_read(format: &str) -> String {
    format!("{format} pictures are not read; save the photo as JPEG or PNG")
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Pnm => "PNM",
        ImageFormat::Avif => "AVIF",
        ImageFormat::Ico => "ICO",
        ImageFormat::Dds => "DDS",
        ImageFormat::Hdr => "Radiance HDR",
        ImageFormat::OpenExr => "OpenEXR",
        ImageFormat::Qoi => "QOI",
        ImageFormat::Farbfeld => "farbfeld",
        _ => "such",
    }
}

fn undecodable(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::UndecodableImage, message)
}

fn too_large(measured: u64, limit: u64, message: String) -> Refusal {
    Refusal::measured(RefusalCode::ImageTooLarge, measured as f64, limit as f64, message)
}

fn too_much_memory() -> Refusal {
    Refusal::new(
        RefusalCode::ImageTooLarge,
        "the picture takes more memory than a picture may take when it is unpacked; send a smaller copy",
    )
}

fn damaged(format: &str) -> Refusal {
    undecodable(format!("the {format} file is damaged; send another copy of the photo"))
}

fn cut_short(format: &str) -> Refusal {
    undecodable(format!("the {format} file is cut short; send the whole file"))
}

/// What a decoder's error means for the one who sent the photo.
fn explain(format: ImageFormat, error: &ImageError) -> Refusal {
    match error {
        ImageError::Unsupported(_) => undecodable(format!(
            "this kind of {} file is not read; save the photo as JPEG or as PNG of 8 bits a colour",
            name(format)
        )),
        ImageError::Limits(_) => too_much_memory(),
        _ if ends_early(error) => cut_short(name(format)),
        _ => damaged(name(format)),
    }
}

fn ends_early(error: &(dyn StdError + 'static)) -> bool {
    let own = error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == IoErrorKind::UnexpectedEof);
    let inside = match error.downcast_ref::<ImageError>() {
        Some(ImageError::IoError(io)) => io.kind() == IoErrorKind::UnexpectedEof,
        _ => false,
    };
    own || inside || error.source().is_some_and(ends_early)
}
