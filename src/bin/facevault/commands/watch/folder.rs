//! A folder of pictures as a film: the files in the order of their names.

use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use facevault::{Engine, Error, ErrorKind, ImageReport, Limits, PixelFormat, Result, YuvMatrix, YuvRange};

use super::shot::{Shot, Source, damaged};
use crate::failure::Failure;
use crate::photo;

/// The pictures of a folder.
pub(super) struct Folder {
    files: IntoIter<PathBuf>,
    engine: Engine,
}

impl Folder {
    /// Lists a folder. Hidden files, folders and links to nothing are passed over.
    pub(super) fn open(folder: &Path, engine: Engine) -> Result<Self> {
        let cannot = |error: std::io::Error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                std::io::ErrorKind::NotADirectory => ErrorKind::Invalid,
                _ => ErrorKind::Io,
            };
            let message = format!("cannot list {} as a folder of pictures: {error}", folder.display());
            Error::new(kind, message).caused_by(error)
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(cannot)? {
            files.push(entry.map_err(cannot)?.path());
        }
        files.retain(|file| file.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
        files.retain(|file| file.is_file());
        files.sort();
        Ok(Self { files: files.into_iter(), engine })
    }
}

impl Source for Folder {
    fn next(&mut self) -> Result<Option<Shot>> {
        let Some(file) = self.files.next() else { return Ok(None) };
        let photos =
            photo::read_files(std::slice::from_ref(&file), &Limits::default()).map_err(|failure| match failure {
                Failure::Error { error, .. } => damaged(error.to_string()),
                other => Error::new(ErrorKind::Io, format!("cannot read {}: {other:?}", file.display())),
            })?;
        let photo = photos.first().map(|photo| photo.as_slice()).unwrap_or_default();
        let refused = |refusal| Error::refused(vec![ImageReport::new(0, Some(refusal))]);
        let picture = self.engine.decode(photo).map_err(refused)?;
        let (width, height) = picture.dimensions();
        let color = (YuvRange::Full, YuvMatrix::Bt601);
        Ok(Some(Shot { format: PixelFormat::Rgb8, width, height, bytes: picture.into_raw(), color }))
    }
}
