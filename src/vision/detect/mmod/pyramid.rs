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
            let enough = 2 * (height as i64 - first_height as i64) >= total as i64 - 2 * GAP as i64 - first_height as i64;
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
        let columns = Axis::new(self.width, width);
        let rows = Axis::new(self.height, height);
        let mut values = Vec::with_capacity(3 * width * height);
        let mut blended = vec![0.0f32; self.width];
        for plane in self.values.chunks_exact(self.width * self.height) {
            for &(first, second, share) in &rows.steps {
                let upper = &plane[first * self.width..][..self.width];
                let lower = &plane[second * self.width..][..self.width];
                for ((value, upper), lower) in blended.iter_mut().zip(upper).zip(lower) {
                    *value = (1.0 - share) * upper + share * lower;
                }
                values.extend(columns.steps.iter().map(|&(first, second, share)| {
                    (1.0 - share) * blended[first] + share * blended[second]
                }));
            }
        }
        Self { width, height, values }
    }
}

/// For each place of the result the two places of the source between which it lies, and the share
/// of the second.
struct Axis {
    steps: Vec<(usize, usize, f32)>,
}

impl Axis {
    fn new(from: usize, to: usize) -> Self {
        let scale = (from - 1) as f64 / (to.max(2) - 1) as f64;
        let step = |place: usize| {
            let place = place as f64 * scale;
            let first = (place as usize).min(from - 1);
            (first, (first + 1).min(from - 1), (place - first as f64) as f32)
        };
        Self { steps: (0..to).map(step).collect() }
    }
}
