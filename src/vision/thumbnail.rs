//! Small pictures for people to look at.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ImageResult, RgbImage};

/// The longer side of a thumbnail in pixels.
const SIDE: u32 = 160;
const QUALITY: u8 = 85;

/// A JPEG of a picture with its longer side reduced to 160 pixels; a smaller picture keeps its size.
///
/// # Errors
/// Those of the JPEG encoder: a picture without pixels.
pub fn thumbnail(picture: &RgbImage) -> ImageResult<Vec<u8>> {
    let scale = (SIDE as f32 / picture.width().max(picture.height()).max(1) as f32).min(1.0);
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    if scale < 1.0 {
        let (width, height) = (side(picture.width()), side(picture.height()));
        encoder.encode_image(&imageops::resize(picture, width, height, FilterType::Triangle))?;
    } else {
        encoder.encode_image(picture)?;
    }
    Ok(bytes)
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
        }
    }
}
