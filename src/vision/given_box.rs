//! The face that somebody drew a box around.

use image::RgbImage;

use crate::error::Result;
use crate::geometry::Rect;

use super::Face;
use super::part;
use super::resize::reduced;

/// The side of the square around a box that is looked at, in parts of the box's longer side.
const AROUND: f32 = 2.0;
/// The longer side to which a larger box is reduced, in pixels: landmarks gain nothing by more.
const CLOSE: f32 = 112.0;
/// How much of the face's box and of the given one must agree (intersection over union).
const SAME: f32 = 0.2;

/// The face among those that `detect` sees in the part of `picture` around `bounds` that fits `bounds`
/// best. Where `reduce` says so, a large box is looked at reduced.
pub(super) fn find(
    detect: impl Fn(&RgbImage) -> Result<Vec<Face>>,
    reduce: bool,
    picture: &RgbImage,
    bounds: Rect,
) -> Result<Option<Face>> {
    let longer = bounds.width.max(bounds.height);
    let part = part::around(bounds.center(), longer * AROUND, picture.dimensions());
    let small = reduced(picture, part, if reduce { (CLOSE / longer).min(1.0) } else { 1.0 })?;
    let scale = (part[2] as f32 / small.width() as f32, part[3] as f32 / small.height() as f32);
    let faces = detect(&small)?.into_iter().map(|face| part::to_picture(face, part, scale));
    // What lies outside the picture cannot agree.
    let whole = Rect::from_sides(-0.5, -0.5, picture.width() as f32 - 0.5, picture.height() as f32 - 0.5);
    let shown = bounds.common(&whole);
    let agreement = |face: &Face| face.bounds.common(&whole).iou(&shown);
    let fitting = faces.filter(|face| bounds.contains(face.bounds.center()) && agreement(face) >= SAME);
    Ok(fitting.max_by(|a, b| agreement(a).total_cmp(&agreement(b))))
}

#[cfg(test)]
mod tests {
    use crate::geometry::{LandmarkScheme, Landmarks, Point};

    use super::*;

    fn face(x: f32, y: f32, side: f32) -> Face {
        let points = [Point::new(x, y); 5];
        Face {
            bounds: Rect { x, y, width: side, height: side },
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
            score: 0.9,
        }
    }

    #[test]
    fn the_face_that_fits_the_box_best_is_taken() {
        let picture = RgbImage::new(400, 300);
        // The square around a box of 50 pixels at (100, 100) starts at (75, 75).
        let at = |x: f32, y: f32, side: f32| face(x - 75.0, y - 75.0, side);
        let bounds = Rect { x: 100.0, y: 100.0, width: 50.0, height: 50.0 };
        for (what, seen, expected) in [
            ("nothing", vec![], None),
            ("the face", vec![at(98.0, 103.0, 48.0)], Some((98.0, 103.0))),
            ("a neighbour", vec![at(140.0, 100.0, 50.0)], None),
            ("the face beside a neighbour", vec![at(140.0, 100.0, 50.0), at(110.0, 110.0, 40.0)], Some((110.0, 110.0))),
            ("two in the box", vec![at(100.0, 100.0, 25.0), at(105.0, 105.0, 40.0)], Some((105.0, 105.0))),
            ("a speck in it", vec![at(120.0, 120.0, 20.0)], None),
        ] {
            let found = find(
                |part| {
                    assert_eq!(part.dimensions(), (100, 100));
                    Ok(seen.clone())
                },
                true,
                &picture,
                bounds,
            );
            let found = found.expect("no network").map(|face| (face.bounds.x, face.bounds.y));
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn large_boxes_are_looked_at_reduced() {
        let picture = RgbImage::new(2000, 1500);
        let bounds = Rect { x: 500.0, y: 300.0, width: 448.0, height: 448.0 };
        for (reduce, side) in [(true, 224), (false, 896)] {
            let look = |part: &RgbImage| {
                assert_eq!(part.dimensions(), (side, side));
                let side = side as f32;
                Ok(vec![face(side / 4.0, side / 4.0, side / 2.0)])
            };
            let found = find(look, reduce, &picture, bounds).expect("no network").expect("a face");
            assert!(found.bounds.iou(&bounds) > 0.98, "{:?}", found.bounds);
        }
    }
}
