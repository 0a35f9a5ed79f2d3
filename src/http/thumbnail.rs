//! Small pictures of faces: JPEG in base64.

use image::{RgbImage, imageops};

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::vision;
use crate::wire::encode_base64;

/// What is shown around a face, in parts of its box.
const AROUND: f32 = 0.25;
/// What is put around a crop, in parts of its longer side: detectors look for a face in a picture.
const FRAME: f32 = 0.5;
/// The most pixels of a crop's longer side: a face of this size is far more than embedders take, and
/// in its frame as large as detectors look at.
const CROP: u32 = 640;
/// The grey of that frame.
const GREY: image::Rgb<u8> = image::Rgb([128; 3]);

/// A face and a little around it, in base64.
pub(super) fn of_face(picture: &RgbImage, bounds: &Rect) -> Result<String> {
    let (x, y) = (bounds.width * AROUND, bounds.height * AROUND);
    let within = |value: f32, most: u32| value.clamp(0.0, most as f32) as u32;
    let (left, top) = (within(bounds.x - x, picture.width() - 1), within(bounds.y - y, picture.height() - 1));
    let (right, bottom) = (within(bounds.right() + x, picture.width()), within(bounds.bottom() + y, picture.height()));
    let (width, height) = (right.saturating_sub(left).max(1), bottom.saturating_sub(top).max(1));
    encoded(&imageops::crop_imm(picture, left, top, width, height).to_image())
}

/// A crop in a frame, as a picture in which a detector finds the face. A large crop is made smaller
/// first.
pub(super) fn framed(crop: RgbImage) -> RgbImage {
    let longer = crop.width().max(crop.height());
    let crop = match longer > CROP {
        true => {
            let side = |length: u32| (u64::from(length) * u64::from(CROP) / u64::from(longer)).max(1) as u32;
            imageops::thumbnail(&crop, side(crop.width()), side(crop.height()))
        }
        false => crop,
    };
    let border = (longer.min(CROP) as f32 * FRAME) as u32;
    let mut picture = RgbImage::from_pixel(crop.width() + 2 * border, crop.height() + 2 * border, GREY);
    imageops::replace(&mut picture, &crop, border.into(), border.into());
    picture
}

fn encoded(picture: &RgbImage) -> Result<String> {
    Ok(encode_base64(&vision::thumbnail(picture).map_err(failed)?))
}

fn failed(error: image::ImageError) -> Error {
    Error::new(ErrorKind::Runtime, "a thumbnail cannot be made").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode_base64;

    fn size(thumbnail: &str) -> (u32, u32) {
        let bytes = decode_base64(thumbnail).expect("base64");
        image::load_from_memory(&bytes).expect("a JPEG").to_rgb8().dimensions()
    }

    #[test]
    fn a_face_is_shown_with_a_little_around_it_wherever_it_is() {
        let picture = RgbImage::new(400, 300);
        for (bounds, expected) in [
            (Rect::from_sides(100.0, 100.0, 150.0, 150.0), (75, 75)),
            (Rect::from_sides(-20.0, -20.0, 40.0, 40.0), (55, 55)),
            (Rect::from_sides(390.0, 290.0, 500.0, 500.0), (38, 63)),
            (Rect::from_sides(0.0, 0.0, 400.0, 300.0), (160, 120)),
            (Rect::from_sides(1e9, 1e9, 2e9, 2e9), (1, 1)),
        ] {
            assert_eq!(size(&of_face(&picture, &bounds).expect("a thumbnail")), expected, "{bounds:?}");
        }
    }

    #[test]
    fn a_frame_is_small_whatever_the_crop() {
        for (crop, expected) in [
            ((100, 80), (200, 180)),
            ((640, 640), (1_280, 1_280)),
            ((12_000, 1), (1_280, 641)),
            ((1, 12_000), (641, 1_280)),
            ((4_000, 3_000), (1_280, 1_120)),
            ((1, 1), (1, 1)),
        ] {
            let picture = framed(RgbImage::from_pixel(crop.0, crop.1, image::Rgb([200, 10, 10])));
            assert_eq!(picture.dimensions(), expected, "{crop:?}");
            let middle = picture.get_pixel(picture.width() / 2, picture.height() / 2);
            assert_eq!(middle.0, [200, 10, 10], "{crop:?}");
        }
    }
}
