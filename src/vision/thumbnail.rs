//! Small pictures for people to look at.

use std::io;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, ImageResult, RgbImage};

use super::Turn;
use super::resize::reduced;
use crate::error::Error;

/// The longer side of a thumbnail in pixels.
const SIDE: u32 = 160;
const QUALITY: u8 = 85;

/// A JPEG of a picture with its longer side reduced to 160 pixels; a smaller picture keeps its size.
///
/// # Errors
/// A picture without pixels.
pub fn thumbnail(picture: &RgbImage) -> ImageResult<Vec<u8>> {
    upright_thumbnail(picture, Turn::None)
}

/// The same of a picture that is to be turned first.
pub(crate) fn upright_thumbnail(picture: &RgbImage, turn: Turn) -> ImageResult<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let scale = SIDE as f32 / width.max(height).max(1) as f32;
    let small = match scale < 1.0 {
        true => Some(reduced(picture, [0, 0, width, height], scale).map_err(failed)?),
        false => None,
    };
    let small = small.as_ref().unwrap_or(picture);
    let turned = turn.apply(small);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(turned.as_ref().unwrap_or(small))?;
    Ok(bytes)
}

fn failed(error: Error) -> ImageError {
    ImageError::IoError(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_reduced_and_never_enlarged() {
        for (size, expected) in
            [((400, 300), (160, 120)), ((90, 160), (90, 160)), ((5000, 3), (160, 1)), ((1, 1), (1, 1))]
        {
            let bytes = thumbnail(&RgbImage::new(size.0, size.1)).expect("a thumbnail");
            let found = image::load_from_memory(&bytes).expect("a JPEG");
            assert_eq!((found.width(), found.height()), expected, "{size:?}");
            let turned = upright_thumbnail(&RgbImage::new(size.0, size.1), Turn::Quarter).expect("a thumbnail");
            let found = image::load_from_memory(&turned).expect("a JPEG");
            assert_eq!((found.height(), found.width()), expected, "{size:?}");
        }
    }
}
