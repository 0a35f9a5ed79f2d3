//! From a camera's frame to an upright picture.
//!
//! Colours follow ITU-R BT.601-7 and BT.709-6 with values rounded to the nearest grey level. A sample of colour counts
//! for all pixels that share it, without interpolation.
//!
//! The crate that does the arithmetic is given one row at a time, of exactly its pixels: strides, planes and sides of
//! an odd number of pixels are left to the code here, which cannot read outside of a frame.

use image::RgbImage;
use image::metadata::Orientation;
use yuv::{YuvPlanarImage, YuvStandardMatrix, yuv422_to_rgb};

use crate::error::Refusal;
use crate::frame::{Frame, PixelFormat, Plane, Rotation, YuvMatrix, YuvRange};

use super::{DecodeLimits, check_size, decode, jpeg, pixels, too_much_memory, undecodable};

/// The picture of a frame, upright and not mirrored.
///
/// # Errors
/// [`ImageTooLarge`](crate::RefusalCode::ImageTooLarge), with the measured value and the limit, for what is larger than
/// `limits`; [`UndecodableImage`](crate::RefusalCode::UndecodableImage) for a JPEG picture that is damaged, or whose
/// size is not the frame's.
pub fn picture(frame: &Frame<'_>, limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    let (width, height) = (frame.width(), frame.height());
    check_size(width, height, limits)?;
    let planes = frame.planes();
    let picture = match (frame.format(), planes.as_slice()) {
        (PixelFormat::Mjpeg, _) => of_jpeg(frame, limits)?,
        (PixelFormat::Rgb8, [plane]) => of_pixels::<3>(frame, *plane, |[r, g, b]| [r, g, b])?,
        (PixelFormat::Bgr8, [plane]) => of_pixels::<3>(frame, *plane, |[b, g, r]| [r, g, b])?,
        (PixelFormat::Rgba8, [plane]) => of_pixels::<4>(frame, *plane, |[r, g, b, _]| [r, g, b])?,
        (PixelFormat::Gray8, [plane]) => of_pixels::<1>(frame, *plane, |[grey]| [grey; 3])?,
        (_, planes) => of_yuv(frame, planes)?,
    };
    Ok(pixels::upright(picture, orientation(frame)))
}

/// How the picture is turned and mirrored, as EXIF calls it.
fn orientation(frame: &Frame<'_>) -> Orientation {
    match (frame.rotation(), frame.mirrored()) {
        (Rotation::None, false) => Orientation::NoTransforms,
        (Rotation::None, true) => Orientation::FlipHorizontal,
        (Rotation::Clockwise90, false) => Orientation::Rotate90,
        (Rotation::Clockwise90, true) => Orientation::Rotate90FlipH,
        (Rotation::Clockwise180, false) => Orientation::Rotate180,
        (Rotation::Clockwise180, true) => Orientation::FlipVertical,
        (Rotation::Clockwise270, false) => Orientation::Rotate270,
        (Rotation::Clockwise270, true) => Orientation::Rotate270FlipH,
    }
}

fn of_jpeg(frame: &Frame<'_>, limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    let bytes = frame.bytes();
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(undecodable("the frame is not a JPEG picture, which MJPEG is made of"));
    }
    let expected = (frame.width(), frame.height());
    match jpeg::stated_size(bytes) {
        Some(found) if found != expected => Err(undecodable(format!(
            "the frame's JPEG picture has {} x {} pixels, expected {} x {}",
            found.0, found.1, expected.0, expected.1
        ))),
        _ => decode(bytes, limits),
    }
}

/// A picture of pixels of N bytes each.
fn of_pixels<const N: usize>(
    frame: &Frame<'_>,
    plane: Plane<'_>,
    color: impl Fn([u8; N]) -> [u8; 3],
) -> Result<RgbImage, Refusal> {
    let mut raw = room(frame)?;
    let rows = raw.chunks_exact_mut(3 * frame.width() as usize).zip(plane.rows());
    for (to, from) in rows {
        to.as_chunks_mut::<3>().0.iter_mut().zip(from.as_chunks::<N>().0).for_each(|(to, from)| *to = color(*from));
    }
    whole(frame, raw)
}

/// A picture of a format with half the colour.
fn of_yuv(frame: &Frame<'_>, planes: &[Plane<'_>]) -> Result<RgbImage, Refusal> {
    let mut raw = room(frame)?;
    let width = frame.width() as usize;
    let mut rgb = raw.chunks_exact_mut(3 * width);
    let columns = width.div_ceil(2);
    let (mut luma, mut us, mut vs) = (vec![0; 2 * columns], vec![0; columns], vec![0; columns]);
    match planes {
        [y, u, v] => {
            let chroma = u.rows().zip(v.rows()).flat_map(|both| [both; 2]);
            for ((to, y), (u, v)) in rgb.zip(y.rows()).zip(chroma) {
                convert(frame, (y, u, v), to)?;
            }
        }
        [y, uv] => {
            let is_nv21 = frame.format() == PixelFormat::Nv21;
            let mut y = y.rows();
            for uv in uv.rows() {
                for ((u, v), [first, second]) in us.iter_mut().zip(&mut vs).zip(uv.as_chunks::<2>().0) {
                    (*u, *v) = if is_nv21 { (*second, *first) } else { (*first, *second) };
                }
                for (to, y) in rgb.by_ref().zip(y.by_ref()).take(2) {
                    convert(frame, (y, &us, &vs), to)?;
                }
            }
        }
        [pairs] => {
            for (to, pairs) in rgb.zip(pairs.rows()) {
                let chroma = us.iter_mut().zip(&mut vs);
                let samples = luma.as_chunks_mut::<2>().0.iter_mut().zip(chroma).zip(pairs.as_chunks::<4>().0);
                samples.for_each(|((y, (u, v)), pair)| [y[0], *u, y[1], *v] = *pair);
                convert(frame, (&luma[..width], &us, &vs), to)?;
            }
        }
        _ => return Err(undecodable(format!("{} frames cannot be converted", frame.format()))),
    }
    whole(frame, raw)
}

/// Converts a row of pixels, two of which share a sample of U and one of V.
fn convert(frame: &Frame<'_>, (y, u, v): (&[u8], &[u8], &[u8]), rgb: &mut [u8]) -> Result<(), Refusal> {
    let range = match frame.range() {
        YuvRange::Video => yuv::YuvRange::Limited,
        YuvRange::Full => yuv::YuvRange::Full,
    };
    let matrix = match frame.matrix() {
        YuvMatrix::Bt601 => YuvStandardMatrix::Bt601,
        YuvMatrix::Bt709 => YuvStandardMatrix::Bt709,
    };
    let (width, columns) = (frame.width(), frame.width().div_ceil(2));
    let row = YuvPlanarImage {
        y_plane: y,
        y_stride: width,
        u_plane: u,
        u_stride: columns,
        v_plane: v,
        v_stride: columns,
        width,
        height: 1,
    };
    yuv422_to_rgb(&row, rgb, 3 * width, range, matrix)
        .map_err(|error| undecodable(format!("the {} frame cannot be converted: {error}", frame.format())))
}

/// As many zeros as the picture has bytes.
fn room(frame: &Frame<'_>) -> Result<Vec<u8>, Refusal> {
    let bytes = 3 * u64::from(frame.width()) * u64::from(frame.height());
    Ok(vec![0; usize::try_from(bytes).map_err(|_| too_much_memory())?])
}

fn whole(frame: &Frame<'_>, raw: Vec<u8>) -> Result<RgbImage, Refusal> {
    RgbImage::from_raw(frame.width(), frame.height(), raw).ok_or_else(too_much_memory)
}
