//! A film that ffmpeg writes.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use facevault::{Error, ErrorKind, Result};
use image::RgbImage;

use super::ffmpeg::Ffmpeg;

/// Frames a second of the film. A picture is repeated until the next one came, so that the film lasts as long as the
/// watching did.
const RATE: u32 = 25;
/// A picture is repeated at most this often, so that a camera that was gone for an hour does not add an hour.
const LONGEST: u32 = 10 * RATE;

/// The file endings that mean a film; anything else is a folder.
const ENDINGS: [&str; 5] = ["mp4", "mkv", "mov", "webm", "avi"];

/// Whether a path is that of a film.
pub(super) fn is_film(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) && !path.is_dir()
}

/// A film that is being written.
pub(super) struct Film {
    path: PathBuf,
    writes: Option<(Ffmpeg, ChildStdin)>,
    /// The frame that is shown now, and how many frames of the film were written before it.
    shown: Option<RgbImage>,
    written: u32,
    /// The time of the film's first frame, plus all pauses that were left out since.
    began: Duration,
}

impl Film {
    /// Makes the file, which its owner alone can read.
    pub(super) fn new(path: PathBuf) -> Result<Self> {
        let version = Command::new("ffmpeg").arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).status();
        if let Err(error) = version {
            let message = format!(
                "{} cannot be written, because ffmpeg cannot be started ({error}): install ffmpeg, or give --draw a \
                 folder",
                path.display()
            );
            return Err(Error::new(ErrorKind::Unsupported, message).caused_by(error));
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(_) => Ok(Self { path, writes: None, shown: None, written: 0, began: Duration::ZERO }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let message = format!("there is a file {} already: choose another name for the film", path.display());
                Err(Error::new(ErrorKind::AlreadyExists, message))
            }
            Err(error) => {
                let message = format!("cannot make {}: {error}", path.display());
                Err(Error::new(ErrorKind::Io, message).caused_by(error))
            }
        }
    }

    /// Adds a frame of this time. All must have one size.
    pub(super) fn add(&mut self, picture: RgbImage, time: Duration) -> Result<()> {
        let Some(before) = self.shown.replace(picture) else {
            self.began = time;
            return Ok(());
        };
        let passed = time.saturating_sub(self.began).as_secs_f64() * f64::from(RATE);
        let times = (passed.round() as u32).saturating_sub(self.written);
        if times > LONGEST {
            self.began += Duration::from_secs(1) * (times - LONGEST) / RATE;
        }
        self.write(&before, times.min(LONGEST))
    }

    fn write(&mut self, picture: &RgbImage, times: u32) -> Result<()> {
        let (_, pipe) = match &mut self.writes {
            Some(writes) => writes,
            none => none.insert(start(&self.path, picture.dimensions())?),
        };
        let failed = (0..times).find_map(|_| pipe.write_all(picture).err());
        self.written += times;
        let Some(error) = failed else { return Ok(()) };
        let why = self.writes.take().and_then(|(ffmpeg, pipe)| {
            drop(pipe);
            ffmpeg.failed()
        });
        let message = format!("the film {} cannot be written, because ffmpeg ended: {error}", self.path.display());
        Err(why.unwrap_or_else(|| Error::new(ErrorKind::Io, message).caused_by(error)))
    }

    /// Writes the rest and waits until the film is whole.
    pub(super) fn finish(&mut self) -> Result<()> {
        if let Some(last) = self.shown.take() {
            self.write(&last, 1)?;
        }
        match self.writes.take() {
            Some((ffmpeg, pipe)) => {
                drop(pipe);
                ffmpeg.finish()
            }
            // Without a frame there is no film. If the empty file cannot be removed, it stays.
            None => std::fs::remove_file(&self.path).or(Ok(())),
        }
    }
}

/// Starts ffmpeg. The film is cut into fragments, so that it plays wherever its writing ends.
fn start(path: &Path, (width, height): (u32, u32)) -> Result<(Ffmpeg, ChildStdin)> {
    let what = format!("which writes {}", path.display());
    let mut output = OsString::from("file:");
    output.push(path);
    let ffmpeg = Ffmpeg::start(&what, |command| {
        command.args(["-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
        command.args(["-video_size", &format!("{width}x{height}"), "-framerate", &RATE.to_string(), "-i", "-"]);
        command.args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]);
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("mp4")) {
            command.args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof"]);
        }
        command.arg(output).stdin(Stdio::piped()).stdout(Stdio::null());
    })?;
    let pipe = ffmpeg.take_stdin().ok_or_else(|| Error::new(ErrorKind::Io, "ffmpeg has no input"))?;
    Ok((ffmpeg, pipe))
}
