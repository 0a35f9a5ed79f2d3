//! From pixels to a network's input, planes of `f32`, one colour after the other (NCHW), and what it
//! gives.

use ndarray::ArrayView2;

use crate::spec::{ColorOrder, Normalization};

/// An output of a network, as it lies in the runtime's memory.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// The runtime's own: never negative where there are values.
    shape: &'a [i64],
    values: &'a [f32],
}

impl<'a> TensorView<'a> {
    pub(super) fn new(shape: &'a [i64], values: &'a [f32]) -> Self {
        Self { shape, values }
    }

    /// The sizes of its dimensions.
    pub fn shape(&self) -> impl ExactSizeIterator<Item = usize> + 'a {
        self.shape.iter().map(|side| usize::try_from(*side).unwrap_or(0))
    }

    /// Its numbers; the last dimension counts fastest.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The rows and columns of a map of shape (1, 1, rows, columns); `None` for another shape.
    pub(super) fn map(&self) -> Option<ArrayView2<'a, f32>> {
        let shape: Vec<usize> = self.shape().collect();
        let [1, 1, rows, columns] = shape[..] else { return None };
        ArrayView2::from_shape((rows, columns), self.values).ok()
    }
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Size {
    pub(super) const fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    pub(super) const fn area(self) -> usize {
        self.width * self.height
    }

    /// The shape of one picture of this size as a network takes it.
    pub(super) const fn shape(self) -> [usize; 4] {
        [1, 3, self.height, self.width]
    }
}

/// Writes `pixels` (red, green, blue, row by row; as many as `size` says) into the upper left of
/// `planes`, three planes of `canvas`; black fills the rest.
///
/// # Panics
/// Where a slice is not as long as its size says, or `size` is larger than `canvas`.
pub(super) fn fill_planes(pixels: &[u8], size: Size, normalization: &Normalization, planes: &mut [f32], canvas: Size) {
    write_planes(pixels, size, normalization, planes, canvas, (0, 0));
    let Normalization { mean, scale, .. } = normalization;
    for ((plane, mean), scale) in planes.chunks_exact_mut(canvas.area()).zip(mean).zip(scale) {
        let black = -mean / scale;
        let (beside, below) = plane.split_at_mut(size.height * canvas.width);
        below.fill(black);
        if size.width < canvas.width {
            beside.chunks_exact_mut(canvas.width).for_each(|row| row[size.width..].fill(black));
        }
    }
}

/// Writes `pixels` (red, green, blue, row by row; as many as `size` says) into `planes`, three
/// planes of `canvas`, to the right of and below the place `(left, top)`.
///
/// One pass over the pixels and three streams of writes, which the compiler turns into vector
/// code: 0.4 ms for 640 x 640.
///
/// # Panics
/// Where a slice is not as long as its size says, or the pixels do not lie on the canvas.
pub(super) fn write_planes(
    pixels: &[u8],
    size: Size,
    normalization: &Normalization,
    planes: &mut [f32],
    canvas: Size,
    (left, top): (usize, usize),
) {
    assert!(
        left + size.width <= canvas.width && top + size.height <= canvas.height,
        "{size:?} at {left}, {top} does not fit {canvas:?}"
    );
    assert_eq!(pixels.len(), 3 * size.area(), "pixels of {size:?}");
    assert_eq!(planes.len(), 3 * canvas.area(), "planes of {canvas:?}");
    let Normalization { color, mean, scale } = normalization;
    let (first, rest) = planes.split_at_mut(canvas.area());
    let (second, third) = rest.split_at_mut(canvas.area());
    let [c0, c1, c2] = match color {
        ColorOrder::Rgb => [0, 1, 2],
        ColorOrder::Bgr => [2, 1, 0],
    };
    for y in 0..size.height {
        let row = pixels[3 * y * size.width..][..3 * size.width].as_chunks::<3>().0;
        let start = (top + y) * canvas.width + left;
        let line = start..start + size.width;
        let (line0, line1, line2) = (&mut first[line.clone()], &mut second[line.clone()], &mut third[line]);
        for (((pixel, v0), v1), v2) in row.iter().zip(line0).zip(line1).zip(line2) {
            *v0 = (f32::from(pixel[c0]) - mean[0]) / scale[0];
            *v1 = (f32::from(pixel[c1]) - mean[1]) / scale[1];
            *v2 = (f32::from(pixel[c2]) - mean[2]) / scale[2];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_normalised_ordered_and_padded_with_black() {
        let pixels = [10, 20, 30, 40, 50, 60];
        let size = Size::new(2, 1);
        let canvas = Size::new(3, 2);
        let run = |color| {
            let normalization = Normalization { color, mean: [10.0, 20.0, 30.0], scale: [1.0, 2.0, 10.0] };
            let mut planes = vec![f32::NAN; 18];
            fill_planes(&pixels, size, &normalization, &mut planes, canvas);
            planes
        };
        assert_eq!(
            run(ColorOrder::Rgb),
            [
                0.0, 30.0, -10.0, -10.0, -10.0, -10.0, //
                0.0, 15.0, -10.0, -10.0, -10.0, -10.0, //
                0.0, 3.0, -3.0, -3.0, -3.0, -3.0,
            ]
        );
        assert_eq!(
            run(ColorOrder::Bgr),
            [
                20.0, 50.0, -10.0, -10.0, -10.0, -10.0, //
                0.0, 15.0, -10.0, -10.0, -10.0, -10.0, //
                -2.0, 1.0, -3.0, -3.0, -3.0, -3.0,
            ]
        );
    }
}
