//! The image pyramid of dlib's detector: all sizes of a picture side by side on one canvas.
//!
//! Each level is 5/6 of the one before, resampled from it with bilinear interpolation whose first
//! and last pixels meet the first and last pixels of the source. The levels stand below each other on the left; once
//! the rest fits beside them, it goes upwards on the right. They are ten pixels of zeros apart and eleven from the
//! border. What surrounds a level reaches into the scores at its edges and the canvas sets the phase of the score grid,
//! so both are as in dlib: boxes and scores then equal its own.

/// The width of a level over that of the one before.
const RATE: f64 = 5.0 / 6.0;
/// Levels lower than this are left out, in pixels.
const MIN_HEIGHT: usize = 5;
/// Zeros between levels and around all of them, in pixels.
const GAP: usize = 10;
const BORDER: usize = 11;

/// What drawing a canvas takes, kept for the next picture.
#[derive(Default)]
pub(super) struct Buffers {
    canvas: Vec<f32>,
    columns: Vec<Step>,
    blended: Vec<f32>,
}

impl Buffers {
    /// Gives back a canvas that is too large to be kept: 16 million numbers are four times the
    /// canvas of a picture of 640 x 640 pixels.
    pub(super) fn shrink(&mut self) {
        if self.canvas.len() > 16_000_000 {
            self.canvas = Vec::new();
        }
    }
}

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

    /// Draws the canvas. `first` writes the first level: it gets all three planes, whose rows are those of the canvas,
    /// and the level's place on them.
    pub(super) fn draw<'a>(&self, buffers: &'a mut Buffers, first: impl FnOnce(&mut [f32], Tile)) -> &'a [f32] {
        let area = self.width * self.height;
        let Buffers { canvas, columns, blended } = buffers;
        canvas.resize(3 * area, 0.0);
        self.clear_gaps(canvas);
        first(canvas, self.tiles[0]);
        for level in self.tiles.windows(2) {
            let (from, to) = (level[0], level[1]);
            columns.clear();
            columns.extend(steps(from.width, to.width));
            blended.resize(from.width + 1, 0.0);
            for plane in canvas.chunks_exact_mut(area) {
                for (y, step) in steps(from.height, to.height).enumerate() {
                    let line = |y: usize| (from.top + y.min(from.height - 1)) * self.width + from.left;
                    let [upper, lower] = [step.first, step.first + 1].map(|y| &plane[line(y)..][..from.width]);
                    blend(upper, lower, step.share, blended);
                    let start = (to.top + y) * self.width + to.left;
                    read(blended, columns, &mut plane[start..start + to.width]);
                }
            }
        }
        canvas
    }

    /// Zeros wherever no level stands.
    fn clear_gaps(&self, canvas: &mut [f32]) {
        let mut levels = Vec::new();
        for y in 0..self.height {
            levels.clear();
            let here = self.tiles.iter().filter(|tile| (tile.top..tile.bottom()).contains(&y));
            levels.extend(here.map(|tile| (tile.left, tile.right())));
            levels.sort_unstable();
            for row in canvas[y * self.width..].chunks_mut(self.width).step_by(self.height) {
                let mut x = 0;
                for &(left, right) in &levels {
                    row[x..left].fill(0.0);
                    x = right;
                }
                row[x..].fill(0.0);
            }
        }
    }
}

impl Planes {
    /// The picture at the size of the level after it.
    pub(super) fn reduced(&self) -> Self {
        self.resized((self.width as f64 * RATE) as usize, (self.height as f64 * RATE) as usize)
    }

    /// The picture at another size: bilinear, corners on corners.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let columns: Vec<Step> = steps(self.width, width).collect();
        let mut blended = vec![0.0; self.width + 1];
        let mut values = vec![0.0; 3 * width * height];
        let planes = self.values.chunks_exact(self.width * self.height);
        for (plane, values) in planes.zip(values.chunks_exact_mut(width * height)) {
            for (step, row) in steps(self.height, height).zip(values.chunks_exact_mut(width)) {
                let line = |y: usize| &plane[y.min(self.height - 1) * self.width..][..self.width];
                blend(line(step.first), line(step.first + 1), step.share, &mut blended);
                read(&blended, &columns, row);
            }
        }
        Self { width, height, values }
    }

    /// Writes the picture onto the three planes of a canvas at `tile`, which has the picture's size.
    pub(super) fn write(&self, canvas: &mut [f32], layout: &Layout, tile: Tile) {
        for (row, values) in self.values.chunks_exact(self.width).enumerate() {
            let (plane, y) = (row / self.height, row % self.height);
            let start = (plane * layout.height + tile.top + y) * layout.width + tile.left;
            canvas[start..start + self.width].copy_from_slice(values);
        }
    }
}

/// The pair of source positions between which a position of the result lies.
struct Step {
    first: usize,
    /// The weight of the position after `first`.
    share: f32,
}

/// The step of each position of the result.
fn steps(from: usize, to: usize) -> impl Iterator<Item = Step> {
    let scale = (from - 1) as f64 / (to.max(2) - 1) as f64;
    (0..to).map(move |place| {
        let place = place as f64 * scale;
        let first = (place as usize).min(from - 1);
        Step { first, share: (place - first as f64) as f32 }
    })
}

/// The row between two rows, with its last number twice, so that every column has one to its right.
fn blend(upper: &[f32], lower: &[f32], share: f32, blended: &mut [f32]) {
    for ((value, upper), lower) in blended.iter_mut().zip(upper).zip(lower) {
        *value = upper + share * (lower - upper);
    }
    blended[upper.len()] = blended[upper.len() - 1];
}

/// The row at other columns.
fn read(blended: &[f32], columns: &[Step], row: &mut [f32]) {
    for (value, step) in row.iter_mut().zip(columns) {
        let pair = &blended[step.first..step.first + 2];
        *value = pair[0] + step.share * (pair[1] - pair[0]);
    }
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
        // Drawn over what was left of another picture.
        let mut buffers = Buffers { canvas: vec![7.0; 20_000], ..Buffers::default() };
        for skip in [0, 2] {
            let layout = Layout::new(40, 30, skip).expect("levels");
            let picture = planes(40, 30, |plane, x, _| (plane + 1) as f32 * 100.0 + x as f32);
            let picture = (0..skip).fold(picture, |picture, _| picture.reduced());
            let canvas = layout.draw(&mut buffers, |canvas, tile| picture.write(canvas, &layout, tile));
            assert_eq!(canvas.len(), 3 * layout.height * layout.width);
            let at = |plane: usize, y: usize, x: usize| canvas[(plane * layout.height + y) * layout.width + x];
            let inside: usize = layout.tiles.iter().map(|tile| tile.width * tile.height).sum();
            assert_eq!(canvas.iter().filter(|value| **value != 0.0).count(), 3 * inside);
            for tile in &layout.tiles {
                for (plane, value) in [(0, 100.0), (1, 200.0), (2, 300.0)] {
                    let (y, right) = (tile.top + tile.height / 2, tile.left + tile.width - 1);
                    assert!((at(plane, y, tile.left) - value).abs() < 1e-3);
                    assert!((at(plane, y, right) - value - 39.0).abs() < 1e-3 || tile.width == 1);
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
