//! Parts of a picture, and faces that were seen in them.

use crate::geometry::{Point, Rect};

use super::Face;

/// Left, top, width and height in pixels, within the picture.
pub(super) type Part = [u32; 4];

/// The square of this side around a point, as far as a picture of `width` x `height` pixels reaches; at
/// least one pixel.
pub(super) fn around(middle: Point, side: f32, (width, height): (u32, u32)) -> Part {
    let span = |middle: f32, length: u32| {
        let from = (middle - side / 2.0).max(0.0).floor().min(length as f32 - 1.0) as u32;
        let to = ((middle + side / 2.0).ceil().max(1.0) as u32).min(length);
        (from, to.max(from + 1) - from)
    };
    let ((left, across), (top, down)) = (span(middle.x, width), span(middle.y, height));
    [left, top, across, down]
}

/// A face of a part, seen at a reduced size, as a face of the picture. `scale` is how many pixels of the picture one
/// pixel of the reduced part stands for, across and down; that pixel lies in the middle of its block.
pub(super) fn to_picture(face: Face, part: Part, (across, down): (f32, f32)) -> Face {
    let (from_left, from_top) = (part[0] as f32, part[1] as f32);
    let x = |x: f32| (x + 0.5) * across - 0.5 + from_left;
    let y = |y: f32| (y + 0.5) * down - 0.5 + from_top;
    let Rect { x: left, y: top, width, height } = face.bounds;
    Face {
        bounds: Rect { x: x(left), y: y(top), width: width * across, height: height * down },
        landmarks: face.landmarks.map(|p| Point::new(x(p.x), y(p.y))),
        score: face.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_in_the_picture() {
        for (middle, side, part) in [
            ((450.0, 340.0), 170.0, [365, 255, 170, 170]),
            ((30.0, 40.0), 170.0, [0, 0, 115, 125]),
            ((1000.0, 750.0), 170.0, [915, 665, 85, 85]),
            ((-450.0, 2050.0), 170.0, [0, 749, 1, 1]),
            ((2500.0, 2500.0), 8500.0, [0, 0, 1000, 750]),
        ] {
            assert_eq!(around(Point::new(middle.0, middle.1), side, (1000, 750)), part, "{middle:?} {side}");
        }
    }
}
