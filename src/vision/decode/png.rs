//! What a PNG file says about its orientation, wherever programs put it.
//!
//! The place for EXIF is the chunk `eXIf`, and for XMP a text under the keyword
//! `XML:com.adobe.xmp`. ImageMagick writes both as texts of hexadecimal digits under a keyword of
//! its own. Texts may be compressed, so what they unpack to is bounded, over the whole file.
//! Layout: PNG specification, third edition, section 11.3; the profiles are those of ImageMagick's
//! `coders/png.c`.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::orientation::Stated;

/// Bytes that all texts of a file may unpack to: several times what EXIF can be, written as digits.
const MAX_TEXT: u64 = 1 << 20;

/// The file without its colour profiles (`iCCP`). They are not used, but the decoder would unpack them: a megabyte of
/// the file can hold a gigabyte. A file that has none is not copied.
pub(super) fn without_profiles(bytes: &[u8]) -> Cow<'_, [u8]> {
    const PROFILE: &[u8] = b"iCCP";
    let mut kept: Option<Vec<u8>> = None;
    let (mut start, mut at) = (0, 8);
    while let Some(header) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        // Header, content, four bytes of checksum.
        let end = at.saturating_add(length).saturating_add(12).min(bytes.len());
        match &header[4..] {
            PROFILE => {
                kept.get_or_insert_default().extend_from_slice(&bytes[start..at]);
                start = end;
            }
            // Profiles stand before the pixels.
            b"IDAT" | b"IEND" => break,
            _ => {}
        }
        at = end;
    }
    match kept {
        Some(mut kept) => {
            kept.extend_from_slice(&bytes[start..]);
            kept.into()
        }
        None => bytes.into(),
    }
}

/// What all chunks say. They are read to the file's end: metadata may stand behind the pixels.
pub(super) fn stated(bytes: &[u8]) -> Stated {
    let mut stated = Stated::default();
    let mut left = MAX_TEXT;
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some(content) = body.get(..length) else { break };
        match &header[4..] {
            b"eXIf" => stated.exif(content),
            b"iTXt" | b"tEXt" | b"zTXt" => read_text(&header[4..], content, &mut left, &mut stated),
            b"IEND" => break,
            _ => {}
        }
        // Four bytes of checksum.
        rest = body.get(length + 4..).unwrap_or_default();
    }
    stated
}

fn read_text(kind: &[u8], content: &[u8], left: &mut u64, stated: &mut Stated) {
    let Some((keyword, rest)) = split_at_zero(content) else { return };
    let profile = keyword.strip_prefix(b"Raw profile type ");
    if profile.is_none() && keyword != b"XML:com.adobe.xmp" {
        return;
    }
    let (packed, rest) = match kind {
        b"tEXt" => (false, rest),
        b"zTXt" => (true, rest.get(1..).unwrap_or_default()),
        // Two bytes on compression, then a language and a translated keyword.
        _ => {
            let text = rest.get(2..).and_then(|rest| split_at_zero(split_at_zero(rest)?.1));
            (rest.first() == Some(&1), text.map(|(_, text)| text).unwrap_or_default())
        }
    };
    let mut unpacked = Vec::new();
    let text = if packed {
        // Of a text that is damaged or too long, the beginning is looked at.
        let _ = ZlibDecoder::new(rest).take(*left).read_to_end(&mut unpacked);
        *left -= unpacked.len() as u64;
        &unpacked
    } else {
        rest
    };
    match profile {
        None => stated.xmp(text),
        Some(b"exif") => stated.exif(&raw_profile(text)),
        Some(b"APP1" | b"app1") => {
            let block = raw_profile(text);
            stated.app1(&block);
        }
        Some(b"xmp") => stated.xmp(&raw_profile(text)),
        Some(_) => {}
    }
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// The bytes of ImageMagick's text: a line with a name, one with their number, then hexadecimal
/// digits with line feeds between them.
fn raw_profile(text: &[u8]) -> Vec<u8> {
    let mut lines = text.trim_ascii_start().splitn(3, |byte| *byte == b'\n');
    let number = |line: &[u8]| std::str::from_utf8(line.trim_ascii()).ok()?.parse::<usize>().ok();
    let (Some(_name), Some(length), Some(digits)) = (lines.next(), lines.next().and_then(number), lines.next()) else {
        return Vec::new();
    };
    let mut digits = digits.iter().filter_map(|byte| char::from(*byte).to_digit(16));
    std::iter::from_fn(|| Some((digits.next()? << 4 | digits.next()?) as u8)).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_profiles_are_left_out() {
        let chunk = |name: &[u8; 4], content: &[u8]| {
            [&(content.len() as u32).to_be_bytes()[..], name, content, b"crc."].concat()
        };
        let file = |chunks: &[&[u8]]| [b"12345678", &chunks.concat()[..]].concat();
        let (head, text, pixels) = (chunk(b"IHDR", b"13"), chunk(b"tEXt", b"iCCP"), chunk(b"IDAT", b"iCCP"));
        let profile = chunk(b"iCCP", b"x\0\0much");
        let plain = file(&[&head, &text, &pixels]);
        assert!(matches!(without_profiles(&plain), Cow::Borrowed(whole) if whole == plain));
        for with in [
            file(&[&head, &profile, &text, &pixels]),
            file(&[&profile, &head, &profile, &profile, &text, &profile, &pixels]),
        ] {
            assert_eq!(without_profiles(&with), plain);
        }
        // Behind the pixels it is not looked for, and what is cut short stays so.
        let behind = file(&[&head, &pixels, &profile]);
        assert_eq!(without_profiles(&behind), behind);
        let cut = file(&[&head, &profile[..10]]);
        assert_eq!(without_profiles(&cut), file(&[&head]));
        for end in 0..plain.len() {
            assert_eq!(*without_profiles(&plain[..end]), plain[..end]);
        }
    }

    #[test]
    fn raw_profiles_are_read_as_imagemagick_writes_them() {
        for (text, expected) in [
            (&b"\nexif\n      6\n457869660000\n"[..], &b"Exif\0\0"[..]),
            (b"\nexif\n       4\n4578\n6966\n", b"Exif"),
            (b"\nexif\n  2\n457869660000\n", b"Ex"),
            (b"\nexif\n  9\n45786", b"Ex"),
            (b"\nexif\nmany\n4578", b""),
            (b"exif", b""),
            (b"", b""),
        ] {
            assert_eq!(raw_profile(text), expected, "{}", text.escape_ascii());
        }
    }
}
