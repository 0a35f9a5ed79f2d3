//! From the outcomes of damaged photos to figures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::encode::Outcome;
use super::{Damage, DamagedEncodings, halves, measured};
use crate::comparison::OperatingPoint;
use crate::encoding::FaceEncoding;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, RefusalCode, Result};
use crate::evaluation::{About, Dataset};
use crate::index;
use crate::progress::Progress;
use crate::spec::Metric;
use crate::statistics::{Interval, MeasuredRate};

/// The false match rate that is asked for.
const ASKED_FMR: f64 = 1e-3;

/// What a model makes of damaged photos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DamageReport {
    /// The model and the data.
    pub about: About,
    /// How many people's photos were damaged, one of each.
    pub people: u64,
    /// Whether people were left out because the model's limit was chosen on their photos.
    pub held_out: bool,
    /// The false match rate asked for.
    pub asked_fmr: f64,
    /// The threshold for it, from the model's table.
    pub threshold: f64,
    /// The least value of recognisability that is taken; `None` without a limit.
    pub limit: Option<f64>,
    /// The kinds of damage, undamaged first.
    pub rows: Vec<DamageRow>,
}

/// What a model makes of photos with one kind of damage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DamageRow {
    /// The kind.
    pub damage: Damage,
    /// The kind in words.
    pub description: String,
    /// How many photos there were.
    pub photos: u64,
    /// In how many of them a face was found.
    pub found: u64,
    /// How many were refused, by the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// How many gave an encoding.
    pub accepted: u64,
    /// The share of pairs of the accepted photos, all of different people, that are taken for one
    /// person.
    pub fmr: MeasuredRate,
    /// How many times the rate asked for [`Self::fmr`] is.
    pub times_asked: f64,
    /// The same of the ends of the 95 % interval of independent pairs.
    pub times_asked_range: Interval,
    /// The share of the pairs of all photos, refused ones included, that are taken for one person: the
    /// generalized false acceptance rate (ISO/IEC 19795-1).
    pub gfar: f64,
}

impl DamageReport {
    /// Damages one photo of each of at most [`MOST_MEASURED`](super::MOST_MEASURED) people in every way,
    /// and encodes them as `engine`'s rules say. Where the model's limit was chosen on the same
    /// data, the people it was chosen on are left out. `progress` counts photos.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the model has no table, and as for
    /// [`DamagedEncodings::compute`].
    pub fn measure(engine: &Engine, dataset: &Dataset, about: About, progress: &mut dyn Progress) -> Result<Self> {
        let Some(table) = engine.calibration() else {
            let message =
                "the model has no table from similarity to false match rate: make one with `facevault calibrate`";
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        let asked_fmr = table.smallest_fmr().max(ASKED_FMR);
        let threshold = table.threshold_for(OperatingPoint::fmr(asked_fmr)?, 1)?.similarity.get();
        let rule = engine.recognizability().filter(|_| engine.rules().quality.recognizable);
        let learned_here = rule.and_then(|rule| rule.measured_on()).is_some_and(|data| data.sha256 == about.sha256);
        let learned_from = if learned_here { halves(dataset).0 } else { Vec::new() };
        let places = measured(dataset, &learned_from);
        let kinds = Damage::ALL.map(|damage| (damage, engine.clone()));
        // People whose undamaged photo is refused as not recognisable are measured all the same.
        let finder = crate::evaluation::recognizability::unchecked(engine);
        let found = DamagedEncodings::compute(&finder, &kinds, dataset, &places, progress)?;
        let row = |(damage, outcomes): &(Damage, Vec<Outcome>)| {
            DamageRow::of(*damage, outcomes, about.metric, threshold, asked_fmr)
        };
        let rows = found.kinds.iter().map(row).collect();
        Ok(Self {
            people: found.photos as u64,
            held_out: learned_here,
            asked_fmr,
            threshold,
            limit: rule.map(|rule| rule.limit()),
            rows,
            about,
        })
    }
}

impl DamageRow {
    /// The figures of the outcomes of photos of different people.
    #[must_use]
    pub fn of(damage: Damage, outcomes: &[Outcome], metric: Metric, threshold: f64, asked_fmr: f64) -> Self {
        let accepted: Vec<&FaceEncoding> = outcomes.iter().flatten().collect();
        let mut refused = BTreeMap::new();
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            *refused.entry(refusal.code.as_str()).or_insert(0) += 1;
        }
        let not_found = refused.get(RefusalCode::NoFaceDetected.as_str()).copied().unwrap_or(0);
        let mut errors = 0;
        for (i, a) in accepted.iter().enumerate() {
            let alike = |b: &&&FaceEncoding| index::similarity(metric, a.vector(), b.vector()) >= threshold;
            errors += accepted[i + 1..].iter().filter(alike).count() as u64;
        }
        let count = accepted.len() as u64;
        let pairs = |count: u64| count * count.saturating_sub(1) / 2;
        let fmr = MeasuredRate::of(errors, pairs(count));
        let photos = outcomes.len() as u64;
        Self {
            damage,
            description: damage.description(),
            photos,
            found: photos - not_found,
            refused,
            accepted: count,
            times_asked: fmr.rate / asked_fmr,
            gfar: errors as f64 / pairs(photos).max(1) as f64,
            times_asked_range: Interval { low: fmr.wilson.low / asked_fmr, high: fmr.wilson.high / asked_fmr },
            fmr,
        }
    }

    /// How many times the rate asked for was found, with its range: `1.4 (0.9 to 2.2)`.
    #[must_use]
    pub fn times_asked_with_range(&self) -> String {
        let Interval { low, high } = self.times_asked_range;
        format!("{:.1} ({low:.1} to {high:.1})", self.times_asked)
    }

    /// The refused photos in which a face was found, with the reasons: `3 blurred, 1 not_recognizable`.
    #[must_use]
    pub fn reasons(&self) -> String {
        let others = self.refused.iter().filter(|(code, _)| **code != RefusalCode::NoFaceDetected.as_str());
        others.map(|(code, count)| format!("{count} {code}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::ModelId;
    use crate::error::Refusal;

    #[test]
    fn photos_are_counted_by_what_became_of_them() {
        let encoding =
            |vector: [f32; 2]| Ok(FaceEncoding::new(ModelId::from_bytes([1; 16]), vector.to_vec()).expect("finite"));
        let refusal = |code| Err(Refusal::new(code, "because"));
        let outcomes = [
            encoding([1.0, 0.0]),
            refusal(RefusalCode::NoFaceDetected),
            encoding([2.0, 0.1]),
            refusal(RefusalCode::Blurred),
            encoding([0.0, 1.0]),
            refusal(RefusalCode::Blurred),
            refusal(RefusalCode::NotRecognizable),
        ];
        let row = DamageRow::of(Damage::Night, &outcomes, Metric::Cosine, 0.5, 0.1);
        assert_eq!((row.photos, row.found, row.accepted), (7, 6, 3));
        assert_eq!((row.fmr.errors, row.fmr.trials), (1, 3));
        assert!((row.times_asked - 10.0 / 3.0).abs() < 1e-12);
        assert!((row.gfar - 1.0 / 21.0).abs() < 1e-12);
        assert_eq!(row.times_asked_with_range(), "3.3 (0.6 to 7.9)");
        assert_eq!(row.reasons(), "2 blurred, 1 not_recognizable");
        let nobody = DamageRow::of(Damage::Night, &outcomes[1..2], Metric::Cosine, 0.5, 0.1);
        assert_eq!((nobody.found, nobody.accepted, nobody.fmr.trials, nobody.times_asked), (0, 0, 0, 0.0));
    }
}
