//! Reading of files that must be files: of packs and data sets, which come as folders from elsewhere.

use std::fs::{self, File, FileType};
use std::io::{self, Error, ErrorKind, Read};
use std::path::Path;

/// Opens a file for reading. What is no regular file is refused at once: a pipe that nobody writes to would block
/// for ever, and a device might never end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    require_file(fs::metadata(path)?.file_type())?;
    let mut options = File::options();
    options.read(true);
    // If a pipe takes the file's place in this moment, opening it does not block either.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    require_file(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a file; see [`open`].
#[cfg(feature = "evaluation")]
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = Vec::with_capacity(file.metadata().map_or(0, |metadata| metadata.len() as usize));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text file of at most `limit` bytes; a larger one is refused, not cut.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = Vec::new();
    let file = open(path)?;
    let size = file.metadata()?.len();
    file.take(limit.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() as u64 > limit {
        let found = size.max(text.len() as u64);
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it has {found} bytes, at most {limit} are read")));
    }
    String::from_utf8(text).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn require_file(found: FileType) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() { "a folder" } else { special(found) };
    Err(Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(unix)]
fn special(found: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if found.is_fifo() => "a pipe (FIFO)",
        () if found.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "a device"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_large_texts_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("text");
        fs::write(&path, "four").expect("written");
        #[cfg(feature = "evaluation")]
        assert_eq!(read(&path).expect("a file"), b"four");
        assert_eq!(read_text(&path, 4).expect("small enough"), "four");
        let error = read_text(&path, 3).expect_err("too large");
        assert_eq!(error.to_string(), "it has 4 bytes, at most 3 are read");
        fs::write(&path, [0xff]).expect("written");
        assert_eq!(read_text(&path, 3).expect_err("bytes").kind(), ErrorKind::InvalidData);
        assert_eq!(open(&folder.path().join("none")).expect_err("none").kind(), ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (fifo, socket) = (folder.path().join("fifo"), folder.path().join("socket"));
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
        assert!(made.success());
        let _listening = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).expect("a link");
        for (path, what) in [
            (&*fifo, "a pipe (FIFO)"),
            (&link, "a pipe (FIFO)"),
            (&socket, "a socket"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = open(path).expect_err(what);
            assert_eq!(error.to_string(), format!("it is {what}, not a regular file"), "{}", path.display());
        }
    }
}
