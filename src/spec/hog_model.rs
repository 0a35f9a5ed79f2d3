//! dlib's HOG face detector as plain data: weights, window and rules.

use crate::error::{Error, ErrorKind, Result};

/// What a cell is described by: 18 signed orientations, 9 unsigned ones, and 4 sums.
pub(crate) const PLANES: usize = 31;
/// The side of a cell in pixels.
pub(crate) const CELL: usize = 8;
/// The largest side of a filter, in cells.
const MAX_SIDE: usize = 64;
/// The most filters that look for faces; dlib's file has five.
const MAX_FILTERS: usize = 64;
/// The sides of the smallest level of a pyramid, in pixels.
const LEVEL_SIDES: std::ops::RangeInclusive<usize> = 16..=4096;

/// A detector of dlib that moves linear filters over histograms of oriented gradients (Dalal and Triggs, CVPR 2005, in
/// the form of Felzenszwalb and others, PAMI 2010), with cells of 8 pixels and a pyramid whose levels shrink by a
/// sixth.
#[derive(Clone, PartialEq)]
pub struct HogModel {
    rules: HogRules,
    filters: Vec<HogFilter>,
}

/// How the filters of a [`HogModel`] are moved and their boxes are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct HogRules {
    /// The filters' width and height in cells.
    pub size: [usize; 2],
    /// Cells on each side of a filter that do not belong to the box.
    pub padding: usize,
    /// The width and height in pixels that a level below the first has at least.
    pub least_level: [usize; 2],
    /// The most levels.
    pub max_levels: usize,
    /// Of two boxes, the one with the lower score is dropped if their intersection is more than this share of the
    /// smallest box around both, 0 to 1.
    pub overlap: f64,
    /// It is also dropped if their intersection is more than this share of either box, 0 to 1.
    pub coverage: f64,
}

/// One filter of a [`HogModel`].
#[derive(Clone, PartialEq)]
pub struct HogFilter {
    /// 31 planes of rows of weights.
    pub weights: Vec<f64>,
    /// The sum of products at which a face begins; a score is what goes beyond it.
    pub threshold: f64,
}

impl HogModel {
    /// A detector of these filters.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where a number is out of its range or a filter has not as many weights as its
    /// size says.
    pub fn new(rules: HogRules, filters: Vec<HogFilter>) -> Result<Self> {
        let fail = |why: String| Err(Error::new(ErrorKind::ModelUnavailable, format!("HOG detector: {why}")));
        let [width, height] = rules.size;
        if width.min(height) <= 2 * rules.padding || width.max(height) > MAX_SIDE {
            let padding = rules.padding;
            return fail(format!("filters of {width} x {height} cells with a padding of {padding} leave no box"));
        }
        if rules.least_level.iter().any(|side| !LEVEL_SIDES.contains(side)) {
            let [width, height] = rules.least_level;
            return fail(format!("the smallest level must have sides of 16 to 4096 pixels, has {width} x {height}"));
        }
        if rules.max_levels == 0 {
            return fail("a pyramid must have at least one level".to_owned());
        }
        for share in [rules.overlap, rules.coverage] {
            if !(0.0..=1.0).contains(&share) {
                return fail(format!("boxes must overlap by a share from 0 to 1, not {share}"));
            }
        }
        if filters.is_empty() || filters.len() > MAX_FILTERS {
            return fail(format!("there must be 1 to {MAX_FILTERS} filters, there are {}", filters.len()));
        }
        for (index, filter) in filters.iter().enumerate() {
            let expected = PLANES * width * height;
            if filter.weights.len() != expected {
                let found = filter.weights.len();
                return fail(format!("filter {index} must have {expected} weights, has {found}"));
            }
            if !filter.threshold.is_finite() || !filter.weights.iter().all(|weight| (*weight as f32).is_finite()) {
                return fail(format!("filter {index} has a number that is not finite"));
            }
        }
        Ok(Self { rules, filters })
    }

    /// How the filters are moved and boxes are compared.
    #[must_use]
    pub fn rules(&self) -> &HogRules {
        &self.rules
    }

    /// The filters.
    #[must_use]
    pub fn filters(&self) -> &[HogFilter] {
        &self.filters
    }
}

impl std::fmt::Debug for HogModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HogModel({} filters, {:?})", self.filters.len(), self.rules)
    }
}
