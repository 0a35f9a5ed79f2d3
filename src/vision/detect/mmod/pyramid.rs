//! The image pyramid of dlib's detector: all sizes of a picture side by side on one canvas.
//!
//! Each level is 5/6 of the one before, resampled from it with bilinear interpolation whose first
//! and last pixels meet the first and last pixels of the source. The levels stand below each other
//! on the left, and from where a column of the rest fits beside them, upwards on the right, ten
//! pixels of zero apart and eleven from the border. What surrounds a level reaches into the scores
//! at its edges and the canvas sets the phase of the score grid, so both are as in dlib: boxes and
//! scores then equal its own.

use ndarray::Array4;

/// The width of a level over that of the one before.
const RATE: f64 = 5.0 / 6.0;
/// Levels lower than this are left out, in pixels.
const MIN_HEIGHT: usize = 5;
/// Zeros between levels and around all of them, in pixels.
const GAP: usize = 10;
const BORDER: usize = 11;

/// A picture as three planes of numbers.
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row by row, plane by plane.
    pub(super) values: Vec<f32>,
}

/// Where a level stands on the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Tile {
    fn right(&self) -> usize {
        self.left + self.width
    }

    fn bottom(&self) -> usize {
        self.top + self.height
    }
}

/// The places of all levels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) tiles: Vec<Tile>,
    /// How many levels before the first tile are left out.
    pub(super) skipped: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Layout {
    /// The layout of a picture of `width` x `height` without its `skip` largest levels; `None`
    /// where no level is left.
    pub(super) fn new(width: usize, height: usize, skip: usize) -> Option<Self> {
        let smaller = |&(width, height): &(usize, usize)| {
            let next = ((width as f64 * RATE) as usize, (height as f64 * RATE) as usize);
            (next.0 > 0 && next.1 >= MIN_HEIGHT).then_some(next)
        };
        let first = (width > 0 && height > 0).then_some((width, height));
        let sizes: Vec<_> = std::iter::successors(first, smaller).skip(skip).collect();
        let &(first_width, first_height) = sizes.first()?;

        // How high the left column grows: at least until the rest fits beside its second half.
        let total: usize = sizes.iter().map(|(_, height)| height + GAP).sum::<usize>();
        let (mut height, mut previous) = (0, 0);
        for &(level_width, level_height) in &sizes {
            let fits = level_width + previous + GAP <= first_width;
            let enough =
                2 * (height as i64 - first_height as i64) >= total as i64 - 2 * GAP as i64 - first_height as i64;
            if fits && enough {
                break;
            }
            height += level_height + GAP;
            previous = level_width;
        }
        let height = height - GAP;

        let mut tiles = Vec::with_capacity(sizes.len());
        let mut y = BORDER;
        let mut rest = sizes.iter().peekable();
        while let Some(&(width, level)) = rest.next_if(|_| y < height + BORDER) {
            tiles.push(Tile { left: BORDER, top: y, width, height: level });
            y += level + GAP;
        }
        let mut bottom = y - GAP;
        for &(width, level) in rest {
            let tile = bottom.checked_sub(level).map(|top| Tile {
                left: BORDER + first_width - width,
                top,
                width,
                height: level,
            });
            // The second column ends where it would run into the first level.
            match tile {
                Some(tile) if tile.top >= tiles[0].bottom() || tile.left >= tiles[0].right() => {
                    bottom = (tile.top).saturating_sub(GAP);
                    tiles.push(tile);
                }
                _ => break,
            }
        }
        Some(Self { tiles, skipped: skip, width: first_width + 2 * BORDER, height: height + 2 * BORDER })
    }

    /// The level nearest to a pixel of the canvas.
    pub(super) fn nearest(&self, x: i64, y: i64) -> usize {
        let outside = |value: i64, low: usize, high: usize| (low as i64 - value).max(value - (high as i64 - 1)).max(0);
        let distance = |tile: &Tile| {
            let (dx, dy) = (outside(x, tile.left, tile.right()), outside(y, tile.top, tile.bottom()));
            dx * dx + dy * dy
        };
        let nearest = self.tiles.iter().enumerate().min_by_key(|(_, tile)| distance(tile));
        nearest.map_or(0, |(index, _)| index)
    }

    /// The canvas of `picture`, whose size the layout was made for.
    pub(super) fn draw(&self, picture: Planes) -> Array4<f32> {
        let mut canvas = vec![0.0; 3 * self.width * self.height];
        let mut level = picture;
        for _ in 0..self.skipped {
            let (width, height) = ((level.width as f64 * RATE) as usize, (level.height as f64 * RATE) as usize);
            level = level.resized(width, height);
        }
        for (index, tile) in self.tiles.iter().enumerate() {
            if index > 0 {
                level = level.resized(tile.width, tile.height);
            }
            let rows = level.values.chunks_exact(tile.width);
            for (row, values) in rows.enumerate() {
                let (plane, y) = (row / tile.height, row % tile.height);
                let start = (plane * self.height + tile.top + y) * self.width + tile.left;
                canvas[start..start + tile.width].copy_from_slice(values);
            }
        }
        Array4::from_shape_vec((1, 3, self.height, self.width), canvas).expect("three planes of the canvas's size")
    }
}

impl Planes {
    /// The picture at another size: bilinear, corners on corners.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let columns = steps(self.width, width);
        let rows = steps(self.height, height);
        let mut values = Vec::with_capacity(3 * width * height);
        // One more than a row, so that every column has one to its right.
        let mut blended = vec![0.0f32; self.width + 1];
        for plane in self.values.chunks_exact(self.width * self.height) {
            for &(first, share) in &rows {
                let upper = &plane[first * self.width..][..self.width];
                let lower = &plane[(first + 1).min(self.height - 1) * self.width..][..self.width];
                for ((value, upper), lower) in blended.iter_mut().zip(upper).zip(lower) {
                    *value = upper + share * (lower - upper);
                }
                blended[self.width] = blended[self.width - 1];
                values.extend(columns.iter().map(|&(first, share)| {
                    let pair = &blended[first..first + 2];
                    pair[0] + share * (pair[1] - pair[0])
                }));
            }
        }
        Self { width, height, values }
    }
}

/// For each place of the result the place of the source before it, and the share of the one after
/// that.
fn steps(from: usize, to: usize) -> Vec<(usize, f32)> {
    let scale = (from - 1) as f64 / (to.max(2) - 1) as f64;
    let step = |place: usize| {
        let place = place as f64 * scale;
        let first = (place as usize).min(from - 1);
        (first, (place - first as f64) as f32)
    };
    (0..to).map(step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tile(left: usize, top: usize, width: usize, height: usize) -> Tile {
        Tile { left, top, width, height }
    }

    fn planes(width: usize, height: usize, value: impl Fn(usize, usize, usize) -> f32) -> Planes {
        let places = (0..3).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, x, y))));
        Planes { width, height, values: places.map(|(c, x, y)| value(c, x, y)).collect() }
    }

    #[test]
    fn levels_stand_where_dlib_puts_them() {
        let layout = Layout::new(250, 250, 0).expect("levels");
        assert_eq!(layout.tiles[..3], [tile(11, 11, 250, 250), tile(11, 271, 208, 208), tile(11, 489, 173, 173)]);
        // Five levels are enough for the left column; the rest goes up beside them.
        assert_eq!((layout.width, layout.height, layout.tiles.len()), (272, 957, 20));
        assert_eq!(layout.tiles[4..7], [tile(11, 826, 120, 120), tile(161, 846, 100, 100), tile(178, 753, 83, 83)]);
        assert_eq!(Layout::new(3, 4, 0).expect("the first level").tiles, [tile(11, 11, 3, 4)]);
        assert_eq!(Layout::new(0, 9, 0), None);
        assert_eq!(Layout::new(10, 10, 30), None);
    }

    #[test]
    fn a_pixel_belongs_to_the_nearest_level() {
        let layout = Layout::new(250, 250, 0).expect("levels");
        for (place, level) in
            [((11, 11), 0), ((0, 0), 0), ((260, 260), 0), ((100, 265), 0), ((100, 266), 1), ((230, 300), 1)]
        {
            assert_eq!(layout.nearest(place.0, place.1), level, "{place:?}");
        }
    }

    #[test]
    fn the_canvas_shows_every_level_and_zeros_between() {
        let picture = || planes(40, 30, |plane, x, _| (plane + 1) as f32 * 100.0 + x as f32);
        for skip in [0, 2] {
            let layout = Layout::new(40, 30, skip).expect("levels");
            let canvas = layout.draw(picture());
            assert_eq!(canvas.dim(), (1, 3, layout.height, layout.width));
            let inside: usize = layout.tiles.iter().map(|tile| tile.width * tile.height).sum();
            assert_eq!(canvas.iter().filter(|value| **value != 0.0).count(), 3 * inside);
            for tile in &layout.tiles {
                for (plane, value) in [(0, 100.0), (1, 200.0), (2, 300.0)] {
                    let (y, right) = (tile.top + tile.height / 2, tile.left + tile.width - 1);
                    assert!((canvas[[0, plane, y, tile.left]] - value).abs() < 1e-3);
                    assert!((canvas[[0, plane, y, right]] - value - 39.0).abs() < 1e-3 || tile.width == 1);
                }
            }
        }
    }

    #[test]
    fn resizing_keeps_corners_on_corners_and_straight_lines_straight() {
        let ramp = planes(31, 21, |plane, x, y| plane as f32 + 2.0 * x as f32 - 3.0 * y as f32);
        for (width, height) in [(31, 21), (25, 17), (64, 43), (2, 2)] {
            let found = ramp.resized(width, height);
            let (across, down) = (30.0 / (width - 1) as f32, 20.0 / (height - 1) as f32);
            let expected = planes(width, height, |c, x, y| c as f32 + 2.0 * across * x as f32 - 3.0 * down * y as f32);
            assert_eq!((found.width, found.height), (width, height));
            assert!(found.values.iter().zip(&expected.values).all(|(a, b)| (a - b).abs() < 1e-3));
        }
        assert_eq!(ramp.resized(1, 1).values, [0.0, 1.0, 2.0]);
        assert_eq!(planes(1, 1, |plane, _, _| plane as f32).resized(2, 3).values.len(), 18);
    }

    proptest! {
        #[test]
        fn levels_lie_apart_on_the_canvas(width in 1usize..1500, height in 1usize..1500, skip in 0usize..6) {
            let Some(layout) = Layout::new(width, height, skip) else { return Ok(()) };
            for (index, tile) in layout.tiles.iter().enumerate() {
                prop_assert!(tile.left >= BORDER && tile.right() + BORDER <= layout.width);
                prop_assert!(tile.top >= BORDER && tile.bottom() + BORDER <= layout.height);
                for other in &layout.tiles[..index] {
                    let beside = tile.left >= other.right() || other.left >= tile.right();
                    let below = tile.top >= other.bottom() || other.top >= tile.bottom();
                    prop_assert!(beside || below, "{:?} on {:?}", tile, other);
                }
            }
        }
    }
}
