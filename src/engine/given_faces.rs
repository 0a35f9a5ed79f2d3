//! Encodings of faces that the host has found by itself.

use std::borrow::Cow;

use image::RgbImage;
use rayon::prelude::*;

use crate::error::{Refusal, RefusalCode, Result};
use crate::geometry::Rect;
use crate::vision::{Face, Turn};

use super::timing::Step;
use super::{EncodedFace, Engine};

impl Engine {
    /// The encodings of faces whose boxes are known, for example from a tracker or from another
    /// detector: an encoding or a refusal for each box, in their order. Boxes are worked on in parallel.
    ///
    /// A box is in pixels of `picture`, which must be upright: [`Rect`] has its left and upper side, its
    /// width and its height ([`Rect::from_sides`] takes left, upper, right and lower side). It goes
    /// around one face as detectors draw it, from the forehead to the chin; a little more or less does
    /// no harm. The face has to be upright too: pictures are not turned here, whatever
    /// [`SeekOptions::turn`](crate::vision::SeekOptions::turn) says.
    ///
    /// The engine's own detector looks at the square around each box of twice its longer side and gives
    /// box and landmarks; of several faces the one that overlaps the given box most is taken
    /// ([`Detector::detect_at`](crate::vision::Detector::detect_at)). The answer's
    /// [`EncodedFace::face`] has what was found. dlib's packs find landmarks by the given box alone, as
    /// `face_recognition.face_encodings(image, known_face_locations)` does: the box is taken as it is and has to be
    /// drawn by dlib's rule, so only the quality limits can refuse a box that shows no face.
    ///
    /// The face must then be as good as [`Self::rules`] ask for, as in every other verb. What a box gets:
    ///
    /// | box | outcome |
    /// |---|---|
    /// | reaches beyond the picture | as much as is in the picture is looked at; a face that is cut off is refused as `face_close_to_border` |
    /// | lies outside the picture, or the picture has no pixels | `no_face_detected` |
    /// | no width or height, or negative; not a number or infinite | `no_face_detected` |
    /// | shows no face | `no_face_detected`; `face_too_small` where the box is smaller than the least face |
    /// | shows two faces | the one that fills the box better |
    /// | the same face as another box | an encoding for each |
    ///
    /// ```no_run
    /// use facevault::geometry::Rect;
    /// use facevault::{Engine, EngineOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::open(&EngineOptions::default())?;
    /// let picture = engine.decode(&std::fs::read("group.jpg")?)?;
    /// let boxes = [Rect { x: 120.0, y: 80.0, width: 96.0, height: 128.0 }, Rect::from_sides(400.0, 90.0, 490.0, 210.0)];
    /// for (bounds, outcome) in boxes.iter().zip(engine.encode_at(&picture, &boxes)?) {
    ///     match outcome {
    ///         Ok(encoded) => println!("{bounds:?}: {} components", encoded.encoding.dimension()),
    ///         Err(refusal) => println!("{bounds:?}: {refusal}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Runtime`](crate::ErrorKind::Runtime) where a network fails.
    pub fn encode_at(&self, picture: &RgbImage, boxes: &[Rect]) -> Result<Vec<Result<EncodedFace, Refusal>>> {
        let _taken_on = self.inner.origin.workload.take_on(boxes.len());
        let encode = |bounds: &Rect| self.encode_box(picture, *bounds);
        match boxes {
            [bounds] => Ok(vec![encode(bounds)?]),
            _ => self.inner.threads.install(|| boxes.par_iter().with_max_len(1).map(encode).collect()),
        }
    }

    /// The encoding of a face whose box and landmarks are known. Nothing is looked for: the crop is cut
    /// out by the landmarks, the box is used to measure size and margin, and the score is kept as it is.
    ///
    /// Box and landmarks are in pixels of `picture`, which must be upright, and the landmarks of the
    /// scheme of the embedder's crop ([`Self::embedder`]). The face must be as good as [`Self::rules`]
    /// ask for. A box that [`Self::encode_at`] refuses without looking at the picture, and landmarks that are not
    /// finite, are refused as `no_face_detected`.
    ///
    /// ```no_run
    /// use facevault::{Engine, EngineOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::open(&EngineOptions::default())?;
    /// let picture = engine.decode(&std::fs::read("portrait.jpg")?)?;
    /// let (upright, detection) = engine.detect_in(&picture)?;
    /// for face in &detection.faces {
    ///     // Here a host may correct the landmarks, or bring its own.
    ///     println!("{:?}", engine.encode_face(&upright, face)?.map(|encoded| encoded.quality));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) for landmarks of another scheme,
    /// [`Runtime`](crate::ErrorKind::Runtime) where the network fails.
    pub fn encode_face(&self, picture: &RgbImage, face: &Face) -> Result<Result<EncodedFace, Refusal>> {
        let finite = face.landmarks.points.iter().all(|point| point.x.is_finite() && point.y.is_finite());
        let usable =
            if finite { must_be_in(picture, face.bounds) } else { Err(nothing("its landmarks are not finite")) };
        if let Err(refusal) = usable {
            return Ok(Err(refusal));
        }
        let _taken_on = self.inner.origin.workload.take_on(1);
        // The score is the host's, on a scale of its own.
        let limits = self.rules.quality.with_min_score(f32::MIN);
        let found = self.encode_within(&limits, picture, Turn::None, face)?;
        self.judged(found, |_| Cow::Borrowed(picture))
    }

    fn encode_box(&self, picture: &RgbImage, bounds: Rect) -> Result<Result<EncodedFace, Refusal>> {
        if let Err(refusal) = must_be_in(picture, bounds) {
            return Ok(Err(refusal));
        }
        match self.inner.timing.time(Step::Detect, || self.detector.detect_at(picture, bounds))? {
            Some(face) => {
                let found = self.encode_found(picture, Turn::None, &face)?;
                self.judged(found, |_| Cow::Borrowed(picture))
            }
            None => Ok(Err(self.not_there(bounds))),
        }
    }

    /// Why no face was found in a box.
    fn not_there(&self, bounds: Rect) -> Refusal {
        let (side, least) = (bounds.width.min(bounds.height), self.rules.quality.min_size);
        if side < least {
            let message = format!(
                "the box is {side:.0} pixels wide and no face was found in it, {least:.0} are needed; send a larger photo or one taken closer"
            );
            return Refusal::measured(RefusalCode::FaceTooSmall, f64::from(side), f64::from(least), message);
        }
        nothing("it shows none; draw it around one face that is upright and well lit")
    }
}

/// Refuses a box that cannot show anything.
fn must_be_in(picture: &RgbImage, bounds: Rect) -> Result<(), Refusal> {
    let Rect { x, y, width, height } = bounds;
    let (right, bottom) = (bounds.right(), bounds.bottom());
    if ![x, y, width, height, right, bottom].iter().all(|value| value.is_finite()) {
        return Err(nothing("its sides are not finite"));
    }
    if width <= 0.0 || height <= 0.0 {
        return Err(nothing("it is empty"));
    }
    // The first pixel reaches from -0.5 to 0.5.
    let (across, down) = (picture.width() as f32 - 0.5, picture.height() as f32 - 0.5);
    if right <= -0.5 || bottom <= -0.5 || x >= across || y >= down {
        return Err(nothing(&format!(
            "it lies outside the picture of {} x {} pixels",
            picture.width(),
            picture.height()
        )));
    }
    Ok(())
}

fn nothing(why: &str) -> Refusal {
    Refusal::new(RefusalCode::NoFaceDetected, format!("the box cannot give a face: {why}"))
}
