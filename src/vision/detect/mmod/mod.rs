//! dlib's face detector and landmarks.

mod boxes;
mod pyramid;

use std::sync::Arc;

use fast_image_resize::Resizer;
use image::RgbImage;

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::spec::mmod_scan::MmodScan;
use crate::spec::shape_model::ShapeModel;
use crate::spec::{DetectorSpec, Normalization};
use crate::vision::buffer_pool::Idle;
use crate::vision::landmarks::find_landmarks;
use crate::vision::resize::resize;
use crate::vision::tensor::{Size, TensorView, write_planes};
use crate::vision::{Detector, Face, Network, Scope, SeekOptions, Upright};

use boxes::PixelRect;
use pyramid::{Layout, Planes};

/// The most often a picture is doubled for small faces.
const MAX_DOUBLINGS: u32 = 3;

/// dlib's max-margin detector over an image pyramid, with its five-point landmarks.
///
/// Of its [`DetectorSpec`], `long_side` is the side to which larger pictures are reduced, and
/// `min_face` the smallest face looked for in what is left: each halving of `min_face` below the
/// network's window (80 pixels) doubles the picture and takes four times as long; above it, levels
/// of the pyramid that can hold only smaller faces are left out (96 drops a third of the work).
/// Boxes overlap by the rule of the weights' file; `nms_threshold` is not used. A score of 0 is
/// the border between face and no face, sure faces have about 1.
pub struct Mmod {
    network: Network,
    scan: Arc<MmodScan>,
    shapes: Arc<ShapeModel>,
    spec: DetectorSpec,
    idle: Idle<Buffers>,
}

/// What one picture takes, kept for the next.
#[derive(Default)]
struct Buffers {
    resizer: Resizer,
    reduced: Vec<u8>,
    pyramid: pyramid::Buffers,
}

impl Mmod {
    /// A detector that runs `network`, moves it over pictures as `scan` says, and finds landmarks
    /// with `shapes`.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where the network does not take pictures of any size.
    pub fn new(network: Network, scan: MmodScan, shapes: Arc<ShapeModel>, spec: DetectorSpec) -> Result<Self> {
        super::check_input(&network, &DetectorSpec { fixed_size: None, ..spec.clone() })?;
        Ok(Self { network, scan: Arc::new(scan), shapes, spec, idle: Idle::default() })
    }

    /// The boxes of the faces, in pixels of `picture` and in whole numbers, with their scores,
    /// highest first.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where the network fails.
    pub fn boxes(&self, picture: &RgbImage) -> Result<Vec<(Rect, f32)>> {
        if picture.is_empty() {
            return Ok(Vec::new());
        }
        self.idle.lend(|buffers| {
            let full = Size::new(picture.width() as usize, picture.height() as usize);
            let size = reduced(full, self.spec.long_side as usize);
            let Buffers { resizer, reduced, pyramid } = buffers;
            let pixels = if size == full {
                picture.as_raw()
            } else {
                reduced.resize(3 * size.area(), 0);
                resize(resizer, picture, None, reduced, (size.width as u32, size.height as u32))?;
                &*reduced
            };
            let found = self.boxes_at_size(pixels, size, pyramid)?;
            pyramid.shrink();
            let scale = |from: usize, to: usize| from as f64 / to as f64;
            let (x, y) = (scale(full.width, size.width), scale(full.height, size.height));
            let up = |found: PixelRect| {
                if size == full { found } else { found.map(|p| ((p.0 + 0.5) * x - 0.5, (p.1 + 0.5) * y - 0.5)) }
            };
            Ok(found.into_iter().map(|(found, score)| (up(found).to_rect(), score)).collect())
        })
    }

    fn boxes_at_size(
        &self,
        pixels: &[u8],
        size: Size,
        buffers: &mut pyramid::Buffers,
    ) -> Result<Vec<(PixelRect, f32)>> {
        let (doublings, skip) = levels(self.spec.min_face, self.scan.window);
        // dlib's size of a doubled picture.
        let double = |size: Size| Size::new(2 * size.width + 2, 2 * size.height + 1);
        let full = (0..doublings).fold(size, |size, _| double(size));
        // The canvas is smaller than the area that one score is computed from: nothing can be found.
        let least = 2 * self.scan.spread.offset.unsigned_abs() as usize + 1;
        let layout = Layout::new(full.width, full.height, skip);
        let Some(layout) = layout.filter(|layout| layout.width.min(layout.height) >= least) else {
            return Ok(Vec::new());
        };
        let normalization = &self.spec.normalization;
        let canvas = layout.draw(buffers, |canvas, tile| {
            if doublings == 0 && skip == 0 {
                let canvas_size = Size::new(layout.width, layout.height);
                write_planes(pixels, size, normalization, canvas, canvas_size, (tile.left, tile.top));
            } else {
                let mut planes = planes(pixels, size, normalization);
                for _ in 0..doublings {
                    let double = double(Size::new(planes.width, planes.height));
                    planes = planes.resized(double.width, double.height);
                }
                (0..skip).fold(planes, |planes, _| planes.reduced()).write(canvas, &layout, tile);
            }
        });
        let found = self.network.run(Size::new(layout.width, layout.height).shape(), canvas, |outputs| {
            let Some(scores) = outputs.first().and_then(TensorView::map) else {
                let message = "the mmod detector gave no scores of shape (1, 1, rows, columns)";
                return Err(Error::new(ErrorKind::Runtime, message));
            };
            Ok(boxes::decode(scores, &layout, &self.scan, self.spec.score_threshold))
        })?;
        // Back to the picture before it was doubled: dlib's map from a picture to its half.
        let down =
            |found: PixelRect| found.map(|p| (0..doublings).fold(p, |p, _| (p.0 / 2.0 - 1.25, p.1 / 2.0 - 0.75)));
        Ok(found.into_iter().map(|(found, score)| (down(found), score)).collect())
    }
}

impl Detector for Mmod {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        let found = self.boxes(picture)?;
        Ok(found
            .into_iter()
            .map(|(bounds, score)| Face { bounds, landmarks: find_landmarks(&self.shapes, picture, bounds), score })
            .collect())
    }

    /// dlib's landmarks start from the box: they are those of this box, whether or not it shows a face.
    fn detect_at(&self, picture: &RgbImage, bounds: Rect) -> Result<Option<Face>> {
        Ok(Some(Face { bounds, landmarks: find_landmarks(&self.shapes, picture, bounds), score: 1.0 }))
    }

    fn with_options(&self, options: &SeekOptions) -> Option<Box<dyn Detector>> {
        let (network, scan, shapes) = (self.network.clone(), self.scan.clone(), self.shapes.clone());
        Some(Box::new(Self { network, scan, shapes, spec: options.applied_to(&self.spec), idle: Idle::default() }))
    }

    fn scope(&self) -> Option<Scope> {
        // Of 120 faces of LFW that lay on their side 7 in 10 were found, a tenth of them with a higher
        // score than upright, and the landmarks show no turn.
        let [rows, columns] = self.scan.window;
        let least_face = rows.min(columns) as f32;
        Some(Scope { least_face, full_side: self.spec.long_side, upright: Upright::Unknown })
    }
}

/// How often the picture is doubled, and how many of its largest levels are left out, so that
/// faces of `min_face` pixels and more are found with a window of this size.
fn levels(min_face: f32, window: [usize; 2]) -> (u32, usize) {
    let ratio = f64::from(min_face.max(1.0)) / window[0].min(window[1]) as f64;
    if ratio < 1.0 {
        ((-ratio.log2()).ceil().min(f64::from(MAX_DOUBLINGS)) as u32, 0)
    } else {
        (0, (ratio.ln() / 1.2f64.ln()) as usize)
    }
}

fn planes(pixels: &[u8], size: Size, normalization: &Normalization) -> Planes {
    let mut values = vec![0.0; 3 * size.area()];
    write_planes(pixels, size, normalization, &mut values, size, (0, 0));
    Planes { width: size.width, height: size.height, values }
}

/// The size with its longer side reduced to `long_side`.
fn reduced(size: Size, long_side: usize) -> Size {
    let longest = size.width.max(size.height);
    if longest <= long_side {
        return size;
    }
    let scale = long_side as f64 / longest as f64;
    let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    Size::new(side(size.width), side(size.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_faces_double_the_picture_and_large_ones_leave_levels_out() {
        for (min_face, expected) in [
            (80.0, (0, 0)),
            (79.9, (1, 0)),
            (40.0, (1, 0)),
            (39.0, (2, 0)),
            (20.0, (2, 0)),
            (1.0, (MAX_DOUBLINGS, 0)),
            (-5.0, (MAX_DOUBLINGS, 0)),
            (f32::NAN, (MAX_DOUBLINGS, 0)),
            (95.9, (0, 0)),
            (96.0, (0, 1)),
            (140.0, (0, 3)),
            (300.0, (0, 7)),
        ] {
            assert_eq!(levels(min_face, [80, 80]), expected, "{min_face}");
        }
    }

    #[test]
    fn a_reduced_picture_keeps_its_proportions() {
        for ((width, height), long_side, expected) in [
            ((301, 100), 151, (151, 50)),
            ((301, 100), 1, (1, 1)),
            ((301, 100), 301, (301, 100)),
            ((9, 7), 640, (9, 7)),
        ] {
            let found = reduced(Size::new(width, height), long_side);
            assert_eq!((found.width, found.height), expected, "{width} x {height} to {long_side}");
        }
    }
}
