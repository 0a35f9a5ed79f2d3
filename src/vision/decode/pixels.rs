//! From what decoders give to upright 8-bit red, green and blue.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

/// The picture as 8-bit colour, what is transparent laid on white.
pub(super) fn to_rgb(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let (width, height) = (image.width(), image.height());
    let mut raw = image.into_rgba8().into_raw();
    let pixels = raw.len() / 4;
    for i in 0..pixels {
        let [r, g, b, a] = [raw[4 * i], raw[4 * i + 1], raw[4 * i + 2], raw[4 * i + 3]];
        raw[3 * i] = on_white(r, a);
        raw[3 * i + 1] = on_white(g, a);
        raw[3 * i + 2] = on_white(b, a);
    }
    raw.truncate(3 * pixels);
    RgbImage::from_raw(width, height, raw).unwrap_or_default()
}

fn on_white(color: u8, alpha: u8) -> u8 {
    let (color, alpha) = (u32::from(color), u32::from(alpha));
    ((color * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// The picture turned as its orientation says.
pub(super) fn upright(picture: RgbImage, orientation: Orientation) -> RgbImage {
    if orientation == Orientation::NoTransforms {
        return picture;
    }
    let mut image = DynamicImage::ImageRgb8(picture);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, ImageBuffer, LumaA, Rgba, RgbaImage};

    use super::*;

    #[test]
    fn what_is_transparent_is_white_and_what_is_opaque_stays() {
        for (rgba, rgb) in [
            ([12, 34, 56, 255], [12, 34, 56]),
            ([12, 34, 56, 0], [255, 255, 255]),
            ([0, 255, 100, 128], [127, 255, 177]),
        ] {
            let image = DynamicImage::ImageRgba8(RgbaImage::from_pixel(3, 2, Rgba(rgba)));
            let result = to_rgb(image);
            assert_eq!(result.dimensions(), (3, 2));
            assert!(result.pixels().all(|pixel| pixel.0 == rgb), "{rgba:?}");
        }
        let grey = DynamicImage::ImageLumaA8(GrayAlphaImage::from_pixel(1, 1, LumaA([77, 255])));
        assert_eq!(to_rgb(grey).into_raw(), [77; 3]);
        let deep = ImageBuffer::from_pixel(1, 1, Rgba([0x8000u16, 0, 0xffff, 0xffff]));
        assert_eq!(to_rgb(DynamicImage::ImageRgba16(deep)).into_raw(), [128, 0, 255]);
    }
}
