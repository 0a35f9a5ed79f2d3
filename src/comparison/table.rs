//! The measured table from similarity to false match rate.
//!
//! Between two measured points the logarithm of the rate is taken as linear in the similarity, and
//! below the smallest measured rate the line through the last two points goes on. Real networks' rates fall a little
//! faster than that, so that the true rate is more often below the line's than above it. Lines through more points,
//! parabolas and exponential tails fitted to the highest scores were tried: on people who were left out they come out
//! further from the rate that was asked for, or no nearer.

use serde::{Deserialize, Serialize};

use super::{Basis, Fmr, Fpir, OperatingPoint, Rate, Similarity, Threshold};
use crate::error::{Error, Result, Rule};

/// A model's measured table: which similarity stands for which false match rate, what that costs
/// in missed matches, and the data it was measured on.
///
/// It has two points at least, with falling rates and rising similarities, and no rate that its
/// data cannot carry. `facevault calibrate` makes one; manifests hold it as TOML.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use facevault::{CalibrationTable, OperatingPoint};
///
/// let table: CalibrationTable = toml::from_str(
///     r#"
///     points = [
///         { fmr = 0.01, similarity = 0.16, fnmr = 0.002, fnmr_low = 0.0, fnmr_high = 0.02 },
///         { fmr = 0.001, similarity = 0.22, fnmr = 0.007, fnmr_low = 0.001, fnmr_high = 0.04 },
///     ]
///     [measured_on]
///     name = "my photos"
///     sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
///     people = 200
///     mated_pairs = 400
///     non_mated_pairs = 79600
///     "#,
/// )?;
/// let threshold = table.threshold_for(OperatingPoint::fmr(0.001)?, 1)?;
/// assert_eq!(threshold.to_string(), "0.2200 (fmr=0.001, measured)");
/// // What the data cannot carry is refused, with what can be asked for.
/// assert!(table.threshold_for(OperatingPoint::fmr(1e-6)?, 1).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct CalibrationTable {
    measured_on: MeasuredOn,
    points: Vec<CalibrationPoint>,
}

/// The data of a [`CalibrationTable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredOn {
    /// What the data is called.
    pub name: String,
    /// SHA-256 over its files, as `facevault calibrate` computes it: 64 hexadecimal digits.
    pub sha256: String,
    /// How many people it shows.
    pub people: u64,
    /// How many pairs of one person were compared.
    pub mated_pairs: u64,
    /// How many pairs of different people were compared.
    pub non_mated_pairs: u64,
}

/// One measured point of a [`CalibrationTable`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationPoint {
    /// False match rate: the share of non-mated pairs at or above `similarity`.
    pub fmr: f64,
    /// The threshold for that rate.
    pub similarity: f64,
    /// False non-match rate: the share of mated pairs below `similarity`.
    pub fnmr: f64,
    /// Lower end of its 95 % interval.
    pub fnmr_low: f64,
    /// Upper end of its 95 % interval.
    pub fnmr_high: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    measured_on: MeasuredOn,
    points: Vec<CalibrationPoint>,
}

impl TryFrom<Raw> for CalibrationTable {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        Self::new(raw.measured_on, raw.points)
    }
}

impl CalibrationTable {
    /// How many decades below its smallest measured rate a table may be continued for an
    /// identification. A search of many people needs rates that few data sets can measure, and it
    /// must answer; two decades take a table measured on 1 million pairs to 100,000 people at an
    /// FPIR of 1 %.
    pub const CONTINUED_DECADES: i32 = 2;

    /// Rule of three: if none of n pairs is a false match, the rate is below 3/n with 95 %
    /// confidence. No estimate says less.
    const RULE_OF_THREE: f64 = 3.0;

    /// A table of these points, in the order of falling rates.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless there are two points or more, rates fall and
    /// similarities rise from each to the next, every rate is a rate, every interval holds its
    /// rate, no rate is below 3 / `non_mated_pairs`, and the hash has 64 hexadecimal digits.
    pub fn new(measured_on: MeasuredOn, points: Vec<CalibrationPoint>) -> Result<Self> {
        let wrong = |field: String, rule: &str| Err(Error::invalid(field, Rule::Other(rule.into())));
        if measured_on.name.trim().is_empty() {
            return wrong("measured_on.name".into(), "must not be empty");
        }
        if measured_on.sha256.len() != 64 || !measured_on.sha256.bytes().all(|c| c.is_ascii_hexdigit()) {
            return wrong("measured_on.sha256".into(), "must have 64 hexadecimal digits");
        }
        if points.len() < 2 {
            return wrong("points".into(), "must have two items or more");
        }
        let carried = Self::RULE_OF_THREE / measured_on.non_mated_pairs.max(1) as f64;
        for (i, point) in points.iter().enumerate() {
            let field = |name| format!("points[{i}].{name}");
            if !(point.fmr > 0.0 && point.fmr < 1.0) {
                return wrong(field("fmr"), "must be above 0 and below 1");
            }
            if point.fmr < carried {
                return wrong(field("fmr"), "must not be below 3 / non_mated_pairs: the data cannot carry it");
            }
            if !point.similarity.is_finite() {
                return wrong(field("similarity"), "must be a finite number");
            }
            if !(0.0 <= point.fnmr_low
                && point.fnmr_low <= point.fnmr
                && point.fnmr <= point.fnmr_high
                && point.fnmr_high <= 1.0)
            {
                return wrong(field("fnmr"), "must be in its interval, and both from 0 to 1");
            }
        }
        for (i, pair) in points.windows(2).enumerate() {
            if !(pair[0].fmr > pair[1].fmr && pair[0].similarity < pair[1].similarity) {
                return wrong(
                    format!("points[{}]", i + 1),
                    "must have a smaller fmr and a larger similarity than the point before",
                );
            }
        }
        Ok(Self { measured_on, points })
    }

    /// What it was measured on.
    #[must_use]
    pub fn measured_on(&self) -> &MeasuredOn {
        &self.measured_on
    }

    /// The measured points, rates falling.
    #[must_use]
    pub fn points(&self) -> &[CalibrationPoint] {
        &self.points
    }

    /// The smallest rate that was measured: the smallest FMR that can be asked for.
    #[must_use]
    pub fn smallest_fmr(&self) -> f64 {
        self.last().fmr
    }

    /// The smallest FPIR that can be asked for in a search of so many people.
    #[must_use]
    pub fn smallest_fpir(&self, people_searched: u64) -> f64 {
        -((-self.continued_to()).ln_1p() * people_searched.max(1) as f64).exp_m1()
    }

    /// The most people that can be searched at an FPIR.
    #[must_use]
    pub fn most_people(&self, fpir: Fpir) -> u64 {
        ((-fpir.get()).ln_1p() / (-self.continued_to()).ln_1p()) as u64
    }

    /// The threshold for an operating point; `people_searched` matters to an FPIR alone.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for an FMR outside the measured ones, and for an FPIR
    /// that needs an FMR above them or more than [`Self::CONTINUED_DECADES`] below: the message
    /// says what can be asked for.
    pub fn threshold_for(&self, asked: OperatingPoint, people_searched: u64) -> Result<Threshold> {
        let (fmr, smallest) = match asked {
            OperatingPoint::Similarity(similarity) => {
                let fmr = Some(self.fmr_at(similarity));
                return Ok(Threshold { similarity, asked, people_searched, fmr, basis: Basis::Given });
            }
            OperatingPoint::Fmr(fmr) => (fmr, self.smallest_fmr()),
            OperatingPoint::Fpir(fpir) => (fpir.fmr(people_searched), self.continued_to()),
        };
        // Converting an FPIR to an FMR can change the last digits of the rate.
        let below = |limit: f64| fmr.get() < limit * (1.0 - 1e-9);
        if below(smallest) || fmr.get() > self.points[0].fmr * (1.0 + 1e-9) {
            return Err(self.cannot_carry(asked, fmr, people_searched));
        }
        let basis = if below(self.smallest_fmr()) { Basis::Extrapolated } else { Basis::Measured };
        let similarity = Similarity::new(self.similarity_at(fmr.get().log10()))?;
        Ok(Threshold { similarity, asked, people_searched, fmr: Some(fmr), basis })
    }

    /// How often two different people are at least this alike.
    ///
    /// Interpolated, continued beyond both ends, and never below 3 / n for the n non-mated pairs
    /// measured: that is what n pairs without a false match would still allow.
    #[must_use]
    pub fn fmr_at(&self, similarity: Similarity) -> Fmr {
        let floor = Self::RULE_OF_THREE / self.measured_on.non_mated_pairs.max(1) as f64;
        let rate = 10f64.powf(self.log10_fmr(similarity)).max(floor).min(1.0);
        Fmr::new(rate).unwrap_or(Fmr(1.0))
    }

    /// The decimal logarithm of the rate that stands for a similarity, without floor and ceiling.
    ///
    /// It falls with every step of the similarity, far beyond what was measured: right for putting
    /// similarities on a scale, wrong as a statement about rates, for which there is
    /// [`Self::fmr_at`].
    #[must_use]
    pub fn log10_fmr(&self, similarity: Similarity) -> f64 {
        let x = similarity.get();
        let (from, to) = self.segment(|point| x > point.similarity);
        let ((x0, y0), (x1, y1)) = ((from.similarity, from.fmr.log10()), (to.similarity, to.fmr.log10()));
        y0 + (x - x0) * (y1 - y0) / (x1 - x0)
    }

    /// The inverse of [`Self::log10_fmr`].
    fn similarity_at(&self, log10_fmr: f64) -> f64 {
        let (from, to) = self.segment(|point| log10_fmr < point.fmr.log10());
        let ((x0, y0), (x1, y1)) = ((from.similarity, from.fmr.log10()), (to.similarity, to.fmr.log10()));
        x0 + (log10_fmr - y0) * (x1 - x0) / (y1 - y0)
    }

    /// The two points whose line is used for a value; `beyond` tells whether the value lies past a point. The line
    /// meets the first of the two points exactly.
    fn segment(&self, beyond: impl Fn(&CalibrationPoint) -> bool) -> (&CalibrationPoint, &CalibrationPoint) {
        let points = &self.points;
        let passed = points.iter().take_while(|point| beyond(point)).count();
        if passed == points.len() {
            (self.last(), &points[points.len() - 2])
        } else {
            let to = passed.max(1);
            (&points[to - 1], &points[to])
        }
    }

    fn last(&self) -> &CalibrationPoint {
        // `new` refuses a table without points.
        &self.points[self.points.len() - 1]
    }

    /// The smallest rate to which the table may be continued.
    fn continued_to(&self) -> f64 {
        self.smallest_fmr() * 10f64.powi(-Self::CONTINUED_DECADES)
    }

    fn cannot_carry(&self, asked: OperatingPoint, fmr: Fmr, people_searched: u64) -> Error {
        let MeasuredOn { name, non_mated_pairs, .. } = &self.measured_on;
        let (smallest, largest) = (Rate(self.smallest_fmr()), Rate(self.points[0].fmr));
        let table = format!("the model's table, measured on {name} with {non_mated_pairs} non-mated pairs,");
        asked.refused(match asked {
            OperatingPoint::Fpir(fpir) if fmr.get() < self.smallest_fmr() => format!(
                "is {} over {people_searched} people, which needs an FMR of {}: {table} can be continued to {}; ask \
                 for fpir={} or more, search at most {} people, give a similarity, or calibrate on more people",
                Rate(fpir.get()),
                Rate(fmr.get()),
                Rate(self.continued_to()),
                RoundedUp(self.smallest_fpir(people_searched)),
                self.most_people(fpir),
            ),
            OperatingPoint::Fpir(fpir) => format!(
                "is {} over {people_searched} people, which needs an FMR of {}: {table} starts at {largest}; ask for \
                 a smaller rate or give a similarity",
                Rate(fpir.get()),
                Rate(fmr.get()),
            ),
            OperatingPoint::Fmr(_) | OperatingPoint::Similarity(_) => format!(
                "is {}: {table} carries {smallest} to {largest}; ask for a rate in between, give a similarity, or \
                 calibrate on more people",
                Rate(fmr.get()),
            ),
        })
    }
}

/// Shows a rate with three digits, rounded up so that asking for it succeeds.
struct RoundedUp(f64);

impl std::fmt::Display for RoundedUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10f64.powf(self.0.log10().floor() - 2.0);
        Rate(((self.0 / unit).ceil() * unit).min(1.0)).fmt(f)
    }
}

#[cfg(test)]
mod tests;
