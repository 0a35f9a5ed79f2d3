//! Several photos as one probe, and the comparison of two sets of photos.

use image::RgbImage;

use crate::comparison::{Decision, OperatingPoint, Similarity};
use crate::encoding::FaceEncoding;
use crate::error::{Error, ImageReport, Refusal, Result, Rule};
use crate::index;
use crate::input::{Input, Inputs};
use crate::liveness::LivenessCheck;
use crate::setters::setters;

use super::alike::require_one_person_each;
use super::fuse::fuse;
use super::liveness::{each_shot, require_live};
use super::{EncodedFace, Engine};
use crate::spec::EncodingMode;

/// How a probe is verified against a person, or photos are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CompareOptions {
    /// How sure an answer must be.
    pub operating_point: OperatingPoint,
    /// How the photos are encoded. Where `None`, a vault uses the mode that it notes, and otherwise the engine's mode
    /// is used. [`Engine::compare`] decides by the table of this mode, a vault by the table of its own mode.
    pub mode: Option<EncodingMode>,
    /// Whether several photos of one side are taken even where they seem to show two people. A vault goes by its own
    /// option of that name.
    pub mixed_photos: bool,
    /// What is done about the liveness of the probe, whose photos count together by the mean of their scores. The
    /// gallery's photos are not looked at for it: they may be those of documents.
    pub liveness: LivenessCheck,
}

setters!(CompareOptions {
    operating_point: with_operating_point(OperatingPoint),
    mode: with_mode(impl Into<Option<EncodingMode>>),
    mixed_photos: with_mixed_photos(bool),
    liveness: with_liveness(LivenessCheck),
});

impl Default for CompareOptions {
    /// One stranger in a thousand is accepted (FMR 0.001).
    fn default() -> Self {
        let operating_point = OperatingPoint::fmr(1e-3).expect("a rate between 0 and 1");
        Self { operating_point, mode: None, mixed_photos: false, liveness: LivenessCheck::default() }
    }
}

impl Engine {
    /// One encoding of one or more photos or frames of a person: the mean of the normalised vectors, or for a
    /// Euclidean model of the vectors as they are.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for no photo, [`Refused`](crate::ErrorKind::Refused)
    /// with the outcome of every photo.
    pub fn probe<'a>(&self, photos: impl Into<Inputs<'a>>) -> Result<FaceEncoding> {
        fuse(self.embedder().metric, &encodings(self.shots(&photos.into().to_vec(), |picture| picture)?))
    }

    /// Decides whether the photos or frames of `probe` and those of `gallery` show one person. Several photos of one
    /// side are fused.
    ///
    /// # Errors
    /// As for [`Self::probe`], with the outcomes of `gallery`'s photos after those of `probe`'s, and where the photos
    /// of one side seem to show two people ([`DifferentPerson`](crate::RefusalCode::DifferentPerson));
    /// [`Invalid`](crate::ErrorKind::Invalid) where the model's table cannot carry the operating point. Where liveness
    /// is required, [`LivenessFailed`](crate::RefusalCode::LivenessFailed) for each photo of a probe that is not live;
    /// where it is asked for, as for [`Self::liveness`].
    pub fn compare<'a, 'b>(
        &self,
        probe: impl Into<Inputs<'a>>,
        gallery: impl Into<Inputs<'b>>,
        options: &CompareOptions,
    ) -> Result<Decision> {
        self.compare_inputs(&probe.into().to_vec(), &gallery.into().to_vec(), options)
    }

    fn compare_inputs(&self, probe: &[Input<'_>], gallery: &[Input<'_>], options: &CompareOptions) -> Result<Decision> {
        let engine = self.in_mode(options.mode.unwrap_or(self.mode()));
        let threshold = options.operating_point.threshold(engine.calibration(), 1)?;
        if probe.is_empty() || gallery.is_empty() {
            return Err(Error::invalid(if probe.is_empty() { "probe" } else { "gallery" }, Rule::Required));
        }
        options.liveness.validate()?;
        let of_one = probe.len() == 1 || (!options.mixed_photos && engine.calibration().is_some());
        let shots = engine.with_liveness_check(each_shot(&options.liveness, of_one));
        let count = probe.len() + gallery.len();
        let outcomes = match options.liveness.is_asked() {
            true => {
                let unasked = engine.with_liveness_check(LivenessCheck::default());
                let gallery = unasked.encode_prepared(gallery, |picture| picture)?;
                shots.encode_prepared(probe, |picture| picture)?.into_iter().chain(gallery).collect()
            }
            false => engine.encode_prepared(&[probe, gallery].concat(), |picture| picture)?,
        };
        let mut faces = all_encoded(outcomes)?;
        let others = faces.split_off(probe.len());
        let liveness = require_live(&options.liveness, &faces, count)?;
        let (probe, gallery) = (&encodings(faces)[..], &encodings(others)[..]);
        let metric = self.embedder().metric;
        if !options.mixed_photos {
            require_one_person_each(metric, engine.calibration(), probe, gallery)?;
        }
        let similarity = index::compare(metric, &fuse(metric, gallery)?, &fuse(metric, probe)?)?;
        Ok(Decision { liveness, ..threshold.decide(Similarity::new(similarity)?, engine.calibration()) })
    }

    /// The encoded faces of photos, with `prepare` done to each upright picture before faces are looked for. None of the
    /// photos may be refused.
    pub(crate) fn shots(&self, photos: &[Input<'_>], prepare: fn(RgbImage) -> RgbImage) -> Result<Vec<EncodedFace>> {
        if photos.is_empty() {
            return Err(Error::invalid("images", Rule::Required));
        }
        all_encoded(self.encode_prepared(photos, prepare)?)
    }
}

/// The faces, if no photo was refused; else an error with the outcome of each.
fn all_encoded(outcomes: Vec<Result<EncodedFace, Refusal>>) -> Result<Vec<EncodedFace>> {
    if outcomes.iter().any(Result::is_err) {
        let report = |(index, outcome): (usize, Result<_, Refusal>)| ImageReport { index, refusal: outcome.err() };
        return Err(Error::refused(outcomes.into_iter().enumerate().map(report).collect()));
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// The encodings of faces.
pub(crate) fn encodings(faces: Vec<EncodedFace>) -> Vec<FaceEncoding> {
    faces.into_iter().map(|face| face.encoding).collect()
}
