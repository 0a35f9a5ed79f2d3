//! Small pictures of enrolled photos.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::error::{Error, ErrorKind, ImageReport, Result};
use crate::person::{ImageBytes, ImageId, PersonId};
use crate::vision::{self, DecodeLimits};

use super::Vault;

/// Thumbnails that a process makes at a time: each needs a whole photo in memory, decoded.
const AT_ONCE: usize = 2;

impl Vault {
    /// A small upright JPEG of a photo, its longer side 160 pixels; a smaller photo keeps its size.
    ///
    /// It is made when the photo is enrolled. Photos that were enrolled before vaults kept thumbnails, or by a build
    /// that writes no JPEG (without the features `http` and `evaluation`), get theirs here when they are first asked
    /// for: that decodes the photo, which may wait for others, and the vault keeps it if it can be written. Such a
    /// thumbnail is upright as far as the photo's EXIF data say so.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for an unknown person or photo, and where an encoding was given without a
    /// photo, [`Corrupt`](ErrorKind::Corrupt) where stored bytes are not what was written,
    /// [`Refused`](ErrorKind::Refused) where the photo cannot be decoded.
    pub fn thumbnail(&self, id: &PersonId, image: &ImageId) -> Result<ImageBytes> {
        if let Some(kept) = self.store().thumbnail(&self.client, id, image)? {
            return Ok(kept);
        }
        let _place = Place::wait();
        // Somebody else may have made it meanwhile.
        if let Some(kept) = self.store().thumbnail(&self.client, id, image)? {
            return Ok(kept);
        }
        let photo = self.photo(id, image)?;
        let picture = match self.engine() {
            Some(engine) => engine.decode(&photo),
            None => vision::decode(&photo, &DecodeLimits::default()),
        };
        let refused = |refusal| Error::refused(vec![ImageReport { index: 0, refusal: Some(refusal) }]);
        let made = vision::thumbnail(&picture.map_err(refused)?)
            .map_err(|error| Error::new(ErrorKind::Runtime, "a thumbnail cannot be made").caused_by(error))?;
        let made = ImageBytes::from(made);
        if !self.store().is_read_only() {
            // It is shown whether or not it can be kept.
            if let Err(error) = self.store().add_thumbnail(&self.client, id, image, &made) {
                tracing::warn!(kind = ?error.kind(), "a thumbnail cannot be kept");
            }
        }
        Ok(made)
    }
}

/// One of the [`AT_ONCE`] places of those who make thumbnails.
struct Place;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Place {
    fn wait() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED.wait_while(taken, |taken| *taken >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
