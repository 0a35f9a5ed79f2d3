//! Where frames come from: a camera, standard input or a folder, read by a thread of its own.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use facevault::{Engine, Error, ErrorKind, Result};

use super::camera::{Camera, Wishes};
use super::folder::Folder;
use super::mjpeg::{self, Mjpeg};
use super::shot::{Source, cannot_read, wrong};
use super::y4m::{self, Y4m};

/// The path that means standard input.
const STDIN: &str = "-";

/// Whether a source is standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// The names in `/dev` that are a program's own input and output, and no devices.
const OWN: [&str; 3] = ["stdin", "stdout", "stderr"];

/// Whether a source is a camera of the system (Video for Linux): a device in `/dev` or `/dev/v4l`, whether or not it is
/// there at the moment. Udev rules give devices names of their own.
pub(super) fn is_camera(path: &Path) -> bool {
    let is_own = path.file_name().and_then(|name| name.to_str()).is_none_or(|name| OWN.contains(&name));
    let is_in_dev = path.parent() == Some(Path::new("/dev")) && !is_own;
    (is_in_dev || path.starts_with("/dev/v4l")) && !path.is_dir()
}

/// Opens a camera, a folder or standard input. Waits for the first bytes of standard input, which tell its format.
pub(super) fn open(path: &Path, wishes: Wishes, engine: &Engine) -> Result<Box<dyn Source>> {
    if is_camera(path) {
        return Ok(Box::new(Camera::open(path, wishes, &engine.rules().decode)?));
    }
    if !is_stdin(path) {
        return Ok(Box::new(Folder::open(path, engine.clone())?));
    }
    let (mut input, mut start) = (BufReader::with_capacity(1 << 16, io::stdin()), Vec::new());
    input.by_ref().take(y4m::START.len() as u64).read_to_end(&mut start).map_err(cannot_read)?;
    let kind = Kind::of(&start)?;
    let input = Cursor::new(start).chain(input);
    let limits = &engine.rules().decode;
    Ok(match kind {
        Kind::Film => Box::new(Y4m::open(input, limits)?),
        Kind::Pictures => Box::new(Mjpeg::new(input, limits)),
    })
}

/// What standard input is.
#[derive(Debug, PartialEq)]
enum Kind {
    Film,
    Pictures,
}

impl Kind {
    fn of(start: &[u8]) -> Result<Self> {
        if start.is_empty() {
            return Err(Error::new(ErrorKind::Io, "standard input ended before its first frame"));
        }
        if start == y4m::START {
            return Ok(Self::Film);
        }
        if start.starts_with(mjpeg::START) {
            return Ok(Self::Pictures);
        }
        Err(wrong(format!(
            "standard input begins with \"{}\", which is neither YUV4MPEG2 nor MJPEG: convert it with ffmpeg and the \
             options -f yuv4mpegpipe -pix_fmt yuv420p -",
            start.escape_ascii()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn devices_are_cameras_and_folders_are_not() {
        for (path, expected) in [
            ("/dev/video0", true),
            ("/dev/facevault_camera", true),
            ("/dev/v4l/by-id/usb-camera-video-index0", true),
            ("/dev", false),
            ("/dev/stdin", false),
            ("/dev/fd/0", false),
            ("/dev/shm", false),
            ("/dev/shm/frames", false),
            ("dev/video0", false),
            ("frames", false),
            ("-", false),
            ("", false),
        ] {
            assert_eq!(is_camera(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn the_first_bytes_tell_what_comes() {
        assert_eq!(Kind::of(b"YUV4MPEG2 ").expect("a film"), Kind::Film);
        assert_eq!(Kind::of(b"\xff\xd8\xff\xe0\0\x10JFIF").expect("pictures"), Kind::Pictures);
        for (start, said) in [
            (&b""[..], "ended before its first frame"),
            (b"YUV4MPEG2", "begins with \"YUV4MPEG2\", which is neither"),
            (b"\x1b[31m\xff", "begins with \"\\x1b[31m\\xff\", which is neither"),
        ] {
            let error = Kind::of(start).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
