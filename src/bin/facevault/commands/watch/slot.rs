//! The place for the one frame that waits to be looked at. A thread reads the source and puts frames there; if the
//! source is a camera, the thread also connects it again.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use facevault::{Error, ErrorKind, Result};

use super::shot::{Cut, Shot, Source};
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

/// What [`Slot::take`] returns.
pub(super) enum Taken {
    /// A frame and its time, or why one was refused.
    Shot(Result<(Shot, Duration)>),
    /// The source has ended, in good order or not.
    Ended(Result<()>),
    /// No frame came for as long as was waited.
    Silent,
    /// A camera that worked is gone, for this reason. It is being connected again.
    Gone(Error),
    /// It is back: frames follow.
    Back,
    /// Somebody asked to stop.
    Stopped,
}

/// The times between two attempts to connect a camera again: twice as long each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A place for one frame, shared by the thread that reads and the one that looks.
#[derive(Clone, Default)]
pub(super) struct Slot {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    waiting: Option<Result<(Shot, Duration)>>,
    /// That the camera is gone or back, until `take` has returned it.
    gone: Option<Error>,
    back: bool,
    /// Ends the source that is being read, even if it hangs.
    cut: Option<Cut>,
    /// How many frames were replaced by newer ones before they were taken.
    dropped: u64,
    ended: Option<Result<()>>,
    stopped: bool,
}

impl Slot {
    /// Opens and reads a source on a thread of its own. The thread ends when the source ends, or at the first frame
    /// after [`Self::stop`]; while it waits for its source, only the end of the process ends it. A source that
    /// `reconnects` is opened again when it ends, unless it gave no frame at all the first time.
    pub(super) fn read(
        &self,
        open: impl Fn() -> Result<Box<dyn Source>> + Send + 'static,
        pace: Pace,
        reconnects: bool,
    ) -> std::io::Result<()> {
        let slot = self.clone();
        let read = move || {
            let end = End(slot);
            let ended = end.0.read_on(open, pace, reconnects);
            end.0.lock().ended = Some(ended);
        };
        std::thread::Builder::new().name("facevault-source".to_owned()).spawn(read).map(drop)
    }

    fn read_on(&self, open: impl Fn() -> Result<Box<dyn Source>>, pace: Pace, reconnects: bool) -> Result<()> {
        let (began, mut wait, mut worked) = (Instant::now(), FIRST_WAIT, false);
        loop {
            let mut frames = 0;
            let ended = open().and_then(|mut source| self.pass_on(source.as_mut(), pace, began, &mut frames, worked));
            worked |= frames > 0;
            if !reconnects || !worked || self.lock().stopped {
                return ended;
            }
            let mut state = self.lock();
            if frames > 0 {
                wait = FIRST_WAIT;
                let why = ended.err().unwrap_or_else(|| Error::new(ErrorKind::Io, "it sends no more frames"));
                // A frame that still waits is older than this news.
                (state.waiting, state.back, state.gone) = (None, false, Some(why));
                self.shared.1.notify_all();
            }
            let is_going_on = |state: &mut State| !state.stopped;
            let waited = self.shared.1.wait_timeout_while(state, wait, is_going_on);
            if waited.unwrap_or_else(PoisonError::into_inner).0.stopped {
                return Ok(());
            }
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }

    fn pass_on(
        &self,
        source: &mut dyn Source,
        pace: Pace,
        began: Instant,
        frames: &mut u64,
        is_again: bool,
    ) -> Result<()> {
        self.lock().cut = source.cut();
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
            if shot.is_ok() {
                self.lock().back |= is_again && *frames == 0;
                *frames += 1;
            }
            let time = rate.map_or_else(|| began.elapsed(), |rate| Duration::from_secs_f64(f64::from(number) / rate));
            if !self.put(shot.map(|shot| (shot, time)), pace) {
                break;
            }
        }
        Ok(())
    }

    /// Puts a frame there; `false` if nobody will take it, because the watcher has stopped.
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
        let is_empty = |state: &mut State| {
            state.waiting.is_none() && state.ended.is_none() && state.gone.is_none() && !state.stopped
        };
        let waited = self.shared.1.wait_timeout_while(self.lock(), patience, is_empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !state.stopped
            && let Some(why) = state.gone.take()
        {
            return Taken::Gone(why);
        }
        if state.back && !state.stopped && state.waiting.is_some() {
            state.back = false;
            return Taken::Back;
        }
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

    /// Makes whoever waits stop, and ends the source.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.shared.1.notify_all();
        self.cut();
    }

    /// Ends the source that is being read, so that the thread that reads it goes on. `false` if this source cannot be
    /// ended from outside.
    pub(super) fn cut(&self) -> bool {
        let cut = self.lock().cut.take();
        cut.map(|cut| cut()).is_some()
    }

    /// How many frames were dropped, because a newer one came before they were looked at.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports the end of the reading thread when it is dropped, even after a panic, so that nobody waits for that thread.
struct End(Slot);

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.ended.is_none() {
            let message = "the thread that reads the source has panicked: this is a bug in facevault";
            state.ended = Some(Err(Error::new(ErrorKind::Runtime, message)));
        }
        self.0.shared.1.notify_all();
    }
}

/// A time in words.
pub(super) fn seconds(time: Duration) -> String {
    count(time.as_secs(), "second", "seconds")
}

/// The error if no frame came for this long.
pub(super) fn silent(patience: Duration) -> Error {
    let time = seconds(patience);
    Error::new(
        ErrorKind::Io,
        format!("no frame came for {time}: check the camera, or the program that sends the frames"),
    )
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
        let frames = Mutex::new(frames);
        let open = move || Ok(Box::new(Counted { left: std::mem::take(&mut *frames.lock().expect("once")) }) as _);
        slot.read(open, pace, false).expect("a thread");
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
        slot.pass_on(&mut source, Pace::Recorded(None), Instant::now(), &mut 0, false).expect("nothing goes wrong");
        assert_eq!(source.left.len(), 999, "nobody will take a frame any more");
    }

    #[test]
    fn a_camera_is_connected_again_and_a_fault_of_the_reader_is_told() {
        let slot = Slot::default();
        let attempts = Arc::new(Mutex::new(0));
        let open = move || {
            let mut attempts = attempts.lock().expect("one thread");
            *attempts += 1;
            let left = match *attempts {
                1 => vec![Ok(1), Err(Error::new(ErrorKind::Io, "unplugged"))],
                2 => return Err(Error::new(ErrorKind::Io, "not there yet")),
                3 => vec![Ok(3)],
                _ => panic!("the reader fails"),
            };
            Ok(Box::new(Counted { left }) as Box<dyn Source>)
        };
        slot.read(open, Pace::Live, true).expect("a thread");
        let mut told = Vec::new();
        let fault = loop {
            match patient(&slot) {
                Taken::Shot(shot) => told.push(format!("frame {}", shot.expect("whole").0.width)),
                Taken::Gone(why) => told.push(why.to_string()),
                Taken::Back => told.push("back".to_owned()),
                Taken::Ended(ended) => break ended.expect_err("a fault"),
                _ => panic!("nobody stops it"),
            }
        };
        // The frames may have been too old by the time when they were taken.
        told.retain(|told| !told.starts_with("frame") && told != "back");
        assert_eq!(told, ["unplugged", "it sends no more frames"]);
        assert!(fault.to_string().contains("a bug in facevault"), "{fault}");
    }
}
