//! Scores from 0 to 1, which the HTTP API uses instead of similarities.
//!
//! A score is a scale of the false match rate (FMR), so that it means the same whatever the model:
//! 0.85 stands for an FMR of 1 in 1,000, and the decimal logarithm of the rate is linear in the
//! score on either side of it.
//!
//! | FMR | 1 | 0.1 | 0.01 | 0.001 | 1e-4 | 1e-5 | 1e-6 |
//! |---|---|---|---|---|---|---|---|
//! | score | 0 | 0.283 | 0.567 | 0.85 | 0.883 | 0.917 | 0.95 |
//!
//! Where the model's table ends, rates end: no rate is claimed beyond the last measured point. From
//! there to 1 the score is linear in the similarity, and 1 is the similarity of a vector with
//! itself. Below the first measured point the line through the first two goes on to 0. So the score
//! rises with the similarity from 0 to 1, and says nothing that was not measured.

use crate::comparison::{CalibrationTable, OperatingPoint, Similarity};
use crate::error::Result;

/// The score that stands for [`ANCHOR_FMR`].
pub const ANCHOR_SCORE: f64 = 0.85;

/// The false match rate for which [`ANCHOR_SCORE`] stands: one pair of strangers in a thousand.
pub const ANCHOR_FMR: f64 = 1e-3;

/// The smallest rate that is put on the scale, and its score.
const SMALLEST_FMR: f64 = 1e-6;
const SCORE_OF_SMALLEST: f64 = 0.95;

/// The similarity of a vector with itself, under every metric.
const IDENTICAL: f64 = 1.0;

/// The scale of one model: similarities to scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Similarities and their scores, both rising strictly.
    knots: Vec<(f64, f64)>,
    anchor: Similarity,
}

impl Scale {
    /// The scale that a model's table gives.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the table was not measured at [`ANCHOR_FMR`];
    /// the message says which rates it covers.
    pub fn new(table: &CalibrationTable) -> Result<Self> {
        let anchor = table.threshold_for(OperatingPoint::fmr(ANCHOR_FMR)?, 1)?.similarity;
        let measured = table.points().iter().filter(|point| point.fmr >= SMALLEST_FMR);
        let mut knots: Vec<(f64, f64)> = measured.map(|point| (point.similarity, score_of(point.fmr))).collect();
        knots.push((anchor.get(), ANCHOR_SCORE));
        knots.sort_by(|a, b| a.0.total_cmp(&b.0));
        knots.dedup_by(|a, b| a.0 <= b.0);
        if let [first, second, ..] = knots[..]
            && first.1 > 0.0
        {
            let zero = first.0 - first.1 * (second.0 - first.0) / (second.1 - first.1);
            knots.insert(0, (zero, 0.0));
        }
        knots.retain(|knot| knot.0 < IDENTICAL);
        knots.push((IDENTICAL, 1.0));
        Ok(Self { knots, anchor })
    }

    /// The score of a similarity, 0 to 1.
    #[must_use]
    pub fn score(&self, similarity: Similarity) -> f64 {
        let x = similarity.get();
        let above = self.knots.partition_point(|knot| knot.0 <= x);
        match (above.checked_sub(1).map(|below| self.knots[below]), self.knots.get(above)) {
            (None, _) => 0.0,
            (Some(_), None) => 1.0,
            (Some((x0, y0)), Some((x1, y1))) => y0 + (x - x0) * (y1 - y0) / (x1 - x0),
        }
    }

    /// A similarity whose score is above `score`, and nearly the least of them.
    #[must_use]
    pub fn similarity_above(&self, score: f64) -> f64 {
        let above = self.knots.partition_point(|knot| knot.1 <= score);
        let mut similarity = match (above.checked_sub(1).map(|below| self.knots[below]), self.knots.get(above)) {
            (Some((x0, y0)), Some((x1, y1))) => x0 + (score - y0) * (x1 - x0) / (y1 - y0),
            (None, Some((x1, _))) => *x1,
            // Nothing is above 1.
            (_, None) => return f64::MAX,
        };
        let mut step = f64::EPSILON * similarity.abs().max(1.0);
        while Similarity::new(similarity).is_ok_and(|found| self.score(found) <= score) {
            similarity += step;
            step *= 2.0;
        }
        similarity
    }

    /// The similarity whose score is [`ANCHOR_SCORE`].
    #[must_use]
    pub fn anchor(&self) -> Similarity {
        self.anchor
    }

    /// The similarities at which the scale bends, with their scores; in between it is linear.
    #[must_use]
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

/// The score that stands for a rate.
fn score_of(fmr: f64) -> f64 {
    let (decades, anchor) = (-fmr.log10(), -ANCHOR_FMR.log10());
    if decades <= anchor {
        return ANCHOR_SCORE * decades / anchor;
    }
    ANCHOR_SCORE + (SCORE_OF_SMALLEST - ANCHOR_SCORE) * (decades - anchor) / (-SMALLEST_FMR.log10() - anchor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::comparison::{CalibrationPoint, MeasuredOn};

    fn table(points: &[(f64, f64)]) -> CalibrationTable {
        let measured_on = MeasuredOn {
            name: "toy".into(),
            sha256: "ab".repeat(32),
            people: 2_000,
            mated_pairs: 1_000,
            non_mated_pairs: 10_000_000,
        };
        let point = |(fmr, similarity): &(f64, f64)| CalibrationPoint {
            fmr: *fmr,
            similarity: *similarity,
            fnmr: 0.0,
            fnmr_low: 0.0,
            fnmr_high: 0.1,
        };
        CalibrationTable::new(measured_on, points.iter().map(point).collect()).expect("a table")
    }

    fn scale() -> Scale {
        Scale::new(&table(&[(0.5, 0.0), (1e-1, 0.1), (1e-2, 0.16), (1e-4, 0.26), (1e-5, 0.31)])).expect("a scale")
    }

    fn at(similarity: f64) -> f64 {
        scale().score(Similarity::new(similarity).expect("finite"))
    }

    #[test]
    fn rates_have_their_scores_and_the_ends_are_zero_and_one() {
        for (similarity, score) in [
            (-1.0, 0.0),
            (0.1, 0.85 / 3.0),
            (0.16, 0.85 * 2.0 / 3.0),
            (0.21, 0.85),
            (0.26, 0.85 + 0.1 / 3.0),
            (0.31, 0.85 + 0.2 / 3.0),
            // Half-way from the last measured point to identity.
            (0.655, (0.85 + 0.2 / 3.0 + 1.0) / 2.0),
            (1.0, 1.0),
        ] {
            assert!((at(similarity) - score).abs() < 1e-12, "{similarity}: {} instead of {score}", at(similarity));
        }
        assert!((scale().anchor().get() - 0.21).abs() < 1e-12);
    }

    #[test]
    fn a_table_that_does_not_reach_the_anchor_gives_no_scale() {
        let error = Scale::new(&table(&[(0.1, 0.1), (0.01, 0.2)])).expect_err("measured to 0.01");
        assert!(error.to_string().contains("carries 0.01 to 0.1"), "{error}");
    }

    #[test]
    fn a_distance_below_any_similarity_measured_is_zero() {
        let scale = Scale::new(&table(&[(1e-2, 0.4), (1e-3, 0.5)])).expect("a scale");
        let at = |x| scale.score(Similarity::new(x).expect("finite"));
        assert_eq!((at(-1e300), at(0.5), at(1.0)), (0.0, ANCHOR_SCORE, 1.0));
        assert!(at(0.75) > 0.85 && at(0.75) < 1.0);
    }

    proptest! {
        #[test]
        fn the_more_alike_the_higher(a in -1.0f64..=1.0, b in -1.0f64..=1.0) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(at(low) <= at(high));
            prop_assert!(low == high || at(high) == 0.0 || at(low) < at(high));
        }
    }
}
