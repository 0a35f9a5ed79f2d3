//! The similarity of two vectors, in `f64`.
//!
//! A search's answer is defined by these functions: whatever is faster elsewhere in the gallery
//! only decides which vectors need not be looked at. Sums run over eight lanes and are added up in
//! a fixed order without fused operations, so that every machine gives the same bits.

use super::kernels::Work;
use crate::{Error, ErrorKind, FaceEncoding, Metric, Result};

const LANES: usize = 8;

/// How similar the vectors of two encodings are under `metric`: see [`similarity`].
///
/// # Errors
/// [`ErrorKind::ModelMismatch`] where the encodings are not of one model.
pub fn compare(metric: Metric, a: &FaceEncoding, b: &FaceEncoding) -> Result<f64> {
    if a.model() != b.model() {
        return Err(Error::new(ErrorKind::ModelMismatch, "the two encodings were made by different models"));
    }
    if a.dimension() != b.dimension() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("encodings of {} and {} components cannot be compared", a.dimension(), b.dimension()),
        ));
    }
    Ok(similarity(metric, a.vector(), b.vector()))
}

/// How similar two vectors of equal length are, larger for more similar ones.
///
/// [`Metric::Cosine`] gives the cosine of their angle, -1 to 1; [`Metric::Euclidean`] gives one
/// minus their distance, 1 and below. Both are symmetric, and exactly 1 for a vector with itself.
/// The components are finite; under `Cosine` neither vector is all zero.
#[must_use]
pub fn similarity(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    Comparison { metric, a, square_of_a: square(a), b }.run()
}

/// [`similarity`] of `a`, whose square is known already, and `b`.
pub(super) struct Comparison<'a> {
    pub(super) metric: Metric,
    pub(super) a: &'a [f32],
    pub(super) square_of_a: f64,
    pub(super) b: &'a [f32],
}

impl Work for Comparison<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        match self.metric {
            Metric::Cosine => cosine(self.a, self.square_of_a, self.b),
            Metric::Euclidean => 1.0 - squared_distance(self.a, self.b).sqrt(),
        }
    }
}

#[inline(always)]
fn cosine(a: &[f32], square_of_a: f64, b: &[f32]) -> f64 {
    let [dot, square_of_b] = sums(a, b, |x, y| [x * y, y * y]);
    // One root of the product, not the product of two roots: it is exact for equal squares. Adding
    // zero turns -0 into 0.
    (dot / (square_of_a * square_of_b).sqrt()).clamp(-1.0, 1.0) + 0.0
}

/// The sum of a vector's squared components.
#[inline(always)]
pub(super) fn square(a: &[f32]) -> f64 {
    let [sum] = sums(a, a, |x, _| [x * x]);
    sum
}

#[inline(always)]
fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let [sum] = sums(a, b, |x, y| [(x - y) * (x - y)]);
    sum
}

#[inline(always)]
fn sums<const N: usize>(a: &[f32], b: &[f32], terms: impl Fn(f64, f64) -> [f64; N]) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let mut add = |x: &[f32; LANES], y: &[f32; LANES]| {
        let terms: [[f64; N]; LANES] = std::array::from_fn(|lane| terms(x[lane].into(), y[lane].into()));
        for n in 0..N {
            lanes[n] = std::array::from_fn(|lane| lanes[n][lane] + terms[lane][n]);
        }
    };
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_whole.iter().zip(b_whole) {
        add(x, y);
    }
    // Zeros add nothing to products and differences.
    let padded = |rest: &[f32]| std::array::from_fn(|lane| rest.get(lane).copied().unwrap_or(0.0));
    add(&padded(a_rest), &padded(b_rest));
    lanes.map(|[a, b, c, d, e, f, g, h]| ((a + e) + (c + g)) + ((b + f) + (d + h)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ModelId;

    fn pairs() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        let component = || prop_oneof![-1.0f32..1.0, -1e38f32..1e38, -1e-44f32..1e-44];
        (1usize..40).prop_flat_map(move |n| {
            let vector =
                proptest::collection::vec(component(), n).prop_filter("a direction", |v| v.iter().any(|c| *c != 0.0));
            (vector.clone(), vector)
        })
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_one_at_itself((a, b) in pairs()) {
            for metric in [Metric::Cosine, Metric::Euclidean] {
                let s = similarity(metric, &a, &b);
                prop_assert!(s <= 1.0 && s.is_finite(), "{s}");
                prop_assert_eq!(s, similarity(metric, &b, &a));
                prop_assert_eq!(similarity(metric, &a, &a), 1.0);
            }
        }

        #[test]
        fn it_agrees_with_the_textbook((a, b) in pairs()) {
            let of = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(x, y)| f((*x).into(), (*y).into())).sum::<f64>();
            let cosine = of(&|x, y| x * y) / (of(&|x, _| x * x).sqrt() * of(&|_, y| y * y).sqrt());
            prop_assert!((similarity(Metric::Cosine, &a, &b) - cosine).abs() < 1e-12);
            let euclidean = 1.0 - of(&|x, y| (x - y).powi(2)).sqrt();
            prop_assert!((similarity(Metric::Euclidean, &a, &b) - euclidean).abs() <= 1e-12 * euclidean.abs());
        }
    }

    #[test]
    fn known_angles_and_distances() {
        for (a, b, cosine, euclidean) in [
            ([1.0, 0.0], [0.0, 2.0], 0.0, 1.0 - 5.0f64.sqrt()),
            ([1.0, 0.0], [-3.0, 0.0], -1.0, -3.0),
            ([3.0, 4.0], [3.0, 4.0], 1.0, 1.0),
            ([1.0, 0.0], [1.0, 1.0], 0.5f64.sqrt(), 0.0),
        ] {
            assert!((similarity(Metric::Cosine, &a, &b) - cosine).abs() < 1e-15);
            assert_eq!(similarity(Metric::Euclidean, &a, &b), euclidean);
        }
    }

    #[test]
    fn encodings_of_two_models_are_not_compared() {
        let encoding =
            |model: u8, vector: &[f32]| FaceEncoding::new(ModelId::from_bytes([model; 16]), vector).expect("finite");
        let of = |a, b| compare(Metric::Cosine, &a, &b).map_err(|error| error.kind());
        assert_eq!(of(encoding(1, &[1.0, 0.0]), encoding(2, &[1.0, 0.0])), Err(ErrorKind::ModelMismatch));
        assert_eq!(of(encoding(1, &[1.0, 0.0]), encoding(1, &[1.0])), Err(ErrorKind::Invalid));
        assert_eq!(of(encoding(1, &[1.0, 0.0]), encoding(1, &[2.0, 0.0])), Ok(1.0));
    }
}
