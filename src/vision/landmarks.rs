//! dlib's landmarks: a cascade of regression trees.
//!
//! Method: V. Kazemi and J. Sullivan, "One millisecond face alignment with an ensemble of
//! regression trees", CVPR 2014. A shape starts as the mean shape in the face's box. Each stage
//! reads the brightness of some pixels that keep their places relative to the shape's points, turned
//! and scaled as the shape is turned and scaled against the mean shape; each tree compares pairs of
//! them and ends at a leaf, and the shape moves by the sum of the leaves.
//!
//! As in dlib, brightness is the mean of red, green and blue without remainder, pixels outside the
//! picture are black, and points are rounded to whole pixels at the end: encodings then equal
//! those that dlib makes.

use image::RgbImage;

use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect, SimilarityTransform};
use crate::spec::shape_model::{ShapeModel, Stage};

/// The five landmarks of the face in `bounds`, in whole pixels.
#[must_use]
pub fn find_landmarks(model: &ShapeModel, picture: &RgbImage, bounds: Rect) -> Landmarks {
    Landmarks { scheme: LandmarkScheme::EyeCornersNose, points: find_points(model, picture, bounds) }
}

/// The points that `model` finds on the face in `bounds`, in whole pixels: as many as it has.
#[must_use]
pub fn find_points<const POINTS: usize>(
    model: &ShapeModel<POINTS>,
    picture: &RgbImage,
    bounds: Rect,
) -> [Point; POINTS] {
    let mean = model.mean().map(|[x, y]| Point::new(x, y));
    let mut shape = mean;
    let mut brightness = Vec::new();
    for stage in model.stages() {
        read_pixels(stage, picture, bounds, &mean, &shape, &mut brightness);
        add_leaves(stage, &brightness, &mut shape);
    }
    shape.map(|point| {
        let (x, y) = in_picture(bounds, point);
        Point::new(x as f32, y as f32)
    })
}

/// The whole pixel at a place of the box.
fn in_picture(bounds: Rect, place: Point) -> (i64, i64) {
    let whole = |start: f32, length: f32, share: f32| {
        (f64::from(start) + f64::from(length) * f64::from(share) + 0.5).floor() as i64
    };
    (whole(bounds.x, bounds.width, place.x), whole(bounds.y, bounds.height, place.y))
}

fn read_pixels<const POINTS: usize>(
    stage: &Stage<POINTS>,
    picture: &RgbImage,
    bounds: Rect,
    mean: &[Point; POINTS],
    shape: &[Point; POINTS],
    brightness: &mut Vec<f32>,
) {
    // Points that fall together have no direction: the pixels then stay as they are.
    let turn = SimilarityTransform::estimate(mean, shape);
    let (a, b) = turn.map_or((1.0, 0.0), |turn| (turn.a as f32, turn.b as f32));
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    brightness.clear();
    brightness.extend(stage.pixels.iter().map(|pixel| {
        let [dx, dy] = pixel.offset;
        let anchor = shape[pixel.landmark];
        let place = Point::new(a * dx - b * dy + anchor.x, b * dx + a * dy + anchor.y);
        let (x, y) = in_picture(bounds, place);
        if (0..width).contains(&x) && (0..height).contains(&y) {
            let [red, green, blue] = picture.get_pixel(x as u32, y as u32).0.map(u16::from);
            f32::from((red + green + blue) / 3)
        } else {
            0.0
        }
    }));
}

fn add_leaves<const POINTS: usize>(stage: &Stage<POINTS>, brightness: &[f32], shape: &mut [Point; POINTS]) {
    let count = stage.splits_per_tree;
    for (splits, leaves) in stage.splits.chunks_exact(count).zip(stage.leaves.chunks_exact(count + 1)) {
        let mut node = 0;
        while let Some(split) = splits.get(node) {
            let difference = brightness[split.first as usize] - brightness[split.second as usize];
            node = 2 * node + if difference > split.threshold { 1 } else { 2 };
        }
        for (point, step) in shape.iter_mut().zip(leaves[node - count]) {
            point.x += step[0];
            point.y += step[1];
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::spec::shape_model::{ShapePixel, Split};

    const MEAN: [[f32; 2]; 5] = [[0.75, 0.25], [0.625, 0.25], [0.25, 0.25], [0.375, 0.25], [0.5, 0.5]];
    const BOUNDS: Rect = Rect { x: 10.0, y: 20.0, width: 80.0, height: 80.0 };

    /// One tree of three splits whose leaves move every point by `(0.1 * leaf, 0)`.
    fn stage(pixels: Vec<ShapePixel>) -> Stage {
        let split = |first, second, threshold| Split { first, second, threshold };
        Stage {
            pixels,
            splits_per_tree: 3,
            splits: vec![split(0, 1, 20.0), split(0, 1, 100.0), split(1, 0, -5.0)],
            leaves: (0..4).map(|leaf| [[0.1 * leaf as f32, 0.0]; 5]).collect(),
        }
    }

    /// Black but for one pixel.
    fn picture(x: u32, y: u32, pixel: [u8; 3]) -> RgbImage {
        let mut picture = RgbImage::new(120, 120);
        picture.put_pixel(x, y, Rgb(pixel));
        picture
    }

    #[test]
    fn a_shape_without_stages_is_the_mean_shape_in_the_box() {
        let model = ShapeModel::new(MEAN, Vec::new()).expect("a model");
        let found = find_landmarks(&model, &RgbImage::new(120, 120), BOUNDS);
        let expected = [(70.0, 40.0), (60.0, 40.0), (30.0, 40.0), (40.0, 40.0), (50.0, 60.0)];
        assert_eq!(found.points, expected.map(|(x, y)| Point::new(x, y)));
        assert_eq!(found.scheme, LandmarkScheme::EyeCornersNose);
    }

    #[test]
    fn a_tree_follows_differences_of_brightness_to_a_leaf() {
        // The first pixel is ten to the right of the nose, the second far outside the picture.
        let pixels =
            vec![ShapePixel { landmark: 4, offset: [0.125, 0.0] }, ShapePixel { landmark: 0, offset: [5.0, 5.0] }];
        let model = ShapeModel::new(MEAN, vec![stage(pixels)]).expect("a model");
        for (pixel, leaf) in [
            ([255, 0, 60], 0), // 105: more than 20, more than 100
            ([255, 0, 47], 1), // 100, without remainder: not more than 100
            ([21, 21, 21], 1), // 21
            ([20, 20, 22], 3), // 20: not more than 20; -20 is not more than -5
            ([0, 3, 0], 2),    // -1 is more than -5
        ] {
            let found = find_landmarks(&model, &picture(60, 60, pixel), BOUNDS);
            assert_eq!(found.points[4], Point::new(50.0 + 8.0 * leaf as f32, 60.0), "{pixel:?}");
        }
    }

    #[test]
    fn pixels_turn_and_grow_with_the_shape() {
        // The first stage turns the shape by a right angle about the nose and doubles it.
        let turned = MEAN.map(|[x, y]| [0.5 - 2.0 * (y - 0.5) - x, 0.5 + 2.0 * (x - 0.5) - y]);
        let turn = Stage {
            pixels: vec![ShapePixel { landmark: 0, offset: [0.0; 2] }],
            splits_per_tree: 1,
            splits: vec![Split { first: 0, second: 0, threshold: 0.0 }],
            leaves: vec![turned; 2],
        };
        let pixels =
            vec![ShapePixel { landmark: 4, offset: [0.125, 0.0] }, ShapePixel { landmark: 0, offset: [5.0, 5.0] }];
        let model = ShapeModel::new(MEAN, vec![turn, stage(pixels)]).expect("a model");
        // Ten to the right of the nose has become twenty below it.
        let found = find_landmarks(&model, &picture(50, 80, [255, 255, 255]), BOUNDS);
        assert_eq!(found.points[4], Point::new(50.0, 60.0));
        let found = find_landmarks(&model, &picture(60, 60, [255, 255, 255]), BOUNDS);
        assert_eq!(found.points[4], Point::new(66.0, 60.0));
    }

    #[test]
    fn a_box_outside_the_picture_has_landmarks_too() {
        let model = ShapeModel::new(MEAN, vec![stage(vec![ShapePixel { landmark: 4, offset: [0.0; 2] }; 2])]);
        let model = model.expect("a model");
        for bounds in
            [Rect { x: -500.0, ..BOUNDS }, Rect { y: 5000.0, ..BOUNDS }, Rect { width: 0.0, height: 0.0, ..BOUNDS }]
        {
            let found = find_landmarks(&model, &RgbImage::new(50, 50), bounds);
            assert!(found.points.iter().all(|point| point.x.is_finite() && point.y.is_finite()));
        }
    }
}
