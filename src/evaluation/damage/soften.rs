//! What takes detail away: blur, movement, few pixels, JPEG.

use image::RgbImage;
use image::imageops::{self, FilterType};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use crate::vision::{self, DecodeLimits};

/// A Gaussian blur; the kernel reaches three standard deviations either way.
pub(super) fn blur(picture: &RgbImage, sigma: f32) -> RgbImage {
    let sigma = f64::from(sigma.max(0.1));
    let reach = (3.0 * sigma).round().max(1.0) as i64;
    let kernel: Vec<f64> = (-reach..=reach).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let across = filtered(picture, &kernel, (1, 0));
    filtered(&across, &kernel, (0, 1))
}

/// The mean over a line of pixels, as long as the movement.
pub(super) fn motion(picture: &RgbImage, length: f32) -> RgbImage {
    let reach = ((length - 1.0) / 2.0).round().max(1.0) as usize;
    filtered(picture, &vec![1.0; 2 * reach + 1], (1, 0))
}

/// One pixel of so many a side: the mean of an area, then smooth enlarging.
pub(super) fn reduce(picture: &RgbImage, factor: f32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = |length: u32| ((length as f32 / factor.max(1.0)).round() as u32).max(1);
    let small = imageops::thumbnail(picture, side(width), side(height));
    imageops::resize(&small, width, height, FilterType::Triangle)
}

/// What JPEG leaves of a picture. A picture too large for JPEG stays as it is.
pub(super) fn jpeg(picture: &RgbImage, quality: u8) -> RgbImage {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let encoder = Encoder::new(picture.as_raw(), width, height, PixelFormat::Rgb);
    let bytes = encoder.quality(quality).subsampling(Subsampling::S420).encode();
    let decoded = bytes.ok().and_then(|bytes| vision::decode(&bytes, &DecodeLimits::default()).ok());
    decoded.unwrap_or_else(|| picture.clone())
}

/// The weighted mean of each pixel's neighbours along a direction. Beyond the border the picture
/// goes on as its mirror image.
fn filtered(picture: &RgbImage, kernel: &[f64], (dx, dy): (i64, i64)) -> RgbImage {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let sum: f64 = kernel.iter().sum();
    let reach = (kernel.len() / 2) as i64;
    let raw = picture.as_raw();
    let mut filtered = picture.clone();
    for (x, y, pixel) in filtered.enumerate_pixels_mut() {
        let mut colors = [0.0; 3];
        for (weight, step) in kernel.iter().zip(-reach..) {
            let (x, y) = (mirrored(i64::from(x) + dx * step, width), mirrored(i64::from(y) + dy * step, height));
            let at = 3 * (y * width + x) as usize;
            for (color, level) in colors.iter_mut().zip(&raw[at..at + 3]) {
                *color += weight * f64::from(*level);
            }
        }
        pixel.0 = colors.map(|color| (color / sum).round_ties_even().clamp(0.0, 255.0) as u8);
    }
    filtered
}

/// A place beyond the border, mirrored at the outermost pixel.
fn mirrored(place: i64, length: i64) -> i64 {
    let period = (2 * (length - 1)).max(1);
    let place = place.rem_euclid(period);
    if place < length { place } else { period - place }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A white pixel in the middle of black.
    fn dot() -> RgbImage {
        RgbImage::from_fn(41, 41, |x, y| Rgb([if (x, y) == (20, 20) { 255 } else { 0 }; 3]))
    }

    #[test]
    fn blur_is_round_and_movement_a_line() {
        let blurred = blur(&dot(), 1.0);
        let at = |x: u32, y: u32| blurred.get_pixel(x, y)[0];
        // 255 / (2 pi), times exp(-1/2) a pixel further.
        assert_eq!([at(20, 20), at(21, 20), at(20, 21), at(24, 20)], [41, 25, 25, 0]);
        let moved = motion(&dot(), 15.0);
        let white: Vec<u32> = (0..41).filter(|x| moved.get_pixel(*x, 20)[0] > 0).collect();
        assert_eq!(white, (13..=27).collect::<Vec<_>>());
        assert_eq!(moved.get_pixel(13, 20)[0], 17);
        assert_eq!(moved.get_pixel(20, 21)[0], 0);
    }

    #[test]
    fn an_even_picture_stays_even() {
        let grey = RgbImage::from_pixel(33, 21, Rgb([90; 3]));
        for (name, picture) in
            [("blur", blur(&grey, 6.0)), ("motion", motion(&grey, 15.0)), ("reduced", reduce(&grey, 8.0))]
        {
            assert_eq!(picture, grey, "{name}");
        }
        let jpeg = jpeg(&grey, 50);
        assert!(jpeg.dimensions() == (33, 21) && jpeg.as_raw().iter().all(|level| level.abs_diff(90) <= 3));
    }

    #[test]
    fn the_border_is_a_mirror() {
        let places: Vec<i64> = (-3..7).map(|place| mirrored(place, 4)).collect();
        assert_eq!(places, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!((mirrored(-1, 1), mirrored(5, 1)), (0, 0));
    }
}
