//! Looking for the faces of a picture that may be turned, or large with small faces in it.
//!
//! A detector's first look finds the face of most photos. What it leaves open is settled here:
//!
//! * **Which way up.** A photo without its EXIF orientation shows faces lying or upside down, on
//!   which detectors put upright landmarks and embedders give vectors that resemble each other. Cut
//!   out and reduced to a small canvas, a face has its highest score the right way up (of 500
//!   photos of LFW on 64 x 64 pixels: CenterFace and SCRFD always, YuNet but once). So the
//!   surroundings of the face are looked at in four orientations and the picture is turned by the
//!   best, unless the detector's first answer leaves no doubt ([`Scope`]).
//! * **How small.** Where nothing is found, the picture is looked at again in twice the resolution,
//!   part by part, until the smallest face that is asked for would have been seen.

use std::borrow::Cow;

use image::RgbImage;
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Refusal, RefusalCode, Result};
use crate::geometry::Rect;
use crate::setters::setters;
use crate::spec::DetectorSpec;

use super::detect::suppress;
use super::part::{self, Part};
use super::resize::reduced;
use super::{Detector, Face, FacePolicy, MainFace, Pose, Scope, Turn, Upright, main_face};

/// How far a picture is searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SeekOptions {
    /// The shorter side, in pixels, of the smallest face that must not be missed.
    pub min_face: f32,
    /// Whether a picture that is not upright is turned. Turn it off for fixed cameras: that saves the look at other
    /// orientations, but a face that lies on its side is then refused or missed.
    pub turn: bool,
    /// The longer side, in pixels, to which a larger picture is reduced for the detector's first look;
    /// as the pack says where `None`. A larger one finds more and smaller faces at once, but the time grows with its
    /// square. Less than 32 counts as 32; a network of a fixed size never sees more than its own size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_side: Option<u32>,
    /// Faces with a lower score ([`Face::score`]) are passed over; the pack's own threshold where
    /// `None`. What is not a number counts as `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f32>,
}

impl Default for SeekOptions {
    /// Faces of 40 pixels, the smallest that are taken, in any orientation.
    fn default() -> Self {
        Self { min_face: 40.0, turn: true, long_side: None, min_score: None }
    }
}

setters!(SeekOptions {
    min_face: with_min_face(f32),
    turn: with_turn(bool),
    long_side: with_long_side(impl Into<Option<u32>>),
    min_score: with_min_score(impl Into<Option<f32>>),
});

impl SeekOptions {
    /// What is asked of the detector itself: its side and its score; `None` where it is as the pack says.
    pub(crate) fn of_detector(&self) -> Option<(Option<u32>, Option<f32>)> {
        let asked = (self.long_side.map(|side| side.max(32)), self.min_score.filter(|score| !score.is_nan()));
        (asked != (None, None)).then_some(asked)
    }

    /// The detector's specification with what is asked of it.
    pub(super) fn applied_to(&self, spec: &DetectorSpec) -> DetectorSpec {
        let (long_side, min_score) = self.of_detector().unwrap_or_default();
        DetectorSpec {
            long_side: long_side.unwrap_or(spec.long_side),
            score_threshold: min_score.unwrap_or(spec.score_threshold),
            ..spec.clone()
        }
    }
}

/// The face of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sought<'a> {
    /// The picture, upright.
    pub(crate) picture: Cow<'a, RgbImage>,
    /// By how much it was turned for that.
    pub(crate) turn: Turn,
    /// The face and the others, in pixels of the upright picture.
    pub(crate) main: MainFace,
}

/// The side of a part of a large picture that is looked at by itself, in canvas pixels.
const TILE: u32 = 320;
/// By what factor the resolution is raised for one more look, where no face of the size asked for was found.
const BEYOND: f32 = 1.8;
/// The largest canvas of that look in pixels.
const MOST_BEYOND: f64 = 8e6;
/// The surroundings of a face that are looked at in four orientations, in parts of its longer side.
const SURROUNDINGS: f32 = 2.4;

/// Looks for faces with a detector.
pub(crate) struct Seeker<'a> {
    /// The detector.
    pub(crate) detector: &'a dyn Detector,
    /// How far to look.
    pub(crate) options: SeekOptions,
    /// Where the parts of a large picture are looked at.
    pub(crate) threads: &'a ThreadPool,
}

impl Seeker<'_> {
    /// The main face of a picture, the right way up.
    ///
    /// # Errors
    /// [`Runtime`](crate::ErrorKind::Runtime) where the network fails; in the result, the refusal of
    /// [`main_face`].
    pub(crate) fn main<'p>(&self, picture: &'p RgbImage, policy: FacePolicy) -> Result<Result<Sought<'p>, Refusal>> {
        let found = self.detector.detect_main(picture, policy)?;
        let here = |main| Sought { picture: Cow::Borrowed(picture), turn: Turn::None, main };
        let Some(scope) = self.detector.scope().filter(|_| !picture.is_empty()) else { return Ok(found.map(here)) };
        let turn = match &found {
            _ if !self.options.turn => Turn::None,
            Ok(main) => self.upright(scope, picture, &main.face)?,
            Err(refusal) if refusal.code == RefusalCode::NoFaceDetected => self.unseen(scope, picture)?,
            // If there are several faces, the largest decides which way up the picture is.
            Err(_) => match self.detector.detect_main(picture, FacePolicy::Largest)? {
                Ok(main) => self.upright(scope, picture, &main.face)?,
                Err(_) => Turn::None,
            },
        };
        let (picture, found) = match turn.apply(picture) {
            Some(turned) => {
                let found = self.detector.detect_main(&turned, policy)?;
                (Cow::Owned(turned), found)
            }
            None => (Cow::Borrowed(picture), found),
        };
        match found {
            Err(refusal) if refusal.code == RefusalCode::NoFaceDetected => {}
            found => return Ok(found.map(|main| Sought { picture, turn, main })),
        }
        let faces = self.small(scope, &picture)?;
        let main = match main_face(&faces, picture.dimensions(), policy) {
            Ok(main) => main,
            Err(refusal) if refusal.code == RefusalCode::NoFaceDetected => return Ok(Err(self.nothing(scope))),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let further = if self.options.turn { self.upright(scope, &picture, &main.face)? } else { Turn::None };
        let Some(turned) = further.apply(&picture) else { return Ok(Ok(Sought { picture, turn, main })) };
        let found = main_face(&self.small(scope, &turned)?, turned.dimensions(), policy);
        Ok(found.map(|main| Sought { picture: Cow::Owned(turned), turn: turn.then(further), main }))
    }

    /// All faces of a picture down to the smallest that is asked for, highest score first, and the
    /// picture in which they are, turned where its largest face is not upright.
    ///
    /// # Errors
    /// [`Runtime`](crate::ErrorKind::Runtime) where the network fails.
    pub(crate) fn all<'p>(&self, picture: &'p RgbImage) -> Result<(Cow<'p, RgbImage>, Turn, Vec<Face>)> {
        let Some(scope) = self.detector.scope().filter(|_| !picture.is_empty()) else {
            return Ok((Cow::Borrowed(picture), Turn::None, self.detector.detect(picture)?));
        };
        let mut faces = self.detector.detect(picture)?;
        let largest = faces.iter().max_by(|a, b| a.bounds.area().total_cmp(&b.bounds.area()));
        let turn = match largest {
            _ if !self.options.turn => Turn::None,
            Some(face) => self.upright(scope, picture, face)?,
            None => self.unseen(scope, picture)?,
        };
        let picture = match turn.apply(picture) {
            Some(turned) => {
                faces = self.detector.detect(&turned)?;
                Cow::Owned(turned)
            }
            None => Cow::Borrowed(picture),
        };
        let finest = self.finest(scope);
        if finest * long_side(&picture) as f32 > scope.full_side as f32 {
            faces.extend(self.in_parts(&picture, finest)?);
            suppress_parts(&mut faces);
        }
        Ok((picture, turn, faces))
    }

    /// By how much a picture in which nothing was seen must be turned for its face to be seen upright:
    /// the other orientations are looked at on a canvas of half the size, on a full one where the
    /// detector sees no small faces.
    fn unseen(&self, scope: Scope, picture: &RgbImage) -> Result<Turn> {
        let whole = [0, 0, picture.width(), picture.height()];
        let side = match scope.upright {
            Upright::Score { .. } => scope.full_side as f32 / 2.0,
            Upright::Unknown => scope.full_side as f32,
        };
        let small = reduced(picture, whole, (side / long_side(picture) as f32).min(1.0))?;
        let mut best = (Turn::None, 0.0);
        for turn in [Turn::Quarter, Turn::Half, Turn::ThreeQuarters] {
            let Some(turned) = turn.apply(&small) else { continue };
            let faces = self.detector.glance(&turned)?;
            if let Some(face) = faces.first().filter(|face| face.score > best.1) {
                // The face that is seen now may itself not be upright.
                best = (turn.then(self.upright(scope, &turned, face)?), face.score);
            }
        }
        Ok(best.0)
    }

    /// By how much the picture must be turned for this face to be upright.
    fn upright(&self, scope: Scope, picture: &RgbImage, face: &Face) -> Result<Turn> {
        let Upright::Score { face: small_face, enough, sure, level } = scope.upright else { return Ok(Turn::None) };
        if Pose::estimate(&face.landmarks).roll.abs() <= level && face.score >= sure {
            return Ok(Turn::None);
        }
        let side = face.bounds.width.max(face.bounds.height);
        let part = part::around(face.bounds.center(), side * SURROUNDINGS, picture.dimensions());
        let small = reduced(picture, part, (small_face / side).min(1.0))?;
        let mut best = (Turn::None, 0.0);
        for turn in Turn::ALL {
            let turned = turn.apply(&small);
            let faces = self.detector.glance(turned.as_ref().unwrap_or(&small))?;
            let score = faces.iter().map(|face| face.score).fold(0.0, f32::max);
            if score > best.1 {
                best = (turn, score);
            }
            if turn == Turn::None && score >= enough {
                break;
            }
        }
        Ok(best.0)
    }

    /// The faces of a picture in which the first look found none: in twice the resolution and so on,
    /// until there are some or the smallest that is asked for would have been seen.
    fn small(&self, scope: Scope, picture: &RgbImage) -> Result<Vec<Face>> {
        let (finest, first) = (self.finest(scope), scope.full_side as f32 / long_side(picture) as f32);
        let mut scale = first;
        while scale < finest {
            scale = (2.0 * scale).min(finest);
            let faces = self.in_parts(picture, scale)?;
            if !faces.is_empty() {
                return Ok(faces);
            }
        }
        // One more look, so that a face that is too small can be told from none.
        let beyond = (BEYOND * scale).min(1.0);
        let pixels = f64::from(picture.width()) * f64::from(picture.height()) * f64::from(beyond * beyond);
        if beyond > scale && pixels <= MOST_BEYOND { self.in_parts(picture, beyond) } else { Ok(Vec::new()) }
    }

    /// The scale at which the smallest face that is asked for is as small as the detector can see.
    fn finest(&self, scope: Scope) -> f32 {
        (scope.least_face / self.options.min_face.max(1.0)).min(1.0)
    }

    /// The faces of a picture that is reduced by `scale` and looked at in parts. The parts overlap by more than the
    /// size of the faces that a coarser look would have missed.
    fn in_parts(&self, picture: &RgbImage, scale: f32) -> Result<Vec<Face>> {
        let (width, height) = picture.dimensions();
        let tile = (TILE as f32 / scale) as u32;
        let overlap = ((4.0 * self.options.min_face) as u32).min(tile / 3);
        let starts = |length: u32| -> Vec<(u32, u32)> {
            if length <= tile {
                return vec![(0, length)];
            }
            let count = (length - overlap).div_ceil(tile - overlap);
            let start = |i: u32| u64::from(length - tile) * u64::from(i) / u64::from(count - 1);
            (0..count).map(|i| (start(i) as u32, tile)).collect()
        };
        let parts: Vec<Part> = starts(height)
            .into_iter()
            .flat_map(|(top, down)| starts(width).into_iter().map(move |(left, across)| [left, top, across, down]))
            .collect();
        let look = |part: &Part| -> Result<Vec<Face>> {
            let small = reduced(picture, *part, scale)?;
            let (sx, sy) = (part[2] as f32 / small.width() as f32, part[3] as f32 / small.height() as f32);
            let faces = self.detector.glance(&small)?.into_iter().map(|face| part::to_picture(face, *part, (sx, sy)));
            Ok(faces.filter(|face| whole(face, *part, (width, height))).collect())
        };
        let found: Vec<Vec<Face>> = self.threads.install(|| parts.par_iter().map(look).collect::<Result<_>>())?;
        let mut faces = found.concat();
        suppress_parts(&mut faces);
        Ok(faces)
    }

    fn nothing(&self, scope: Scope) -> Refusal {
        let message = format!(
            "no face of {:.0} pixels or more was found; send a photo that shows the face from the front and well lit",
            self.options.min_face.max(scope.least_face)
        );
        Refusal::new(RefusalCode::NoFaceDetected, message)
    }
}

/// Keeps one of each face that several looks found.
fn suppress_parts(faces: &mut Vec<Face>) {
    suppress(faces, 0.3);
}

/// Whether a face lies within a part, or at a side of it that is the picture's own: what is cut by
/// another side stands whole in the next part.
fn whole(face: &Face, [left, top, across, down]: Part, (width, height): (u32, u32)) -> bool {
    let Rect { x, y, .. } = face.bounds;
    let (right, bottom) = (left + across, top + down);
    (left == 0 || x >= left as f32)
        && (top == 0 || y >= top as f32)
        && (right >= width || face.bounds.right() <= right as f32)
        && (bottom >= height || face.bounds.bottom() <= bottom as f32)
}

fn long_side(picture: &RgbImage) -> u32 {
    picture.width().max(picture.height())
}
