//! Photos compared with each other: the similarities of both kinds of pairs, the people that they belong to, and the
//! pairs that went most wrong.

use rayon::prelude::*;
use serde::Serialize;

use super::{MeasuredRate, PersonTrials, Scores, bootstrap_over_people};
use crate::error::Result;

/// How many of the worst pairs of each kind are kept.
pub const WORST_PAIRS: usize = 10;

/// The outcome of comparing pairs of photos. Photos are named by their place in the caller's list.
#[derive(Debug, Clone)]
pub struct Comparisons {
    scores: Scores,
    mated: Vec<MatedPair>,
    people: usize,
    lowest_mated: Vec<ScoredPair>,
    highest_non_mated: Vec<ScoredPair>,
}

/// A pair of photos and how alike they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScoredPair {
    /// One photo.
    pub a: usize,
    /// The other photo.
    pub b: usize,
    /// Their similarity.
    pub similarity: f64,
}

#[derive(Debug, Clone, Copy)]
struct MatedPair {
    person: u32,
    /// `None` where one of the photos gave no encoding.
    similarity: Option<f64>,
}

/// What one part of the pairs gave; parts are put together in order.
#[derive(Default)]
struct Part {
    mated: Vec<MatedPair>,
    non_mated: Vec<f64>,
    non_mated_failures: u64,
    lowest_mated: Vec<ScoredPair>,
    highest_non_mated: Vec<ScoredPair>,
}

impl Part {
    fn add(&mut self, a: usize, b: usize, person: Option<u32>, similarity: Option<f64>) {
        match (person, similarity) {
            (Some(person), similarity) => {
                self.mated.push(MatedPair { person, similarity });
                if let Some(similarity) = similarity {
                    keep(&mut self.lowest_mated, ScoredPair { a, b, similarity }, |new, old| new < old);
                }
            }
            (None, Some(similarity)) => {
                self.non_mated.push(similarity);
                keep(&mut self.highest_non_mated, ScoredPair { a, b, similarity }, |new, old| new > old);
            }
            (None, None) => self.non_mated_failures += 1,
        }
    }

    fn append(&mut self, mut other: Self) {
        self.mated.append(&mut other.mated);
        self.non_mated.append(&mut other.non_mated);
        self.non_mated_failures += other.non_mated_failures;
        for pair in other.lowest_mated {
            keep(&mut self.lowest_mated, pair, |new, old| new < old);
        }
        for pair in other.highest_non_mated {
            keep(&mut self.highest_non_mated, pair, |new, old| new > old);
        }
    }

    fn finish(self, people: &[u32]) -> Result<Comparisons> {
        let mated: Vec<f64> = self.mated.iter().filter_map(|pair| pair.similarity).collect();
        let failures = self.mated.len() - mated.len();
        let mut known = people.to_vec();
        known.sort_unstable();
        known.dedup();
        Ok(Comparisons {
            scores: Scores::new(mated, self.non_mated)?.with_failures(failures as u64, self.non_mated_failures),
            mated: self.mated,
            people: known.len(),
            lowest_mated: self.lowest_mated,
            highest_non_mated: self.highest_non_mated,
        })
    }
}

/// Puts a pair at its place in a list of at most [`WORST_PAIRS`], worst first; the earlier of two
/// equal pairs stays before the later.
fn keep(list: &mut Vec<ScoredPair>, pair: ScoredPair, worse: impl Fn(f64, f64) -> bool) {
    let place = list.partition_point(|kept| !worse(pair.similarity, kept.similarity));
    if place < WORST_PAIRS {
        list.truncate(WORST_PAIRS - 1);
        list.insert(place, pair);
    }
}

impl Comparisons {
    /// Compares the listed pairs `(photo, photo, same person)`. `people` says which person each photo
    /// shows; `similarity` is asked once a pair and answers `None` where a photo has no encoding.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where no mated or no non-mated pair has a similarity,
    /// or one is not a finite number.
    pub fn of_pairs(
        people: &[u32],
        pairs: impl IntoIterator<Item = (usize, usize, bool)>,
        similarity: impl Fn(usize, usize) -> Option<f64>,
    ) -> Result<Self> {
        let mut part = Part::default();
        for (a, b, same) in pairs {
            part.add(a, b, same.then(|| people[a]), similarity(a, b));
        }
        part.finish(people)
    }

    /// Compares every photo with every other. `people` says who is on each photo, and pairs
    /// of equal ones are mated; `similarity` is asked once a pair, by several threads, and answers
    /// `None` where a photo has no encoding. Takes 8 bytes a pair.
    ///
    /// # Errors
    /// As for [`Self::of_pairs`].
    pub fn all_against_all(people: &[u32], similarity: impl Fn(usize, usize) -> Option<f64> + Sync) -> Result<Self> {
        let parts: Vec<Part> = (0..people.len())
            .into_par_iter()
            .map(|a| {
                let mut part = Part { non_mated: Vec::with_capacity(people.len() - a), ..Part::default() };
                for b in a + 1..people.len() {
                    part.add(a, b, (people[a] == people[b]).then(|| people[a]), similarity(a, b));
                }
                part
            })
            .collect();
        let mut all = Part::default();
        all.non_mated.reserve_exact(parts.iter().map(|part| part.non_mated.len()).sum());
        parts.into_iter().for_each(|part| all.append(part));
        all.finish(people)
    }

    /// The similarities and how many pairs have none.
    #[must_use]
    pub fn scores(&self) -> &Scores {
        &self.scores
    }

    /// How many people the photos show.
    #[must_use]
    pub fn people(&self) -> usize {
        self.people
    }

    /// The mated pairs that are least alike, the least alike first.
    #[must_use]
    pub fn lowest_mated(&self) -> &[ScoredPair] {
        &self.lowest_mated
    }

    /// The non-mated pairs that are most alike, the most alike first.
    #[must_use]
    pub fn highest_non_mated(&self) -> &[ScoredPair] {
        &self.highest_non_mated
    }

    /// FNMR at each of the thresholds, with both intervals.
    #[must_use]
    pub fn fnmr_at(&self, thresholds: &[f64]) -> Vec<MeasuredRate> {
        let mut people: Vec<PersonTrials> = Vec::new();
        let mut pairs = self.mated.clone();
        pairs.sort_by_key(|pair| pair.person);
        for of_person in pairs.chunk_by(|a, b| a.person == b.person) {
            let missed = |threshold: &f64| {
                of_person.iter().filter(|pair| pair.similarity.is_none_or(|score| score < *threshold)).count() as u64
            };
            people
                .push(PersonTrials { trials: of_person.len() as u64, errors: thresholds.iter().map(missed).collect() });
        }
        let bootstrap = bootstrap_over_people(&people, thresholds.len());
        thresholds
            .iter()
            .enumerate()
            .map(|(i, threshold)| MeasuredRate {
                bootstrap: bootstrap.as_ref().map(|intervals| intervals[i]),
                ..MeasuredRate::of(self.scores.at(*threshold).false_non_matches, self.scores.mated_pairs())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four people with three photos each; photo 5 has no encoding.
    const PEOPLE: [u32; 12] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];

    fn similarity(a: usize, b: usize) -> Option<f64> {
        let same = if PEOPLE[a] == PEOPLE[b] { 0.5 } else { 0.0 };
        (a != 5 && b != 5).then(|| same + (a * 7 + b * 3) as f64 / 200.0)
    }

    #[test]
    fn all_against_all_is_every_pair_once() {
        let all = Comparisons::all_against_all(&PEOPLE, similarity).expect("both kinds");
        let pairs = (0..12).flat_map(|a| (a + 1..12).map(move |b| (a, b, PEOPLE[a] == PEOPLE[b])));
        let listed = Comparisons::of_pairs(&PEOPLE, pairs, similarity).expect("both kinds");
        assert_eq!(all.scores().mated(), listed.scores().mated());
        assert_eq!(all.scores().non_mated(), listed.scores().non_mated());
        assert_eq!(all.scores().failures(), (2, 9));
        assert_eq!((all.scores().mated_pairs(), all.scores().non_mated_pairs(), all.people()), (12, 45, 4));
        assert_eq!(all.lowest_mated(), listed.lowest_mated());
        assert_eq!(all.highest_non_mated(), listed.highest_non_mated());
    }

    #[test]
    fn the_worst_pairs_are_kept_worst_first() {
        let all = Comparisons::all_against_all(&PEOPLE, similarity).expect("both kinds");
        let mut pairs: Vec<ScoredPair> = (0..12)
            .flat_map(|a| (a + 1..12).map(move |b| (a, b)))
            .filter(|(a, b)| PEOPLE[*a] != PEOPLE[*b])
            .filter_map(|(a, b)| similarity(a, b).map(|similarity| ScoredPair { a, b, similarity }))
            .collect();
        pairs.sort_by(|x, y| y.similarity.total_cmp(&x.similarity));
        pairs.truncate(WORST_PAIRS);
        assert_eq!(all.highest_non_mated(), pairs);
        let lowest = all.lowest_mated();
        assert_eq!((lowest.len(), lowest[0].a, lowest[0].b), (10, 0, 1));
        assert!(lowest.windows(2).all(|pair| pair[0].similarity <= pair[1].similarity));
    }

    #[test]
    fn a_photo_without_encoding_is_a_miss_of_its_person() {
        let all = Comparisons::all_against_all(&PEOPLE, similarity).expect("both kinds");
        let rates = all.fnmr_at(&[0.0, 2.0]);
        assert_eq!((rates[0].errors, rates[0].trials, rates[1].errors), (2, 12, 12));
        let bootstrap = rates[0].bootstrap.expect("four people");
        // One person of four fails twice in three: 0 to 3 of 4 draws hit it, as a rule.
        assert!(bootstrap.low == 0.0 && bootstrap.high > 0.3, "{bootstrap:?}");
        assert!(rates[0].interval().high >= bootstrap.high.max(rates[0].wilson.high));
    }
}
