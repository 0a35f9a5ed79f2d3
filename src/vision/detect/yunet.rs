//! YuNet: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector" (Machine Intelligence
//! Research 20, 2023), as OpenCV's zoo and libfacedetection publish it.
//!
//! For each cell of three grids (strides 8, 16 and 32) the network gives a class score, an
//! objectness, a box and five landmarks. The score is the geometric mean of the first two. The
//! box's middle is the cell's upper left corner plus an offset, its sides are exponentials, the
//! landmarks are offsets from the corner, all in strides. Its boxes and landmarks agree with
//! OpenCV's `FaceDetectorYN` to 0.0001 pixel.

use image::RgbImage;

use crate::error::Result;
use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use crate::spec::DetectorSpec;
use crate::vision::tensor::Size;
use crate::vision::{Detector, Face, Network, Scope, SeekOptions, TensorView, Upright};

use super::letterbox::Letterbox;
use super::nms::suppress;
use super::outputs::{Outputs, STRIDES};

/// The customary names of the outputs, in the decoder's order.
const OUTPUTS: [&str; 12] = [
    "cls_8", "cls_16", "cls_32", "obj_8", "obj_16", "obj_32", "bbox_8", "bbox_16", "bbox_32", "kps_8", "kps_16",
    "kps_32",
];

/// A YuNet network with its limits.
pub struct Yunet {
    network: Network,
    outputs: Outputs,
    letterbox: Letterbox,
    spec: DetectorSpec,
}

impl Yunet {
    /// A detector that runs `network`, which was loaded with at least the outputs that `spec`
    /// names, in any order; with the customary names where it names none.
    ///
    /// # Errors
    /// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the network lacks an output,
    /// or takes one size only and `spec` says otherwise.
    pub fn new(network: Network, spec: DetectorSpec) -> Result<Self> {
        let names = if spec.outputs.is_empty() { OUTPUTS.map(str::to_owned).to_vec() } else { spec.outputs.clone() };
        let outputs = Outputs::find(&network, &names, OUTPUTS.len())?;
        super::check_input(&network, &spec)?;
        Ok(Self { network, outputs, letterbox: Letterbox::new(&spec), spec })
    }

    fn look(&self, input: &[f32], canvas: Size) -> Result<Vec<Face>> {
        self.network.run(canvas.shape(), input, |tensors| self.decode(tensors, canvas))
    }

    fn decode(&self, tensors: &[TensorView<'_>], canvas: Size) -> Result<Vec<Face>> {
        let mut faces = Vec::new();
        for (level, stride) in STRIDES.into_iter().enumerate() {
            let cells = Size::new(canvas.width / stride, canvas.height / stride);
            let read = |kind: usize, values| self.outputs.read(tensors, 3 * kind + level, cells.area(), values);
            let level = Level {
                stride,
                columns: cells.width,
                class: read(0, 1)?,
                object: read(1, 1)?,
                boxes: read(2, 4)?,
                points: read(3, 10)?,
            };
            level.decode(self.spec.score_threshold, &mut faces);
        }
        suppress(&mut faces, self.spec.nms_threshold);
        Ok(faces)
    }
}

impl Detector for Yunet {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        self.letterbox.detect(picture, |input, canvas| self.look(input, canvas))
    }

    fn glance(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        self.letterbox.glance(picture, |input, canvas| self.look(input, canvas))
    }

    fn with_options(&self, options: &SeekOptions) -> Option<Box<dyn Detector>> {
        let spec = options.applied_to(&self.spec);
        let letterbox = Letterbox::new(&spec);
        let (network, outputs) = (self.network.clone(), self.outputs.clone());
        Some(Box::new(Self { network, outputs, letterbox, spec }))
    }

    fn scope(&self) -> Option<Scope> {
        // Turned faces have scores as high, and landmarks of upright ones, so all orientations are looked
        // at. On 96 x 96 pixels the upright one of four had the highest score for 500 of 500 faces.
        Some(Scope {
            least_face: 14.0,
            full_side: self.letterbox.limit() as u32,
            upright: Upright::Score { face: 48.0, enough: f32::INFINITY, sure: f32::INFINITY, level: 0.0 },
        })
    }
}

/// The raw tensors of one grid, a cell after the other, row by row.
struct Level<'a> {
    stride: usize,
    columns: usize,
    /// Class score, 0 to 1.
    class: &'a [f32],
    /// Objectness, 0 to 1.
    object: &'a [f32],
    /// Offset of the middle (x, y), logarithms of width and height.
    boxes: &'a [f32],
    /// Offsets (x, y) of the eye on the left of the picture, the other eye, the nose tip, the mouth
    /// corner on the left, the other corner.
    points: &'a [f32],
}

impl Level<'_> {
    /// Adds the faces of at least `threshold` to `faces`, in the order of their cells.
    fn decode(&self, threshold: f32, faces: &mut Vec<Face>) {
        let stride = self.stride as f32;
        for (cell, (class, object)) in self.class.iter().zip(self.object).enumerate() {
            let score = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
            // This is also false for NaN.
            let good = score >= threshold;
            if !good {
                continue;
            }
            let (column, row) = ((cell % self.columns) as f32, (cell / self.columns) as f32);
            let b = &self.boxes[4 * cell..][..4];
            let (width, height) = (b[2].exp() * stride, b[3].exp() * stride);
            let (x, y) = ((column + b[0]) * stride, (row + b[1]) * stride);
            let bounds = Rect { x: x - width / 2.0, y: y - height / 2.0, width, height };
            let p = &self.points[10 * cell..][..10];
            let points: [Point; 5] =
                std::array::from_fn(|i| Point::new((column + p[2 * i]) * stride, (row + p[2 * i + 1]) * stride));
            faces.extend(super::finite(Face {
                bounds,
                landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
                score,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid of 3 columns and 2 rows with stride 16 and one face in the last cell.
    fn decode(class: f32, object: f32, bounds: [f32; 4], threshold: f32) -> Vec<Face> {
        let (mut classes, mut objects, mut boxes, mut points) = ([0.0; 6], [0.0; 6], [0.0; 24], [0.0; 60]);
        classes[5] = class;
        objects[5] = object;
        boxes[20..].copy_from_slice(&bounds);
        points[50..].copy_from_slice(&[-1.0, -0.5, 1.0, -0.5, 0.0, 0.0, -0.5, 1.0, 0.5, 1.0]);
        let mut faces = Vec::new();
        Level { stride: 16, columns: 3, class: &classes, object: &objects, boxes: &boxes, points: &points }
            .decode(threshold, &mut faces);
        faces
    }

    #[test]
    fn a_cell_becomes_a_face() {
        let faces = decode(0.81, 1.0, [0.5, 0.25, 2.0f32.ln(), 3.0f32.ln()], 0.6);
        let [face] = faces.as_slice() else { panic!("{} faces", faces.len()) };
        assert!((face.score - 0.9).abs() < 1e-6);
        // The cell's corner is (32, 16).
        let middle = face.bounds.center();
        assert!(middle.distance(Point::new(40.0, 20.0)) < 1e-4);
        assert!((face.bounds.width - 32.0).abs() < 1e-4 && (face.bounds.height - 48.0).abs() < 1e-4);
        let (left, right) = face.landmarks.eyes();
        assert_eq!((left, right), (Point::new(16.0, 8.0), Point::new(48.0, 8.0)));
        assert_eq!(face.landmarks.mouth(), Some((Point::new(24.0, 32.0), Point::new(40.0, 32.0))));
    }

    #[test]
    fn scores_are_geometric_means_clamped() {
        let unit = [0.0; 4];
        for (class, object, score) in [
            (1.0, 1.0, Some(1.0)),
            (1.7, 1.2, Some(1.0)),
            (0.36, 1.0, Some(0.6)),
            (0.35, 1.0, None),
            (-1.0, -1.0, None),
            (f32::NAN, 1.0, None),
        ] {
            let found = decode(class, object, unit, 0.6).first().map(|face| face.score);
            assert_eq!(found, score, "{class} {object}");
        }
    }

    #[test]
    fn boxes_that_are_not_finite_are_dropped() {
        for bounds in [[f32::NAN, 0.0, 0.0, 0.0], [0.0, 0.0, 1e3, 0.0], [f32::INFINITY, 0.0, 0.0, 0.0]] {
            assert_eq!(decode(1.0, 1.0, bounds, 0.6), []);
        }
    }
}
