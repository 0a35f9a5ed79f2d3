//! Faces as they are answered.

use crate::engine::EncodedFace;
use crate::error::Refusal;
use crate::geometry::{Landmarks, Point, Rect};
use crate::vision::{Face, Quality, Turn};

use super::encode_base64;

/// `{"box": {"top", "left", "right", "bottom"}, "landmarks": {...}, "detection_score"}`, in pixels
/// of the upright picture.
///
/// The left eye is the one on the left of the picture; landmarks that the detector does not find
/// are absent. A point is `[x, y]`.
#[derive(Debug, serde::Serialize)]
pub struct FaceAnswer {
    #[serde(rename = "box")]
    bounds: FaceBox,
    landmarks: NamedLandmarks,
    detection_score: f32,
}

impl FaceAnswer {
    /// The face as it is answered.
    #[must_use]
    pub fn new(face: &Face) -> Self {
        Self {
            bounds: FaceBox::new(&face.bounds),
            landmarks: NamedLandmarks::new(&face.landmarks),
            detection_score: face.score,
        }
    }
}

/// The encoding of a photo's face, or why there is none: `{"status": "ok", "model", "dimension", "encoding", "face",
/// "turned", "others", "quality", "recognizability"}`, with the encoding as base64 of little-endian `f32`, or
/// `{"status": "refused", "code", "measured", "limit", "message"}`.
///
/// It has no `Debug`, because it holds the encoding.
#[derive(serde::Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
#[non_exhaustive]
pub enum EncodedFaceAnswer<'a> {
    /// There is an encoding.
    #[non_exhaustive]
    Ok {
        /// The model that made it.
        model: String,
        /// How many components it has.
        dimension: usize,
        /// Its components.
        encoding: String,
        /// The face.
        face: FaceAnswer,
        /// By how much the photo was turned, beyond its EXIF orientation, to be upright.
        turned: Turn,
        /// The photo's other faces, where this one was chosen among several.
        others: Vec<FaceAnswer>,
        /// How good the face is.
        quality: &'a Quality,
        /// How recognisable it is; null where that was not measured for the model.
        recognizability: Option<f64>,
        /// How live it is, 0 to 1; absent where that was not asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        liveness: Option<f64>,
    },
    /// The photo or the face was refused.
    Refused(&'a Refusal),
}

impl<'a> EncodedFaceAnswer<'a> {
    /// The answer about a photo or a face.
    #[must_use]
    pub fn new(outcome: &'a Result<EncodedFace, Refusal>) -> Self {
        match outcome {
            Ok(EncodedFace { face, turned, others, quality, encoding, recognizability, liveness }) => Self::Ok {
                model: encoding.model().to_string(),
                dimension: encoding.dimension(),
                encoding: encode_base64(&encoding.to_bytes()),
                face: FaceAnswer::new(face),
                turned: *turned,
                others: others.iter().map(FaceAnswer::new).collect(),
                quality,
                recognizability: *recognizability,
                liveness: liveness.as_ref().map(|liveness| liveness.score),
            },
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

/// Sides in pixels of the upright photo; they may lie outside of it.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub(crate) struct FaceBox {
    top: f32,
    left: f32,
    right: f32,
    bottom: f32,
}

impl FaceBox {
    pub(crate) fn new(bounds: &Rect) -> Self {
        Self { top: bounds.y, left: bounds.x, right: bounds.right(), bottom: bounds.bottom() }
    }
}

/// Points as `[x, y]`; not every detector finds the mouth.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = Landmarks))]
pub(crate) struct NamedLandmarks {
    left_eye: [f32; 2],
    right_eye: [f32; 2],
    nose: [f32; 2],
    #[cfg_attr(feature = "http", schema(nullable = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    left_mouth: Option<[f32; 2]>,
    #[cfg_attr(feature = "http", schema(nullable = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    right_mouth: Option<[f32; 2]>,
}

impl NamedLandmarks {
    pub(crate) fn new(landmarks: &Landmarks) -> Self {
        let pair = |point: Point| [point.x, point.y];
        let ((left, right), mouth) = (landmarks.eyes(), landmarks.mouth());
        Self {
            left_eye: pair(left),
            right_eye: pair(right),
            nose: pair(landmarks.nose()),
            left_mouth: mouth.map(|(left, _)| pair(left)),
            right_mouth: mouth.map(|(_, right)| pair(right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::LandmarkScheme;

    #[test]
    fn landmarks_have_the_apis_names() {
        let points = [(1.0, 2.0), (3.0, 2.0), (2.0, 3.0), (1.5, 4.0), (2.5, 4.0)].map(|(x, y)| Point::new(x, y));
        let face = |scheme| Face {
            bounds: Rect::from_sides(0.0, 1.0, 4.0, 6.0),
            landmarks: Landmarks { scheme, points },
            score: 0.5,
        };
        let json = |face| serde_json::to_string(&FaceAnswer::new(&face)).expect("JSON");
        let sides = r#"{"box":{"top":1.0,"left":0.0,"right":4.0,"bottom":6.0},"#;
        assert_eq!(
            json(face(LandmarkScheme::EyesNoseMouth)),
            format!(
                "{sides}{}",
                r#""landmarks":{"left_eye":[1.0,2.0],"right_eye":[3.0,2.0],"nose":[2.0,3.0],"left_mouth":[1.5,4.0],"right_mouth":[2.5,4.0]},"detection_score":0.5}"#
            )
        );
        assert_eq!(
            json(face(LandmarkScheme::EyeCornersNose)),
            format!(
                "{sides}{}",
                r#""landmarks":{"left_eye":[1.75,3.5],"right_eye":[2.0,2.0],"nose":[2.5,4.0]},"detection_score":0.5}"#
            )
        );
    }
}
