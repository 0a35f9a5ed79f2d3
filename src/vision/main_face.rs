//! Which of a picture's faces is meant.

use serde::{Deserialize, Serialize};

use crate::error::{Refusal, RefusalCode};
use crate::geometry::{Point, Rect};

use super::Face;

/// How the main face of a picture is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FacePolicy {
    /// The face that dominates, as for [`FacePolicy::Dominant`]; else the face that the picture is
    /// framed around: the only one that covers the picture's middle, where its shorter side is at
    /// least `share` of the picture's shorter side and no other face is about as large (at least
    /// [`RIVAL`] of its area). Someone half behind the shoulder of a portrait does no harm, a group
    /// is refused.
    Portrait {
        /// How many times the area of the next one its area is at least.
        ratio: f32,
        /// The part of the picture's shorter side, 0 to 1.
        share: f32,
    },
    /// The largest one, where its area is at least `ratio` times that of the next one.
    Dominant {
        /// How many times.
        ratio: f32,
    },
    /// The largest one.
    Largest,
    /// The one whose middle is nearest to the picture's middle.
    Central,
    /// The only one.
    Only,
}

/// From which part of its area on another face is about as large as a portrait's.
pub const RIVAL: f32 = 0.7;

/// The main face of a picture, and the other faces that were seen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MainFace {
    /// The face.
    pub face: Face,
    /// The other faces that were seen, largest first.
    pub others: Vec<Face>,
}

impl MainFace {
    /// A face, and the others of its picture, largest first.
    #[must_use]
    pub fn new(face: Face, others: Vec<Face>) -> Self {
        Self { face, others }
    }
}

impl Default for FacePolicy {
    /// A portrait with 2.5 times the next one's area or a quarter of the picture's side.
    fn default() -> Self {
        Self::Portrait { ratio: 2.5, share: 0.25 }
    }
}

/// The main face of a picture, chosen by `policy` among `faces`; `size` is the picture's width and height. If faces
/// have the same area, the one with the higher score counts as larger.
///
/// # Errors
/// [`RefusalCode::NoFaceDetected`] for no faces; [`RefusalCode::MultipleFacesDetected`] where the
/// policy chooses none, with the ratio of the two largest areas (for [`FacePolicy::Only`] the
/// count) as the measured value.
pub fn main_face(faces: &[Face], size: (u32, u32), policy: FacePolicy) -> Result<MainFace, Refusal> {
    let face = choose(faces, size, policy)?;
    let mut others: Vec<Face> = faces.iter().filter(|other| **other != face).copied().collect();
    others.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
    Ok(MainFace { face, others })
}

fn choose(faces: &[Face], (width, height): (u32, u32), policy: FacePolicy) -> Result<Face, Refusal> {
    let mut largest: Vec<&Face> = faces.iter().collect();
    largest.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()).then(b.score.total_cmp(&a.score)));
    let (first, next) = match largest.as_slice() {
        [] => {
            let message = "no face was found; send a photo that shows the face from the front, upright and well lit";
            return Err(Refusal::new(RefusalCode::NoFaceDetected, message));
        }
        [only] => return Ok(**only),
        [first, next, ..] => (*first, *next),
    };
    let times = first.bounds.area() / next.bounds.area();
    let several = |wanted: f32| {
        let message = format!(
            "{} faces were found and none stands out: the largest has {times:.1} times the area of the next one, {wanted:.1} times are needed; send a photo of one person, or cut the face out",
            faces.len()
        );
        Err(Refusal::measured(RefusalCode::MultipleFacesDetected, f64::from(times), f64::from(wanted), message))
    };
    match policy {
        FacePolicy::Largest => Ok(*first),
        FacePolicy::Central => {
            let middle = Point::new(width as f32 / 2.0, height as f32 / 2.0);
            let away = |face: &&&Face| face.bounds.center().distance(middle);
            Ok(**largest.iter().min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(&first))
        }
        FacePolicy::Dominant { ratio } | FacePolicy::Portrait { ratio, .. } if times >= ratio => Ok(*first),
        FacePolicy::Dominant { ratio } => several(ratio),
        FacePolicy::Portrait { ratio, share } => {
            let (width, height) = (width as f32, height as f32);
            let framed = |bounds: &Rect| bounds.width.min(bounds.height) >= share * width.min(height);
            let rivalled = |face: &Face| {
                let rivals = largest.iter().filter(|other| other.bounds.area() >= RIVAL * face.bounds.area());
                rivals.count() > 1
            };
            let centre = Point::new(width / 2.0, height / 2.0);
            let mut middle = largest.iter().filter(|face| face.bounds.contains(centre));
            match (middle.next(), middle.next()) {
                (Some(face), None) if framed(&face.bounds) && !rivalled(face) => Ok(**face),
                _ => several(ratio),
            }
        }
        FacePolicy::Only => {
            let message = format!(
                "{} faces were found, only one is taken; send a photo of one person or cut it out",
                faces.len()
            );
            Err(Refusal::measured(RefusalCode::MultipleFacesDetected, faces.len() as f64, 1.0, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::geometry::{LandmarkScheme, Landmarks};

    use super::*;

    fn face(x: f32, y: f32, side: f32, score: f32) -> Face {
        Face {
            bounds: Rect { x, y, width: side, height: side },
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: [Point::new(x, y); 5] },
            score,
        }
    }

    #[test]
    fn each_policy_chooses_its_face() {
        use RefusalCode::{MultipleFacesDetected as Several, NoFaceDetected as None};
        let portrait = FacePolicy::default();
        let dominant = FacePolicy::Dominant { ratio: 2.5 };
        let (largest, only) = (FacePolicy::Largest, FacePolicy::Only);
        // In a picture of 400 x 300.
        let middle = face(160.0, 110.0, 80.0, 0.9);
        let beside = face(20.0, 110.0, 90.0, 0.8);
        let small_middle = face(170.0, 120.0, 60.0, 0.9);
        let background = face(350.0, 20.0, 30.0, 0.95);
        let overlapping = face(130.0, 100.0, 78.0, 0.7);
        for (what, faces, policy, expected) in [
            ("nothing", vec![], portrait, Err(None)),
            ("nothing", vec![], largest, Err(None)),
            ("one", vec![beside], only, Ok(beside)),
            ("one", vec![beside], portrait, Ok(beside)),
            ("one and a small one", vec![background, beside], portrait, Ok(beside)),
            ("one and a small one", vec![background, beside], dominant, Ok(beside)),
            ("one and a small one", vec![background, beside], only, Err(Several)),
            ("a portrait and one as large beside", vec![middle, beside], portrait, Err(Several)),
            ("a portrait and one as large beside", vec![middle, beside], FacePolicy::Central, Ok(middle)),
            ("a portrait and a smaller one", vec![middle, face(20.0, 110.0, 60.0, 0.8)], portrait, Ok(middle)),
            ("one and a small one", vec![background, beside], FacePolicy::Central, Ok(beside)),
            ("a portrait and a larger one beside", vec![middle, beside], dominant, Err(Several)),
            ("a portrait and a larger one beside", vec![middle, beside], largest, Ok(beside)),
            ("a group", vec![small_middle, beside], portrait, Err(Several)),
            ("two in the middle", vec![middle, overlapping], portrait, Err(Several)),
            (
                "two of one size",
                vec![face(0.0, 0.0, 50.0, 0.7), face(300.0, 0.0, 50.0, 0.8)],
                largest,
                Ok(face(300.0, 0.0, 50.0, 0.8)),
            ),
        ] {
            let found = main_face(&faces, (400, 300), policy).map(|main| main.face).map_err(|refusal| refusal.code);
            assert_eq!(found, expected, "{what}, {policy:?}");
        }
    }

    #[test]
    fn the_refusal_says_how_far_the_largest_is_ahead() {
        let faces = [face(0.0, 0.0, 60.0, 0.9), face(100.0, 0.0, 40.0, 0.9)];
        let refusal = main_face(&faces, (400, 300), FacePolicy::default()).expect_err("two faces");
        assert_eq!((refusal.measured, refusal.limit), (Some(2.25), Some(2.5)));
        assert!(refusal.message.starts_with("2 faces were found"), "{}", refusal.message);
        let refusal = main_face(&faces, (400, 300), FacePolicy::Only).expect_err("two faces");
        assert_eq!((refusal.measured, refusal.limit), (Some(2.0), Some(1.0)));
    }
}
