//! A face as the HTTP API answers it.

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::geometry::{Landmarks, Point, Rect};
use crate::vision::Face;

/// `{"box": {"top", "left", "right", "bottom"}, "landmarks": {...}, "detection_score"}`, in pixels
/// of the upright picture.
///
/// The left eye is the one on the left of the picture; landmarks that the detector does not find
/// are absent. A point is `[x, y]`.
#[derive(Debug)]
pub struct FaceAnswer<'a>(
    /// The face.
    pub &'a Face,
);

impl Serialize for FaceAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Face", 3)?;
        answer.serialize_field("box", &Sides(&self.0.bounds))?;
        answer.serialize_field("landmarks", &Named(&self.0.landmarks))?;
        answer.serialize_field("detection_score", &self.0.score)?;
        answer.end()
    }
}

struct Sides<'a>(&'a Rect);

impl Serialize for Sides<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sides = serializer.serialize_struct("Box", 4)?;
        sides.serialize_field("top", &self.0.y)?;
        sides.serialize_field("left", &self.0.x)?;
        sides.serialize_field("right", &self.0.right())?;
        sides.serialize_field("bottom", &self.0.bottom())?;
        sides.end()
    }
}

struct Named<'a>(&'a Landmarks);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |point: Point| [point.x, point.y];
        let (left, right) = self.0.eyes();
        let mut points = serializer.serialize_map(None)?;
        points.serialize_entry("left_eye", &pair(left))?;
        points.serialize_entry("right_eye", &pair(right))?;
        points.serialize_entry("nose", &pair(self.0.nose()))?;
        if let Some((left, right)) = self.0.mouth() {
            points.serialize_entry("left_mouth", &pair(left))?;
            points.serialize_entry("right_mouth", &pair(right))?;
        }
        points.end()
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
        let json = |face| serde_json::to_string(&FaceAnswer(&face)).expect("JSON");
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
