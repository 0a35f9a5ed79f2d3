//! The pictures that the self-test draws: a face, as an embedder's crop and in a picture for detectors.
//!
//! A manifest states what networks give for them, so they must be the same on every machine and for ever: everything is
//! calculated with whole numbers, and a test holds the pixels. A face is a list of ellipses with soft edges, in parts of
//! the distance between the eyes, lit from the right and with a little noise. CenterFace, YuNet, SCRFD and MMOD all take
//! it for a face.

use image::RgbImage;

use crate::geometry::{Landmarks, Point, Rect};
use crate::spec::AlignmentTemplate;

use super::AlignedFace;

/// The picture's side in pixels: a multiple of the detectors' grid, and not larger than any built-in pack's canvas.
const SIDE: u32 = 320;
/// Where the eyes are in the picture.
const EYES: [Point; 2] = [Point::new(132.0, 130.0), Point::new(188.0, 130.0)];

/// About where the face is in the picture.
pub(crate) const DRAWN_FACE: Rect = Rect { x: 100.0, y: 80.0, width: 120.0, height: 146.0 };

/// A picture of 320 x 320 pixels with a face.
pub(crate) fn drawn_picture() -> RgbImage {
    draw(SIDE, EYES)
}

/// The face as an embedder takes it, its eyes where `template` has them.
pub(crate) fn drawn_crop(template: &AlignmentTemplate) -> AlignedFace {
    let landmarks = Landmarks { scheme: template.landmarks, points: template.targets() };
    let (left, right) = landmarks.eyes();
    AlignedFace { pixels: draw(template.size, [left, right]) }
}

/// An ellipse of one colour. Lengths are in thousandths of the distance between the eyes, from the point between them.
struct Ellipse {
    middle: [i64; 2],
    radii: [i64; 2],
    /// How far the edge fades out, in 256ths of the ellipse.
    soft: i64,
    color: [i64; 3],
    /// 256 for an ellipse that hides what is behind it.
    opacity: i64,
}

const fn ellipse(middle: [i64; 2], radii: [i64; 2], soft: i64, color: [i64; 3], opacity: i64) -> Ellipse {
    Ellipse { middle, radii, soft, color, opacity }
}

/// The parts of the face from the back to the front.
const PARTS: [Ellipse; 33] = [
    // Shoulders, hair, neck, ears, face, forehead, cheeks.
    ellipse([0, 3350], [2200, 1250], 24, [52, 70, 110], 256),
    ellipse([0, 150], [1300, 1550], 40, [58, 42, 34], 256),
    ellipse([0, 1900], [620, 750], 40, [176, 128, 104], 256),
    ellipse([-1060, 300], [150, 320], 60, [196, 140, 116], 256),
    ellipse([1060, 300], [150, 320], 60, [196, 140, 116], 256),
    ellipse([0, 450], [1060, 1360], 28, [214, 164, 138], 256),
    ellipse([0, -350], [850, 500], 220, [228, 182, 156], 160),
    ellipse([-620, 750], [340, 280], 220, [216, 142, 124], 150),
    ellipse([620, 750], [340, 280], 220, [216, 142, 124], 150),
    // Eyes: sockets, brows, whites, irises, pupils, lids, lights.
    ellipse([-500, -40], [340, 220], 160, [168, 118, 98], 150),
    ellipse([500, -40], [340, 220], 160, [168, 118, 98], 150),
    ellipse([-500, -330], [330, 65], 90, [66, 46, 38], 256),
    ellipse([500, -330], [330, 65], 90, [66, 46, 38], 256),
    ellipse([-500, 0], [235, 105], 60, [236, 232, 226], 256),
    ellipse([500, 0], [235, 105], 60, [236, 232, 226], 256),
    ellipse([-500, 0], [105, 105], 50, [74, 56, 44], 256),
    ellipse([500, 0], [105, 105], 50, [74, 56, 44], 256),
    ellipse([-500, 0], [50, 50], 60, [16, 14, 14], 256),
    ellipse([500, 0], [50, 50], 60, [16, 14, 14], 256),
    ellipse([-500, -85], [250, 45], 120, [60, 42, 36], 220),
    ellipse([500, -85], [250, 45], 120, [60, 42, 36], 220),
    ellipse([-465, -35], [26, 26], 80, [250, 250, 250], 256),
    ellipse([535, -35], [26, 26], 80, [250, 250, 250], 256),
    // Nose: shade, bridge, tip, shadow, nostrils.
    ellipse([-120, 350], [60, 400], 200, [184, 134, 112], 140),
    ellipse([20, 350], [70, 420], 200, [232, 188, 162], 160),
    ellipse([0, 660], [190, 140], 140, [222, 168, 142], 220),
    ellipse([0, 800], [220, 60], 160, [160, 108, 90], 170),
    ellipse([-105, 750], [55, 35], 100, [92, 56, 48], 230),
    ellipse([105, 750], [55, 35], 100, [92, 56, 48], 230),
    // Mouth: lips, the line between them, the shadow below.
    ellipse([0, 1070], [400, 75], 90, [176, 92, 88], 256),
    ellipse([0, 1185], [330, 95], 100, [196, 108, 102], 256),
    ellipse([0, 1118], [390, 22], 120, [98, 48, 48], 256),
    ellipse([0, 1360], [260, 50], 180, [176, 126, 104], 150),
];

/// How much of the ellipse is seen at a place, 0 to 256.
fn coverage(part: &Ellipse, [x, y]: [i64; 2]) -> i64 {
    let ([x, y], [across, down]) = ([x - part.middle[0], y - part.middle[1]], part.radii);
    if x.abs() > 2 * across || y.abs() > 2 * down {
        return 0;
    }
    // 65,536 on the edge.
    let place = (x * x * 65_536) / (across * across) + (y * y * 65_536) / (down * down);
    let inside = 65_536 + 256 * part.soft - place;
    ((inside * 256).div_euclid(512 * part.soft)).clamp(0, 256) * part.opacity / 256
}

fn draw(side: u32, eyes: [Point; 2]) -> RgbImage {
    // Places in sixteenths of a pixel.
    let [left, right] = eyes.map(|eye| [eye.x, eye.y].map(|place| (place * 16.0).round() as i64));
    let middle = [0, 1].map(|axis| (left[axis] + right[axis]).div_euclid(2));
    let distance = (right[0] - left[0]).abs().max(16);
    let (length, mut state) = (i64::from(side), 1u32);
    RgbImage::from_fn(side, side, |column, row| {
        let pixel = [i64::from(column), i64::from(row)];
        let place = [0, 1].map(|axis| ((pixel[axis] * 16 - middle[axis]) * 1000).div_euclid(distance));
        let [x, y] = pixel;
        let mut color = [96 + x * 70 / length, 112 + y * 60 / length, 140 - x * 40 / length];
        for part in &PARTS {
            let seen = coverage(part, place);
            color = [0, 1, 2].map(|c| (color[c] * (256 - seen) + part.color[c] * seen) / 256);
        }
        let light = (256 + (place[0] * 24).div_euclid(1000)).clamp(180, 330);
        image::Rgb(color.map(|value| {
            // Numerical Recipes' linear congruential generator.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = i64::from((state >> 24) % 9) - 4;
            (value * light / 256 + noise).clamp(0, 255) as u8
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::LandmarkScheme;

    fn template(landmarks: LandmarkScheme, size: u32, points: [[f32; 2]; 5]) -> AlignmentTemplate {
        AlignmentTemplate { landmarks, size, points }
    }

    /// Manifests state what networks give for exactly these pixels: other pixels are another edition ([`SelfTestValues::DRAWING`](crate::SelfTestValues::DRAWING)).
    #[test]
    fn the_drawings_stay_as_they_are() {
        let eyes = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];
        let corners = [[110.0, 60.0], [90.0, 60.0], [40.0, 60.0], [60.0, 60.0], [75.0, 95.0]];
        let crop = |scheme, size, points| drawn_crop(&template(scheme, size, points)).pixels;
        let pictures = [
            drawn_picture(),
            crop(LandmarkScheme::EyesNoseMouth, 112, eyes),
            crop(LandmarkScheme::EyeCornersNose, 150, corners),
        ];
        let sums = pictures.each_ref().map(|picture| (picture.dimensions(), crc32fast::hash(picture.as_raw())));
        assert_eq!(sums, [((320, 320), 2_089_416_034), ((112, 112), 1_969_417_176), ((150, 150), 954_784_279)]);
        assert!(drawn_picture() == drawn_picture());
    }

    #[test]
    fn any_template_can_be_drawn() {
        let points = [[3.0, 3.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0], [3.0, 4.0]];
        for (size, scheme) in [(16, LandmarkScheme::EyesNoseMouth), (1024, LandmarkScheme::EyeCornersNose)] {
            assert_eq!(drawn_crop(&template(scheme, size, points)).pixels.width(), size);
        }
    }
}
