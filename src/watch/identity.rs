//! Which visit a shot belongs to. The tracker proposes a visit by motion and overlap; the encoding confirms or rejects
//! it.
//!
//! A shot *agrees* with a visit if its similarity to the visit's shots is at least that of one pair of strangers in a
//! hundred (FMR 0.01), which is also the rule for photos of one person. If tracks may have been confused, because faces
//! covered each other or one was out of view for a while, each shot is compared with all visits in question:
//!
//! | the shot agrees with | what follows |
//! |---|---|
//! | its own visit, and no other visit agrees better | the visit takes the shot |
//! | another visit whose track is in doubt | the two visits exchange tracks, and the other one takes the shot |
//! | a visit that is out of view, with the similarity of one pair of strangers in ten thousand | the same |
//! | no visit, but a shot of this track that was set aside half a second ago | the track becomes a new visit |
//! | the same, of a visit with few shots whose track was not in doubt | its earlier shots were poor and are dropped |
//! | nothing | the shot is set aside |
//!
//! The limit for a visit that is out of view is stricter, because whoever continues it gets its answer, and a stranger
//! who comes as somebody leaves must not get that person's name. A new visit is compared with such visits until it is
//! announced, and it is not announced while it may be one of them. If it turns out to be the same person, both become
//! one visit.

use std::time::Duration;

use crate::encoding::FaceEncoding;
use crate::error::Result;
use crate::index::compare;
use crate::person::PersonId;

use super::Watcher;
use super::event::Answer;
use super::shot::Shot;
use super::visit::{BETWEEN_CHECKS, FEW_SHOTS, Place, Visit};

impl Watcher {
    /// Gives a shot to the visit whose face it shows.
    pub(super) fn place_shot(&mut self, number: u64, shot: Shot, time: Duration) -> Result<()> {
        let Some(visit) = self.visits.get(&number) else { return Ok(()) };
        let own = visit.probe().map(|probe| self.similarity(probe, &shot.encoding)).transpose()?;
        let disagrees = own.is_some_and(|own| !self.agrees(own));
        // Without a limit every shot would agree: then motion alone decides.
        let is_open = self.linked.is_some() && !visit.has_appeared;
        if (visit.is_unsure() || disagrees || is_open)
            && let Some((rival, similarity)) = self.nearest_rival(number, &shot.encoding, own.is_none())?
            && own.is_none_or(|own| similarity > own)
        {
            return self.exchange(number, rival, shot);
        }
        if disagrees { self.doubt(number, shot, time) } else { self.take(number, shot) }
    }

    /// Whether shots of this similarity may be of one face.
    fn agrees(&self, similarity: f64) -> bool {
        self.linked.is_none_or(|linked| similarity >= linked)
    }

    fn similarity(&self, one: &FaceEncoding, other: &FaceEncoding) -> Result<f64> {
        compare(self.metric, one, other)
    }

    /// Of the other visits whose face could be here and with which the shot agrees, the most similar one. The first shot
    /// of a visit must pass the stricter limit of a visit that is out of view, since it cannot be compared with shots of
    /// its own visit.
    fn nearest_rival(&self, number: u64, encoding: &FaceEncoding, is_first: bool) -> Result<Option<(u64, f64)>> {
        let mut nearest: Option<(u64, f64)> = None;
        for (other, visit) in &self.visits {
            let Some(probe) = visit.probe().filter(|_| *other != number && (visit.is_unsure() || !visit.is_seen()))
            else {
                continue;
            };
            let similarity = self.similarity(probe, encoding)?;
            let limit = if visit.is_seen() || !is_first { self.linked } else { self.joined };
            if limit.is_some_and(|limit| similarity < limit) {
                continue;
            }
            if nearest.is_none_or(|(_, most)| similarity > most) {
                nearest = Some((*other, similarity));
            }
        }
        Ok(nearest)
    }

    fn take(&mut self, number: u64, shot: Shot) -> Result<()> {
        let (metric, most) = (self.metric, self.options.shots);
        self.visits.get_mut(&number).map_or(Ok(()), |visit| visit.take(shot, metric, most))
    }

    /// The shot of one visit's track shows the face of another visit.
    fn exchange(&mut self, number: u64, rival: u64, shot: Shot) -> Result<()> {
        let places = self.visits.get(&number).zip(self.visits.get(&rival)).map(|(one, other)| (one.place, other.place));
        let Some((here, there)) = places else { return Ok(()) };
        // Its face was here until a moment ago.
        let there = Place { last_seen: here.last_seen, ..there };
        if let Some(visit) = self.visits.get_mut(&rival) {
            visit.place = here;
        }
        if let Some(visit) = self.visits.get_mut(&number) {
            (visit.place, visit.is_confused, visit.doubt) = (there, true, None);
            // The visit was never announced, and it has no shots left.
            if !visit.has_appeared && !visit.is_seen() {
                self.visits.remove(&number);
            }
        }
        self.take(rival, shot)
    }

    /// The shot agrees with no visit.
    fn doubt(&mut self, number: u64, shot: Shot, time: Duration) -> Result<()> {
        let Some(visit) = self.visits.get(&number) else { return Ok(()) };
        // A face that is partly hidden may agree with no visit.
        if visit.place.is_touched {
            return Ok(());
        }
        let before = match &visit.doubt {
            Some(doubt) if self.agrees(self.similarity(&doubt.encoding, &shot.encoding)?) => {
                // Two frames in a row may be equally bad: the face half hidden, or turned away.
                if time.saturating_sub(doubt.best.time) < BETWEEN_CHECKS {
                    return Ok(());
                }
                doubt.clone()
            }
            _ => {
                if let Some(visit) = self.visits.get_mut(&number) {
                    visit.doubt = Some(shot);
                }
                return Ok(());
            }
        };
        let place = visit.place;
        if visit.shot_count < FEW_SHOTS && !visit.is_confused && !visit.is_final {
            if let Some(visit) = self.visits.get_mut(&number) {
                visit.start_over();
            }
            self.take(number, before)?;
            return self.take(number, shot);
        }
        if let Some(visit) = self.visits.get_mut(&number) {
            (visit.place, visit.doubt) = (Place { track: None, face: None, ..place }, None);
        }
        let mut new = Visit::new(place, time);
        new.is_split = true;
        let new = self.begin(new);
        self.take(new, before)?;
        self.take(new, shot)
    }

    /// Joins a new visit with one that is out of view, if both are of the same person.
    pub(super) fn rejoin(&mut self) -> Result<()> {
        let (metric, most) = (self.metric, self.options.shots);
        let who = |visit: &Visit| visit.answer.as_ref().and_then(Answer::person).cloned();
        let new: Vec<(u64, PersonId)> = (self.visits.iter())
            .filter(|(_, visit)| !visit.has_appeared && visit.is_seen())
            .filter_map(|(number, visit)| Some((*number, who(visit)?)))
            .collect();
        for (number, person) in new {
            let gone = (self.visits.iter())
                .filter(|(other, visit)| **other != number && !visit.is_seen() && who(visit).as_ref() == Some(&person))
                .max_by_key(|(_, visit)| visit.place.last_seen);
            let Some(gone) = gone.map(|(other, _)| *other) else { continue };
            if let Some(new) = self.visits.remove(&number)
                && let Some(visit) = self.visits.get_mut(&gone)
            {
                visit.take_over(new, metric, most)?;
            }
        }
        Ok(())
    }
}
