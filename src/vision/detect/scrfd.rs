//! SCRFD with landmarks: Guo, Deng, Lattas and Zafeiriou, "Sample and Computation Redistribution
//! for Efficient Face Detection" (ICLR 2022), as InsightFace publishes it.
//!
//! For each cell of three grids (strides 8, 16 and 32) and each of two anchors the network gives a
//! score, the distances from the cell's upper left corner to the four sides of the box, and offsets
//! of five landmarks, all in strides.

use image::RgbImage;

use crate::error::{Refusal, Result};
use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use crate::spec::DetectorSpec;
use crate::vision::tensor::Size;
use crate::vision::{
    Detector, Face, FacePolicy, MainFace, Network, Scope, SeekOptions, TensorView, Upright, main_face,
};

use super::coarse::{self, Coarse};
use super::letterbox::Letterbox;
use super::nms::suppress;
use super::outputs::{Outputs, STRIDES};

/// Anchors of a cell.
const ANCHORS: usize = 2;

/// An SCRFD network with its limits.
pub struct Scrfd {
    network: Network,
    outputs: Outputs,
    letterbox: Letterbox,
    coarse: Coarse,
    spec: DetectorSpec,
}

impl Scrfd {
    /// A detector that runs `network`. `spec` names nine outputs: scores, boxes and landmarks, each
    /// for the strides 8, 16 and 32; where it names none, the network's own order is taken to be
    /// this one.
    ///
    /// # Errors
    /// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the network lacks an output,
    /// or takes one size only and `spec` says otherwise.
    pub fn new(network: Network, spec: DetectorSpec) -> Result<Self> {
        let names = if spec.outputs.is_empty() { network.outputs().to_vec() } else { spec.outputs.clone() };
        let outputs = Outputs::find(&network, &names, 9)?;
        super::check_input(&network, &spec)?;
        let letterbox = Letterbox::new(&spec);
        Ok(Self { network, outputs, coarse: coarse(&letterbox), letterbox, spec })
    }

    fn look(&self, input: &[f32], canvas: Size) -> Result<Vec<Face>> {
        self.network.run(canvas.shape(), input, |tensors| self.decode(tensors, canvas))
    }

    fn decode(&self, tensors: &[TensorView<'_>], canvas: Size) -> Result<Vec<Face>> {
        let mut faces = Vec::new();
        for (level, stride) in STRIDES.into_iter().enumerate() {
            let cells = Size::new(canvas.width / stride, canvas.height / stride);
            let read =
                |kind: usize, values| self.outputs.read(tensors, 3 * kind + level, ANCHORS * cells.area(), values);
            let level =
                Level { stride, columns: cells.width, scores: read(0, 1)?, boxes: read(1, 4)?, points: read(2, 10)? };
            level.decode(self.spec.score_threshold, &mut faces);
        }
        suppress(&mut faces, self.spec.nms_threshold);
        Ok(faces)
    }
}

/// The first look is at half the full canvas; landmarks are those of a close look.
fn coarse(letterbox: &Letterbox) -> Coarse {
    Coarse { canvas: letterbox.limit() / 2, sure: 24.0, close: 144.0, enough: f32::INFINITY }
}

impl Detector for Scrfd {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        self.letterbox.detect(picture, |input, canvas| self.look(input, canvas))
    }

    fn detect_main(&self, picture: &RgbImage, policy: FacePolicy) -> Result<Result<MainFace, Refusal>> {
        match coarse::find(&self.letterbox, self.coarse, picture, policy, |input, canvas| self.look(input, canvas))? {
            Some(main) => Ok(Ok(main)),
            None => Ok(main_face(&self.detect(picture)?, picture.dimensions(), policy)),
        }
    }

    fn glance(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        self.letterbox.glance(picture, |input, canvas| self.look(input, canvas))
    }

    fn with_options(&self, options: &SeekOptions) -> Option<Box<dyn Detector>> {
        let spec = options.applied_to(&self.spec);
        let letterbox = Letterbox::new(&spec);
        let (network, outputs) = (self.network.clone(), self.outputs.clone());
        Some(Box::new(Self { network, outputs, coarse: coarse(&letterbox), letterbox, spec }))
    }

    fn scope(&self) -> Option<Scope> {
        // Turned faces have scores as high, and landmarks of upright ones. On 64 x 64 pixels none of
        // 1,500 turned faces reaches 0.75; two thirds of upright ones reach 0.85.
        Some(Scope {
            least_face: 14.0,
            full_side: self.letterbox.limit() as u32,
            upright: Upright::Score { face: 32.0, enough: 0.85, sure: f32::INFINITY, level: 0.0 },
        })
    }
}

/// The raw tensors of one grid: the anchors of a cell after those of the cell before, row by row.
struct Level<'a> {
    stride: usize,
    columns: usize,
    /// 0 to 1.
    scores: &'a [f32],
    /// Distances to the left, upper, right and lower side.
    boxes: &'a [f32],
    /// Offsets (x, y) of the eye on the left of the picture, the other eye, the nose tip, the mouth
    /// corner on the left, the other corner.
    points: &'a [f32],
}

impl Level<'_> {
    /// Adds the faces of at least `threshold` to `faces`, in the order of their cells.
    fn decode(&self, threshold: f32, faces: &mut Vec<Face>) {
        let stride = self.stride as f32;
        for (anchor, score) in self.scores.iter().enumerate() {
            // This is also false for NaN.
            let good = *score >= threshold;
            if !good {
                continue;
            }
            let cell = anchor / ANCHORS;
            let (x, y) = ((cell % self.columns) as f32 * stride, (cell / self.columns) as f32 * stride);
            let d = &self.boxes[4 * anchor..][..4];
            let bounds = Rect::from_sides(x - d[0] * stride, y - d[1] * stride, x + d[2] * stride, y + d[3] * stride);
            let p = &self.points[10 * anchor..][..10];
            let points: [Point; 5] =
                std::array::from_fn(|i| Point::new(x + p[2 * i] * stride, y + p[2 * i + 1] * stride));
            faces.extend(super::finite(Face {
                bounds,
                landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
                score: score.min(1.0),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_becomes_a_face() {
        // 3 columns and 2 rows of cells with stride 8; the second anchor of cell (1, 1).
        let (mut scores, mut boxes, mut points) = ([0.1; 12], [0.0; 48], [0.0; 120]);
        let anchor = 2 * 4 + 1;
        scores[anchor] = 0.75;
        scores[0] = f32::NAN;
        boxes[4 * anchor..][..4].copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        points[10 * anchor..][..10].copy_from_slice(&[-0.5, -1.0, 0.5, -1.0, 0.0, 0.0, -0.5, 1.0, 0.5, 1.0]);
        let mut faces = Vec::new();
        Level { stride: 8, columns: 3, scores: &scores, boxes: &boxes, points: &points }.decode(0.5, &mut faces);
        let [face] = faces.as_slice() else { panic!("{} faces", faces.len()) };
        assert_eq!(face.score, 0.75);
        // The cell's corner is (8, 8).
        assert_eq!(face.bounds, Rect::from_sides(0.0, -8.0, 32.0, 40.0));
        assert_eq!(face.landmarks.eyes(), (Point::new(4.0, 0.0), Point::new(12.0, 0.0)));
        assert_eq!(face.landmarks.nose(), Point::new(8.0, 8.0));
    }
}
