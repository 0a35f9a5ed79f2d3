//! The crops of liveness networks.

use image::RgbImage;

use super::resample::{Filter, resample};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::spec::{LivenessCrop, LivenessSpec};

/// How many times larger than the picture a box may be.
const LARGEST: f32 = 4.0;

/// Refuses a box that cannot be that of a face in a picture.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), as [`LivenessModel::judge`](super::LivenessModel::judge) says.
pub(crate) fn must_show(picture: &RgbImage, bounds: Rect) -> Result<()> {
    let Rect { x, y, width, height } = bounds;
    let (across, down) = (picture.width() as f32, picture.height() as f32);
    let largest = LARGEST * across.max(down);
    let fits = [x, y, width, height].iter().all(|value| value.is_finite())
        && width > 0.0
        && height > 0.0
        && width.max(height) <= largest
        && bounds.right() > 0.0
        && bounds.bottom() > 0.0
        && x < across
        && y < down;
    if fits {
        return Ok(());
    }
    let message = format!(
        "the box {width} x {height} at {x}, {y} is not that of a face in a picture of {across} x {down} pixels"
    );
    Err(Error::new(ErrorKind::Invalid, message))
}

/// What a liveness network sees of the face in `bounds`, a box in pixels of an upright picture.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) for a box that [`LivenessModel::judge`](super::LivenessModel::judge) does not take.
pub fn liveness_crop(picture: &RgbImage, bounds: Rect, spec: &LivenessSpec) -> Result<RgbImage> {
    must_show(picture, bounds)?;
    Ok(cut_out(picture, bounds, spec))
}

/// The square that a network takes.
pub(super) fn cut_out(picture: &RgbImage, bounds: Rect, spec: &LivenessSpec) -> RgbImage {
    let size = [picture.width() as usize, picture.height() as usize];
    let side = spec.side as usize;
    match spec.crop {
        LivenessCrop::Shifted => {
            let [columns, rows] = shifted(size, bounds, spec.enlarge);
            resample(picture, &columns, &rows, side, Filter::Bilinear)
        }
        LivenessCrop::Mirrored => {
            let [columns, rows] = mirrored(size, bounds, spec.enlarge);
            let filter = if columns.len() < side { Filter::Lanczos } else { Filter::Area };
            resample(picture, &columns, &rows, side, filter)
        }
    }
}

/// The columns and rows of the box of whole pixels that [`LivenessCrop::Shifted`] asks for.
///
/// The reference takes left and upper side of a box rounded down, and width and height as the number of pixels that
/// it touches. Its arithmetic is in `f64`, and so is this.
fn shifted(size: [usize; 2], bounds: Rect, scale: f32) -> [Vec<usize>; 2] {
    let start = [bounds.x, bounds.y].map(|side| f64::from(side).trunc());
    let length = [bounds.width, bounds.height].map(|side| (f64::from(side) + 1.0).trunc());
    let last = size.map(|side| side as f64 - 1.0);
    // As the manifest writes it: 2.7 and not the nearest `f32`.
    let scale = (f64::from(scale) * 1e6).round() / 1e6;
    let scale = (last[1] / length[1]).min((last[0] / length[0]).min(scale));
    [0, 1].map(|axis| {
        let (middle, half) = (length[axis] / 2.0 + start[axis], length[axis] * scale / 2.0);
        let (mut from, mut to) = (middle - half, middle + half);
        if from < 0.0 {
            to -= from;
            from = 0.0;
        }
        if to > last[axis] {
            from -= to - last[axis];
            to = last[axis];
        }
        // A crop as large as the picture may miss it by the last bits of these sums.
        let (from, to) = (from.max(0.0) as usize, to.max(0.0) as usize);
        (from.min(to)..=to).collect()
    })
}

/// The columns and rows, those outside of the picture mirrored, of the square that [`LivenessCrop::Mirrored`] asks
/// for.
fn mirrored(size: [usize; 2], bounds: Rect, scale: f32) -> [Vec<usize>; 2] {
    let [x, y, width, height] = [bounds.x, bounds.y, bounds.width, bounds.height].map(f64::from);
    let side = width.max(height) * f64::from(scale);
    let length = (side as i64).max(1);
    [(x + width / 2.0, size[0]), (y + height / 2.0, size[1])].map(|(middle, size)| {
        let from = (middle - side / 2.0) as i64;
        (from..from + length).map(|place| mirror(place, size)).collect()
    })
}

/// The place within `0..size` that stands for `place`, mirrored at the middles of the outermost pixels: `cb|abc|ba`.
fn mirror(place: i64, size: usize) -> usize {
    let period = 2 * (size as i64 - 1);
    if period <= 0 {
        return 0;
    }
    let place = place.rem_euclid(period);
    place.min(period - place) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(indices: &[usize]) -> [usize; 2] {
        [indices[0], indices[indices.len() - 1]]
    }

    type Case = ([usize; 2], [f32; 4], f32, [usize; 4]);

    const SHIFTED: [Case; 16] = [
        ([120, 90], [40.0, 30.0, 20.0, 24.0], 2.7, [23, 9, 77, 74]),
        ([120, 90], [40.0, 30.0, 20.0, 24.0], 4.0, [12, 0, 87, 89]),
        ([120, 90], [2.0, 3.0, 30.0, 36.0], 2.7, [0, 0, 74, 89]),
        ([120, 90], [2.0, 3.0, 30.0, 36.0], 4.0, [0, 0, 74, 89]),
        ([120, 90], [95.0, 60.0, 22.0, 28.0], 2.7, [59, 13, 119, 89]),
        ([120, 90], [95.0, 60.0, 22.0, 28.0], 4.0, [49, 0, 119, 89]),
        ([90, 120], [-5.0, 80.0, 30.0, 40.0], 2.7, [0, 11, 81, 119]),
        ([90, 120], [-5.0, 80.0, 30.0, 40.0], 4.0, [0, 0, 89, 119]),
        ([90, 120], [10.0, -8.0, 70.0, 90.0], 2.7, [0, 0, 89, 114]),
        ([90, 120], [10.0, -8.0, 70.0, 90.0], 4.0, [0, 0, 89, 114]),
        ([64, 64], [1.0, 1.0, 62.0, 62.0], 2.7, [0, 0, 63, 63]),
        ([64, 64], [1.0, 1.0, 62.0, 62.0], 4.0, [0, 0, 63, 63]),
        ([300, 200], [130.0, 80.0, 4.0, 5.0], 2.7, [126, 75, 137, 89]),
        ([300, 200], [130.0, 80.0, 4.0, 5.0], 4.0, [124, 72, 140, 92]),
        ([301, 203], [100.0, 50.0, 100.0, 110.0], 2.7, [58, 0, 241, 202]),
        ([301, 203], [100.0, 50.0, 100.0, 110.0], 4.0, [58, 0, 241, 202]),
    ];

    /// Boxes as the reference has them (left, top, width and height as counted pixels), and its
    /// `CropImage._get_new_box` of them: left, top, right, bottom.
    #[test]
    fn crops_move_back_into_the_picture_as_the_reference_moves_them() {
        for (size, [x, y, width, height], scale, expected) in SHIFTED {
            let bounds = Rect { x, y, width: width - 1.0, height: height - 1.0 };
            let [columns, rows] = shifted(size, bounds, scale).map(|indices| ends(&indices));
            assert_eq!([columns[0], rows[0], columns[1], rows[1]], expected, "{size:?} {bounds:?} {scale}");
        }
    }

    #[test]
    fn what_lies_outside_is_mirrored() {
        let places: Vec<usize> = (-4..8).map(|place| mirror(place, 4)).collect();
        assert_eq!(places, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(mirror(-5, 1), 0);
        let [columns, rows] = mirrored([10, 20], Rect { x: 0.0, y: 8.0, width: 2.0, height: 4.0 }, 1.5);
        assert_eq!((columns, rows), (vec![2, 1, 0, 1, 2, 3], vec![7, 8, 9, 10, 11, 12]));
    }

    #[test]
    fn boxes_that_show_nothing_are_refused() {
        let picture = RgbImage::new(100, 50);
        let around = |x, y, width, height| must_show(&picture, Rect { x, y, width, height });
        assert!(around(-20.0, -20.0, 400.0, 400.0).is_ok());
        for (x, y, width, height) in [
            (10.0, 10.0, 0.0, 5.0),
            (10.0, 10.0, 5.0, -1.0),
            (f32::NAN, 10.0, 5.0, 5.0),
            (-10.0, 10.0, 10.0, 10.0),
            (10.0, 50.0, 10.0, 10.0),
            (10.0, 10.0, 401.0, 10.0),
        ] {
            let error = around(x, y, width, height).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_crop_lies_in_the_picture(
            width in 1usize..400, height in 1usize..400,
            x in -300f32..400.0, y in -300f32..400.0, across in 0.1f32..800.0, down in 0.1f32..800.0,
            scale in 1f32..5.0,
        ) {
            let bounds = Rect { x, y, width: across, height: down };
            for indices in [shifted([width, height], bounds, scale), mirrored([width, height], bounds, scale)] {
                proptest::prop_assert!(!indices[0].is_empty() && !indices[1].is_empty());
                proptest::prop_assert!(indices[0].iter().all(|column| *column < width));
                proptest::prop_assert!(indices[1].iter().all(|row| *row < height));
            }
        }
    }
}
