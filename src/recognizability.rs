//! Whether a face's vector says whose face it is.
//!
//! A photo that nobody can recognise (noise, night, hard JPEG compression, blur, covered eyes or
//! mouth, a face upside down) still gives a vector, and such vectors resemble each other: two photos of strangers then
//! match. Such vectors differ from those of good photos in two ways: they are shorter, and they point in the average
//! direction of vectors of such photos. Both go into one value,
//!
//! `value = |v| * exp(-weight * c)`, `c` = the largest over the kinds of damage of `(v / |v|) . m`,
//!
//! where `m` is the mean of the unit vectors of photos with that damage. A face whose value is below
//! a limit is refused. `facevault calibrate` measures means, weight and limit for an embedder;
//! manifests hold them as TOML.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Refusal, RefusalCode, Result, Rule};

/// How recognisable a face must be for an embedder, and what that was measured on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use facevault::{Recognizability, RefusalCode};
///
/// // The length of the vector by itself.
/// let rule: Recognizability = toml::from_str("limit = 2.0\nweight = 0.0\nkinds = []")?;
/// assert_eq!(rule.check(&[0.0, 3.0])?, 3.0);
/// assert_eq!(rule.check(&[0.6, 0.8]).unwrap_err().code, RefusalCode::NotRecognizable);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Recognizability {
    limit: f64,
    weight: f64,
    kinds: Vec<DamageMean>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_on: Option<RecognizabilityData>,
}

/// The mean of the unit vectors of photos with one kind of damage, each component kept as a whole
/// number of steps from -127 to 127.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawMean", into = "RawMean")]
pub struct DamageMean {
    name: String,
    step: f64,
    mean: Vec<i8>,
}

/// The data that a [`Recognizability`] was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecognizabilityData {
    /// What the data is called.
    pub name: String,
    /// SHA-256 over its files, as `facevault calibrate` computes it: 64 hexadecimal digits.
    pub sha256: String,
    /// How many undamaged photos the limit was chosen on.
    pub photos: u64,
    /// The share of them that is below the limit, 0 to 1.
    pub refused: f64,
    /// The false match rate for which the threshold behind the figures of `damage` was chosen.
    pub asked_fmr: f64,
    /// What the limit lets through of each kind of damage, measured on people whose photos were not used for the means.
    pub damage: Vec<DamageOutcome>,
}

/// What became of photos with one kind of damage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DamageOutcome {
    /// The kind.
    pub name: String,
    /// How many photos there were, one a person.
    pub photos: u64,
    /// In how many of them a face was found.
    pub found: u64,
    /// How many of them gave an encoding.
    pub accepted: u64,
    /// The share of pairs of the accepted ones that are taken for one person; 0 without pairs.
    pub fmr: f64,
}

impl Recognizability {
    /// A rule from its limit, its weight (0 or more) and the means of the kinds of damage.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless limit and weight are finite and not negative
    /// and all means have the same number of components.
    pub fn new(limit: f64, weight: f64, kinds: Vec<DamageMean>) -> Result<Self> {
        for (field, value) in [("limit", limit), ("weight", weight)] {
            if !(value.is_finite() && value >= 0.0) {
                let rule = format!("must be a finite number of 0 or more, is {value}");
                return Err(Error::invalid(field, Rule::Other(rule)));
            }
        }
        if let Some(first) = kinds.first() {
            for (i, kind) in kinds.iter().enumerate() {
                let (expected, found) = (first.mean.len(), kind.mean.len());
                if found != expected {
                    let rule = format!("must have {expected} components as the first one, has {found}");
                    return Err(Error::invalid(format!("kinds[{i}].mean"), Rule::Other(rule)));
                }
            }
        }
        Ok(Self { limit, weight, kinds, measured_on: None })
    }

    /// The same rule with what it was measured on.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless the hash has 64 hexadecimal digits, the shares
    /// are from 0 to 1, and no kind has more photos found than there are or accepted than found.
    pub fn with_data(mut self, data: RecognizabilityData) -> Result<Self> {
        let wrong = |field: String, rule: &str| Err(Error::invalid(field, Rule::Other(rule.into())));
        if data.sha256.len() != 64 || !data.sha256.bytes().all(|c| c.is_ascii_hexdigit()) {
            return wrong("measured_on.sha256".into(), "must have 64 hexadecimal digits");
        }
        for (field, share) in [("refused", data.refused), ("asked_fmr", data.asked_fmr)] {
            if !(0.0..=1.0).contains(&share) {
                return wrong(format!("measured_on.{field}"), "must be from 0 to 1");
            }
        }
        for (i, kind) in data.damage.iter().enumerate() {
            if !(kind.accepted <= kind.found && kind.found <= kind.photos) {
                return wrong(
                    format!("measured_on.damage[{i}]"),
                    "must not have more photos found than there are, nor more accepted than found",
                );
            }
            if !(0.0..=1.0).contains(&kind.fmr) {
                return wrong(format!("measured_on.damage[{i}].fmr"), "must be from 0 to 1");
            }
        }
        self.measured_on = Some(data);
        Ok(self)
    }

    /// The least value that is taken, in the unit of the vector's length.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// How much the direction counts; 0 for the length alone.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The means of the kinds of damage.
    #[must_use]
    pub fn kinds(&self) -> &[DamageMean] {
        &self.kinds
    }

    /// What it was measured on, where it says so.
    #[must_use]
    pub fn measured_on(&self) -> Option<&RecognizabilityData> {
        self.measured_on.as_ref()
    }

    /// How many components the vectors must have; `None` where only their length counts.
    #[must_use]
    pub fn dimension(&self) -> Option<usize> {
        self.kinds.first().map(|kind| kind.mean.len())
    }

    /// Checks that the rule fits vectors of `dimension` components.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where its means have another number of components.
    pub fn must_fit(&self, dimension: usize) -> Result<()> {
        match self.dimension() {
            Some(found) if found != dimension => {
                let rule = format!("must have {dimension} components as the embedder's vectors, has {found}");
                Err(Error::invalid("kinds[0].mean", Rule::Other(rule)))
            }
            _ => Ok(()),
        }
    }

    /// How recognisable the face behind `vector` is, in the unit of the vector's length. The vector is the embedder's
    /// own, not normalised, and has [`Self::dimension`] components. 0 for a vector of zeros.
    #[must_use]
    pub fn value(&self, vector: &[f32]) -> f64 {
        let length = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let nearest = self.kinds.iter().map(|kind| kind.dot(vector)).max_by(f64::total_cmp);
        match nearest {
            Some(nearest) if length > 0.0 => length * (-self.weight * nearest / length).exp(),
            _ => length,
        }
    }

    /// The value of a vector that can be recognised.
    ///
    /// # Errors
    /// [`RefusalCode::NotRecognizable`] with the value and the limit.
    pub fn check(&self, vector: &[f32]) -> Result<f64, Refusal> {
        let (value, limit) = (self.value(vector), self.limit);
        if value >= limit {
            return Ok(value);
        }
        // Three digits of the limit, whatever the length of the model's vectors.
        let digits = (2.0 - limit.max(1e-6).log10().floor()).clamp(0.0, 9.0) as usize;
        let message = format!(
            "the face cannot be recognised: {value:.digits$} is measured, {limit:.digits$} is needed; send a photo that is sharp, evenly lit, upright and shows the whole face uncovered"
        );
        Err(Refusal::measured(RefusalCode::NotRecognizable, value, limit, message))
    }
}

impl DamageMean {
    /// The mean `mean` of the damage `name`, rounded to 127 steps either way.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for an empty name or mean, and for a component that is
    /// not finite.
    pub fn new(name: impl Into<String>, mean: &[f64]) -> Result<Self> {
        if mean.iter().any(|component| !component.is_finite()) {
            return Err(Error::invalid("mean", Rule::Other("must be finite".into())));
        }
        let largest = mean.iter().fold(0.0f64, |largest, component| largest.max(component.abs()));
        let step = if largest > 0.0 { largest / f64::from(i8::MAX) } else { 1.0 };
        let mean = mean.iter().map(|component| (component / step).round() as i8).collect();
        Self::of_steps(name.into(), step, mean)
    }

    fn of_steps(name: String, step: f64, mean: Vec<i8>) -> Result<Self> {
        let wrong = |field: &str, rule: &str| Err(Error::invalid(field, Rule::Other(rule.into())));
        if name.trim().is_empty() {
            return wrong("name", "must not be empty");
        }
        if !(step.is_finite() && step > 0.0) {
            return wrong("step", "must be a finite number above 0");
        }
        if mean.is_empty() {
            return wrong("mean", "must not be empty");
        }
        Ok(Self { name, step, mean })
    }

    /// What the kind of damage is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        self.mean.iter().map(|steps| f64::from(*steps) * self.step).collect()
    }

    /// The mean's steps as base64 of one byte each, and the size of a step.
    #[must_use]
    pub fn encoded(&self) -> (f64, String) {
        (self.step, BASE64.encode(bytemuck::cast_slice::<i8, u8>(&self.mean)))
    }

    fn dot(&self, vector: &[f32]) -> f64 {
        self.step * self.mean.iter().zip(vector).map(|(steps, v)| f64::from(*steps) * f64::from(*v)).sum::<f64>()
    }
}

impl fmt::Debug for DamageMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DamageMean({}, {} components)", self.name, self.mean.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    limit: f64,
    weight: f64,
    kinds: Vec<DamageMean>,
    measured_on: Option<RecognizabilityData>,
}

impl TryFrom<Raw> for Recognizability {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        let rule = Self::new(raw.limit, raw.weight, raw.kinds)?;
        raw.measured_on.map_or(Ok(rule.clone()), |data| rule.with_data(data))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMean {
    name: String,
    step: f64,
    mean: String,
}

impl TryFrom<RawMean> for DamageMean {
    type Error = Error;

    fn try_from(raw: RawMean) -> Result<Self> {
        let bytes = BASE64.decode(&raw.mean).map_err(|_| Error::invalid("mean", Rule::Base64))?;
        Self::of_steps(raw.name, raw.step, bytemuck::cast_slice::<u8, i8>(&bytes).to_vec())
    }
}

impl From<DamageMean> for RawMean {
    fn from(mean: DamageMean) -> Self {
        let (step, text) = mean.encoded();
        Self { name: mean.name, step, mean: text }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(limit: f64, weight: f64, means: &[&[f64]]) -> Recognizability {
        let kinds = means.iter().enumerate().map(|(i, mean)| DamageMean::new(format!("kind {i}"), mean));
        Recognizability::new(limit, weight, kinds.collect::<Result<_>>().expect("means")).expect("a rule")
    }

    #[test]
    fn the_value_is_the_length_less_what_the_direction_says() {
        for (weight, means, vector, value) in [
            (0.0, vec![], [3.0, 4.0], 5.0),
            (7.0, vec![], [3.0, 4.0], 5.0),
            (0.0, vec![[1.0, 0.0]], [3.0, 4.0], 5.0),
            (2.0, vec![[1.0, 0.0]], [3.0, 0.0], 3.0 * (-2.0f64).exp()),
            (2.0, vec![[1.0, 0.0]], [-3.0, 0.0], 3.0 * 2.0f64.exp()),
            // The nearest kind counts, and means are not normalised.
            (2.0, vec![[0.5, 0.0], [0.0, 0.25]], [3.0, 0.0], 3.0 * (-1.0f64).exp()),
            (2.0, vec![[0.5, 0.0], [0.0, 0.25]], [0.0, 3.0], 3.0 * (-0.5f64).exp()),
            (2.0, vec![[1.0, 0.0]], [0.0, 0.0], 0.0),
        ] {
            let means: Vec<&[f64]> = means.iter().map(|mean| mean.as_slice()).collect();
            let found = rule(1.0, weight, &means).value(&vector);
            assert!((found - value).abs() < 1e-12, "{weight} {means:?} {vector:?}: {found}, expected {value}");
        }
    }

    #[test]
    fn what_is_below_the_limit_is_refused_with_both_numbers() {
        let rule = rule(5.0, 0.0, &[]);
        assert_eq!(rule.check(&[3.0, 4.0]), Ok(5.0));
        for vector in [[3.0, 3.9], [0.0, 0.0], [f32::NAN, 9.0]] {
            let refusal = rule.check(&vector).expect_err("below");
            assert_eq!((refusal.code, refusal.limit), (RefusalCode::NotRecognizable, Some(5.0)));
            assert!(refusal.message.contains("5.00 is needed; send a photo"), "{refusal}");
        }
    }

    fn data() -> RecognizabilityData {
        let damage = DamageOutcome { name: "night".into(), photos: 9, found: 8, accepted: 7, fmr: 0.25 };
        RecognizabilityData {
            name: "some photos".into(),
            sha256: "0a".repeat(32),
            photos: 100,
            refused: 0.01,
            asked_fmr: 1e-3,
            damage: vec![damage],
        }
    }

    #[test]
    fn rules_that_cannot_be_are_refused() {
        let mean = |mean: &[f64]| DamageMean::new("kind", mean).expect("a mean");
        for (field, rule) in [
            ("limit", Recognizability::new(f64::NAN, 0.0, vec![])),
            ("limit", Recognizability::new(-1.0, 0.0, vec![])),
            ("weight", Recognizability::new(1.0, f64::INFINITY, vec![])),
            ("kinds[1].mean", Recognizability::new(1.0, 1.0, vec![mean(&[1.0]), mean(&[1.0, 2.0])])),
            ("mean", DamageMean::new("kind", &[f64::NAN]).map(|_| rule(1.0, 0.0, &[]))),
            ("mean", DamageMean::new("kind", &[]).map(|_| rule(1.0, 0.0, &[]))),
            ("name", DamageMean::new(" ", &[1.0]).map(|_| rule(1.0, 0.0, &[]))),
            ("measured_on.sha256", rule(1.0, 0.0, &[]).with_data(RecognizabilityData { sha256: "0".into(), ..data() })),
            ("measured_on.refused", rule(1.0, 0.0, &[]).with_data(RecognizabilityData { refused: 2.0, ..data() })),
            (
                "measured_on.damage[0]",
                rule(1.0, 0.0, &[]).with_data(RecognizabilityData {
                    damage: vec![DamageOutcome { found: 10, ..data().damage[0].clone() }],
                    ..data()
                }),
            ),
        ] {
            assert_eq!(rule.expect_err(field).violations()[0].field, field);
        }
        assert!(rule(1.0, 1.0, &[&[1.0, 2.0]]).must_fit(2).is_ok());
        assert!(rule(1.0, 1.0, &[&[1.0, 2.0]]).must_fit(3).is_err());
        assert!(rule(1.0, 1.0, &[]).must_fit(3).is_ok());
    }

    #[test]
    fn rules_round_trip_through_toml_and_json() {
        let rule = rule(8.5, 2.0, &[&[0.5, -0.25, 0.125], &[0.0, 0.0, 0.0]]).with_data(data()).expect("data");
        let text = toml::to_string(&rule).expect("toml");
        assert_eq!(toml::from_str::<Recognizability>(&text).expect("own text"), rule);
        let json = serde_json::to_string(&rule).expect("json");
        assert_eq!(serde_json::from_str::<Recognizability>(&json).expect("own text"), rule);
        for (from, to, said) in [
            ("weight = 2.0", "weight = -2.0", "weight"),
            ("weight = 2.0", "wait = 2.0", "wait"),
            ("mean = \"", "mean = \"!", "base64"),
        ] {
            let error = toml::from_str::<Recognizability>(&text.replacen(from, to, 1)).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_mean_is_kept_to_half_a_step(mean in proptest::collection::vec(-1.0f64..1.0, 1..40)) {
            let kept = DamageMean::new("kind", &mean).expect("finite");
            let step = mean.iter().fold(0.0f64, |largest, c| largest.max(c.abs())) / 127.0;
            for (kept, given) in kept.mean().iter().zip(&mean) {
                prop_assert!((kept - given).abs() <= step * 0.5001 + 1e-15);
            }
        }
    }
}
