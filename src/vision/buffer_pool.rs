//! Buffers that wait for their next use.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Buffers of one kind, one set for each use that was under way at once.
#[derive(Default)]
pub(super) struct Idle<T>(Mutex<Vec<T>>);

impl<T: Default> Idle<T> {
    /// Lends a set of buffers to `work`.
    pub(super) fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut buffers = self.lock().pop().unwrap_or_default();
        let result = work(&mut buffers);
        self.lock().push(buffers);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_and_never_by_two_at_once() {
        let idle = Idle::<Vec<u8>>::default();
        idle.lend(|outer| {
            outer.push(1);
            idle.lend(|inner| inner.extend([2, 3]));
        });
        let (mut first, mut second) = (0, 0);
        idle.lend(|outer| {
            first = outer.len();
            idle.lend(|inner| second = inner.len());
        });
        assert_eq!((first, second), (1, 2));
        assert_eq!(idle.lock().len(), 2);
    }
}
