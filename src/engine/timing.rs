//! Where an engine's time goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time spent in each step, added up over threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Timing {
    /// Decoding photos.
    pub decode: Duration,
    /// Detecting faces: scaling, the network, reading its tensors, landmarks.
    pub detect: Duration,
    /// Choosing the face, measuring it and cutting it out.
    pub align: Duration,
    /// Embedding: filling the tensor and the network.
    pub embed: Duration,
    /// The part of all this that was spent inside the networks; zero for an engine of the caller's
    /// own parts.
    pub networks: Duration,
}

impl Timing {
    /// All steps together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.decode + self.detect + self.align + self.embed
    }

    /// What was added since the engine's time was `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            decode: self.decode.saturating_sub(before.decode),
            detect: self.detect.saturating_sub(before.detect),
            align: self.align.saturating_sub(before.align),
            embed: self.embed.saturating_sub(before.embed),
            networks: self.networks.saturating_sub(before.networks),
        }
    }
}

/// A step of [`Timing`].
#[derive(Clone, Copy)]
pub(super) enum Step {
    Decode,
    Detect,
    Align,
    Embed,
}

/// The running sums.
#[derive(Default)]
pub(super) struct Clock {
    nanoseconds: [AtomicU64; 4],
}

impl Clock {
    /// Runs `work` and adds its time to `step`.
    pub(super) fn time<T>(&self, step: Step, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds[step as usize].fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }

    pub(super) fn read(&self, networks: Duration) -> Timing {
        let sum = |step: Step| Duration::from_nanos(self.nanoseconds[step as usize].load(Ordering::Relaxed));
        Timing {
            decode: sum(Step::Decode),
            detect: sum(Step::Detect),
            align: sum(Step::Align),
            embed: sum(Step::Embed),
            networks,
        }
    }
}
