//! What the luma of a face says: light, sharpness, noise, and whether eyes and mouth can be seen.

use image::RgbImage;

use crate::geometry::{LandmarkScheme, Landmarks, Point, SimilarityTransform};

use super::align::warp;
use super::resize::reduced;

/// The luma of a face: its mean, its variance, and the variances of its Laplacian and of the second
/// differences across and down; how much there is to see of eyes and mouth.
#[derive(Default)]
pub(super) struct Light {
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) laplacian: f64,
    pub(super) across: f64,
    pub(super) down: f64,
    pub(super) grain: f32,
    pub(super) resolution: f32,
    pub(super) visible: f32,
    pub(super) color_balance: f32,
    pub(super) eye_detail: f32,
    pub(super) mouth_detail: f32,
}

/// The side of the crop on which light is measured.
const CROP: usize = 112;
/// The part of it that shows the face and little else: columns and rows.
const COLUMNS: std::ops::Range<usize> = 16..96;
const ROWS: std::ops::Range<usize> = 16..104;
/// Where the eyes and the nose lie in the crop.
const EYES: [Point; 2] = [Point::new(38.3, 51.6), Point::new(73.5, 51.6)];
const NOSE_TIP: Point = Point::new(56.0, 71.7);
const NOSE_BOTTOM: Point = Point::new(56.0, 78.0);
/// The variance that rounding to whole grey levels alone gives the Laplacian: each of its five
/// numbers has a variance of 1/12, its weights' squares sum up to 20.
const ROUNDING: f64 = 20.0 / 12.0;
/// The same for a second difference in one direction, whose weights' squares sum up to 6.
const ROUNDING_OF_ONE: f64 = 6.0 / 12.0;
/// A face is large if its crop has fewer than this many pixels for each pixel of the picture, along one side.
const LARGE: f64 = 0.7;
/// The quantiles of the Laplacian's magnitude that are measured: the median for noise, and one above the smooth skin of
/// a face for detail, since smoothed skin says little about what the picture could show.
const MEDIAN: f64 = 0.5;
const DETAILED: f64 = 0.7;
/// Where the mouth lies in the crop.
const MOUTH: Point = Point::new(56.0, 92.0);
/// Half the width and half the height, in pixels of the crop, of the areas measured at an eye and at the mouth.
const EYE: [usize; 2] = [9, 6];
const LIPS: [usize; 2] = [14, 7];

impl Light {
    pub(super) fn measure(picture: &RgbImage, landmarks: &Landmarks) -> Self {
        let (left, right) = landmarks.eyes();
        let nose = match landmarks.scheme {
            LandmarkScheme::EyesNoseMouth => NOSE_TIP,
            LandmarkScheme::EyeCornersNose => NOSE_BOTTOM,
        };
        let from = [left, right, landmarks.nose()];
        let Some(transform) = SimilarityTransform::estimate(&from, &[EYES[0], EYES[1], nose]) else {
            return Self::default();
        };
        let crop = match small(picture, &transform) {
            Some((small, transform)) => warp(&small, &transform, CROP as u32),
            None => warp(picture, &transform, CROP as u32),
        };
        Self { visible: visible(picture, &transform), ..Self::of(&crop) }
    }

    fn of(crop: &RgbImage) -> Self {
        // ITU-R BT.601.
        let luma: Vec<f32> = crop
            .pixels()
            .map(|image::Rgb([r, g, b])| 0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b))
            .collect();
        let at = |x: usize, y: usize| luma[y * CROP + x];
        let moments = |value: &dyn Fn(usize, usize) -> f32| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for y in ROWS {
                for x in COLUMNS {
                    let value = f64::from(value(x, y));
                    sum += value;
                    squares += value * value;
                }
            }
            let count = (ROWS.len() * COLUMNS.len()) as f64;
            let mean = sum / count;
            (mean, (squares / count - mean * mean).max(0.0))
        };
        let (mean, variance) = moments(&at);
        let (_, laplacian) =
            moments(&|x, y| at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y));
        let (_, across) = moments(&|x, y| at(x - 1, y) + at(x + 1, y) - 2.0 * at(x, y));
        let (_, down) = moments(&|x, y| at(x, y - 1) + at(x, y + 1) - 2.0 * at(x, y));
        let deviation = variance.sqrt() as f32;
        let detail = |middle: Point, [half_width, half_height]: [usize; 2]| {
            let (x, y) = (middle.x.round() as usize, middle.y.round() as usize);
            let mut seen = Vec::with_capacity((2 * half_width + 1) * (2 * half_height + 1));
            for y in y - half_height..=y + half_height {
                for x in x - half_width..=x + half_width {
                    let around = (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| at(x, y)));
                    let (low, high) = around.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
                    seen.push(high - low);
                }
            }
            let middle = seen.len() / 2;
            let (_, median, _) = seen.select_nth_unstable_by(middle, f32::total_cmp);
            if deviation > 0.0 { *median / deviation } else { 0.0 }
        };
        let eye_detail = EYES.map(|eye| detail(eye, EYE)).into_iter().fold(0.0, f32::max);
        let grain = if deviation > 0.0 { edge(&luma, 1, MEDIAN) / deviation } else { 0.0 };
        let half = halved(&luma, CROP);
        let (fine, coarse) = (edge(&half, 2, DETAILED), edge(&halved(&half, CROP / 2), 4, DETAILED));
        let resolution = if coarse > 0.0 { fine / coarse } else { 0.0 };
        let mouth_detail = detail(MOUTH, LIPS);
        let mut colors = [0u64; 3];
        for (y, x) in ROWS.flat_map(|y| COLUMNS.map(move |x| (y, x))) {
            let pixel = crop.get_pixel(x as u32, y as u32);
            colors.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += u64::from(value));
        }
        let (weakest, strongest) = colors.iter().fold((u64::MAX, 0), |(low, high), c| (low.min(*c), high.max(*c)));
        let color_balance = if strongest > 0 { weakest as f32 / strongest as f32 } else { 1.0 };
        Self {
            mean,
            variance,
            laplacian,
            across,
            down,
            grain,
            resolution,
            visible: 1.0,
            color_balance,
            eye_detail,
            mouth_detail,
        }
    }

    /// The lesser of the second differences' variances over the luma's.
    pub(super) fn acuity(&self) -> f64 {
        let lesser = self.across.min(self.down);
        if self.variance > 0.0 { (lesser - ROUNDING_OF_ONE).max(0.0) / self.variance } else { 0.0 }
    }

    pub(super) fn sharpness(&self) -> f64 {
        if self.variance > 0.0 { (self.laplacian - ROUNDING).max(0.0) / self.variance } else { 0.0 }
    }
}

/// The quantile `share` of the Laplacian's magnitude over the face, in a crop reduced to one pixel in `step`.
fn edge(luma: &[f32], step: usize, share: f64) -> f32 {
    let side = CROP / step;
    let at = |x: usize, y: usize| luma[y * side + x];
    let mut magnitudes: Vec<f32> = (ROWS.start / step..ROWS.end / step)
        .flat_map(|y| (COLUMNS.start / step..COLUMNS.end / step).map(move |x| (x, y)))
        .map(|(x, y)| (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y)).abs())
        .collect();
    let place = (magnitudes.len() as f64 * share) as usize;
    *magnitudes.select_nth_unstable_by(place, f32::total_cmp).1
}

/// A square of `side` pixels at half the size: means of two by two.
fn halved(luma: &[f32], side: usize) -> Vec<f32> {
    let mean = |x: usize, y: usize| {
        let (upper, lower) = (2 * y * side + 2 * x, (2 * y + 1) * side + 2 * x);
        (luma[upper] + luma[upper + 1] + luma[lower] + luma[lower + 1]) / 4.0
    };
    (0..side / 2).flat_map(|y| (0..side / 2).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect()
}

/// A large face's surroundings at the crop's size, and the transform from there: read pixel by pixel, a
/// large face would look noisy.
fn small(picture: &RgbImage, transform: &SimilarityTransform) -> Option<(RgbImage, SimilarityTransform)> {
    let scale = transform.a.hypot(transform.b);
    if scale >= LARGE {
        return None;
    }
    let (back, side) = (transform.inverse(), CROP as f32);
    let corners = [(0.0, 0.0), (side, 0.0), (0.0, side), (side, side)].map(|(x, y)| back.apply(Point::new(x, y)));
    let span = |at: fn(&Point) -> f32, length: u32| {
        let low = corners.iter().map(at).fold(f32::MAX, f32::min).clamp(0.0, length as f32 - 1.0) as u32;
        let high = corners.iter().map(at).fold(f32::MIN, f32::max).clamp(0.0, length as f32).ceil() as u32;
        (low, high.max(low + 1) - low)
    };
    let ((left, width), (top, height)) = (span(|p| p.x, picture.width()), span(|p| p.y, picture.height()));
    let small = reduced(picture, [left, top, width, height], scale as f32).ok()?;
    let (across, down) = (small.width() as f32 / width as f32, small.height() as f32 / height as f32);
    let to_small =
        |p: Point| Point::new((p.x - left as f32 + 0.5) * across - 0.5, (p.y - top as f32 + 0.5) * down - 0.5);
    let places = [(0.0, 0.0), (side, 0.0), (0.0, side), (side, side)].map(|(x, y)| Point::new(x, y));
    let transform = SimilarityTransform::estimate(&corners.map(to_small), &places)?;
    Some((small, transform))
}

/// The part of the face, as the crop has it, that lies within the picture.
fn visible(picture: &RgbImage, transform: &SimilarityTransform) -> f32 {
    let back = transform.inverse();
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let places = ROWS.step_by(4).flat_map(|y| COLUMNS.step_by(4).map(move |x| (x as f64, y as f64)));
    let (mut inside, mut all) = (0u32, 0u32);
    for (x, y) in places {
        let (px, py) = (back.a * x - back.b * y + back.tx, back.b * x + back.a * y + back.ty);
        all += 1;
        inside += u32::from(px > -1.0 && py > -1.0 && px < width && py < height);
    }
    inside as f32 / all as f32
}
