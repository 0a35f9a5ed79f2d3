//! Where the landmarks of a face are: a cascade of regression trees, as plain data.

use crate::error::{Error, ErrorKind, Result};

/// The most splits of one tree; dlib's have 15.
const MAX_SPLITS: usize = 1023;

/// A cascade of regression trees for landmarks, five of them unless said otherwise (Kazemi and Sullivan, "One
/// millisecond face alignment with an ensemble of regression trees", CVPR 2014).
///
/// A shape is points in the coordinates of the face's box: (0, 0) its upper left corner, (1, 1) its lower right. Each
/// stage looks at some pixels and moves the shape by the sum of what its trees say.
#[derive(Clone, PartialEq)]
pub struct ShapeModel<const POINTS: usize = 5> {
    mean: [[f32; 2]; POINTS],
    stages: Vec<Stage<POINTS>>,
}

/// One stage of a [`ShapeModel`]: its pixels, and its trees one behind the other.
#[derive(Clone, PartialEq)]
pub struct Stage<const POINTS: usize = 5> {
    /// The pixels that the splits compare.
    pub pixels: Vec<ShapePixel>,
    /// How many splits a tree has: one less than a power of two.
    pub splits_per_tree: usize,
    /// All splits: a tree's splits are a full binary tree, the children of `i` at `2 i + 1` and
    /// `2 i + 2`.
    pub splits: Vec<Split>,
    /// All leaves, `splits_per_tree + 1` a tree: how far each point moves.
    pub leaves: Vec<[[f32; 2]; POINTS]>,
}

/// A pixel that keeps its place relative to a landmark of the shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShapePixel {
    /// The landmark, from 0.
    pub landmark: usize,
    /// From the landmark to the pixel, while the shape is the mean shape.
    pub offset: [f32; 2],
}

/// A split of a tree: the first child is taken where `first - second > threshold`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The stage's pixel whose brightness is taken.
    pub first: u32,
    /// The one that is subtracted.
    pub second: u32,
    /// What the difference is compared with.
    pub threshold: f32,
}

impl<const POINTS: usize> ShapeModel<POINTS> {
    /// A model that starts at the shape `mean`.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where a stage is not whole: trees that are not full, a
    /// pixel or landmark that does not exist, or a number that is not finite.
    pub fn new(mean: [[f32; 2]; POINTS], stages: Vec<Stage<POINTS>>) -> Result<Self> {
        let fail = |why: String| Err(Error::new(ErrorKind::ModelUnavailable, format!("landmark model: {why}")));
        if mean.as_flattened().iter().any(|coordinate| !coordinate.is_finite()) {
            return fail("the mean shape is not finite".into());
        }
        for (index, stage) in stages.iter().enumerate() {
            let splits = stage.splits_per_tree;
            if splits == 0 || splits > MAX_SPLITS || !(splits + 1).is_power_of_two() {
                return fail(format!("stage {index} has trees of {splits} splits, which are not full trees"));
            }
            if !stage.splits.len().is_multiple_of(splits)
                || stage.leaves.len() != stage.splits.len() / splits * (splits + 1)
            {
                let (splits, leaves) = (stage.splits.len(), stage.leaves.len());
                return fail(format!(
                    "stage {index} has {splits} splits and {leaves} leaves, which are not full trees"
                ));
            }
            let known = |pixel: u32| (pixel as usize) < stage.pixels.len();
            if !stage.splits.iter().all(|s| known(s.first) && known(s.second) && s.threshold.is_finite()) {
                return fail(format!("stage {index} compares a pixel that it does not have"));
            }
            if !stage.pixels.iter().all(|pixel| pixel.landmark < POINTS && pixel.offset.iter().all(|o| o.is_finite())) {
                return fail(format!("stage {index} has a pixel beside no landmark"));
            }
            if stage.leaves.as_flattened().as_flattened().iter().any(|step| !step.is_finite()) {
                return fail(format!("stage {index} has a leaf that is not finite"));
            }
        }
        Ok(Self { mean, stages })
    }

    /// The shape at which every search starts.
    #[must_use]
    pub fn mean(&self) -> &[[f32; 2]; POINTS] {
        &self.mean
    }

    /// The stages in their order; their indices are valid.
    #[must_use]
    pub fn stages(&self) -> &[Stage<POINTS>] {
        &self.stages
    }
}

impl<const POINTS: usize> std::fmt::Debug for ShapeModel<POINTS> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShapeModel").field("stages", &self.stages.len()).finish_non_exhaustive()
    }
}

impl<const POINTS: usize> std::fmt::Debug for Stage<POINTS> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("pixels", &self.pixels.len())
            .field("splits", &self.splits.len())
            .field("leaves", &self.leaves.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        Stage {
            pixels: vec![ShapePixel { landmark: 4, offset: [0.1, -0.1] }; 2],
            splits_per_tree: 3,
            splits: vec![Split { first: 0, second: 1, threshold: 2.0 }; 6],
            leaves: vec![[[0.5; 2]; 5]; 8],
        }
    }

    #[test]
    fn only_whole_stages_are_taken() {
        let mean = [[0.5; 2]; 5];
        assert!(ShapeModel::new(mean, vec![stage(), stage()]).is_ok());
        assert!(ShapeModel::new(mean, Vec::new()).is_ok());
        type Change = fn(&mut Stage);
        let cases: [(&str, Change); 9] = [
            ("no splits", |stage| stage.splits_per_tree = 0),
            ("half a tree", |stage| stage.splits_per_tree = 2),
            ("a split too few", |stage| stage.splits.truncate(5)),
            ("a leaf too many", |stage| stage.leaves.push([[0.0; 2]; 5])),
            ("a first pixel that is not there", |stage| stage.splits[5].first = 2),
            ("a second pixel that is not there", |stage| stage.splits[0].second = u32::MAX),
            ("a threshold that is not finite", |stage| stage.splits[2].threshold = f32::NAN),
            ("a landmark that is not there", |stage| stage.pixels[1].landmark = 5),
            ("a leaf that is not finite", |stage| stage.leaves[7][4][1] = f32::INFINITY),
        ];
        for (name, change) in cases {
            let mut changed = stage();
            change(&mut changed);
            let error = ShapeModel::new(mean, vec![stage(), changed]).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{name}");
            assert!(error.to_string().contains("stage 1"), "{error}");
        }
        assert!(ShapeModel::new([[f32::NAN; 2]; 5], vec![stage()]).is_err());
    }
}
