//! What the verbs that look for faces take: a file's bytes or a camera's frame.

use std::fmt;

use crate::frame::Frame;
use crate::person::ImageBytes;

/// What faces are looked for in. Verbs take whatever converts into it: a reference to a file's bytes (`&[u8]`,
/// `&Vec<u8>`, [`&ImageBytes`](ImageBytes)) or to a [`Frame`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The bytes of a photo's file.
    File(&'a [u8]),
    /// A frame.
    Frame(Frame<'a>),
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(bytes) => write!(f, "File({} bytes)", bytes.len()),
            Self::Frame(frame) => frame.fmt(f),
        }
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Input<'a> {
    fn from(file: &'a T) -> Self {
        Self::File(file.as_ref())
    }
}

impl<'a> From<&'a Frame<'_>> for Input<'a> {
    fn from(frame: &'a Frame<'_>) -> Self {
        Self::Frame(*frame)
    }
}

/// What shows one person: photos or frames. Verbs take whatever converts into it: a reference to one or more
/// [`ImageBytes`], to a [`Frame`], or to a slice of frames.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Inputs<'a> {
    /// Files of photos.
    Files(&'a [ImageBytes]),
    /// Frames.
    Frames(&'a [Frame<'a>]),
}

impl<'a> Inputs<'a> {
    /// Each of them, in their order.
    #[must_use]
    pub fn to_vec(self) -> Vec<Input<'a>> {
        match self {
            Self::Files(files) => files.iter().map(Input::from).collect(),
            Self::Frames(frames) => frames.iter().map(Input::from).collect(),
        }
    }
}

impl<'a> From<&'a [ImageBytes]> for Inputs<'a> {
    fn from(photos: &'a [ImageBytes]) -> Self {
        Self::Files(photos)
    }
}

impl<'a, const N: usize> From<&'a [ImageBytes; N]> for Inputs<'a> {
    fn from(photos: &'a [ImageBytes; N]) -> Self {
        Self::Files(photos)
    }
}

impl<'a> From<&'a Vec<ImageBytes>> for Inputs<'a> {
    fn from(photos: &'a Vec<ImageBytes>) -> Self {
        Self::Files(photos)
    }
}

impl<'a> From<&'a Frame<'a>> for Inputs<'a> {
    fn from(frame: &'a Frame<'a>) -> Self {
        Self::Frames(std::slice::from_ref(frame))
    }
}

// Not for arrays of frames: then `&[bytes.into()]` would not say what it converts into.
impl<'a> From<&'a [Frame<'a>]> for Inputs<'a> {
    fn from(frames: &'a [Frame<'a>]) -> Self {
        Self::Frames(frames)
    }
}
