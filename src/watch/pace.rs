//! Which frames are looked at.

use std::time::Duration;

use crate::error::{Error, Result, Rule};

/// Decides which frames are looked at, by their times alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// The time of the latest frame, and of the latest one that was looked at.
    latest: Option<Duration>,
    looked_at: Option<Duration>,
    /// Frames from this time on are looked at.
    free: Duration,
}

impl Pace {
    /// Whether a frame of this time would be looked at.
    pub(super) fn wants(&self, time: Duration) -> bool {
        time >= self.free
    }

    /// Takes a frame of this time, and says whether it is looked at: the next one is after `interval`.
    pub(super) fn take(&mut self, time: Duration, interval: Duration) -> Result<bool> {
        if let Some(latest) = self.latest.filter(|latest| time < *latest) {
            let rule = format!("must not be before that of the frame before, {latest:?}, is {time:?}");
            return Err(Error::invalid("time", Rule::Other(rule)));
        }
        self.latest = Some(time);
        let wanted = self.wants(time);
        if wanted {
            self.looked_at = Some(time);
            self.free = time.saturating_add(interval);
        }
        Ok(wanted)
    }

    /// The work on the latest frame that was looked at took this long.
    pub(super) fn busy_for(&mut self, took: Duration) {
        if let Some(time) = self.looked_at {
            self.free = self.free.max(time.saturating_add(took));
        }
    }

    /// The time of the latest frame.
    pub(super) fn latest(&self) -> Duration {
        self.latest.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 33;

    /// Which of so many frames are looked at, where each one takes so many milliseconds.
    fn looked_at(frames: u64, interval: u64, took: u64) -> Vec<u64> {
        let mut pace = Pace::default();
        let mut looked_at = Vec::new();
        for frame in 0..frames {
            let time = Duration::from_millis(FRAME * frame);
            let wanted = pace.wants(time);
            assert_eq!(pace.take(time, Duration::from_millis(interval)).expect("in order"), wanted);
            if wanted {
                looked_at.push(frame);
                pace.busy_for(Duration::from_millis(took));
            }
        }
        looked_at
    }

    #[test]
    fn frames_that_come_while_the_watcher_is_busy_are_dropped() {
        assert_eq!(looked_at(6, 25, 0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(looked_at(6, 25, 33), [0, 1, 2, 3, 4, 5]);
        assert_eq!(looked_at(6, 25, 34), [0, 2, 4]);
        assert_eq!(looked_at(6, 50, 0), [0, 2, 4]);
        assert_eq!(looked_at(7, 50, 70), [0, 3, 6]);
    }

    #[test]
    fn time_does_not_go_back() {
        let mut pace = Pace::default();
        let second = Duration::from_secs(1);
        assert!(pace.take(second, Duration::ZERO).expect("the first"));
        assert!(pace.take(second, Duration::ZERO).expect("the same time"));
        let error = pace.take(second / 2, Duration::ZERO).expect_err("before");
        assert_eq!(error.violations()[0].field, "time");
        assert!(pace.take(second, Duration::ZERO).expect("an error changes nothing"));
        assert_eq!(pace.latest(), second);
        pace.busy_for(Duration::MAX);
        assert!(!pace.wants(Duration::from_secs(1 << 40)));
    }
}
