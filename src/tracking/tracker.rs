//! The tracks of a film: their beginning, their boxes, their end.

use std::time::Duration;

use crate::geometry::Rect;
use crate::setters::setters;

use super::assignment::assign;
use super::kalman::Motion;

/// From which overlap (intersection over union) on a box may be a track's: for boxes with high scores, for boxes with
/// low ones, and for tracks that were seen once. ByteTrack's limits.
const HIGH_OVERLAP: f64 = 0.2;
const LOW_OVERLAP: f64 = 0.5;
const NEW_OVERLAP: f64 = 0.3;
/// How far a face that overlaps with none may have moved, in mean sides of both boxes: at once, more for each second
/// since it was last seen, and at most.
const NEAR: f64 = 0.6;
const SPEED: f64 = 2.0;
const FAR: f64 = 2.0;
/// How many times as large as the other one of both boxes may be.
const GROWN: f64 = 2.0;
/// A track that was not seen for this long is found again, not merely continued.
const GONE: Duration = Duration::from_millis(250);
/// For how long a track that is not seen may still be what hides another face. Later it has drifted anywhere.
const HIDES: Duration = Duration::from_millis(500);

/// When tracks begin and end.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrackerOptions {
    /// From this score on a box has a high score, on the detector's scale. 0.5 by default.
    pub high_score: f32,
    /// A box with a lower score than this is passed over; one between both can only continue a track that was seen in
    /// the frame before. 0.25 by default.
    pub low_score: f32,
    /// From this score on a box that belongs to no track begins one. 0.6 by default.
    pub new_score: f32,
    /// In how many frames a face must be seen before it is a track, 1 or more; one that is missed in between is
    /// forgotten. 2 by default, so that a mistake of the detector in one frame is none.
    pub frames: u32,
    /// How long a track is kept when it is not seen. 2 seconds by default.
    pub keep: Duration,
    /// The most tracks, seen or kept: beyond them none begins. 64 by default.
    pub max_tracks: usize,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            high_score: 0.5,
            low_score: 0.25,
            new_score: 0.6,
            frames: 2,
            keep: Duration::from_secs(2),
            max_tracks: 64,
        }
    }
}

setters!(TrackerOptions {
    high_score: with_high_score(f32),
    low_score: with_low_score(f32),
    new_score: with_new_score(f32),
    frames: with_frames(u32),
    keep: with_keep(Duration),
    max_tracks: with_max_tracks(usize),
});

/// A box that a detector gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The box, in pixels.
    pub bounds: Rect,
    /// How sure the detector is, on its own scale.
    pub score: f32,
}

/// A track that is seen in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Tracked {
    /// The track's number: 1 for the first, never given again.
    pub track: u64,
    /// Its box in this frame: its place among those that were given.
    pub observation: usize,
    /// The part of the box that boxes of other tracks cover, 0 to 1: of seen ones, and of those that are not seen since
    /// half a second at most, where they should be by now.
    pub covered: f32,
    /// Whether it could be another face than before: it was not seen for a while, or moved so far that its boxes do not
    /// overlap.
    pub doubtful: bool,
}

/// What became of the tracks in a frame.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TrackUpdate {
    /// The tracks that are seen, by their numbers. Those that are kept but not seen are not among them.
    pub tracks: Vec<Tracked>,
    /// The tracks that ended, by their numbers.
    pub ended: Vec<u64>,
}

/// Follows boxes.
#[derive(Debug, Clone)]
pub struct Tracker {
    options: TrackerOptions,
    tracks: Vec<Track>,
    time: Option<Duration>,
    last: u64,
}

#[derive(Debug, Clone)]
struct Track {
    /// 0 until it is a track.
    number: u64,
    motion: Motion,
    /// The box that it was last seen in, when, and in how many frames.
    bounds: Rect,
    seen: Duration,
    frames: u32,
    /// The box of this frame.
    observation: Option<usize>,
    doubtful: bool,
}

impl Track {
    fn is_new(&self) -> bool {
        self.number == 0
    }
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new(options: TrackerOptions) -> Self {
        Self { options, tracks: Vec::new(), time: None, last: 0 }
    }

    /// This tracker without its tracks. It goes on counting them where it was.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { last: self.last, ..Self::new(self.options.clone()) }
    }

    /// The next frame: its boxes, and its time since any fixed start. A time before that of the frame before counts as
    /// the same time. Boxes that are not finite or have no area are passed over.
    pub fn update(&mut self, time: Duration, seen: &[Observation]) -> TrackUpdate {
        let before = self.time.unwrap_or(time);
        let time = time.max(before);
        self.time = Some(time);
        let seconds = (time - before).as_secs_f64();
        // First those that ended since: after a gap between frames no box is theirs.
        let (mut ended, keep) = (Vec::new(), self.options.keep);
        self.tracks.retain(|track| {
            let kept = track.is_new() || time - track.seen <= keep;
            ended.extend((!kept).then_some(track.number));
            kept
        });
        for track in &mut self.tracks {
            let was_seen = track.observation.take().is_some();
            track.motion.predict(seconds, was_seen);
            track.doubtful = time - track.seen > GONE && !track.is_new();
        }
        let usable = |place: &usize| {
            let Rect { x, y, width, height } = seen[*place].bounds;
            [x, y, width, height].iter().all(|side| side.is_finite()) && width > 0.0 && height > 0.0
        };
        let (mut high, mut low) = (Vec::new(), Vec::new());
        for place in (0..seen.len()).filter(usable) {
            match seen[place].score {
                score if score >= self.options.high_score => high.push(place),
                score if score >= self.options.low_score => low.push(place),
                _ => {}
            }
        }
        let tracked = |track: &Track| !track.is_new();
        let just_seen = |track: &Track| !track.is_new() && track.seen == before;
        self.give(time, seen, &mut high, tracked, 1.0 - HIGH_OVERLAP, overlap_and_score);
        self.give(time, seen, &mut low, just_seen, 1.0 - LOW_OVERLAP, overlap);
        self.give_distant(time, seen, &mut high);
        self.give(time, seen, &mut high, Track::is_new, 1.0 - NEW_OVERLAP, overlap_and_score);
        self.end_and_begin(time, seen, &high, ended)
    }

    /// Gives boxes to the tracks that lack one and are meant, at the least cost, and takes them off the list.
    fn give(
        &mut self,
        time: Duration,
        seen: &[Observation],
        places: &mut Vec<usize>,
        meant: impl Fn(&Track) -> bool,
        limit: f64,
        cost: impl Fn(&Track, &Observation) -> f64,
    ) {
        let lacking = |track: &Track| track.observation.is_none() && meant(track);
        let tracks: Vec<usize> = (0..self.tracks.len()).filter(|track| lacking(&self.tracks[*track])).collect();
        let pairs = assign(tracks.len(), places.len(), limit, |row, column| {
            cost(&self.tracks[tracks[row]], &seen[places[column]])
        });
        for (row, column) in &pairs {
            let (track, place) = (&mut self.tracks[tracks[*row]], places[*column]);
            track.motion.correct(seen[place].bounds);
            (track.bounds, track.seen, track.observation) = (seen[place].bounds, time, Some(place));
            track.frames += 1;
        }
        let mut column = 0;
        places.retain(|_| {
            column += 1;
            !pairs.iter().any(|(_, given)| given + 1 == column)
        });
    }

    /// The same by distance.
    fn give_distant(&mut self, time: Duration, seen: &[Observation], places: &mut Vec<usize>) {
        let lacking: Vec<bool> = self.tracks.iter().map(|track| track.observation.is_none()).collect();
        let any = |_: &Track| true;
        self.give(time, seen, places, any, 1.0, |track, box_| distance(track, box_, time - track.seen));
        for (track, lacked) in self.tracks.iter_mut().zip(lacking) {
            track.doubtful |= lacked && track.observation.is_some() && !track.is_new();
        }
    }

    fn end_and_begin(
        &mut self,
        time: Duration,
        seen: &[Observation],
        left: &[usize],
        mut ended: Vec<u64>,
    ) -> TrackUpdate {
        let TrackerOptions { frames, new_score, max_tracks, .. } = self.options;
        self.tracks.retain(|track| track.observation.is_some() || !track.is_new());
        for place in left.iter().filter(|place| seen[**place].score >= new_score) {
            if self.tracks.len() >= max_tracks {
                break;
            }
            let bounds = seen[*place].bounds;
            let (motion, observation) = (Motion::new(bounds), Some(*place));
            let track = Track { number: 0, motion, bounds, seen: time, frames: 1, observation, doubtful: false };
            self.tracks.push(track);
        }
        for track in &mut self.tracks {
            if track.is_new() && track.frames >= frames {
                self.last += 1;
                track.number = self.last;
            }
        }
        let mut tracks: Vec<Tracked> = Vec::new();
        for (index, track) in self.tracks.iter().enumerate().filter(|(_, track)| !track.is_new()) {
            let Some(observation) = track.observation else { continue };
            let (covered, doubtful) = (self.covered(index, time), track.doubtful);
            tracks.push(Tracked { track: track.number, observation, covered, doubtful });
        }
        tracks.sort_by_key(|tracked| tracked.track);
        ended.sort_unstable();
        TrackUpdate { tracks, ended }
    }

    /// The part of a track's box that the boxes of others cover, at most.
    fn covered(&self, index: usize, time: Duration) -> f32 {
        let own = self.tracks[index].bounds;
        let may_hide = |track: &Track| !track.is_new() && time - track.seen <= HIDES;
        let others = self.tracks.iter().enumerate().filter(|(other, track)| *other != index && may_hide(track));
        let bounds = others.map(|(_, track)| match track.observation {
            Some(_) => track.bounds,
            None => track.motion.bounds(),
        });
        bounds.map(|other| own.intersection(&other) / own.area()).fold(0.0, f32::max).min(1.0)
    }
}

/// What a box is off from where the track should be by now: 0 for the same box, 1 for one without any overlap.
fn overlap(track: &Track, seen: &Observation) -> f64 {
    1.0 - f64::from(track.motion.bounds().iou(&seen.bounds))
}

/// The same, so that of two boxes with equal overlap the one with the higher score is taken. ByteTrack multiplies by
/// the score; scores here are on any scale.
fn overlap_and_score(track: &Track, seen: &Observation) -> f64 {
    overlap(track, seen) - 0.05 * f64::from(seen.score.clamp(0.0, 1.0))
}

/// How far a box is from the track, in parts of what it may have moved since; not a number where it cannot be.
fn distance(track: &Track, seen: &Observation, unseen: Duration) -> f64 {
    let side = |bounds: Rect| f64::from(bounds.width + bounds.height) / 2.0;
    let (own, other) = (side(track.bounds), side(seen.bounds));
    if own.max(other) > GROWN * own.min(other) {
        return f64::NAN;
    }
    let to = |bounds: Rect| f64::from(bounds.center().distance(seen.bounds.center()));
    let away = to(track.bounds).min(to(track.motion.bounds()));
    away / (own + other) * 2.0 / (NEAR + SPEED * unseen.as_secs_f64()).min(FAR)
}

#[cfg(test)]
mod tests;
