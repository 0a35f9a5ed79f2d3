//! Resizing as OpenCV does it, with which liveness networks were trained: they look at fine patterns, which another
//! filter changes.
//!
//! Columns and rows are weighted separately. Bilinear sums are made in integers with OpenCV's rounding, to the last bit:
//! sums in `f32` differ by a grey level in a tenth of the pixels, and that alone moves a score by 0.03. The other two are
//! summed in `f32` and differ by a grey level at most.

use std::f64::consts::PI;

use image::RgbImage;

/// How a pixel is made of those of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// Of the two nearest in each direction, whatever the reduction: `cv2.INTER_LINEAR`.
    Bilinear,
    /// The mean over the area that it covers, for reductions: `cv2.INTER_AREA`.
    Area,
    /// Lanczos' kernel over eight in each direction, for enlargements: `cv2.INTER_LANCZOS4`.
    Lanczos,
}

/// The pixels of the source, by their places, that make one pixel, and their weights.
type Taps = Vec<(usize, f32)>;

/// The pixels of `picture` at these columns and rows, resized to a square of `side` pixels.
pub(super) fn resample(picture: &RgbImage, columns: &[usize], rows: &[usize], side: usize, filter: Filter) -> RgbImage {
    if filter == Filter::Bilinear {
        return bilinear(picture, columns, rows, side);
    }
    let across: Vec<Taps> = (0..side).map(|place| taps(place, columns.len(), side, filter)).collect();
    let pixels: &[[u8; 3]] = picture.as_raw().as_chunks().0;
    let width = picture.width() as usize;
    let narrow = |row: usize| -> Vec<[f32; 3]> {
        let line = &pixels[rows[row] * width..][..width];
        across.iter().map(|taps| sum(taps, |place| line[columns[place]].map(f32::from))).collect()
    };
    let mut narrowed: Vec<Option<Vec<[f32; 3]>>> = vec![None; rows.len()];
    let mut result = RgbImage::new(side as u32, side as u32);
    let lines = result.as_chunks_mut::<3>().0.chunks_exact_mut(side.max(1));
    for (place, line) in lines.enumerate() {
        let down = taps(place, rows.len(), side, filter);
        for (row, _) in &down {
            narrowed[*row].get_or_insert_with(|| narrow(*row));
        }
        for (column, pixel) in line.iter_mut().enumerate() {
            let value = sum(&down, |row| narrowed[row].as_ref().map_or([0.0; 3], |line| line[column]));
            *pixel = value.map(|channel| channel.round().clamp(0.0, 255.0) as u8);
        }
        // Rows above those of this line are not needed again.
        if let Some((first, _)) = down.first() {
            narrowed[..*first].fill(None);
        }
    }
    result
}

/// [`resample`] by [`Filter::Bilinear`], as OpenCV's `HResizeLinear` and `VResizeLinear` make it of bytes: weights have 11
/// bits behind the point.
fn bilinear(picture: &RgbImage, columns: &[usize], rows: &[usize], side: usize) -> RgbImage {
    let pixels: &[[u8; 3]] = picture.as_raw().as_chunks().0;
    let width = picture.width() as usize;
    let across: Vec<Pair> = (0..side).map(|place| pair(place, columns.len(), side)).collect();
    let narrow = |row: usize| -> Vec<[i32; 3]> {
        let line = &pixels[rows[row] * width..][..width];
        let at = |place: usize| line[columns[place]].map(i32::from);
        across
            .iter()
            .map(|Pair { places, weights }| {
                let (first, second) = (at(places[0]), at(places[1]));
                [0, 1, 2].map(|c| first[c] * weights[0] + second[c] * weights[1])
            })
            .collect()
    };
    let mut result = RgbImage::new(side as u32, side as u32);
    let lines = result.as_chunks_mut::<3>().0.chunks_exact_mut(side.max(1));
    for (place, line) in lines.enumerate() {
        let Pair { places, weights } = pair(place, rows.len(), side);
        let (first, second) = (narrow(places[0]), narrow(places[1]));
        for ((pixel, first), second) in line.iter_mut().zip(first).zip(second) {
            let part = |value: i32, weight: i32| (weight * (value >> 4)) >> 16;
            let value = |c: usize| (part(first[c], weights[0]) + part(second[c], weights[1]) + 2) >> 2;
            *pixel = [0, 1, 2].map(|c| value(c).clamp(0, 255) as u8);
        }
    }
    result
}

/// The two pixels of the source that make one pixel, and their weights of 2048.
struct Pair {
    places: [usize; 2],
    weights: [i32; 2],
}

fn pair(place: usize, from: usize, to: usize) -> Pair {
    let scale = 1.0 / (to as f64 / from as f64);
    let middle = ((place as f64 + 0.5) * scale - 0.5) as f32;
    let start = middle.floor();
    let (low, share) = match start {
        start if start < 0.0 => (0, 0.0),
        start if start as usize + 1 >= from => (from - 1, 0.0),
        start => (start as usize, middle - start),
    };
    let weights = [1.0 - share, share].map(|weight| (weight * 2048.0).round_ties_even() as i32);
    Pair { places: [low, (low + 1).min(from - 1)], weights }
}

fn sum(taps: &[(usize, f32)], value: impl Fn(usize) -> [f32; 3]) -> [f32; 3] {
    taps.iter().fold([0.0; 3], |mut sum, (place, weight)| {
        sum.iter_mut().zip(value(*place)).for_each(|(sum, value)| *sum += weight * value);
        sum
    })
}

/// What makes the pixel at `place` of `to` out of `from` pixels.
fn taps(place: usize, from: usize, to: usize, filter: Filter) -> Taps {
    let scale = from as f64 / to as f64;
    // The middle of the pixel, in pixels of the source.
    let middle = (place as f64 + 0.5) * scale - 0.5;
    match filter {
        Filter::Bilinear => {
            let Pair { places, weights } = pair(place, from, to);
            places.into_iter().zip(weights.map(|weight| weight as f32 / 2048.0)).collect()
        }
        Filter::Area => {
            let (start, end) = (place as f64 * scale, ((place + 1) as f64 * scale).min(from as f64));
            let covered = |pixel: usize| ((pixel + 1) as f64).min(end) - (pixel as f64).max(start);
            let last = (end.ceil() as usize).clamp(1, from);
            // Less than a thousandth of a pixel does not count.
            let mut taps: Taps = (start as usize..last)
                .filter(|pixel| covered(*pixel) > 1e-3)
                .map(|pixel| (pixel, (covered(pixel) / (end - start)) as f32))
                .collect();
            if taps.is_empty() {
                taps.push(((start as usize).min(from - 1), 1.0));
            }
            taps
        }
        Filter::Lanczos => {
            let start = middle.floor() as i64;
            let weights = (-3i64..=4).map(|step| lanczos(middle - (start + step) as f64));
            let weights: Vec<f64> = weights.collect();
            let total: f64 = weights.iter().sum();
            let places = (start - 3..=start + 4).map(|place| place.clamp(0, from as i64 - 1) as usize);
            places.zip(weights).map(|(place, weight)| (place, (weight / total) as f32)).collect()
        }
    }
}

/// Lanczos' kernel with four lobes at a distance of `x` pixels.
fn lanczos(x: f64) -> f64 {
    if x.abs() < 1e-6 { 1.0 } else { 4.0 * (PI * x).sin() * (PI * x / 4.0).sin() / (PI * PI * x * x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one() {
        for filter in [Filter::Bilinear, Filter::Area, Filter::Lanczos] {
            for (from, to) in [(1, 80), (3, 80), (79, 80), (80, 80), (81, 80), (500, 80), (1, 1), (7, 2)] {
                for place in 0..to {
                    let taps = taps(place, from, to, filter);
                    let total: f32 = taps.iter().map(|(_, weight)| weight).sum();
                    assert!((total - 1.0).abs() < 2e-3, "{filter:?} {from} {to} {place}: {taps:?}");
                    assert!(taps.iter().all(|(place, _)| *place < from), "{filter:?} {from} {to} {place}: {taps:?}");
                }
            }
        }
    }

    #[test]
    fn small_cases_by_hand() {
        assert_eq!(taps(0, 4, 2, Filter::Bilinear), [(0, 0.5), (1, 0.5)]);
        assert_eq!(taps(0, 2, 4, Filter::Bilinear), [(0, 1.0), (1, 0.0)]);
        assert_eq!(taps(1, 2, 4, Filter::Bilinear), [(0, 0.75), (1, 0.25)]);
        assert_eq!(taps(0, 3, 2, Filter::Area), [(0, 2.0 / 3.0), (1, 1.0 / 3.0)]);
        assert_eq!(taps(1, 3, 2, Filter::Area), [(1, 1.0 / 3.0), (2, 2.0 / 3.0)]);
        let same: Taps = taps(5, 9, 9, Filter::Lanczos).into_iter().filter(|(_, weight)| weight.abs() > 1e-6).collect();
        assert_eq!(same, [(5, 1.0)]);
    }
}
