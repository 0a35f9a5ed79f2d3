//! From compared pairs to a model's table of similarity against false match rate.
//!
//! One point a decade from 1e-1 to 1e-6, and one at 1/2 so that unlike pairs too have a rate. A
//! point is measured where ten non-mated pairs or more lie at or above it: the standard deviation
//! of a count of ten is a third of it, which keeps the rate within a factor of two.

use super::{Comparisons, roc::passing};
use crate::comparison::{CalibrationPoint, CalibrationTable, MeasuredOn};
use crate::error::{Error, ErrorKind, Result};

/// The rates of a table.
pub const RATES: [f64; 7] = [0.5, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/// How many non-mated pairs must pass at a rate for it to be measured.
pub const FEWEST_PAIRS: usize = 10;

/// The largest rate that a table must reach: without it there is little to continue from.
const NEEDED: f64 = 1e-2;

/// Makes a table from compared pairs. `name` and `sha256` say what data they are from.
///
/// Six decimals are kept: similarities are rounded up, which keeps the rate at or below what it is
/// given for, and intervals outwards. FNMR's interval holds both Wilson's and that of the bootstrap
/// over people.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) where fewer than 1,000 non-mated pairs could be compared, and
/// where scores tie so that no threshold separates the rates.
pub fn calibrate(comparisons: &Comparisons, name: &str, sha256: &str) -> Result<CalibrationTable> {
    let scores = comparisons.scores();
    let pairs = scores.non_mated().len();
    if passing(NEEDED, pairs) < FEWEST_PAIRS {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "a table needs {:.0} pairs of different people that could be compared, and there are {pairs}: take \
                 photos of more people (50 people with one photo each make 1225 pairs)",
                FEWEST_PAIRS as f64 / NEEDED
            ),
        ));
    }
    let mut thresholds: Vec<(f64, f64)> = Vec::new();
    for fmr in RATES.into_iter().filter(|fmr| passing(*fmr, pairs) >= FEWEST_PAIRS) {
        let similarity = rounded_up(scores.threshold_at_fmr(fmr));
        // Where scores tie, one threshold serves two rates: it keeps the smaller one.
        if thresholds.last().is_some_and(|(_, before)| similarity <= *before) {
            thresholds.pop();
        }
        thresholds.push((fmr, similarity));
    }
    let similarities: Vec<f64> = thresholds.iter().map(|(_, similarity)| *similarity).collect();
    let points = thresholds
        .iter()
        .zip(comparisons.fnmr_at(&similarities))
        .map(|((fmr, similarity), fnmr)| CalibrationPoint {
            fmr: *fmr,
            similarity: *similarity,
            fnmr: (fnmr.rate * 1e6).round() / 1e6,
            fnmr_low: (fnmr.interval().low * 1e6).floor() / 1e6,
            fnmr_high: rounded_up(fnmr.interval().high).min(1.0),
        })
        .collect();
    let measured_on = MeasuredOn {
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        people: comparisons.people() as u64,
        mated_pairs: scores.mated_pairs(),
        non_mated_pairs: scores.non_mated_pairs(),
    };
    CalibrationTable::new(measured_on, points)
}

fn rounded_up(value: f64) -> f64 {
    // Adding zero turns -0 into 0.
    (value * 1e6).ceil() / 1e6 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::OperatingPoint;
    use crate::statistics::open_set::OpenSet;
    use crate::statistics::random::SplitMix64;

    const SHA256: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// Photos of made-up people: directions in 64 dimensions, drawn towards those of a large, a
    /// middling and a small group that the person belongs to, with noise for each photo. As with
    /// real networks some people are more alike than others, and pairs are not independent.
    struct Crowd {
        people: Vec<u32>,
        vectors: Vec<Vec<f64>>,
    }

    impl Crowd {
        const GROUPS: [(usize, f64); 3] = [(3, 0.3), (12, 0.3), (60, 0.4)];

        fn new(seed: u64, people: u32, photos: usize) -> Self {
            let mut random = SplitMix64::new(seed);
            let direction = |random: &mut SplitMix64, length: f64| -> Vec<f64> {
                // The sum of twelve uniform numbers is close to normal.
                let mut normal = || (0..12).map(|_| random.next() as f64 / u64::MAX as f64).sum::<f64>() - 6.0;
                (0..64).map(|_| normal() * length).collect()
            };
            let groups =
                Self::GROUPS.map(|(count, pull)| (0..count).map(|_| direction(&mut random, pull)).collect::<Vec<_>>());
            let (mut owners, mut vectors) = (Vec::new(), Vec::new());
            for person in 0..people {
                let mut own = direction(&mut random, 1.0);
                for level in &groups {
                    let group = &level[random.below(level.len())];
                    own.iter_mut().zip(group).for_each(|(own, group)| *own += group);
                }
                for _ in 0..photos {
                    let noise = direction(&mut random, 0.45);
                    let sum: Vec<f64> = own.iter().zip(&noise).map(|(own, noise)| own + noise).collect();
                    let norm = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
                    vectors.push(sum.iter().map(|v| v / norm).collect());
                    owners.push(person);
                }
            }
            Self { people: owners, vectors }
        }

        fn similarity(&self, a: usize, b: usize) -> Option<f64> {
            Some(self.vectors[a].iter().zip(&self.vectors[b]).map(|(x, y)| x * y).sum())
        }

        fn comparisons(&self) -> Comparisons {
            Comparisons::all_against_all(&self.people, |a, b| self.similarity(a, b)).expect("both kinds")
        }

        fn table(&self) -> CalibrationTable {
            calibrate(&self.comparisons(), "made-up people", SHA256).expect("enough pairs")
        }
    }

    #[test]
    fn a_table_reaches_as_far_as_its_data() {
        for (people, photos, smallest) in [(30, 2, 1e-2), (120, 2, 1e-3), (250, 2, 1e-4)] {
            let crowd = Crowd::new(1, people, photos);
            let table = crowd.table();
            assert_eq!(table.smallest_fmr(), smallest);
            assert_eq!((table.measured_on().people, table.measured_on().mated_pairs), (people.into(), people.into()));
            let comparisons = crowd.comparisons();
            for point in table.points() {
                let found = comparisons.scores().at(point.similarity);
                // Rounding the threshold up may lose the pairs that lie on it.
                let allowed = passing(point.fmr, comparisons.scores().non_mated().len()) as u64;
                assert!((allowed * 99 / 100 - 1..=allowed).contains(&found.false_matches), "{found:?}");
                assert!((found.fnmr - point.fnmr).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn rates_hold_on_people_who_were_left_out() {
        const FMR: [f64; 4] = [1e-1, 1e-2, 3e-3, 1e-3];
        // Over 250 people the first of these needs an FMR below what the table was measured at.
        const FPIR: [f64; 3] = [0.01, 0.03, 0.1];
        let mut alarms = [(0, 0); FPIR.len()];
        for seed in 1..=4 {
            let Crowd { people, vectors } = Crowd::new(seed, 1_000, 2);
            let half = |range: std::ops::Range<usize>| Crowd {
                people: people[range.clone()].to_vec(),
                vectors: vectors[range].to_vec(),
            };
            let (table, others) = (half(0..1_000).table(), half(1_000..2_000));
            let threshold = |asked: Result<OperatingPoint>, people| {
                table.threshold_for(asked.expect("a rate"), people).expect("within the table's reach").similarity.get()
            };
            let comparisons = others.comparisons();
            for fmr in FMR {
                let factor = comparisons.scores().at(threshold(OperatingPoint::fmr(fmr), 1)).fmr / fmr;
                assert!((0.5..2.0).contains(&factor), "crowd {seed}, FMR {fmr}: {factor} times as much");
            }
            let open_set = OpenSet::run(&others.people, |a, b| others.similarity(a, b)).expect("500 people");
            for (fpir, (errors, searches)) in FPIR.into_iter().zip(&mut alarms) {
                let found = open_set.at(threshold(OperatingPoint::fpir(fpir), open_set.gallery() as u64)).fpir;
                *errors += found.errors;
                *searches += found.trials;
            }
        }
        for (fpir, (errors, searches)) in FPIR.into_iter().zip(alarms) {
            let factor = errors as f64 / searches as f64 / fpir;
            assert!((0.5..2.0).contains(&factor), "FPIR {fpir}: {factor} times as much");
        }
    }

    #[test]
    fn a_photo_without_encoding_is_a_miss_at_every_point() {
        let crowd = Crowd::new(3, 60, 2);
        let similarity = |a, b| if a == 0 { None } else { crowd.similarity(a, b) };
        let comparisons = Comparisons::all_against_all(&crowd.people, similarity).expect("both kinds");
        let table = calibrate(&comparisons, "made-up people", SHA256).expect("enough pairs");
        assert_eq!((table.measured_on().mated_pairs, table.measured_on().non_mated_pairs), (60, 60 * 59 * 2 - 118));
        assert!(table.points().iter().all(|point| point.fnmr >= 1.0 / 60.0));
    }

    #[test]
    fn too_little_data_is_refused_with_what_is_needed() {
        let comparisons = Crowd::new(4, 20, 2).comparisons();
        let error = calibrate(&comparisons, "few", SHA256).expect_err("760 pairs");
        assert!(error.to_string().starts_with("a table needs 1000 pairs of different people"), "{error}");
        assert!(error.to_string().contains("there are 760"), "{error}");
    }

    #[test]
    fn tied_scores_share_the_point_of_the_smaller_rate() {
        // Of 2,000 non-mated pairs 100 score 0.8 and the rest 0.1: 0.5, 0.1 and 0.01 have thresholds
        // 0.8, 0.8 and just above.
        let people: Vec<u32> = (0..2_002).collect();
        let mut pairs: Vec<(usize, usize, bool)> = (0..2_000).map(|i| (i, i + 1, false)).collect();
        pairs.push((2_000, 2_001, true));
        let score = |a: usize, _| {
            Some(if a == 2_000 {
                0.9
            } else if a < 100 {
                0.8
            } else {
                0.1
            })
        };
        let comparisons = Comparisons::of_pairs(&people, pairs, score).expect("both kinds");
        let table = calibrate(&comparisons, "ties", SHA256).expect("enough pairs");
        let points: Vec<_> = table.points().iter().map(|point| (point.fmr, point.similarity)).collect();
        assert_eq!(points, [(0.1, 0.8), (0.01, 0.800001)]);
    }
}
