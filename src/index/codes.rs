//! Vectors in half a byte and one byte a component, with bounds that prove which rows a search may skip.
//!
//! A segment's vectors `u` (normalised under `Cosine`, raw under `Euclidean`) are written twice:
//!
//! ```text
//! u = m + s1 z1 + r1        m    the segment's centre, one vector for all
//! r1 = s2 z2 + r2           z    whole numbers less 7.5, from -7.5 to 7.5: 4 bits a component
//!                           s    one step a row, r what is left
//! ```
//!
//! `z1` are the coarse codes, which every search reads; `z2` the fine ones, which it reads for few
//! rows. With a probe `q = t k + e`, `k` being 8-bit numbers, the key of a row is
//!
//! ```text
//! q.u - h = q.m + s1 t k.z1 + s1 e.z1 + m.r1 + (q - m).r1 - h
//!        <= q.m + s1 t k.z1 + |e| |s1 z1| + (m.r1 - h) + |q - m| |r1|
//! ```
//!
//! with `h` zero under `Cosine` and `|u|^2 / 2` under `Euclidean`, where a larger key is a smaller
//! distance; `r1` becomes `r2` when the fine codes are added. The right side is what a search
//! compares with the similarity that a row must reach: a row below it cannot belong to the answer,
//! whatever its components are. (Cauchy and Schwarz; the same idea, with bounds that hold only
//! with high probability, is in J. Gao and C. Long, "RaBitQ", SIGMOD 2024.)
//!
//! Both steps start from the spread of a row's components and are then fitted to the codes by least
//! squares, which makes each `r` orthogonal to its `z` and so as short as these codes allow.

use zeroize::Zeroizing;

use super::array::Array;
use super::kernels::{self, COLUMNS, GROUP, LINE, SPAN, Work};
use super::metric;
use crate::Metric;

/// The coarse step as a share of the standard deviation of a row's components: 16 steps then reach
/// to three deviations, near the least squared error for bell-shaped components (0.335), with fewer
/// components beyond the ends, which the fine codes cannot make good.
const COARSE_STEP: f32 = 0.375;
/// The fine step as a share of the standard deviation of what the coarse codes leave. Except for the components beyond
/// the ends, that is spread evenly between plus and minus half a coarse step, so its deviation is a coarse step over
/// the root of 12; 16 fine steps make a coarse one.
const FINE_STEP: f32 = 3.464_101_6 / 16.0;
/// The number of the outermost codes.
const TOP: f32 = 7.5;
/// Vectors with fewer components have no fine codes: reading the vector itself costs little more.
const FINE_FROM: usize = 256;
/// Rows from which a segment's centre is taken.
const CENTRE_SAMPLE: usize = 512;
/// Under `Euclidean`, vectors longer than this have no codes; they are compared in full.
pub(super) const LONGEST: f64 = 1e15;

const LANES: usize = 16;

/// The coarse terms of a group of rows, side by side for the processor's sake.
#[derive(Clone, Copy)]
pub(super) struct GroupTerms {
    /// `s1`.
    pub(super) step: [f32; GROUP],
    /// `m.r1 - h`.
    pub(super) bias: [f32; GROUP],
    /// `|r1|`; infinite for a row without codes.
    pub(super) radius: [f32; GROUP],
}

/// The terms of one row.
#[derive(Clone, Copy, Default)]
pub(super) struct Terms {
    /// `s1` or `s2`.
    pub(super) step: f32,
    /// `m.r - h`.
    pub(super) bias: f32,
    /// `|r|`; infinite for a row without codes.
    pub(super) radius: f32,
}

impl Terms {
    const WITHOUT_CODES: Self = Self { step: 0.0, bias: 0.0, radius: f32::INFINITY };
}

/// The codes of a segment's vectors.
pub(super) struct Codes {
    /// Bytes of a group of coarse codes.
    pub(super) group_bytes: usize,
    /// Coarse codes in the kernels' column layout.
    pub(super) coarse: Array<u8>,
    pub(super) coarse_terms: Box<[GroupTerms]>,
    /// Bytes of a row of fine codes; 0 where there are none.
    pub(super) row_bytes: usize,
    /// Fine codes in the kernels' row layout.
    pub(super) fine: Array<u8>,
    pub(super) fine_terms: Box<[Terms]>,
    /// `m`.
    pub(super) centre: Box<[f32]>,
    /// The longest `u` that has codes.
    pub(super) reach: f64,
    /// The longest `u - m` that has codes.
    pub(super) spread: f64,
    /// The longest `r2`.
    pub(super) fine_radius: f64,
}

/// How many components a probe's 8-bit numbers have, with zeros behind, for codes of `dimension`.
pub(super) fn padded(dimension: usize) -> usize {
    dimension.next_multiple_of(SPAN)
}

impl Codes {
    /// The codes of `vectors`, rows of `dimension` components.
    pub(super) fn new(metric: Metric, dimension: usize, vectors: &[f32]) -> Self {
        let rows = vectors.len() / dimension;
        let groups = rows.div_ceil(GROUP);
        let group_bytes = dimension.div_ceil(COLUMNS) * LINE;
        let row_bytes = if dimension < FINE_FROM { 0 } else { padded(dimension) / 2 };
        let centre = centre(metric, dimension, vectors);

        let mut coarse = Array::zeros(groups * group_bytes);
        let mut fine = Array::zeros(rows * row_bytes);
        let mut coarse_terms = vec![[Terms::WITHOUT_CODES; GROUP]; groups];
        let mut fine_terms = vec![Terms::WITHOUT_CODES; if row_bytes == 0 { 0 } else { rows }];
        let fine_chunks: Vec<(&mut [u8], &mut [Terms])> = if row_bytes == 0 {
            (0..groups).map(|_| Default::default()).collect()
        } else {
            fine.chunks_mut(GROUP * row_bytes).zip(fine_terms.chunks_mut(GROUP)).collect()
        };
        let work: Vec<EncodeGroup> = vectors
            .chunks(GROUP * dimension)
            .zip(coarse.chunks_mut(group_bytes).zip(&mut coarse_terms))
            .zip(fine_chunks)
            .map(|((vectors, (coarse, coarse_terms)), (fine, fine_terms))| EncodeGroup {
                vectors,
                coarse,
                coarse_terms,
                fine,
                fine_terms,
            })
            .collect();
        let (_, extent) = work.into_iter().fold((Encoder::new(metric, dimension, &centre), Extent::default()), encode);

        Self {
            group_bytes,
            coarse,
            coarse_terms: coarse_terms.iter().map(side_by_side).collect(),
            row_bytes,
            fine,
            fine_terms: fine_terms.into(),
            centre: centre.into(),
            reach: extent.reach,
            spread: extent.spread,
            fine_radius: extent.radius,
        }
    }

    /// How many of a probe's numbers the coarse codes take.
    pub(super) fn columns(&self) -> usize {
        self.group_bytes / LINE * COLUMNS
    }

    /// The bytes that the codes take.
    pub(super) fn memory_bytes(&self) -> usize {
        self.coarse.len()
            + size_of_val(&*self.coarse_terms)
            + self.fine.len()
            + size_of_val(&*self.fine_terms)
            + size_of_val(&*self.centre)
    }
}

fn side_by_side(terms: &[Terms; GROUP]) -> GroupTerms {
    GroupTerms { step: terms.map(|t| t.step), bias: terms.map(|t| t.bias), radius: terms.map(|t| t.radius) }
}

/// Encodes another group.
fn encode<'a>((encoder, extent): (Encoder<'a>, Extent), group: EncodeGroup) -> (Encoder<'a>, Extent) {
    let (encoder, further) = kernels::widest(Encode { encoder, group });
    (encoder, extent.and(further))
}

/// The largest lengths seen.
#[derive(Clone, Copy, Default)]
struct Extent {
    reach: f64,
    spread: f64,
    radius: f64,
}

impl Extent {
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self {
            reach: self.reach.max(other.reach),
            spread: self.spread.max(other.spread),
            radius: self.radius.max(other.radius),
        }
    }
}

/// What a vector is multiplied with to become `u`, and the length of `u`; `None` for a vector that
/// is too long for codes.
#[inline(always)]
fn unit(metric: Metric, vector: &[f32]) -> Option<(f64, f64)> {
    let length = metric::square(vector).sqrt();
    match metric {
        Metric::Cosine => Some((1.0 / length, 1.0)),
        Metric::Euclidean => (length <= LONGEST).then_some((1.0, length)),
    }
}

/// The mean of some of the vectors. Any centre gives right answers; near the mean the codes are
/// finest.
fn centre(metric: Metric, dimension: usize, vectors: &[f32]) -> Vec<f32> {
    let rows = vectors.len() / dimension;
    let mut sum = vec![0.0f64; dimension];
    let mut count = 0.0;
    for vector in vectors.chunks_exact(dimension).step_by(rows.div_ceil(CENTRE_SAMPLE).max(1)) {
        let Some((factor, _)) = unit(metric, vector) else { continue };
        sum.iter_mut().zip(vector).for_each(|(sum, v)| *sum += factor * f64::from(*v));
        count += 1.0;
    }
    sum.iter().map(|sum| if count > 0.0 { (sum / count) as f32 } else { 0.0 }).collect()
}

/// A group of rows and the room for its codes.
struct EncodeGroup<'a> {
    vectors: &'a [f32],
    coarse: &'a mut [u8],
    coarse_terms: &'a mut [Terms; GROUP],
    /// Empty where there are no fine codes, like the terms.
    fine: &'a mut [u8],
    fine_terms: &'a mut [Terms],
}

/// The encoding of a group.
struct Encode<'a, 'b> {
    encoder: Encoder<'a>,
    group: EncodeGroup<'b>,
}

impl<'a> Work for Encode<'a, '_> {
    type Output = (Encoder<'a>, Extent);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { mut encoder, group } = self;
        let dimension = encoder.rest.len();
        let row_bytes = padded(dimension) / 2;
        let mut extent = Extent::default();
        for (r, vector) in group.vectors.chunks_exact(dimension).enumerate() {
            let Some(reach) = encoder.centre(vector) else { continue };
            let spread = encoder.length();
            group.coarse_terms[r] = encoder.split(COARSE_STEP);
            encoder.store_column(group.coarse, r);
            if let Some(terms) = group.fine_terms.get_mut(r) {
                *terms = encoder.split(FINE_STEP);
                encoder.store_row(&mut group.fine[r * row_bytes..][..row_bytes]);
            }
            extent = extent.and(Extent { reach, spread, radius: encoder.length() });
        }
        (encoder, extent)
    }
}

/// Encodes one row after the other.
struct Encoder<'a> {
    metric: Metric,
    centre: &'a [f32],
    /// Half of `|u|^2` under `Euclidean`, else 0.
    half_square: f64,
    /// `u - m`, then `r1`, then `r2`.
    rest: Zeroizing<Vec<f32>>,
    /// The sum of its squares.
    square: f32,
    /// The codes, one a byte.
    codes: Zeroizing<Vec<u8>>,
}

impl<'a> Encoder<'a> {
    fn new(metric: Metric, dimension: usize, centre: &'a [f32]) -> Self {
        Self {
            metric,
            centre,
            half_square: 0.0,
            square: 0.0,
            rest: vec![0.0; dimension].into(),
            codes: vec![0; padded(dimension)].into(),
        }
    }

    /// Takes a vector. Gives the length of `u`, or `None` for a vector without codes.
    #[inline(always)]
    fn centre(&mut self, vector: &[f32]) -> Option<f64> {
        let (factor, length) = unit(self.metric, vector)?;
        self.half_square = if self.metric == Metric::Euclidean { length * length / 2.0 } else { 0.0 };
        for ((rest, v), m) in self.rest.iter_mut().zip(vector).zip(self.centre) {
            *rest = (f64::from(*v) * factor) as f32 - m;
        }
        self.square = sum(&self.rest, &self.rest, |r, _| r * r);
        Some(length)
    }

    /// The length of what is left of the vector.
    #[inline(always)]
    fn length(&self) -> f64 {
        f64::from(self.square).sqrt()
    }

    /// Turns `rest` into codes whose step is near `share` of its deviation, and leaves the remainder in `rest`.
    #[inline(always)]
    fn split(&mut self, share: f32) -> Terms {
        let dimension = self.rest.len();
        let codes = &mut self.codes[..dimension];
        let step = (share * (self.square / dimension as f32).sqrt()).min(largest(&self.rest) / TOP);
        let inverse = 1.0 / step;
        if inverse.is_finite() {
            for (code, rest) in codes.iter_mut().zip(self.rest.iter()) {
                *code = nearest(*rest * inverse + TOP);
            }
        } else {
            codes.fill(8);
        }
        let z = |code| f32::from(code) - TOP;
        let step = sum(&self.rest, codes, |r, code| r * z(code)) / sum(&self.rest, codes, |_, code| z(code) * z(code));
        for (rest, code) in self.rest.iter_mut().zip(&*codes) {
            *rest -= step * z(*code);
        }
        self.square = sum(&self.rest, &self.rest, |r, _| r * r);
        let bias = sum(&self.rest, self.centre, |r, m| r * m);
        Terms { step, bias: (f64::from(bias) - self.half_square) as f32, radius: self.square.sqrt() }
    }

    /// Stores the codes as row `r` of a group in the column layout.
    #[inline(always)]
    fn store_column(&self, group: &mut [u8], r: usize) {
        for (line, codes) in group.as_chunks_mut::<LINE>().0.iter_mut().zip(self.codes.as_chunks::<COLUMNS>().0) {
            for b in 0..4 {
                line[4 * r + b] = codes[b] | codes[4 + b] << 4;
            }
        }
    }

    /// Stores the codes in the row layout.
    #[inline(always)]
    fn store_row(&self, row: &mut [u8]) {
        for (line, codes) in row.as_chunks_mut::<LINE>().0.iter_mut().zip(self.codes.as_chunks::<SPAN>().0) {
            for i in 0..LINE {
                line[i] = codes[i] | codes[LINE + i] << 4;
            }
        }
    }
}

/// The whole number from 0 to 15 that is nearest.
#[inline(always)]
fn nearest(v: f32) -> u8 {
    // Added to this number, a small one ends up rounded in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    (v.clamp(0.0, 15.0) + WHOLE).to_bits() as u8 & 15
}

/// The sum of the terms of pairs of numbers, in 16 lanes.
#[inline(always)]
fn sum<T: Copy>(a: &[f32], b: &[T], term: impl Fn(f32, T) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    lanes.into_iter().chain(a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b))).sum()
}

/// The largest magnitude.
#[inline(always)]
fn largest(a: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (whole, rest) = a.as_chunks::<LANES>();
    for a in whole {
        for lane in 0..LANES {
            let magnitude = a[lane].abs();
            lanes[lane] = if magnitude > lanes[lane] { magnitude } else { lanes[lane] };
        }
    }
    rest.iter().map(|a| a.abs()).chain(lanes).fold(0.0, f32::max)
}
