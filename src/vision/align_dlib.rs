//! The crop that dlib's embedder was trained on.
//!
//! The similarity transform from the template's points to the landmarks places a turned square on
//! the picture. If the square is so large that reading one point of the picture for each pixel of the crop would skip
//! pixels, the picture around it is halved first, each time with the binomial filter 1 4 6 4 1 in both directions, for
//! as long as the halved square still has more pixels than the crop; then the crop is read with bilinear interpolation,
//! black outside the picture.
//!
//! dlib's conventions, kept so that crops and encodings equal its own: a square of width `w` goes
//! from `center - (w - 1) / 2` to `center + (w - 1) / 2`, its corners meet the centres of the
//! crop's corner pixels, halving maps a point `p` to `p / 2 - (1.25, 0.75)`, and brightness is cut
//! off to whole numbers, not rounded.

use image::{Rgb, RgbImage};

use crate::geometry::{Point, SimilarityTransform};
use crate::spec::AlignmentTemplate;

use super::AlignedFace;

/// The crop of `picture` in which `landmarks` come as near to the template's points as a
/// similarity transform can bring them, as dlib makes it; `None` where the landmarks coincide.
#[must_use]
pub(super) fn align_dlib(
    picture: &RgbImage,
    landmarks: &[Point; 5],
    template: &AlignmentTemplate,
) -> Option<AlignedFace> {
    align_points(picture, landmarks, &template.targets(), template.size)
}

/// The crop of `size` pixels a side in which `points` of the picture come as near to `targets` as a similarity
/// transform can bring them, as dlib makes it; `None` where there are not as many of both, or they coincide.
#[must_use]
pub fn align_points(picture: &RgbImage, points: &[Point], targets: &[Point], size: u32) -> Option<AlignedFace> {
    let square = Square::find(points, targets, size)?;
    let mut pixels = RgbImage::new(size, size);
    let (halvings, grow) = square.halvings(f64::from(size).powi(2));
    let Some(region) = square.region(grow, picture) else { return Some(AlignedFace { pixels }) };
    let mut square = square.moved(-f64::from(region.left), -f64::from(region.top));
    if halvings == 0 {
        square.read(picture, region, &mut pixels);
    } else {
        let mut level = halved(picture, region);
        square = square.halved();
        for _ in 1..halvings {
            level = halved(&level, Region::whole(&level));
            square = square.halved();
        }
        square.read(&level, Region::whole(&level), &mut pixels);
    }
    Some(AlignedFace { pixels })
}

/// A turned square on a picture: its middle, its width, its direction. Halving moves the width
/// as it would move an upright square's.
#[derive(Debug, Clone, Copy)]
struct Square {
    center: (f64, f64),
    /// From the first to the last column.
    span: f64,
    cosine: f64,
    sine: f64,
}

impl Square {
    fn find(points: &[Point], targets: &[Point], size: u32) -> Option<Self> {
        let to_picture = SimilarityTransform::estimate(targets, points)?;
        let SimilarityTransform { a, b, tx, ty } = to_picture;
        let (size, scale) = (f64::from(size), a.hypot(b));
        let middle = size / 2.0;
        Some(Self {
            center: (a * middle - b * middle + tx, b * middle + a * middle + ty),
            span: size * scale - 1.0,
            cosine: a / scale,
            sine: b / scale,
        })
        .filter(|square| square.span > 0.0)
    }

    /// How often the picture is halved for a crop of `area` pixels, and how far around the square
    /// the picture is needed for that.
    fn halvings(&self, area: f64) -> (u32, f64) {
        let (mut count, mut grow, mut square) = (0, 2.0, self.halved());
        while (square.span + 1.0).powi(2) > area {
            square = square.halved();
            count += 1;
            grow = grow * 2.0 + 2.0;
        }
        (count, grow)
    }

    fn halved(self) -> Self {
        let (x, y) = self.center;
        Self { center: (x / 2.0 - 1.25, y / 2.0 - 0.75), span: self.span / 2.0, ..self }
    }

    fn moved(self, dx: f64, dy: f64) -> Self {
        Self { center: (self.center.0 + dx, self.center.1 + dy), ..self }
    }

    /// The point of the square at shares of its width and height, -0.5 to 0.5 from its middle.
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = (x * self.span, y * self.span);
        (self.center.0 + self.cosine * x - self.sine * y, self.center.1 + self.sine * x + self.cosine * y)
    }

    /// The part of the picture that the square and `grow` pixels around it cover; `None` where
    /// there is none.
    fn region(&self, grow: f64, picture: &RgbImage) -> Option<Region> {
        let corners = [(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)].map(|(x, y)| self.at(x, y));
        let side = |pick: fn(&(f64, f64)) -> f64, limit: u32| {
            let low = corners.iter().map(pick).fold(f64::INFINITY, f64::min) - grow;
            let high = corners.iter().map(pick).fold(f64::NEG_INFINITY, f64::max) + grow;
            let (low, high) = (low.max(0.0), high.min(f64::from(limit) - 1.0));
            (low <= high).then(|| (low.round() as u32, high.round() as u32))
        };
        let (left, right) = side(|corner| corner.0, picture.width())?;
        let (top, bottom) = side(|corner| corner.1, picture.height())?;
        Some(Region { left, top, width: right - left + 1, height: bottom - top + 1 })
    }

    /// Fills `crop` from the region of `picture`, in whose coordinates the square is.
    fn read(&self, picture: &RgbImage, region: Region, crop: &mut RgbImage) {
        let last = f64::from(crop.width() - 1).max(1.0);
        let (start, right, down) = (self.at(-0.5, -0.5), self.at(0.5, -0.5), self.at(-0.5, 0.5));
        let step = |end: (f64, f64)| ((end.0 - start.0) / last, (end.1 - start.1) / last);
        let (right, down) = (step(right), step(down));
        let (width, height) = (f64::from(region.width), f64::from(region.height));
        for (column, row, pixel) in crop.enumerate_pixels_mut() {
            let (column, row) = (f64::from(column), f64::from(row));
            let x = start.0 + column * right.0 + row * down.0;
            let y = start.1 + column * right.1 + row * down.1;
            let (left, top) = (x.floor(), y.floor());
            if left < 0.0 || top < 0.0 || left + 1.0 >= width || top + 1.0 >= height {
                continue;
            }
            let (fx, fy) = (x - left, y - top);
            let (left, top) = (region.left + left as u32, region.top + top as u32);
            let at = |dx: u32, dy: u32| picture.get_pixel(left + dx, top + dy).0.map(f64::from);
            let corners = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
            *pixel = Rgb(std::array::from_fn(|c| {
                let [a, b, c, d] = corners.map(|corner| corner[c]);
                ((1.0 - fy) * ((1.0 - fx) * a + fx * b) + fy * ((1.0 - fx) * c + fx * d)) as u8
            }));
        }
    }
}

/// A rectangle of whole pixels inside a picture.
#[derive(Debug, Clone, Copy)]
struct Region {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Region {
    fn whole(picture: &RgbImage) -> Self {
        Self { left: 0, top: 0, width: picture.width(), height: picture.height() }
    }
}

/// The region at half its size, without the border that the filter cannot reach.
fn halved(picture: &RgbImage, region: Region) -> RgbImage {
    if region.width <= 8 || region.height <= 8 {
        return RgbImage::new(0, 0);
    }
    let (width, height) = ((region.width - 3) / 2, (region.height - 3) / 2);
    let filter = |p: [u16; 5]| p[0] + 4 * p[1] + 6 * p[2] + 4 * p[3] + p[4];
    let stride = picture.width() as usize * 3;
    let samples = picture.as_raw();
    // Each row of the region, filtered and halved in x only: at most 16 * 255.
    let mut rows = vec![0u16; region.height as usize * width as usize * 3];
    for (y, row) in rows.chunks_exact_mut(width as usize * 3).enumerate() {
        let start = (region.top as usize + y) * stride + region.left as usize * 3;
        let source = &samples[start..start + region.width as usize * 3];
        for (i, value) in row.iter_mut().enumerate() {
            let first = i / 3 * 6 + i % 3;
            *value = filter(std::array::from_fn(|k| u16::from(source[first + 3 * k])));
        }
    }
    let mut result = RgbImage::new(width, height);
    let length = width as usize * 3;
    for (y, row) in result.chunks_exact_mut(length).enumerate() {
        for (i, value) in row.iter_mut().enumerate() {
            *value = (filter(std::array::from_fn(|k| rows[(2 * y + k) * length + i])) / 256) as u8;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::LandmarkScheme;

    const TEMPLATE: AlignmentTemplate = AlignmentTemplate {
        landmarks: LandmarkScheme::EyeCornersNose,
        size: 32,
        points: [[24.0, 10.0], [19.0, 10.0], [8.0, 10.0], [13.0, 10.0], [16.0, 20.0]],
    };

    /// A picture whose red is the column and whose green is the row.
    fn ramp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 7]))
    }

    fn landmarks(map: impl Fn(f32, f32) -> (f32, f32)) -> [Point; 5] {
        TEMPLATE.points.map(|[x, y]| {
            let (x, y) = map(x, y);
            Point::new(x, y)
        })
    }

    #[test]
    fn a_crop_shows_what_lies_under_the_template() {
        // dlib's conventions move what is seen by up to one pixel of the crop.
        for (name, map, tolerance) in [
            ("in place", (|x, y| (x + 40.0, y + 60.0)) as fn(f32, f32) -> (f32, f32), 1.0),
            ("enlarged", |x, y| (x / 2.0 + 40.0, y / 2.0 + 60.0), 1.0),
            ("turned by 90 degrees", |x, y| (120.0 - y, x + 50.0), 1.5),
            ("reduced", |x, y| (x * 3.0 + 40.0, y * 3.0 + 60.0), 2.0),
            ("reduced so that it is halved first", |x, y| (x * 6.0 + 10.0, y * 6.0 + 20.0), 7.0),
        ] {
            let crop = align_dlib(&ramp(250, 250), &landmarks(map), &TEMPLATE).expect("distinct points").pixels;
            assert_eq!(crop.dimensions(), (32, 32));
            for (x, y) in [(3, 3), (28, 3), (16, 16), (3, 28), (28, 28)] {
                let (left, top) = map(x as f32, y as f32);
                let [red, green, _] = crop.get_pixel(x, y).0.map(f32::from);
                assert!((red - left).abs() <= tolerance, "{name}: {red} at ({x}, {y}), expected {left}");
                assert!((green - top).abs() <= tolerance, "{name}: {green} at ({x}, {y}), expected {top}");
            }
        }
    }

    #[test]
    fn what_lies_outside_the_picture_is_black() {
        let crop = align_dlib(&ramp(100, 100), &landmarks(|x, y| (x - 10.0, y - 10.0)), &TEMPLATE);
        let crop = crop.expect("distinct points").pixels;
        assert_eq!(crop.get_pixel(4, 4).0, [0, 0, 0]);
        assert_eq!(crop.get_pixel(20, 20).0[2], 7);
        for far in [-900.0, 900.0] {
            let crop = align_dlib(&ramp(100, 100), &landmarks(|x, y| (x * 9.0 + far, y * 9.0)), &TEMPLATE);
            assert!(crop.expect("distinct points").pixels.pixels().all(|pixel| pixel.0 == [0, 0, 0]));
        }
    }

    #[test]
    fn landmarks_in_one_pixel_have_no_crop() {
        let picture = ramp(50, 50);
        assert!(align_dlib(&picture, &landmarks(|_, _| (20.0, 20.0)), &TEMPLATE).is_none());
        assert!(align_dlib(&picture, &landmarks(|x, y| (x / 40.0, y / 40.0)), &TEMPLATE).is_none());
        assert!(align_dlib(&picture, &landmarks(|x, _| (x, f32::NAN)), &TEMPLATE).is_none());
    }

    #[test]
    fn halving_keeps_brightness_and_drops_the_border() {
        let even = RgbImage::from_pixel(21, 30, Rgb([200, 3, 255]));
        let half = halved(&even, Region::whole(&even));
        assert_eq!(half.dimensions(), (9, 13));
        assert!(half.pixels().all(|pixel| pixel.0 == [200, 3, 255]));
        let part = halved(&ramp(60, 60), Region { left: 10, top: 20, width: 20, height: 22 });
        assert_eq!((part.dimensions(), part.get_pixel(3, 4).0), ((8, 9), [10 + 2 * 3 + 2, 20 + 2 * 4 + 2, 7]));
        assert_eq!(halved(&even, Region { left: 0, top: 0, width: 8, height: 20 }).dimensions(), (0, 0));
    }
}
