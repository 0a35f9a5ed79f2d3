//! Several encodings of one person as one.

use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::Metric;

/// The mean of encodings of one person by one model.
///
/// Under `Cosine` only directions count. The vectors are normalised first, so that each has the same weight. Under
/// `Euclidean` lengths count as well: the mean of the vectors as they are keeps the distances to other encodings on the
/// scale for which the model's thresholds hold, which a sum would not.
///
/// # Errors
/// [`ErrorKind::Invalid`] for none, or where they cancel each other out,
/// [`ErrorKind::ModelMismatch`] for encodings of different models.
pub(crate) fn fuse(metric: Metric, encodings: &[FaceEncoding]) -> Result<FaceEncoding> {
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
