//! dlib's HOG face detector: linear filters over histograms of oriented gradients.
//!
//! A picture and smaller ones of it become cells ([`cells`]), each described by 31 numbers; filters ([`filters`]) are
//! moved over them, and where a sum is large enough there is a face. Numbers and boxes are those of
//! dlib's `get_frontal_face_detector` as it is compiled for processors with AVX.

mod cells;
mod filters;
mod pyramid;
mod svd;

use image::RgbImage;

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::spec::hog_model::{CELL, HogModel, HogRules};
use crate::vision::buffer_pool::Idle;

use cells::Cells;
use filters::{Filter, Sums};
use pyramid::Picture;

/// The most pixels of a picture, enlarged as it was asked for.
const MAX_PIXELS: usize = 1 << 28;

/// A face that [`HogDetector`] found: a box of whole pixels, from its first to its last column and row. It may reach
/// beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct HogFace {
    /// The first column.
    pub left: i64,
    /// The first row.
    pub top: i64,
    /// The last column.
    pub right: i64,
    /// The last row.
    pub bottom: i64,
    /// What goes beyond the filter's threshold; about 1 for a sure face.
    pub score: f64,
    /// The filter that found it. dlib's five look for faces that look ahead, to the left and to the right, and ahead
    /// with the head tilted to the left and to the right.
    pub filter: usize,
}

impl HogFace {
    /// The box as [`find_landmarks`](super::find_landmarks) takes it.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        Rect::from_sides(self.left as f32, self.top as f32, self.right as f32, self.bottom as f32)
    }

    /// Goes from a picture enlarged `times` times to the one that it was made from.
    fn reduce(&mut self, times: u32) {
        let down = |side: i64, shift: f64| (0..times).fold(side as f64, |place, _| place / 2.0 - shift).round() as i64;
        (self.left, self.right) = (down(self.left, 1.25), down(self.right, 1.25));
        (self.top, self.bottom) = (down(self.top, 0.75), down(self.bottom, 0.75));
    }

    fn area(&self) -> f64 {
        let (width, height) = (self.right - self.left + 1, self.bottom - self.top + 1);
        width.max(0) as f64 * height.max(0) as f64
    }

    /// Whether both are boxes of one face.
    fn overlaps(&self, other: &Self, rules: &HogRules) -> bool {
        let combined = |inner: fn(i64, i64) -> i64, outer: fn(i64, i64) -> i64| {
            let (left, top) = (inner(self.left, other.left), inner(self.top, other.top));
            let (right, bottom) = (outer(self.right, other.right), outer(self.bottom, other.bottom));
            Self { left, top, right, bottom, ..*self }.area()
        };
        let (shared, around) = (combined(i64::max, i64::min), combined(i64::min, i64::max));
        shared > 0.0
            && (shared / around > rules.overlap
                || shared / self.area() > rules.coverage
                || shared / other.area() > rules.coverage)
    }
}

/// dlib's `get_frontal_face_detector`: finds upright faces of 80 pixels and more, without a network and without
/// landmarks. Equal pictures give equal faces.
///
/// ```no_run
/// # fn main() -> facevault::Result<()> {
/// use facevault::{models::dlib, vision::HogDetector};
///
/// let file = std::fs::read("frontal_face_detector.h").expect("dlib's source");
/// let detector = HogDetector::new(&dlib::hog_model(&file)?)?;
/// # let picture = facevault::image::RgbImage::new(100, 100);
/// for face in detector.detect(&picture, 1)? {
///     println!("{} {} {} {}: {}", face.left, face.top, face.right, face.bottom, face.score);
/// }
/// # Ok(())
/// # }
/// ```
pub struct HogDetector {
    rules: HogRules,
    filters: Vec<Filter>,
    idle: Idle<Buffers>,
}

/// What one picture takes, kept for the next.
#[derive(Default)]
struct Buffers {
    picture: Vec<u8>,
    resized: Vec<u8>,
    cells: Cells,
    scratch: cells::Scratch,
    sums: Sums,
}

impl Buffers {
    /// Gives the picture another size.
    fn resize(&mut self, size: &mut (usize, usize), to: (usize, usize)) {
        pyramid::resize(Picture::new(size.0, size.1, &self.picture), to, &mut self.resized);
        std::mem::swap(&mut self.picture, &mut self.resized);
        *size = to;
    }
}

impl HogDetector {
    /// A detector that uses the weights of `model`, as [`hog_model`](crate::models::dlib::hog_model) reads them.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where dlib would apply these weights in another way.
    pub fn new(model: &HogModel) -> Result<Self> {
        let rules = model.rules().clone();
        let filters = model.filters().iter().map(|filter| Filter::new(filter, &rules)).collect::<Result<_>>()?;
        Ok(Self { rules, filters, idle: Idle::default() })
    }

    /// The faces of a picture that is first enlarged to twice its size `upsample` times, highest score first, in pixels
    /// of `picture`. Each enlargement finds faces half as large and takes four times as long.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the enlarged picture would have more than 2^28 pixels.
    pub fn detect(&self, picture: &RgbImage, upsample: u32) -> Result<Vec<HogFace>> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        if width == 0 || height == 0 {
            return Ok(Vec::new());
        }
        let fits = |(width, height): &(usize, usize)| width.saturating_mul(*height) <= MAX_PIXELS;
        let sizes: Option<Vec<_>> = (0..upsample)
            .scan((width, height), |size, _| {
                let next = pyramid::doubled(size.0, size.1).filter(fits);
                *size = next.unwrap_or(*size);
                Some(next)
            })
            .collect();
        let Some(sizes) = sizes.filter(|_| fits(&(width, height))) else {
            let message = format!(
                "a picture of {width} x {height} pixels enlarged {upsample} times has more than {MAX_PIXELS} pixels; \
                 enlarge it less often"
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        self.idle.lend(|buffers| {
            let mut found = self.search(picture, &sizes, buffers);
            for face in &mut found {
                face.reduce(upsample);
            }
            Ok(found)
        })
    }

    /// The faces of `picture` enlarged to each of `sizes` in turn, in pixels of the last.
    fn search(&self, picture: &RgbImage, sizes: &[(usize, usize)], buffers: &mut Buffers) -> Vec<HogFace> {
        let mut size = (picture.width() as usize, picture.height() as usize);
        buffers.picture.clear();
        buffers.picture.extend_from_slice(picture.as_raw());
        for to in sizes {
            buffers.resize(&mut size, *to);
        }
        let mut found: Vec<Vec<HogFace>> = self.filters.iter().map(|_| Vec::new()).collect();
        for level in 0..pyramid::levels(size.0, size.1, &self.rules) {
            if level > 0 {
                let lower = pyramid::lower(size);
                buffers.resize(&mut size, lower);
            }
            let Buffers { picture, cells, scratch, sums, .. } = &mut *buffers;
            cells::describe(Picture::new(size.0, size.1, picture), self.rules.size, cells, scratch);
            for ((index, filter), found) in self.filters.iter().enumerate().zip(&mut found) {
                filter.apply(cells, sums);
                self.collect(sums, index, level, found);
            }
        }
        self.choose(found)
    }

    /// Adds the places of a level at which a filter found a face.
    fn collect(&self, sums: &Sums, index: usize, level: usize, found: &mut Vec<HogFace>) {
        let threshold = self.filters[index].threshold;
        for (y, row) in sums.rows().enumerate() {
            for (x, sum) in row.iter().enumerate() {
                let score = f64::from(*sum);
                if score >= threshold {
                    let [left, right] = self.side(x, 0, level);
                    let [top, bottom] = self.side(y, 1, level);
                    found.push(HogFace { left, top, right, bottom, score: score - threshold, filter: index });
                }
            }
        }
    }

    /// The first and last pixel of the box at a place of a level.
    fn side(&self, place: usize, axis: usize, level: usize) -> [i64; 2] {
        let (size, padding) = (self.rules.size[axis] as i64, self.rules.padding as i64);
        let inner = size - 2 * padding;
        let first = place as i64 + size / 2 - inner / 2;
        [first, first + inner - 1].map(|cell| {
            // One pixel of the picture's border has no gradient, and one cell of it no neighbours.
            let corner = (cell + 1 - (size - 1) / 2) * CELL as i64 + 1;
            let half = CELL as i64 / 2;
            let middle = if corner >= 0 { corner + half } else { corner - half };
            pyramid::up(middle as f64, level).round() as i64
        })
    }

    /// The boxes by falling score, without those that overlap one with a higher score.
    fn choose(&self, mut found: Vec<Vec<HogFace>>) -> Vec<HogFace> {
        let falling = |a: &HogFace, b: &HogFace| b.score.total_cmp(&a.score);
        found.iter_mut().for_each(|faces| faces.sort_by(falling));
        let mut all = found.concat();
        all.sort_by(falling);
        let mut chosen: Vec<HogFace> = Vec::new();
        for face in all {
            if !chosen.iter().any(|other| other.overlaps(&face, &self.rules)) {
                chosen.push(face);
            }
        }
        chosen
    }
}

impl std::fmt::Debug for HogDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HogDetector({} filters, {:?})", self.filters.len(), self.rules)
    }
}
