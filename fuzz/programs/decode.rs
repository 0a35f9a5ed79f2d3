//! A photo of any format that is built in: JPEG, PNG, WebP, GIF, BMP, PNM, TIFF, HEIC.

#![no_main]

use facevault::vision::{DecodeLimits, decode};
use libfuzzer_sys::fuzz_target;

/// Pixels, and pixels a side: little, so that a run takes milliseconds.
const PIXELS: u64 = 1 << 18;
const SIDE: u32 = 2_048;

fuzz_target!(init: facevault_fuzz::end_at_own_panics_only(), |file: &[u8]| {
    let limits = DecodeLimits::default().with_max_pixels(PIXELS).with_max_side(SIDE);
    match decode(file, &limits) {
        Ok(picture) => {
            let (width, height) = picture.dimensions();
            assert!(width > 0 && height > 0 && width.max(height) <= SIDE, "{width} x {height}");
            assert!(u64::from(width) * u64::from(height) <= PIXELS, "{width} x {height}");
        }
        Err(refusal) => assert!(!refusal.message.is_empty()),
    }
});
