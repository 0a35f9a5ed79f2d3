//! A picture at twice its size, with the bits that dlib gives: its detectors look there for smaller faces.
//!
//! dlib steps along a row in four lanes of single precision, each moved by four steps at once, and takes the last
//! columns, whose right neighbours would lie outside, in double precision. The steps add up rounding errors, and those
//! decide brightness where it is cut off to whole numbers; so they are taken in the same way here.

use facevault_bindings::facevault::image::RgbImage;

/// The picture of `2 w + 2` times `2 h + 1` pixels.
pub(crate) fn doubled(picture: &RgbImage) -> RgbImage {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (to_width, to_height) = (2 * width + 2, 2 * height + 1);
    let mut result = RgbImage::new(to_width as u32, to_height as u32);
    if picture.is_empty() {
        return result;
    }
    let step = |from: usize, to: usize| (from - 1) as f64 / (to - 1) as f64;
    let (across, down) = (step(width, to_width), step(height, to_height));
    let columns = columns(width, to_width, across);
    let source = picture.as_raw();
    let row = |y: usize| &source[y * width * 3..][..width * 3];
    let mut y = -down;
    for line in result.chunks_exact_mut(to_width * 3) {
        y += down;
        let top = (y.floor() as usize).min(height - 1);
        let share = y - top as f64;
        let (upper, lower) = (row(top), row((top + 1).min(height - 1)));
        for (pixel, column) in line.as_chunks_mut::<3>().0.iter_mut().zip(&columns) {
            let (left, right) = (3 * column.left, 3 * column.right);
            for (c, value) in pixel.iter_mut().enumerate() {
                let corners = [upper[left + c], upper[right + c], lower[left + c], lower[right + c]];
                *value = match column.share {
                    Share::Single(x) => single(corners, x, share),
                    Share::Double(x) => double(corners, x, share),
                };
            }
        }
    }
    result
}

/// Which pixels of a row a pixel of the result is made of.
struct Column {
    left: usize,
    right: usize,
    share: Share,
}

/// How much of the right one.
#[derive(Clone, Copy)]
enum Share {
    Single(f32),
    Double(f64),
}

fn columns(width: usize, to_width: usize, step: f64) -> Vec<Column> {
    let mut columns = Vec::with_capacity(to_width);
    let first = -4.0 * step;
    let mut lanes = [first, first + step, first + 2.0 * step, first + 3.0 * step].map(|x| x as f32);
    let four = (4.0 * step) as f32;
    loop {
        lanes = lanes.map(|x| x + four);
        if lanes[3] as usize + 1 >= width || columns.len() + 4 > to_width {
            break;
        }
        columns.extend(lanes.map(|x| {
            let left = x as usize;
            Column { left, right: left + 1, share: Share::Single(x - left as f32) }
        }));
    }
    let mut x = -step + columns.len() as f64 * step;
    while columns.len() < to_width {
        x += step;
        let left = (x.floor().max(0.0) as usize).min(width - 1);
        columns.push(Column { left, right: (left + 1).min(width - 1), share: Share::Double(x - left as f64) });
    }
    columns
}

fn single(corners: [u8; 4], x: f32, y: f64) -> u8 {
    let [tl, tr, bl, br] = corners.map(f32::from);
    let (below, above, before) = (y as f32, (1.0 - y) as f32, 1.0 - x);
    (above * before * tl + above * x * tr + below * before * bl + below * x * br) as u8
}

fn double(corners: [u8; 4], x: f64, y: f64) -> u8 {
    let [tl, tr, bl, br] = corners.map(f64::from);
    ((1.0 - y) * ((1.0 - x) * tl + x * tr) + y * ((1.0 - x) * bl + x * br)) as u8
}
