//! Error rates agree with scikit-learn, SciPy and NumPy on random scores, and millions of pairs are
//! counted quickly. `tests/data/scripts/sklearn_golden.py` makes the golden values.

use facevault::statistics::lfw::{self, FoldPair};
use facevault::statistics::{Comparisons, PersonTrials, Scores, bootstrap_over_people, calibrate, wilson};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Golden {
    curves: Vec<Curves>,
    wilson: Vec<(u64, u64, f64, f64)>,
    ten_folds: TenFolds,
    bootstrap: Bootstrap,
}

#[derive(Deserialize)]
struct Curves {
    name: String,
    mated: Vec<f64>,
    non_mated: Vec<f64>,
    points: usize,
    every: usize,
    roc: Vec<(f64, f64, Option<f64>)>,
    det: Vec<(f64, f64, Option<f64>)>,
    auc: f64,
    eer: f64,
}

#[derive(Deserialize)]
struct TenFolds {
    fold: Vec<usize>,
    same: Vec<bool>,
    scores: Vec<f64>,
    thresholds: Vec<f64>,
    accuracies: Vec<f64>,
    mean: f64,
    standard_error: f64,
}

#[derive(Deserialize)]
struct Bootstrap {
    trials: Vec<u64>,
    errors: Vec<u64>,
    low: f64,
    high: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../data/statistics_golden.json")).expect("the golden file")
}

#[track_caller]
fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= TOLERANCE, "{what}: found {found}, expected {expected}");
}

#[test]
fn curves_agree_with_scikit_learn() {
    for case in golden().curves {
        let scores = Scores::new(case.mated, case.non_mated).expect("scores of both kinds");
        let points = scores.roc();
        assert_eq!(points.len(), case.points, "{}", case.name);
        let kept: Vec<_> = points.iter().step_by(case.every).collect();
        assert_eq!(kept.len(), case.roc.len(), "{}", case.name);
        for (point, (fmr, tpr, threshold)) in kept.into_iter().zip(case.roc) {
            assert_eq!(point.threshold, threshold.unwrap_or(f64::INFINITY), "{}", case.name);
            assert_near(point.fmr, fmr, &case.name);
            assert_near(1.0 - point.fnmr, tpr, &case.name);
        }
        assert!(!case.det.is_empty());
        for (fmr, fnmr, threshold) in case.det {
            let point = scores.at(threshold.unwrap_or(f64::INFINITY));
            assert_near(point.fmr, fmr, &case.name);
            assert_near(point.fnmr, fnmr, &case.name);
        }
        assert_near(scores.auc(), case.auc, &case.name);
        assert_near(scores.equal_error().rate, case.eer, &case.name);
    }
}

#[test]
fn intervals_agree_with_scipy() {
    for (errors, trials, low, high) in golden().wilson {
        let found = wilson(errors, trials);
        assert_near(found.low, low, &format!("{errors} of {trials}"));
        assert_near(found.high, high, &format!("{errors} of {trials}"));
    }
}

#[test]
fn the_ten_fold_protocol_agrees_with_trying_every_threshold() {
    let golden = golden().ten_folds;
    let pairs: Vec<_> = (golden.fold.iter().zip(&golden.same).zip(&golden.scores))
        .map(|((fold, same), score)| FoldPair { fold: *fold, same: *same, similarity: Some(*score) })
        .collect();
    let found = lfw::accuracy(&pairs).expect("ten folds");
    for (fold, (threshold, accuracy)) in found.folds.iter().zip(golden.thresholds.iter().zip(&golden.accuracies)) {
        assert_eq!(fold.threshold, *threshold);
        assert_near(fold.accuracy, *accuracy, "accuracy");
    }
    assert_near(found.mean, golden.mean, "mean");
    assert_near(found.standard_error, golden.standard_error, "standard error");
}

/// Two bootstraps draw differently: 2,000 draws leave the ends of the interval uncertain by some
/// hundredths of its width.
#[test]
fn the_bootstrap_over_people_agrees_with_numpy_within_its_noise() {
    let golden = golden().bootstrap;
    let people: Vec<_> = (golden.trials.iter().zip(&golden.errors))
        .map(|(trials, errors)| PersonTrials { trials: *trials, errors: vec![*errors] })
        .collect();
    let found = bootstrap_over_people(&people, 1).expect("many people")[0];
    let tolerance = 0.06 * (golden.high - golden.low);
    assert!((found.low - golden.low).abs() < tolerance, "{found:?}");
    assert!((found.high - golden.high).abs() < tolerance, "{found:?}");
}

/// 1,550 photos make 1.2 million pairs: what a table is measured on. Counting every pair at every
/// threshold would not end in reasonable time.
#[test]
fn a_million_pairs_are_counted() {
    let people: Vec<u32> = (0..1_550).map(|photo| if photo < 140 { photo / 2 } else { photo }).collect();
    // Cheap, deterministic and without ties: fractions of multiples of an irrational number.
    let score = |a: usize, b: usize| {
        let noise = ((a * 1_550 + b) as f64 * std::f64::consts::SQRT_2).fract();
        Some(if people[a] == people[b] { 0.4 + noise / 2.0 } else { noise / 2.0 - 0.1 })
    };
    let comparisons = Comparisons::all_against_all(&people, score).expect("both kinds");
    let table = calibrate::calibrate(&comparisons, "noise", &"0".repeat(64)).expect("enough pairs");
    let (auc, curve) = (comparisons.scores().auc(), comparisons.scores().sampled(40));
    assert_eq!((table.measured_on().mated_pairs, table.measured_on().non_mated_pairs), (70, 1_550 * 1_549 / 2 - 70));
    assert_eq!(table.smallest_fmr(), 1e-5);
    assert!(auc > 0.99 && curve.len() > 200);
}
