//! Files that the command line names, read within their limits.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use facevault::{Error, ErrorKind, ImageBytes, ImageReport, Limits, Refusal, RefusalCode, Result, Rule};

use crate::failure::{Failure, WithPhotos};

/// The path that means standard input.
const STDIN: &str = "-";

/// Reads photos in their order. A file that is larger than a vault takes is refused unread.
pub(crate) fn read_all(paths: &[PathBuf], limits: &Limits) -> Result<Vec<ImageBytes>, Failure> {
    if paths.iter().filter(|path| path.as_os_str() == STDIN).count() > 1 {
        let rule = Rule::Other("can name standard input (-) once only".to_owned());
        return Err(Error::invalid("image", rule).into());
    }
    let mut images = Vec::with_capacity(paths.len());
    let mut refused = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        match read(path, limits.max_image_bytes)? {
            Content::Whole(bytes) => images.push(bytes.into()),
            Content::TooLarge(size) => refused.push(ImageReport::new(index, Some(too_large(size, limits)))),
        }
    }
    if refused.is_empty() { Ok(images) } else { Err(Error::refused(refused)).with_photos(paths) }
}

/// As [`read_all`], for photos that a folder or a list names: each must be a regular file, since nobody waits at
/// the other end of a pipe.
pub(crate) fn read_files(paths: &[PathBuf], limits: &Limits) -> Result<Vec<ImageBytes>, Failure> {
    for path in paths {
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
            return Err(Error::new(ErrorKind::Invalid, format!("{} is not a regular file", path.display())).into());
        }
    }
    read_all(paths, limits)
}

/// Reads a request body; `-` is standard input. It may hold as many photos as a person may have.
pub(crate) fn read_body(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let photos = limits.max_image_bytes.saturating_mul(limits.max_images as u64);
    let limit = (photos / 3).saturating_mul(4).saturating_add(1 << 20);
    match read(path, limit)? {
        Content::Whole(bytes) => Ok(bytes),
        Content::TooLarge(found) => Err(Error::invalid("body", Rule::TooLarge { found, limit })),
    }
}

/// Writes `bytes` to `path` so that the file is there whole or not at all, as readable as the user's
/// other new files are.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, 0o666)
}

/// As [`write_whole`], for what shows faces: the file can be read by its owner alone.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, 0o600)
}

#[cfg_attr(not(unix), allow(unused_variables))]
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let cannot = |error: io::Error| {
        Error::new(ErrorKind::Io, format!("cannot write {}: {error}", path.display())).caused_by(error)
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    let mut file = builder.tempfile_in(folder).map_err(cannot)?;
    file.write_all(bytes).map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}

enum Content {
    Whole(Vec<u8>),
    TooLarge(u64),
}

fn read(path: &Path, limit: u64) -> Result<Content> {
    let (mut bytes, size) = (Vec::new(), limit.saturating_add(1));
    if path.as_os_str() == STDIN {
        io::stdin().lock().take(size).read_to_end(&mut bytes).map_err(|error| cannot_read(path, error))?;
    } else {
        let file = File::open(path).map_err(|error| cannot_read(path, error))?;
        let metadata = file.metadata().map_err(|error| cannot_read(path, error))?;
        if metadata.is_dir() {
            return Err(Error::new(ErrorKind::Invalid, format!("{} is a folder, not a file", path.display())));
        }
        if metadata.len() > limit {
            return Ok(Content::TooLarge(metadata.len()));
        }
        file.take(size).read_to_end(&mut bytes).map_err(|error| cannot_read(path, error))?;
    }
    Ok(if bytes.len() as u64 > limit { Content::TooLarge(bytes.len() as u64) } else { Content::Whole(bytes) })
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => {
            return Error::new(ErrorKind::NotFound, format!("there is no file {}", path.display()));
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot read {}: {error}", path.display()))
}

fn too_large(size: u64, limits: &Limits) -> Refusal {
    let message = format!(
        "the photo has {size} bytes, at most {} are taken; save it smaller or with a higher compression",
        limits.max_image_bytes
    );
    Refusal::measured(RefusalCode::ImageTooLarge, size as f64, limits.max_image_bytes as f64, message)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static LIMITS: LazyLock<Limits> = LazyLock::new(|| Limits::default().with_max_images(2).with_max_image_bytes(4));

    #[test]
    fn a_photo_that_is_too_large_is_refused_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let (small, large) = (folder.path().join("small"), folder.path().join("large"));
        std::fs::write(&small, "1234").expect("written");
        std::fs::write(&large, "12345").expect("written");
        assert_eq!(read_all(std::slice::from_ref(&small), &LIMITS).expect("small enough").len(), 1);
        match read_all(&[small, large], &LIMITS) {
            Err(Failure::Error { error, photos }) => {
                assert_eq!(error.kind(), ErrorKind::Refused);
                assert_eq!(error.images().iter().map(|image| image.index).collect::<Vec<_>>(), [1]);
                assert!(photos[1].ends_with("large"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, kind, said) in [
            (folder.path().join("none"), ErrorKind::NotFound, "there is no file"),
            (folder.path().to_owned(), ErrorKind::Invalid, "is a folder"),
        ] {
            let error = read_body(&path, &LIMITS).expect_err("no file");
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_among_listed_photos_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (photo, fifo) = (folder.path().join("photo"), folder.path().join("fifo"));
        std::fs::write(&photo, "1234").expect("written");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
        assert_eq!(read_files(std::slice::from_ref(&photo), &LIMITS).expect("a file").len(), 1);
        match read_files(&[photo, fifo], &LIMITS) {
            Err(Failure::Error { error, .. }) => assert!(error.to_string().ends_with("fifo is not a regular file")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        for content in ["first, longer", "second"] {
            write_whole(&path, content.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("read"), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
        assert!(write_whole(&folder.path().join("none/out"), b"x").is_err());
    }
}
