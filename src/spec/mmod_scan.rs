//! How dlib's face detector is moved over a picture.

/// How dlib's detector is moved and its boxes are compared: what its file states beside the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct MmodScan {
    /// The width and height of the window that each score speaks of, in pixels of the network's
    /// input: the size of the smallest face that is found.
    pub window: [usize; 2],
    /// Which pixel a score stands for.
    pub spread: Spread,
    /// Of two boxes, the one with the lower score is dropped if their intersection is more than this share of the
    /// smallest box around both, 0 to 1.
    pub overlap: f64,
    /// It is also dropped if their intersection is more than this share of either box, 0 to 1.
    pub coverage: f64,
}

/// Score `i` of a row or column stands for the pixel `i * stride + offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Pixels from one score to the next, at least 1.
    pub stride: i64,
    /// The pixel of the first score.
    pub offset: i64,
}
