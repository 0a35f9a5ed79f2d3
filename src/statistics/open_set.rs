//! Open-set identification: searching a gallery for people who are in it and for strangers.
//!
//! Half of the people are enrolled with their first photo; their other photos are mated searches,
//! every photo of the others is a stranger's search. Then both halves change places, so that every
//! photo is searched for and the figures do not hang on one draw. A search answers with the most
//! similar person, if the similarity reaches the threshold:
//!
//! * FPIR: the share of strangers' searches that answer with somebody;
//! * FNIR: the share of mated searches that do not answer with the right person, because the
//!   similarity is below the threshold or somebody else's is not lower.
//!
//! These are ISO/IEC 19795-1's rates, with FNIR at rank 1 as in NIST's FRTE 1:N.

use rayon::prelude::*;
use serde::Serialize;

use super::random::SplitMix64;
use super::{MeasuredRate, PersonTrials, RocPoint, Scores, bootstrap_over_people};
use crate::error::{Error, ErrorKind, Result};

const SEED: u64 = 0x0fac_e7a1;

/// The outcome of every search.
#[derive(Debug, Clone)]
pub struct OpenSet {
    /// Mated: the mate's similarity. Non-mated: the most similar person's to a stranger.
    scores: Scores,
    /// Whose search each mated one is, and the mate's similarity if that is the highest.
    mated: Vec<(u32, Option<f64>)>,
    gallery: usize,
}

/// Both error rates at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpenSetPoint {
    /// Similarities from this one on are answered.
    pub threshold: f64,
    /// Strangers' searches that were answered with somebody.
    pub fpir: MeasuredRate,
    /// Mated searches that were not answered with the right person.
    pub fnir: MeasuredRate,
}

/// The searches of one half against the other.
struct Round {
    gallery: Vec<usize>,
    mated: Vec<usize>,
    strangers: Vec<usize>,
}

/// What one search found.
enum Outcome {
    /// The person searched for, and the mate's similarity if nobody else's is as high.
    Mated(u32, Option<f64>),
    /// The highest similarity; `None` where the photo has no encoding.
    Stranger(Option<f64>),
}

impl OpenSet {
    /// Runs all searches. `people` says who is on each photo; `similarity` is asked by
    /// several threads for a probe and a photo of the gallery, and answers `None` where either has
    /// no encoding: who has no encoding in the gallery is never found.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) with fewer than four people, and where no mated search ranks its mate first, or
    /// no stranger's search has an encoding.
    pub fn run(people: &[u32], similarity: impl Fn(usize, usize) -> Option<f64> + Sync) -> Result<Self> {
        let rounds = plan(people)?;
        let gallery = rounds[0].gallery.len().min(rounds[1].gallery.len());
        let mut outcomes = Vec::new();
        for round in &rounds {
            let search = |probe: usize| {
                let mut best = [None::<f64>; 2];
                for entry in &round.gallery {
                    let mate = usize::from(people[*entry] == people[probe]);
                    best[mate] = best[mate].max_by(similarity(probe, *entry));
                }
                best
            };
            outcomes.par_extend(round.mated.par_iter().map(|probe| {
                let [other, mate] = search(*probe);
                let found = mate.filter(|mate| other.is_none_or(|other| *mate > other));
                Outcome::Mated(people[*probe], found)
            }));
            outcomes.par_extend(round.strangers.par_iter().map(|probe| Outcome::Stranger(search(*probe)[0])));
        }
        Self::from_outcomes(outcomes, gallery)
    }

    fn from_outcomes(outcomes: Vec<Outcome>, gallery: usize) -> Result<Self> {
        let (mut mated, mut strangers, mut failures) = (Vec::new(), Vec::new(), 0);
        for outcome in outcomes {
            match outcome {
                Outcome::Mated(person, mate) => mated.push((person, mate)),
                Outcome::Stranger(Some(best)) => strangers.push(best),
                Outcome::Stranger(None) => failures += 1,
            }
        }
        let found: Vec<f64> = mated.iter().filter_map(|(_, mate)| *mate).collect();
        let missed = (mated.len() - found.len()) as u64;
        let scores = Scores::new(found, strangers)
            .map_err(|_| Error::new(ErrorKind::Invalid, NOBODY_FOUND))?
            .with_failures(missed, failures);
        Ok(Self { scores, mated, gallery })
    }

    /// How many people are searched; the smaller half where the number of people is odd.
    #[must_use]
    pub fn gallery(&self) -> usize {
        self.gallery
    }

    /// How many searches were mated and how many were strangers'.
    #[must_use]
    pub fn searches(&self) -> (u64, u64) {
        (self.scores.mated_pairs(), self.scores.non_mated_pairs() + self.scores.failures().1)
    }

    /// How many strangers' searches had no encoding: they raise no false alarm and are not in
    /// FPIR's denominator.
    #[must_use]
    pub fn stranger_failures(&self) -> u64 {
        self.scores.failures().1
    }

    /// Both rates at the lowest threshold that keeps FPIR on this data at or below `fpir`.
    #[must_use]
    pub fn at_fpir(&self, fpir: f64) -> OpenSetPoint {
        self.at(self.scores.threshold_at_fmr(fpir))
    }

    /// Both rates at a threshold.
    #[must_use]
    pub fn at(&self, threshold: f64) -> OpenSetPoint {
        let mut searches = self.mated.clone();
        searches.sort_by_key(|(person, _)| *person);
        let people: Vec<PersonTrials> = searches
            .chunk_by(|a, b| a.0 == b.0)
            .map(|of_person| {
                let missed = of_person.iter().filter(|(_, mate)| mate.is_none_or(|mate| mate < threshold)).count();
                PersonTrials { trials: of_person.len() as u64, errors: vec![missed as u64] }
            })
            .collect();
        let RocPoint { false_matches, false_non_matches, .. } = self.scores.at(threshold);
        OpenSetPoint {
            threshold,
            fpir: MeasuredRate::of(false_matches, self.scores.non_mated_pairs()),
            fnir: MeasuredRate {
                bootstrap: bootstrap_over_people(&people, 1).map(|intervals| intervals[0]),
                ..MeasuredRate::of(false_non_matches, self.scores.mated_pairs())
            },
        }
    }

    /// The curve of FNIR (`fnmr`) over FPIR (`fmr`), as [`Scores::sampled`].
    #[must_use]
    pub fn curve(&self, per_decade: u32) -> Vec<RocPoint> {
        self.scores.sampled(per_decade)
    }
}

const NOBODY_FOUND: &str = "open-set identification needs people with two photos or more, of which both give an \
                            encoding and one finds the other, and strangers whose photos give one";

/// The larger of two numbers that may be missing.
trait MaxBy {
    fn max_by(self, other: Self) -> Self;
}

impl MaxBy for Option<f64> {
    fn max_by(self, other: Self) -> Self {
        match (self, other) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Divides people into halves at random, the same way every time, and lists the searches.
fn plan(people: &[u32]) -> Result<[Round; 2]> {
    let mut known: Vec<u32> = people.to_vec();
    known.sort_unstable();
    known.dedup();
    if known.len() < 4 {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("open-set identification needs 4 people or more, there are {}", known.len()),
        ));
    }
    SplitMix64::new(SEED).shuffle(&mut known);
    let (first, second) = known.split_at(known.len() / 2);
    Ok([first, second].map(|enrolled| {
        let mut waiting: std::collections::HashSet<u32> = enrolled.iter().copied().collect();
        let enrolled = waiting.clone();
        let mut round = Round { gallery: Vec::new(), mated: Vec::new(), strangers: Vec::new() };
        for (photo, person) in people.iter().enumerate() {
            let list = if waiting.remove(person) {
                &mut round.gallery
            } else if enrolled.contains(person) {
                &mut round.mated
            } else {
                &mut round.strangers
            };
            list.push(photo);
        }
        round
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 people with 3 photos each; the photos of one person are 0.9 alike, of different people
    /// somewhere below 0.5.
    fn people() -> Vec<u32> {
        (0..60).map(|photo| photo / 3).collect()
    }

    fn similarity(people: &[u32], a: usize, b: usize) -> f64 {
        if people[a] == people[b] { 0.9 } else { 0.4 - ((a * 31 + b * 31) % 40) as f64 / 100.0 }
    }

    #[test]
    fn both_halves_are_enrolled_once_and_strangers_once() {
        let people = people();
        let rounds = plan(&people).expect("20 people");
        for round in &rounds {
            assert_eq!((round.gallery.len(), round.mated.len(), round.strangers.len()), (10, 20, 30));
            assert!(round.gallery.iter().all(|photo| photo % 3 == 0), "the first photo of each is enrolled");
        }
        let mut strangers: Vec<_> = rounds.iter().flat_map(|round| round.strangers.clone()).collect();
        strangers.sort_unstable();
        assert_eq!(strangers, (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn a_perfect_model_finds_everybody_and_no_stranger() {
        let people = people();
        let open_set = OpenSet::run(&people, |a, b| Some(similarity(&people, a, b))).expect("20 people");
        assert_eq!((open_set.gallery(), open_set.searches()), (10, (40, 60)));
        let point = open_set.at(0.5);
        assert_eq!((point.fpir.errors, point.fpir.trials, point.fnir.errors, point.fnir.trials), (0, 60, 0, 40));
        let point = open_set.at_fpir(0.1);
        assert!(point.fpir.rate <= 0.1 && point.threshold < 0.5 && point.fnir.errors == 0, "{point:?}");
        assert_eq!(open_set.at(0.95).fnir.rate, 1.0);
    }

    #[test]
    fn the_right_person_must_come_first() {
        let people = people();
        // Photo 1 of person 0 looks more like everybody else than like person 0.
        let open_set = OpenSet::run(&people, |probe, entry| {
            Some(if probe == 1 && people[entry] != 0 { 0.95 } else { similarity(&people, probe, entry) })
        })
        .expect("20 people");
        // It is also a stranger's search once, and then a false alarm.
        let point = open_set.at(0.5);
        assert_eq!((point.fnir.errors, point.fpir.errors), (1, 1));
        assert_eq!(open_set.at(-1.0).fnir.errors, 1, "no threshold makes it right");
    }

    #[test]
    fn photos_without_encoding_are_misses() {
        let people = people();
        let run = |missing: usize| {
            OpenSet::run(&people, |a, b| (a != missing && b != missing).then(|| similarity(&people, a, b)))
                .expect("20 people")
        };
        // A photo that is searched for: one miss, and one stranger's search less.
        let (point, probe) = (run(1).at(0.5), run(1));
        assert_eq!((point.fnir.errors, point.fnir.trials, point.fpir.trials), (1, 40, 59));
        assert_eq!((probe.stranger_failures(), probe.searches()), (1, (40, 60)));
        // A photo that is enrolled: both searches for that person miss.
        let point = run(0).at(0.5);
        assert_eq!((point.fnir.errors, point.fnir.trials, point.fpir.trials), (2, 40, 59));
    }

    #[test]
    fn too_few_people_or_photos_are_refused() {
        assert!(OpenSet::run(&[0, 0, 1, 1, 2, 2], |_, _| Some(0.5)).is_err());
        let singles: Vec<u32> = (0..10).collect();
        let error = OpenSet::run(&singles, |_, _| Some(0.5)).expect_err("nobody has two photos");
        assert!(error.to_string().contains("two photos"), "{error}");
    }
}
