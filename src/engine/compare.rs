//! Several photos as one probe, and the comparison of two sets of photos.

use crate::comparison::{Decision, OperatingPoint, Similarity};
use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, ImageReport, Refusal, Result, Rule};
use crate::index;
use crate::person::ImageBytes;
use crate::spec::Metric;

use super::Engine;

/// How a probe is verified against a person, or photos are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompareOptions {
    /// How sure an answer must be.
    pub operating_point: OperatingPoint,
}

impl Default for CompareOptions {
    /// One stranger in a thousand is accepted (FMR 0.001).
    fn default() -> Self {
        Self { operating_point: OperatingPoint::fmr(1e-3).expect("a rate between 0 and 1") }
    }
}

impl Engine {
    /// One encoding of one or more photos of a person: the mean of the normalised vectors, or for a
    /// Euclidean model of the vectors as they are.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for no photo, [`Refused`](ErrorKind::Refused) with the
    /// outcome of every photo.
    pub fn probe(&self, photos: &[ImageBytes]) -> Result<FaceEncoding> {
        fuse(self.embedder().metric, &self.encodings(photos)?)
    }

    /// Do these photos show the person of those? Several photos a side are fused.
    ///
    /// # Errors
    /// As for [`Self::probe`], the photos of `gallery` standing behind those of `probe`;
    /// [`Invalid`](ErrorKind::Invalid) where the model's table cannot carry the operating point.
    pub fn compare(&self, probe: &[ImageBytes], gallery: &[ImageBytes], options: &CompareOptions) -> Result<Decision> {
        let threshold = options.operating_point.threshold(self.calibration(), 1)?;
        if probe.is_empty() || gallery.is_empty() {
            return Err(Error::invalid(if probe.is_empty() { "probe" } else { "gallery" }, Rule::Required));
        }
        let encodings = self.encodings(&[probe, gallery].concat())?;
        let (probe, gallery) = encodings.split_at(probe.len());
        let metric = self.embedder().metric;
        let similarity = index::compare(metric, &fuse(metric, gallery)?, &fuse(metric, probe)?)?;
        Ok(threshold.decide(Similarity::new(similarity)?, self.calibration()))
    }

    /// The encodings of photos none of which may be refused.
    fn encodings(&self, photos: &[ImageBytes]) -> Result<Vec<FaceEncoding>> {
        if photos.is_empty() {
            return Err(Error::invalid("images", Rule::Required));
        }
        let outcomes = self.encode_all(photos)?;
        if outcomes.iter().any(Result::is_err) {
            let report = |(index, outcome): (usize, Result<_, Refusal>)| ImageReport { index, refusal: outcome.err() };
            return Err(Error::refused(outcomes.into_iter().enumerate().map(report).collect()));
        }
        Ok(outcomes.into_iter().flatten().map(|encoded| encoded.encoding).collect())
    }
}

/// The mean of encodings of one person by one model.
fn fuse(metric: Metric, encodings: &[FaceEncoding]) -> Result<FaceEncoding> {
    let [first, rest @ ..] = encodings else {
        return Err(Error::new(ErrorKind::Invalid, "there is no encoding to be fused"));
    };
    if rest.is_empty() {
        return Ok(first.clone());
    }
    let mut sum = vec![0.0f64; first.dimension()];
    for encoding in encodings {
        if encoding.model() != first.model() || encoding.dimension() != sum.len() {
            return Err(Error::new(ErrorKind::ModelMismatch, "encodings of different models cannot be fused"));
        }
        let length = match metric {
            Metric::Cosine => encoding.vector().iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt(),
            Metric::Euclidean => 1.0,
        };
        sum.iter_mut().zip(encoding.vector()).for_each(|(sum, v)| *sum += f64::from(*v) / length);
    }
    let count = encodings.len() as f64;
    FaceEncoding::new(first.model(), sum.into_iter().map(|v| (v / count) as f32).collect::<Vec<f32>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::ModelId;

    fn encoding(model: u8, vector: &[f32]) -> FaceEncoding {
        FaceEncoding::new(ModelId::from_bytes([model; 16]), vector.to_vec()).expect("finite")
    }

    #[test]
    fn the_mean_of_directions_or_of_vectors() {
        let faces = [encoding(1, &[3.0, 0.0]), encoding(1, &[0.0, 1.0])];
        assert_eq!(fuse(Metric::Cosine, &faces).expect("one model").vector(), [0.5, 0.5]);
        assert_eq!(fuse(Metric::Euclidean, &faces).expect("one model").vector(), [1.5, 0.5]);
        assert_eq!(fuse(Metric::Cosine, &faces[..1]).expect("one model"), faces[0]);
    }

    #[test]
    fn encodings_of_two_models_are_not_mixed() {
        let error = fuse(Metric::Cosine, &[encoding(1, &[1.0]), encoding(2, &[1.0])]).expect_err("two models");
        assert_eq!(error.kind(), ErrorKind::ModelMismatch);
        assert_eq!(fuse(Metric::Cosine, &[]).expect_err("nothing").kind(), ErrorKind::Invalid);
    }
}
