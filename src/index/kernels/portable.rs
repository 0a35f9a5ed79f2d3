//! Plain Rust, for every processor.

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
