//! Error rates of presentation attack detection, in the words of ISO/IEC 30107-3.
//!
//! A *bona fide presentation* is a living person in front of the camera, as meant; an *attack presentation* is a picture,
//! a screen, a mask. Attacks of one kind are a *species* of presentation attack instruments (PAI species). A
//! presentation is classified as bona fide where its score is *above* the threshold.
//!
//! * **APCER** (attack presentation classification error rate): the share of a species' attacks that are classified as
//!   bona fide. Rates of different species are never averaged: an attacker chooses the species that works. So the
//!   highest one stands for all.
//! * **BPCER** (bona fide presentation classification error rate): the share of bona fide presentations that are
//!   classified as attacks.
//! * **Non-response**: a presentation that gave no score, because no usable face was found. It is counted apart (APNRR,
//!   BPNRR) and is in neither of the rates above: it neither passed nor was seen through.

use std::collections::BTreeSet;

use serde::Serialize;

use super::interval::MeasuredRate;
use super::roc::{EqualError, RocPoint, passing};
use crate::error::{Error, ErrorKind, Result};

/// The scores of a kind of attack.
#[derive(Debug, Clone, PartialEq)]
pub struct Species {
    /// What it is called, such as `print` or `screen`.
    pub name: String,
    /// The scores, 0 to 1, in any order.
    pub scores: Vec<f64>,
    /// How many attacks gave no score.
    pub non_responses: u64,
}

/// The scores of bona fide presentations and of attacks.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentationScores {
    /// Ascending.
    bona_fide: Vec<f64>,
    non_responses: u64,
    /// Each with its scores ascending.
    species: Vec<Species>,
}

/// The errors at a threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PresentationPoint {
    /// Scores above this one are classified as bona fide.
    pub threshold: f64,
    /// The APCER of each species, in their order.
    pub apcer: Vec<MeasuredRate>,
    /// The species with the highest APCER: its place.
    pub worst: usize,
    /// The BPCER.
    pub bpcer: MeasuredRate,
}

impl PresentationPoint {
    /// The highest APCER of a species.
    #[must_use]
    pub fn worst_apcer(&self) -> MeasuredRate {
        self.apcer[self.worst]
    }
}

impl PresentationScores {
    /// The scores of bona fide presentations, how many of those gave none, and the kinds of attacks.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where there is no bona fide score, no species, or a species without a score, and
    /// for a score that is not finite.
    pub fn new(mut bona_fide: Vec<f64>, non_responses: u64, mut species: Vec<Species>) -> Result<Self> {
        let fail = |what: String| Err(Error::new(ErrorKind::Invalid, what));
        if bona_fide.is_empty() {
            return fail("no bona fide presentation gave a score: there is nothing to measure".to_owned());
        }
        if species.is_empty() {
            return fail("there is no kind of attack: there is nothing to measure".to_owned());
        }
        if let Some(empty) = species.iter().find(|species| species.scores.is_empty()) {
            return fail(format!("no attack of the kind {:?} gave a score: there is nothing to measure", empty.name));
        }
        let all = bona_fide.iter().chain(species.iter().flat_map(|species| &species.scores));
        if all.into_iter().any(|score| !score.is_finite()) {
            return fail("a score is not a finite number".to_owned());
        }
        bona_fide.sort_unstable_by(f64::total_cmp);
        species.iter_mut().for_each(|species| species.scores.sort_unstable_by(f64::total_cmp));
        Ok(Self { bona_fide, non_responses, species })
    }

    /// The kinds of attacks, each with its scores ascending.
    #[must_use]
    pub fn species(&self) -> &[Species] {
        &self.species
    }

    /// BPNRR: the share of bona fide presentations that gave no score.
    #[must_use]
    pub fn bpnrr(&self) -> MeasuredRate {
        MeasuredRate::of(self.non_responses, self.non_responses + self.bona_fide.len() as u64)
    }

    /// APNRR: the share of each species' attacks that gave no score.
    #[must_use]
    pub fn apnrr(&self) -> Vec<MeasuredRate> {
        let of = |species: &Species| {
            MeasuredRate::of(species.non_responses, species.non_responses + species.scores.len() as u64)
        };
        self.species.iter().map(of).collect()
    }

    /// The errors at a threshold.
    #[must_use]
    pub fn at(&self, threshold: f64) -> PresentationPoint {
        let up_to = |scores: &[f64]| scores.partition_point(|score| *score <= threshold) as u64;
        let of = |species: &Species| {
            let attacks = species.scores.len() as u64;
            MeasuredRate::of(attacks - up_to(&species.scores), attacks)
        };
        let apcer: Vec<MeasuredRate> = self.species.iter().map(of).collect();
        // Of several with the highest rate, the one of which least is known.
        let high = |at: usize| (apcer[at].rate, apcer[at].wilson.high);
        let mut worst = 0;
        for at in 1..apcer.len() {
            if high(at) > high(worst) {
                worst = at;
            }
        }
        let bpcer = MeasuredRate::of(up_to(&self.bona_fide), self.bona_fide.len() as u64);
        PresentationPoint { threshold, apcer, worst, bpcer }
    }

    /// The lowest threshold at which no species has an APCER above `apcer`: 0, or the score of an attack.
    #[must_use]
    pub fn threshold_at_apcer(&self, apcer: f64) -> f64 {
        let of = |species: &Species| {
            let stopped = species.scores.len() - passing(apcer, species.scores.len());
            stopped.checked_sub(1).map_or(0.0, |last| species.scores[last])
        };
        self.species.iter().map(of).fold(0.0, f64::max)
    }

    /// The detection error trade-off: `fmr` is the highest APCER of a species, `fnmr` the BPCER, and `false_matches`
    /// counts the attacks of that species. Thresholds fall from the highest score, at which nothing passes, to below
    /// the lowest one, at which all does.
    #[must_use]
    pub fn curve(&self) -> Vec<RocPoint> {
        let all = self.bona_fide.iter().chain(self.species.iter().flat_map(|species| &species.scores));
        // Scores are finite, and the order of positive numbers is that of their bits.
        let scores: BTreeSet<u64> = all.map(|score| score.max(0.0).to_bits()).collect();
        let below = scores.first().map(|lowest| f64::from_bits(*lowest).next_down());
        let falling = scores.iter().rev().map(|bits| f64::from_bits(*bits)).chain(below);
        let point = |threshold| {
            let PresentationPoint { bpcer, apcer, worst, .. } = self.at(threshold);
            RocPoint {
                threshold,
                false_matches: apcer[worst].errors,
                false_non_matches: bpcer.errors,
                fmr: apcer[worst].rate,
                fnmr: bpcer.rate,
            }
        };
        falling.map(point).collect()
    }

    /// Where the highest APCER and the BPCER are equal (D-EER), interpolated linearly between the two points of the
    /// curve around it.
    #[must_use]
    pub fn equal_error(&self) -> EqualError {
        let curve = self.curve();
        let mut before = curve[0];
        for point in curve {
            let (gap_before, gap) = (before.fnmr - before.fmr, point.fnmr - point.fmr);
            if gap <= 0.0 {
                let share = if gap_before > gap { gap_before / (gap_before - gap) } else { 0.0 };
                let nearer = if gap_before.abs() < gap.abs() { before } else { point };
                return EqualError { rate: before.fmr + (point.fmr - before.fmr) * share, threshold: nearer.threshold };
            }
            before = point;
        }
        EqualError { rate: before.fmr, threshold: before.threshold }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn species(name: &str, scores: &[f64]) -> Species {
        Species { name: name.to_owned(), scores: scores.to_vec(), non_responses: 1 }
    }

    fn scores() -> PresentationScores {
        let attacks = vec![species("print", &[0.1, 0.4, 0.2, 0.7]), species("screen", &[0.9, 0.1])];
        PresentationScores::new(vec![0.5, 0.95, 0.8, 0.6], 1, attacks).expect("scores")
    }

    #[test]
    fn a_small_case_by_hand() {
        let scores = scores();
        let at = |threshold| {
            let point = scores.at(threshold);
            (point.apcer.iter().map(|rate| rate.errors).collect::<Vec<_>>(), point.worst, point.bpcer.errors)
        };
        assert_eq!(at(0.6), (vec![1, 1], 1, 2), "0.6 itself does not pass");
        assert_eq!(at(0.0), (vec![4, 2], 0, 0));
        assert_eq!(at(0.9), (vec![0, 0], 1, 3), "of two kinds without an error, the one with fewer attacks");
        assert_eq!(scores.at(0.6).worst_apcer().rate, 0.5);
        assert_eq!((scores.bpnrr().errors, scores.bpnrr().trials), (1, 5));
        assert_eq!(scores.apnrr().iter().map(|rate| rate.trials).collect::<Vec<_>>(), [5, 3]);
        // Half of the screens may pass, and up to two of the prints: both limits count.
        for (apcer, threshold) in [(1.0, 0.0), (0.5, 0.2), (0.25, 0.9), (0.0, 0.9)] {
            assert_eq!(scores.threshold_at_apcer(apcer), threshold, "{apcer}");
        }
        let curve = scores.curve();
        assert_eq!((curve[0].fmr, curve[0].fnmr), (0.0, 1.0));
        assert_eq!(curve.last().map(|point| (point.fmr, point.fnmr)), Some((1.0, 0.0)));
        assert_eq!(scores.equal_error(), EqualError { rate: 0.5, threshold: 0.7 });
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let new = |bona_fide: &[f64], attacks| PresentationScores::new(bona_fide.to_vec(), 0, attacks);
        for (found, expected) in [
            (new(&[], vec![species("print", &[0.5])]), "no bona fide presentation"),
            (new(&[0.5], Vec::new()), "there is no kind of attack"),
            (new(&[0.5], vec![species("print", &[])]), "no attack of the kind \"print\""),
            (new(&[f64::NAN], vec![species("print", &[0.5])]), "a score is not a finite number"),
        ] {
            let error = found.expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    fn tied() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec((0u8..12).prop_map(|n| f64::from(n) / 11.0), 1..20)
    }

    proptest! {
        #[test]
        fn a_threshold_keeps_what_it_promises(
            bona_fide in tied(), print in tied(), screen in tied(), apcer in 0.0f64..=1.0,
        ) {
            let attacks = vec![species("print", &print), species("screen", &screen)];
            let scores = PresentationScores::new(bona_fide, 0, attacks).expect("scores");
            let threshold = scores.threshold_at_apcer(apcer);
            prop_assert!(scores.at(threshold).worst_apcer().rate <= apcer * (1.0 + 1e-12));
            if threshold > 0.0 {
                prop_assert!(scores.at(threshold.next_down()).worst_apcer().rate > apcer);
            }
            let curve = scores.curve();
            prop_assert!(curve.windows(2).all(|pair| pair[0].fmr <= pair[1].fmr && pair[0].fnmr >= pair[1].fnmr));
            let equal = scores.equal_error();
            prop_assert!((0.0..=1.0).contains(&equal.rate), "{equal:?}");
        }
    }
}
