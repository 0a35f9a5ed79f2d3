//! How many bytes of bodies are held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes of all bodies that are held. Cloning gives the same count.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    held: Arc<AtomicU64>,
    most: u64,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    held: Arc<AtomicU64>,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Self { held: Arc::default(), most }
    }

    /// Nothing, to be grown.
    pub(super) fn nothing(&self) -> Held {
        Held { held: Arc::clone(&self.held), bytes: 0 }
    }

    /// Holds `more` bytes, if there is room for them.
    pub(super) fn grow(&self, held: &mut Held, more: u64) -> bool {
        let grown = |now: u64| now.checked_add(more).filter(|sum| *sum <= self.most);
        let fits = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok();
        if fits {
            held.bytes += more;
        }
        fits
    }

    /// Holds bytes that are there already, whether or not there is room for more.
    pub(super) fn hold(&self, bytes: u64) -> Held {
        self.held.fetch_add(bytes, Ordering::AcqRel);
        Held { held: Arc::clone(&self.held), bytes }
    }

    /// Whether answers that clients are slow to take fill it.
    pub(super) fn is_full(&self) -> bool {
        self.held() >= self.most
    }

    /// How many bytes are held.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_makes_room() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.nothing(), budget.nothing());
        assert!(budget.grow(&mut one, 6) && budget.grow(&mut one, 1) && !budget.grow(&mut other, 4));
        let answer = budget.hold(100);
        assert!(budget.held() == 107 && budget.is_full());
        drop(one);
        assert!(!budget.grow(&mut other, 4));
        drop(answer);
        assert!(budget.grow(&mut other, 10) && !budget.grow(&mut other, u64::MAX));
        drop(other);
        assert_eq!(budget.held(), 0);
    }
}
