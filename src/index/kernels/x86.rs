//! AVX-512 VNNI and AVX2.

#![allow(unsafe_code)]

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
        let (probe_lo, probe_hi) =
            unsafe { (_mm512_loadu_si512(probe.as_ptr().cast()), _mm512_loadu_si512(probe.as_ptr().add(LINE).cast())) };
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
