//! How the pixels of a frame lie in memory, and what they mean.

use std::fmt;

/// How the pixels of a frame lie in memory. Rows go from the top, pixels from the left; in formats with half the
/// colour a side of an odd number of pixels has one more sample of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Red, green and blue, a byte each.
    Rgb8,
    /// Blue, green and red, a byte each.
    Bgr8,
    /// Red, green, blue and a byte that is ignored: cameras do not set it.
    Rgba8,
    /// A byte of grey from 0, black, to 255, white.
    Gray8,
    /// A plane of Y, then one of U and V in turn, half as wide and half as high.
    Nv12,
    /// A plane of Y, then one of V and U in turn, half as wide and half as high.
    Nv21,
    /// A plane of Y, one of U and one of V, the latter two half as wide and half as high.
    I420,
    /// Y, U, Y and V for two pixels; a row has a whole number of such pairs.
    Yuyv,
    /// One JPEG picture. Its colours are those that JPEG prescribes (BT.601, full range).
    Mjpeg,
}

/// Rows of one plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Bytes of a row that are pixels.
    pub(crate) row: usize,
    /// Bytes from a row to the next.
    pub(crate) stride: usize,
    /// How many there are.
    pub(crate) rows: usize,
}

/// One plane of a frame: its bytes and its rows.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) layout: Layout,
}

impl<'a> Plane<'a> {
    /// The pixels of each row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let row = self.layout.row;
        self.bytes.chunks(self.layout.stride.max(1)).map(move |padded| &padded[..row.min(padded.len())])
    }
}

impl PixelFormat {
    /// The bytes of a frame without padding; `None` for [`Self::Mjpeg`], where the size does not say, and for more
    /// bytes than memory can hold.
    #[must_use]
    pub fn packed_size(self, width: u32, height: u32) -> Option<usize> {
        if self == Self::Mjpeg { None } else { Some(self.sizes((width, height), self.row(width))?.1) }
    }

    /// The bytes of a row of the first plane.
    pub(super) fn row(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            Self::Rgb8 | Self::Bgr8 => 3 * width,
            Self::Rgba8 => 4 * width,
            Self::Gray8 | Self::Nv12 | Self::Nv21 | Self::I420 => width,
            Self::Yuyv => 4 * width.div_ceil(2),
            Self::Mjpeg => 0,
        }
    }

    /// The planes of a frame whose first one has this stride.
    pub(super) fn layout(self, (width, height): (u32, u32), stride: usize) -> Vec<Layout> {
        let first = Layout { row: self.row(width), stride, rows: height as usize };
        let (columns, rows) = ((width as usize).div_ceil(2), (height as usize).div_ceil(2));
        match self {
            Self::Mjpeg => Vec::new(),
            Self::Rgb8 | Self::Bgr8 | Self::Rgba8 | Self::Gray8 | Self::Yuyv => vec![first],
            Self::Nv12 | Self::Nv21 => {
                vec![first, Layout { row: 2 * columns, stride: stride.saturating_add(stride % 2), rows }]
            }
            Self::I420 => {
                let half = Layout { row: columns, stride: stride.div_ceil(2), rows };
                vec![first, half, half]
            }
        }
    }

    /// The fewest and the most bytes that such a frame may have: without and with the padding of its last row. `None`
    /// for more than memory can hold.
    pub(super) fn sizes(self, size: (u32, u32), stride: usize) -> Option<(usize, usize)> {
        let planes = self.layout(size, stride);
        let most =
            planes.iter().try_fold(0_usize, |sum, plane| sum.checked_add(plane.stride.checked_mul(plane.rows)?))?;
        let padding = planes.last().map_or(0, |plane| plane.stride - plane.row);
        (isize::try_from(most).is_ok()).then_some((most - padding, most))
    }
}

impl fmt::Display for PixelFormat {
    /// As standards write it: `NV12`, `RGB8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb8 => "RGB8",
            Self::Bgr8 => "BGR8",
            Self::Rgba8 => "RGBA8",
            Self::Gray8 => "GRAY8",
            Self::Nv12 => "NV12",
            Self::Nv21 => "NV21",
            Self::I420 => "I420",
            Self::Yuyv => "YUYV",
            Self::Mjpeg => "MJPEG",
        })
    }
}

/// By how much a frame has to be turned clockwise to be upright, as Android and cameras' metadata state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Clockwise90,
    /// By 180 degrees.
    Clockwise180,
    /// By 270 degrees.
    Clockwise270,
}

/// Which values of Y, U and V stand for black, white and the strongest colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum YuvRange {
    /// Y from 16 to 235, U and V from 16 to 240 (ITU-R BT.601 and BT.709): most cameras and films.
    #[default]
    Video,
    /// 0 to 255, as in JPEG (ITU-T T.871).
    Full,
}

/// Which mixture of red, green and blue Y is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum YuvMatrix {
    /// ITU-R BT.601: Y = 0.299 R + 0.587 G + 0.114 B. Webcams, and films of up to 576 rows.
    #[default]
    Bt601,
    /// ITU-R BT.709: Y = 0.2126 R + 0.7152 G + 0.0722 B. Films of more rows.
    Bt709,
}
