//! One visit: a face from the moment when it came into view until it left.

use std::time::Duration;

use crate::encoding::FaceEncoding;
use crate::engine::fuse;
use crate::error::{Refusal, Result};
use crate::geometry::Rect;
use crate::person::PersonId;
use crate::spec::Metric;

use super::event::{Answer, BestShot, VisitLiveness};
use super::live::{self, Judged};
use super::options::WatchOptions;
use super::shot::Shot;

/// The least time between two shots while a face is being recognised, so that the shots differ, and between two shots
/// that check whether it is still the same face.
const BETWEEN_SHOTS: Duration = Duration::from_millis(80);
pub(super) const BETWEEN_CHECKS: Duration = Duration::from_millis(500);
/// A visit with fewer shots than this may not agree with its own later shots, because the first ones may be poor.
pub(super) const FEW_SHOTS: u32 = 3;

/// Where a visit's face is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its track; `None` once that has ended or was found to be another face's.
    pub(super) track: Option<u64>,
    /// The face's box when it was last seen, and when that was.
    pub(super) bounds: Rect,
    pub(super) last_seen: Duration,
    /// Its place among the faces of the latest frame that was looked at.
    pub(super) face: Option<usize>,
    /// Whether another face covers a part of it.
    pub(super) is_covered: bool,
    /// Whether another face is so near that both may be confused.
    pub(super) is_touched: bool,
}

/// One visit.
pub(super) struct Visit {
    pub(super) place: Place,
    /// When it was seen first.
    pub(super) began: Duration,
    /// Whether the visit was announced (`Appeared`).
    pub(super) has_appeared: bool,
    /// Whether its track may have gone over to another face since the last shot that agreed.
    pub(super) is_confused: bool,
    /// Whether it began because shots of another visit's track did not agree with that one.
    pub(super) is_split: bool,
    /// A shot that was set aside, because it does not agree with the others.
    pub(super) doubt: Option<Shot>,
    /// The best shots, best first, and one encoding of them.
    shots: Vec<Shot>,
    probe: Option<FaceEncoding>,
    /// How many shots there were, when the first of them was taken, and when one was tried last.
    pub(super) shot_count: u32,
    first_shot: Option<Duration>,
    pub(super) last_try: Option<Duration>,
    /// What the shots say about liveness, and whether the answer waits for more of them because of that.
    pub(super) judged: Judged,
    waits_for_live: bool,
    /// Why the last one that was tried was refused.
    pub(super) refusal: Option<Refusal>,
    /// How often it was looked up, and whether there are better shots since.
    pub(super) looks: u32,
    has_better: bool,
    /// The answer so far, without regard to liveness; the answer that was reported; whether it was reported as final.
    pub(super) answer: Option<Answer>,
    pub(super) given: Option<Answer>,
    pub(super) given_final: bool,
    /// The person, if the face was recognised but the cool-down suppresses the report.
    pub(super) kept_back: Option<PersonId>,
    /// Whether the answer is final.
    pub(super) is_final: bool,
}

impl Visit {
    pub(super) fn new(place: Place, began: Duration) -> Self {
        Self {
            place,
            began,
            has_appeared: false,
            is_confused: false,
            is_split: false,
            doubt: None,
            shots: Vec::new(),
            probe: None,
            shot_count: 0,
            first_shot: None,
            last_try: None,
            judged: Judged::default(),
            waits_for_live: false,
            refusal: None,
            looks: 0,
            has_better: false,
            answer: None,
            given: None,
            given_final: false,
            kept_back: None,
            is_final: false,
        }
    }

    /// One encoding of the best shots; `None` before the first.
    pub(super) fn probe(&self) -> Option<&FaceEncoding> {
        self.probe.as_ref()
    }

    /// How many shots are fused.
    pub(super) fn fused(&self) -> usize {
        self.shots.len()
    }

    /// The best shot.
    pub(super) fn best(&self) -> Option<BestShot> {
        self.shots.first().map(|shot| shot.best.clone())
    }

    /// Whether the next shot has to tell whether it is still the same face.
    pub(super) fn is_unsure(&self) -> bool {
        self.is_confused || self.doubt.is_some()
    }

    /// Whether the face is in the latest frame.
    pub(super) fn is_seen(&self) -> bool {
        self.place.face.is_some()
    }

    /// Takes a shot that shows the same face. Once the answer is final, it only counts as a check.
    pub(super) fn take(&mut self, shot: Shot, metric: Metric, most: usize) -> Result<()> {
        (self.is_confused, self.doubt) = (false, None);
        if self.is_final {
            return Ok(());
        }
        self.judged.add(shot.liveness);
        self.shot_count += 1;
        self.first_shot.get_or_insert(shot.best.time);
        let better_than = self.shots.partition_point(|other| other.score >= shot.score);
        if better_than >= most {
            return Ok(());
        }
        self.shots.insert(better_than, shot);
        self.shots.truncate(most);
        let encodings: Vec<FaceEncoding> = self.shots.iter().map(|shot| shot.encoding.clone()).collect();
        self.probe = Some(fuse(metric, &encodings)?);
        self.has_better = true;
        Ok(())
    }

    /// Takes the shots of another visit, which turned out to be the same.
    pub(super) fn take_over(&mut self, other: Self, metric: Metric, most: usize) -> Result<()> {
        let judged = self.judged;
        let shot_count = self.shot_count;
        self.place = other.place;
        other.shots.into_iter().try_for_each(|shot| self.take(shot, metric, most))?;
        // All shots count, also those that were not kept.
        if !self.is_final {
            (self.judged, self.shot_count) = (judged.and(other.judged), shot_count + other.shot_count);
        }
        Ok(())
    }

    /// Forgets the shots: they were poor. How often the face was looked up, and what they said about liveness, stays.
    pub(super) fn start_over(&mut self) {
        self.shots.clear();
        self.probe = None;
    }

    /// The answer about the visit; `None` while liveness is required and not enough shots were judged.
    pub(super) fn said(&self, options: &WatchOptions) -> Option<Answer> {
        live::said(self.answer.as_ref(), &self.judged, self.is_final, options)
    }

    /// What its shots say about liveness.
    pub(super) fn liveness(&self) -> Option<VisitLiveness> {
        self.judged.mean()
    }

    /// Whether a shot would help now.
    pub(super) fn wants_shot(&self, time: Duration) -> bool {
        let since = self.last_try.map(|last| time.saturating_sub(last));
        let least = match (self.is_unsure(), self.is_final || self.waits_for_live) {
            (true, _) if self.doubt.is_none() => Duration::ZERO,
            (true, _) | (false, false) => BETWEEN_SHOTS,
            (false, true) => BETWEEN_CHECKS,
        };
        self.is_seen() && !self.place.is_covered && since.is_none_or(|since| since >= least)
    }

    /// What a shot's score must exceed to be among the best, as far as that can be told before it is encoded; `None`
    /// where any shot helps.
    pub(super) fn least_score(&self, options: &WatchOptions) -> Option<f64> {
        // Where liveness is required, each shot counts until it is there.
        let is_live = live::allows(&self.judged, options);
        if self.is_unsure() || self.is_final || !is_live || self.fused() < options.shots {
            return None;
        }
        self.shots.iter().map(|shot| shot.seen).min_by(f64::total_cmp)
    }

    /// How urgently the visit needs a shot: the smallest value comes first. The visit that has waited longest comes
    /// first, so that a face that never gives a usable shot, or is always in doubt, does not block the others.
    pub(super) fn urgency(&self) -> (Option<Duration>, bool, u32) {
        (self.last_try, !self.is_unsure(), self.shot_count)
    }

    /// Whether the time for better shots is over.
    pub(super) fn is_due(&self, time: Duration, options: &WatchOptions) -> bool {
        self.first_shot.is_some_and(|first| time.saturating_sub(first) >= options.decide_within)
    }

    /// Whether it is time to look the face up; `is_last` where the visit is over.
    ///
    /// The last search is kept for the end of the visit, unless it is to confirm a recognition. So the first, poor
    /// shots do not make somebody who comes nearer "unknown" for good.
    pub(super) fn wants_look(&self, time: Duration, is_last: bool, options: &WatchOptions) -> bool {
        if self.is_final || !self.has_better || self.looks >= options.looks {
            return false;
        }
        let is_recognized = self.answer.as_ref().is_some_and(|answer| answer.person().is_some());
        let has_more = self.looks + 1 < options.looks || is_recognized;
        let has_shots = self.shot_count >= WatchOptions::shots_for_look(self.looks);
        is_last || self.is_due(time, options) || (has_more && has_shots)
    }

    /// Takes the answer of a look.
    pub(super) fn answered(&mut self, answer: Answer) {
        (self.answer, self.has_better) = (Some(answer), false);
        self.looks += 1;
    }

    /// Decides whether the answer stays.
    pub(super) fn settle(&mut self, time: Duration, is_last: bool, options: &WatchOptions) {
        let is_looked_up = self.looks >= options.looks || self.is_due(time, options);
        let is_settled = is_looked_up && self.answer.is_some();
        let is_live = live::allows(&self.judged, options);
        self.waits_for_live = is_settled && !is_live && !live::lacks_shots(&self.judged, options);
        self.is_final |= is_last || (is_settled && is_live);
    }
}
