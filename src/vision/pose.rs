//! How a head is turned, estimated from five landmarks.
//!
//! Method: seen from far away, a head turned by `yaw` shows its eyes at a distance of
//! `E cos(yaw)`, and moves a point that lies `z E` before the eyes sideways by `z E sin(yaw)`, both
//! along the line through the eyes. So `tan(yaw) = offset / (z distance)` for the nose; the shape of the face disturbs
//! this only by the length of its nose. Nodding by `pitch` makes the heights of nose and mouth below the eyes
//! `h = y cos(pitch) - z sin(pitch)`, and their quotient gives the angle whatever the yaw.
//!
//! The constants are fitted on 1,549 photos of LFW with YuNet's landmarks against the two
//! FSA-Nets: yaw agrees with a mean difference of 3.4 degrees (correlation 0.95) and saturates
//! near 65. Pitch is coarse: 5.2 degrees, correlation 0.42, as faces differ more in their
//! proportions than heads nod in photos. With dlib's five points, whole pixels without a mouth,
//! yaw agrees within 6.5 degrees (42 faces) and there is no pitch.

use serde::Serialize;

use crate::geometry::{LandmarkScheme, Landmarks, Point};

/// How far the nose lies before the eyes, in distances of the eyes: its tip, and its bottom.
const NOSE_TIP_DEPTH: f32 = 0.6;
const NOSE_BOTTOM_DEPTH: f32 = 0.55;
/// The same for the corners of the mouth.
const MOUTH_DEPTH: f32 = 0.1;
/// How far nose tip and mouth lie below the eyes in a head held straight.
const NOSE_HEIGHT: f32 = 0.5523;
const MOUTH_HEIGHT: f32 = 0.9765;

/// Angles of a head in degrees; all are 0 in a portrait from the front.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Pose {
    /// Turned to the side: positive where the nose points to the right of the picture.
    pub yaw: f32,
    /// Nodded: positive upwards. `None` where the landmarks have no mouth.
    #[cfg_attr(feature = "http", schema(required = true))]
    pub pitch: Option<f32>,
    /// Tilted: positive clockwise in the picture, -180 to 180.
    pub roll: f32,
}

impl Pose {
    /// The pose that `landmarks` show. Eyes in one point are those of a head turned away: 90
    /// degrees.
    #[must_use]
    pub fn estimate(landmarks: &Landmarks) -> Self {
        let (left, right) = landmarks.eyes();
        let distance = left.distance(right);
        let (ux, uy) = ((right.x - left.x) / distance, (right.y - left.y) / distance);
        if !(ux.is_finite() && uy.is_finite()) {
            return Self { yaw: 90.0, pitch: None, roll: 0.0 };
        }
        let middle = left.midpoint(right);
        // Along the line through the eyes and at a right angle to it, in distances of the eyes.
        let place = |point: Point| {
            let (x, y) = (point.x - middle.x, point.y - middle.y);
            ((x * ux + y * uy) / distance, (y * ux - x * uy) / distance)
        };
        let depth = match landmarks.scheme {
            LandmarkScheme::EyesNoseMouth => NOSE_TIP_DEPTH,
            LandmarkScheme::EyeCornersNose => NOSE_BOTTOM_DEPTH,
        };
        let (offset, nose) = place(landmarks.nose());
        let pitch = landmarks.mouth().map(|(left, right)| {
            let (_, mouth) = place(left.midpoint(right));
            // Both sides times the mouth's height, so that nothing is divided by it.
            let sine = NOSE_HEIGHT * mouth - MOUTH_HEIGHT * nose;
            let cosine = NOSE_TIP_DEPTH * mouth - MOUTH_DEPTH * nose;
            sine.atan2(cosine).to_degrees()
        });
        Self { yaw: (offset / depth).atan().to_degrees(), pitch, roll: uy.atan2(ux).to_degrees() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face of the constants' proportions, turned by these angles and drawn 60 pixels wide.
    fn landmarks(yaw: f32, pitch: f32, roll: f32) -> Landmarks {
        let (yaw, pitch, roll) = (yaw.to_radians(), pitch.to_radians(), roll.to_radians());
        let points = [
            (-0.5, 0.0, 0.0),
            (0.5, 0.0, 0.0),
            (0.0, NOSE_HEIGHT, NOSE_TIP_DEPTH),
            (-0.4, MOUTH_HEIGHT, MOUTH_DEPTH),
            (0.4, MOUTH_HEIGHT, MOUTH_DEPTH),
        ]
        .map(|(x, y, z): (f32, f32, f32)| {
            let (y, z) = (y * pitch.cos() - z * pitch.sin(), y * pitch.sin() + z * pitch.cos());
            let x = x * yaw.cos() + z * yaw.sin();
            Point::new(
                100.0 + 60.0 * (x * roll.cos() - y * roll.sin()),
                80.0 + 60.0 * (x * roll.sin() + y * roll.cos()),
            )
        });
        Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points }
    }

    #[test]
    fn single_turns_are_found() {
        for (yaw, pitch, roll) in [
            (0.0, 0.0, 0.0),
            (40.0, 0.0, 0.0),
            (-60.0, 0.0, 0.0),
            (0.0, 20.0, 0.0),
            (0.0, -15.0, 0.0),
            (0.0, 0.0, 30.0),
            (0.0, 0.0, -100.0),
            (25.0, 0.0, -20.0),
            (0.0, 10.0, 45.0),
        ] {
            let found = Pose::estimate(&landmarks(yaw, pitch, roll));
            let pitch_found = found.pitch.expect("a mouth");
            for (angle, expected) in [(found.yaw, yaw), (pitch_found, pitch), (found.roll, roll)] {
                assert!((angle - expected).abs() < 0.1, "{yaw} {pitch} {roll}: {found:?}");
            }
        }
    }

    #[test]
    fn a_mirrored_face_has_the_opposite_yaw_and_roll() {
        let seen = landmarks(30.0, 5.0, 12.0);
        let p = seen.points.map(|p| Point::new(-p.x, p.y));
        let mirrored = Landmarks { points: [p[1], p[0], p[2], p[4], p[3]], ..seen };
        let (a, b) = (Pose::estimate(&seen), Pose::estimate(&mirrored));
        assert!((a.yaw + b.yaw).abs() < 1e-3 && (a.roll + b.roll).abs() < 1e-3);
        assert!((a.pitch.expect("a mouth") - b.pitch.expect("a mouth")).abs() < 1e-3);
    }

    #[test]
    fn eyes_in_one_point_are_turned_away() {
        let mut landmarks = landmarks(0.0, 0.0, 0.0);
        landmarks.points[1] = landmarks.points[0];
        assert_eq!(Pose::estimate(&landmarks).yaw, 90.0);
    }

    #[test]
    fn corners_and_nose_give_yaw_and_roll() {
        let points = [(70.0, 0.0), (30.0, 0.0), (-70.0, 0.0), (-30.0, 0.0), (0.0, 77.0)];
        let straight =
            Landmarks { scheme: LandmarkScheme::EyeCornersNose, points: points.map(|(x, y)| Point::new(x, y)) };
        assert_eq!(Pose::estimate(&straight), Pose { yaw: 0.0, pitch: None, roll: 0.0 });
        let mut turned = straight;
        turned.points[4].x = 55.0;
        assert!((Pose::estimate(&turned).yaw - 45.0).abs() < 1e-3);
    }
}
