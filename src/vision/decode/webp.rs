//! The sizes and the orientation that a WebP file states inside.
//!
//! The container states a canvas, and each compressed frame states its own size again; the decoder
//! makes room for the frame before it compares both. So every frame's header is looked at first.
//! Layout: RFC 9649, sections 2 to 4.

use crate::error::Refusal;

use super::orientation::Stated;
use super::{DecodeLimits, check_size, cut_short, damaged};

const FORMAT: &str = "WebP";

/// Refuses a file shorter than it states, and frames of more pixels than are taken.
pub(super) fn check_frames(bytes: &[u8], limits: &DecodeLimits) -> Result<(), Refusal> {
    let stated = bytes.get(4..8).map(u32_le).ok_or_else(|| cut_short(FORMAT))?;
    let end = 8 + stated as usize;
    let file = bytes.get(12..end).ok_or_else(|| if end < 12 { damaged(FORMAT) } else { cut_short(FORMAT) })?;
    check_chunks(file, limits, true)
}

/// What the file's EXIF and XMP chunks say. `bytes` have passed [`check_frames`].
pub(super) fn stated(bytes: &[u8]) -> Stated {
    let mut stated = Stated::default();
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((header, body)) = rest.split_at_checked(8) {
        let length = u32_le(&header[4..]) as usize;
        let Some(content) = body.get(..length) else { break };
        match &header[..4] {
            b"EXIF" => stated.exif(content),
            b"XMP " => stated.xmp(content),
            _ => {}
        }
        rest = body.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    stated
}

/// The largest size of the canvas and the frames.
#[cfg(feature = "http")]
pub(super) fn stated_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.get(12..)?;
    let mut largest = None;
    while let Some((header, body)) = rest.split_at_checked(8) {
        let content = body.get(..u32_le(&header[4..]) as usize).unwrap_or(body);
        let size = match &header[..4] {
            b"VP8 " => lossy_size(content),
            b"VP8L" => lossless_size(content),
            b"VP8X" => canvas_size(content),
            _ => None,
        };
        largest = largest.max(size.map(|(width, height)| (u64::from(width) * u64::from(height), width, height)));
        rest = body.get(content.len().next_multiple_of(2)..).unwrap_or_default();
    }
    largest.map(|(_, width, height)| (width, height))
}

/// Flags (4 bytes), then 24 bits of width and of height, each less one.
#[cfg(feature = "http")]
fn canvas_size(canvas: &[u8]) -> Option<(u32, u32)> {
    let size = canvas.get(4..10)?;
    let side = |at: usize| u32_le(&[size[at], size[at + 1], size[at + 2], 0]) + 1;
    Some((side(0), side(3)))
}

fn check_chunks(mut rest: &[u8], limits: &DecodeLimits, frames: bool) -> Result<(), Refusal> {
    while let Some((header, body)) = rest.split_at_checked(8) {
        let length = u32_le(&header[4..]) as usize;
        let content = body.get(..length).ok_or_else(|| cut_short(FORMAT))?;
        let size = match &header[..4] {
            b"VP8 " => lossy_size(content),
            b"VP8L" => lossless_size(content),
            // A frame of an animation: 16 bytes of its own, then chunks.
            b"ANMF" if frames => {
                check_chunks(content.get(16..).ok_or_else(|| damaged(FORMAT))?, limits, false)?;
                Some((1, 1))
            }
            _ => Some((1, 1)),
        };
        let (width, height) = size.ok_or_else(|| damaged(FORMAT))?;
        check_size(width, height, limits)?;
        rest = body.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    Ok(())
}

/// Frame tag (3 bytes), start code (3 bytes), then 14 bits of width and of height.
fn lossy_size(frame: &[u8]) -> Option<(u32, u32)> {
    let size = frame.get(6..10)?;
    let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some((side(size[0], size[1]), side(size[2], size[3])))
}

/// Signature (1 byte), then 14 bits of width and of height, each less one.
fn lossless_size(frame: &[u8]) -> Option<(u32, u32)> {
    let bits = u32_le(frame.get(1..5)?);
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

fn u32_le(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use crate::error::RefusalCode;

    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (name, content) in chunks {
            body.extend_from_slice(*name);
            body.extend_from_slice(&(content.len() as u32).to_le_bytes());
            body.extend_from_slice(content);
            body.resize(body.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn every_frame_is_measured() {
        let lossy = |width: u16, height: u16| {
            [&[0, 0, 0, 0x9d, 1, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes()].concat()
        };
        let lossless =
            |width: u32, height: u32| [&[0x2f][..], &((width - 1) | (height - 1) << 14).to_le_bytes()].concat();
        let animated = |frame: &[u8]| [&[0; 16][..], &file(&[(b"VP8 ", frame)])[12..]].concat();
        let canvas = [0; 10];
        let limits = DecodeLimits { max_pixels: 1_000_000, max_side: 2_000, ..DecodeLimits::default() };
        use RefusalCode::{ImageTooLarge, UndecodableImage};
        for (what, bytes, refused) in [
            ("lossy", file(&[(b"VP8 ", &lossy(1000, 1000))]), None),
            ("lossless", file(&[(b"VP8L", &lossless(1000, 1000))]), None),
            ("lossless, long", file(&[(b"VP8L", &lossless(2001, 1))]), Some(ImageTooLarge)),
            ("behind a canvas", file(&[(b"VP8X", &canvas), (b"VP8 ", &lossy(16383, 16383))]), Some(ImageTooLarge)),
            ("animated", file(&[(b"VP8X", &canvas), (b"ANMF", &animated(&lossy(1600, 1600)))]), Some(ImageTooLarge)),
            ("no pixels", file(&[(b"VP8 ", &lossy(0, 9))]), Some(UndecodableImage)),
            ("no header", file(&[(b"VP8 ", b"abc")]), Some(UndecodableImage)),
            ("cut short", file(&[(b"VP8 ", &lossy(9, 9))])[..21].to_vec(), Some(UndecodableImage)),
        ] {
            assert_eq!(check_frames(&bytes, &limits).err().map(|refusal| refusal.code), refused, "{what}");
        }
    }
}
