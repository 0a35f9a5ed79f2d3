//! A camera: from its frames to visits, and one answer for each visit.
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//!
//! use facevault::{Engine, EngineOptions, Event, Frame, PixelFormat, Vault, VaultOptions, WatchOptions, Watcher};
//!
//! # fn next_buffer() -> Option<(Vec<u8>, Duration)> { None }
//! # fn main() -> facevault::Result<()> {
//! let engine = Engine::open(&EngineOptions::default())?;
//! let vault = Vault::open("people.vault", VaultOptions::default().with_engine(engine))?;
//! let mut watcher = Watcher::new(&vault, WatchOptions::default())?;
//! while let Some((buffer, time)) = next_buffer() {
//!     let start = Instant::now();
//!     let frame = Frame::new(PixelFormat::Yuyv, 640, 480, &buffer)?.with_time(time);
//!     for event in watcher.push(&frame)? {
//!         if let Event::Recognized { visit, recognition, .. } = event {
//!             println!("visit {visit}: {}", recognition.person);
//!         }
//!     }
//!     watcher.busy_for(start.elapsed());
//! }
//! watcher.finish()?;
//! # Ok(())
//! # }
//! ```

mod event;
mod identity;
mod live;
mod look;
mod options;
mod pace;
mod shot;
mod steps;
mod visit;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use image::RgbImage;

use crate::comparison::OperatingPoint;
use crate::engine::{Engine, FilmEngine, each_shot};
use crate::error::{Error, ImageReport, Result};
use crate::frame::Frame;
use crate::geometry::Rect;
use crate::person::PersonId;
use crate::spec::Metric;
use crate::tracking::{Observation, Tracker, TrackerOptions};
use crate::vault::{IdentifyOptions, Vault};

pub use event::{Answer, BestShot, Event, Recognition, UnknownReason, VisitLiveness};
pub use options::WatchOptions;

use pace::Pace;
use visit::Visit;

/// The false match rates whose thresholds decide whether two shots agree, and whether a shot continues a visit that is
/// out of view.
const LINKED_FMR: f64 = 0.01;
const JOINED_FMR: f64 = 1e-4;

/// Watches a camera: frames in, events out.
///
/// A watcher follows each face from frame to frame ([`tracking`](crate::tracking)), encodes its best shots, looks the
/// fused encoding up in the vault, and gives one answer for the visit. The vault may change meanwhile: a person who is
/// added is found by the next look.
///
/// # Times
/// There is no clock inside. Every frame has a time, and the same frames with the same times give the same events, in a
/// test as before a camera. Three things decide which frames are looked at; all others are dropped, and none is ever
/// kept for later:
///
/// * [`WatchOptions::interval`]: the least time between two frames that are looked at.
/// * [`Self::busy_for`]: how long the caller measured the work on a frame to take. Frames that were taken meanwhile are
///   dropped, so a machine that takes 50 milliseconds for a frame looks at 20 frames a second of any camera, and what
///   it says is never later than one frame's work. A program that reads a recording does not call it, and every frame
///   counts, however slow the machine is.
/// * [`Self::wants`] tells beforehand whether a frame would be dropped, so that it need not be converted.
///
/// # Answers
/// Each look compares one encoding, the fused best shots, with everybody. The rate that was asked for holds for the
/// visit: see [`WatchOptions::looks`]. A visit is recognised as soon as one look finds somebody. Until the answer is
/// final, later looks, with better shots, may change it; the last one decides. Nobody is said to be unknown before
/// there was time for better shots ([`WatchOptions::decide_within`]).
///
/// A track that seems to show another face than before, after two people crossed each other, goes on as the visit whose
/// face it shows, or as a new visit. The vault's model needs a table for that
/// ([`Vault::calibration`](crate::Vault::calibration)), or an operating point that is a similarity; without either,
/// motion alone decides.
///
/// Liveness ([`WatchOptions::liveness`]) is judged on the same shots that are encoded, and all of them count together.
///
/// If the vault's audit trail records searches, it has an entry for each answer of a visit.
///
/// # Memory
/// What a watcher keeps is bounded by the faces in view: at most [`WatchOptions::shots`] encodings and as many small
/// pictures for each, until the visit is over. It starts no threads.
pub struct Watcher {
    vault: Vault,
    engine: Engine,
    metric: Metric,
    options: WatchOptions,
    /// How one look searches.
    search: IdentifyOptions,
    /// The lowest similarity of two shots that may be of one face; `None` if the model has no table for it.
    linked: Option<f64>,
    /// The lowest similarity with which a shot may continue a visit that is out of view.
    joined: Option<f64>,
    pace: Pace,
    tracker: Tracker,
    /// The detector's settings for most pictures of this longer side, in pixels, and for those that get a finer look.
    film: Option<(u32, FilmEngine, FilmEngine)>,
    /// When a picture last got a finer look.
    finer_at: Option<Duration>,
    visits: BTreeMap<u64, Visit>,
    begun: u64,
    /// When each person was last recognised, and in which visit.
    recognized: BTreeMap<PersonId, (Duration, u64)>,
    events: Vec<Event>,
    failure: Option<Error>,
    counts: WatchCounts,
}

/// What a watcher has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WatchCounts {
    /// Frames that were given.
    pub frames: u64,
    /// How many of these were dropped because they came too soon after the last one.
    pub dropped: u64,
    /// Faces that were encoded, or refused when that was tried.
    pub shots: u64,
    /// How often a face was looked up in the vault.
    pub looks: u64,
}

/// A visit that is under way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VisitState {
    /// Its number.
    pub visit: u64,
    /// The face's box in the last frame that showed it, in pixels of the upright picture.
    pub bounds: Rect,
    /// Whether it is in the latest frame that was looked at.
    pub is_seen: bool,
    /// The last answer that was reported; `None` before the first one, and while a cool-down suppresses it.
    pub answer: Option<Answer>,
    /// What its shots say about liveness so far; `None` where that is not asked for, and before the first shot.
    pub liveness: Option<VisitLiveness>,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("vault", &self.vault)
            .field("visits", &self.visits.len())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Watcher {
    /// A watcher that has seen nothing.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for options out of range, an unknown collection, or an operating point
    /// that the model's table cannot carry over the people of the vault;
    /// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the vault was opened without an engine, or
    /// liveness is asked for and its networks are not installed; [`ModelMismatch`](crate::ErrorKind::ModelMismatch)
    /// where all its encodings are of another model.
    pub fn new(vault: &Vault, options: WatchOptions) -> Result<Self> {
        options.check()?;
        // Shots of one face count together: none is refused by itself.
        let engine = vault.engine_in(options.mode)?.with_liveness_check(each_shot(&options.liveness, true));
        if options.liveness.is_asked() {
            // Load the networks now, so that a missing file is an error here and not at the first face.
            engine.liveness_model()?;
        }
        let search = IdentifyOptions::default()
            .with_operating_point(options.of_one_look()?)
            .with_collections(options.collections.clone())
            .with_max_results(1)
            .with_below_threshold(true);
        // A search for nobody: it loads the people into memory, and wrong options are an error here.
        vault.search_encodings(&[], &search)?;
        let at = |fmr: f64| match (vault.calibration()?, options.operating_point) {
            (Some(table), _) => Ok::<_, Error>(
                OperatingPoint::fmr(fmr)
                    .and_then(|point| table.threshold_for(point, 1))
                    .map(|threshold| threshold.similarity.get())
                    .ok(),
            ),
            (None, OperatingPoint::Similarity(similarity)) => Ok(Some(similarity.get())),
            (None, _) => Ok(None),
        };
        let linked = at(LINKED_FMR)?;
        let joined = at(JOINED_FMR)?.or(linked);
        let (score, low_score) = {
            let film = engine.for_film(640, options.min_face);
            (film.score, film.low_score)
        };
        let tracker = Tracker::new(
            TrackerOptions::default()
                .with_high_score(score)
                .with_low_score(low_score)
                .with_new_score(score + 0.1)
                .with_keep(options.leave_after)
                .with_max_tracks(4 * options.max_faces),
        );
        let metric = engine.embedder().metric;
        Ok(Self {
            vault: vault.clone(),
            engine,
            metric,
            options,
            search,
            linked,
            joined,
            pace: Pace::default(),
            tracker,
            film: None,
            finer_at: None,
            visits: BTreeMap::new(),
            begun: 0,
            recognized: BTreeMap::new(),
            events: Vec::new(),
            failure: None,
            counts: WatchCounts::default(),
        })
    }

    /// The next frame of the camera, with its time ([`Frame::with_time`]). Returns what happened, in order. A frame
    /// that is dropped is not converted, and returns nothing.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a time before that of the frame before;
    /// [`Refused`](crate::ErrorKind::Refused) for a frame that is too large, or whose JPEG is damaged;
    /// [`Runtime`](crate::ErrorKind::Runtime) where a network fails; and as for
    /// [`Vault::identify`](crate::Vault::identify). The watcher stays usable. Where there are events of the same frame,
    /// they are given, and the next call gives the error.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Vec<Event>> {
        if !self.takes(frame.time())? {
            return Ok(Vec::new());
        }
        let picture = self.engine.picture(frame).map_err(|refusal| {
            let report = ImageReport::new(0, Some(refusal));
            Error::refused(vec![report])
        })?;
        self.look(&picture, frame.time())
    }

    /// The same for a picture that is upright and not mirrored.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn push_picture(&mut self, picture: &RgbImage, time: Duration) -> Result<Vec<Event>> {
        if self.takes(time)? { self.look(picture, time) } else { Ok(Vec::new()) }
    }

    /// Whether a frame of this time is looked at.
    fn takes(&mut self, time: Duration) -> Result<bool> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let is_wanted = self.pace.take(time, self.options.interval)?;
        self.counts.frames += 1;
        self.counts.dropped += u64::from(!is_wanted);
        Ok(is_wanted)
    }

    fn look(&mut self, picture: &RgbImage, time: Duration) -> Result<Vec<Event>> {
        let outcome = self.look_at(picture, time);
        self.happened(outcome)
    }

    /// Whether a frame of this time would be looked at.
    #[must_use]
    pub fn wants(&self, time: Duration) -> bool {
        self.pace.wants(time)
    }

    /// Says that all the work on the latest frame that was looked at, its conversion included, took this long. Frames
    /// that were taken meanwhile are dropped.
    pub fn busy_for(&mut self, took: Duration) {
        self.pace.busy_for(took);
    }

    /// Ends all visits: the camera is gone, or the film is over. The watcher may be used again, for frames of
    /// later times.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn finish(&mut self) -> Result<Vec<Event>> {
        // What failed before is tried again here.
        self.failure = None;
        let time = self.pace.latest();
        let outcome = self.end(time, |_| true);
        if outcome.is_ok() {
            self.tracker = self.tracker.anew();
        }
        self.happened(outcome)
    }

    /// The visits that are under way and have appeared, by their numbers.
    #[must_use]
    pub fn visits(&self) -> Vec<VisitState> {
        let appeared = self.visits.iter().filter(|(_, visit)| visit.has_appeared);
        let state = |(number, visit): (&u64, &Visit)| VisitState {
            visit: *number,
            bounds: visit.place.bounds,
            is_seen: visit.is_seen(),
            answer: visit.given.clone(),
            liveness: visit.liveness(),
        };
        appeared.map(state).collect()
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> WatchCounts {
        self.counts
    }

    /// How many shots of visits, and names for a cool-down, are kept in memory now.
    #[must_use]
    pub fn held(&self) -> usize {
        let shots = self.visits.values().map(|visit| visit.fused() + usize::from(visit.doubt.is_some()));
        shots.sum::<usize>() + self.recognized.len()
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &WatchOptions {
        &self.options
    }

    fn happened(&mut self, outcome: Result<()>) -> Result<Vec<Event>> {
        match (outcome, std::mem::take(&mut self.events)) {
            (Err(failure), events) if events.is_empty() => Err(failure),
            (outcome, events) => {
                self.failure = outcome.err();
                Ok(events)
            }
        }
    }

    fn look_at(&mut self, picture: &RgbImage, time: Duration) -> Result<()> {
        let faces = self.faces(picture, time)?;
        let seen: Vec<Observation> =
            faces.iter().map(|face| Observation { bounds: face.bounds, score: face.score }).collect();
        let update = self.tracker.update(time, &seen);
        self.follow(&update, &faces, time);
        self.shoot(picture, &faces, time)?;
        let leave_after = self.options.leave_after;
        self.end(time, |visit| time.saturating_sub(visit.place.last_seen) > leave_after)
    }

    fn end(&mut self, time: Duration, is_over: impl Fn(&Visit) -> bool) -> Result<()> {
        self.look_up(time, &is_over)?;
        self.rejoin()?;
        self.announce(time, &is_over);
        self.answer(time, &is_over)?;
        self.close(time, &is_over);
        Ok(())
    }
}
