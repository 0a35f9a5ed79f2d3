//! Whether a face seems to be that of a living person in front of the camera: presentation attack detection, as
//! ISO/IEC 30107 calls it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Refusal, RefusalCode, Result, Rule};
use crate::setters::setters;

/// What networks say about a face.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Liveness {
    /// How sure they are that the face is live, 0 to 1: the mean over networks.
    pub score: f64,
    /// The score of each network, 0 to 1, in the order of the manifest.
    pub networks: Vec<f64>,
}

impl Liveness {
    /// What networks say, each with a score from 0 to 1; `None` without a network.
    #[must_use]
    pub fn new(networks: Vec<f64>) -> Option<Self> {
        Some(Self { score: mean(&networks)?, networks })
    }

    /// Several shots of one face together: each network's mean over the shots. `None` without a shot, and for shots
    /// that were judged by different numbers of networks.
    #[must_use]
    pub fn mean<'a>(shots: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let shots: Vec<&Self> = shots.into_iter().collect();
        let count = shots.first()?.networks.len();
        if shots.iter().any(|shot| shot.networks.len() != count) {
            return None;
        }
        let of_network = |i: usize| mean(&shots.iter().map(|shot| shot.networks[i]).collect::<Vec<_>>());
        Self::new((0..count).map(of_network).collect::<Option<_>>()?)
    }
}

fn mean(scores: &[f64]) -> Option<f64> {
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// What an operation does about liveness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LivenessPolicy {
    /// It is not looked at.
    #[default]
    Off,
    /// The answer has the score; nothing is refused because of it.
    Report,
    /// Photos of a face that does not seem to be live are refused
    /// ([`RefusalCode::LivenessFailed`](crate::RefusalCode::LivenessFailed)).
    Require,
}

impl LivenessPolicy {
    /// The policy as commands and requests write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Require => "require",
        }
    }
}

impl fmt::Display for LivenessPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LivenessPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "off" => Ok(Self::Off),
            "report" => Ok(Self::Report),
            "require" => Ok(Self::Require),
            _ => Err(Error::invalid("liveness", Rule::OneOf(&["off", "report", "require"]))),
        }
    }
}

/// What an operation does about liveness, and from which score on a face counts as live.
///
/// ```
/// use facevault::{IdentifyOptions, LivenessCheck, LivenessPolicy};
///
/// let check = LivenessCheck::default().with_policy(LivenessPolicy::Require).with_min_score(0.7);
/// let options = IdentifyOptions::default().with_liveness(check);
/// assert_eq!(options.liveness.min_score, 0.7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LivenessCheck {
    /// What is done about it.
    pub policy: LivenessPolicy,
    /// A face counts as live if its score is above this one, 0 to 1.
    pub min_score: f64,
}

setters!(LivenessCheck { policy: with_policy(LivenessPolicy), min_score: with_min_score(f64) });

impl Default for LivenessCheck {
    /// Nothing is looked at. The least score is [`LivenessCheck::DEFAULT_MIN_SCORE`].
    fn default() -> Self {
        Self { policy: LivenessPolicy::Off, min_score: Self::DEFAULT_MIN_SCORE }
    }
}

impl LivenessCheck {
    /// The least score where none is given: 0.6. It was not calibrated; `facevault evaluate --protocol liveness`
    /// measures what it lets through.
    pub const DEFAULT_MIN_SCORE: f64 = 0.6;

    /// A check that refuses faces whose score is not above `min_score`.
    #[must_use]
    pub fn require(min_score: f64) -> Self {
        Self { policy: LivenessPolicy::Require, min_score }
    }

    /// Whether the networks have to be run.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.policy != LivenessPolicy::Off
    }

    /// Whether a score is that of a live face.
    #[must_use]
    pub fn passes(&self, score: f64) -> bool {
        score > self.min_score
    }

    /// Refuses a score that does not pass, where that is required.
    pub(crate) fn check(&self, score: f64) -> Result<(), Refusal> {
        if self.policy != LivenessPolicy::Require || self.passes(score) {
            return Ok(());
        }
        let message = format!(
            "the face does not seem to be that of a living person: its score is {score:.3}, more than {} is needed; \
             stand in front of the camera, in even light, without a screen or a picture in view",
            self.min_score
        );
        Err(Refusal::measured(RefusalCode::LivenessFailed, score, self.min_score, message))
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the least score is not from 0 to 1.
    pub(crate) fn validate(&self) -> Result<()> {
        if !self.is_asked() || (0.0..=1.0).contains(&self.min_score) {
            return Ok(());
        }
        Err(Error::invalid("min_score", Rule::Range { min: 0.0, max: 1.0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shots_count_together_by_their_mean() {
        let shot = |networks: &[f64]| Liveness::new(networks.to_vec()).expect("networks");
        let shots = [shot(&[1.0, 0.5]), shot(&[0.0, 0.25]), shot(&[0.5, 0.75])];
        assert_eq!(shots[0].score, 0.75);
        assert_eq!(Liveness::mean(&shots), Some(Liveness { score: 0.5, networks: vec![0.5, 0.5] }));
        assert_eq!(Liveness::mean(&[shot(&[1.0]), shot(&[1.0, 1.0])]), None);
        assert_eq!((Liveness::new(Vec::new()), Liveness::mean([])), (None, None));
    }

    #[test]
    fn only_what_is_required_is_refused() {
        let check = LivenessCheck::require(0.6);
        for (score, passes) in [(0.0, false), (0.6, false), (0.6f64.next_up(), true), (1.0, true)] {
            assert_eq!(check.check(score).is_ok(), passes, "{score}");
            assert!(check.with_policy(LivenessPolicy::Report).check(score).is_ok());
            assert!(check.with_policy(LivenessPolicy::Off).check(score).is_ok());
        }
        let refusal = check.check(0.25).expect_err("refused");
        assert_eq!(
            (refusal.code, refusal.measured, refusal.limit),
            (RefusalCode::LivenessFailed, Some(0.25), Some(0.6))
        );
    }

    #[test]
    fn a_least_score_is_a_share() {
        for (min_score, is_valid) in [(0.0, true), (1.0, true), (-0.1, false), (1.1, false), (f64::NAN, false)] {
            assert_eq!(LivenessCheck::require(min_score).validate().is_ok(), is_valid, "{min_score}");
            assert!(LivenessCheck::default().with_min_score(min_score).validate().is_ok(), "{min_score}");
        }
    }

    #[test]
    fn policies_are_read_as_they_are_written() {
        for policy in [LivenessPolicy::Off, LivenessPolicy::Report, LivenessPolicy::Require] {
            assert_eq!(policy.to_string().parse::<LivenessPolicy>().expect("a policy"), policy);
        }
        let error = "on".parse::<LivenessPolicy>().expect_err("none").to_string();
        assert_eq!(error, "\"liveness\" must be one of [off, report, require]");
    }
}
