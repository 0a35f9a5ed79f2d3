//! Filters over cells, as sums of products of a row and a column.
//!
//! A sum of floats depends on its order. dlib sums eight places at a time in three strands, and what is left of a row
//! place by place; so does this module, so that its sums are dlib's to the last bit.

use crate::error::{Error, ErrorKind, Result};
use crate::spec::hog_model::{HogFilter, HogRules, PLANES};

use super::cells::Cells;
use super::svd;

/// Products that add less than this, or this share of the largest, are left out.
const LEAST_VALUE: (f64, f64) = (1e-4, 0.001);
/// Places that are summed at a time.
const LANES: usize = 8;

/// A filter over all planes.
pub(super) struct Filter {
    size: [usize; 2],
    products: Vec<Product>,
    /// The sum at which a face begins.
    pub(super) threshold: f64,
}

struct Product {
    plane: usize,
    row: Vec<f32>,
    column: Vec<f32>,
}

/// Sums over a level, and the memory that they take.
#[derive(Default)]
pub(super) struct Sums {
    width: usize,
    values: Vec<f32>,
    rows: Vec<f32>,
}

impl Sums {
    /// The rows of sums, each with the row of the filter's middle.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }
}

impl Filter {
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where the filter is a sum of so many products that dlib would not use them.
    pub(super) fn new(filter: &HogFilter, rules: &HogRules) -> Result<Self> {
        let [width, height] = rules.size;
        let mut products = Vec::new();
        for (plane, weights) in filter.weights.chunks_exact(width * height).enumerate() {
            let parts = svd::decompose(weights, width);
            let largest = parts.first().map_or(0.0, |part| part.value);
            let least = LEAST_VALUE.0.max(largest * LEAST_VALUE.1);
            for part in parts.iter().filter(|part| part.value >= least) {
                let root = part.value.sqrt();
                let scaled = |numbers: &[f64]| numbers.iter().map(|number| (number * root) as f32).collect();
                products.push(Product { plane, row: scaled(&part.row), column: scaled(&part.column) });
            }
        }
        let most = PLANES as f64 * width.min(height) as f64 / 3.0;
        if products.len() as f64 > most {
            let message = format!(
                "HOG detector: expected filters that are sums of at most {most:.0} products of a row and a column, found \
                 {}",
                products.len()
            );
            return Err(Error::new(ErrorKind::ModelUnavailable, message));
        }
        Ok(Self { size: rules.size, products, threshold: filter.threshold })
    }

    /// The filter's sum at each place where it fits into `cells`: as many rows and columns as the level has cells, less
    /// its border.
    pub(super) fn apply(&self, cells: &Cells, sums: &mut Sums) {
        let [width, height] = self.size;
        let (columns, rows) = ((cells.width + 1).saturating_sub(width), (cells.height + 1).saturating_sub(height));
        sums.width = columns;
        sums.values.clear();
        sums.values.resize(columns * rows, 0.0);
        sums.rows.resize(columns * cells.height, 0.0);
        if sums.values.is_empty() {
            return;
        }
        for product in &self.products {
            let plane = cells.plane(product.plane);
            for (to, from) in sums.rows.chunks_exact_mut(columns).zip(plane.chunks_exact(cells.width)) {
                add::<false>(to, &product.row, |tap| &from[tap..]);
            }
            let scratch = &sums.rows;
            for (y, to) in sums.values.chunks_exact_mut(columns).enumerate() {
                add::<true>(to, &product.column, |tap| &scratch[(y + tap) * columns..]);
            }
        }
    }
}

/// Puts the sum of `taps`, each times its place in `values`, into each place, or adds it.
fn add<'a, const ADD: bool>(to: &mut [f32], taps: &[f32], values: impl Fn(usize) -> &'a [f32]) {
    let whole = to.len() / LANES * LANES;
    // Two at a time: the sums are the same, and the loads of weights are shared.
    let double = whole / (2 * LANES) * (2 * LANES);
    for start in (0..double).step_by(2 * LANES) {
        add_lanes::<ADD, { 2 * LANES }>(to, taps, &values, start);
    }
    if double < whole {
        add_lanes::<ADD, LANES>(to, taps, &values, double);
    }
    for (x, place) in to.iter_mut().enumerate().skip(whole) {
        let sum = taps.iter().enumerate().fold(0.0, |sum, (tap, weight)| sum + values(tap)[x] * weight);
        *place = if ADD { *place + sum } else { sum };
    }
}

/// The same for some places from `start`, each in three strands.
fn add_lanes<'a, const ADD: bool, const COUNT: usize>(
    to: &mut [f32],
    taps: &[f32],
    values: &impl Fn(usize) -> &'a [f32],
    start: usize,
) {
    let mut strands = [[0.0f32; COUNT]; 3];
    let mut tap = |strand: usize, tap: usize, weight: f32| {
        let places = &values(tap)[start..start + COUNT];
        for (sum, place) in strands[strand].iter_mut().zip(places) {
            *sum += place * weight;
        }
    };
    let (triples, rest) = taps.as_chunks::<3>();
    for (index, [first, second, third]) in triples.iter().enumerate() {
        tap(0, 3 * index, *first);
        tap(1, 3 * index + 1, *second);
        tap(2, 3 * index + 2, *third);
    }
    for (index, weight) in rest.iter().enumerate() {
        tap(0, 3 * triples.len() + index, *weight);
    }
    let [first, second, third] = strands;
    for (lane, place) in to[start..start + COUNT].iter_mut().enumerate() {
        let sum = first[lane] + (second[lane] + third[lane]);
        *place = if ADD { sum + *place } else { sum };
    }
}
