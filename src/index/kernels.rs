//! What depends on the processor: the two integer kernels of a search, which are dot products of an
//! 8-bit probe with 4-bit codes, and plain Rust compiled for wider registers.
//!
//! A search over a large gallery is bound by the memory that it reads, so the first look reads half
//! a byte a component, which no general vector library offers against an 8-bit probe. Each kernel
//! is here several times, chosen once by what the processor has: AVX-512 VNNI and AVX2 (which the
//! compiler's baseline for `x86_64` lacks too), the dot products of 64-bit ARM, and plain Rust for
//! all others. The results are integers, so all are equal, which the tests assert. [`widest`]
//! compiles other code for the same registers; it does not change the order of operations, so that its results are
//! equal too. 64-bit ARM has one width of registers, which plain Rust uses already.
//!
//! Layouts, with `lo` and `hi` the halves of a byte:
//!
//! ```text
//! columns  16 rows a group, 8 components a line of 64 bytes, one line after the other:
//!          byte 4r+b of line l:  lo = component 8l+b of row r,  hi = component 8l+4+b
//! rows     one row after the other, 128 components a line of 64 bytes:
//!          byte i of line l:     lo = component 128l+i,         hi = component 128l+64+i
//! ```

#[cfg(target_arch = "aarch64")]
mod arm;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::LazyLock;

/// Bytes of a line, a cache line of most processors.
pub(super) const LINE: usize = 64;
/// Rows that the column layout keeps together.
pub(super) const GROUP: usize = 16;
/// Components in a line of the column layout.
pub(super) const COLUMNS: usize = 8;
/// Components in a line of the row layout.
pub(super) const SPAN: usize = 128;

/// The kernels that this processor runs fastest.
pub(super) static KERNELS: LazyLock<Kernels> = LazyLock::new(|| Kernels::available()[0]);

/// A piece of plain Rust that is worth compiling for wider registers.
pub(super) trait Work {
    /// What it gives.
    type Output;

    /// Runs it. Implementations must be `#[inline(always)]`, and so must what they call.
    fn run(self) -> Self::Output;
}

/// Runs the version of `work` that was compiled for the widest registers of this processor.
#[inline]
pub(super) fn widest<W: Work>(work: W) -> W::Output {
    match KERNELS.width {
        #[cfg(target_arch = "x86_64")]
        Width::Avx512 => x86::run_avx512(work),
        #[cfg(target_arch = "x86_64")]
        Width::Avx2 => x86::run_avx2(work),
        #[cfg(target_arch = "aarch64")]
        Width::Dot => work.run(),
        Width::Portable => work.run(),
    }
}

/// The widest registers that the processor was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Dot,
    Portable,
}

/// One implementation of both kernels.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    width: Width,
    columns: fn(&[u8], &[i8], &mut [i32]),
    row: fn(&[u8], &[i8]) -> i32,
}

impl Kernels {
    /// What this processor can run, the fastest first.
    fn available() -> Vec<Self> {
        let mut all = Vec::with_capacity(3);
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if avx512 && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni") {
                all.push(x86::AVX512);
            }
            if is_x86_feature_detected!("avx2") {
                all.push(x86::AVX2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            all.push(arm::DOT);
        }
        all.push(Self { width: Width::Portable, columns: portable::columns, row: portable::row });
        all
    }

    /// The dot products of `probe` with groups of codes in the column layout: 16 sums a group.
    pub(super) fn columns(&self, codes: &[u8], probe: &[i8], sums: &mut [i32]) {
        let group = probe.len() / COLUMNS * LINE;
        assert!(probe.len().is_multiple_of(COLUMNS) && codes.len() * GROUP == sums.len() * group);
        assert!(sums.len().is_multiple_of(GROUP));
        (self.columns)(codes, probe, sums);
    }

    /// The dot product of `probe` with one row of codes in the row layout.
    pub(super) fn row(&self, codes: &[u8], probe: &[i8]) -> i32 {
        assert!(probe.len().is_multiple_of(SPAN) && codes.len() * 2 == probe.len());
        (self.row)(codes, probe)
    }
}

/// Asks for memory that will soon be read.
#[inline(always)]
pub(super) fn prefetch<T>(items: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(items);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = items;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns_plainly(codes: &[u8], probe: &[i8]) -> Vec<i32> {
        let group = probe.len() / COLUMNS * LINE;
        let of = |group: &[u8], r: usize| {
            (0..probe.len())
                .map(|c| {
                    let byte = group[c / 8 * LINE + 4 * r + c % 4];
                    i32::from(if c % 8 < 4 { byte & 15 } else { byte >> 4 }) * i32::from(probe[c])
                })
                .sum()
        };
        codes.chunks(group).flat_map(|group| (0..GROUP).map(move |r| of(group, r))).collect()
    }

    fn row_plainly(codes: &[u8], probe: &[i8]) -> i32 {
        (0..probe.len())
            .map(|c| {
                let byte = codes[c / SPAN * LINE + c % LINE];
                i32::from(if c % SPAN < LINE { byte & 15 } else { byte >> 4 }) * i32::from(probe[c])
            })
            .sum()
    }

    proptest! {
        #[test]
        fn every_implementation_gives_the_plain_sums(lines in 1usize..20, groups in 1usize..4, seed: u64) {
            let mut state = seed | 1;
            let mut next = move || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; (state >> 24) as u8 };
            let probe: Vec<i8> = (0..lines * COLUMNS).map(|_| next() as i8).collect();
            let codes: Vec<u8> = (0..groups * lines * LINE).map(|_| next()).collect();
            let wide: Vec<i8> = (0..lines * SPAN).map(|_| next() as i8).collect();
            for kernels in Kernels::available() {
                let mut sums = vec![-1; groups * GROUP];
                kernels.columns(&codes, &probe, &mut sums);
                prop_assert_eq!(&sums, &columns_plainly(&codes, &probe), "{:?}", kernels.width);
                let row = &codes[..lines * LINE];
                prop_assert_eq!(kernels.row(row, &wide), row_plainly(row, &wide), "{:?}", kernels.width);
            }
        }
    }

    #[test]
    fn no_sum_overflows_at_the_extremes() {
        for (code, component) in [(0xff, 127), (0xff, -128), (0x0f, -128), (0xf0, 127)] {
            let (codes, probe) = (vec![code; 64 * LINE], vec![component; 64 * COLUMNS]);
            let wide = vec![component; 64 * SPAN];
            for kernels in Kernels::available() {
                let mut sums = vec![0; GROUP];
                kernels.columns(&codes, &probe, &mut sums);
                assert_eq!(sums, columns_plainly(&codes, &probe), "{:?}", kernels.width);
                assert_eq!(kernels.row(&codes, &wide), row_plainly(&codes, &wide), "{:?}", kernels.width);
            }
        }
    }

    #[test]
    fn the_portable_kernels_are_always_there() {
        assert_eq!(Kernels::available().last().map(|kernels| kernels.width), Some(Width::Portable));
    }
}
