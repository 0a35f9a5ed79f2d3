//! What depends on the processor: the two integer kernels of a search, which are dot products of an
//! 8-bit probe with 4-bit codes, and plain Rust compiled for wider registers.
//!
//! A search over a large gallery is bound by the memory that it reads, so the first look reads half
//! a byte a component, which no general vector library offers against an 8-bit probe. Each kernel
//! is here three times, chosen once by what the processor has: AVX-512 VNNI, AVX2 (which the
//! compiler's baseline for `x86_64` lacks too), and plain Rust for all others. The results are
//! integers, so all three are equal, which the tests assert. [`widest`] compiles other code for the
//! same three; it takes no other order of operations, so that its results are equal too.
//!
//! Layouts, with `lo` and `hi` the halves of a byte:
//!
//! ```text
//! columns  16 rows a group, 8 components a line of 64 bytes, one line after the other:
//!          byte 4r+b of line l:  lo = component 8l+b of row r,  hi = component 8l+4+b
//! rows     one row after the other, 128 components a line of 64 bytes:
//!          byte i of line l:     lo = component 128l+i,         hi = component 128l+64+i
//! ```

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

    /// Does it. To be `#[inline(always)]`, like what it calls.
    fn run(self) -> Self::Output;
}

/// Does `work` as it was compiled for the widest registers that this processor has.
#[inline]
pub(super) fn widest<W: Work>(work: W) -> W::Output {
    match KERNELS.width {
        #[cfg(target_arch = "x86_64")]
        Width::Avx512 => x86::run_avx512(work),
        #[cfg(target_arch = "x86_64")]
        Width::Avx2 => x86::run_avx2(work),
        Width::Portable => work.run(),
    }
}

/// What the processor was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
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

mod portable {
    use super::{COLUMNS, GROUP, LINE, SPAN};

    /// Lines whose products a 16-bit sum takes: `8 * 2 * 15 * 128 < 2^15`.
    const SAFE: usize = 8;

    pub(super) fn columns(codes: &[u8], probe: &[i8], sums: &mut [i32]) {
        for (group, sums) in codes.chunks_exact(probe.len() / COLUMNS * LINE).zip(sums.as_chunks_mut::<GROUP>().0) {
            *sums = [0; GROUP];
            let (lines, _) = group.as_chunks::<LINE>();
            let (parts, _) = probe.as_chunks::<COLUMNS>();
            for (lines, parts) in lines.chunks(SAFE).zip(parts.chunks(SAFE)) {
                let mut near = [0i16; LINE];
                for (line, part) in lines.iter().zip(parts) {
                    let [a, b, c, d, e, f, g, h] = part.map(i16::from);
                    let (lo, hi) = ([a, b, c, d, a, b, c, d], [e, f, g, h, e, f, g, h]);
                    for (near, codes) in near.as_chunks_mut::<8>().0.iter_mut().zip(line.as_chunks::<8>().0) {
                        for i in 0..8 {
                            near[i] += i16::from(codes[i] & 15) * lo[i] + i16::from(codes[i] >> 4) * hi[i];
                        }
                    }
                }
                for (sum, near) in sums.iter_mut().zip(near.as_chunks::<4>().0) {
                    *sum += near.iter().map(|n| i32::from(*n)).sum::<i32>();
                }
            }
        }
    }

    pub(super) fn row(codes: &[u8], probe: &[i8]) -> i32 {
        let mut sum = 0;
        for (line, probe) in codes.as_chunks::<LINE>().0.iter().zip(probe.as_chunks::<SPAN>().0) {
            let (lo, hi) = probe.split_at(LINE);
            for i in 0..LINE {
                sum += i32::from(i16::from(line[i] & 15) * i16::from(lo[i]));
                sum += i32::from(i16::from(line[i] >> 4) * i16::from(hi[i]));
            }
        }
        sum
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::*;

    use super::{COLUMNS, GROUP, Kernels, LINE, SPAN, Width, Work};

    // SAFETY, for these four calls and the two below: `Kernels::available` names these widths only
    // where the processor has the features.
    pub(super) const AVX512: Kernels = Kernels {
        width: Width::Avx512,
        columns: |codes, probe, sums| unsafe { columns_avx512(codes, probe, sums) },
        row: |codes, probe| unsafe { row_avx512(codes, probe) },
    };
    pub(super) const AVX2: Kernels = Kernels {
        width: Width::Avx2,
        columns: |codes, probe, sums| unsafe { columns_avx2(codes, probe, sums) },
        row: |codes, probe| unsafe { row_avx2(codes, probe) },
    };

    pub(super) fn run_avx512<W: Work>(work: W) -> W::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
        fn run<W: Work>(work: W) -> W::Output {
            work.run()
        }
        unsafe { run(work) }
    }

    pub(super) fn run_avx2<W: Work>(work: W) -> W::Output {
        #[target_feature(enable = "avx2")]
        fn run<W: Work>(work: W) -> W::Output {
            work.run()
        }
        unsafe { run(work) }
    }

    /// How far ahead of use memory is asked for. The processor does so by itself, but not across
    /// the end of a page.
    const AHEAD: usize = 4096;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load_avx512(bytes: &[u8; LINE]) -> __m512i {
        // SAFETY: 64 bytes are there, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_avx2(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: 32 bytes are there, and the load needs no alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    /// Four bytes of the probe as one number.
    #[inline(always)]
    fn four(probe: &[i8; COLUMNS], at: usize) -> i32 {
        i32::from_le_bytes([probe[at] as u8, probe[at + 1] as u8, probe[at + 2] as u8, probe[at + 3] as u8])
    }

    #[inline(always)]
    fn ahead(bytes: &[u8; LINE]) {
        // SAFETY: a prefetch reads nothing and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(AHEAD).cast()) };
    }

    #[inline(always)]
    pub(super) fn prefetch<T>(items: &[T]) {
        for line in (0..size_of_val(items)).step_by(LINE) {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(items.as_ptr().cast::<i8>().wrapping_add(line)) };
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn columns_avx512(codes: &[u8], probe: &[i8], sums: &mut [i32]) {
        let low = _mm512_set1_epi8(15);
        let parts = probe.as_chunks::<COLUMNS>().0;
        for (group, sums) in codes.chunks_exact(parts.len() * LINE).zip(sums.as_chunks_mut::<GROUP>().0) {
            let mut sum = [_mm512_setzero_si512(); 4];
            let mut add = |pair: usize, line: &[u8; LINE], part: &[i8; COLUMNS]| {
                ahead(line);
                let codes = load_avx512(line);
                let lo = _mm512_and_si512(codes, low);
                let hi = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low);
                sum[pair] = _mm512_dpbusd_epi32(sum[pair], lo, _mm512_set1_epi32(four(part, 0)));
                sum[pair + 1] = _mm512_dpbusd_epi32(sum[pair + 1], hi, _mm512_set1_epi32(four(part, 4)));
            };
            let (lines, odd_line) = group.as_chunks::<LINE>().0.as_chunks::<2>();
            let (parts, odd_part) = parts.as_chunks::<2>();
            for (lines, parts) in lines.iter().zip(parts) {
                add(0, &lines[0], &parts[0]);
                add(2, &lines[1], &parts[1]);
            }
            for (line, part) in odd_line.iter().zip(odd_part) {
                add(0, line, part);
            }
            let sum = _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), _mm512_add_epi32(sum[2], sum[3]));
            // SAFETY: 16 numbers of 4 bytes take 64 bytes, and the store needs no alignment.
            unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), sum) };
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn row_avx512(codes: &[u8], probe: &[i8]) -> i32 {
        let low = _mm512_set1_epi8(15);
        let mut sum = [_mm512_setzero_si512(); 2];
        for (line, probe) in codes.as_chunks::<LINE>().0.iter().zip(probe.as_chunks::<SPAN>().0) {
            let codes = load_avx512(line);
            let lo = _mm512_and_si512(codes, low);
            let hi = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low);
            // SAFETY: 128 bytes are there, and the loads need no alignment.
            let (probe_lo, probe_hi) = unsafe {
                (_mm512_loadu_si512(probe.as_ptr().cast()), _mm512_loadu_si512(probe.as_ptr().add(LINE).cast()))
            };
            sum[0] = _mm512_dpbusd_epi32(sum[0], lo, probe_lo);
            sum[1] = _mm512_dpbusd_epi32(sum[1], hi, probe_hi);
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(sum[0], sum[1]))
    }

    /// Lines whose pairs of products a 16-bit sum takes: `4 * 2 * 2 * 15 * 128 < 2^15`.
    const SAFE: usize = 4;

    #[target_feature(enable = "avx2")]
    fn columns_avx2(codes: &[u8], probe: &[i8], sums: &mut [i32]) {
        let low = _mm256_set1_epi8(15);
        let ones = _mm256_set1_epi16(1);
        let parts = probe.as_chunks::<COLUMNS>().0;
        for (group, sums) in codes.chunks_exact(parts.len() * LINE).zip(sums.as_chunks_mut::<GROUP>().0) {
            let mut sum = [_mm256_setzero_si256(); 2];
            for (lines, parts) in group.as_chunks::<LINE>().0.chunks(SAFE).zip(parts.chunks(SAFE)) {
                let mut near = [_mm256_setzero_si256(); 2];
                for (line, part) in lines.iter().zip(parts) {
                    ahead(line);
                    let (probe_lo, probe_hi) = (_mm256_set1_epi32(four(part, 0)), _mm256_set1_epi32(four(part, 4)));
                    for (near, half) in near.iter_mut().zip(line.as_chunks::<32>().0) {
                        let codes = load_avx2(half);
                        let lo = _mm256_maddubs_epi16(_mm256_and_si256(codes, low), probe_lo);
                        let hi = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), low);
                        let hi = _mm256_maddubs_epi16(hi, probe_hi);
                        *near = _mm256_add_epi16(*near, _mm256_add_epi16(lo, hi));
                    }
                }
                for (sum, near) in sum.iter_mut().zip(near) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(near, ones));
                }
            }
            for (sums, sum) in sums.as_chunks_mut::<8>().0.iter_mut().zip(sum) {
                // SAFETY: 8 numbers of 4 bytes take 32 bytes, and the store needs no alignment.
                unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), sum) };
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn row_avx2(codes: &[u8], probe: &[i8]) -> i32 {
        let low = _mm256_set1_epi8(15);
        let ones = _mm256_set1_epi16(1);
        let mut sum = _mm256_setzero_si256();
        for (line, probe) in codes.as_chunks::<LINE>().0.iter().zip(probe.as_chunks::<SPAN>().0) {
            for (at, half) in [0, 32].into_iter().zip(line.as_chunks::<32>().0) {
                let codes = load_avx2(half);
                // SAFETY: `at + 64 + 32` is at most the probe's 128 bytes, and the loads need no
                // alignment.
                let (probe_lo, probe_hi) = unsafe {
                    (
                        _mm256_loadu_si256(probe.as_ptr().add(at).cast()),
                        _mm256_loadu_si256(probe.as_ptr().add(at + LINE).cast()),
                    )
                };
                let lo = _mm256_maddubs_epi16(_mm256_and_si256(codes, low), probe_lo);
                let hi = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), low);
                let near = _mm256_add_epi16(lo, _mm256_maddubs_epi16(hi, probe_hi));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(near, ones));
            }
        }
        let mut lanes = [0i32; 8];
        // SAFETY: 8 numbers of 4 bytes take 32 bytes, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
        lanes.iter().sum()
    }
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
