//! How many photos are being worked on, so that a single photo may use all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of photos under way. Cloning gives another handle to the same number.
#[derive(Debug, Clone, Default)]
pub struct Workload {
    photos: Arc<AtomicUsize>,
}

impl Workload {
    /// Counts `photos` more photos as being worked on, until the returned guard is dropped.
    pub fn take_on(&self, photos: usize) -> TakenOn {
        self.photos.fetch_add(photos, Ordering::Relaxed);
        TakenOn { workload: self.clone(), photos }
    }

    /// Whether one photo and no other is under way.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.photos.load(Ordering::Relaxed) == 1
    }
}

/// Photos that are under way.
#[derive(Debug)]
#[must_use = "the photos count as done when this is dropped"]
pub struct TakenOn {
    workload: Workload,
    photos: usize,
}

impl Drop for TakenOn {
    fn drop(&mut self) {
        self.workload.photos.fetch_sub(self.photos, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_alone_until_there_is_another() {
        let workload = Workload::default();
        assert!(!workload.is_one());
        let first = workload.take_on(1);
        assert!(workload.is_one());
        let more = workload.take_on(7);
        assert!(!workload.is_one());
        drop(first);
        assert!(!workload.is_one());
        drop(more);
        assert!(!workload.is_one());
    }
}
