//! Draws faces on a picture: boxes, landmarks and scores.

mod font;

use facevault::geometry::Rect;
use facevault::vision::Face;
use image::{Rgb, RgbImage};

/// Boxes and labels; the rims of everything keep it visible on any ground.
const BOX: Rgb<u8> = Rgb([0, 230, 118]);
const RIM: Rgb<u8> = Rgb([0, 0, 0]);
const POINT: Rgb<u8> = Rgb([255, 214, 0]);

/// Draws every face with its number in the list and its score: `1 0.97`.
pub(crate) fn faces(picture: &mut RgbImage, faces: &[Face]) {
    // The last face first, so that the best ones lie on top.
    for (i, face) in faces.iter().enumerate().rev() {
        let (corners, line) = corners(picture, &face.bounds);
        frame(picture, corners, line);
        for point in face.landmarks.points {
            let radius = (line as f32 * 1.5).max(2.0);
            disc(picture, (point.x, point.y), radius + (line as f32 * 0.5).max(1.0), RIM);
            disc(picture, (point.x, point.y), radius, POINT);
        }
        label(picture, &format!("{} {:.2}", i + 1, face.score), corners, line);
    }
}

/// Draws a box with a text.
pub(crate) fn named(picture: &mut RgbImage, bounds: &Rect, text: &str) {
    let (corners, line) = corners(picture, bounds);
    frame(picture, corners, line);
    label(picture, &font::written(text), corners, line);
}

/// The pixels of a box (left, top, right, bottom), and how thick its frame is.
fn corners(picture: &RgbImage, bounds: &Rect) -> ((i32, i32, i32, i32), i32) {
    let longest = picture.width().max(picture.height());
    let size = bounds.width.max(bounds.height);
    let line = (longest as f32 / 640.0).min(size / 24.0).round().max(1.0) as i32;
    // Far outside is outside; sums stay small.
    let pixel = |place: f32| place.round().clamp(-1e6, 1e6) as i32;
    ((pixel(bounds.x), pixel(bounds.y), pixel(bounds.right()), pixel(bounds.bottom())), line)
}

/// Fills the pixels from `left`, `top` up to but not including `right`, `bottom`.
fn fill(picture: &mut RgbImage, (left, top, right, bottom): (i32, i32, i32, i32), colour: Rgb<u8>) {
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    for y in top.max(0)..bottom.min(height) {
        for x in left.max(0)..right.min(width) {
            picture.put_pixel(x as u32, y as u32, colour);
        }
    }
}

/// A frame of the given thickness around the pixels of a box, with a rim of one pixel on both sides.
fn frame(picture: &mut RgbImage, (left, top, right, bottom): (i32, i32, i32, i32), line: i32) {
    let mut sides = |from: i32, to: i32, colour: Rgb<u8>| {
        // `from` pixels inside the box, `to` pixels outside it.
        fill(picture, (left - to, top - to, right + to, top + from), colour);
        fill(picture, (left - to, bottom - from, right + to, bottom + to), colour);
        fill(picture, (left - to, top - to, left + from, bottom + to), colour);
        fill(picture, (right - from, top - to, right + to, bottom + to), colour);
    };
    sides(1, line + 1, RIM);
    sides(0, line, BOX);
}

fn disc(picture: &mut RgbImage, (x, y): (f32, f32), radius: f32, colour: Rgb<u8>) {
    let (width, height) = picture.dimensions();
    let reach = |center: f32| (center - radius).floor().max(0.0) as u32..=(center + radius).ceil().max(0.0) as u32;
    for py in reach(y).take_while(|py| *py < height) {
        for px in reach(x).take_while(|px| *px < width) {
            if (px as f32 - x).hypot(py as f32 - y) <= radius {
                picture.put_pixel(px, py, colour);
            }
        }
    }
}

/// A line of text on a ground of the box's colour, above the box where there is room, else below;
/// moved into the picture where it would leave it.
fn label(picture: &mut RgbImage, text: &str, (left, top, ..): (i32, i32, i32, i32), line: i32) {
    let (left, bottom, scale) = (left - line, top - line, line + 1);
    let (width, height) = (font::width(text) * scale + 2 * scale, (font::HEIGHT + 2) * scale);
    let left = left.min(picture.width() as i32 - width).max(0);
    let top = (bottom - height).max(0);
    fill(picture, (left - 1, top - 1, left + width + 1, top + height + 1), RIM);
    fill(picture, (left, top, left + width, top + height), BOX);
    for (x, y) in font::dots(text) {
        let (x, y) = (left + (x + 1) * scale, top + (y + 1) * scale);
        fill(picture, (x, y, x + scale, y + scale), RIM);
    }
}

#[cfg(test)]
mod tests {
    use facevault::geometry::{LandmarkScheme, Landmarks, Point};

    use super::*;

    fn face(bounds: Rect) -> Face {
        let points = [Point::new(30.0, 40.0); 5];
        Face { bounds, landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points }, score: 0.97 }
    }

    #[test]
    fn a_box_goes_around_its_pixels_and_leaves_them() {
        let ground = Rgb([9, 9, 9]);
        let mut picture = RgbImage::from_pixel(100, 100, ground);
        faces(&mut picture, &[face(Rect::from_sides(20.0, 20.0, 60.0, 60.0))]);
        let row = |y: u32| (0..100).map(|x| *picture.get_pixel(x, y)).collect::<Vec<_>>();
        let middle = row(50);
        assert_eq!(middle[17..23], [ground, RIM, BOX, RIM, ground, ground]);
        assert_eq!(middle[58..63], [ground, RIM, BOX, RIM, ground]);
        assert_eq!(*picture.get_pixel(30, 40), POINT);
        assert!(row(10).contains(&BOX), "a label stands above the box");
    }

    #[test]
    fn what_lies_outside_is_cut() {
        for bounds in [
            Rect::from_sides(-500.0, -500.0, 500.0, 500.0),
            Rect::from_sides(90.0, 90.0, 400.0, 95.0),
            Rect::from_sides(3e9, -3e9, 3e9, 3e9),
            Rect::from_sides(5.0, 5.0, 5.0, 5.0),
        ] {
            for (width, height) in [(100, 100), (1, 1), (3, 200)] {
                faces(&mut RgbImage::new(width, height), &[face(bounds); 2]);
            }
        }
    }
}
