//! HEIC: the container's items put together to one upright picture.
//!
//! The decoder is safe Rust throughout, so that the worst a hostile file can do is to take time and
//! memory. Both are bounded here, by what the container states, before a coded picture is looked
//! at: the tables' sizes (its parser's work grows with their product), the number and the area of
//! tiles, and the turns. What telephones do not write is not read: overlays, pictures made of
//! pictures of pictures, and turned tiles.
//!
//! The container says how the picture is cropped, turned and mirrored; the EXIF orientation is for
//! information only (ISO/IEC 23008-12, annex A) and would turn it twice.

use heifer::color::{ColorParams, frame_to_rgba_into};
use heifer::heifer_hevc_dec::Error as StreamError;
use heifer::heifer_hevc_dec::recon::Frame;
use heifer::heifer_isobmff::boxes::{ColorInfo, Property};
use heifer::heifer_isobmff::{BoxIter, Error as BoxError, HeifFile, ItemId};
use image::metadata::Orientation;
use image::{RgbImage, imageops};

use super::super::{DecodeLimits, check_frame, check_size, cut_short, pixels, undecodable};
use super::{Kind, coded};
use crate::error::Refusal;

const FORMAT: &str = "HEIC";

/// Bytes of the container's box of tables, which also carries colour profiles.
const MAX_META: usize = 4 << 20;
/// Bytes of each table whose entries are looked up one by one: a photo of 200 megapixels in a
/// thousand tiles takes 32 KiB.
const MAX_TABLE: usize = 128 << 10;
/// Tiles of a picture.
const MAX_TILES: usize = 4_096;

pub(in super::super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, Refusal> {
    check_tables(bytes)?;
    let file = HeifFile::parse(bytes).map_err(broken)?;
    let id = file.primary_id;
    let layout = Layout::of(&file, id, limits)?;
    let turns = Turns::of(&file, id)?;
    let alpha = alpha_item(&file, id)?.map(|alpha| Layout::of(&file, alpha, limits)).transpose()?;
    if alpha.as_ref().is_some_and(|alpha| (alpha.width, alpha.height) != (layout.width, layout.height)) {
        return Err(not_read());
    }
    let stride = layout.width as usize;
    let mut raw = vec![0; 3 * stride * layout.height as usize];
    let mut row = vec![0; 4 * stride];
    layout.decode(&file, limits, |frame, params, (left, top), (width, height)| {
        put_colors(frame, params, &mut row, (width, height), &mut raw[3 * (top * stride + left)..], stride);
    })?;
    if let Some(alpha) = alpha {
        alpha.decode(&file, limits, |frame, params, (left, top), size| {
            lay_on_white(frame, params, size, &mut raw[3 * (top * stride + left)..], stride);
        })?;
    }
    let picture = RgbImage::from_raw(layout.width, layout.height, raw).ok_or_else(damaged)?;
    turns.apply(picture)
}

/// Refuses tables that would take long to go through.
fn check_tables(bytes: &[u8]) -> Result<(), Refusal> {
    for part in BoxIter::new(bytes) {
        let part = part.map_err(broken)?;
        if part.header.box_type.0 != *b"meta" {
            continue;
        }
        // Version and flags.
        let tables = part.content.get(4..).ok_or_else(damaged)?;
        let mut rest = MAX_META;
        for table in BoxIter::new(tables) {
            let table = table.map_err(broken)?;
            let size = table.content.len();
            match &table.header.box_type.0 {
                b"idat" => continue,
                b"iinf" | b"iloc" | b"iref" if size > MAX_TABLE => return Err(not_read()),
                b"iprp" => {
                    let associations = BoxIter::new(table.content).flatten();
                    let associations = associations.filter(|part| part.header.box_type.0 == *b"ipma");
                    if associations.map(|part| part.content.len()).sum::<usize>() > MAX_TABLE {
                        return Err(not_read());
                    }
                }
                _ => {}
            }
            rest = rest.checked_sub(size).ok_or_else(not_read)?;
        }
    }
    Ok(())
}

/// How a picture is put together: of tiles, row by row, or of one coded picture.
struct Layout {
    width: u32,
    height: u32,
    tile: (u32, u32),
    columns: usize,
    tiles: Vec<ItemId>,
}

impl Layout {
    /// The layout of the item `id`, every size of which has been compared with the limits.
    fn of(file: &HeifFile<'_>, id: ItemId, limits: &DecodeLimits) -> Result<Self, Refusal> {
        let layout = match &file.item(id).map_err(broken)?.item_type.0 {
            b"hvc1" => {
                let (width, height) = size_of(file, id)?;
                Self { width, height, tile: (width, height), columns: 1, tiles: vec![id] }
            }
            b"grid" => {
                let grid = file.grid(id).map_err(broken)?;
                let tiles = file.referenced_items(id, b"dimg").to_vec();
                let (columns, rows) = (usize::from(grid.columns), usize::from(grid.rows));
                if tiles.is_empty() || tiles.len() != columns * rows {
                    return Err(damaged());
                }
                if tiles.len() > MAX_TILES {
                    return Err(not_read());
                }
                let tile = size_of(file, tiles[0])?;
                // The tiles cover the picture, and none lies beside it (ISO/IEC 23008-12, 6.6.2.3.1).
                let covers = |side: u32, tile: u32, count: usize| {
                    let (side, tile, count) = (u64::from(side), u64::from(tile), count as u64);
                    tile * count >= side && tile * (count - 1) < side
                };
                if !covers(grid.output_width, tile.0, columns) || !covers(grid.output_height, tile.1, rows) {
                    return Err(damaged());
                }
                for id in &tiles {
                    if file.item(*id).map_err(broken)?.item_type.0 != *b"hvc1" || !Turns::of(file, *id)?.are_none() {
                        return Err(not_read());
                    }
                    if size_of(file, *id)? != tile {
                        return Err(damaged());
                    }
                }
                Self { width: grid.output_width, height: grid.output_height, tile, columns, tiles }
            }
            b"av01" => return Err(undecodable(super::super::not_read(Kind::Avif.name()))),
            _ => return Err(not_read()),
        };
        check_size(layout.width, layout.height, limits)?;
        check_size(layout.tile.0, layout.tile.1, limits)?;
        check_frame(u64::from(layout.width) * u64::from(layout.height) * 3, limits)?;
        Ok(layout)
    }

    /// Decodes tile after tile and hands each to `put`, with its place in the picture and the size
    /// of the part that lies inside.
    fn decode(
        &self,
        file: &HeifFile<'_>,
        limits: &DecodeLimits,
        mut put: impl FnMut(&Frame, ColorParams, (usize, usize), (usize, usize)),
    ) -> Result<(), Refusal> {
        for (i, id) in self.tiles.iter().enumerate() {
            let frame = coded::decode(file, *id, self.tile, limits)?;
            let (left, top) = ((i % self.columns) as u32 * self.tile.0, (i / self.columns) as u32 * self.tile.1);
            let (width, height) = (self.tile.0.min(self.width - left), self.tile.1.min(self.height - top));
            let params = color_params(file, *id, &frame)?;
            put(&frame, params, (left as usize, top as usize), (width as usize, height as usize));
        }
        Ok(())
    }
}

fn size_of(file: &HeifFile<'_>, id: ItemId) -> Result<(u32, u32), Refusal> {
    file.image_size(id).map_err(broken)?.ok_or_else(damaged)
}

/// What the samples mean: by the container, else by the stream.
fn color_params(file: &HeifFile<'_>, id: ItemId, frame: &Frame) -> Result<ColorParams, Refusal> {
    let stated = file.item_properties(id).map_err(broken)?.find_map(|property| match property {
        Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => {
            Some(ColorParams { matrix: *matrix, full_range: *full_range })
        }
        _ => None,
    });
    Ok(stated.unwrap_or_else(|| ColorParams::from_frame(frame)))
}

/// The item that says how opaque `id` is.
fn alpha_item(file: &HeifFile<'_>, id: ItemId) -> Result<Option<ItemId>, Refusal> {
    const KINDS: [&str; 2] = ["urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"];
    for auxiliary in file.referencing_items(id, b"auxl") {
        let mut properties = file.item_properties(auxiliary).map_err(broken)?;
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

/// Lays the pixels on white as far as `frame`, whose luma is the opacity, lets it through.
fn lay_on_white(frame: &Frame, params: ColorParams, (width, height): (usize, usize), raw: &mut [u8], stride: usize) {
    let unit = 1u32 << frame.bit_depth[0].saturating_sub(8);
    let most = (1u32 << frame.bit_depth[0]) - 1;
    let (black, span) = if params.full_range { (0, most) } else { (16 * unit, 219 * unit) };
    let samples = frame.planes[0].chunks_exact(frame.widths[0] as usize).take(height);
    for (samples, to) in samples.zip(raw.chunks_mut(3 * stride)) {
        for (sample, pixel) in samples[..width].iter().zip(to.as_chunks_mut::<3>().0) {
            let alpha = ((u32::from(*sample).saturating_sub(black) * 255 + span / 2) / span).min(255) as u8;
            *pixel = pixel.map(|color| pixels::on_white(color, alpha));
        }
    }
}

/// The crop, the rotation and the mirroring of an item, in its order; each at most once.
struct Turns<'a>(Vec<&'a Property>);

impl<'a> Turns<'a> {
    fn of(file: &'a HeifFile<'_>, id: ItemId) -> Result<Self, Refusal> {
        use Property::{CleanAperture, Mirror, Rotation};
        let mut turns: Vec<&Property> = Vec::new();
        for property in file.item_properties(id).map_err(broken)? {
            if matches!(property, CleanAperture { .. } | Rotation(_) | Mirror(_)) {
                let kind = std::mem::discriminant(property);
                if turns.iter().any(|turn| std::mem::discriminant(*turn) == kind) {
                    return Err(not_read());
                }
                turns.push(property);
            }
        }
        Ok(Self(turns))
    }

    fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn apply(self, mut picture: RgbImage) -> Result<RgbImage, Refusal> {
        for turn in self.0 {
            picture = match *turn {
                Property::CleanAperture { width, height, horiz_offset, vert_offset } => {
                    let (left, width) = aperture(picture.width(), width, horiz_offset).ok_or_else(damaged)?;
                    let (top, height) = aperture(picture.height(), height, vert_offset).ok_or_else(damaged)?;
                    imageops::crop_imm(&picture, left, top, width, height).to_image()
                }
                // Against the clock.
                Property::Rotation(1) => pixels::upright(picture, Orientation::Rotate270),
                Property::Rotation(2) => pixels::upright(picture, Orientation::Rotate180),
                Property::Rotation(3) => pixels::upright(picture, Orientation::Rotate90),
                Property::Mirror(true) => pixels::upright(picture, Orientation::FlipVertical),
                Property::Mirror(false) => pixels::upright(picture, Orientation::FlipHorizontal),
                _ => picture,
            };
        }
        Ok(picture)
    }
}

/// First pixel and number of pixels of what is left of `side` pixels. The aperture is a ratio, as is
/// how far its middle lies from the picture's (ISO/IEC 14496-12, section 12.1.4.1).
fn aperture(side: u32, length: (u32, u32), offset: (i32, u32)) -> Option<(u32, u32)> {
    if length.1 == 0 || offset.1 == 0 {
        return None;
    }
    let length = f64::from(length.0) / f64::from(length.1);
    let middle = f64::from(offset.0) / f64::from(offset.1) + (f64::from(side) - 1.0) / 2.0;
    let first = (middle - (length - 1.0) / 2.0).round().max(0.0) as u32;
    let length = (length.round() as u32).min(side.saturating_sub(first));
    (length > 0).then_some((first, length))
}

pub(super) fn not_read() -> Refusal {
    undecodable(format!("this kind of {FORMAT} file is not read; save the photo as JPEG or PNG"))
}

pub(super) fn damaged() -> Refusal {
    super::super::damaged(FORMAT)
}

pub(super) fn broken(error: BoxError) -> Refusal {
    match error {
        BoxError::UnexpectedEof => cut_short(FORMAT),
        BoxError::Unimplemented(_) => not_read(),
        _ => damaged(),
    }
}

pub(super) fn broken_stream(error: StreamError) -> Refusal {
    match error {
        StreamError::Unimplemented(_) => not_read(),
        _ => damaged(),
    }
}
