//! The ten-fold protocol of Labeled Faces in the Wild.
//!
//! For each fold, the threshold that is right most often on the other folds decides the pairs of this one. The results
//! are the mean of the accuracies and its standard error, the deviation of the accuracies divided by the root of the
//! number of folds (Huang, Ramesh, Berg and Learned-Miller 2007: "Labeled Faces in the Wild", section 5.1). Among
//! thresholds that are equally right the lowest is taken.

use serde::Serialize;

use super::Scores;
use crate::error::{Error, ErrorKind, Result};

/// A pair of the protocol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldPair {
    /// Its fold, from 0.
    pub fold: usize,
    /// Whether both photos show one person.
    pub same: bool,
    /// How alike they are; `None` where a photo gave no encoding, which is an error of either kind
    /// of pair.
    pub similarity: Option<f64>,
}

/// Accuracy over the folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldAccuracy {
    /// The mean of the folds' accuracies.
    pub mean: f64,
    /// The standard error of that mean.
    pub standard_error: f64,
    /// Each fold.
    pub folds: Vec<Fold>,
}

/// One fold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fold {
    /// The threshold that the other folds gave.
    pub threshold: f64,
    /// How many pairs of this fold it decides rightly.
    pub correct: u64,
    /// How many pairs this fold has.
    pub pairs: u64,
    /// `correct / pairs`.
    pub accuracy: f64,
}

/// Runs the protocol.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) with fewer than two folds, with a fold that has no pair, and
/// where, for some fold, the other folds have no mated or no non-mated similarity.
pub fn accuracy(pairs: &[FoldPair]) -> Result<FoldAccuracy> {
    let count = pairs.iter().map(|pair| pair.fold + 1).max().unwrap_or(0);
    if count < 2 {
        return Err(Error::new(ErrorKind::Invalid, "accuracy over folds needs two folds or more"));
    }
    let mut folds = Vec::with_capacity(count);
    for fold in 0..count {
        let scores = |same: bool| {
            let others = pairs.iter().filter(move |pair| pair.fold != fold && pair.same == same);
            others.filter_map(|pair| pair.similarity).collect::<Vec<f64>>()
        };
        let threshold = best_threshold(&Scores::new(scores(true), scores(false))?);
        let right = |pair: &&FoldPair| pair.similarity.is_some_and(|score| (score >= threshold) == pair.same);
        let of_fold = || pairs.iter().filter(|pair| pair.fold == fold);
        let (correct, total) = (of_fold().filter(right).count() as u64, of_fold().count() as u64);
        if total == 0 {
            return Err(Error::new(ErrorKind::Invalid, format!("fold {} has no pair", fold + 1)));
        }
        folds.push(Fold { threshold, correct, pairs: total, accuracy: correct as f64 / total as f64 });
    }
    let n = folds.len() as f64;
    let mean = folds.iter().map(|fold| fold.accuracy).sum::<f64>() / n;
    let squares: f64 = folds.iter().map(|fold| (fold.accuracy - mean).powi(2)).sum();
    Ok(FoldAccuracy { mean, standard_error: (squares / (n - 1.0) / n).sqrt(), folds })
}

/// The lowest of the thresholds with the fewest errors of both kinds together.
fn best_threshold(scores: &Scores) -> f64 {
    let mut best = (u64::MAX, f64::INFINITY);
    for point in scores.roc() {
        let errors = point.false_matches + point.false_non_matches;
        if errors <= best.0 {
            best = (errors, point.threshold);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(fold: usize, same: bool, similarity: impl Into<Option<f64>>) -> FoldPair {
        FoldPair { fold, same, similarity: similarity.into() }
    }

    #[test]
    fn each_fold_is_decided_by_the_others() {
        let found = accuracy(&[
            pair(0, true, 0.9),
            pair(0, false, 0.3),
            pair(1, true, 0.7),
            pair(1, false, 0.8),
            pair(2, true, 0.6),
            pair(2, false, 0.2),
        ])
        .expect("three folds");
        // Others of fold 0: same 0.7 0.6, different 0.8 0.2: one error at 0.6. Others of fold 1:
        // none from 0.6 on. Others of fold 2: same 0.9 0.7, different 0.3 0.8: one error at 0.7.
        let folds: Vec<_> = found.folds.iter().map(|fold| (fold.threshold, fold.correct)).collect();
        assert_eq!(folds, [(0.6, 2), (0.6, 1), (0.7, 1)]);
        assert!((found.mean - 2.0 / 3.0).abs() < 1e-15);
        // Deviation of 1, 1/2, 1/2 is 0.288675; by the root of 3 it is 1/6.
        assert!((found.standard_error - 1.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn a_pair_without_similarity_is_wrong_whichever_kind_it_is() {
        let mut pairs: Vec<_> = (0..2).flat_map(|fold| [pair(fold, true, 0.9), pair(fold, false, 0.1)]).collect();
        assert_eq!(accuracy(&pairs).expect("two folds").mean, 1.0);
        pairs.extend([pair(0, true, None), pair(0, false, None)]);
        let found = accuracy(&pairs).expect("two folds");
        assert_eq!((found.folds[0].correct, found.folds[0].pairs, found.mean), (2, 4, 0.75));
    }

    #[test]
    fn too_few_folds_are_refused() {
        assert!(accuracy(&[]).is_err());
        assert!(accuracy(&[pair(0, true, 0.9), pair(0, false, 0.1)]).is_err());
        let gap = [pair(0, true, 0.9), pair(0, false, 0.1), pair(2, true, 0.9), pair(2, false, 0.1)];
        assert_eq!(accuracy(&gap).expect_err("a gap").to_string(), "fold 2 has no pair");
    }
}
