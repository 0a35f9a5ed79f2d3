"""Makes tests/data/statistics_golden.json: what scikit-learn, SciPy and NumPy say of random scores.

    pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    python tests/data/scripts/sklearn_golden.py

tests/it/statistics.rs holds facevault to these values.
"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, det_curve, roc_auc_score, roc_curve

random = np.random.default_rng(20260101)


def curves(name, mated, non_mated, every):
    """The points of both curves (one in `every`), the area and the equal error rate."""
    same = np.r_[np.ones(len(mated)), np.zeros(len(non_mated))]
    scores = np.r_[mated, non_mated]
    fpr, tpr, thresholds = roc_curve(same, scores, drop_intermediate=False)
    det_fpr, det_fnr, det_thresholds = det_curve(same, scores, drop_intermediate=False)
    tpr_at = interp1d(fpr, tpr)
    return {
        "name": name,
        "mated": mated.tolist(),
        "non_mated": non_mated.tolist(),
        "points": len(fpr),
        "every": every,
        # The first threshold is infinite, which JSON has no number for.
        "roc": [[a, b, c] for a, b, c in zip(fpr, tpr, [None, *thresholds[1:]])][::every],
        # det_curve leaves out the ends where one of both rates no longer changes.
        "det": [[a, b, c if np.isfinite(c) else None] for a, b, c in zip(det_fpr, det_fnr, det_thresholds)][::every],
        "auc": roc_auc_score(same, scores),
        "eer": brentq(lambda x: 1 - x - tpr_at(x), 0, 1, xtol=1e-15, rtol=1e-15),
    }


def ten_folds():
    """The ten-fold protocol, each threshold tried on all pairs of the other folds."""
    fold = np.repeat(np.arange(10), 40)
    same = np.tile(np.r_[np.ones(20, bool), np.zeros(20, bool)], 10)
    scores = np.where(same, random.normal(0.55, 0.15, 400), random.normal(0.2, 0.15, 400)).round(3)
    accuracies, chosen = [], []
    for held_out in range(10):
        others = fold != held_out
        candidates = np.unique(scores[others])
        right = [accuracy_score(same[others], scores[others] >= t) for t in candidates]
        chosen.append(candidates[int(np.argmax(right))])
        accuracies.append(accuracy_score(same[~others], scores[~others] >= chosen[-1]))
    return {
        "fold": fold.tolist(),
        "same": same.tolist(),
        "scores": scores.tolist(),
        "thresholds": chosen,
        "accuracies": accuracies,
        "mean": np.mean(accuracies),
        "standard_error": np.std(accuracies, ddof=1) / np.sqrt(10),
    }


def bootstrap():
    """Percentiles of FNMR when people are drawn, 100,000 times."""
    trials = random.integers(1, 30, 120)
    errors = random.binomial(trials, random.beta(0.3, 3, 120))
    rates = []
    for _ in range(100):
        drawn = random.integers(0, 120, (1000, 120))
        rates.append(errors[drawn].sum(1) / trials[drawn].sum(1))
    low, high = np.quantile(np.concatenate(rates), [0.025, 0.975])
    return {"trials": trials.tolist(), "errors": errors.tolist(), "low": low, "high": high}


def wilson(errors, trials):
    interval = binomtest(errors, trials).proportion_ci(confidence_level=0.95, method="wilson")
    return [errors, trials, interval.low, interval.high]


golden = {
    "made_by": f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}, NumPy {np.__version__}",
    "curves": [
        curves("continuous", random.normal(0.6, 0.2, 40), random.normal(0.1, 0.2, 60), 1),
        curves("ties", random.normal(0.5, 0.2, 80).round(1), random.normal(0.3, 0.2, 120).round(1), 1),
        curves("separated", random.uniform(0.6, 0.9, 5), random.uniform(-0.3, 0.5, 9), 1),
        curves("reversed", random.uniform(-0.3, 0.5, 9), random.uniform(0.6, 0.9, 5), 1),
        curves("large", random.normal(0.5, 0.15, 300).round(12), random.normal(0.05, 0.12, 1500).round(12), 40),
    ],
    "wilson": [wilson(k, n) for k, n in [(0, 1), (1, 1), (0, 140), (1, 140), (7, 300), (299, 300), (12, 1198786)]],
    "ten_folds": ten_folds(),
    "bootstrap": bootstrap(),
}
path = pathlib.Path(__file__).parents[1] / "statistics_golden.json"
path.write_text(json.dumps(golden, separators=(",", ":")).replace('},{', '},\n{').replace('},"', '},\n"') + "\n")
