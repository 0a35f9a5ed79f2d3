//! One picture coded with HEVC: a whole photo, or a tile of it.

use heifer::heifer_hevc_dec::nal::{NalUnit, split_annex_b};
use heifer::heifer_hevc_dec::params::{ParameterSets, Sps};
use heifer::heifer_hevc_dec::recon::{Frame, Reconstructor};
use heifer::heifer_hevc_dec::slice::SliceHeader;
use heifer::heifer_hevc_dec::syntax::{Picture, decode_slice_segment};
use heifer::heifer_isobmff::{HeifFile, ItemId};

use super::super::{DecodeLimits, check_frame, too_much_memory};
use super::fault::Fault;

/// Luma samples of a coded picture: the most that HEVC's highest level allows (ITU-T H.265, table
/// A.8, level 6.2). Larger photos are stored in tiles.
const MAX_SAMPLES: u64 = 35_651_584;

/// Pieces that a coded picture may consist of: HEVC's highest level has 600 slices, and each piece
/// costs memory beside the file.
const MAX_PIECES: usize = 1_000;

/// How much larger than its size in the container a coded picture may be, on either side: its
/// blocks are of 64 samples at most, and some encoders make no picture narrower than 160.
const PADDING: u32 = 128;

/// Decodes the picture `id`, whose size is `width` x `height` by the container.
///
/// The decoder's own loop takes slices wherever they say they start, so that a small file can have
/// the whole picture decoded a thousand times. Here each slice starts where the one before it ended.
pub(super) fn decode(
    file: &HeifFile<'_>,
    id: ItemId,
    (width, height): (u32, u32),
    limits: &DecodeLimits,
) -> Result<Frame, Fault> {
    let stream = file.hevc_bitstream(id)?;
    if stream.windows(3).filter(|window| *window == [0, 0, 1]).nth(MAX_PIECES).is_some() {
        return Err(Fault::NotRead);
    }
    let pieces = split_annex_b(&stream).map(NalUnit::parse).collect::<Result<Vec<_>, _>>()?;
    // What is stated before the first slice counts.
    let first = pieces.iter().position(|piece| piece.header.unit_type.is_slice()).ok_or(Fault::Damaged)?;
    let mut sets = ParameterSets::default();
    for piece in &pieces[..first] {
        sets.add(piece)?;
    }
    let mut slices = pieces[first..].iter().filter(|piece| piece.header.unit_type.is_slice()).peekable();
    let mut previous = None;
    let header = |piece: &NalUnit<'_>, previous: Option<&SliceHeader>| {
        SliceHeader::parse(&piece.rbsp, &piece.header, &sets, previous)
    };
    let start = header(slices.peek().ok_or(Fault::Damaged)?, None)?;
    let (picture_set, sequence_set) = sets.get(usize::from(start.slice_pic_parameter_set_id))?;
    check_sequence(sequence_set, (width, height), limits)?;
    let mut picture = Picture::new(sequence_set, picture_set);
    let mut pixels = Reconstructor::new(sequence_set, picture_set);
    for piece in slices {
        if picture.is_complete() {
            // Another picture, which is not shown.
            break;
        }
        let header = header(piece, previous.as_ref())?;
        let (own, _) = sets.get(usize::from(header.slice_pic_parameter_set_id))?;
        let place = picture.layout.rs_to_ts.get(header.slice_segment_address as usize);
        if own.pps_seq_parameter_set_id != picture_set.pps_seq_parameter_set_id || place != Some(&picture.decoded_ctbs)
        {
            return Err(Fault::Damaged);
        }
        pixels.start_slice(&header);
        let data = piece.rbsp.get(header.header_size..).ok_or(Fault::Damaged)?;
        let quantizer = header.slice_qp_y(&sets)?;
        decode_slice_segment(&mut picture, &header, quantizer, data, &mut pixels)?;
        if let Some(error) = pixels.error.take() {
            return Err(error.into());
        }
        if !header.dependent_slice_segment_flag {
            previous = Some(header);
        }
    }
    if !picture.is_complete() {
        return Err(Fault::Damaged);
    }
    drop(picture);
    let frame = pixels.finish(false);
    let frame = if sequence_set.conf_win_offsets == [0; 4] { frame } else { frame.cropped(sequence_set) };
    if frame.widths[0] < width || frame.heights[0] < height {
        return Err(Fault::Damaged);
    }
    Ok(frame)
}

/// Compares the size that the stream states with the container's and the limits, before there are
/// pixels.
fn check_sequence(set: &Sps, (width, height): (u32, u32), limits: &DecodeLimits) -> Result<(), Fault> {
    let (coded_width, coded_height) = (set.pic_width_in_luma_samples, set.pic_height_in_luma_samples);
    if coded_width > width.saturating_add(PADDING) || coded_height > height.saturating_add(PADDING) {
        return Err(Fault::Damaged);
    }
    let samples = u64::from(coded_width) * u64::from(coded_height);
    if samples > MAX_SAMPLES {
        return Err(too_much_memory().into());
    }
    // Sixteen bits a sample, whatever the depth.
    let bytes_per_pixel = match set.chroma_format_idc {
        0 => 2,
        1 => 3,
        2 => 4,
        _ => 6,
    };
    Ok(check_frame(samples * bytes_per_pixel, limits)?)
}
