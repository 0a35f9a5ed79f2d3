//! HEIF, the container of what telephones store: HEIC inside where the pictures are compressed with
//! HEVC, AVIF where they are with AV1. Layout of the first box: ISO/IEC 14496-12, section 4.3.

#[cfg(feature = "avif")]
mod av1;
#[cfg(feature = "heic")]
mod codec;
#[cfg(feature = "avif")]
mod dav1d;
#[cfg(feature = "heic")]
mod fault;
#[cfg(feature = "heic")]
mod hevc;
#[cfg(feature = "heic")]
mod picture;
#[cfg(feature = "heic")]
mod turns;

#[cfg(feature = "heic")]
pub(super) use picture::decode;

use super::undecodable;
use crate::error::Refusal;

/// What a HEIF file says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Heic,
    Avif,
    /// HEIF without the name of a codec.
    Other,
}

impl Kind {
    /// The kind that the file's brands state: the first brand that names a codec counts. `None` where the file is not
    /// HEIF.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        // A list of brands is short: what is behind the first 64 is not looked at.
        const MAX_BRANDS: usize = 64;
        if bytes.get(4..8) != Some(b"ftyp") {
            return None;
        }
        let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
        let brands = bytes.get(8..length.min(bytes.len()))?.as_chunks::<4>().0.iter().enumerate();
        // The second word is a version.
        let mut kinds = brands.filter(|(i, _)| *i != 1).take(MAX_BRANDS).filter_map(|(_, brand)| match brand {
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => Some(Self::Heic),
            b"avif" | b"avis" => Some(Self::Avif),
            b"mif1" | b"mif2" | b"msf1" => Some(Self::Other),
            _ => None,
        });
        let first = kinds.next()?;
        if first == Self::Other { kinds.find(|kind| *kind != Self::Other).or(Some(first)) } else { Some(first) }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Other => "HEIF",
        }
    }

    /// The refusal of a build without the feature that reads this kind.
    pub(super) fn not_built(self) -> Refusal {
        let (name, feature) = (self.name(), if self == Self::Avif { "avif" } else { "heic" });
        undecodable(format!(
            "{name} pictures are not read by this build; save the photo as JPEG or PNG, or build facevault with its feature {feature}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_brand_that_names_a_codec_counts() {
        for (brands, kind) in [
            (&b"heic\0\0\0\0mif1"[..], Some(Kind::Heic)),
            (b"avif\0\0\0\0mif1miafheic", Some(Kind::Avif)),
            (b"mif1\0\0\0\0mif1avif", Some(Kind::Avif)),
            (b"mif1heic", Some(Kind::Other)),
            (b"msf1\0\0\0\0hevc", Some(Kind::Heic)),
            (b"isom\0\0\0\0mp41", None),
            (b"mif", None),
        ] {
            let length = (brands.len() + 8) as u32;
            let file = [&length.to_be_bytes()[..], b"ftyp", brands, b"avif"].concat();
            assert_eq!(Kind::of(&file), kind, "{}", brands.escape_ascii());
        }
        assert_eq!(Kind::of(b"\0\0\0\x18ftyp"), None);
        assert_eq!(Kind::of(b""), None);
    }
}
