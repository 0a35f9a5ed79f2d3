//! A probe made ready for a search, and its bounds against a segment.

use std::sync::atomic::{AtomicI64, Ordering};

use simsimd::SpatialSimilarity;
use zeroize::Zeroizing;

use super::codes::{Codes, GroupTerms, LONGEST, Terms, padded};
use super::kernels::{self, GROUP};
use super::metric::{self, Comparison};
use crate::Metric;

/// The largest 8-bit number that stands for a component.
const LARGEST: f64 = 127.0;

/// A probe, in full and as 8-bit numbers.
pub(super) struct Probe {
    metric: Metric,
    vector: Zeroizing<Vec<f32>>,
    /// The sum of the vector's squares.
    square: f64,
    /// `q`: normalised under `Cosine`, raw under `Euclidean`.
    q: Zeroizing<Vec<f64>>,
    /// `|q|`.
    length: f64,
    /// `q` rounded, for the first look at a vector in full.
    rounded: Zeroizing<Vec<f32>>,
    /// `k`, padded with zeros to what the kernels take.
    pub(super) numbers: Zeroizing<Vec<i8>>,
    /// 15 times the sum of `k`, which turns sums over codes into sums over `z`.
    shift: i32,
    /// `t`.
    step: f64,
    /// `|e|`.
    rest: f64,
    /// The similarity that a match must reach, as far as any worker of the search knows.
    floor: Floor,
}

impl Probe {
    /// The probe `vector`, whose matches must reach `floor`.
    pub(super) fn new(metric: Metric, vector: &[f32], floor: f64) -> Self {
        let square = metric::square(vector);
        let (factor, length) = match metric {
            Metric::Cosine => (1.0 / square.sqrt(), 1.0),
            Metric::Euclidean => (1.0, square.sqrt()),
        };
        let q: Vec<f64> = vector.iter().map(|v| f64::from(*v) * factor).collect();
        let step = q.iter().fold(0.0f64, |largest, q| largest.max(q.abs())) / LARGEST;
        let mut numbers = vec![0; padded(vector.len())];
        let mut rest = 0.0;
        for (number, q) in numbers.iter_mut().zip(&q) {
            // A Euclidean probe may be all zero: 0 / 0 becomes the number 0.
            *number = (q / step).round() as i8;
            rest += (q - step * f64::from(*number)).powi(2);
        }
        Self {
            metric,
            vector: vector.to_vec().into(),
            square,
            length,
            rounded: q.iter().map(|q| *q as f32).collect::<Vec<_>>().into(),
            shift: 15 * numbers.iter().map(|n| i32::from(*n)).sum::<i32>(),
            numbers: numbers.into(),
            step,
            rest: rest.sqrt(),
            q: q.into(),
            floor: Floor::new(floor),
        }
    }

    /// The similarity to a vector: what [`metric::similarity`] says.
    pub(super) fn similarity(&self, vector: &[f32]) -> f64 {
        let (metric, square_of_a) = (self.metric, self.square);
        kernels::widest(Comparison { metric, a: &self.vector, square_of_a, b: vector })
    }

    /// Whether the similarity to a vector may reach `floor`, by a sum in `f32` and the most that
    /// its roundings can add up to.
    ///
    /// A sum of `n` products in any order is off by at most `n 2^-24` of the sum of their
    /// magnitudes, to first order, unless a product leaves the range of `f32`.
    pub(super) fn may_reach(&self, floor: f64, vector: &[f32]) -> bool {
        const SAFE: std::ops::Range<f64> = 1e-20..1e30;
        let error = (vector.len() + 16) as f64 * f64::from(f32::EPSILON);
        let highest = match self.metric {
            Metric::Cosine => {
                let square = f32::dot(vector, vector).filter(|square| SAFE.contains(square));
                let dot = f32::dot(&self.rounded, vector);
                square.zip(dot).map(|(square, dot)| dot / square.sqrt() + 2.0 * error)
            }
            Metric::Euclidean => f32::l2sq(&self.vector, vector)
                .filter(|square| SAFE.contains(square))
                .map(|square| 1.0 - (square * (1.0 - 2.0 * error)).max(0.0).sqrt()),
        };
        highest.is_none_or(|highest| !(highest < floor))
    }

    /// The similarity that a match must reach. It rises above the one asked for once enough matches are known.
    pub(super) fn floor(&self) -> f64 {
        self.floor.get()
    }

    /// Tells the search's workers that matches must reach `floor`.
    pub(super) fn raise_floor(&self, floor: f64) {
        self.floor.raise(floor);
    }

    /// The key of a similarity, rounded downwards: rows whose bounds are below it do not reach it.
    pub(super) fn key(&self, similarity: f64) -> f32 {
        let key = match self.metric {
            Metric::Cosine => similarity,
            Metric::Euclidean if self.length > LONGEST => f64::NEG_INFINITY,
            Metric::Euclidean if similarity > 1.0 => f64::INFINITY,
            Metric::Euclidean => (self.square - (1.0 - similarity).powi(2)) / 2.0,
        };
        (key as f32).next_down()
    }

    /// The terms of the bounds that are the same for all rows of `codes`.
    pub(super) fn bounds(&self, codes: &Codes) -> Bounds {
        let mut along = 0.0;
        let mut gap = 0.0;
        for (q, m) in self.q.iter().zip(&codes.centre) {
            let m = f64::from(*m);
            along += q * m;
            gap += (q - m) * (q - m);
        }
        // What the roundings of the codes' terms and of the bounds can add up to: sums of n
        // numbers in 16 lanes of `f32`, and some steps more, on numbers up to the product of the
        // lengths; the keys themselves, in `f64`; and numbers below the range of `f32`.
        let n = self.q.len() as f64;
        let sum = self.length + codes.reach;
        let slack = (n / 16.0 + 32.0) * 4.0 * f64::from(f32::EPSILON) * sum * codes.reach + 1e-12 * sum * sum + 1e-30;
        Bounds {
            shift: self.shift,
            half_step: (self.step / 2.0) as f32,
            gap: gap.sqrt() as f32,
            along: along as f32,
            coarse: (self.rest * codes.spread + slack) as f32,
            fine: (self.rest * (codes.spread + codes.fine_radius) + slack) as f32,
        }
    }
}

/// The terms of a probe's bounds that are the same for all rows of a segment: see
/// [`codes`](super::codes).
pub(super) struct Bounds {
    shift: i32,
    half_step: f32,
    /// `|q - m|`.
    gap: f32,
    /// `q.m`.
    along: f32,
    /// The most that the probe's own rounding can add, and the slack for `f32`.
    coarse: f32,
    /// The same with the fine codes.
    fine: f32,
}

impl Bounds {
    /// The keys of 16 rows, from the kernels' sums over their coarse codes: estimates, and upper bounds.
    #[inline(always)]
    pub(super) fn coarse(&self, sums: &[i32; GROUP], terms: &GroupTerms) -> ([f32; GROUP], [f32; GROUP]) {
        let estimates: [f32; GROUP] = std::array::from_fn(|r| {
            self.along + (2 * sums[r] - self.shift) as f32 * (self.half_step * terms.step[r]) + terms.bias[r]
        });
        let bounds = std::array::from_fn(|r| estimates[r] + (self.coarse + self.gap * terms.radius[r]));
        (estimates, bounds)
    }

    /// The most that the key of a row can be, from the sums over its coarse and its fine codes.
    #[inline(always)]
    pub(super) fn fine(&self, coarse: i32, coarse_step: f32, fine: i32, terms: Terms) -> f32 {
        let along = (2 * coarse - self.shift) as f32 * (self.half_step * coarse_step);
        let further = (2 * fine - self.shift) as f32 * (self.half_step * terms.step);
        self.along + along + further + terms.bias + (self.fine + self.gap * terms.radius)
    }
}

/// A number that several threads raise.
struct Floor(AtomicI64);

impl Floor {
    fn new(floor: f64) -> Self {
        Self(AtomicI64::new(ordered(floor.to_bits() as i64)))
    }

    fn get(&self) -> f64 {
        f64::from_bits(ordered(self.0.load(Ordering::Relaxed)) as u64)
    }

    fn raise(&self, floor: f64) {
        self.0.fetch_max(ordered(floor.to_bits() as i64), Ordering::Relaxed);
    }
}

/// The bits of an `f64` as a whole number of the same order ([`f64::total_cmp`]), and back.
fn ordered(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}
