//! Detectors: from a picture to faces.

mod centerface;
mod coarse;
mod letterbox;
mod mmod;
mod nms;
mod outputs;
mod scrfd;
mod yunet;

pub use centerface::CenterFace;
pub use letterbox::GRID;
pub use mmod::Mmod;
pub(crate) use nms::suppress;
pub use scrfd::Scrfd;
pub use yunet::Yunet;

use crate::error::{Error, ErrorKind, Result};
use crate::onnx;
use crate::spec::DetectorSpec;

use super::{Face, Network};

/// The network's file, adapted to what `spec` promises: if `spec` says that any size is taken, a height and width that
/// the file declares become variable.
///
/// OpenCV's file of YuNet declares 640 x 640, which ONNX Runtime holds callers to; nothing in its
/// graph depends on it. Opened, it gives OpenCV's own results at every size.
///
/// # Errors
/// [`ErrorKind::ModelUnavailable`] where the file is not a network of one picture.
pub fn open_size(onnx: Vec<u8>, spec: &DetectorSpec) -> Result<Vec<u8>> {
    let fail = |why: String| Error::new(ErrorKind::ModelUnavailable, format!("the detector's network: {why}"));
    let (declared, _) = onnx::declared(&onnx).map_err(fail)?;
    match (spec.fixed_size, declared.as_slice()) {
        (None, [_, _, Some(_), _] | [_, _, _, Some(_)]) => onnx::open(&onnx).map_err(fail),
        _ => Ok(onnx),
    }
}

/// The face, where all its numbers are finite.
fn finite(face: Face) -> Option<Face> {
    let bounds = [face.bounds.x, face.bounds.y, face.bounds.width, face.bounds.height];
    let points = face.landmarks.points.iter().flat_map(|p| [p.x, p.y]);
    bounds.into_iter().chain(points).all(f32::is_finite).then_some(face)
}

/// Refuses a network of one size where `spec` promises any size, and the reverse.
fn check_input(network: &Network, spec: &DetectorSpec) -> Result<()> {
    let [_, Some(3) | None, height, width] = network.input_shape() else {
        let message =
            format!("the detector's network takes {:?}, expected (1, 3, height, width)", network.input_shape());
        return Err(Error::new(ErrorKind::ModelUnavailable, message));
    };
    let wanted = spec.fixed_size.map(|side| side as usize);
    for side in [height, width].into_iter().flatten() {
        if Some(*side) != wanted {
            let message = format!(
                "the detector's network takes {side} pixels a side only, its manifest says {}",
                wanted.map_or("any".to_owned(), |side| side.to_string())
            );
            return Err(Error::new(ErrorKind::ModelUnavailable, message));
        }
    }
    match spec.fixed_size {
        Some(side) if side == 0 || !(side as usize).is_multiple_of(letterbox::GRID) => {
            let message = format!("the detector's size must be a multiple of {}, is {side}", letterbox::GRID);
            Err(Error::new(ErrorKind::ModelUnavailable, message))
        }
        _ => Ok(()),
    }
}
