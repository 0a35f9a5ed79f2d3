//! The crop in which a face's landmarks lie where an embedder expects them.
//!
//! Method: the similarity transform from the landmarks to the template
//! ([`SimilarityTransform::estimate`]), then each pixel of the crop is read from the picture where
//! the inverse transform puts it, with bilinear interpolation between the four pixels around it;
//! outside the picture is black. That is what `cv2.warpAffine` does, with which the usual
//! embedders were trained.

use image::RgbImage;

use crate::geometry::{LandmarkScheme, Landmarks, SimilarityTransform};
use crate::spec::AlignmentTemplate;

use super::AlignedFace;
use super::align_dlib::align_dlib;

/// The crop of the face with these `landmarks` for `template`. `None` where the landmarks are of
/// another scheme than the template's, or coincide, so that no crop is defined. Crops with dlib's
/// landmarks are cut out as dlib does it.
#[must_use]
pub fn align(picture: &RgbImage, landmarks: &Landmarks, template: &AlignmentTemplate) -> Option<AlignedFace> {
    if landmarks.scheme != template.landmarks {
        return None;
    }
    if template.landmarks == LandmarkScheme::EyeCornersNose {
        return align_dlib(picture, &landmarks.points, template);
    }
    let transform = SimilarityTransform::estimate(&landmarks.points, &template.targets())?;
    Some(AlignedFace { pixels: warp(picture, &transform, template.size) })
}

/// The square of `size` pixels a side that `transform` maps the picture onto.
pub(super) fn warp(picture: &RgbImage, transform: &SimilarityTransform, size: u32) -> RgbImage {
    let source = Pixels::new(picture);
    let back = transform.inverse();
    let mut crop = RgbImage::new(size, size);
    let rows = crop.as_chunks_mut::<3>().0.chunks_exact_mut(size.max(1) as usize);
    for (y, row) in rows.enumerate() {
        let y = y as f64;
        let (start_x, start_y) = (back.tx - back.b * y, back.ty + back.a * y);
        for (x, pixel) in row.iter_mut().enumerate() {
            let x = x as f64;
            *pixel = source.at(start_x + back.a * x, start_y + back.b * x);
        }
    }
    crop
}

struct Pixels<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    height: usize,
}

impl<'a> Pixels<'a> {
    fn new(picture: &'a RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        Self { pixels: picture.as_raw().as_chunks().0, width, height }
    }

    /// The colour at a point, black outside.
    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let inside = x > -1.0 && y > -1.0 && x < self.width as f64 && y < self.height as f64;
        if !inside {
            return [0; 3];
        }
        // Rounds down, as both sums are positive; `floor` is a call where the processor is not known.
        let (left, top) = ((x + 1.0) as isize - 1, (y + 1.0) as isize - 1);
        let (fx, fy) = ((x - left as f64) as f32, (y - top as f64) as f32);
        let corners = if left >= 0 && top >= 0 && left as usize + 1 < self.width && top as usize + 1 < self.height {
            let at = top as usize * self.width + left as usize;
            let (upper, lower) = (&self.pixels[at..at + 2], &self.pixels[at + self.width..at + self.width + 2]);
            [upper[0], upper[1], lower[0], lower[1]]
        } else {
            [self.pixel(left, top), self.pixel(left + 1, top), self.pixel(left, top + 1), self.pixel(left + 1, top + 1)]
        };
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        std::array::from_fn(|c| {
            let sum: f32 = corners.iter().zip(weights).map(|(corner, weight)| f32::from(corner[c]) * weight).sum();
            (sum + 0.5) as u8
        })
    }

    fn pixel(&self, x: isize, y: isize) -> [u8; 3] {
        match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.width && y < self.height => self.pixels[y * self.width + x],
            _ => [0; 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use crate::geometry::{LandmarkScheme, Point};

    use super::*;

    fn picture() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, ((x * y) % 256) as u8]))
    }

    const fn shift(tx: f64, ty: f64) -> SimilarityTransform {
        SimilarityTransform { a: 1.0, b: 0.0, tx, ty }
    }

    #[test]
    fn whole_shifts_copy_pixels_and_outside_is_black() {
        let picture = picture();
        let crop = warp(&picture, &shift(3.0, -2.0), 32);
        for (x, y, pixel) in crop.enumerate_pixels() {
            let expected = if x >= 3 && y + 2 < 30 { *picture.get_pixel(x - 3, y + 2) } else { Rgb([0; 3]) };
            assert_eq!(*pixel, expected, "({x}, {y})");
        }
    }

    #[test]
    fn between_pixels_is_the_mean() {
        let picture = picture();
        let crop = warp(&picture, &shift(-0.5, -0.25), 8);
        // At (0.5, 0.25): red half-way from 0 to 6, green a quarter from 0 to 8.
        assert_eq!(crop.get_pixel(0, 0).0[..2], [3, 2]);
        assert_eq!(crop.get_pixel(3, 4).0[..2], [21, 34]);
    }

    #[test]
    fn a_quarter_turn_turns() {
        let picture = picture();
        // Maps (x, y) to (29 - y, x).
        let crop = warp(&picture, &SimilarityTransform { a: 0.0, b: 1.0, tx: 29.0, ty: 0.0 }, 30);
        for (x, y, pixel) in crop.enumerate_pixels() {
            assert_eq!(pixel, picture.get_pixel(y, 29 - x), "({x}, {y})");
        }
    }

    #[test]
    fn landmarks_of_another_scheme_or_in_one_point_give_no_crop() {
        let template = AlignmentTemplate {
            landmarks: LandmarkScheme::EyesNoseMouth,
            size: 8,
            points: [[2.0, 2.0], [6.0, 2.0], [4.0, 4.0], [2.0, 6.0], [6.0, 6.0]],
        };
        let points =
            [(10.0, 10.0), (20.0, 10.0), (15.0, 15.0), (10.0, 20.0), (20.0, 20.0)].map(|(x, y)| Point::new(x, y));
        let landmarks = Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points };
        assert_eq!(align(&picture(), &landmarks, &template).map(|face| face.pixels.dimensions()), Some((8, 8)));
        let other = Landmarks { scheme: LandmarkScheme::EyeCornersNose, points };
        assert_eq!(align(&picture(), &other, &template), None);
        let one = Landmarks { points: [points[0]; 5], ..landmarks };
        assert_eq!(align(&picture(), &one, &template), None);
    }

    proptest! {
        #[test]
        fn no_transform_panics_and_colours_stay_within_the_picture(
            a in -3f64..3.0, b in -3f64..3.0, tx in -100f64..100.0, ty in -100f64..100.0
        ) {
            prop_assume!(a != 0.0 || b != 0.0);
            let grey = RgbImage::from_pixel(9, 7, Rgb([200; 3]));
            let crop = warp(&grey, &SimilarityTransform { a, b, tx, ty }, 12);
            prop_assert!(crop.as_raw().iter().all(|value| *value <= 200));
        }
    }
}
