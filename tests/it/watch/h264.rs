//! Films through ffmpeg: compressed as H.264, and read back as the command reads what ffmpeg hands on.

use std::io::{BufReader, Write};
use std::process::{Command, Stdio};

use facevault::Frame;
use image::RgbImage;

use super::command::each_frame;
use super::film::{RATE, SIZE};

/// Whether films are to be compressed: FACEVAULT_FILMS=h264.
pub(super) fn is_asked() -> bool {
    std::env::var_os("FACEVAULT_FILMS").is_some_and(|value| value == "h264")
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error"]).stdin(Stdio::null());
    command
}

/// Compresses a film and gives its frames as they are read back.
pub(super) fn through_ffmpeg(frames: impl Iterator<Item = RgbImage>, look: impl FnMut(u32, Frame<'_>)) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("film.mp4");
    let mut compress = ffmpeg();
    compress.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", &format!("{}x{}", SIZE.0, SIZE.1)]);
    compress.args(["-framerate", &RATE.to_string(), "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    let mut child = compress.arg(&file).stdin(Stdio::piped()).spawn().expect("ffmpeg starts");
    let (mut pipe, mut count) = (child.stdin.take().expect("piped"), 0);
    for frame in frames {
        pipe.write_all(&frame).expect("ffmpeg takes frames");
        count += 1;
    }
    drop(pipe);
    assert!(child.wait().expect("it ends").success(), "ffmpeg has libx264");
    let mut read = ffmpeg();
    read.arg("-i").arg(&file).args(["-f", "yuv4mpegpipe", "-"]);
    let mut child = read.stdout(Stdio::piped()).spawn().expect("ffmpeg starts");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    assert_eq!(each_frame(output, RATE, look), count, "as many frames as before");
    assert!(child.wait().expect("it ends").success());
}
