//! dlib's HOG detector, from the data folder.

use crate::error::Result;
use crate::models::{Artifact, Home, dlib};
use crate::vision::HogDetector;

/// dlib's `get_frontal_face_detector`, as [`Artifact::dlib_hog`] installs it. Reading the weights takes a while: keep
/// the detector.
///
/// # Errors
/// [`ErrorKind::ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where it is not installed: says how to get it.
pub fn hog_detector(home: &Home) -> Result<HogDetector> {
    HogDetector::new(&dlib::hog_model(&Artifact::dlib_hog().read(home)?)?)
}
