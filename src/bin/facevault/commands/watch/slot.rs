//! The frame that waits to be looked at: the thread that reads a source puts it there.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use facevault::{Error, ErrorKind, Result};

use super::source::{Shot, Source};
use crate::output::count;

/// Frames a second of a recording that does not say.
pub(super) const USUAL_RATE: f64 = 25.0;

/// How frames get their times, and what happens to one that comes while another is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// From a camera: frames have the time of their arrival, and only the newest waits.
    Live,
    /// From a recording of this rate, or of the rate that it states: every frame is looked at.
    Recorded(Option<f64>),
}

/// What there was to take.
pub(super) enum Taken {
    /// A frame and its time, or why one was refused.
    Shot(Result<(Shot, Duration)>),
    /// The source has ended, in good order or not.
    Ended(Result<()>),
    /// No frame came for as long as was waited.
    Silent,
    /// Somebody asked to stop.
    Stopped,
}

/// A place for one frame, shared by the thread that reads and the one that looks.
#[derive(Clone, Default)]
pub(super) struct Slot {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    waiting: Option<Result<(Shot, Duration)>>,
    /// How many frames a newer one took the place of.
    dropped: u64,
    ended: Option<Result<()>>,
    stopped: bool,
}

impl Slot {
    /// Opens and reads a source on a thread of its own, which ends with the source, or with the first frame that
    /// nobody takes any more. One that waits for its source ends with the process.
    pub(super) fn read(
        &self,
        open: impl FnOnce() -> Result<Box<dyn Source>> + Send + 'static,
        pace: Pace,
    ) -> std::io::Result<()> {
        let slot = self.clone();
        let read = move || {
            let ended = open().and_then(|mut source| slot.pass_on(source.as_mut(), pace));
            slot.lock().ended = Some(ended);
            slot.shared.1.notify_all();
        };
        std::thread::Builder::new().name("facevault-source".to_owned()).spawn(read).map(drop)
    }

    fn pass_on(&self, source: &mut dyn Source, pace: Pace) -> Result<()> {
        let began = Instant::now();
        let rate = match pace {
            Pace::Live => None,
            Pace::Recorded(rate) => Some(rate.or(source.rate()).unwrap_or(USUAL_RATE)),
        };
        for number in 0_u32.. {
            let shot = match source.next() {
                Ok(None) => break,
                Ok(Some(shot)) => Ok(shot),
                Err(error) if error.kind() == ErrorKind::Refused => Err(error),
                Err(error) => return Err(error),
            };
            let time = rate.map_or_else(|| began.elapsed(), |rate| Duration::from_secs_f64(f64::from(number) / rate));
            if !self.put(shot.map(|shot| (shot, time)), pace) {
                break;
            }
        }
        Ok(())
    }

    /// Puts a frame there; `false` where nobody will take it.
    fn put(&self, shot: Result<(Shot, Duration)>, pace: Pace) -> bool {
        let mut state = self.lock();
        if pace != Pace::Live {
            let is_full = |state: &mut State| state.waiting.is_some() && !state.stopped;
            state = self.shared.1.wait_while(state, is_full).unwrap_or_else(PoisonError::into_inner);
        }
        state.dropped += u64::from(state.waiting.replace(shot).is_some());
        self.shared.1.notify_all();
        !state.stopped
    }

    /// Waits for the next frame, for at most `patience`.
    pub(super) fn take(&self, patience: Duration) -> Taken {
        let is_empty = |state: &mut State| state.waiting.is_none() && state.ended.is_none() && !state.stopped;
        let waited = self.shared.1.wait_timeout_while(self.lock(), patience, is_empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let taken = match (state.stopped, state.waiting.take(), state.ended.take()) {
            (true, ..) => Taken::Stopped,
            (false, Some(shot), ended) => {
                state.ended = ended;
                Taken::Shot(shot)
            }
            (false, None, Some(ended)) => Taken::Ended(ended),
            (false, None, None) => Taken::Silent,
        };
        self.shared.1.notify_all();
        taken
    }

    /// Makes whoever waits stop.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.shared.1.notify_all();
    }

    /// How many frames came too early to be looked at.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said where no frame came for so long.
pub(super) fn silent(patience: Duration) -> Error {
    let time = count(patience.as_secs(), "second", "seconds");
    Error::new(ErrorKind::Io, format!("no frame came for {time}: the camera is gone, or the source hangs"))
}

#[cfg(test)]
mod tests {
    use facevault::{PixelFormat, YuvMatrix, YuvRange};

    use super::*;

    /// Frames that are as wide as their number says, from 1, and then an error or none.
    struct Counted {
        left: Vec<Result<u32>>,
    }

    impl Source for Counted {
        fn next(&mut self) -> Result<Option<Shot>> {
            if self.left.is_empty() {
                return Ok(None);
            }
            let width = self.left.remove(0)?;
            let color = (YuvRange::Full, YuvMatrix::Bt601);
            Ok(Some(Shot { format: PixelFormat::Gray8, width, height: 1, bytes: vec![0; width as usize], color }))
        }

        fn rate(&self) -> Option<f64> {
            Some(10.0)
        }
    }

    fn reading(frames: Vec<Result<u32>>, pace: Pace) -> Slot {
        let slot = Slot::default();
        slot.read(move || Ok(Box::new(Counted { left: frames })), pace).expect("a thread");
        slot
    }

    fn patient(slot: &Slot) -> Taken {
        slot.take(Duration::from_secs(60))
    }

    #[test]
    fn every_frame_of_a_recording_is_taken_in_its_turn() {
        for (pace, apart) in [(Pace::Recorded(None), 100), (Pace::Recorded(Some(4.0)), 250)] {
            let refused = Error::new(ErrorKind::Refused, "the second");
            let slot = reading(vec![Ok(1), Err(refused), Ok(3), Ok(4)], pace);
            let mut taken = Vec::new();
            let ended = loop {
                match patient(&slot) {
                    Taken::Shot(Ok((shot, time))) => taken.push((shot.width, time.as_millis())),
                    Taken::Shot(Err(error)) => assert_eq!(error.to_string(), "the second"),
                    Taken::Ended(ended) => break ended,
                    _ => panic!("the source neither hangs nor is stopped"),
                }
            };
            ended.expect("in good order");
            assert_eq!(taken, [(1, 0), (3, 2 * apart), (4, 3 * apart)]);
            assert_eq!(slot.dropped(), 0);
        }
    }

    #[test]
    fn of_a_camera_the_newest_frame_is_taken() {
        let slot = reading(vec![Ok(1), Ok(2), Ok(3), Err(Error::new(ErrorKind::Io, "unplugged"))], Pace::Live);
        while slot.lock().ended.is_none() {
            std::thread::yield_now();
        }
        match patient(&slot) {
            Taken::Shot(Ok((shot, _))) => assert_eq!(shot.width, 3),
            _ => panic!("a frame waits"),
        }
        match patient(&slot) {
            Taken::Ended(ended) => assert_eq!(ended.expect_err("an error").to_string(), "unplugged"),
            _ => panic!("the source has ended"),
        }
        assert_eq!(slot.dropped(), 2);
    }

    #[test]
    fn whoever_waits_is_told_to_stop() {
        let slot = Slot::default();
        assert!(matches!(slot.take(Duration::from_millis(1)), Taken::Silent));
        let stopped = slot.clone();
        let stops = std::thread::spawn(move || stopped.stop());
        assert!(matches!(patient(&slot), Taken::Stopped));
        stops.join().expect("stopped");
        let mut source = Counted { left: (1..).take(1_000).map(Ok).collect() };
        slot.pass_on(&mut source, Pace::Recorded(None)).expect("nothing goes wrong");
        assert_eq!(source.left.len(), 999, "nobody will take a frame any more");
    }
}
