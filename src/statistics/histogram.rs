//! How often each similarity occurs.

use serde::Serialize;

use super::Scores;

/// Counts of mated and non-mated scores in bins of equal width.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Where the first bin starts.
    pub from: f64,
    /// The width of a bin.
    pub width: f64,
    /// Mated pairs a bin.
    pub mated: Vec<u64>,
    /// Non-mated pairs a bin.
    pub non_mated: Vec<u64>,
}

impl Histogram {
    /// The scores in about `bins` bins, whose width is 1, 2 or 5 times a power of ten and whose
    /// borders are multiples of it.
    #[must_use]
    pub fn new(scores: &Scores, bins: usize) -> Self {
        let ends = |scores: &[f64]| (scores[0], scores[scores.len() - 1]);
        let ((mated_low, mated_high), (low, high)) = (ends(scores.mated()), ends(scores.non_mated()));
        let (low, high) = (low.min(mated_low), high.max(mated_high));
        // Equal scores fill one bin, whose width must still move a number of their size.
        let span = (high - low).max(low.abs().max(high.abs()) * 1e-9).max(1e-9);
        let width = round_width(span / bins.max(1) as f64);
        // 0.3 / 0.1 is 2.9999999999999996: forgive the last bits, or borders depend on them.
        let bin = |score: f64| (score / width + 1e-9).floor();
        let first = bin(low);
        let count = (bin(high) - first) as usize + 1;
        let fill = |scores: &[f64]| {
            let mut counts = vec![0; count];
            for score in scores {
                counts[(bin(*score) - first) as usize] += 1;
            }
            counts
        };
        Self { from: first * width, width, mated: fill(scores.mated()), non_mated: fill(scores.non_mated()) }
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `width`.
fn round_width(width: f64) -> f64 {
    let power = 10f64.powf(width.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= width).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_have_round_borders_and_hold_what_lies_in_them() {
        let scores = Scores::new(vec![0.71, 0.95, 0.7], vec![-0.04, 0.0, 0.09, 0.31]).expect("scores");
        let histogram = Histogram::new(&scores, 10);
        assert_eq!((histogram.width, histogram.from), (0.1, -0.1));
        assert_eq!(histogram.non_mated, [1, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(histogram.mated, [0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]);
    }

    proptest! {
        #[test]
        fn every_score_is_in_a_bin(
            mated in proptest::collection::vec(-1e3f64..1e3, 1..50),
            non_mated in proptest::collection::vec(-1.0f64..1.0, 1..50),
            bins in 1usize..200,
        ) {
            let counts = (mated.len() as u64, non_mated.len() as u64);
            let histogram = Histogram::new(&Scores::new(mated, non_mated).expect("scores"), bins);
            prop_assert_eq!((histogram.mated.iter().sum(), histogram.non_mated.iter().sum()), counts);
            prop_assert!(histogram.mated.len() <= bins + 2);
        }

        #[test]
        fn equal_scores_fill_one_bin(score in -1e6f64..1e6) {
            let histogram = Histogram::new(&Scores::new(vec![score], vec![score]).expect("scores"), 50);
            prop_assert_eq!(histogram.mated, vec![1]);
        }
    }
}
