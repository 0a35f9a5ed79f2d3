//! Pictures between numpy and facevault.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use facevault_bindings::facevault::image::RgbImage;
use facevault_bindings::facevault::{Error, Rule};
use numpy::{PyArray1, PyArray3, PyArrayMethods, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::error::raised;

/// A picture whose pixels belong to a numpy array.
pub(crate) struct Borrowed<'a> {
    picture: ManuallyDrop<RgbImage>,
    _pixels: &'a [u8],
}

impl<'a> Borrowed<'a> {
    /// The picture in a C-contiguous array of height, width and three bytes, without a copy. The array must not be
    /// written to while it is in use, as for numpy's own functions.
    pub(crate) fn new(py: Python<'_>, array: &'a PyReadonlyArray3<'_, u8>) -> PyResult<Self> {
        let refused = |rule: &str| raised(py, &Error::invalid("picture", Rule::Other(rule.to_owned())));
        let [height, width, 3] = *array.shape() else {
            return Err(refused("must have the shape (height, width, 3)"));
        };
        let side = |side: usize| u16::try_from(side).ok().filter(|side| *side > 0);
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(refused("must be 1 to 65535 pixels wide and high"));
        };
        let pixels = array.as_slice().map_err(|_| refused("must be C-contiguous: numpy.ascontiguousarray(picture)"))?;
        Self::of_pixels(pixels, u32::from(width), u32::from(height))
            .ok_or_else(|| refused("must have as many bytes as its shape says"))
    }

    #[allow(unsafe_code)]
    fn of_pixels(pixels: &'a [u8], width: u32, height: u32) -> Option<Self> {
        // SAFETY: the vector is only ever read, through `Deref`: it is never grown, moved out or dropped
        // (`ManuallyDrop`), so that it never reaches an allocator. Pointer and length are those of a slice that lives
        // for `'a`, which the picture cannot outlive.
        let borrowed = unsafe { Vec::from_raw_parts(pixels.as_ptr().cast_mut(), pixels.len(), pixels.len()) };
        let borrowed = ManuallyDrop::new(borrowed);
        if borrowed.len() != width as usize * height as usize * 3 {
            return None;
        }
        let picture = RgbImage::from_raw(width, height, ManuallyDrop::into_inner(borrowed))?;
        Some(Self { picture: ManuallyDrop::new(picture), _pixels: pixels })
    }
}

impl Deref for Borrowed<'_> {
    type Target = RgbImage;

    fn deref(&self) -> &RgbImage {
        &self.picture
    }
}

/// The picture as an array of height, width and three bytes. The array takes the pixels over.
pub(crate) fn to_array(py: Python<'_>, picture: RgbImage) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    PyArray1::from_vec(py, picture.into_raw()).reshape([height, width, 3])
}
