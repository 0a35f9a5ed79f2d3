//! The dot-product instructions of 64-bit ARM (`FEAT_DotProd`), in registers of NEON.

#![allow(unsafe_code)]

use std::arch::aarch64::*;
use std::arch::asm;

use super::{COLUMNS, GROUP, Kernels, LINE, SPAN, Width};

/// Bytes of a register.
const REGISTER: usize = 16;

// SAFETY, for both calls: `Kernels::available` names this width only where the processor has the
// features.
pub(super) const DOT: Kernels = Kernels {
    width: Width::Dot,
    columns: |codes, probe, sums| unsafe { columns(codes, probe, sums) },
    row: |codes, probe| unsafe { row(codes, probe) },
};

/// Adds to each of four sums the products of four codes with four components.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_products(sum: int32x4_t, codes: uint8x16_t, probe: int8x16_t) -> int32x4_t {
    let mut sum = sum;
    // The compiler's own function for this instruction is not stable. Codes are 0 to 15, so it does
    // not matter that it takes them with a sign.
    // SAFETY: it reads these three registers and writes the first.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {codes:v}.16b, {probe:v}.16b",
            sum = inout(vreg) sum,
            codes = in(vreg) codes,
            probe = in(vreg) probe,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

#[inline]
#[target_feature(enable = "neon")]
fn load_codes(bytes: &[u8; REGISTER]) -> uint8x16_t {
    // SAFETY: 16 bytes are there, and the load needs no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_probe(components: &[i8; REGISTER]) -> int8x16_t {
    // SAFETY: as above.
    unsafe { vld1q_s8(components.as_ptr()) }
}

/// Four components of the probe, four times.
#[inline]
#[target_feature(enable = "neon")]
fn four(probe: &[i8; COLUMNS], at: usize) -> int8x16_t {
    let bytes = [probe[at] as u8, probe[at + 1] as u8, probe[at + 2] as u8, probe[at + 3] as u8];
    vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(bytes)))
}

#[target_feature(enable = "neon,dotprod")]
fn columns(codes: &[u8], probe: &[i8], sums: &mut [i32]) {
    let low = vdupq_n_u8(15);
    let parts = probe.as_chunks::<COLUMNS>().0;
    for (group, sums) in codes.chunks_exact(parts.len() * LINE).zip(sums.as_chunks_mut::<GROUP>().0) {
        let mut lo = [vdupq_n_s32(0); LINE / REGISTER];
        let mut hi = lo;
        for (line, part) in group.as_chunks::<LINE>().0.iter().zip(parts) {
            let (near, far) = (four(part, 0), four(part, 4));
            for (at, bytes) in line.as_chunks::<REGISTER>().0.iter().enumerate() {
                let codes = load_codes(bytes);
                lo[at] = add_products(lo[at], vandq_u8(codes, low), near);
                hi[at] = add_products(hi[at], vshrq_n_u8::<4>(codes), far);
            }
        }
        for (at, sums) in sums.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            // SAFETY: 4 numbers of 4 bytes take 16 bytes, and the store needs no alignment.
            unsafe { vst1q_s32(sums.as_mut_ptr(), vaddq_s32(lo[at], hi[at])) };
        }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn row(codes: &[u8], probe: &[i8]) -> i32 {
    let low = vdupq_n_u8(15);
    let mut sum = [vdupq_n_s32(0); 2];
    for (line, probe) in codes.as_chunks::<LINE>().0.iter().zip(probe.as_chunks::<SPAN>().0) {
        let (near, far) = probe.as_chunks::<REGISTER>().0.split_at(LINE / REGISTER);
        for ((bytes, near), far) in line.as_chunks::<REGISTER>().0.iter().zip(near).zip(far) {
            let codes = load_codes(bytes);
            sum[0] = add_products(sum[0], vandq_u8(codes, low), load_probe(near));
            sum[1] = add_products(sum[1], vshrq_n_u8::<4>(codes), load_probe(far));
        }
    }
    vaddvq_s32(vaddq_s32(sum[0], sum[1]))
}
