//! From scores to boxes.
//!
//! A score stands for a window around a pixel of the canvas. The window belongs to the level
//! nearest to its middle and goes up the pyramid from there. Boxes are then taken by falling score,
//! without those that overlap one already taken.

use ndarray::ArrayView2;

use crate::geometry::Rect;
use crate::spec::mmod_scan::MmodScan;

use super::pyramid::Layout;

/// A box of whole pixels from its first to its last column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelRect {
    pub(super) left: i64,
    pub(super) top: i64,
    pub(super) right: i64,
    pub(super) bottom: i64,
}

impl PixelRect {
    /// The box whose first and last pixels are where `map` moves this one's, rounded.
    pub(super) fn map(self, map: impl Fn((f64, f64)) -> (f64, f64)) -> Self {
        let (left, top) = map((self.left as f64, self.top as f64));
        let (right, bottom) = map((self.right as f64, self.bottom as f64));
        Self::rounded(left, top, right, bottom)
    }

    fn rounded(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        let whole = |side: f64| side.round() as i64;
        Self { left: whole(left), top: whole(top), right: whole(right), bottom: whole(bottom) }
    }

    /// How many pixels it has.
    fn area(&self) -> f64 {
        let (width, height) = (self.right - self.left + 1, self.bottom - self.top + 1);
        width.max(0) as f64 * height.max(0) as f64
    }

    fn combined(&self, other: &Self, inner: fn(i64, i64) -> i64, outer: fn(i64, i64) -> i64) -> Self {
        Self {
            left: inner(self.left, other.left),
            top: inner(self.top, other.top),
            right: outer(self.right, other.right),
            bottom: outer(self.bottom, other.bottom),
        }
    }

    /// dlib's rule for two boxes of the same face: their intersection is large against the
    /// smallest box around both, or against one of them.
    fn overlaps(&self, other: &Self, scan: &MmodScan) -> bool {
        let shared = self.combined(other, i64::max, i64::min).area();
        let around = self.combined(other, i64::min, i64::max).area();
        shared > 0.0
            && (shared / around > scan.overlap
                || shared / self.area() > scan.coverage
                || shared / other.area() > scan.coverage)
    }

    /// The box between the middles of its first and last pixels.
    pub(super) fn to_rect(self) -> Rect {
        Rect::from_sides(self.left as f32, self.top as f32, self.right as f32, self.bottom as f32)
    }
}

/// The boxes with scores above `threshold`, highest first, in pixels of the picture whose pyramid has this `layout`.
/// `scores` has a row for each row of windows.
pub(super) fn decode(
    scores: ArrayView2<'_, f32>,
    layout: &Layout,
    scan: &MmodScan,
    threshold: f32,
) -> Vec<(PixelRect, f32)> {
    let mut found: Vec<(PixelRect, f32)> = scores
        .indexed_iter()
        .filter(|(_, score)| **score > threshold)
        .map(|((row, column), score)| (window(row, column, layout, scan), *score))
        .collect();
    // The sort is stable: of equal scores the upper left comes first.
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut kept: Vec<(PixelRect, f32)> = Vec::new();
    for candidate in found {
        if !kept.iter().any(|(taken, _)| taken.overlaps(&candidate.0, scan)) {
            kept.push(candidate);
        }
    }
    kept
}

/// The window of one score, in pixels of the picture.
fn window(row: usize, column: usize, layout: &Layout, scan: &MmodScan) -> PixelRect {
    let pixel = |index: usize| index as i64 * scan.spread.stride + scan.spread.offset;
    let (x, y) = (pixel(column), pixel(row));
    let level = layout.nearest(x, y);
    let tile = layout.tiles[level];
    let (half_width, half_height) = ((scan.window[0] - 1) as f64 / 2.0, (scan.window[1] - 1) as f64 / 2.0);
    let up = |place: f64| (0..layout.skipped + level).fold(place, |place, _| place * 1.2 + 0.3);
    let (x, y) = ((x - tile.left as i64) as f64, (y - tile.top as i64) as f64);
    PixelRect::rounded(up(x - half_width), up(y - half_height), up(x + half_width), up(y + half_height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(columns: usize, scores: &[f32]) -> ArrayView2<'_, f32> {
        ArrayView2::from_shape((scores.len() / columns, columns), scores).expect("whole rows")
    }
    use crate::spec::mmod_scan::Spread;

    const SCAN: MmodScan =
        MmodScan { window: [80, 80], spread: Spread { stride: 8, offset: 14 }, overlap: 0.34, coverage: 0.9 };

    fn square(left: i64, top: i64, side: i64) -> PixelRect {
        PixelRect { left, top, right: left + side - 1, bottom: top + side - 1 }
    }

    #[test]
    fn boxes_overlap_by_the_smallest_box_around_both_or_by_covering() {
        let unit = square(0, 0, 10);
        for (other, overlaps) in [
            (unit, true),
            (square(4, 0, 10), true),  // 60 of 140
            (square(5, 0, 10), false), // 50 of 150
            (square(3, 3, 10), false), // 49 of 169
            (square(10, 0, 10), false),
            (square(2, 2, 4), true),   // covered
            (square(-1, 2, 4), false), // 12 of 16, 12 of 100
            (square(-40, -40, 90), true),
        ] {
            assert_eq!(unit.overlaps(&other, &SCAN), overlaps, "{other:?}");
            assert_eq!(other.overlaps(&unit, &SCAN), overlaps, "{other:?}");
        }
    }

    #[test]
    fn a_score_becomes_the_window_around_its_pixel() {
        let layout = Layout::new(250, 250, 0).expect("levels");
        let at = |row: usize, column: usize, score: f32| {
            let mut scores = vec![0.0; 130 * 32];
            scores[row * 32 + column] = score;
            decode(map(32, &scores), &layout, &SCAN, 0.0)
        };
        // Pixel (126, 94) of the canvas is (115, 83) of the picture.
        assert_eq!(at(10, 14, 1.5), [(PixelRect { left: 76, top: 44, right: 155, bottom: 123 }, 1.5)]);
        // Pixel (126, 350) is (115, 79) of the second level, where a window is 1.2 times as wide.
        let [(found, _)] = at(42, 14, 0.5)[..] else { panic!("expected one box") };
        assert_eq!(found, PixelRect { left: 91, top: 48, right: 186, bottom: 143 });
        assert_eq!(at(42, 14, 0.0), []);
    }

    #[test]
    fn the_best_of_overlapping_boxes_is_kept_and_of_equal_ones_the_first() {
        let layout = Layout::new(640, 480, 0).expect("levels");
        let mut scores = vec![-1.0; 40 * 80];
        for (row, column, score) in [(10, 10, 0.7), (10, 11, 0.9), (11, 11, 0.9), (12, 12, 0.8), (30, 60, 0.2)] {
            scores[row * 80 + column] = score;
        }
        let found = decode(map(80, &scores), &layout, &SCAN, 0.0);
        let middles: Vec<_> = found.iter().map(|(found, score)| (found.left, found.top, *score)).collect();
        assert_eq!(middles, [(52, 44, 0.9), (444, 204, 0.2)]);
        assert_eq!(decode(map(80, &scores), &layout, &SCAN, 0.3).len(), 1);
        scores.fill(f32::NAN);
        assert_eq!(decode(map(80, &scores), &layout, &SCAN, 0.0), []);
    }
}
