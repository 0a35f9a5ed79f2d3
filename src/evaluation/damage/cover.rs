//! What covers a part of the face. Places are in distances of the eyes from the point between them:
//! to the right along the eyes, and down towards the mouth.

use std::f32::consts::TAU;

use image::{Rgb, RgbImage};

use super::Subject;
use crate::geometry::Point;

/// Corners of the ellipse that stands for a lens.
const CORNERS: usize = 48;

pub(super) fn eyes_bar(subject: &Subject) -> RgbImage {
    let mut picture = subject.picture.clone();
    fill(&mut picture, subject, &[(-1.1, -0.35), (1.1, -0.35), (1.1, 0.35), (-1.1, 0.35)], Rgb([0; 3]));
    picture
}

pub(super) fn sunglasses(subject: &Subject) -> RgbImage {
    const DARK: Rgb<u8> = Rgb([10; 3]);
    let mut picture = subject.picture.clone();
    for eye in [-0.5, 0.5] {
        let lens: Vec<(f32, f32)> = (0..CORNERS)
            .map(|i| i as f32 / CORNERS as f32 * TAU)
            .map(|angle| (eye + 0.44 * angle.cos(), 0.05 + 0.34 * angle.sin()))
            .collect();
        fill(&mut picture, subject, &lens, DARK);
    }
    fill(&mut picture, subject, &[(-1.0, -0.1), (1.0, -0.1), (1.0, -0.02), (-1.0, -0.02)], DARK);
    picture
}

pub(super) fn mask(subject: &Subject) -> RgbImage {
    const OUTLINE: [(f32, f32); 7] =
        [(-0.95, 0.35), (0.0, 0.3), (0.95, 0.35), (0.85, 1.15), (0.45, 1.75), (-0.45, 1.75), (-0.85, 1.15)];
    let mut picture = subject.picture.clone();
    fill(&mut picture, subject, &OUTLINE, Rgb([150, 190, 210]));
    picture
}

/// Colours the pixels whose middles are inside the outline.
fn fill(picture: &mut RgbImage, subject: &Subject, outline: &[(f32, f32)], color: Rgb<u8>) {
    let [left, right] = subject.eyes;
    let (middle, along) = (left.midpoint(right), Point::new(right.x - left.x, right.y - left.y));
    let down = Point::new(-along.y, along.x);
    let corners: Vec<Point> = outline
        .iter()
        .map(|(a, b)| Point::new(middle.x + a * along.x + b * down.x, middle.y + a * along.y + b * down.y))
        .collect();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if is_inside(&corners, x as f32, y as f32) {
            *pixel = color;
        }
    }
}

/// Whether a line from the point to the right crosses the outline an odd number of times.
fn is_inside(corners: &[Point], x: f32, y: f32) -> bool {
    let mut inside = false;
    for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        if (a.y > y) != (b.y > y) && x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x) {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    fn subject(eyes: [(f32, f32); 2]) -> Subject {
        Subject {
            picture: RgbImage::from_pixel(200, 200, Rgb([99; 3])),
            bounds: Rect { x: 50.0, y: 50.0, width: 100.0, height: 120.0 },
            eyes: eyes.map(|(x, y)| Point::new(x, y)),
        }
    }

    #[test]
    fn covers_lie_over_their_part_of_the_face_however_it_is_tilted() {
        // Upright, and lying on its side: what is below the eyes is then to their left.
        for (eyes, mouth) in
            [([(80.0, 100.0), (120.0, 100.0)], (100, 145)), ([(100.0, 80.0), (100.0, 120.0)], (55, 100))]
        {
            let subject = subject(eyes);
            let changed =
                |picture: &RgbImage, (x, y): (f32, f32)| *picture.get_pixel(x as u32, y as u32) != Rgb([99; 3]);
            let mouth = (mouth.0 as f32, mouth.1 as f32);
            for (name, picture, over_eyes) in [
                ("bar", eyes_bar(&subject), true),
                ("glasses", sunglasses(&subject), true),
                ("mask", mask(&subject), false),
            ] {
                assert!(eyes.iter().all(|eye| changed(&picture, *eye) == over_eyes), "{name}");
                assert_eq!(changed(&picture, mouth), !over_eyes, "{name}");
                assert!(!changed(&picture, (5.0, 5.0)), "{name}");
            }
        }
    }
}
