//! A camera of the system, read by ffmpeg.

use std::io::BufReader;
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;

use facevault::vision::DecodeLimits;
use facevault::{Error, ErrorKind, Result};

use super::ffmpeg::Ffmpeg;
use super::shot::{Cut, Shot, Source};
use super::y4m::Y4m;

/// What a camera is asked for. One that cannot do that gives what comes nearest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes {
    /// Width and height of the frames, in pixels.
    pub(super) size: Option<(u32, u32)>,
    /// Frames a second.
    pub(super) rate: Option<f64>,
}

/// A camera.
pub(super) struct Camera {
    ffmpeg: Arc<Ffmpeg>,
    /// Before the first frame.
    output: Option<ChildStdout>,
    film: Option<Y4m<BufReader<ChildStdout>>>,
    limits: DecodeLimits,
}

impl Camera {
    /// Starts ffmpeg on a device.
    pub(super) fn open(device: &Path, wishes: Wishes, limits: &DecodeLimits) -> Result<Self> {
        let what = format!("which reads {}", device.display());
        let ffmpeg = Ffmpeg::start(&what, |command| {
            command.args(["-nostdin", "-f", "v4l2"]);
            if let Some((width, height)) = wishes.size {
                command.args(["-video_size", &format!("{width}x{height}")]);
            }
            if let Some(rate) = wishes.rate {
                command.args(["-framerate", &rate.to_string()]);
            }
            command.arg("-i").arg(device);
            command.args(["-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        })?;
        let output = ffmpeg.take_stdout();
        Ok(Self { ffmpeg: Arc::new(ffmpeg), output, film: None, limits: *limits })
    }

    fn read(&mut self) -> Result<Option<Shot>> {
        if let Some(output) = self.output.take() {
            self.film = Some(Y4m::open(BufReader::with_capacity(1 << 16, output), &self.limits)?);
        }
        self.film.as_mut().map_or(Ok(None), Source::next)
    }
}

impl Source for Camera {
    fn next(&mut self) -> Result<Option<Shot>> {
        match self.read() {
            Ok(Some(shot)) => Ok(Some(shot)),
            // What ffmpeg reports says more about the cause than how its output ended.
            ended => {
                let unsaid = || Error::new(ErrorKind::Io, "ffmpeg sends no more frames of the camera");
                Err(self.ffmpeg.failed().unwrap_or_else(|| ended.err().unwrap_or_else(unsaid)))
            }
        }
    }

    fn cut(&self) -> Option<Cut> {
        let ffmpeg = Arc::downgrade(&self.ffmpeg);
        Some(Box::new(move || {
            if let Some(ffmpeg) = ffmpeg.upgrade() {
                ffmpeg.kill();
            }
        }))
    }
}
