//! How alike two encodings are, what that means, and the threshold that follows from a rate.
//!
//! A similarity by itself means nothing: 0.3 is a sure match for one network and chance for
//! another. A [`CalibrationTable`] gives it a meaning. It was measured on pairs of faces and says
//! how often two different people reach a similarity (the false match rate, FMR). Callers ask for
//! a rate, an [`OperatingPoint`]; the table turns it into a [`Threshold`], which records how it was chosen.

mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::table::{CalibrationPoint, CalibrationTable, MeasuredOn};
use crate::error::{Error, Result, Rule};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $field:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("The value, if it ", $rule, ".")]
            ///
            /// # Errors
            #[doc = concat!("[`Invalid`](crate::ErrorKind::Invalid) unless it ", $rule, ".")]
            pub fn new(value: f64) -> Result<Self> {
                let valid: fn(f64) -> bool = $valid;
                if !valid(value) {
                    return Err(Error::invalid($field, Rule::Other(format!(concat!($rule, ", is {}"), value))));
                }
                // `-0.0 + 0.0` is `0.0`: equal values are then equal to `total_cmp` too.
                Ok(Self(value + 0.0))
            }

            /// The value.
            #[must_use]
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = Error;

            fn try_from(value: f64) -> Result<Self> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl Eq for $name {}

        #[allow(clippy::derive_ord_xor_partial_ord)]
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// How alike two encodings of one model are: the larger the more alike. Its range is that of
    /// the model's [`Metric`](crate::Metric).
    Similarity, "similarity", "must be a finite number", f64::is_finite
}
number! {
    /// False match rate: the share of pairs of different people that are taken for one person.
    /// Above 0, at most 1.
    Fmr, "fmr", "must be above 0 and at most 1", |rate| rate > 0.0 && rate <= 1.0
}
number! {
    /// False-positive identification rate: the share of searches by strangers that return
    /// somebody. Above 0, below 1.
    Fpir, "fpir", "must be above 0 and below 1", |rate| rate > 0.0 && rate < 1.0
}

impl Fpir {
    /// The false match rate at which a search of `people_searched` people raises a false alarm
    /// for this share of strangers: `1 - (1 - FPIR)^(1/N)`.
    ///
    /// This assumes that the comparisons of one search are independent. They are not quite, which makes false alarms
    /// rarer than asked for, never more frequent. A person with several encodings is compared several times, and the
    /// best one counts: to search such people, pass the number of encodings; otherwise strangers raise more alarms than
    /// asked for.
    #[must_use]
    pub fn fmr(self, people_searched: u64) -> Fmr {
        // ln_1p and exp_m1 keep the digits that the formula as written loses below 1e-10.
        let rate = -((-self.0).ln_1p() / people_searched.max(1) as f64).exp_m1();
        Fmr(rate.clamp(f64::MIN_POSITIVE, 1.0))
    }

    /// The share of searches by strangers that return somebody of `people_searched` people when
    /// each comparison is a false match with probability `fmr`: `1 - (1 - FMR)^N`.
    #[must_use]
    pub fn expected(fmr: Fmr, people_searched: u64) -> f64 {
        -((-fmr.0).ln_1p() * people_searched.max(1) as f64).exp_m1()
    }
}

/// What a caller asks for: a rate, which the model's table turns into a threshold, or a similarity.
///
/// As text `fmr=1e-4`, `fpir=0.01` or `similarity=0.36`; in JSON and TOML `{"fmr": 0.0001}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatingPoint {
    /// This share of the pairs of different people may pass.
    Fmr(Fmr),
    /// A search may return somebody for this share of strangers.
    Fpir(Fpir),
    /// Similarities at or above this one pass; what that means depends on the model.
    Similarity(Similarity),
}

impl OperatingPoint {
    /// The false match rate `rate`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless above 0 and at most 1.
    pub fn fmr(rate: f64) -> Result<Self> {
        Fmr::new(rate).map(Self::Fmr)
    }

    /// The false-positive identification rate `rate`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless above 0 and below 1.
    pub fn fpir(rate: f64) -> Result<Self> {
        Fpir::new(rate).map(Self::Fpir)
    }

    /// The similarity `value`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless finite.
    pub fn similarity(value: f64) -> Result<Self> {
        Similarity::new(value).map(Self::Similarity)
    }

    /// The threshold for this operating point. `people_searched` is 1 for a comparison of two photos or a verification;
    /// for an identification, it is the number of people that the search covers (of their encodings where people have
    /// several, see [`Fpir::fmr`]).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where a rate is asked of a model without a table, and
    /// as for [`CalibrationTable::threshold_for`].
    pub fn threshold(self, table: Option<&CalibrationTable>, people_searched: u64) -> Result<Threshold> {
        match (self, table) {
            (_, Some(table)) => table.threshold_for(self, people_searched),
            (Self::Similarity(similarity), None) => {
                Ok(Threshold { similarity, asked: self, people_searched, fmr: None, basis: Basis::Given })
            }
            (Self::Fmr(_) | Self::Fpir(_), None) => Err(self.refused(
                "needs a model with a calibration table, and this model has none: give a similarity, or make a \
                 table with `facevault calibrate`"
                    .into(),
            )),
        }
    }

    /// An error that names this operating point's field.
    fn refused(self, rule: String) -> Error {
        let field = match self {
            Self::Fmr(_) => "fmr",
            Self::Fpir(_) => "fpir",
            Self::Similarity(_) => "similarity",
        };
        Error::invalid(field, Rule::Other(rule))
    }
}

impl fmt::Display for OperatingPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fmr(Fmr(rate)) if *rate < 1e-3 => write!(f, "fmr={rate:e}"),
            Self::Fmr(rate) => write!(f, "fmr={rate}"),
            Self::Fpir(Fpir(rate)) if *rate < 1e-3 => write!(f, "fpir={rate:e}"),
            Self::Fpir(rate) => write!(f, "fpir={rate}"),
            Self::Similarity(value) => write!(f, "similarity={value}"),
        }
    }
}

impl FromStr for OperatingPoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(
                "operating point",
                Rule::Other("must be fmr=RATE, fpir=RATE or similarity=VALUE, such as fmr=1e-4".into()),
            )
        };
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let value: f64 = value.trim().parse().map_err(|_| wrong())?;
        match name.trim() {
            "fmr" => Self::fmr(value),
            "fpir" => Self::fpir(value),
            "similarity" => Self::similarity(value),
            _ => Err(wrong()),
        }
    }
}

/// Where a [`Threshold`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The caller named the similarity.
    Given,
    /// The rate lies within the range of rates that the table was measured at.
    Measured,
    /// The rate is smaller than the smallest measured one; the threshold continues the table's end.
    Extrapolated,
}

/// The similarity at or above which two encodings count as one person's, and how it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Threshold {
    /// Similarities from this one on pass.
    pub similarity: Similarity,
    /// What was asked for.
    pub asked: OperatingPoint,
    /// The number of people that are searched: 1 for a comparison or a verification.
    pub people_searched: u64,
    /// The false match rate of one comparison that the threshold stands for; `None` for a model
    /// without a table.
    pub fmr: Option<Fmr>,
    /// Where the threshold comes from.
    pub basis: Basis,
}

impl Threshold {
    /// Whether a pair of this similarity passes.
    #[must_use]
    pub fn accepts(&self, similarity: Similarity) -> bool {
        similarity >= self.similarity
    }

    /// The decision on a pair of this similarity. `table` is the model's table, which gives the estimated rate.
    #[must_use]
    pub fn decide(&self, similarity: Similarity, table: Option<&CalibrationTable>) -> Decision {
        Decision {
            similarity,
            fmr: table.map(|table| table.fmr_at(similarity)),
            accepted: self.accepts(similarity),
            threshold: *self,
            liveness: None,
        }
    }
}

impl fmt::Display for Threshold {
    /// The similarity and the reason: `0.2891 (fpir=0.01 over 250 people, FMR 4.02e-5, measured)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ({}", self.similarity.0, self.asked)?;
        if matches!(self.asked, OperatingPoint::Fpir(_)) {
            write!(f, " over {} people", self.people_searched)?;
        }
        match (self.basis, self.fmr) {
            (Basis::Given, None) => f.write_str(", no table)"),
            (Basis::Given, Some(fmr)) => write!(f, ", FMR {})", Rate(fmr.0)),
            (basis, fmr) => {
                if let (OperatingPoint::Fpir(_), Some(fmr)) = (self.asked, fmr) {
                    write!(f, ", FMR {}", Rate(fmr.0))?;
                }
                f.write_str(if basis == Basis::Measured { ", measured)" } else { ", extrapolated)" })
            }
        }
    }
}

/// The answer to "is this that person?".
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// How alike both are.
    pub similarity: Similarity,
    /// How often two different people are at least this alike; `None` for a model without a table.
    pub fmr: Option<Fmr>,
    /// Whether the similarity reaches the threshold.
    pub accepted: bool,
    /// The threshold and how it was chosen.
    pub threshold: Threshold,
    /// How live the probe is, 0 to 1: the mean over its photos. `None` where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<f64>,
}

/// Shows a rate briefly: `0.01`, `1e-5`, `1.37e-5`.
pub(crate) struct Rate(pub(crate) f64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || !self.0.is_finite() {
            return write!(f, "{}", self.0);
        }
        let rounded: f64 = format!("{:.2e}", self.0).parse().unwrap_or(self.0);
        if rounded.abs() >= 1e-3 { write!(f, "{rounded}") } else { write!(f, "{rounded:e}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn operating_points_are_read_from_text_and_json() {
        for (text, json, point) in [
            ("fmr=1e-4", r#"{"fmr":0.0001}"#, OperatingPoint::fmr(1e-4)),
            ("fpir=0.01", r#"{"fpir":0.01}"#, OperatingPoint::fpir(0.01)),
            (" similarity = -0.5", r#"{"similarity":-0.5}"#, OperatingPoint::similarity(-0.5)),
        ] {
            let point = point.expect("in range");
            assert_eq!(text.parse::<OperatingPoint>().expect(text), point);
            assert_eq!(point.to_string().parse::<OperatingPoint>().expect("own text"), point);
            assert_eq!(serde_json::to_string(&point).expect("json"), json);
            assert_eq!(serde_json::from_str::<OperatingPoint>(json).expect("json"), point);
        }
    }

    #[test]
    fn values_out_of_range_name_their_field() {
        for (text, message) in [
            ("fmr=0", "\"fmr\" must be above 0 and at most 1, is 0"),
            ("fmr=1.5", "\"fmr\" must be above 0 and at most 1, is 1.5"),
            ("fmr=NaN", "\"fmr\" must be above 0 and at most 1, is NaN"),
            ("fpir=1", "\"fpir\" must be above 0 and below 1, is 1"),
            ("similarity=inf", "\"similarity\" must be a finite number, is inf"),
            ("far=1", "\"operating point\" must be fmr=RATE, fpir=RATE or similarity=VALUE, such as fmr=1e-4"),
        ] {
            assert_eq!(text.parse::<OperatingPoint>().expect_err(text).to_string(), message);
        }
        assert!(serde_json::from_str::<OperatingPoint>(r#"{"fmr":0}"#).is_err());
    }

    #[test]
    fn a_model_without_a_table_takes_a_similarity_and_refuses_to_guess() {
        let given = OperatingPoint::similarity(0.4).expect("finite").threshold(None, 1).expect("given");
        assert_eq!((given.similarity.get(), given.basis, given.fmr), (0.4, Basis::Given, None));
        assert_eq!(given.to_string(), "0.4000 (similarity=0.4, no table)");
        for (point, field) in [(OperatingPoint::fmr(1e-3), "fmr"), (OperatingPoint::fpir(0.01), "fpir")] {
            let error = point.expect("in range").threshold(None, 10).expect_err("no table");
            assert_eq!(error.violations()[0].field, field);
            assert!(error.to_string().contains("facevault calibrate"), "{error}");
        }
    }

    #[test]
    fn rates_are_shown_briefly() {
        for (rate, shown) in
            [(0.01, "0.01"), (1e-5, "1e-5"), (1.3693e-5, "1.37e-5"), (0.5, "0.5"), (0.0, "0"), (0.09516, "0.0952")]
        {
            assert_eq!(Rate(rate).to_string(), shown);
        }
    }

    #[test]
    fn an_fpir_over_one_person_is_an_fmr() {
        let fpir = Fpir::new(0.01).expect("in range");
        assert!((fpir.fmr(1).get() - 0.01).abs() < 1e-17 && fpir.fmr(0) == fpir.fmr(1));
        // 1 - 0.99^(1/734), to 16 digits.
        assert!((fpir.fmr(734).get() - 1.369_246_191_610_893_6e-5).abs() < 1e-20);
    }

    proptest! {
        #[test]
        fn operating_points_round_trip_through_text(rate in 1e-12f64..0.99, similarity in -1e3f64..1e3) {
            for point in [OperatingPoint::fmr(rate), OperatingPoint::fpir(rate), OperatingPoint::similarity(similarity)] {
                let point = point.expect("in range");
                prop_assert_eq!(point.to_string().parse::<OperatingPoint>().expect("own text"), point);
            }
        }

        #[test]
        fn the_fmr_of_an_fpir_gives_the_fpir_back(rate in 1e-9f64..0.99, people in 1u64..100_000_000) {
            let fmr = Fpir::new(rate).expect("in range").fmr(people);
            let back = Fpir::expected(fmr, people);
            prop_assert!((back / rate - 1.0).abs() < 1e-9, "{back} {rate}");
        }
    }
}
