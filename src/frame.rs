//! One picture of a camera or a film, as its pixels lie in memory.

mod format;

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result, Rule};

pub(crate) use format::Plane;
pub use format::{PixelFormat, Rotation, YuvMatrix, YuvRange};

/// The most pixels a side, as in JPEG.
const MAX_SIDE: u32 = 65_535;

/// One picture of a camera or a film. It borrows the bytes where the camera left them: they are read once, when they
/// are converted.
///
/// Whether the bytes fit the size is checked here, so a frame never leads to a read outside of them. The verbs of
/// [`Engine`](crate::Engine) and [`Vault`](crate::Vault) that look for faces take a frame as they take a file's bytes:
///
/// ```no_run
/// use std::time::Duration;
///
/// use facevault::{Engine, EngineOptions, Frame, IdentifyOptions, PixelFormat, Rotation, Vault, VaultOptions};
///
/// # fn next_buffer() -> Vec<u8> { Vec::new() }
/// # fn main() -> facevault::Result<()> {
/// let engine = Engine::open(&EngineOptions::default())?;
/// let vault = Vault::open("people.vault", VaultOptions::default().with_engine(engine.clone()))?;
/// let buffer = next_buffer();
/// let frame = Frame::new(PixelFormat::Nv12, 1280, 720, &buffer)?
///     .with_rotation(Rotation::Clockwise90)
///     .with_time(Duration::from_millis(40));
/// println!("{} faces", engine.detect(&frame)?.faces.len());
/// println!("{:?}", vault.identify(&frame, &IdentifyOptions::default())?.candidates);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct Frame<'a> {
    format: PixelFormat,
    width: u32,
    height: u32,
    stride: usize,
    bytes: &'a [u8],
    rotation: Rotation,
    mirrored: bool,
    time: Duration,
    range: YuvRange,
    matrix: YuvMatrix,
}

impl<'a> Frame<'a> {
    /// A frame whose rows follow each other without padding, in the order of [`PixelFormat`]; for
    /// [`PixelFormat::Mjpeg`] the bytes of one JPEG picture of that size.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a side of 0 or more than 65,535 pixels, and where the bytes are not
    /// as many as [`PixelFormat::packed_size`] says.
    pub fn new(format: PixelFormat, width: u32, height: u32, bytes: &'a [u8]) -> Result<Self> {
        Self::checked(format, (width, height), None, bytes)
    }

    /// A frame whose rows begin `stride` bytes apart. Planes follow each other without a gap. In planes of colour rows
    /// begin `stride` bytes apart as well, rounded up to an even number ([`Nv12`](PixelFormat::Nv12),
    /// [`Nv21`](PixelFormat::Nv21)), or half as many, rounded up ([`I420`](PixelFormat::I420)). The padding behind the
    /// last row of the last plane may be missing. With a stride of a row's bytes this is [`Self::new`].
    ///
    /// # Errors
    /// As for [`Self::new`], for a stride that is less than the bytes of a row, and for [`PixelFormat::Mjpeg`], which
    /// has no rows.
    pub fn padded(format: PixelFormat, width: u32, height: u32, stride: usize, bytes: &'a [u8]) -> Result<Self> {
        Self::checked(format, (width, height), Some(stride), bytes)
    }

    fn checked(
        format: PixelFormat,
        (width, height): (u32, u32),
        stride: Option<usize>,
        bytes: &'a [u8],
    ) -> Result<Self> {
        for (name, side) in [("width", width), ("height", height)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return Err(Error::invalid(name, Rule::Range { min: 1.0, max: f64::from(MAX_SIDE) }));
            }
        }
        if let Some(stride) = stride {
            let row = format.row(width);
            if row == 0 {
                return Err(invalid("stride", "cannot be given for MJPEG, which has no rows".into()));
            }
            if stride < row {
                return Err(invalid("stride", format!("must be at least the {row} bytes of a row, not {stride}")));
            }
        }
        let stride = stride.unwrap_or(format.row(width));
        let (least, most) = match format {
            PixelFormat::Mjpeg => (1, usize::MAX),
            _ => format.sizes((width, height), stride).ok_or_else(|| invalid("stride", "is too large".into()))?,
        };
        if !(least..=most).contains(&bytes.len()) {
            let needed = if least == most { most.to_string() } else { format!("{least} to {most}") };
            let found = bytes.len();
            let rule = match format {
                PixelFormat::Mjpeg => "must not be empty".to_owned(),
                _ => format!(
                    "must be {needed} for {width} x {height} pixels of {format} with {stride} bytes a row, not {found}"
                ),
            };
            return Err(invalid("bytes", rule));
        }
        let (rotation, time, range, matrix) = Default::default();
        Ok(Self { format, width, height, stride, bytes, rotation, mirrored: false, time, range, matrix })
    }

    /// This frame, to be turned so to be upright.
    #[must_use]
    pub fn with_rotation(self, rotation: Rotation) -> Self {
        Self { rotation, ..self }
    }

    /// This frame, as a mirror image or not: left and right of a mirror image are exchanged once it is upright.
    #[must_use]
    pub fn with_mirrored(self, mirrored: bool) -> Self {
        Self { mirrored, ..self }
    }

    /// This frame at another time, counted from any moment that is the same for all frames of a camera.
    #[must_use]
    pub fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// This frame with other meanings of its YUV values. For formats other than NV12, NV21, I420 and YUYV they mean
    /// nothing.
    #[must_use]
    pub fn with_color(self, range: YuvRange, matrix: YuvMatrix) -> Self {
        Self { range, matrix, ..self }
    }

    /// How pixels lie in [`Self::bytes`].
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Pixels of a row, before the frame is turned.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows, before the frame is turned.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes from the start of a row to that of the next, in the first plane; 0 for [`PixelFormat::Mjpeg`].
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The pixels.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// By how much the frame has to be turned to be upright.
    #[must_use]
    pub fn rotation(&self) -> Rotation {
        self.rotation
    }

    /// Whether the upright frame is a mirror image.
    #[must_use]
    pub fn mirrored(&self) -> bool {
        self.mirrored
    }

    /// When it was taken.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The range of its YUV values.
    #[must_use]
    pub fn range(&self) -> YuvRange {
        self.range
    }

    /// The matrix of its YUV values.
    #[must_use]
    pub fn matrix(&self) -> YuvMatrix {
        self.matrix
    }

    /// Its planes, in their order; none of [`PixelFormat::Mjpeg`].
    pub(crate) fn planes(&self) -> Vec<Plane<'a>> {
        let mut rest = self.bytes;
        let planes = self.format.layout((self.width, self.height), self.stride).into_iter();
        let cut = planes.map(|layout| {
            let whole = layout.stride.saturating_mul(layout.rows).min(rest.len());
            let (own, others) = rest.split_at(whole);
            rest = others;
            Plane { bytes: own, layout }
        });
        cut.collect()
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} {} x {}, {:?})", self.format, self.width, self.height, self.time)
    }
}

fn invalid(field: &str, rule: String) -> Error {
    Error::invalid(field, Rule::Other(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_exactly_the_bytes_of_its_format() {
        use PixelFormat::{Bgr8, Gray8, I420, Mjpeg, Nv12, Nv21, Rgb8, Rgba8, Yuyv};
        for (format, (width, height), size) in [
            (Rgb8, (4, 3), 36),
            (Bgr8, (1, 1), 3),
            (Rgba8, (4, 3), 48),
            (Gray8, (4, 3), 12),
            (Nv12, (4, 2), 12),
            (Nv21, (5, 3), 27),
            (I420, (5, 3), 27),
            (I420, (1, 1), 3),
            (Yuyv, (4, 3), 24),
            (Yuyv, (5, 1), 12),
        ] {
            assert_eq!(format.packed_size(width, height), Some(size), "{format} {width} x {height}");
            for len in [0, size - 1, size, size + 1, 2 * size] {
                let bytes = vec![0; len];
                let frame = Frame::new(format, width, height, &bytes);
                assert_eq!(frame.is_ok(), len == size, "{format} {width} x {height}: {frame:?}");
            }
        }
        assert_eq!(Mjpeg.packed_size(4, 3), None);
        assert!(Frame::new(Mjpeg, 4, 3, &[]).is_err());
        assert!(Frame::new(Mjpeg, 4, 3, &[1]).is_ok());
    }

    #[test]
    fn the_padding_of_the_last_row_may_be_missing() {
        for (format, stride, least, most) in [
            (PixelFormat::Rgb8, 20, 2 * 20 + 15, 60),
            (PixelFormat::Gray8, 8, 2 * 8 + 5, 24),
            (PixelFormat::Yuyv, 16, 2 * 16 + 12, 48),
            // Two rows of three pairs, or twice two rows of three.
            (PixelFormat::Nv12, 7, 3 * 7 + 8 + 6, 3 * 7 + 2 * 8),
            (PixelFormat::I420, 9, 3 * 9 + 2 * 5 + 5 + 3, 3 * 9 + 4 * 5),
        ] {
            for len in least - 2..=most + 2 {
                let bytes = vec![0; len];
                let frame = Frame::padded(format, 5, 3, stride, &bytes);
                assert_eq!(frame.is_ok(), (least..=most).contains(&len), "{format} of {len} bytes: {frame:?}");
            }
        }
    }

    #[test]
    fn an_error_says_what_was_expected_and_what_was_found() {
        let bytes = [0; 100];
        for (frame, said) in [
            (Frame::new(PixelFormat::Nv12, 0, 2, &bytes), r#""width" must be from 1 to 65535"#),
            (Frame::new(PixelFormat::Nv12, 2, 65_536, &bytes), r#""height" must be from 1 to 65535"#),
            (
                Frame::new(PixelFormat::Nv12, 640, 480, &bytes),
                r#""bytes" must be 460800 for 640 x 480 pixels of NV12 with 640 bytes a row, not 100"#,
            ),
            (
                Frame::padded(PixelFormat::Rgb8, 4, 2, 11, &bytes),
                r#""stride" must be at least the 12 bytes of a row, not 11"#,
            ),
            (Frame::padded(PixelFormat::I420, 4, 2, usize::MAX, &bytes), r#""stride" is too large"#),
            (
                Frame::padded(PixelFormat::Mjpeg, 4, 2, 8, &bytes),
                r#""stride" cannot be given for MJPEG, which has no rows"#,
            ),
            (Frame::new(PixelFormat::Mjpeg, 4, 2, &[]), r#""bytes" must not be empty"#),
        ] {
            assert_eq!(frame.expect_err(said).to_string(), said);
        }
    }

    #[test]
    fn debug_shows_no_pixels() {
        let frame = Frame::new(PixelFormat::Gray8, 2, 1, &[77, 77]).expect("two pixels");
        assert_eq!(format!("{frame:?}"), "Frame(GRAY8 2 x 1, 0ns)");
    }
}
