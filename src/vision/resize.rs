//! Resizing of pictures.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::error::{Error, ErrorKind, Result};

/// Writes a part of `picture` (left, top, width, height), or all of it, into the RGB pixels of `to`,
/// `width` by `height`.
///
/// Every pixel of the picture counts in a smaller one (a triangle filter as wide as the reduction
/// asks for): plain bilinear sampling would skip most of a large photo. Enlarging is bilinear.
///
/// The pixel type is fixed: the crate's call for every type puts 4 MB of code into this one.
pub(super) fn resize(
    resizer: &mut Resizer,
    picture: &RgbImage,
    part: Option<[u32; 4]>,
    to: &mut [u8],
    (width, height): (u32, u32),
) -> Result<()> {
    let fail = |what: String| Error::new(ErrorKind::Runtime, format!("the picture cannot be resized: {what}"));
    let source = TypedImageRef::<U8x3>::from_buffer(picture.width(), picture.height(), picture.as_raw())
        .map_err(|error| fail(error.to_string()))?;
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, to).map_err(|error| fail(error.to_string()))?;
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    if let Some(part) = part {
        let [left, top, width, height] = part.map(f64::from);
        options = options.crop(left, top, width, height);
    }
    resizer.resize_typed(&source, &mut target, &options).map_err(|error| fail(error.to_string()))
}

/// A part of a picture, reduced by `scale`, at most 1.
pub(super) fn reduced(picture: &RgbImage, part: [u32; 4], scale: f32) -> Result<RgbImage> {
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let mut small = RgbImage::new(side(part[2]), side(part[3]));
    let size = small.dimensions();
    resize(&mut Resizer::new(), picture, Some(part), &mut small, size)?;
    Ok(small)
}
