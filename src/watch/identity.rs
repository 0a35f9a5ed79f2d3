//! Whose face a shot shows: motion and overlap say which visit it should be, and the encoding says whether it is.
//!
//! A shot agrees with a visit from the similarity on that one pair of different people in a hundred reaches, as the
//! photos of one person must. Where tracks may have been confused (faces covered each other, or one was not seen for a
//! while), each shot is compared with all visits that may have been:
//!
//! | the shot agrees with | what follows |
//! |---|---|
//! | its own visit, and no other agrees better | it is taken |
//! | another visit that is in doubt | both exchange their tracks, and the other takes the shot |
//! | a visit that is not seen, as surely as one pair in ten thousand does | the same |
//! | none, but another one that agreed with none half a second ago | the track is a new visit |
//! | none | it is set aside |
//!
//! The limit for visits that are not seen is stricter, because whoever continues one bears its answer: a stranger who
//! comes as somebody leaves must not.

use std::time::Duration;

use crate::encoding::FaceEncoding;
use crate::error::Result;
use crate::index::compare;

use super::Watcher;
use super::shot::Shot;
use super::visit::{BETWEEN_CHECKS, Place, Visit};

impl Watcher {
    /// Gives a shot of a visit's track to the visit that it shows.
    pub(super) fn place_shot(&mut self, number: u64, shot: Shot, time: Duration) -> Result<()> {
        let Some(visit) = self.visits.get(&number) else { return Ok(()) };
        let own = visit.probe().map(|probe| self.similarity(probe, &shot.encoding)).transpose()?;
        let disagrees = own.is_some_and(|own| !self.agrees(own));
        // Without a limit every shot would agree: then motion alone decides.
        let is_open = self.linked.is_some() && own.is_none() && !visit.has_appeared;
        if (visit.is_unsure || disagrees || is_open)
            && let Some((rival, similarity)) = self.nearest_rival(number, &shot.encoding)?
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

    /// Of the other visits whose face could be here and with which the shot agrees, the one that is most similar.
    fn nearest_rival(&self, number: u64, encoding: &FaceEncoding) -> Result<Option<(u64, f64)>> {
        let mut nearest: Option<(u64, f64)> = None;
        for (other, visit) in &self.visits {
            let Some(probe) = visit.probe().filter(|_| *other != number && (visit.is_unsure || !visit.is_seen()))
            else {
                continue;
            };
            let similarity = self.similarity(probe, encoding)?;
            let limit = if visit.is_seen() { self.linked } else { self.joined };
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
            (visit.place, visit.is_unsure, visit.doubt) = (there, true, None);
            // Nobody was told of it, and there is nothing left of it.
            if !visit.has_appeared && !visit.is_seen() {
                self.visits.remove(&number);
            }
        }
        self.take(rival, shot)
    }

    /// The shot agrees with nobody.
    fn doubt(&mut self, number: u64, shot: Shot, time: Duration) -> Result<()> {
        let Some(visit) = self.visits.get(&number) else { return Ok(()) };
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
                    (visit.is_unsure, visit.doubt) = (true, Some(shot));
                }
                return Ok(());
            }
        };
        let place = visit.place;
        if let Some(visit) = self.visits.get_mut(&number) {
            (visit.place, visit.doubt) = (Place { track: None, face: None, ..place }, None);
        }
        let new = self.begin(Visit::new(place, time));
        self.take(new, before)?;
        self.take(new, shot)
    }
}
