//! Smaller and larger pictures, with dlib's sizes and pixels.

use crate::spec::hog_model::HogRules;

/// A picture of red, green and blue bytes.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: &'a [u8],
}

impl<'a> Picture<'a> {
    /// `pixels` are rows of three bytes a pixel.
    pub(super) fn new(width: usize, height: usize, pixels: &'a [u8]) -> Self {
        debug_assert_eq!(pixels.len(), 3 * width * height);
        Self { width, height, pixels }
    }

    pub(super) fn row(&self, y: usize) -> &'a [u8] {
        &self.pixels[3 * self.width * y..3 * self.width * (y + 1)]
    }
}

/// The size of a picture that is enlarged for small faces.
pub(super) fn doubled(width: usize, height: usize) -> Option<(usize, usize)> {
    Some((width.checked_mul(2)?.checked_add(2)?, height.checked_mul(2)?.checked_add(1)?))
}

/// How many levels the pyramid of a picture has.
pub(super) fn levels(width: usize, height: usize, rules: &HogRules) -> usize {
    // The last pixel of the level, as boxes go down: not quite the size of the level's picture.
    let mut last = [width, height].map(|side| side as f64 - 1.0);
    let fits = |last: &[f64; 2]| last.iter().zip(rules.least_level).all(|(last, least)| *last >= least as f64 - 1.0);
    for levels in 1..rules.max_levels {
        last = last.map(|last| ((last - 0.3) * (5.0 / 6.0)).round());
        if !fits(&last) {
            return levels;
        }
    }
    rules.max_levels
}

/// The size of the level below one of this size.
pub(super) fn lower((width, height): (usize, usize)) -> (usize, usize) {
    (5 * width / 6, 5 * height / 6)
}

/// Where a point of a level is in the picture.
pub(super) fn up(place: f64, level: usize) -> f64 {
    (0..level).fold(place, |place, _| place * 1.2 + 0.3)
}

/// Where a pixel is between two of another picture.
#[derive(Clone, Copy)]
struct Between<T> {
    first: usize,
    second: usize,
    /// The share of the second.
    share: T,
}

/// `from` in another size, by linear interpolation between the pixels around.
///
/// dlib goes along a row in steps of four pixels in `f32`, which adds up rounding errors, and does the last pixels in
/// `f64`; results are cut off, not rounded.
pub(super) fn resize(from: Picture<'_>, (width, height): (usize, usize), to: &mut Vec<u8>) {
    to.clear();
    to.resize(3 * width * height, 0);
    if to.is_empty() || from.pixels.is_empty() {
        return;
    }
    let step = |from: usize, to: usize| (from - 1) as f64 / to.saturating_sub(1).max(1) as f64;
    let (step_x, step_y) = (step(from.width, width), step(from.height, height));
    let coarse = coarse_columns(step_x, from.width, width);
    let fine = fine_columns(step_x, from.width, coarse.len(), width);
    let mut y = -step_y;
    for row in to.chunks_exact_mut(3 * width) {
        y += step_y;
        let Between { first, second, share } = between(y, from.height);
        let (above, below) = (from.row(first), from.row(second));
        let (start, end) = row.split_at_mut(3 * coarse.len());
        let (upper, lower) = ((1.0 - share) as f32, share as f32);
        for (pixel, column) in start.as_chunks_mut::<3>().0.iter_mut().zip(&coarse) {
            let Between { first, second, share } = *column;
            let (left, right) = (1.0 - share, share);
            let weights = [upper * left, upper * right, lower * left, lower * right];
            for (color, value) in pixel.iter_mut().enumerate() {
                let at = |row: &[u8], x: usize| f32::from(row[3 * x + color]);
                let corners = [at(above, first), at(above, second), at(below, first), at(below, second)];
                let sum = weights[0] * corners[0] + weights[1] * corners[1];
                *value = (sum + weights[2] * corners[2] + weights[3] * corners[3]) as u8;
            }
        }
        for (pixel, column) in end.as_chunks_mut::<3>().0.iter_mut().zip(&fine) {
            let x = *column;
            for (color, value) in pixel.iter_mut().enumerate() {
                let along = |row: &[u8]| {
                    let at = |x: usize| f64::from(row[3 * x + color]);
                    (1.0 - x.share) * at(x.first) + x.share * at(x.second)
                };
                *value = ((1.0 - share) * along(above) + share * along(below)) as u8;
            }
        }
    }
}

/// The columns that are computed four at a time: as long as the last of the four has a pixel to its right.
fn coarse_columns(step: f64, from: usize, to: usize) -> Vec<Between<f32>> {
    let mut columns = Vec::with_capacity(to);
    let start = -4.0 * step;
    let mut places = [start, start + step, start + 2.0 * step, start + 3.0 * step].map(|place| place as f32);
    let four = (4.0 * step) as f32;
    while columns.len() + 4 <= to {
        places = places.map(|place| place + four);
        if places[3] as usize + 1 >= from {
            break;
        }
        columns.extend(places.map(|place| {
            let first = place as usize;
            Between { first, second: first + 1, share: place - first as f32 }
        }));
    }
    columns
}

/// The columns from `done` to the last one.
fn fine_columns(step: f64, from: usize, done: usize, to: usize) -> Vec<Between<f64>> {
    let mut place = -step + done as f64 * step;
    (done..to)
        .map(|_| {
            place += step;
            between(place, from)
        })
        .collect()
}

/// The pixels around a place, of `side` pixels.
fn between(place: f64, side: usize) -> Between<f64> {
    let first = (place.floor() as usize).min(side - 1);
    Between { first, second: (first + 1).min(side - 1), share: place - first as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(least_level: [usize; 2], max_levels: usize) -> HogRules {
        HogRules { size: [10, 10], padding: 0, least_level, max_levels, overlap: 0.5, coverage: 1.0 }
    }

    #[test]
    fn levels_end_where_the_window_no_longer_fits() {
        for (size, least, most, expected) in [
            ((64, 64), 64, 1000, 1),
            ((1, 1), 64, 1000, 1),
            ((76, 76), 64, 1000, 1),
            ((77, 77), 64, 1000, 2),
            ((77, 76), 64, 1000, 1),
            ((640, 480), 64, 1000, 12),
            ((640, 480), 64, 5, 5),
        ] {
            assert_eq!(levels(size.0, size.1, &rules([least; 2], most)), expected, "{size:?}");
        }
    }

    #[test]
    fn a_resized_picture_keeps_its_corners_and_one_colour() {
        let pixels: Vec<u8> = (0..7 * 5 * 3).map(|value| (value * 2) as u8).collect();
        let picture = Picture::new(7, 5, &pixels);
        let mut to = Vec::new();
        for (width, height) in [(16, 11), (1, 1), (5, 4), (7, 5), (40, 3)] {
            resize(picture, (width, height), &mut to);
            assert_eq!(to.len(), 3 * width * height);
            assert_eq!(to[..3], pixels[..3]);
            let even = vec![119; pixels.len()];
            resize(Picture::new(7, 5, &even), (width, height), &mut to);
            // Results are cut off, so a sum of shares that is not quite 1 shows.
            assert!(to.iter().all(|value| (118..=119).contains(value)), "{width} x {height}");
        }
        resize(picture, (0, 3), &mut to);
        assert!(to.is_empty());
        assert_eq!((doubled(7, 5), doubled(usize::MAX / 2, 5), lower((7, 5))), (Some((16, 11)), None, (5, 4)));
    }
}
