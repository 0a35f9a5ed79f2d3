//! CenterFace: Xu, Yan, Yang, Wang and Wei, "CenterFace: Joint Face Detection and Alignment Using
//! Face as Point" (2019), as its authors publish it.
//!
//! For each cell of one grid (stride 4) the network gives the heat of a face's middle, the
//! logarithms of the box's height and width in strides, the middle's offset from the cell's upper
//! left corner, and five landmarks in parts of the box. Tensors are planes, and y comes before x.
//!
//! The network takes ten times YuNet's time at one size, and its landmarks need few pixels: a face
//! of 48 pixels is aligned as well as one of 96. So the main face is looked for on a canvas on which
//! a portrait's face has about that size, and a smaller one is looked at closely.

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
use super::outputs::Outputs;

/// The customary names of heat, sizes, offsets and landmarks.
const OUTPUTS: [&str; 4] = ["537", "538", "539", "540"];

/// Pixels of a cell.
const STRIDE: usize = 4;

/// How the main face is looked for: on 160 pixels first, its landmarks taken from there where it has
/// 40 of them, else from a close look at 56.
const COARSE: Coarse = Coarse { canvas: 160, sure: 16.0, close: 56.0, enough: 40.0 };

/// A CenterFace network with its limits.
pub struct CenterFace {
    network: Network,
    outputs: Outputs,
    letterbox: Letterbox,
    spec: DetectorSpec,
}

impl CenterFace {
    /// A detector that runs `network`. `spec` names four outputs: heat, sizes, offsets and
    /// landmarks; where it names none, they have their customary names.
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
        let cells = Size::new(canvas.width / STRIDE, canvas.height / STRIDE);
        let read = |kind: usize, planes| self.outputs.read(tensors, kind, cells.area(), planes);
        let grid = Grid {
            columns: cells.width,
            heat: read(0, 1)?,
            sizes: read(1, 2)?,
            offsets: read(2, 2)?,
            points: read(3, 10)?,
        };
        let mut faces = Vec::new();
        grid.decode(self.spec.score_threshold, &mut faces);
        suppress(&mut faces, self.spec.nms_threshold);
        Ok(faces)
    }
}

impl Detector for CenterFace {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        self.letterbox.detect(picture, |input, canvas| self.look(input, canvas))
    }

    fn detect_main(&self, picture: &RgbImage, policy: FacePolicy) -> Result<Result<MainFace, Refusal>> {
        match coarse::find(&self.letterbox, COARSE, picture, policy, |input, canvas| self.look(input, canvas))? {
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
        Some(Box::new(Self { network, outputs, letterbox, spec }))
    }

    fn scope(&self) -> Option<Scope> {
        // An upright face of LFW has a score of 0.82 or more (1st percentile); of turned ones 5 % reach
        // 0.80, with landmarks that show the turn.
        Some(Scope {
            least_face: 16.0,
            full_side: self.letterbox.limit() as u32,
            upright: Upright::Score { face: 32.0, enough: 0.75, sure: 0.75, level: 20.0 },
        })
    }
}

/// The raw tensors: planes of as many numbers as there are cells, row by row.
struct Grid<'a> {
    columns: usize,
    /// 0 to 1.
    heat: &'a [f32],
    /// Logarithms of height and width in strides.
    sizes: &'a [f32],
    /// Of the box's middle, downwards and to the right, in strides.
    offsets: &'a [f32],
    /// y and x in parts of the box, of the eye on the left of the picture, the other eye, the nose
    /// tip, the mouth corner on the left, the other corner.
    points: &'a [f32],
}

impl Grid<'_> {
    /// Adds the faces of at least `threshold` to `faces`, in the order of their cells.
    fn decode(&self, threshold: f32, faces: &mut Vec<Face>) {
        let (stride, cells) = (STRIDE as f32, self.heat.len());
        for (cell, heat) in self.heat.iter().enumerate() {
            // This is also false for NaN.
            let good = *heat >= threshold;
            if !good {
                continue;
            }
            let plane = |planes: &[f32], plane: usize| planes[plane * cells + cell];
            let (row, column) = ((cell / self.columns) as f32, (cell % self.columns) as f32);
            let (height, width) = (plane(self.sizes, 0).exp() * stride, plane(self.sizes, 1).exp() * stride);
            let x = (column + plane(self.offsets, 1) + 0.5) * stride - width / 2.0;
            let y = (row + plane(self.offsets, 0) + 0.5) * stride - height / 2.0;
            let point = |i: usize| {
                Point::new(x + plane(self.points, 2 * i + 1) * width, y + plane(self.points, 2 * i) * height)
            };
            faces.extend(super::finite(Face {
                bounds: Rect { x, y, width, height },
                landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: std::array::from_fn(point) },
                score: heat.min(1.0),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid of 3 columns and 2 rows with one face in the last cell.
    fn decode(heat: f32, [height, width]: [f32; 2], threshold: f32) -> Vec<Face> {
        let (mut heats, mut sizes, mut offsets, mut points) = ([0.0; 6], [0.0; 12], [0.0; 12], [0.0; 60]);
        heats[5] = heat;
        (sizes[5], sizes[11]) = (height, width);
        (offsets[5], offsets[11]) = (0.25, -0.5);
        for (plane, value) in [0.25, 0.25, 0.25, 0.75, 0.5, 0.5, 0.75, 0.25, 0.75, 0.75].into_iter().enumerate() {
            points[6 * plane + 5] = value;
        }
        let mut faces = Vec::new();
        Grid { columns: 3, heat: &heats, sizes: &sizes, offsets: &offsets, points: &points }
            .decode(threshold, &mut faces);
        faces
    }

    #[test]
    fn a_cell_becomes_a_face() {
        let faces = decode(0.75, [3.0f32.ln(), 2.0f32.ln()], 0.5);
        let [face] = faces.as_slice() else { panic!("{} faces", faces.len()) };
        assert_eq!(face.score, 0.75);
        // The middle is 4 (2 - 0.5 + 0.5) = 8 to the right and 4 (1 + 0.25 + 0.5) = 7 down.
        assert!(face.bounds.center().distance(Point::new(8.0, 7.0)) < 1e-4);
        assert!((face.bounds.width - 8.0).abs() < 1e-4 && (face.bounds.height - 12.0).abs() < 1e-4);
        let (left, right) = face.landmarks.eyes();
        assert!(left.distance(Point::new(6.0, 4.0)) < 1e-4 && right.distance(Point::new(10.0, 4.0)) < 1e-4);
        assert!(face.landmarks.nose().distance(Point::new(8.0, 7.0)) < 1e-4);
    }

    #[test]
    fn what_is_below_the_threshold_or_not_finite_is_no_face() {
        for (heat, sizes) in
            [(0.49, [0.0, 0.0]), (f32::NAN, [0.0, 0.0]), (0.9, [f32::NAN, 0.0]), (0.9, [0.0, 1e3]), (-1.0, [0.0, 0.0])]
        {
            assert_eq!(decode(heat, sizes, 0.5), [], "{heat} {sizes:?}");
        }
    }
}
