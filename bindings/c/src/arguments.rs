//! Arguments as C gives them.

use std::ffi::{CStr, c_char};
use std::slice;

use facevault_bindings::facevault::image::RgbImage;
use facevault_bindings::facevault::{Error, ImageBytes, Result, Rule};
use facevault_bindings::picture;

use crate::types::{facevault_bytes, facevault_picture};

/// The most photos of one call.
const MAX_PHOTOS: usize = 1_000_000;
/// The most bytes that a slice may have.
const MAX_BYTES: usize = isize::MAX as usize;

fn not_null(name: &str) -> Error {
    Error::invalid(name, Rule::Other("must not be NULL".to_owned()))
}

/// The bytes of a text; NULL is none.
///
/// # Safety
/// `text` is NULL or ends with a zero byte, and stays as it is.
pub(crate) unsafe fn json<'a>(text: *const c_char) -> &'a [u8] {
    match text.is_null() {
        true => b"",
        // SAFETY: the caller's promise.
        false => unsafe { CStr::from_ptr(text) }.to_bytes(),
    }
}

/// A text in UTF-8.
///
/// # Safety
/// As for [`json`].
pub(crate) unsafe fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str> {
    if text.is_null() {
        return Err(not_null(name));
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { json(text) };
    std::str::from_utf8(bytes).map_err(|_| Error::invalid(name, Rule::Other("must be UTF-8".to_owned())))
}

/// Bytes of the caller, copied.
///
/// # Safety
/// Its `data` can be read for `size` bytes.
pub(crate) unsafe fn bytes(name: &str, bytes: facevault_bytes) -> Result<ImageBytes> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { elements(name, bytes.data.cast::<u8>(), bytes.size) }?;
    Ok(bytes.to_vec().into())
}

/// Elements of the caller.
///
/// # Safety
/// `data` can be read for `count` elements, and they stay as they are.
pub(crate) unsafe fn elements<'a, T>(name: &str, data: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(not_null(name));
    }
    if !data.is_aligned() {
        return Err(Error::invalid(name, Rule::Other(format!("must be aligned to {} bytes", align_of::<T>()))));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|size| size > MAX_BYTES) {
        return Err(Error::invalid(name, Rule::Other(format!("cannot have {count} elements"))));
    }
    // SAFETY: the caller's promise, and what was checked above.
    Ok(unsafe { slice::from_raw_parts(data, count) })
}

/// The photos of a call, copied.
///
/// # Safety
/// `photos` can be read for `count` elements, and the data of each for its size.
pub(crate) unsafe fn photos(photos: *const facevault_bytes, count: usize) -> Result<Vec<ImageBytes>> {
    if count > MAX_PHOTOS {
        return Err(Error::invalid("photos", Rule::Count { min: 0, max: MAX_PHOTOS }));
    }
    // SAFETY: the caller's promise.
    let photos = unsafe { elements("photos", photos, count) }?;
    // SAFETY: the caller's promise.
    photos.iter().enumerate().map(|(i, photo)| unsafe { bytes(&format!("photos[{i}]"), *photo) }).collect()
}

/// A picture of the caller, copied.
///
/// # Safety
/// `from` is NULL, or points to a picture whose rows can be read.
pub(crate) unsafe fn pixels(from: *const facevault_picture) -> Result<RgbImage> {
    if from.is_null() {
        return Err(not_null("picture"));
    }
    // SAFETY: the caller's promise.
    let facevault_picture { pixels, width, height, stride } = unsafe { *from };
    let row = (width as usize).saturating_mul(3);
    // The last row need not be filled up to the stride. What overflows is refused as a picture that has no pixels.
    let size = (height as usize)
        .checked_sub(1)
        .and_then(|rows| rows.checked_mul(stride))
        .and_then(|size| size.checked_add(row));
    let size = size.filter(|_| stride >= row && width > 0 && width <= 65_535 && height <= 65_535);
    // SAFETY: the caller's promise.
    let pixels = unsafe { elements("pixels", pixels, size.unwrap_or(0)) }?;
    picture(width, height, stride, pixels)
}
