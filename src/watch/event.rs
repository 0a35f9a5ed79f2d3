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

/// What happened before the camera. A *visit* is one face from the moment it came into view until it left. Visits are
/// numbered from 1, and no number is used twice.
///
/// Each visit begins with [`Appeared`](Self::Appeared) and ends with [`Left`](Self::Left). In between there is one
/// [`Recognized`](Self::Recognized) or [`Unknown`](Self::Unknown), unless a cool-down suppresses it
/// ([`WatchOptions::cool_down`](crate::WatchOptions::cool_down)). [`Updated`](Self::Updated) follows if better shots
/// change the answer, or if the answer becomes final while the face is still in view. After a final event only `Left`
/// follows.
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
        /// Whether the answer is final: then no later event changes it.
        is_final: bool,
        /// What its shots say about liveness; `None` where that is not asked for, and before the first shot.
        liveness: Option<VisitLiveness>,
    },
    /// The face was not recognised as that of a person in the vault.
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
        /// Whether the answer is final: then no later event changes it.
        is_final: bool,
        /// What its shots say about liveness; `None` where that is not asked for, and before the first shot.
        liveness: Option<VisitLiveness>,
    },
    /// Better shots changed the answer, or the same answer has become final.
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
        /// Whether the answer is final: then no later event changes it.
        is_final: bool,
        /// What its shots say about liveness; `None` where that is not asked for, and before the first shot.
        liveness: Option<VisitLiveness>,
    },
    /// The face has left.
    #[non_exhaustive]
    Left {
        /// The visit's number.
        visit: u64,
        /// The time of the frame at which the face had been out of view for long enough to count as gone.
        time: Duration,
        /// The time of the last frame that showed it.
        last_seen: Duration,
        /// The final answer, even if a cool-down suppressed it before.
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

/// The answer about a visit: who it is, or that nobody was recognised.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// A person was recognised.
    Recognized(Recognition),
    /// Nobody was recognised.
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

    /// Whether both name the same person, or neither names one for the same reason. Similarities are not compared.
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
    /// The threshold of one look, that is, of one search of the vault. It is stricter than the operating point of a
    /// visit, because a visit may have several looks.
    pub threshold: Threshold,
    /// How many shots were fused.
    pub shots: usize,
}

/// Why nobody was recognised.
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
        /// Why the last shot was refused; `None` if no shot was taken, because the face was covered or soon gone. With
        /// the code [`LivenessFailed`](crate::RefusalCode::LivenessFailed), the face left before it had as many shots
        /// as [`WatchOptions::live_shots`](crate::WatchOptions::live_shots) asks for.
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
    /// How good the shot is compared with other shots: 0 or more, larger is better.
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
