//! Memory for long arrays, in large pages where the system has them.
//!
//! Filling a gallery touches all of its memory once, and a search reads most of it from end to end.
//! With pages of 4 KiB, filling causes a page fault at each page, and searching constantly misses the processor's
//! page-table cache (TLB); Linux gives pages of 2 MiB on request.
//!
//! What an array held is overwritten with zeros before its memory goes back to the system or to the allocator: it may be
//! faces of people who were removed, or of a vault that is encrypted on the disk.

use std::ops::{Deref, DerefMut};

use bytemuck::Pod;
use memmap2::MmapMut;
use zeroize::Zeroize;

/// Arrays of fewer bytes than this have no use for large pages.
const LARGE: usize = 2 << 20;

/// An array that grows at its end, of numbers for which zero bytes are zeros.
pub(super) struct Array<T: Pod> {
    memory: Memory<T>,
}

enum Memory<T> {
    Small(Vec<T>),
    /// Zeros behind the first `length` numbers.
    Large {
        map: MmapMut,
        length: usize,
    },
}

impl<T: Pod> Array<T> {
    /// An empty array with room for `capacity` numbers. Room that is not filled is not taken.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let memory = match large(capacity.saturating_mul(size_of::<T>())) {
            Some(map) => Memory::Large { map, length: 0 },
            None => Memory::Small(Vec::with_capacity(capacity)),
        };
        Self { memory }
    }

    /// So many zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let memory = match large(length.saturating_mul(size_of::<T>())) {
            Some(map) => Memory::Large { map, length },
            None => Memory::Small(vec![T::zeroed(); length]),
        };
        Self { memory }
    }

    /// Adds numbers at the end.
    pub(super) fn extend_from_slice(&mut self, numbers: &[T]) {
        let length = self.len() + numbers.len();
        if let Memory::Large { map, .. } = &self.memory
            && length * size_of::<T>() > map.len()
        {
            let mut larger = Self::with_capacity(2 * length);
            larger.extend_from_slice(self);
            *self = larger;
        }
        match &mut self.memory {
            Memory::Small(vec) => {
                if vec.capacity() < length {
                    let mut larger = Vec::with_capacity(length.max(2 * vec.len()));
                    larger.extend_from_slice(vec);
                    wipe(vec);
                    *vec = larger;
                }
                vec.extend_from_slice(numbers);
            }
            Memory::Large { map, length: filled } => {
                bytemuck::cast_slice_mut(map)[*filled..length].copy_from_slice(numbers);
                *filled = length;
            }
        }
    }
}

impl<T: Pod> Drop for Array<T> {
    fn drop(&mut self) {
        wipe(self);
    }
}

/// Overwrites numbers with zeros, even if nobody reads them afterwards.
fn wipe<T: Pod>(numbers: &mut [T]) {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(numbers);
    // Eight bytes at a time: a gallery may have gigabytes.
    let (start, words, end) = bytemuck::pod_align_to_mut::<u8, u64>(bytes);
    start.zeroize();
    words.zeroize();
    end.zeroize();
}

impl<T: Pod> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.memory {
            Memory::Small(vec) => vec,
            Memory::Large { map, length } => &bytemuck::cast_slice(map)[..*length],
        }
    }
}

impl<T: Pod> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.memory {
            Memory::Small(vec) => vec,
            Memory::Large { map, length } => &mut bytemuck::cast_slice_mut(map)[..*length],
        }
    }
}

/// Zeros in whole pages, if that is worth it and the system gives them.
fn large(bytes: usize) -> Option<MmapMut> {
    if bytes < LARGE {
        return None;
    }
    let map = MmapMut::map_anon(bytes.next_multiple_of(LARGE)).ok()?;
    // If there are no large pages, the memory is usable all the same.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_a_vector_whatever_its_size() {
        for capacity in [0, 10, LARGE / 4 - 1, LARGE / 4, LARGE] {
            let (mut array, mut vector) = (Array::<f32>::with_capacity(capacity), Vec::new());
            assert!(array.is_empty());
            for step in 0..40 {
                let numbers: Vec<f32> = (0..capacity / 16 + step).map(|i| (i * step) as f32).collect();
                array.extend_from_slice(&numbers);
                vector.extend_from_slice(&numbers);
                assert!(*array == *vector, "{capacity} and {step}");
            }
            array[3] = 7.0;
            vector[3] = 7.0;
            assert!(*array == *vector);
        }
        for length in [0, 1, 9, LARGE + 3] {
            let mut numbers = vec![7_u8; length];
            wipe(&mut numbers);
            assert!(numbers.iter().all(|byte| *byte == 0));
        }
        for length in [0, 5, LARGE, LARGE + 1] {
            assert!(*Array::<u8>::zeros(length) == *vec![0; length]);
        }
    }
}
