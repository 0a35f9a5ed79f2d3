//! Non-maximum suppression: of the many boxes that a detector gives for one face, the best.
//!
//! Method: greedy. Faces are gone through from the highest score down; one whose intersection over
//! union with a face that was kept exceeds the threshold is dropped.

use std::cmp::Ordering;

use crate::vision::Face;

/// Sorts `faces`, highest score first, and drops those that overlap a better one by more than
/// `threshold` (intersection over union). The outcome does not depend on the order of `faces`.
pub(crate) fn suppress(faces: &mut Vec<Face>, threshold: f32) {
    faces.sort_by(by_score);
    let mut kept = 0;
    for i in 0..faces.len() {
        let face = faces[i];
        if faces[..kept].iter().all(|better| better.bounds.iou(&face.bounds) <= threshold) {
            faces[kept] = face;
            kept += 1;
        }
    }
    faces.truncate(kept);
}

/// Highest score first; equal scores by place, size and landmarks, so that the order is total.
pub(crate) fn by_score(a: &Face, b: &Face) -> Ordering {
    let key = |face: &Face| {
        let bounds = face.bounds;
        let places = [bounds.y, bounds.x, bounds.height, bounds.width];
        places.into_iter().chain(face.landmarks.points.into_iter().flat_map(|p| [p.y, p.x]))
    };
    let places = || key(a).zip(key(b)).map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne());
    b.score.total_cmp(&a.score).then_with(|| places().unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect};

    use super::*;

    fn face(x: f32, y: f32, size: f32, score: f32) -> Face {
        let points = [Point::new(x, y); 5];
        Face {
            bounds: Rect { x, y, width: size, height: size },
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
            score,
        }
    }

    #[test]
    fn the_better_of_two_overlapping_faces_is_kept() {
        for (what, faces, threshold, kept) in [
            ("none", vec![], 0.3, vec![]),
            ("apart", vec![face(0., 0., 10., 0.6), face(20., 0., 10., 0.9)], 0.3, vec![0.9, 0.6]),
            ("one on another", vec![face(0., 0., 10., 0.6), face(1., 0., 10., 0.9)], 0.3, vec![0.9]),
            (
                "a third overlap exactly",
                vec![face(0., 0., 10., 0.6), face(5., 0., 10., 0.9)],
                1.0 / 3.0,
                vec![0.9, 0.6],
            ),
            // The middle one goes, so the outer two stay although each overlaps it.
            (
                "a chain",
                vec![face(0., 0., 10., 0.9), face(6., 0., 10., 0.8), face(12., 0., 10., 0.7)],
                0.2,
                vec![0.9, 0.7],
            ),
        ] {
            let mut faces = faces;
            suppress(&mut faces, threshold);
            assert_eq!(faces.iter().map(|face| face.score).collect::<Vec<_>>(), kept, "{what}");
        }
    }

    prop_compose! {
        fn any_face()(x in 0u8..40, y in 0u8..40, size in 1u8..20, score in 0u8..6) -> Face {
            face(f32::from(x), f32::from(y), f32::from(size), f32::from(score) / 5.0)
        }
    }

    proptest! {
        #[test]
        fn suppressing_twice_is_suppressing_once(mut faces in proptest::collection::vec(any_face(), 0..40), t in 0f32..1.0) {
            suppress(&mut faces, t);
            let once = faces.clone();
            suppress(&mut faces, t);
            prop_assert_eq!(faces, once);
        }

        #[test]
        fn the_order_of_faces_does_not_matter(
            faces in proptest::collection::vec(any_face(), 0..40), t in 0f32..1.0, turn in 0usize..40
        ) {
            let mut sorted = faces.clone();
            suppress(&mut sorted, t);
            let mut other: Vec<_> = faces.iter().rev().copied().collect();
            if !other.is_empty() {
                let turn = turn % other.len();
                other.rotate_left(turn);
            }
            suppress(&mut other, t);
            prop_assert_eq!(sorted, other);
        }

        #[test]
        fn the_best_stays_and_no_two_overlap(faces in proptest::collection::vec(any_face(), 1..40), t in 0f32..1.0) {
            let best = faces.iter().map(|face| face.score).fold(0.0, f32::max);
            let mut kept = faces;
            suppress(&mut kept, t);
            prop_assert_eq!(kept[0].score, best);
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[i + 1..].iter().all(|b| a.bounds.iou(&b.bounds) <= t));
            }
        }
    }
}
