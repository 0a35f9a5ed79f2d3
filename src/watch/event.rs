//! What happened before the camera.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use crate::comparison::{Fmr, Similarity, Threshold};
use crate::error::Refusal;
use crate::geometry::Rect;
use crate::person::{ImageId, PersonId};
use crate::vision::{Face, Quality};

/// What happened before the camera. A *visit* is one face from the moment when it came into view until it left; its
/// number is 1 for the first, and never given again.
///
/// Each visit has one [`Appeared`](Self::Appeared) and, at the end, one [`Left`](Self::Left). In between it is
/// [`Recognized`](Self::Recognized) or [`Unknown`](Self::Unknown) once, unless a cool-down keeps that back;
/// [`Updated`](Self::Updated) follows where better shots change the answer before it is final, and where the answer
/// becomes final while the face is in view. After an event that is final only `Left` follows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A face came into view.
    #[non_exhaustive]
    Appeared {
        /// The visit's number.
        visit: u64,
        /// The time of the frame.
        time: Duration,
        /// The face, in pixels of the upright picture.
        bounds: Rect,
    },
    /// The face is that of a person.
    #[non_exhaustive]
    Recognized {
        /// The visit's number.
        visit: u64,
        /// The time of the frame.
        time: Duration,
        /// Who it is.
        recognition: Recognition,
        /// The best shot so far.
        shot: BestShot,
        /// Whether the answer stays.
        is_final: bool,
        /// What its shots say about liveness; `None` where that is not asked for, and before the first shot.
        liveness: Option<VisitLiveness>,
    },
    /// It cannot be said whose face it is.
    #[non_exhaustive]
    Unknown {
        /// The visit's number.
        visit: u64,
        /// The time of the frame.
        time: Duration,
        /// Why.
        reason: UnknownReason,
        /// The best shot so far; `None` where no shot could be used.
        shot: Option<BestShot>,
        /// Whether the answer stays.
        is_final: bool,
        /// What its shots say about liveness; `None` where that is not asked for, and before the first shot.
        liveness: Option<VisitLiveness>,
    },
    /// Better shots changed the answer, or it is the same and final now.
    #[non_exhaustive]
    Updated {
        /// The visit's number.
        visit: u64,
        /// The time of the frame.
        time: Duration,
        /// The answer now.
        answer: Answer,
        /// The best shot so far.
        shot: Option<BestShot>,
        /// Whether the answer stays.
        is_final: bool,
        /// What its shots say about liveness; `None` where that is not asked for, and before the first shot.
        liveness: Option<VisitLiveness>,
    },
    /// The face has left.
    #[non_exhaustive]
    Left {
        /// The visit's number.
        visit: u64,
        /// The time of the frame in which it was missed for long enough.
        time: Duration,
        /// The time of the last frame that showed it.
        last_seen: Duration,
        /// The final answer, also where a cool-down kept it back.
        answer: Answer,
        /// What all its shots say about liveness; `None` where that is not asked for, and without a shot.
        liveness: Option<VisitLiveness>,
    },
}

impl Event {
    /// The visit's number.
    #[must_use]
    pub fn visit(&self) -> u64 {
        match self {
            Self::Appeared { visit, .. }
            | Self::Recognized { visit, .. }
            | Self::Unknown { visit, .. }
            | Self::Updated { visit, .. }
            | Self::Left { visit, .. } => *visit,
        }
    }

    /// The time of the frame with which it was noticed.
    #[must_use]
    pub fn time(&self) -> Duration {
        match self {
            Self::Appeared { time, .. }
            | Self::Recognized { time, .. }
            | Self::Unknown { time, .. }
            | Self::Updated { time, .. }
            | Self::Left { time, .. } => *time,
        }
    }

    /// Who it is, where the event says so.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Recognized { recognition, .. } => Some(&recognition.person),
            Self::Updated { answer, .. } | Self::Left { answer, .. } => answer.person(),
            Self::Appeared { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Whose face a visit's is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// A person's.
    Recognized(Recognition),
    /// That cannot be said.
    Unknown(UnknownReason),
}

impl Answer {
    /// The person.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Recognized(recognition) => Some(&recognition.person),
            Self::Unknown(_) => None,
        }
    }

    /// Whether both say the same, with whatever similarity.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Recognized(one), Self::Recognized(other)) => one.person == other.person,
            (Self::Unknown(one), Self::Unknown(other)) => std::mem::discriminant(one) == std::mem::discriminant(other),
            _ => false,
        }
    }
}

/// Who was recognised, and how surely.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recognition {
    /// The person.
    pub person: PersonId,
    /// The person's photo that is most similar to the shots.
    pub image: ImageId,
    /// The similarity of the fused shots to that photo.
    pub similarity: Similarity,
    /// How often two different people are as similar as this; `None` for a model without a table.
    pub fmr: Option<Fmr>,
    /// How far the person is ahead of the second; `None` with fewer than two people.
    pub margin: Option<f64>,
    /// The threshold of one look. What it was asked for is smaller than the rate of a visit.
    pub threshold: Threshold,
    /// How many shots were fused.
    pub shots: usize,
}

/// Why it cannot be said whose face it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum UnknownReason {
    /// Nobody is similar enough.
    #[non_exhaustive]
    NobodySimilar {
        /// The similarity to the most similar person; `None` where there is nobody to compare with.
        similarity: Option<Similarity>,
        /// The threshold of one look.
        threshold: Threshold,
    },
    /// No shot was good enough to be encoded.
    #[non_exhaustive]
    NotRecognizable {
        /// Why the last one was refused; `None` where the face was covered or gone before there was one. With the
        /// code [`LivenessFailed`](crate::RefusalCode::LivenessFailed), the face left before it had as many shots as
        /// [`WatchOptions::live_shots`](crate::WatchOptions::live_shots) asks for.
        refusal: Option<Refusal>,
    },
    /// The face does not seem to be that of a living person in front of the camera, which is required.
    #[non_exhaustive]
    Attack {
        /// What the shots say.
        liveness: VisitLiveness,
        /// The score must be above this one.
        min_score: f64,
    },
}

/// What the shots of a visit say about liveness.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct VisitLiveness {
    /// How sure the networks are that the face is live, 0 to 1: the mean over all shots that were encoded before the
    /// answer was final.
    pub score: f64,
    /// How many shots these are.
    pub shots: u32,
}

/// The best shot of a visit. Cloning is cheap. `Debug` does not show the picture.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct BestShot {
    /// The time of its frame.
    pub time: Duration,
    /// The face, in pixels of that frame's upright picture.
    pub face: Face,
    /// How good it is beside other shots, from 0 on: the larger the better.
    pub score: f64,
    /// What was measured.
    pub quality: Quality,
    /// The face with what is around it, at most 256 pixels a side.
    pub picture: Arc<RgbImage>,
}

impl fmt::Debug for BestShot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BestShot").field("time", &self.time).field("score", &self.score).finish_non_exhaustive()
    }
}
