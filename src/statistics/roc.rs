//! Error rates over all thresholds: the ROC and DET curves, the area under the ROC and the equal
//! error rate.
//!
//! Counts are exact integers, found by sorting both kinds of scores once. The curve has one point a
//! *distinct* score, highest first, behind a point at infinity where nothing passes: scores that
//! tie pass together. These are the points of scikit-learn's `roc_curve` and `det_curve` with
//! `drop_intermediate=False`; the area is its `roc_auc_score` (Mann-Whitney, ties count half).

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// The similarities of mated and of non-mated pairs, and how many pairs have none.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Ascending.
    mated: Vec<f64>,
    /// Ascending.
    non_mated: Vec<f64>,
    mated_failures: u64,
    non_mated_failures: u64,
}

/// One point of a curve: the errors at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocPoint {
    /// Similarities from this one on pass; infinite where nothing does.
    pub threshold: f64,
    /// How many non-mated pairs pass.
    pub false_matches: u64,
    /// How many mated pairs do not pass.
    pub false_non_matches: u64,
    /// The share of non-mated pairs that pass: scikit-learn's `fpr`.
    pub fmr: f64,
    /// The share of mated pairs that do not pass: 1 - scikit-learn's `tpr`.
    pub fnmr: f64,
}

/// Where both error rates are equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EqualError {
    /// The rate, interpolated linearly between the two points of the curve around it.
    pub rate: f64,
    /// The threshold of the one of these two points whose rates differ less.
    pub threshold: f64,
}

impl Scores {
    /// The scores of mated and of non-mated pairs, in any order.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where either list is empty or has a number that is not
    /// finite.
    pub fn new(mut mated: Vec<f64>, mut non_mated: Vec<f64>) -> Result<Self> {
        for (name, scores) in [("one person", &mated), ("different people", &non_mated)] {
            if scores.is_empty() {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("no pair of photos of {name} could be compared: error rates need both kinds"),
                ));
            }
            if scores.iter().any(|score| !score.is_finite()) {
                return Err(Error::new(ErrorKind::Invalid, "a similarity is not a finite number"));
            }
        }
        mated.sort_unstable_by(f64::total_cmp);
        non_mated.sort_unstable_by(f64::total_cmp);
        Ok(Self { mated, non_mated, mated_failures: 0, non_mated_failures: 0 })
    }

    /// The same scores, and so many pairs that have none.
    #[must_use]
    pub fn with_failures(mut self, mated: u64, non_mated: u64) -> Self {
        (self.mated_failures, self.non_mated_failures) = (mated, non_mated);
        self
    }

    /// The scores of mated pairs, ascending.
    #[must_use]
    pub fn mated(&self) -> &[f64] {
        &self.mated
    }

    /// The scores of non-mated pairs, ascending.
    #[must_use]
    pub fn non_mated(&self) -> &[f64] {
        &self.non_mated
    }

    /// How many mated pairs there are, those without score among them.
    #[must_use]
    pub fn mated_pairs(&self) -> u64 {
        self.mated.len() as u64 + self.mated_failures
    }

    /// How many non-mated pairs have a score: what FMR is a share of.
    #[must_use]
    pub fn non_mated_pairs(&self) -> u64 {
        self.non_mated.len() as u64
    }

    /// How many mated and how many non-mated pairs have no score.
    #[must_use]
    pub fn failures(&self) -> (u64, u64) {
        (self.mated_failures, self.non_mated_failures)
    }

    /// The errors at a threshold.
    #[must_use]
    pub fn at(&self, threshold: f64) -> RocPoint {
        let below = |scores: &[f64]| scores.partition_point(|score| *score < threshold);
        self.point(threshold, self.non_mated.len() - below(&self.non_mated), below(&self.mated))
    }

    fn point(&self, threshold: f64, false_matches: usize, mated_below: usize) -> RocPoint {
        let (false_matches, false_non_matches) = (false_matches as u64, mated_below as u64 + self.mated_failures);
        RocPoint {
            threshold,
            false_matches,
            false_non_matches,
            fmr: false_matches as f64 / self.non_mated.len() as f64,
            fnmr: false_non_matches as f64 / self.mated_pairs() as f64,
        }
    }

    /// The lowest non-mated score that as a threshold keeps FMR at or below `fmr`; where even the
    /// highest one does not, the next number above it.
    #[must_use]
    pub fn threshold_at_fmr(&self, fmr: f64) -> f64 {
        let scores = &self.non_mated;
        let highest = scores[scores.len() - 1];
        let passing = passing(fmr, scores.len());
        if passing == 0 {
            return highest.next_up();
        }
        let first = scores.len() - passing;
        let score = scores[first];
        if first == 0 || scores[first - 1] < score {
            return score;
        }
        // Scores that tie with this one would pass with it and be too many: take the next score.
        let above = scores.partition_point(|other| *other <= score);
        scores.get(above).copied().unwrap_or_else(|| highest.next_up())
    }

    /// Every point of the curve, thresholds falling from infinity to the lowest score.
    #[must_use]
    pub fn roc(&self) -> Vec<RocPoint> {
        self.points().collect()
    }

    /// Points of the curve for drawing: thresholds at `per_decade` rates a decade, evenly spaced on
    /// a logarithmic axis from one false match to all, FMR rising.
    #[must_use]
    pub fn sampled(&self, per_decade: u32) -> Vec<RocPoint> {
        let decades = (self.non_mated.len() as f64).log10();
        let steps = (decades * f64::from(per_decade)).ceil().max(1.0) as u32;
        let mut points: Vec<RocPoint> = (0..=steps)
            .map(|step| {
                self.at(self.threshold_at_fmr(10f64.powf(-decades * f64::from(steps - step) / f64::from(steps))))
            })
            .collect();
        points.dedup_by_key(|point| (point.false_matches, point.false_non_matches));
        points
    }

    fn points(&self) -> impl Iterator<Item = RocPoint> {
        // How many scores of each kind are still below the threshold.
        let (mut mated, mut non_mated) = (self.mated.len(), self.non_mated.len());
        let falling = std::iter::from_fn(move || {
            let last = |scores: &[f64], end: usize| end.checked_sub(1).map(|i| scores[i]);
            let threshold = match (last(&self.mated, mated), last(&self.non_mated, non_mated)) {
                (Some(a), Some(b)) => a.max(b),
                (a, b) => a.or(b)?,
            };
            while mated > 0 && self.mated[mated - 1] >= threshold {
                mated -= 1;
            }
            while non_mated > 0 && self.non_mated[non_mated - 1] >= threshold {
                non_mated -= 1;
            }
            Some(self.point(threshold, self.non_mated.len() - non_mated, mated))
        });
        std::iter::once(self.point(f64::INFINITY, 0, self.mated.len())).chain(falling)
    }

    /// The area under the ROC: the probability that a mated pair is more alike than a non-mated
    /// one, ties counting half. A mated pair without score is never more alike.
    #[must_use]
    pub fn auc(&self) -> f64 {
        let (mut below, mut up_to, mut twice) = (0, 0, 0u128);
        for score in &self.mated {
            while self.non_mated.get(below).is_some_and(|other| other < score) {
                below += 1;
            }
            while self.non_mated.get(up_to).is_some_and(|other| other <= score) {
                up_to += 1;
            }
            twice += (below + up_to) as u128;
        }
        twice as f64 / (2.0 * self.mated_pairs() as f64 * self.non_mated.len() as f64)
    }

    /// Where FMR and FNMR are equal.
    #[must_use]
    pub fn equal_error(&self) -> EqualError {
        let mut before = self.point(f64::INFINITY, 0, self.mated.len());
        for point in self.points() {
            let (gap_before, gap) = (before.fnmr - before.fmr, point.fnmr - point.fmr);
            if gap <= 0.0 {
                let rate = before.fmr + (point.fmr - before.fmr) * gap_before / (gap_before - gap);
                let nearer = if gap_before < -gap { before } else { point };
                return EqualError { rate, threshold: nearer.threshold };
            }
            before = point;
        }
        // The last point has FMR 1, and FNMR is never above that.
        EqualError { rate: before.fmr, threshold: before.threshold }
    }
}

/// How many of `count` scores may pass at a rate: rounded down, after forgiving the last bits of a
/// rate such as 0.29 that binary fractions cannot hold.
pub(super) fn passing(rate: f64, count: usize) -> usize {
    ((rate * count as f64 * (1.0 + 1e-12)).floor() as usize).min(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(mated: &[f64], non_mated: &[f64]) -> Scores {
        Scores::new(mated.to_vec(), non_mated.to_vec()).expect("scores of both kinds")
    }

    #[test]
    fn a_small_curve_by_hand_with_a_tie_across_kinds() {
        let scores = scores(&[0.9, 0.6, 0.5], &[0.6, 0.4, 0.4, 0.1]);
        let points: Vec<_> = scores.roc().iter().map(|p| (p.threshold, p.false_matches, p.false_non_matches)).collect();
        assert_eq!(points, [(f64::INFINITY, 0, 3), (0.9, 0, 2), (0.6, 1, 1), (0.5, 1, 0), (0.4, 3, 0), (0.1, 4, 0)]);
        // Of 12 comparisons 10.5 are won: 4 by 0.9, 3.5 by 0.6, 3 by 0.5.
        assert_eq!(scores.auc(), 10.5 / 12.0);
        // The rates cross between (1/4, 1/3) and (1/4, 0).
        let equal = scores.equal_error();
        assert!((equal.rate - 0.25).abs() < 1e-15 && equal.threshold == 0.6, "{equal:?}");
    }

    #[test]
    fn thresholds_for_a_rate_never_exceed_it_even_among_ties() {
        let scores = scores(&[1.0], &[0.1, 0.2, 0.2, 0.2, 0.3]);
        for (fmr, threshold) in [(1.0, 0.1), (0.8, 0.2), (0.6, 0.3), (0.4, 0.3), (0.2, 0.3), (0.1, 0.3f64.next_up())] {
            assert_eq!(scores.threshold_at_fmr(fmr), threshold, "{fmr}");
        }
        // 0.29 * 100 is 28.999999999999996.
        assert_eq!((passing(0.29, 100), passing(0.1, 30), passing(2.0, 3)), (29, 3, 3));
    }

    #[test]
    fn a_pair_without_score_is_a_miss_when_mated_and_no_match_otherwise() {
        let scores = scores(&[0.9, 0.8], &[0.1, 0.2]).with_failures(2, 5);
        let point = scores.at(0.5);
        assert_eq!((point.false_non_matches, point.fnmr, point.fmr), (2, 0.5, 0.0));
        assert_eq!((scores.mated_pairs(), scores.non_mated_pairs(), scores.auc()), (4, 2, 0.5));
        // Even where everything passes, half of the mated pairs do not.
        assert_eq!(scores.at(f64::NEG_INFINITY).fnmr, 0.5);
        assert!((scores.equal_error().rate - 0.5).abs() < 1e-15);
    }

    #[test]
    fn scores_that_mean_nothing_are_refused() {
        for (mated, non_mated) in [(vec![], vec![0.1]), (vec![0.1], vec![]), (vec![f64::NAN], vec![0.1])] {
            assert_eq!(Scores::new(mated, non_mated).expect_err("refused").kind(), ErrorKind::Invalid);
        }
    }

    fn tied() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec((0u8..12).prop_map(|n| f64::from(n) / 8.0), 1..40)
    }

    proptest! {
        #[test]
        fn counting_by_hand_gives_the_same(mated in tied(), non_mated in tied(), fmr in 0.0f64..1.0) {
            let scores = scores(&mated, &non_mated);
            for point in scores.roc() {
                prop_assert_eq!(point.false_matches, non_mated.iter().filter(|s| **s >= point.threshold).count() as u64);
                prop_assert_eq!(point.false_non_matches, mated.iter().filter(|s| **s < point.threshold).count() as u64);
                prop_assert_eq!(point, scores.at(point.threshold));
            }
            let won: f64 = mated.iter().flat_map(|m| non_mated.iter().map(move |n| (m, n)))
                .map(|(m, n)| if m > n { 1.0 } else if m == n { 0.5 } else { 0.0 }).sum();
            prop_assert!((scores.auc() - won / (mated.len() * non_mated.len()) as f64).abs() < 1e-14);
            prop_assert!(scores.at(scores.threshold_at_fmr(fmr)).fmr <= fmr * (1.0 + 1e-12));
        }

        #[test]
        fn a_sampled_curve_lies_on_the_curve(mated in tied(), non_mated in tied()) {
            let scores = scores(&mated, &non_mated);
            let sampled = scores.sampled(20);
            for point in &sampled {
                prop_assert_eq!(*point, scores.at(point.threshold));
            }
            prop_assert!(sampled.windows(2).all(|pair| pair[0].fmr <= pair[1].fmr && pair[0].fnmr >= pair[1].fnmr));
            prop_assert_eq!(sampled.last().map(|point| point.fmr), Some(1.0));
        }
    }
}
