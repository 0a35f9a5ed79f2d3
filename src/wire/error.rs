//! What went wrong, as programs read it.

use serde::ser::{Serialize, Serializer};

use crate::comparison::{Fmr, Similarity, Threshold};
use crate::error::{Duplicate, DuplicateReason, Error, ImageReport};

use super::sorted;

/// What became of a photo of the request.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum ImageOutcome {
    /// It gave an encoding.
    Ok {
        /// The photo's place in the request, from 0.
        index: usize,
    },
    /// It was refused.
    Refused {
        /// The photo's place in the request, from 0.
        index: usize,
        /// The reason, for programs.
        code: &'static str,
        /// What was measured, in the unit that the message names.
        #[cfg_attr(feature = "http", schema(required = true))]
        measured: Option<f64>,
        /// The limit that the measured value misses.
        #[cfg_attr(feature = "http", schema(required = true))]
        limit: Option<f64>,
        /// What was found and what to do about it.
        message: String,
        /// The reason in the words of the error's `message`.
        #[cfg_attr(feature = "http", schema(nullable = false))]
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
    },
}

impl ImageOutcome {
    /// The outcome, with `reason` where the photo was refused.
    pub(crate) fn new(report: &ImageReport, reason: Option<&'static str>) -> Self {
        let index = report.index;
        match &report.refusal {
            None => Self::Ok { index },
            Some(refusal) => Self::Refused {
                index,
                code: refusal.code.as_str(),
                measured: refusal.measured,
                limit: refusal.limit,
                message: refusal.message.clone(),
                reason,
            },
        }
    }
}

impl Serialize for ImageReport {
    /// `{"index": 0, "status": "ok"}`, or `"refused"` with the refusal's fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(&ImageOutcome::new(self, None), serializer)
    }
}

#[derive(serde::Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
enum DuplicateAnswer<'a> {
    NameAndBirth { person: &'a str },
    Face { person: &'a str, image: &'a str, similarity: Similarity, fmr: Option<Fmr>, threshold: Threshold },
}

impl Serialize for Duplicate {
    /// `{"person", "reason": "name_and_birth"}`, or `"face"` with `image`, `similarity`, `fmr` and
    /// `threshold`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let person = self.person.as_str();
        let answer = match &self.reason {
            DuplicateReason::NameAndBirth => DuplicateAnswer::NameAndBirth { person },
            DuplicateReason::Face { image, decision } => DuplicateAnswer::Face {
                person,
                image: image.as_str(),
                similarity: decision.similarity,
                fmr: decision.fmr,
                threshold: decision.threshold,
            },
        };
        sorted(&answer, serializer)
    }
}

/// An error as the command writes it: its kind, its sentence, and every broken rule or photo, or the
/// existing person that a new one resembles.
#[derive(Debug)]
pub struct ErrorAnswer<'a>(
    /// The error.
    pub &'a Error,
);

#[derive(serde::Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<BrokenRule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate: Option<&'a Duplicate>,
    error: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    images: &'a [ImageReport],
    message: String,
}

#[derive(serde::Serialize)]
struct BrokenRule<'a> {
    field: &'a str,
    rule: String,
}

impl Serialize for ErrorAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let broken = error.violations().iter();
        let answer = Fields {
            details: broken.map(|found| BrokenRule { field: &found.field, rule: found.rule.to_string() }).collect(),
            duplicate: error.duplicate(),
            error: error.kind().as_str(),
            images: error.images(),
            message: error.to_string(),
        };
        answer.serialize(serializer)
    }
}
