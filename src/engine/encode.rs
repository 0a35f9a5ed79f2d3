//! From photos to encodings, in parallel.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use image::RgbImage;
use image::imageops::flip_horizontal;
use rayon::prelude::*;

use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, ImageReport, Refusal, RefusalCode, Result};
use crate::frame::Frame;
use crate::input::Input;
use crate::spec::EncodingMode;
use crate::vision::{self, AlignedFace, Face, Quality, QualityLimits, SeekOptions, Seeker, Turn, Upright};

use super::timing::Step;
use super::{Detection, EncodedFace, Engine, Enrolled, FaceOutcome};

/// A face whose value is below this many times the limit is barely recognised: 3 % of clean photos with dlib's
/// networks.
const BARELY: f64 = 1.06;

impl Engine {
    /// The faces of a photo or a frame.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for bytes that are no picture or too large a one,
    /// [`ErrorKind::Runtime`] where the network fails. A picture without a face is no error.
    pub fn detect<'a>(&self, image: impl Into<Input<'a>>) -> Result<Detection> {
        let picture = self.seen(image.into()).map_err(refused)?;
        let _taken_on = self.inner.origin.workload.take_on(1);
        let (picture, turned, faces) = self.inner.timing.time(Step::Detect, || self.seeker().all(&picture))?;
        Ok(Detection { width: picture.width(), height: picture.height(), turned, faces })
    }

    /// The upright picture of a photo's bytes, within the engine's limits.
    ///
    /// # Errors
    /// A refusal for bytes that are no picture or too large a one.
    pub fn decode(&self, image: &[u8]) -> Result<RgbImage, Refusal> {
        self.inner.timing.time(Step::Decode, || vision::decode(image, &self.rules.decode))
    }

    /// The picture of a frame, upright and not mirrored, within the engine's limits: for a frame what [`Self::decode`]
    /// gives for a file.
    ///
    /// # Errors
    /// A refusal for too large a frame, and for a JPEG picture that is damaged or has not the frame's size.
    pub fn picture(&self, frame: &Frame<'_>) -> Result<RgbImage, Refusal> {
        self.inner.timing.time(Step::Decode, || vision::picture(frame, &self.rules.decode))
    }

    /// The upright picture of a file or a frame.
    pub(super) fn seen(&self, image: Input<'_>) -> Result<RgbImage, Refusal> {
        match image {
            Input::File(bytes) => self.decode(bytes),
            Input::Frame(frame) => self.picture(&frame),
        }
    }

    /// The encoding of the one face of a photo or a frame.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] where the photo gives no encoding, [`ErrorKind::Runtime`] where a
    /// network fails.
    pub fn encode<'a>(&self, image: impl Into<Input<'a>>) -> Result<EncodedFace> {
        let _taken_on = self.inner.origin.workload.take_on(1);
        self.encode_one(image.into(), |picture| picture)?.map_err(refused)
    }

    /// The encoding of the one face of a picture that was decoded already, as [`Self::encode`].
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where a network fails; in the result, why there is no encoding.
    pub fn encode_picture(&self, picture: &RgbImage) -> Result<Result<EncodedFace, Refusal>> {
        let _taken_on = self.inner.origin.workload.take_on(1);
        self.encode_live(picture)
    }

    /// The encodings of many photos or frames, in their order, as many at a time as the engine has threads.
    /// A refused photo does not stop the others.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where a network fails.
    pub fn encode_all<T: Sync>(&self, images: &[T]) -> Result<Vec<Result<EncodedFace, Refusal>>>
    where
        for<'a> &'a T: Into<Input<'a>>,
    {
        self.work_on_all(images, |image| self.encode_one(image.into(), |picture| picture))
    }

    /// As [`Self::encode_all`], with `prepare` done to each upright picture before faces are looked
    /// for.
    pub(super) fn encode_prepared(
        &self,
        images: &[Input<'_>],
        prepare: fn(RgbImage) -> RgbImage,
    ) -> Result<Vec<Result<EncodedFace, Refusal>>> {
        self.work_on_all(images, |image| self.encode_one(*image, prepare))
    }

    /// As [`Self::encode_all`], with photos that are to be kept.
    pub(crate) fn enroll_all<T: AsRef<[u8]> + Sync>(&self, images: &[T]) -> Result<Vec<Result<Enrolled, Refusal>>> {
        self.work_on_all(images, |image| self.enroll_one(image.as_ref()))
    }

    fn work_on_all<T: Sync, O: Send>(
        &self,
        images: &[T],
        work: impl Fn(&T) -> Result<Result<O, Refusal>> + Sync,
    ) -> Result<Vec<Result<O, Refusal>>> {
        let _taken_on = self.inner.origin.workload.take_on(images.len());
        match images {
            [image] => Ok(vec![work(image)?]),
            // One photo at a time: with larger chunks, one thread would still be busy with the last chunk while the
            // others are idle.
            _ => self.inner.threads.install(|| images.par_iter().with_max_len(1).map(&work).collect()),
        }
    }

    /// For photos of groups: every face of a photo or a frame, highest score first, with its encoding or with a refusal if it is
    /// not good enough. Also returns by how much the photo was turned to be upright; boxes are in pixels of the upright
    /// picture.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for bytes that are no picture or too large a one,
    /// [`ErrorKind::Runtime`] where a network fails.
    pub fn encode_faces<'a>(&self, image: impl Into<Input<'a>>) -> Result<(Turn, Vec<FaceOutcome>)> {
        let picture = self.seen(image.into()).map_err(refused)?;
        let (turned, faces) = self.faces_of(&picture, self.seeker())?;
        let unrecognised = |(_, outcome): &FaceOutcome| {
            outcome.as_ref().is_err_and(|refusal| refusal.code == RefusalCode::NotRecognizable)
        };
        if faces.is_empty() || !faces.iter().all(unrecognised) || !self.turns_by_encoding() {
            return Ok((turned, faces));
        }
        let mut best = (turned, faces);
        for turn in Turn::ALL.into_iter().filter(|turn| *turn != turned) {
            let other = turn.apply(&picture);
            let (_, faces) = self.faces_of(other.as_ref().unwrap_or(&picture), self.level_seeker())?;
            let recognised = |faces: &[FaceOutcome]| faces.iter().filter(|(_, outcome)| outcome.is_ok()).count();
            if recognised(&faces) > recognised(&best.1) {
                best = (turn, faces);
            }
        }
        Ok(best)
    }

    fn faces_of(&self, picture: &RgbImage, seeker: Seeker<'_>) -> Result<(Turn, Vec<FaceOutcome>)> {
        let taken_on = self.inner.origin.workload.take_on(1);
        let (picture, turned, faces) = self.inner.timing.time(Step::Detect, || seeker.all(picture))?;
        drop(taken_on);
        let _taken_on = self.inner.origin.workload.take_on(faces.len());
        let encode = |face: &Face| {
            let found = self.encode_found(&picture, turned, face)?;
            Ok((*face, self.judged(found, |_| Cow::Borrowed(&*picture))?))
        };
        let faces = self.inner.threads.install(|| faces.par_iter().map(encode).collect::<Result<Vec<_>>>())?;
        Ok((turned, faces))
    }

    /// Whether the embedder may say that a photo was taken the wrong way up: without a measured limit
    /// nothing would say which orientation is the right one.
    fn turns_by_encoding(&self) -> bool {
        self.rules.seek.turn && self.rules.quality.recognizable && self.recognizability().is_some()
    }

    /// Looks at pictures as they are.
    fn level_seeker(&self) -> Seeker<'_> {
        Seeker { options: SeekOptions { turn: false, ..self.rules.seek }, ..self.seeker() }
    }

    pub(super) fn seeker(&self) -> Seeker<'_> {
        Seeker { detector: self.detector.as_ref(), options: self.rules.seek, threads: &self.inner.threads }
    }

    pub(super) fn encode_one(
        &self,
        image: Input<'_>,
        prepare: fn(RgbImage) -> RgbImage,
    ) -> Result<Result<EncodedFace, Refusal>> {
        match self.seen(image) {
            Ok(picture) => self.encode_live(&prepare(picture)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// The encoding of a photo that is to be kept, and its thumbnail of the same decoded picture.
    pub(super) fn enroll_one(&self, image: &[u8]) -> Result<Result<Enrolled, Refusal>> {
        let picture = match self.decode(image) {
            Ok(picture) => picture,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let encoded = self.encode_live(&picture)?;
        Ok(encoded.map(|encoded| Enrolled { thumbnail: thumbnail(&picture, encoded.turned), encoded }))
    }

    /// The encoding of a picture's face, which must be live if the engine asks for it.
    fn encode_live(&self, picture: &RgbImage) -> Result<Result<EncodedFace, Refusal>> {
        let found = self.encode_upright(picture)?;
        self.judged(found, |turned| turned.apply(picture).map_or(Cow::Borrowed(picture), Cow::Owned))
    }

    /// The encoding of the face as it is found. If the face seems covered, rotated too far or hardly recognisable, or
    /// is not good enough where the detector cannot tell which way up it is, the photo may have been taken the wrong way
    /// up: the other orientations are tried, and the one in which the face is recognised best counts.
    fn encode_upright(&self, picture: &RgbImage) -> Result<Result<EncodedFace, Refusal>> {
        use RefusalCode::{Blurred, FaceOccluded, FaceRotationTooLarge, LowQuality, NotRecognizable};
        let found = self.encode_sought(picture, self.seeker())?;
        let clear = self.recognizability().map_or(0.0, |rule| BARELY * rule.limit());
        let unknown = self.detector.scope().is_some_and(|scope| scope.upright == Upright::Unknown);
        let doubtful = match &found {
            Err(refusal) => match refusal.code {
                FaceOccluded | FaceRotationTooLarge | NotRecognizable => true,
                // Sideways faces seem blurred, since the landmarks that are put on them lie close together, and their
                // scores are lower.
                Blurred | LowQuality => unknown,
                _ => false,
            },
            // If the detector cannot tell which way up a face is, a barely recognised face is also tried in the other
            // orientations.
            Ok(found) => unknown && found.recognizability.is_some_and(|value| value < clear),
        };
        if !(doubtful && self.turns_by_encoding()) {
            return Ok(found);
        }
        // In an orientation that the detector decided against, the face must be recognised clearly; otherwise an
        // upside-down mask passes for a forehead.
        let least = if unknown { f64::NEG_INFINITY } else { clear };
        let mut best: Option<EncodedFace> = found.as_ref().ok().cloned();
        let tried = best.as_ref().map(|best| best.turned);
        for turn in Turn::ALL.into_iter().filter(|turn| Some(*turn) != tried) {
            let turned = turn.apply(picture);
            let picture = turned.as_ref().unwrap_or(picture);
            let Ok(encoded) = self.encode_sought(picture, self.level_seeker())? else { continue };
            let is_clear = encoded.recognizability.is_some_and(|value| value >= least);
            if is_clear && best.as_ref().is_none_or(|best| encoded.recognizability > best.recognizability) {
                best = Some(EncodedFace { turned: turn, ..encoded });
            }
        }
        Ok(best.map_or(found, Ok))
    }

    fn encode_sought(&self, picture: &RgbImage, seeker: Seeker<'_>) -> Result<Result<EncodedFace, Refusal>> {
        let policy = self.rules.face;
        match self.inner.timing.time(Step::Detect, || seeker.main(picture, policy))? {
            Ok(sought) => {
                let encoded = self.encode_found(&sought.picture, sought.turn, &sought.main.face)?;
                Ok(encoded.map(|encoded| EncodedFace { others: sought.main.others, ..encoded }))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// The encoding of a face that the detector found.
    pub(super) fn encode_found(
        &self,
        picture: &RgbImage,
        turned: Turn,
        face: &Face,
    ) -> Result<Result<EncodedFace, Refusal>> {
        self.encode_within(&self.rules.quality, picture, turned, face)
    }

    /// The encoding of a face whose landmarks are known.
    pub(super) fn encode_within(
        &self,
        limits: &QualityLimits,
        picture: &RgbImage,
        turned: Turn,
        face: &Face,
    ) -> Result<Result<EncodedFace, Refusal>> {
        if face.landmarks.scheme != self.inner.embedder.spec().template.landmarks {
            let message = format!("{}: the detector's landmarks are not those of the embedder's crop", self.name());
            return Err(Error::new(ErrorKind::ModelMismatch, message));
        }
        let aligned = self.inner.timing.time(Step::Align, || self.cut_out(limits, picture, face));
        let (aligned, quality) = match aligned {
            Ok(good) => good,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let encoding = self.inner.timing.time(Step::Embed, || self.embedded(aligned))?;
        self.inner.encoded.fetch_add(1, Ordering::Relaxed);
        let others = Vec::new();
        Ok((self.recognizable(&encoding)).map(|recognizability| EncodedFace {
            face: *face,
            turned,
            others,
            quality,
            encoding,
            recognizability,
            liveness: None,
        }))
    }

    /// How recognisable the face behind an encoding is, which must be of this engine's model; `None` where that was not
    /// measured for the model.
    ///
    /// # Errors
    /// [`RefusalCode::NotRecognizable`] where it is below the limit and the rules ask for it.
    pub fn recognizable(&self, encoding: &FaceEncoding) -> Result<Option<f64>, Refusal> {
        let Some(rule) = self.recognizability() else { return Ok(None) };
        let vector = encoding.vector();
        let asked = self.rules.quality.recognizable;
        if asked { rule.check(vector).map(Some) } else { Ok(Some(rule.value(vector))) }
    }

    /// The encoding of a crop, in the engine's mode.
    fn embedded(&self, face: AlignedFace) -> Result<FaceEncoding> {
        let views = match self.mode {
            EncodingMode::Fast => vec![face],
            EncodingMode::Accurate => {
                let mirrored = AlignedFace { pixels: flip_horizontal(&face.pixels) };
                vec![face, mirrored]
            }
        };
        let mut vectors = self.embed_all(&views)?;
        let mut vector = vectors.swap_remove(0);
        if let Some(mirrored) = vectors.pop() {
            // The vectors are averaged without normalising them: the length of each says how sure the network is of it.
            vector.iter_mut().zip(mirrored).for_each(|(value, other)| *value = (*value + other) / 2.0);
        }
        FaceEncoding::new(self.model(), vector).map_err(|error| {
            Error::new(ErrorKind::Runtime, format!("{}: the embedder gave no usable vector", self.name()))
                .caused_by(error)
        })
    }

    /// The crop that the embedder takes, if the face is good enough.
    fn cut_out(
        &self,
        limits: &QualityLimits,
        picture: &RgbImage,
        face: &Face,
    ) -> Result<(AlignedFace, Quality), Refusal> {
        let template = &self.inner.embedder.spec().template;
        let aligned = vision::align(picture, &face.landmarks, template).ok_or_else(|| {
            let message = "the landmarks of the face coincide; take the photo from nearer and from the front";
            Refusal::new(RefusalCode::LowQuality, message)
        })?;
        let quality = Quality::measure(picture, face);
        limits.check(&quality)?;
        limits.check_score(face.score)?;
        Ok((aligned, quality))
    }
}

fn refused(refusal: Refusal) -> Error {
    Error::refused(vec![ImageReport { index: 0, refusal: Some(refusal) }])
}

/// A small picture to be kept beside a photo. Builds that cannot write JPEG make none.
#[cfg(any(feature = "evaluation", feature = "http"))]
fn thumbnail(picture: &RgbImage, turned: Turn) -> Option<Vec<u8>> {
    vision::upright_thumbnail(picture, turned).ok()
}

#[cfg(not(any(feature = "evaluation", feature = "http")))]
fn thumbnail(_: &RgbImage, _: Turn) -> Option<Vec<u8>> {
    None
}
