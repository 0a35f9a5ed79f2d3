//! What is done with a frame: its faces are found, followed and encoded.

use std::time::Duration;

use image::RgbImage;
use image::imageops::crop_imm;

use crate::error::Result;
use crate::geometry::{Point, Rect};
use crate::tracking::TrackUpdate;
use crate::vision::{Face, Quality};

use super::Watcher;
use super::shot::{self, Shot};
use super::visit::{Place, Visit};

/// The most faces that are encoded of one frame, so that a crowd does not delay the next frame.
const SHOTS_A_FRAME: usize = 2;
/// If other faces cover more than the first fraction of a face, it may be confused with them; if they cover more than
/// the second, it is not encoded.
const TOUCHED: f32 = 0.1;
const COVERED: f32 = 0.25;
/// How far beyond the region faces are searched for, as a fraction of its sides, because a face whose middle lies in
/// the region may reach beyond it.
const AROUND_REGION: f32 = 0.25;
/// Some faces have a low score in every picture as it is usually looked at, and would never be noticed. So from time to
/// time a picture is looked at on a canvas that is larger by this factor.
const FINER: f32 = 2.0;
const BETWEEN_FINER: Duration = Duration::from_millis(500);

impl Watcher {
    /// The faces that count, those with the highest scores first.
    pub(super) fn faces(&mut self, picture: &RgbImage, time: Duration) -> Result<Vec<Face>> {
        let (width, height) = picture.dimensions();
        let region = self.options.region;
        let part = region.map(|Rect { x, y, width: across, height: down }| {
            let span = |from: f32, length: f32, whole: u32| {
                let around = AROUND_REGION * length;
                let first = (from - around).clamp(0.0, whole as f32).floor() as u32;
                let last = (from + length + around).clamp(0.0, whole as f32).ceil() as u32;
                (first, last - first)
            };
            let ((left, across), (top, down)) = (span(x, across, width), span(y, down, height));
            (left, top, crop_imm(picture, left, top, across, down).to_image())
        });
        let (left, top, shown) = part.as_ref().map_or((0, 0, picture), |(left, top, part)| (*left, *top, part));
        let side = shown.width().max(shown.height());
        let (_, film, finer) = match &mut self.film {
            Some(films) if films.0 == side => films,
            films => {
                let of = |min_face: f32| self.engine.for_film(side, min_face);
                films.insert((side, of(self.options.min_face), of(self.options.min_face / FINER)))
            }
        };
        let is_due = self.finer_at.is_none_or(|last| time.saturating_sub(last) >= BETWEEN_FINER);
        if is_due {
            self.finer_at = Some(time);
        }
        let film = if is_due { finer } else { film };
        let to_picture = |face: Face| {
            let moved = |point: Point| Point::new(point.x + left as f32, point.y + top as f32);
            let Rect { x, y, width, height } = face.bounds;
            let bounds = Rect { x: x + left as f32, y: y + top as f32, width, height };
            Face { bounds, landmarks: face.landmarks.map(moved), score: face.score }
        };
        let mut faces: Vec<Face> = film.faces(shown)?.into_iter().map(to_picture).collect();
        faces.retain(|face| {
            let Rect { width, height, .. } = face.bounds;
            width.min(height) >= self.options.min_face
                && region.is_none_or(|region| region.contains(face.bounds.center()))
        });
        faces.truncate(self.options.max_faces);
        Ok(faces)
    }

    /// Gives the tracks of a frame to visits.
    pub(super) fn follow(&mut self, update: &TrackUpdate, faces: &[Face], time: Duration) {
        for visit in self.visits.values_mut() {
            visit.place.face = None;
            if visit.place.track.is_some_and(|track| update.ended.contains(&track)) {
                visit.place.track = None;
            }
        }
        for tracked in &update.tracks {
            let Some(face) = faces.get(tracked.observation) else { continue };
            let (is_touched, is_covered) = (tracked.covered >= TOUCHED, tracked.covered >= COVERED);
            let (track, observation) = (Some(tracked.track), Some(tracked.observation));
            let place =
                Place { track, bounds: face.bounds, last_seen: time, face: observation, is_touched, is_covered };
            let known = self.visits.iter().find(|(_, visit)| visit.place.track == track).map(|(number, _)| *number);
            let number = known.unwrap_or_else(|| self.begin(Visit::new(place, time)));
            if let Some(visit) = self.visits.get_mut(&number) {
                visit.place = place;
                visit.is_confused |= is_touched || tracked.doubtful;
            }
        }
    }

    /// Adds a visit and gives its number.
    pub(super) fn begin(&mut self, visit: Visit) -> u64 {
        self.begun += 1;
        self.visits.insert(self.begun, visit);
        self.begun
    }

    /// Encodes the faces that most need a shot.
    pub(super) fn shoot(&mut self, picture: &RgbImage, faces: &[Face], time: Duration) -> Result<()> {
        let mut wanted: Vec<(u64, usize)> = Vec::new();
        for (number, visit) in self.visits.iter().filter(|(_, visit)| visit.wants_shot(time)) {
            let Some((place, face)) = visit.place.face.and_then(|place| Some((place, faces.get(place)?))) else {
                continue;
            };
            let would_count = match visit.least_score(&self.options) {
                Some(least) => shot::score(&Quality::measure(picture, face)) > least,
                None => true,
            };
            if would_count {
                wanted.push((*number, place));
            }
        }
        wanted.sort_by_key(|(number, _)| (self.visits.get(number).map(Visit::urgency), *number));
        wanted.truncate(SHOTS_A_FRAME);
        let clear = self.film.as_ref().map_or(f32::INFINITY, |(_, film, _)| film.clear);
        for (_, place) in wanted {
            let face = &faces[place];
            let longer = face.bounds.width.max(face.bounds.height);
            let outcome = match longer >= clear {
                true => self.engine.encode_face(picture, face)?,
                false => self.engine.encode_at(picture, &[face.bounds])?.swap_remove(0),
            };
            self.counts.shots += 1;
            // The shot before may have shown whose face this is.
            let owner = self.visits.iter_mut().find(|(_, visit)| visit.place.face == Some(place));
            let Some((number, visit)) = owner else { continue };
            let number = *number;
            visit.last_try = Some(time);
            let limit = self.engine.recognizability().map(|rule| rule.limit());
            match outcome {
                Ok(encoded) => self.place_shot(number, Shot::new(time, encoded, limit, picture), time)?,
                Err(refusal) => visit.refusal = Some(refusal),
            }
        }
        Ok(())
    }
}
