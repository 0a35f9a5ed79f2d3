//! The main face of a large picture, found coarsely and then looked at closely.
//!
//! A detector's time grows with its canvas. The main face of a photo is mostly large, so it can be seen on a canvas of
//! half the size, for a quarter of the work; a second, small canvas shows that face alone, as large as the detector
//! sees faces best, and gives the landmarks. If the first canvas leaves a doubt, the detector looks at the whole
//! picture on its full canvas.
//!
//! With SCRFD-500M and `espdl_mbf` mated pairs of large photos are as alike either way
//! (`tests/it/coarse.rs`). YuNet's landmarks get worse this way, and it has less to gain, so YuNet always looks at the
//! whole picture.

use image::RgbImage;

use crate::error::Result;
use crate::geometry::Point;
use crate::vision::part;
use crate::vision::tensor::Size;
use crate::vision::{Face, FacePolicy, MainFace, main_face};

use super::letterbox::{Letterbox, Placement};

/// How coarsely and how closely a detector looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coarse {
    /// The longer side of the coarse canvas, in pixels.
    pub(super) canvas: usize,
    /// The detector hardly ever misses a face whose shorter side has this many canvas pixels.
    pub(super) sure: f32,
    /// The face's longer side on the close canvas, in pixels; a smaller face is not enlarged.
    pub(super) close: f32,
    /// No close look is needed if the face's longer side has this many pixels on the coarse canvas.
    pub(super) enough: f32,
}

/// The side of the part of the picture that is looked at closely, in parts of the face's longer side.
const AROUND: f32 = 1.7;
/// How much of the two boxes must agree (intersection over union) for both to be one face.
const SAME: f32 = 0.5;

/// The main face, or nothing where the whole picture must be looked at.
pub(super) fn find(
    letterbox: &Letterbox,
    coarsely: Coarse,
    picture: &RgbImage,
    policy: FacePolicy,
    see: impl Fn(&[f32], Size) -> Result<Vec<Face>>,
) -> Result<Option<MainFace>> {
    // How many times as long as another face's side the main face's side must be.
    let lead = match policy {
        FacePolicy::Portrait { ratio, .. } | FacePolicy::Dominant { ratio } => ratio.max(1.0).sqrt(),
        FacePolicy::Largest | FacePolicy::Central => 1.0,
        FacePolicy::Only => return Ok(None),
    };
    let (width, height) = picture.dimensions();
    let coarse_side = coarsely.canvas;
    // If the picture or the full canvas is little larger than the coarse canvas, one look at the whole picture takes no
    // longer.
    if letterbox.is_fixed() || letterbox.limit() <= coarse_side || width.max(height) as usize * 2 <= coarse_side * 3 {
        return Ok(None);
    }
    let coarse = Placement::reduced(Size::new(width as usize, height as usize), coarse_side, None);
    let Ok(main) = main_face(&letterbox.look(picture, coarse, &see)?, (width, height), policy) else {
        return Ok(None);
    };
    let face = main.face;
    // A face that was too small to be seen may be nearer to the middle, unless this one covers it.
    let middle = Point::new(width as f32 / 2.0, height as f32 / 2.0);
    if policy == FacePolicy::Central && !face.bounds.contains(middle) {
        return Ok(None);
    }
    // Any face that would take the lead from this one must be large enough to have been seen.
    if !(coarse.on_canvas(face.bounds.width.min(face.bounds.height)) >= coarsely.sure * lead) {
        return Ok(None);
    }
    let longer = face.bounds.width.max(face.bounds.height);
    if coarse.on_canvas(longer) >= coarsely.enough {
        return Ok(Some(main));
    }
    let close = Placement::part(
        part::around(face.bounds.center(), longer * AROUND, (width, height)),
        (coarsely.close / longer).min(1.0),
    );
    let seen = letterbox.look(picture, close, &see)?;
    let agreement = |other: &Face| other.bounds.iou(&face.bounds);
    let same = seen.into_iter().max_by(|a, b| agreement(a).total_cmp(&agreement(b)));
    Ok(same.filter(|same| agreement(same) >= SAME).map(|face| MainFace { face, ..main }))
}
