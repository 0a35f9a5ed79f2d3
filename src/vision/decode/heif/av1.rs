//! One picture coded with AV1: a whole photo, or a tile of it.
//!
//! The decoder is Rust with unsafe parts, behind an interface whose panics end the process. So its input is checked
//! first: the stream is split into units, only those that make the pixels of the one shown frame are passed on, and the
//! size that they state is compared with the container's size and the limits before any pixels are decoded.

use heifer::heifer_hevc_dec::recon::Frame;
use heifer::heifer_isobmff::boxes::Property;
use heifer::heifer_isobmff::{HeifFile, ItemId};

use super::super::{DecodeLimits, check_frame, too_much_memory};
use super::dav1d::{Decoder, Picture, Row, Sampling, Sequence};
use super::fault::Fault;

/// Luma samples of a coded picture: the most that AV1's highest level allows (AV1 specification,
/// annex A.3, level 6.3). Larger photos are stored in tiles.
const MAX_SAMPLES: u64 = 35_651_584;

/// Units that a coded picture may consist of: encoders write two or three, and at most one for each
/// of a picture's own tiles.
const MAX_UNITS: usize = 1_000;

/// Rows that are converted at a time.
const BAND: u32 = 64;

/// Decodes the picture `id`, whose size is `size` by the container, and hands it to `put` in bands
/// of rows, each with its first row's place.
pub(super) fn decode(
    file: &HeifFile<'_>,
    id: ItemId,
    size: (u32, u32),
    limits: &DecodeLimits,
    mut put: impl FnMut(Frame, u32) -> Result<(), Fault>,
) -> Result<(), Fault> {
    check_properties(file, id)?;
    let stream = file.item_data(id)?;
    let units = units(&stream)?;
    let [header, ..] = units[..] else { return Err(Fault::Damaged) };
    let sequence = Sequence::read(header).ok_or(Fault::Damaged)?;
    let pixels = check_sequence(&sequence, size, limits)?;
    let mut decoder = Decoder::new(pixels).ok_or(Fault::Damaged)?;
    let picture = decoder.decode(&units).ok_or(Fault::Damaged)?;
    // A frame may state a size of its own.
    if (picture.size(), picture.sampling(), picture.depth()) != (size, sequence.sampling, sequence.depth) {
        return Err(Fault::Damaged);
    }
    (0..size.1).step_by(BAND as usize).try_for_each(|top| put(band(&picture, &sequence, top), top))
}

/// Refuses essential properties that this reader does not understand, such as layers.
fn check_properties(file: &HeifFile<'_>, id: ItemId) -> Result<(), Fault> {
    for association in file.item(id)?.properties.iter().filter(|association| association.essential) {
        let property = usize::from(association.index).checked_sub(1).and_then(|index| file.properties.get(index));
        let Some(Property::Unknown(name, content)) = property else { continue };
        match (&name.0, &content[..]) {
            // The first operating point, and no choice of a layer.
            (b"av1C", _) | (b"a1op", [0]) | (b"lsel", [0xff, 0xff]) => {}
            _ => return Err(Fault::NotRead),
        }
    }
    Ok(())
}

/// The open bitstream units of a picture that make pixels: its one sequence header, then its one
/// frame. Other units are left out; metadata without content, for example, would end the process.
fn units(stream: &[u8]) -> Result<Vec<&[u8]>, Fault> {
    // AV1 specification, section 6.2.2.
    const SEQUENCE_HEADER: u8 = 1;
    const FRAME_HEADER: u8 = 3;
    const TILE_GROUP: u8 = 4;
    const FRAME: u8 = 6;
    let (mut rest, mut found) = (stream, Vec::new());
    let (mut sequences, mut frames) = (0, 0);
    while !rest.is_empty() {
        let (unit, tail) = rest.split_at(unit_length(rest)?);
        rest = tail;
        let kind = unit[0] >> 3 & 15;
        match kind {
            SEQUENCE_HEADER => sequences += 1,
            FRAME_HEADER | FRAME => frames += 1,
            TILE_GROUP => {}
            _ => continue,
        }
        if found.is_empty() && kind != SEQUENCE_HEADER {
            return Err(Fault::Damaged);
        }
        // One of each in the picture of a still photo; more of them are layers, or a film.
        if sequences > 1 || frames > 1 || found.len() == MAX_UNITS {
            return Err(Fault::NotRead);
        }
        found.push(unit);
    }
    Ok(found)
}

/// Bytes of the unit that `rest` starts with, its header among them.
fn unit_length(rest: &[u8]) -> Result<usize, Fault> {
    let header = *rest.first().ok_or(Fault::CutShort)?;
    let (has_extension, has_length) = (header & 4 != 0, header & 2 != 0);
    let start = 1 + usize::from(has_extension);
    if !has_length {
        return if rest.len() < start { Err(Fault::CutShort) } else { Ok(rest.len()) };
    }
    // Seven bits a byte, the lowest first (section 4.10.5).
    let mut length = 0u64;
    for (i, byte) in rest.iter().skip(start).take(8).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let end = (start + i + 1) as u64 + length;
            return if end > rest.len() as u64 { Err(Fault::CutShort) } else { Ok(end as usize) };
        }
    }
    Err(if rest.len() < start + 8 { Fault::CutShort } else { Fault::Damaged })
}

/// Compares what the stream states with the container's size and the limits, before there are
/// pixels, and gives the number of pixels.
fn check_sequence(sequence: &Sequence, size: (u32, u32), limits: &DecodeLimits) -> Result<u32, Fault> {
    // The container must state the stream's size (AVIF specification, section 2.1).
    if sequence.size != size {
        return Err(Fault::Damaged);
    }
    let samples = u64::from(size.0) * u64::from(size.1);
    if samples > MAX_SAMPLES {
        return Err(too_much_memory().into());
    }
    let bytes = if sequence.depth == 8 { 1 } else { 2 };
    let copies = if sequence.copied { 2 } else { 1 };
    let halves = match sequence.sampling {
        Sampling::Grey => 2,
        Sampling::Quarter => 3,
        Sampling::Half => 4,
        Sampling::Full => 6,
    };
    check_frame(samples * bytes * copies * halves / 2, limits)?;
    Ok(samples as u32)
}

/// Whether the conversion to red, green and blue knows the matrix (ITU-T H.273, table 4); 2 means
/// that none is stated.
pub(super) fn is_known(matrix: u16) -> bool {
    matches!(matrix, 0..=2 | 4..=7 | 9)
}

/// The rows from `top` on, with chroma at luma's resolution.
///
/// Encoders average the chroma of two or four pixels, so a sample of it lies in their middle, as it
/// does in JPEG: a pixel takes three quarters of the nearest sample and one of the next, in each
/// direction in which there is half the resolution. That is how libavif does it.
fn band(picture: &Picture<'_>, sequence: &Sequence, top: u32) -> Frame {
    let (width, height) = picture.size();
    let rows = BAND.min(height - top);
    let mut planes: [Vec<u16>; 3] = Default::default();
    let (grey, across, down) = match picture.sampling() {
        Sampling::Grey => (true, false, false),
        Sampling::Quarter => (false, true, true),
        Sampling::Half => (false, true, false),
        Sampling::Full => (false, false, false),
    };
    let chroma = if grey { 0 } else { width };
    let mut sums = Vec::new();
    for y in top..top + rows {
        append(picture, 0, y, &mut planes[0]);
        for (plane, samples) in planes.iter_mut().enumerate().skip(1).filter(|_| !grey) {
            if !across {
                append(picture, plane, y, samples);
                continue;
            }
            sums.clear();
            if down {
                let last = picture.plane_size(plane).1.saturating_sub(1);
                let (near, next) = neighbours(y as usize, last as usize);
                append(picture, plane, near as u32, &mut sums);
                let start = samples.len();
                append(picture, plane, next as u32, samples);
                // Of 12 bits and less, so that the sums have room.
                for (sum, next) in sums.iter_mut().zip(samples.drain(start..)) {
                    *sum = 3 * *sum + next;
                }
            } else {
                append(picture, plane, y, &mut sums);
            }
            widen(&sums, width as usize, if down { 4 } else { 2 }, samples);
        }
    }
    Frame {
        widths: [width, chroma, chroma],
        heights: [rows, if grey { 0 } else { rows }, if grey { 0 } else { rows }],
        planes,
        bit_depth: [sequence.depth; 2],
        chroma_format: if grey { 0 } else { 3 },
        full_range: sequence.full_range,
        matrix_coeffs: sequence.matrix,
    }
}

fn append(picture: &Picture<'_>, plane: usize, y: u32, samples: &mut Vec<u16>) {
    match picture.row(plane, y) {
        Some(Row::Bytes(row)) => samples.extend(row.iter().map(|sample| u16::from(*sample))),
        Some(Row::Words(row)) => samples.extend_from_slice(row),
        None => {}
    }
}

/// The indices of the two samples around pixel `i` at half the resolution, the nearer one first; `last` is the last
/// sample's index.
fn neighbours(i: usize, last: usize) -> (usize, usize) {
    let near = i / 2;
    (near.min(last), if i.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 }.min(last))
}

/// Appends `width` pixels to `samples` from half as many sums, divided by `1 << shift` and rounded.
fn widen(sums: &[u16], width: usize, shift: u32, samples: &mut Vec<u16>) {
    let last = sums.len() - 1;
    let half = 1u32 << (shift - 1);
    samples.extend((0..width).map(|x| {
        let (near, next) = neighbours(x, last);
        ((3 * u32::from(sums[near]) + u32::from(sums[next]) + half) >> shift) as u16
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_as_long_as_they_say() {
        for (unit, length) in [
            (&b"\x12\x00"[..], Some(2)),
            (b"\x32\x02ab", Some(4)),
            // An extension, a length of two bytes, of eight, and none.
            (b"\x36\x00\x01a", Some(4)),
            (b"\x32\x81\x00a", Some(4)),
            (b"\x32\x80\x80\x80\x80\x80\x80\x80\x00", Some(9)),
            (b"\x30abc", Some(4)),
            (b"\x32\x02a", None),
            (b"\x34", None),
            (b"\x36\x00", None),
            (b"\x32\x80", None),
            (b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\x00", None),
            (b"\x32\xff\xff\xff\xff\xff\xff\xff\x7f", None),
        ] {
            assert_eq!(unit_length(unit).ok(), length, "{unit:02x?}");
        }
    }

    #[test]
    fn chroma_lies_between_its_pixels() {
        let mut samples = Vec::new();
        widen(&[0, 400, 80], 5, 2, &mut samples);
        assert_eq!(samples, [0, 100, 300, 320, 160]);
        samples.clear();
        widen(&[4 * 7], 1, 4, &mut samples);
        assert_eq!(samples, [7]);
    }
}
