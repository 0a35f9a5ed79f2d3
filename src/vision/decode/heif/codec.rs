//! What the coded pictures of a HEIF file are coded with.

use heifer::heifer_hevc_dec::recon::Frame;
use heifer::heifer_isobmff::{HeifFile, ItemId};

use super::super::DecodeLimits;
#[cfg(feature = "avif")]
use super::av1;
use super::fault::Fault;
use super::{Kind, hevc};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Hevc,
    #[cfg(feature = "avif")]
    Av1,
}

impl Codec {
    /// The codec of the item `id`, which is a coded picture or a grid of them; for a grid, the codec of its first
    /// picture.
    pub(super) fn of(file: &HeifFile<'_>, id: ItemId) -> Result<Self, Fault> {
        if file.item(id)?.item_type.0 != *b"grid" {
            return Self::of_coded(file, id);
        }
        let first = file.referenced_items(id, b"dimg").first().ok_or(Fault::Damaged)?;
        Self::of_coded(file, *first)
    }

    /// The codec of a coded picture.
    pub(super) fn of_coded(file: &HeifFile<'_>, id: ItemId) -> Result<Self, Fault> {
        match &file.item(id)?.item_type.0 {
            b"hvc1" => Ok(Self::Hevc),
            #[cfg(feature = "avif")]
            b"av01" => Ok(Self::Av1),
            #[cfg(not(feature = "avif"))]
            b"av01" => Err(Kind::Avif.not_built().into()),
            _ => Err(Fault::NotRead),
        }
    }

    /// The format of a file whose picture is coded so.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Hevc => Kind::Heic,
            #[cfg(feature = "avif")]
            Self::Av1 => Kind::Avif,
        }
    }

    /// Whether colours of this matrix (ITU-T H.273, table 4) are read. HEVC's are taken for BT.601
    /// where the matrix is not known.
    pub(super) fn reads(self, #[cfg_attr(not(feature = "avif"), expect(unused_variables))] matrix: u16) -> bool {
        match self {
            Self::Hevc => true,
            #[cfg(feature = "avif")]
            Self::Av1 => av1::is_known(matrix),
        }
    }

    /// Decodes the picture `id`, whose size is `size` by the container, and hands it to `put` whole or
    /// in bands of rows, each with its first row's place.
    pub(super) fn decode(
        self,
        file: &HeifFile<'_>,
        id: ItemId,
        size: (u32, u32),
        limits: &DecodeLimits,
        mut put: impl FnMut(Frame, u32) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match self {
            Self::Hevc => put(hevc::decode(file, id, size, limits)?, 0),
            #[cfg(feature = "avif")]
            Self::Av1 => av1::decode(file, id, size, limits, put),
        }
    }
}
