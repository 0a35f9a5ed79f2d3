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
use crate::shape_model::{ShapeModel, Stage};

/// The five landmarks of the face in `bounds`, in whole pixels.
#[must_use]
pub fn find_landmarks(model: &ShapeModel, picture: &RgbImage, bounds: Rect) -> Landmarks {
    let mean = model.mean().map(|[x, y]| Point::new(x, y));
    let mut shape = mean;
    let mut brightness = Vec::new();
    for stage in model.stages() {
        read_pixels(stage, picture, bounds, &mean, &shape, &mut brightness);
        add_leaves(stage, &brightness, &mut shape);
    }
    let points = shape.map(|point| {
        let (x, y) = in_picture(bounds, point);
        Point::new(x as f32, y as f32)
    });
    Landmarks { scheme: LandmarkScheme::EyeCornersNose, points }
}

/// The whole pixel at a place of the box.
fn in_picture(bounds: Rect, place: Point) -> (i64, i64) {
    let whole = |start: f32, length: f32, share: f32| {
        (f64::from(start) + f64::from(length) * f64::from(share) + 0.5).floor() as i64
    };
    (whole(bounds.x, bounds.width, place.x), whole(bounds.y, bounds.height, place.y))
}

fn read_pixels(
    stage: &Stage,
    picture: &RgbImage,
    bounds: Rect,
    mean: &[Point; 5],
    shape: &[Point; 5],
    brightness: &mut Vec<f32>,
) {
    // Five points that fall together have no direction: the pixels then stay as they are.
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

fn add_leaves(stage: &Stage, brightness: &[f32], shape: &mut [Point; 5]) {
    let count = stage.splits_per_tree;
    for (splits, leaves) in stage.splits.chunks_exact(count).zip(stage.leaves.chunks_exact(count + 1)) {
        let mut node = 0;
        while let Some(split) = splits.get(node) {
            let difference = brightness[split.first as usize] - brightness[split.second as usize];
            node = 2 * node + if difference > split.threshold { 1 } else { 2 };
        }
        for (point, step) in shape.iter_mut().zip(leaves[node - count].as_chunks::<2>().0) {
            point.x += step[0];
            point.y += step[1];
        }
    }
}
