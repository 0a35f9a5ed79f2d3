//! The container's items put together to one upright picture, whichever codec they are coded with.
//!
//! The container's reader is safe Rust, so that the worst a hostile file can do with it is to take
//! time and memory. Both are bounded here, by what the container states, before a coded picture is
//! looked at: the tables' sizes (its parser's work grows with their product), the number and the
//! area of tiles, and the turns. What telephones and browsers do not write is not read: overlays,
//! pictures made of pictures of pictures, and turned tiles.
//!
//! The container says how the picture is cropped, turned and mirrored; the EXIF orientation is for
//! information only (ISO/IEC 23008-12, annex A) and would turn it twice.

use heifer::color::{ColorParams, frame_to_rgba_into};
use heifer::heifer_hevc_dec::recon::Frame;
use heifer::heifer_isobmff::boxes::{ColorInfo, Property};
use heifer::heifer_isobmff::{BoxIter, HeifFile, ItemId};
use image::RgbImage;

use super::super::{DecodeLimits, check_density, check_frame, check_size, pixels};
use super::Kind;
use super::codec::Codec;
use super::fault::Fault;
use super::turns::Turns;
use crate::error::Refusal;

/// Bytes of the container's box of tables, which also carries colour profiles.
const MAX_META: usize = 4 << 20;
/// Bytes of each table whose entries are looked up one by one: a photo of 200 megapixels in a
/// thousand tiles takes 32 KiB.
const MAX_TABLE: usize = 128 << 10;
/// Tiles of a picture.
const MAX_TILES: usize = 4_096;

/// Decodes a file whose brands say that it is of this kind.
pub(in super::super) fn decode(kind: Kind, bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    // If no brand names a codec, errors call the file HEIC, which telephones write, until the picture itself is found.
    let mut kind = if kind == Kind::Other { Kind::Heic } else { kind };
    read(bytes, limits, &mut kind).map_err(|fault| fault.refusal(kind))
}

/// Decodes a file and notes in `kind` what its picture is coded with.
fn read(bytes: &[u8], limits: &DecodeLimits, kind: &mut Kind) -> Result<RgbImage, Fault> {
    check_tables(bytes)?;
    let file = HeifFile::parse(bytes)?;
    let id = file.primary_id;
    let codec = Codec::of(&file, id)?;
    *kind = codec.kind();
    let layout = Layout::of(&file, id, codec, limits)?;
    check_density(layout.width, layout.height, bytes.len())?;
    let turns = Turns::of(&file, id)?;
    let alpha = alpha_item(&file, id)?;
    let opacity = alpha.map(|alpha| Layout::of(&file, alpha, Codec::of(&file, alpha)?, limits)).transpose()?;
    if opacity.as_ref().is_some_and(|opacity| (opacity.width, opacity.height) != (layout.width, layout.height)) {
        return Err(Fault::NotRead);
    }
    let stride = layout.width as usize;
    let mut raw = vec![0; 3 * stride * layout.height as usize];
    let mut row = vec![0; 4 * stride];
    layout.decode(&file, limits, |frame, params, (left, top), (width, height)| {
        put_colors(frame, params, &mut row, (width, height), &mut raw[3 * (top * stride + left)..], stride);
    })?;
    if let Some(opacity) = opacity {
        let blend = if file.referenced_items(id, b"prem").contains(&alpha.unwrap_or(id)) {
            // The colours are multiplied with their opacity already.
            |color: u8, alpha: u8| color.saturating_add(255 - alpha)
        } else {
            pixels::on_white
        };
        opacity.decode(&file, limits, |frame, params, (left, top), size| {
            lay_on_white(frame, params, size, blend, &mut raw[3 * (top * stride + left)..], stride);
        })?;
    }
    let picture = RgbImage::from_raw(layout.width, layout.height, raw).ok_or(Fault::Damaged)?;
    turns.apply(picture)
}

/// Refuses tables that would take long to go through.
fn check_tables(bytes: &[u8]) -> Result<(), Fault> {
    let (mut picture, mut sequence) = (false, false);
    for part in BoxIter::new(bytes) {
        let part = part?;
        match &part.header.box_type.0 {
            b"meta" => picture = true,
            b"moov" => sequence = true,
            _ => {}
        }
        if part.header.box_type.0 != *b"meta" {
            continue;
        }
        // Version and flags.
        let tables = part.content.get(4..).ok_or(Fault::Damaged)?;
        let mut rest = MAX_META;
        for table in BoxIter::new(tables) {
            let table = table?;
            let size = table.content.len();
            match &table.header.box_type.0 {
                b"idat" => continue,
                b"iinf" | b"iloc" | b"iref" if size > MAX_TABLE => return Err(Fault::NotRead),
                b"iprp" => {
                    let associations = BoxIter::new(table.content).flatten();
                    let associations = associations.filter(|part| part.header.box_type.0 == *b"ipma");
                    if associations.map(|part| part.content.len()).sum::<usize>() > MAX_TABLE {
                        return Err(Fault::NotRead);
                    }
                }
                _ => {}
            }
            rest = rest.checked_sub(size).ok_or(Fault::NotRead)?;
        }
    }
    // An image sequence (film) without a still picture.
    if sequence && !picture { Err(Fault::NotRead) } else { Ok(()) }
}

/// How a picture is put together: of tiles, row by row, or of one coded picture.
struct Layout {
    codec: Codec,
    width: u32,
    height: u32,
    tile: (u32, u32),
    columns: usize,
    tiles: Vec<ItemId>,
}

impl Layout {
    /// The layout of the item `id`, every size of which has been compared with the limits.
    fn of(file: &HeifFile<'_>, id: ItemId, codec: Codec, limits: &DecodeLimits) -> Result<Self, Fault> {
        let layout = match &file.item(id)?.item_type.0 {
            b"grid" => {
                let grid = file.grid(id)?;
                let tiles = file.referenced_items(id, b"dimg").to_vec();
                let (columns, rows) = (usize::from(grid.columns), usize::from(grid.rows));
                if tiles.is_empty() || tiles.len() != columns * rows {
                    return Err(Fault::Damaged);
                }
                if tiles.len() > MAX_TILES {
                    return Err(Fault::NotRead);
                }
                let tile = size_of(file, tiles[0])?;
                // The tiles cover the picture, and none lies beside it (ISO/IEC 23008-12, 6.6.2.3.1).
                let covers = |side: u32, tile: u32, count: usize| {
                    let (side, tile, count) = (u64::from(side), u64::from(tile), count as u64);
                    tile * count >= side && tile * (count - 1) < side
                };
                if !covers(grid.output_width, tile.0, columns) || !covers(grid.output_height, tile.1, rows) {
                    return Err(Fault::Damaged);
                }
                for id in &tiles {
                    if Codec::of_coded(file, *id)? != codec || !Turns::of(file, *id)?.are_none() {
                        return Err(Fault::NotRead);
                    }
                    if size_of(file, *id)? != tile {
                        return Err(Fault::Damaged);
                    }
                }
                Self { codec, width: grid.output_width, height: grid.output_height, tile, columns, tiles }
            }
            _ => {
                let (width, height) = size_of(file, id)?;
                Self { codec, width, height, tile: (width, height), columns: 1, tiles: vec![id] }
            }
        };
        check_size(layout.width, layout.height, limits)?;
        check_size(layout.tile.0, layout.tile.1, limits)?;
        check_frame(u64::from(layout.width) * u64::from(layout.height) * 3, limits)?;
        Ok(layout)
    }

    /// Decodes tile after tile and hands each to `put`, whole or in bands, with its place in the
    /// picture and the size of the part that lies inside.
    fn decode(
        &self,
        file: &HeifFile<'_>,
        limits: &DecodeLimits,
        mut put: impl FnMut(&Frame, ColorParams, (usize, usize), (usize, usize)),
    ) -> Result<(), Fault> {
        for (i, id) in self.tiles.iter().enumerate() {
            let (left, top) = ((i % self.columns) as u32 * self.tile.0, (i / self.columns) as u32 * self.tile.1);
            let (width, height) = (self.tile.0.min(self.width - left), self.tile.1.min(self.height - top));
            self.codec.decode(file, *id, self.tile, limits, |mut frame, row| {
                let params = color_params(file, *id, &mut frame)?;
                if frame.chroma_format != 0 && !self.codec.reads(params.matrix) {
                    return Err(Fault::NotRead);
                }
                let rows = frame.heights[0].min(height.saturating_sub(row));
                if rows > 0 {
                    put(&frame, params, (left as usize, (top + row) as usize), (width as usize, rows as usize));
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn size_of(file: &HeifFile<'_>, id: ItemId) -> Result<(u32, u32), Fault> {
    file.image_size(id)?.ok_or(Fault::Damaged)
}

/// What the samples mean: by the container, else by the stream.
fn color_params(file: &HeifFile<'_>, id: ItemId, frame: &mut Frame) -> Result<ColorParams, Fault> {
    let stated = file.item_properties(id)?.find_map(|property| match property {
        Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => {
            Some(ColorParams { matrix: *matrix, full_range: *full_range })
        }
        _ => None,
    });
    let mut params = stated.unwrap_or_else(|| ColorParams::from_frame(frame));
    // The conversion takes grey, and colours that need no matrix, for the full range.
    if !params.full_range && (params.matrix == 0 || frame.chroma_format == 0) {
        stretch(frame);
        params.full_range = true;
    }
    Ok(params)
}

/// Brings the samples of all planes from the limited range of luma (ITU-T H.273, section 8.3) to the
/// full range.
fn stretch(frame: &mut Frame) {
    for (samples, depth) in frame.planes.iter_mut().zip([frame.bit_depth[0], frame.bit_depth[1], frame.bit_depth[1]]) {
        let (unit, most) = (1u32 << depth.saturating_sub(8), (1u32 << depth) - 1);
        for sample in samples {
            let above = u32::from(*sample).saturating_sub(16 * unit);
            *sample = ((above * most + 219 * unit / 2) / (219 * unit)).min(most) as u16;
        }
    }
}

/// The item that says how opaque `id` is.
fn alpha_item(file: &HeifFile<'_>, id: ItemId) -> Result<Option<ItemId>, Fault> {
    const KINDS: [&str; 2] = ["urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"];
    for auxiliary in file.referencing_items(id, b"auxl") {
        let mut properties = file.item_properties(auxiliary)?;
        if properties.any(|property| matches!(property, Property::AuxiliaryType(kind) if KINDS.contains(&&kind[..]))) {
            return Ok(Some(auxiliary));
        }
    }
    Ok(None)
}

/// Writes a frame's colours, as many bits as they have, into rows of three bytes a pixel.
fn put_colors(
    frame: &Frame,
    params: ColorParams,
    row: &mut Vec<u8>,
    (width, height): (usize, usize),
    raw: &mut [u8],
    stride: usize,
) {
    row.resize(4 * width * height, 0);
    let mut rows: Vec<&mut [u8]> = row.chunks_exact_mut(4 * width).collect();
    frame_to_rgba_into(frame, params, &mut rows, width, height);
    for (from, to) in rows.iter().zip(raw.chunks_mut(3 * stride)) {
        for (from, to) in from.as_chunks::<4>().0.iter().zip(to.as_chunks_mut::<3>().0) {
            to.copy_from_slice(&from[..3]);
        }
    }
}

/// Blends the pixels with white by their opacity, which is the luma of `frame`.
fn lay_on_white(
    frame: &Frame,
    params: ColorParams,
    (width, height): (usize, usize),
    blend: fn(u8, u8) -> u8,
    raw: &mut [u8],
    stride: usize,
) {
    let unit = 1u32 << frame.bit_depth[0].saturating_sub(8);
    let most = (1u32 << frame.bit_depth[0]) - 1;
    let (black, span) = if params.full_range { (0, most) } else { (16 * unit, 219 * unit) };
    let samples = frame.planes[0].chunks_exact(frame.widths[0] as usize).take(height);
    for (samples, to) in samples.zip(raw.chunks_mut(3 * stride)) {
        for (sample, pixel) in samples[..width].iter().zip(to.as_chunks_mut::<3>().0) {
            let alpha = ((u32::from(*sample).saturating_sub(black) * 255 + span / 2) / span).min(255) as u8;
            *pixel = pixel.map(|color| blend(color, alpha));
        }
    }
}
