//! The cost of a request's photos, from the sizes that their headers state.

use std::time::Duration;

use super::error::ApiError;
use super::turns::Cost;
use crate::person::{ImageBytes, NewPerson, PersonUpdate};
use crate::vision;

/// The cost of a photo besides its pixels, for detecting and encoding a face, in megapixels.
const EACH: f64 = 1.0;
/// The estimate of how long a megapixel takes, until some were measured.
pub(super) const GUESS: Duration = Duration::from_millis(25);
/// Pixels of a megapixel.
const MEGA: u64 = 1_000_000;

/// A request that may bring photos.
pub(super) trait Photos {
    /// All of them.
    fn photos(&self) -> Vec<&ImageBytes>;
}

impl Photos for NewPerson {
    fn photos(&self) -> Vec<&ImageBytes> {
        self.images.iter().collect()
    }
}

impl Photos for PersonUpdate {
    fn photos(&self) -> Vec<&ImageBytes> {
        self.images.photos().iter().collect()
    }
}

/// How many bytes a request's photos are smaller than their base64.
pub(super) fn saved(request: &impl Photos) -> u64 {
    request.photos().iter().map(|photo| (photo.len().div_ceil(3) * 4 - photo.len()) as u64).sum()
}

/// The cost of a request's photos, on an engine of so many threads.
///
/// # Errors
/// 413 if the photos have more than `most` megapixels.
pub(super) fn cost(request: &impl Photos, threads: usize, most: u32) -> Result<Cost, ApiError> {
    let photos = request.photos();
    let pixels = photos.iter().fold(0u64, |sum, photo| sum.saturating_add(vision::stated_pixels(photo)));
    if pixels > u64::from(most) * MEGA {
        return Err(ApiError::too_many_pixels(pixels.div_ceil(MEGA), most));
    }
    let units = pixels as f64 / MEGA as f64 + photos.len().max(1) as f64 * EACH;
    Ok(Cost { units, width: photos.len().clamp(1, threads.max(1)) })
}
