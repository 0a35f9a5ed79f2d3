//! Cells of 8 pixels, described by the directions of the gradients in them.
//!
//! Each pixel has a gradient, that of its strongest colour, whose direction is snapped to one of 18. Its length is
//! shared among the directions' sums of the four nearest cells. A cell is then described relative to the gradients of
//! its neighbourhood, four times, each time with another three neighbours; what is summed and what is kept apart is
//! that of Felzenszwalb and others (PAMI 2010, section 6). Orders of operations are those of dlib.

use std::sync::LazyLock;

use crate::spec::hog_model::{CELL, PLANES};

use super::pyramid::Picture;

/// Directions with a sign, and without.
const SIGNED: usize = 18;
const UNSIGNED: usize = 9;
/// The unit vectors of the first nine directions, as rounded as dlib has them.
const DIRECTIONS: [[f32; 2]; UNSIGNED] = [
    [1.0, 0.0],
    [0.9397, 0.3420],
    [0.7660, 0.6428],
    [0.5, 0.8660],
    [0.1736, 0.9848],
    [-0.1736, 0.9848],
    [-0.5, 0.8660],
    [-0.7660, 0.6428],
    [-0.9397, 0.3420],
];
/// The differences of two bytes.
const DIFFERENCES: usize = 511;
/// Pixels of a row that dlib looks at together.
const LANES: usize = 8;

/// The direction of each gradient, by `(y + 255) * 511 + x + 255`.
static SNAPPED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let difference = |index: usize| index as f32 - 255.0;
    let all = (0..DIFFERENCES).flat_map(|y| (0..DIFFERENCES).map(move |x| (difference(x), difference(y))));
    all.map(|(x, y)| snap(x, y)).collect()
});

/// The direction nearest to a gradient; the first of equal ones.
fn snap(x: f32, y: f32) -> u8 {
    let (mut best, mut direction) = (0.0, 0);
    for (index, [dx, dy]) in (0u8..).zip(DIRECTIONS) {
        let along = x * dx + y * dy;
        if along > best {
            (best, direction) = (along, index);
        } else if -along > best {
            (best, direction) = (-along, index + UNSIGNED as u8);
        }
    }
    direction
}

/// The cells of a picture and a margin of zeros for filters that reach beyond it.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) width: usize,
    pub(super) height: usize,
    values: Vec<f32>,
}

impl Cells {
    /// One of the 31 planes, row by row.
    pub(super) fn plane(&self, plane: usize) -> &[f32] {
        let area = self.width * self.height;
        &self.values[plane * area..(plane + 1) * area]
    }
}

/// The memory that describing takes.
#[derive(Default)]
pub(super) struct Scratch {
    histograms: Vec<[f32; SIGNED]>,
    energies: Vec<f32>,
    columns: Vec<Column>,
    gradients: Gradients,
}

/// Where the pixels of a column go: to a cell and the one to its right, with these shares.
#[derive(Clone, Copy)]
struct Column {
    cell: usize,
    left: f32,
    right: f32,
}

/// How many cells a side of a picture has, the outer ones included.
fn count(side: usize) -> usize {
    (side + CELL / 2) / CELL
}

/// Describes the cells of `picture` for filters of `filter` cells. There are none where the picture is too small.
pub(super) fn describe(picture: Picture<'_>, filter: [usize; 2], cells: &mut Cells, scratch: &mut Scratch) {
    let (across, down) = (count(picture.width), count(picture.height));
    if across <= 2 || down <= 2 {
        (cells.width, cells.height) = (0, 0);
        cells.values.clear();
        return;
    }
    collect(picture, (across, down), scratch);
    let Scratch { histograms, energies, .. } = scratch;
    let stride = across + 2;
    energies.clear();
    for y in 1..=down {
        energies.extend(histograms[y * stride + 1..][..across].iter().map(energy));
    }
    (cells.width, cells.height) = (across - 2 + filter[0] - 1, down - 2 + filter[1] - 1);
    let margin = filter.map(|side| (side - 1) / 2);
    let area = cells.width * cells.height;
    cells.values.clear();
    cells.values.resize(PLANES * area, 0.0);
    for y in 0..down - 2 {
        for x in 0..across - 2 {
            let near = |dx: usize, dy: usize| energies[(y + dy) * across + x + dx];
            let described = describe_one(&histograms[(y + 2) * stride + x + 2], near);
            let place = (y + margin[1]) * cells.width + x + margin[0];
            for (value, plane) in described.into_iter().zip(cells.values.chunks_exact_mut(area)) {
                plane[place] = value;
            }
        }
    }
}

/// Sums the gradients of a picture by cell and direction.
fn collect(picture: Picture<'_>, (across, down): (usize, usize), scratch: &mut Scratch) {
    let stride = across + 2;
    let Scratch { histograms, columns, gradients, .. } = scratch;
    histograms.clear();
    histograms.resize(stride * (down + 2), [0.0; SIGNED]);
    let last = |cells: usize, side: usize| (cells * CELL).min(side) - 1;
    let (right, bottom) = (last(across, picture.width), last(down, picture.height));
    // Pixels 1 to `right` - 1 are looked at, eight at a time, and what is left one by one.
    let single = 1 + (right - 1) / LANES * LANES;
    columns.clear();
    columns.extend((0..right).map(share).map(|(cell, share)| Column { cell, left: 1.0 - share, right: share }));
    gradients.resize(3 * picture.width);
    let snapped = SNAPPED.as_slice();
    for y in 1..bottom {
        let (cell, lower) = share(y);
        let upper = 1.0 - lower;
        gradients.measure(picture.row(y - 1), picture.row(y), picture.row(y + 1));
        let (first, second) = histograms[cell * stride..][..2 * stride].split_at_mut(stride);
        let mut add = |&Column { cell, .. }: &Column, direction: u8, shares: [f32; 4]| {
            let direction = usize::from(direction);
            let [upper_left, upper_right, lower_left, lower_right] = shares;
            let [first_left, first_right] = &mut first[cell..cell + 2] else { return };
            first_left[direction] += upper_left;
            first_right[direction] += upper_right;
            let [second_left, second_right] = &mut second[cell..cell + 2] else { return };
            second_left[direction] += lower_left;
            second_right[direction] += lower_right;
        };
        let (squares, places) = (gradients.squares.as_chunks::<3>().0, gradients.places.as_chunks::<3>().0);
        let pixels = squares.iter().zip(places).zip(columns.iter()).skip(1);
        for ((squares, places), column) in pixels.clone().take(single - 1) {
            let color = strongest(*squares, true);
            let length = (squares[color] as f32).sqrt();
            let (left, right) = (column.left * length, column.right * length);
            let shares = [upper * left, upper * right, lower * left, lower * right];
            add(column, snapped[places[color] as usize], shares);
        }
        for ((squares, places), column) in pixels.skip(single - 1) {
            let color = strongest(*squares, false);
            let length = (squares[color] as f32).sqrt();
            let Column { left, right, .. } = *column;
            let shares = [upper * left, upper * right, lower * left, lower * right].map(|share| share * length);
            add(column, snapped[places[color] as usize], shares);
        }
    }
}

/// The gradients of a row of pixels, one a colour.
#[derive(Default)]
struct Gradients {
    /// Squares of their lengths.
    squares: Vec<i32>,
    /// Their places in the table of directions.
    places: Vec<u32>,
}

impl Gradients {
    fn resize(&mut self, colors: usize) {
        self.squares.clear();
        self.squares.resize(colors, 0);
        self.places.clear();
        self.places.resize(colors, 0);
    }

    /// Those of all pixels of `row` but the first and the last.
    fn measure(&mut self, above: &[u8], row: &[u8], below: &[u8]) {
        let count = row.len() - 6;
        let sides = row[..count].iter().zip(&row[6..]);
        let inner = sides.zip(above[3..3 + count].iter().zip(&below[3..3 + count]));
        let targets = self.squares[3..3 + count].iter_mut().zip(&mut self.places[3..3 + count]);
        for ((square, place), ((left, right), (above, below))) in targets.zip(inner) {
            let x = i32::from(*right) - i32::from(*left);
            let y = i32::from(*below) - i32::from(*above);
            *square = x * x + y * y;
            *place = ((y + 255) * DIFFERENCES as i32 + x + 255) as u32;
        }
    }
}

/// The cell before a pixel's middle, counted from one outside of the picture, and the next cell's share of the pixel.
fn share(pixel: usize) -> (usize, f32) {
    let place = (2 * pixel + CELL + 1) as f32 / (2 * CELL) as f32;
    (place as usize, place.fract())
}

/// The colour with the largest square. Of equal ones the last where pixels are looked at together, and the first where
/// one by one.
fn strongest([red, green, blue]: [i32; 3], together: bool) -> usize {
    let keeps = |first: i32, second: i32| first > second || (first == second && !together);
    let (color, square) = if keeps(red, green) { (0, red) } else { (1, green) };
    if keeps(square, blue) { color } else { 2 }
}

/// The squares of a cell's sums without signs.
fn energy(histogram: &[f32; SIGNED]) -> f32 {
    let (first, second) = histogram.split_at(UNSIGNED);
    first.iter().zip(second).fold(0.0, |sum, (a, b)| sum + (a + b) * (a + b))
}

/// What describes a cell, from its sums and the energies around, where `near(1, 1)` is its own.
fn describe_one(histogram: &[f32; SIGNED], near: impl Fn(usize, usize) -> f32) -> [f32; PLANES] {
    // The neighbourhoods to the lower right, upper right, lower left and upper left.
    let corners = [(1, 1), (1, 0), (0, 1), (0, 0)];
    let limits = corners.map(|(x, y)| {
        let energy = near(x, y) + near(x + 1, y) + near(x, y + 1) + near(x + 1, y + 1);
        0.2 * (energy + 0.0001).sqrt()
    });
    let scales = limits.map(|limit| 0.1 / limit);
    let limited = |value: f32| {
        let mut parts = [0.0; 4];
        for ((part, limit), scale) in parts.iter_mut().zip(limits).zip(scales) {
            *part = (if value < limit { value } else { limit }) * scale;
        }
        parts
    };
    let sum = |[a, b, c, d]: [f32; 4]| (a + b) + (c + d);
    let mut described = [0.0; PLANES];
    let mut totals = [0.0f32; 4];
    for first in (0..SIGNED).step_by(3) {
        let parts = [0, 1, 2].map(|index| limited(histogram[first + index]));
        for (value, parts) in described[first..].iter_mut().zip(parts) {
            *value = sum(parts);
        }
        for (corner, total) in totals.iter_mut().enumerate() {
            *total += parts[0][corner] + parts[1][corner] + parts[2][corner];
        }
    }
    for direction in 0..UNSIGNED {
        described[SIGNED + direction] = sum(limited(histogram[direction] + histogram[direction + UNSIGNED]));
    }
    for (value, total) in described[SIGNED + UNSIGNED..].iter_mut().zip(totals) {
        *value = total * 0.4714;
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_snapped_to_the_nearest_of_18_directions() {
        for (x, y, expected) in [(0.0, 0.0, 0), (9.0, 0.0, 0), (0.0, 9.0, 4), (-9.0, 0.0, 9), (0.0, -9.0, 13)] {
            assert_eq!(snap(x, y), expected, "({x}, {y})");
        }
        for degree in 0..360 {
            // Borders are ten degrees beside each direction.
            if degree % 20 != 10 {
                let (y, x) = f32::to_radians(degree as f32).sin_cos();
                assert_eq!(usize::from(snap(x, y)), (degree + 10) / 20 % SIGNED, "{degree} degrees");
            }
        }
    }

    #[test]
    fn equal_gradients_of_colours_are_chosen_as_dlib_does() {
        for (squares, together, alone) in
            [([4, 4, 4], 2, 0), ([4, 4, 3], 1, 0), ([4, 3, 4], 2, 0), ([3, 4, 4], 2, 1), ([9, 4, 4], 0, 0)]
        {
            assert_eq!((strongest(squares, true), strongest(squares, false)), (together, alone), "{squares:?}");
        }
    }

    #[test]
    fn pixels_are_shared_between_the_cells_around() {
        for (pixel, expected) in
            [(0, (0, 0.5625)), (3, (0, 0.9375)), (4, (1, 0.0625)), (11, (1, 0.9375)), (12, (2, 0.0625))]
        {
            assert_eq!(share(pixel), expected, "{pixel}");
        }
        assert_eq!([19, 20, 27, 28].map(count), [2, 3, 3, 4]);
    }
}
