//! One error type, sorted by who must act, and the refusal of a photo.

use std::error::Error as StdError;
use std::fmt;

mod refusal;

use crate::comparison::Decision;
use crate::person::{ImageId, PersonId};

pub use refusal::{ImageReport, Refusal, RefusalCode};

/// What this crate's operations return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who must act on an [`Error`], and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request breaks a rule: [`Error::violations`] names each field and rule.
    Invalid,
    /// No such person, collection, image or file; also the answer for another client's ids.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// The caller named a version that is no longer current.
    Conflict,
    /// At least one photo gave no encoding: [`Error::images`] has the outcome of each.
    Refused,
    /// The encodings at hand were made by another model.
    ModelMismatch,
    /// A model is not installed, or its file is not the one that its manifest names.
    ModelUnavailable,
    /// The inference runtime could not be loaded or failed while running.
    Runtime,
    /// Stored bytes are not what was written.
    Corrupt,
    /// The file is no vault, or belongs to a newer version of facevault.
    Unsupported,
    /// The vault's key is missing, wrong or cannot be read, or the vault is not encrypted.
    Key,
    /// Another process held the vault for longer than the busy timeout.
    Busy,
    /// The operating system refused: disk full, read-only, permission.
    Io,
    /// The disk failed at a moment after which nobody can tell whether the change will be there: read it again
    /// before you repeat it. What a vault answers until then is as before the change.
    OutcomeUnknown,
    /// The caller cancelled the operation; it may be started again.
    Cancelled,
}

impl ErrorKind {
    /// The kind in `snake_case`, as programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::ModelMismatch => "model_mismatch",
            Self::ModelUnavailable => "model_unavailable",
            Self::Runtime => "runtime",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Key => "key",
            Self::Busy => "busy",
            Self::Io => "io",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong: a kind, a plain sentence, and what caused it.
///
/// The sentence is lower case without a full stop. It names fields, files and limits; it never
/// holds a name, a photo or a vector.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    detail: Detail,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
enum Detail {
    None,
    Fields(Vec<Violation>),
    Images(Vec<ImageReport>),
    Duplicate(Duplicate),
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::with_detail(kind, message.into(), Detail::None)
    }

    /// A request that breaks one rule.
    pub fn invalid(field: impl Into<String>, rule: Rule) -> Self {
        Self::violated(vec![Violation { field: field.into(), rule }])
    }

    /// A request that breaks the given rules. The message states the first one and how many more there are; an empty
    /// list gives a general message.
    #[must_use]
    pub fn violated(violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [] => "the request is not valid".to_owned(),
            [one] => one.to_string(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        };
        Self::with_detail(ErrorKind::Invalid, message, Detail::Fields(violations))
    }

    /// Photos of which at least one was refused, with the outcome of each.
    #[must_use]
    pub fn refused(images: Vec<ImageReport>) -> Self {
        let refused: Vec<_> =
            images.iter().filter_map(|image| image.refusal.as_ref().map(|r| (image.index, r))).collect();
        let message = match refused.as_slice() {
            [] => "no photo was refused".to_owned(),
            [(index, refusal)] => format!("image {index}: {refusal}"),
            [(index, refusal), rest @ ..] => format!("image {index}: {refusal} (and {} more)", rest.len()),
        };
        Self::with_detail(ErrorKind::Refused, message, Detail::Images(images))
    }

    /// A new person who seems to exist already.
    #[must_use]
    pub fn already_known(duplicate: Duplicate) -> Self {
        Self::with_detail(ErrorKind::AlreadyExists, duplicate.to_string(), Detail::Duplicate(duplicate))
    }

    fn with_detail(kind: ErrorKind, message: String, detail: Detail) -> Self {
        Self { inner: Box::new(Inner { kind, message, detail, source: None }) }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Who must act.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The broken rules of an [`ErrorKind::Invalid`]; empty for other kinds.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        match &self.inner.detail {
            Detail::Fields(violations) => violations,
            _ => &[],
        }
    }

    /// The outcome of every photo of an [`ErrorKind::Refused`]; empty for other kinds.
    #[must_use]
    pub fn images(&self) -> &[ImageReport] {
        match &self.inner.detail {
            Detail::Images(images) => images,
            _ => &[],
        }
    }

    /// Whether this is about one person of several: the others can still be added.
    pub(crate) fn refuses_one_person(&self) -> bool {
        use ErrorKind::{AlreadyExists, Conflict, Invalid, ModelMismatch, NotFound, Refused};
        matches!(self.kind(), Invalid | NotFound | AlreadyExists | Conflict | Refused | ModelMismatch)
    }

    /// An error of the same kind that says the same, without what caused it and its details.
    pub(crate) fn repeated(&self) -> Self {
        Self::new(self.kind(), self.to_string())
    }

    /// The existing person that a new person seems to be, if the new one was refused for that.
    #[must_use]
    pub fn duplicate(&self) -> Option<&Duplicate> {
        match &self.inner.detail {
            Detail::Duplicate(duplicate) => Some(duplicate),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

/// A field of a request and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field:?} {rule}")]
#[non_exhaustive]
pub struct Violation {
    /// The field as the request spells it, with the index inside a list: `images[2]`.
    pub field: String,
    /// The rule.
    pub rule: Rule,
}

impl Violation {
    /// The rule that this field breaks.
    pub fn new(field: impl Into<String>, rule: Rule) -> Self {
        Self { field: field.into(), rule }
    }
}

/// A rule that a field of a request can break. Its text is the end of a sentence that starts with the
/// field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The field is missing.
    #[error("is required")]
    Required,
    /// There is no such field.
    #[error("is not allowed")]
    NotAllowed,
    /// `null` where a value is needed.
    #[error("must not be null")]
    NotNull,
    /// Another JSON type than the named one, with its article: `"a string"`.
    #[error("must be {0}")]
    Type(&'static str),
    /// Not one of the listed values.
    #[error("must be one of [{}]", .0.join(", "))]
    OneOf(&'static [&'static str]),
    /// A text outside these lengths, in characters.
    #[error("must have {min} to {max} characters")]
    Length {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
    },
    /// A list outside these lengths.
    #[error("must have {min} to {max} items")]
    Count {
        /// The fewest items.
        min: usize,
        /// The most items.
        max: usize,
    },
    /// A number outside this range, both ends included.
    #[error("must be from {min} to {max}")]
    Range {
        /// The smallest number.
        min: f64,
        /// The largest number.
        max: f64,
    },
    /// A number below this one.
    #[error("must be greater than or equal to {0}")]
    AtLeast(f64),
    /// A number above this one.
    #[error("must be less than or equal to {0}")]
    AtMost(f64),
    /// Not base64, in neither alphabet.
    #[error("must be base64")]
    Base64,
    /// Not a date that the calendar has, or one in the future.
    #[error("must be a date: {0}")]
    Date(String),
    /// More bytes than allowed.
    #[error("must have at most {limit} bytes, has {found}")]
    TooLarge {
        /// The bytes found.
        found: u64,
        /// The most bytes that are allowed.
        limit: u64,
    },
    /// Names something that does not exist.
    #[error("names an unknown {0}")]
    Unknown(String),
    /// Any other rule, as the end of a sentence that starts with the field: `must be ...`.
    #[error("{0}")]
    Other(String),
}

/// A person that a new person seems to be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The existing person.
    pub person: PersonId,
    /// What both have in common.
    pub reason: DuplicateReason,
}

/// What a new person has in common with an existing one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DuplicateReason {
    /// Name and date of birth.
    NameAndBirth,
    /// The face.
    Face {
        /// The person's photo that is most similar.
        image: ImageId,
        /// How similar, and the threshold that this reaches.
        decision: Decision,
    },
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let person = &self.person;
        match &self.reason {
            DuplicateReason::NameAndBirth => write!(f, "{person} has the same name and date of birth"),
            DuplicateReason::Face { decision, .. } => {
                let (similarity, threshold) = (decision.similarity.get(), &decision.threshold);
                write!(f, "{person} has the same face: the similarity {similarity:.4} reaches {threshold}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_first_broken_rule_and_counts_the_rest() {
        let error = Error::violated(vec![
            Violation { field: "name".into(), rule: Rule::NotNull },
            Violation { field: "shoe_size".into(), rule: Rule::NotAllowed },
        ]);
        assert_eq!(error.to_string(), "\"name\" must not be null (and 1 more)");
        assert_eq!(error.violations().len(), 2);
    }

    #[test]
    fn a_refusal_keeps_the_outcome_of_every_image() {
        let small =
            Refusal::measured(RefusalCode::FaceTooSmall, 21.0, 40.0, "the face is 21 pixels wide, 40 are needed");
        let error = Error::refused(vec![
            ImageReport { index: 0, refusal: None },
            ImageReport { index: 1, refusal: Some(small) },
        ]);
        assert_eq!(error.to_string(), "image 1: face_too_small: the face is 21 pixels wide, 40 are needed");
        assert_eq!(error.images().len(), 2);
    }

    #[test]
    fn the_cause_is_in_the_source_chain() {
        let error =
            Error::new(ErrorKind::Io, "the vault cannot be opened").caused_by(std::io::Error::other("disk on fire"));
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk on fire"));
    }
}
