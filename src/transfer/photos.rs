//! Photos as files: their names, and reading them within the limits.

use std::io::Read as _;
use std::path::Path;

use super::system;
use crate::error::{Refusal, RefusalCode, Result};
use crate::person::{ImageBytes, Limits};

/// The usual end of the name of a file with these bytes; it only helps people, and nothing depends on it.
pub(super) fn extension(photo: &[u8]) -> &'static str {
    match photo.get(4..12) {
        Some(b"ftypavif" | b"ftypavis") => return "avif",
        Some([b'f', b't', b'y', b'p', ..]) => return "heic",
        _ => {}
    }
    let format = image::guess_format(photo).ok();
    format.and_then(|format| format.extensions_str().first().copied()).unwrap_or("photo")
}

/// Reads a photo. One that is larger than a vault takes is refused unread.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<Result<ImageBytes, Refusal>> {
    let file = crate::files::open(path).map_err(|error| system("read", path, error))?;
    let size = file.metadata().map_err(|error| system("read", path, error))?.len();
    if size > limits.max_image_bytes {
        return Ok(Err(too_large(size, limits)));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    let most = limits.max_image_bytes.saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| system("read", path, error))?;
    match bytes.len() as u64 > limits.max_image_bytes {
        true => Ok(Err(too_large(bytes.len() as u64, limits))),
        false => Ok(Ok(bytes.into())),
    }
}

/// The refusal of a photo that has too many bytes.
pub(super) fn too_large(size: u64, limits: &Limits) -> Refusal {
    let message = format!(
        "the photo has {size} bytes, at most {} are taken; save it smaller or with a higher compression",
        limits.max_image_bytes
    );
    Refusal::measured(RefusalCode::ImageTooLarge, size as f64, limits.max_image_bytes as f64, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_people_expect() {
        for (bytes, end) in [
            (&b"\xff\xd8\xff\xe0"[..], "jpg"),
            (b"\x89PNG\r\n\x1a\n", "png"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
            (b"\0\0\0\x1cftypheic\0\0", "heic"),
            (b"\0\0\0\x1cftypavif\0\0", "avif"),
            (b"", "photo"),
            (b"=1+1", "photo"),
        ] {
            assert_eq!(extension(bytes), end);
        }
    }
}
