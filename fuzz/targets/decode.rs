//! Photos of every format.

#![no_main]

use facevault::vision::{DecodeLimits, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Small pictures only, so that many are tried in a second.
    let limits = DecodeLimits::default().with_max_pixels(300_000);
    if let Ok(picture) = decode(bytes, &limits) {
        let (width, height) = picture.dimensions();
        assert_eq!(picture.as_raw().len() as u64, u64::from(width) * u64::from(height) * 3);
        // Every byte is read, so that memory that was never written would show.
        std::hint::black_box(picture.as_raw().iter().fold(0u32, |sum, byte| sum.wrapping_add(u32::from(*byte))));
    }
});
