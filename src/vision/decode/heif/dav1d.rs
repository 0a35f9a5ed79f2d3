//! rav1d's interface, which is that of dav1d and of C, made safe: what it gives is freed on drop,
//! and samples are read through slices whose bounds are rav1d's own.
//!
//! rav1d's functions are `extern "C"`, so a panic inside them ends the process. What is known to
//! lead to one does not reach them: `av1` hands on only what makes pixels.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use rav1d::include::dav1d::headers::{
    DAV1D_PIXEL_LAYOUT_I400, DAV1D_PIXEL_LAYOUT_I420, DAV1D_PIXEL_LAYOUT_I422, Dav1dPixelLayout, Dav1dSequenceHeader,
};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib::{
    dav1d_close, dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture, dav1d_open,
    dav1d_parse_sequence_header, dav1d_picture_unref, dav1d_send_data,
};

/// The value of `Dav1dSettings::decode_frame_type` for key frames alone, which is not exported.
const KEY_FRAMES: u32 = 3;

/// How the chroma planes are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampling {
    /// There is luma only.
    Grey,
    /// Half the width and half the height.
    Quarter,
    /// Half the width.
    Half,
    Full,
}

impl Sampling {
    fn of(layout: Dav1dPixelLayout) -> Self {
        match layout {
            DAV1D_PIXEL_LAYOUT_I400 => Self::Grey,
            DAV1D_PIXEL_LAYOUT_I420 => Self::Quarter,
            DAV1D_PIXEL_LAYOUT_I422 => Self::Half,
            _ => Self::Full,
        }
    }
}

/// What a sequence header states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    /// The largest width and height of a picture.
    pub size: (u32, u32),
    pub sampling: Sampling,
    /// Bits of a sample: 8, 10 or 12.
    pub depth: u8,
    /// `matrix_coefficients` of ITU-T H.273.
    pub matrix: u8,
    pub full_range: bool,
    /// Whether pictures may be copied once more, to be widened or to have grain added.
    pub copied: bool,
}

impl Sequence {
    /// Reads the sequence header in `piece`, a whole open bitstream unit.
    pub(super) fn read(piece: &[u8]) -> Option<Self> {
        let mut header = MaybeUninit::<Dav1dSequenceHeader>::uninit();
        let place = NonNull::from(&mut header).cast();
        // SAFETY: the place is valid to write a header to, and pointer and length are a slice's.
        let result = unsafe { dav1d_parse_sequence_header(Some(place), Some(start_of(piece)), piece.len()) };
        if result.0 != 0 {
            return None;
        }
        // SAFETY: it was written, since the result is no error.
        let header = unsafe { header.assume_init() };
        Some(Self {
            size: (u32::try_from(header.max_width).ok()?, u32::try_from(header.max_height).ok()?),
            sampling: Sampling::of(header.layout),
            depth: 8 + 2 * header.hbd,
            matrix: u8::try_from(header.mtrx).ok()?,
            full_range: header.color_range != 0,
            copied: header.super_res != 0 || header.film_grain_present != 0,
        })
    }
}

/// A decoder of one thread, which writes no log.
pub(super) struct Decoder(Option<Dav1dContext>);

impl Decoder {
    /// A decoder that refuses frames of more than `max_pixels`, and whatever is no key frame.
    pub(super) fn new(max_pixels: u32) -> Option<Self> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the place is valid to write settings to.
        unsafe { dav1d_default_settings(NonNull::from(&mut settings).cast()) };
        // SAFETY: the call above has written them.
        let mut settings = unsafe { settings.assume_init() };
        settings.n_threads = 1;
        settings.max_frame_delay = 1;
        settings.apply_grain = 1;
        settings.operating_point = 0;
        settings.all_layers = 0;
        settings.frame_size_limit = max_pixels;
        settings.strict_std_compliance = 1;
        settings.decode_frame_type = KEY_FRAMES;
        // SAFETY: there is no callback, so none is called.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };
        let mut context = None;
        // SAFETY: both places live until the call returns, and the settings are whole.
        let result = unsafe { dav1d_open(Some(NonNull::from(&mut context)), Some(NonNull::from(&mut settings))) };
        (result.0 == 0 && context.is_some()).then_some(Self(context))
    }

    /// Decodes the first picture of a stream, given in pieces that are whole open bitstream units.
    pub(super) fn decode(&mut self, pieces: &[&[u8]]) -> Option<Picture<'_>> {
        let mut data = Data::of(pieces)?;
        // SAFETY: the context is open, and the data is rav1d's own.
        let result = unsafe { dav1d_send_data(self.0, Some(NonNull::from(&mut data.0))) };
        if result.0 != 0 {
            return None;
        }
        let mut picture = Dav1dPicture::default();
        // SAFETY: the context is open, and the place is valid to write a picture to; the one that is
        // there owns nothing.
        let result = unsafe { dav1d_get_picture(self.0, Some(NonNull::from(&mut picture))) };
        let picture = Picture { picture, decoder: std::marker::PhantomData };
        (result.0 == 0).then_some(picture)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context is open, and what is left in its place is `None`.
        unsafe { dav1d_close(Some(NonNull::from(&mut self.0))) };
    }
}

struct Data(Dav1dData);

impl Data {
    /// A copy of the pieces, one behind the other.
    fn of(pieces: &[&[u8]]) -> Option<Self> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let mut data = Self(Dav1dData::default());
        // SAFETY: the place is valid to write data to; what is there owns nothing.
        let mut to = NonNull::new(unsafe { dav1d_data_create(Some(NonNull::from(&mut data.0)), length) })?;
        for piece in pieces {
            // SAFETY: `to` has room for all pieces, since its length is the sum of theirs, and is
            // new memory, which no piece lies in; what is behind the last piece is not written to.
            unsafe {
                to.copy_from_nonoverlapping(start_of(piece), piece.len());
                to = to.add(piece.len());
            }
        }
        Some(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: the data is rav1d's own, or nothing once it was taken.
        unsafe { dav1d_data_unref(Some(NonNull::from(&mut self.0))) };
    }
}

/// A decoded picture, whose memory belongs to its decoder.
pub(super) struct Picture<'a> {
    picture: Dav1dPicture,
    decoder: std::marker::PhantomData<&'a Decoder>,
}

impl Picture<'_> {
    pub(super) fn size(&self) -> (u32, u32) {
        (self.picture.p.w.max(0) as u32, self.picture.p.h.max(0) as u32)
    }

    pub(super) fn sampling(&self) -> Sampling {
        Sampling::of(self.picture.p.layout)
    }

    /// Bits of a sample.
    pub(super) fn depth(&self) -> u8 {
        self.picture.p.bpc as u8
    }

    /// The size of the plane `plane` (luma, blue difference, red difference).
    pub(super) fn plane_size(&self, plane: usize) -> (u32, u32) {
        let (width, height) = self.size();
        match self.sampling() {
            _ if plane == 0 => (width, height),
            Sampling::Grey => (0, 0),
            Sampling::Quarter => (width.div_ceil(2), height.div_ceil(2)),
            Sampling::Half => (width.div_ceil(2), height),
            Sampling::Full => (width, height),
        }
    }

    /// The row `y` of a plane, from the top; `None` where there is none.
    pub(super) fn row(&self, plane: usize, y: u32) -> Option<Row<'_>> {
        let (width, height) = self.plane_size(plane);
        let first = self.picture.data[plane]?;
        if y >= height {
            return None;
        }
        let offset = self.picture.stride[plane.min(1)] * y as isize;
        // SAFETY: a plane of a picture has at least its height in rows, each of which has at least its
        // width in samples: of one byte where the depth is 8, else of two, aligned to 64 bytes. Nobody
        // writes to them while the picture is borrowed.
        Some(unsafe {
            let row = first.byte_offset(offset);
            if self.depth() == 8 {
                Row::Bytes(NonNull::slice_from_raw_parts(row.cast(), width as usize).as_ref())
            } else {
                Row::Words(NonNull::slice_from_raw_parts(row.cast(), width as usize).as_ref())
            }
        })
    }
}

impl Drop for Picture<'_> {
    fn drop(&mut self) {
        // SAFETY: the picture is rav1d's own, or one that owns nothing.
        unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.picture))) };
        // The call leaves an empty picture behind, which owns an empty list of its own: without this, 48 bytes
        // would stay of each picture, between which the system's allocator reuses little.
        if let Some(list) = self.picture.itut_t35_ref.take() {
            // SAFETY: the list is the one that the call has just made, and nobody else has it.
            drop(unsafe { list.into_arc() });
        }
    }
}

/// One row of samples.
pub(super) enum Row<'a> {
    Bytes(&'a [u8]),
    Words(&'a [u16]),
}

fn start_of(bytes: &[u8]) -> NonNull<u8> {
    NonNull::from(bytes).cast()
}
