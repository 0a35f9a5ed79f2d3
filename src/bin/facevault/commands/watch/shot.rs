//! What gives frames, and a frame that was read.

use std::io;
use std::time::Duration;

use facevault::{Error, ErrorKind, Frame, PixelFormat, Result, YuvMatrix, YuvRange};

/// One frame that was read.
pub(super) struct Shot {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) color: (YuvRange, YuvMatrix),
}

impl Shot {
    /// The frame, taken at `time`.
    pub(super) fn frame(&self, time: Duration) -> Result<Frame<'_>> {
        let frame = Frame::new(self.format, self.width, self.height, &self.bytes)?;
        let (range, matrix) = self.color;
        Ok(frame.with_color(range, matrix).with_time(time))
    }
}

/// Where frames come from.
pub(super) trait Source {
    /// The next frame; `None` at the end. After an error of kind `Refused` others may follow.
    fn next(&mut self) -> Result<Option<Shot>>;

    /// Frames a second as the source states them.
    fn rate(&self) -> Option<f64> {
        None
    }

    /// A function that ends the source from another thread, even if it hangs; `None` if there is none.
    fn cut(&self) -> Option<Cut> {
        None
    }
}

/// A function that ends a source.
pub(super) type Cut = Box<dyn FnOnce() + Send>;

/// An error of one frame: others may follow.
pub(super) fn damaged(message: String) -> Error {
    Error::new(ErrorKind::Refused, message)
}

/// An error of a source that is not what it should be.
pub(super) fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

pub(super) fn cannot_read(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("the source cannot be read: {error}")).caused_by(error)
}
