//! How the container crops, turns and mirrors a picture.

use heifer::heifer_isobmff::boxes::Property;
use heifer::heifer_isobmff::{HeifFile, ItemId};
use image::metadata::Orientation;
use image::{RgbImage, imageops};

use super::super::pixels;
use super::fault::Fault;

/// The crop, the rotation and the mirroring of an item, in its order; each at most once.
pub(super) struct Turns<'a>(Vec<&'a Property>);

impl<'a> Turns<'a> {
    pub(super) fn of(file: &'a HeifFile<'_>, id: ItemId) -> Result<Self, Fault> {
        use Property::{CleanAperture, Mirror, Rotation};
        let mut turns: Vec<&Property> = Vec::new();
        for property in file.item_properties(id)? {
            if matches!(property, CleanAperture { .. } | Rotation(_) | Mirror(_)) {
                let kind = std::mem::discriminant(property);
                if turns.iter().any(|turn| std::mem::discriminant(*turn) == kind) {
                    return Err(Fault::NotRead);
                }
                turns.push(property);
            }
        }
        Ok(Self(turns))
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn apply(self, mut picture: RgbImage) -> Result<RgbImage, Fault> {
        for turn in self.0 {
            picture = match *turn {
                Property::CleanAperture { width, height, horiz_offset, vert_offset } => {
                    let (left, width) = aperture(picture.width(), width, horiz_offset).ok_or(Fault::Damaged)?;
                    let (top, height) = aperture(picture.height(), height, vert_offset).ok_or(Fault::Damaged)?;
                    imageops::crop_imm(&picture, left, top, width, height).to_image()
                }
                // Anticlockwise.
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
