//! Photos as they come from JavaScript: bytes or paths, and pictures of RGB pixels.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use facevault::{Error, ErrorKind, ImageBytes, ImageReport, Refusal, RefusalCode, Result};
use napi::bindgen_prelude::{Either, Uint8ArraySlice};

/// A path or the bytes of a file.
pub(crate) type JsPhoto<'a> = Either<String, Uint8ArraySlice<'a>>;

/// A photo that a job can take along.
pub(crate) enum Photo {
    Bytes(ImageBytes),
    File(PathBuf),
}

impl From<JsPhoto<'_>> for Photo {
    /// Bytes are copied: JavaScript may change its own while the job runs.
    fn from(photo: JsPhoto<'_>) -> Self {
        match photo {
            Either::A(path) => Self::File(path.into()),
            Either::B(bytes) => Self::Bytes(ImageBytes::from(&*bytes)),
        }
    }
}

/// The photos of a call.
pub(crate) fn take(photos: Vec<JsPhoto<'_>>) -> Vec<Photo> {
    photos.into_iter().map(Photo::from).collect()
}

/// Reads photos in their order; a file of more than `limit` bytes is refused unread.
pub(crate) fn read_all(photos: Vec<Photo>, limit: u64) -> Result<Vec<ImageBytes>> {
    let mut images = Vec::with_capacity(photos.len());
    let mut refused = Vec::new();
    for (index, photo) in photos.into_iter().enumerate() {
        match photo.read(limit)? {
            Ok(bytes) => images.push(bytes),
            Err(refusal) => refused.push(ImageReport::new(index, Some(refusal))),
        }
    }
    if refused.is_empty() { Ok(images) } else { Err(Error::refused(refused)) }
}

impl Photo {
    /// The photo's bytes, or why it is not read.
    pub(crate) fn read(self, limit: u64) -> Result<Result<ImageBytes, Refusal>> {
        let path = match self {
            Self::Bytes(bytes) => return Ok(Ok(bytes)),
            Self::File(path) => path,
        };
        let cannot = |error: io::Error| cannot_read(&path, &error);
        let file = File::open(&path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            // Nobody waits at the other end of a pipe, and a device has no end.
            return Err(Error::new(ErrorKind::Invalid, format!("{} is not a regular file", path.display())));
        }
        if metadata.len() > limit {
            return Ok(Err(too_large(metadata.len(), limit)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
        let size = bytes.len() as u64;
        Ok(if size > limit { Err(too_large(size, limit)) } else { Ok(bytes.into()) })
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => {
            return Error::new(ErrorKind::NotFound, format!("there is no file {}", path.display()));
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot read {}: {error}", path.display()))
}

fn too_large(size: u64, limit: u64) -> Refusal {
    let message =
        format!("the photo has {size} bytes, at most {limit} are taken; save it smaller or with a higher compression");
    Refusal::measured(RefusalCode::ImageTooLarge, size as f64, limit as f64, message)
}
