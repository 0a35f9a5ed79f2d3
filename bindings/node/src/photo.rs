//! Photos as they come from JavaScript: bytes or paths, and pictures of RGB pixels.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use facevault::{Error, ErrorKind, ImageBytes, Result};
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

/// Reads photos in their order.
pub(crate) fn read_all(photos: Vec<Photo>, limit: u64) -> Result<Vec<ImageBytes>> {
    photos.into_iter().map(|photo| photo.read(limit)).collect()
}

impl Photo {
    /// The photo's bytes. Of a file with more than `limit` bytes, one more than that: so it is refused as too large, like
    /// bytes that are given, and among many photos it is that photo's own outcome.
    pub(crate) fn read(self, limit: u64) -> Result<ImageBytes> {
        let path = match self {
            Self::Bytes(bytes) => return Ok(bytes),
            Self::File(path) => path,
        };
        let cannot = |error: io::Error| cannot_read(&path, &error);
        let file = File::open(&path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            // Nobody waits at the other end of a pipe, and a device has no end.
            return Err(Error::new(ErrorKind::Invalid, format!("{} is not a regular file", path.display())));
        }
        let most = limit.saturating_add(1);
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or_default() + 1);
        file.take(most).read_to_end(&mut bytes).map_err(cannot)?;
        Ok(bytes.into())
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
