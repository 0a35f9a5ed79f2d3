//! Points, boxes, landmarks and similarity transforms, in pixels of the upright picture.
//!
//! The origin is the centre of the top left pixel, so that pixel `(i, j)` stands for the point
//! `(i, j)`, as in OpenCV and dlib.

use serde::Serialize;

/// A point; `x` to the right, `y` downwards.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Point {
    /// Pixels from the left.
    pub x: f32,
    /// Pixels from the top.
    pub y: f32,
}

impl Point {
    /// A point at `(x, y)`.
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The point half-way to `other`.
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        Self::new((self.x + other.x) / 2.0, (self.y + other.y) / 2.0)
    }

    /// The Euclidean distance to `other`.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// A box whose sides are parallel to the picture's. It may reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Rect {
    /// Pixels from the left to the left side.
    pub x: f32,
    /// Pixels from the top to the upper side.
    pub y: f32,
    /// Width in pixels, not negative.
    pub width: f32,
    /// Height in pixels, not negative.
    pub height: f32,
}

impl Rect {
    /// The box with these left, upper, right and lower sides.
    #[must_use]
    pub fn from_sides(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { x: left, y: top, width: (right - left).max(0.0), height: (bottom - top).max(0.0) }
    }

    /// The right side.
    #[must_use]
    pub fn right(&self) -> f32 {
        self.x + self.width
    }

    /// The lower side.
    #[must_use]
    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }

    /// Width times height.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The middle.
    #[must_use]
    pub fn center(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// Whether a point lies within, sides included.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        self.x <= point.x && point.x <= self.right() && self.y <= point.y && point.y <= self.bottom()
    }

    /// The area shared with `other`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.right().min(other.right()) - self.x.max(other.x);
        let height = self.bottom().min(other.bottom()) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0)
    }

    /// The part that lies in `other`; without width or height where there is none.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self::from_sides(
            self.x.max(other.x),
            self.y.max(other.y),
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        )
    }

    /// Intersection over union, 0 to 1; 0 where both are empty.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// The box scaled about the origin.
    #[must_use]
    pub fn scaled(&self, factor: f32) -> Self {
        Self { x: self.x * factor, y: self.y * factor, width: self.width * factor, height: self.height * factor }
    }
}

/// Which five points of a face [`Landmarks`] hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LandmarkScheme {
    /// The eye on the left of the picture, the other eye, the nose tip, the mouth corner on the
    /// left of the picture, the other corner.
    EyesNoseMouth,
    /// dlib's five points: the outer and inner corner of the eye on the right of the picture, the
    /// outer and inner corner of the eye on its left, the bottom of the nose.
    EyeCornersNose,
}

/// Five points of a face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Landmarks {
    /// Which points they are.
    pub scheme: LandmarkScheme,
    /// The points in the scheme's order.
    pub points: [Point; 5],
}

impl Landmarks {
    /// The middles of both eyes, the one on the left of the picture first.
    #[must_use]
    pub fn eyes(&self) -> (Point, Point) {
        let p = &self.points;
        match self.scheme {
            LandmarkScheme::EyesNoseMouth => (p[0], p[1]),
            LandmarkScheme::EyeCornersNose => (p[2].midpoint(p[3]), p[0].midpoint(p[1])),
        }
    }

    /// The tip of the nose, or its bottom in [`LandmarkScheme::EyeCornersNose`].
    #[must_use]
    pub fn nose(&self) -> Point {
        match self.scheme {
            LandmarkScheme::EyesNoseMouth => self.points[2],
            LandmarkScheme::EyeCornersNose => self.points[4],
        }
    }

    /// The mouth corners, the one on the left of the picture first, where the scheme has them.
    #[must_use]
    pub fn mouth(&self) -> Option<(Point, Point)> {
        match self.scheme {
            LandmarkScheme::EyesNoseMouth => Some((self.points[3], self.points[4])),
            LandmarkScheme::EyeCornersNose => None,
        }
    }

    /// The points moved by `change`.
    #[must_use]
    pub fn map(&self, change: impl Fn(Point) -> Point) -> Self {
        Self { scheme: self.scheme, points: self.points.map(change) }
    }
}

/// A rotation, one scale and a shift, without reflection:
/// `x' = a x - b y + tx`, `y' = b x + a y + ty`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarityTransform {
    /// Scale times cosine.
    pub a: f64,
    /// Scale times sine.
    pub b: f64,
    /// Shift to the right.
    pub tx: f64,
    /// Shift downwards.
    pub ty: f64,
}

impl SimilarityTransform {
    /// The transform that moves `from` onto `to` with the least squared error.
    ///
    /// In two dimensions and without reflection, Umeyama's solution (IEEE TPAMI 13(4), 1991) is a
    /// linear regression of complex numbers: with both sets centred,
    /// `a + ib = sum(conj(from) * to) / sum(|from|^2)`.
    ///
    /// `None` where all points of `from` coincide or a coordinate is not finite.
    #[must_use]
    pub fn estimate(from: &[Point], to: &[Point]) -> Option<Self> {
        let n = from.len().min(to.len());
        if n < 2 {
            return None;
        }
        let mean = |points: &[Point]| {
            let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + f64::from(p.x), y + f64::from(p.y)));
            (x / n as f64, y / n as f64)
        };
        let (from_x, from_y) = mean(&from[..n]);
        let (to_x, to_y) = mean(&to[..n]);
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (f64::from(p.x) - from_x, f64::from(p.y) - from_y);
            let (qx, qy) = (f64::from(q.x) - to_x, f64::from(q.y) - to_y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = (dot / spread, cross / spread);
        let (tx, ty) = (to_x - a * from_x + b * from_y, to_y - b * from_x - a * from_y);
        let usable = [a, b, tx, ty].iter().all(|v| v.is_finite()) && (a != 0.0 || b != 0.0);
        usable.then_some(Self { a, b, tx, ty })
    }

    /// Where `point` goes.
    #[must_use]
    pub fn apply(&self, point: Point) -> Point {
        let (x, y) = (f64::from(point.x), f64::from(point.y));
        Point::new((self.a * x - self.b * y + self.tx) as f32, (self.b * x + self.a * y + self.ty) as f32)
    }

    /// The transform back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self { a, b, tx: -(a * self.tx - b * self.ty), ty: -(b * self.tx + a * self.ty) }
    }

    /// How many times longer a line becomes.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_of_known_boxes() {
        let unit = Rect::from_sides(0.0, 0.0, 2.0, 2.0);
        for (other, iou) in [
            (unit, 1.0),
            (Rect::from_sides(1.0, 0.0, 3.0, 2.0), 1.0 / 3.0),
            (Rect::from_sides(2.0, 2.0, 4.0, 4.0), 0.0),
            (Rect::from_sides(9.0, 9.0, 9.0, 9.0), 0.0),
        ] {
            assert!((unit.iou(&other) - iou).abs() < 1e-6, "{other:?}");
        }
    }

    #[test]
    fn estimate_recovers_a_transform_and_inverse_undoes_it() {
        let truth = SimilarityTransform { a: 0.8, b: -0.4, tx: 12.0, ty: -7.0 };
        let from = [Point::new(1.0, 2.0), Point::new(40.0, 3.0), Point::new(20.0, 30.0), Point::new(5.0, 50.0)];
        let to = from.map(|p| truth.apply(p));
        let found = SimilarityTransform::estimate(&from, &to).expect("distinct points");
        assert!((found.a - truth.a).abs() < 1e-6 && (found.b - truth.b).abs() < 1e-6);
        assert!((found.tx - truth.tx).abs() < 1e-4 && (found.ty - truth.ty).abs() < 1e-4);
        for p in from {
            assert!(found.inverse().apply(found.apply(p)).distance(p) < 1e-4);
        }
    }

    #[test]
    fn a_mirror_image_is_not_fitted_by_a_reflection() {
        let from = [Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(5.0, 8.0)];
        let mirrored = from.map(|p| Point::new(-p.x, p.y));
        let found = SimilarityTransform::estimate(&from, &mirrored).expect("distinct points");
        assert!(from.iter().zip(mirrored).any(|(p, q)| found.apply(*p).distance(q) > 1.0));
    }

    #[test]
    fn coincident_points_have_no_transform() {
        let point = Point::new(3.0, 3.0);
        assert_eq!(SimilarityTransform::estimate(&[point; 5], &[point; 5]), None);
    }
}
