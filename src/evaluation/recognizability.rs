//! Measuring how recognisable a face must be for a model: means, weight and limit of a
//! [`Recognizability`].
//!
//! The photos of some people are damaged ([`damage`](super::damage)). Half of these people give the mean vector of each
//! kind and the weight. Of a few weights, the one is chosen that lets through the fewest false matches of damaged
//! photos when the same share of good photos is refused; a photo is measured against the mean of its own kind without
//! itself. All good photos give the limit. What the limit then lets through is counted on the other half.

use super::damage::{Damage, DamageRow, DamagedEncodings, halves};
use super::{Dataset, measure};
use crate::encoding::FaceEncoding;
use crate::engine::{Engine, PhotoRules};
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::progress::{Part, Progress};
use crate::recognizability::{DamageMean, DamageOutcome, Recognizability, RecognizabilityData};
use crate::spec::Metric;
use crate::statistics::calibrate::FEWEST_PAIRS;
use crate::vision::{QualityLimits, SeekOptions};

/// The weights that are tried.
const WEIGHTS: [f64; 7] = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0];
/// The rates whose thresholds decide what a false match is: the first one that the data carries.
const ASKED: [f64; 2] = [1e-3, 1e-2];
/// How many vectors a mean is made of at least.
const FEWEST_VECTORS: usize = 10;

/// How a [`Recognizability`] is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecognizabilityOptions {
    /// The share of good photos that the limit refuses, 0 to 0.5.
    pub refused: f64,
    /// The kinds of damage for which it is counted how many photos the limit lets through.
    pub counted: &'static [Damage],
}

impl Default for RecognizabilityOptions {
    /// One photo in a hundred; all kinds of damage.
    fn default() -> Self {
        Self { refused: 0.01, counted: &Damage::ALL[1..] }
    }
}

impl Recognizability {
    /// The fewest people that it is measured on.
    pub const FEWEST_PEOPLE: usize = 100;

    /// Whether a data set can be measured on: a folder of [`Self::FEWEST_PEOPLE`] people or more.
    #[must_use]
    pub fn can_be_measured_on(dataset: &Dataset) -> bool {
        let people = dataset.people.iter().max().map_or(0, |last| *last as usize + 1);
        dataset.pairs.is_none() && people >= Self::FEWEST_PEOPLE
    }

    /// Measures it for an engine's model. `encodings` are those of the data's photos in their order,
    /// whatever their value; `name` and `sha256` say what data it is. `progress` counts the photos that were damaged.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for data of too few people or photos that give an encoding,
    /// and as for [`DamagedEncodings::compute`].
    pub fn measure(
        engine: &Engine,
        dataset: &Dataset,
        encodings: &[Option<FaceEncoding>],
        (name, sha256): (&str, &str),
        options: RecognizabilityOptions,
        progress: &mut dyn Progress,
    ) -> Result<Self> {
        let metric = engine.embedder().metric;
        let good: Vec<&[f32]> = encodings.iter().flatten().map(FaceEncoding::vector).collect();
        if !Self::can_be_measured_on(dataset) || good.len() < Self::FEWEST_PEOPLE {
            let message = format!("recognizability is measured on a folder of {} people or more", Self::FEWEST_PEOPLE);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let (learning, measuring) = halves(dataset);
        let all = learning.len() + measuring.len();
        let kinds = Damage::LEARNED.map(|damage| (damage, unguarded(engine, damage)));
        let unchecked = unchecked(engine);
        let mut part = Part::new(progress, 0, all);
        let learned = DamagedEncodings::compute(&unchecked, &kinds, dataset, &learning, &mut part)?;
        let (asked_fmr, threshold) = threshold(dataset, encodings, metric)?;
        let learned = Learned::new(metric, threshold, &learned);
        let weight = learned.best_weight(&good, options.refused);
        let means = learned.means()?;
        let values = |rule: &Self| sorted(good.iter().map(|vector| rule.value(vector)).collect());
        let unlimited = Self::new(0.0, weight, means.clone())?;
        // Rounded down: what lies on the limit is taken.
        let limit = (limit(&values(&unlimited), options.refused) * 1e6).floor() / 1e6;
        let rule = Self::new(limit, weight, means)?;
        let refused = values(&rule).partition_point(|value| *value < limit);

        let kept: Vec<Option<FaceEncoding>> = (encodings.iter())
            .map(|encoding| encoding.clone().filter(|found| rule.check(found.vector()).is_ok()))
            .collect();
        let (_, threshold) = self::threshold(dataset, &kept, metric)?;
        let kinds: Vec<(Damage, Engine)> = options.counted.iter().map(|damage| (*damage, unchecked.clone())).collect();
        let mut part = Part::new(progress, learning.len(), all);
        let found = DamagedEncodings::compute(&unchecked, &kinds, dataset, &measuring, &mut part)?;
        let damage = (found.kinds.into_iter())
            .map(|(damage, outcomes)| {
                let checked: Vec<_> = (outcomes.into_iter())
                    .map(|outcome| outcome.and_then(|found| rule.check(found.vector()).map(|_| found)))
                    .collect();
                let row = DamageRow::of(damage, &checked, metric, threshold, asked_fmr);
                let fmr = (row.fmr.rate * 1e6).round() / 1e6;
                DamageOutcome { name: damage.name(), photos: row.photos, found: row.found, accepted: row.accepted, fmr }
            })
            .collect();
        rule.with_data(RecognizabilityData {
            name: name.to_owned(),
            sha256: sha256.to_owned(),
            photos: good.len() as u64,
            refused: (refused as f64 / good.len() as f64 * 1e6).round() / 1e6,
            asked_fmr,
            damage,
        })
    }
}

/// The engine without the limit that is to be measured.
pub(super) fn unchecked(engine: &Engine) -> Engine {
    let rules = engine.rules();
    engine.with_rules(PhotoRules { quality: QualityLimits { recognizable: false, ..rules.quality }, ..rules.clone() })
}

/// The engine without quality limits; photos that were turned on purpose are not turned back.
fn unguarded(engine: &Engine, damage: Damage) -> Engine {
    let rules = engine.rules();
    let turn = rules.seek.turn && !matches!(damage, Damage::Turned(_));
    engine.with_rules(PhotoRules {
        quality: QualityLimits::off(),
        seek: SeekOptions { turn, ..rules.seek },
        ..rules.clone()
    })
}

/// The rate that the data carries, and its threshold.
fn threshold(dataset: &Dataset, encodings: &[Option<FaceEncoding>], metric: Metric) -> Result<(f64, f64)> {
    let similarity = measure::similarities(dataset, encodings, metric)?;
    let comparisons = measure::compare(dataset, &similarity)?;
    let scores = comparisons.scores();
    let carried = |fmr: &f64| fmr * scores.non_mated_pairs() as f64 >= FEWEST_PAIRS as f64;
    let asked = ASKED.into_iter().find(carried).unwrap_or(ASKED[ASKED.len() - 1]);
    Ok((asked, scores.threshold_at_fmr(asked)))
}

/// The value at which a share of ascending values is refused: those below it.
fn limit(values: &[f64], refused: f64) -> f64 {
    let count = (refused.clamp(0.0, 0.5) * values.len() as f64 * (1.0 + 1e-12)).floor() as usize;
    values.get(count).copied().unwrap_or(0.0)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The unit vectors of one kind of damage.
struct Kind {
    damage: Damage,
    /// How many photos there were.
    photos: usize,
    lengths: Vec<f64>,
    units: Vec<Vec<f64>>,
    mean: Vec<f64>,
    /// The pairs of photos that are taken for one person.
    matches: Vec<(usize, usize)>,
}

impl Kind {
    fn new(damage: Damage, vectors: &[&[f32]], photos: usize, metric: Metric, threshold: f64) -> Self {
        let lengths: Vec<f64> = vectors.iter().map(|vector| length(vector)).collect();
        let unit = |(vector, length): (&&[f32], &f64)| vector.iter().map(|v| f64::from(*v) / length).collect();
        let units: Vec<Vec<f64>> = vectors.iter().zip(&lengths).map(unit).collect();
        let mut mean = vec![0.0; units.first().map_or(0, Vec::len)];
        for unit in &units {
            mean.iter_mut().zip(unit).for_each(|(sum, v)| *sum += v / units.len() as f64);
        }
        let matches = (0..vectors.len())
            .flat_map(|a| (a + 1..vectors.len()).map(move |b| (a, b)))
            .filter(|(a, b)| index::similarity(metric, vectors[*a], vectors[*b]) >= threshold)
            .collect();
        Self { damage, photos, lengths, units, mean, matches }
    }
}

/// What was learned from half of the people.
struct Learned {
    kinds: Vec<Kind>,
}

impl Learned {
    fn new(metric: Metric, threshold: f64, encodings: &DamagedEncodings) -> Self {
        let kinds = encodings.kinds.iter().filter_map(|(damage, outcomes)| {
            let vectors: Vec<&[f32]> = outcomes.iter().flatten().map(FaceEncoding::vector).collect();
            let enough = vectors.len() >= FEWEST_VECTORS;
            enough.then(|| Kind::new(*damage, &vectors, outcomes.len(), metric, threshold))
        });
        Self { kinds: kinds.collect() }
    }

    fn means(&self) -> Result<Vec<DamageMean>> {
        self.kinds.iter().map(|kind| DamageMean::new(kind.damage.name(), &kind.mean)).collect()
    }

    /// The weight with the lowest sum, over the kinds of damage, of the share of pairs of damaged photos that are false
    /// matches.
    fn best_weight(&self, good: &[&[f32]], refused: f64) -> f64 {
        let good: Vec<(f64, f64)> = (good.iter())
            .map(|vector| {
                let length = length(vector);
                let dots = self
                    .kinds
                    .iter()
                    .map(|kind| kind.mean.iter().zip(*vector).map(|(m, v)| m * f64::from(*v)).sum::<f64>() / length);
                (length, dots.max_by(f64::total_cmp).unwrap_or(0.0))
            })
            .collect();
        let damaged: Vec<Vec<(f64, f64)>> = (self.kinds.iter()).map(|kind| self.without_itself(kind)).collect();
        let cost = |weight: f64| {
            let value = |(length, nearest): &(f64, f64)| length * (-weight * nearest).exp();
            let limit = limit(&sorted(good.iter().map(value).collect()), refused);
            let costs = self.kinds.iter().zip(&damaged).map(|(kind, photos)| {
                let taken: Vec<bool> = photos.iter().map(|photo| value(photo) >= limit).collect();
                let passing = kind.matches.iter().filter(|(a, b)| taken[*a] && taken[*b]).count();
                passing as f64 / (kind.photos * (kind.photos - 1) / 2).max(1) as f64
            });
            costs.sum::<f64>()
        };
        let costs = WEIGHTS.map(|weight| (weight, cost(weight)));
        tracing::debug!(?costs, "false matches among pairs of damaged photos, by weight");
        let best = costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(0.0, |(weight, _)| weight)
    }

    /// The length of each vector of a kind, and how near its direction is to the nearest mean. The mean of its own kind
    /// is taken without the vector itself.
    fn without_itself(&self, kind: &Kind) -> Vec<(f64, f64)> {
        let count = kind.units.len() as f64;
        let near = |unit: &Vec<f64>| {
            let dots = self.kinds.iter().map(|other| {
                let dot: f64 = other.mean.iter().zip(unit).map(|(m, v)| m * v).sum();
                if other.damage == kind.damage { (count * dot - 1.0) / (count - 1.0) } else { dot }
            });
            dots.max_by(f64::total_cmp).unwrap_or(0.0)
        };
        kind.lengths.iter().copied().zip(kind.units.iter().map(near)).collect()
    }
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::ModelId;
    use crate::statistics::SplitMix64;

    /// A vector of 16 components around `from`.
    fn vector(random: &mut SplitMix64, from: usize, pull: f64, length: f64) -> Vec<f32> {
        let mut uniform = || random.next() as f64 / u64::MAX as f64 - 0.5;
        let mut vector: Vec<f64> = (0..16).map(|_| uniform()).collect();
        vector[from] += pull;
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        vector.iter().map(|v| (v / norm * length) as f32).collect()
    }

    fn encodings(kinds: &[(Damage, usize, f64, f64)]) -> DamagedEncodings {
        let mut random = SplitMix64::new(3);
        let model = ModelId::from_bytes([1; 16]);
        let mut outcomes = |from, pull, length| {
            let mut encoding = || FaceEncoding::new(model, vector(&mut random, from, pull, length)).expect("finite");
            (0..50).map(|_| Ok(encoding())).collect::<Vec<_>>()
        };
        let kinds: Vec<_> =
            (kinds.iter()).map(|(damage, from, pull, length)| (*damage, outcomes(*from, *pull, *length))).collect();
        DamagedEncodings { kinds, photos: 50 }
    }

    fn good() -> Vec<Vec<f32>> {
        let mut random = SplitMix64::new(4);
        (0..300).map(|i| vector(&mut random, 0, 0.0, 9.0 + f64::from(i) / 100.0)).collect()
    }

    #[test]
    fn short_vectors_need_no_weight_and_long_ones_that_point_one_way_do() {
        let good = good();
        let good: Vec<&[f32]> = good.iter().map(Vec::as_slice).collect();
        for (kinds, weighted) in [
            (vec![(Damage::Night, 1, 3.0, 2.0)], false),
            (vec![(Damage::Night, 1, 3.0, 10.0), (Damage::Mask, 2, 3.0, 3.0)], true),
        ] {
            let encodings = encodings(&kinds);
            let learned = Learned::new(Metric::Cosine, 0.5, &encodings);
            assert!(learned.kinds.iter().all(|kind| kind.matches.len() > 1_000), "they resemble each other");
            let weight = learned.best_weight(&good, 0.01);
            assert_eq!(weight > 0.0, weighted, "{weight}");
            let rule = Recognizability::new(0.0, weight, learned.means().expect("means")).expect("a rule");
            let limit = limit(&sorted(good.iter().map(|vector| rule.value(vector)).collect()), 0.01);
            let rule = Recognizability::new(limit, weight, learned.means().expect("means")).expect("a rule");
            let taken = |vectors: &mut dyn Iterator<Item = &[f32]>| {
                vectors.map(|vector| rule.check(vector)).filter(Result::is_ok).count()
            };
            assert_eq!(taken(&mut good.iter().copied()), 297);
            for (damage, outcomes) in &encodings.kinds {
                let taken = taken(&mut outcomes.iter().flatten().map(FaceEncoding::vector));
                assert_eq!(taken, 0, "{damage}");
            }
        }
    }

    #[test]
    fn a_kind_of_which_hardly_any_face_is_found_has_no_mean() {
        let mut encodings = encodings(&[(Damage::Night, 1, 3.0, 2.0), (Damage::Turned(2), 2, 3.0, 2.0)]);
        encodings.kinds[1].1.truncate(FEWEST_VECTORS - 1);
        let means = Learned::new(Metric::Cosine, 0.5, &encodings).means().expect("means");
        assert_eq!(means.iter().map(DamageMean::name).collect::<Vec<_>>(), ["night"]);
    }

    #[test]
    fn the_limit_refuses_the_share_that_was_asked_for() {
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        for (share, expected) in [(0.0, 0.0), (0.01, 2.0), (0.005, 1.0), (0.5, 100.0)] {
            assert_eq!(limit(&values, share), expected);
        }
        assert_eq!(limit(&[], 0.01), 0.0);
    }
}
