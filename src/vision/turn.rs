//! Quarter turns of a picture.

use image::RgbImage;
use image::imageops::{rotate90, rotate180, rotate270};
use serde::{Serialize, Serializer};

/// By how much a picture was turned clockwise so that its face is upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Turn {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

impl Turn {
    /// All turns, none first.
    pub const ALL: [Self; 4] = [Self::None, Self::Quarter, Self::Half, Self::ThreeQuarters];

    /// The angle, clockwise, in degrees.
    #[must_use]
    pub fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }

    /// This turn and then another one.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        Self::ALL[usize::from((self.degrees() + other.degrees()) / 90 % 4)]
    }

    /// The picture turned so; `None` where it stays as it is.
    #[must_use]
    pub fn apply(self, picture: &RgbImage) -> Option<RgbImage> {
        match self {
            Self::None => None,
            Self::Quarter => Some(rotate90(picture)),
            Self::Half => Some(rotate180(picture)),
            Self::ThreeQuarters => Some(rotate270(picture)),
        }
    }
}

impl Serialize for Turn {
    /// As the angle in degrees.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.degrees())
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn turns_add_up_and_move_pixels_clockwise() {
        for (first, second, both) in [
            (Turn::None, Turn::Half, Turn::Half),
            (Turn::Quarter, Turn::Quarter, Turn::Half),
            (Turn::ThreeQuarters, Turn::Half, Turn::Quarter),
            (Turn::ThreeQuarters, Turn::Quarter, Turn::None),
        ] {
            assert_eq!(first.then(second), both);
        }
        // The upper left corner of 3 x 2 pixels.
        let picture = RgbImage::from_fn(3, 2, |x, y| Rgb([u8::from((x, y) == (0, 0)); 3]));
        for (turn, corner) in [(Turn::Quarter, (1, 0)), (Turn::Half, (2, 1)), (Turn::ThreeQuarters, (0, 2))] {
            let turned = turn.apply(&picture).expect("turned");
            assert_eq!(turned.get_pixel(corner.0, corner.1).0, [1; 3], "{turn:?}");
        }
    }
}
