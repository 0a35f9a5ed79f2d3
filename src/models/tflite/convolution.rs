//! Convolutions and pools: TFLite's weights and padding in ONNX's order.

use crate::error::Result;
use crate::onnx::Window;

use super::operators::{Moves, Operator};

/// The window, and rows and columns of what it gives from an input of `input` rows and columns.
///
/// With the padding SAME there is a result at each step; the zeros that this takes are split
/// between both ends, an odd one at the bottom and at the right (TensorFlow, "Notes on padding").
pub(super) fn window(
    operator: &Operator<'_>,
    moves: Moves,
    size: [usize; 2],
    input: [usize; 2],
) -> Result<(Window, [usize; 2])> {
    let mut window = Window { size, stride: moves.stride, padding: [0, 0], extra: [0, 0] };
    let mut output = [0; 2];
    for axis in 0..2 {
        let (size, stride, input) = (size[axis], moves.stride[axis], input[axis]);
        if moves.same {
            output[axis] = input.div_ceil(stride);
            let zeros = ((output[axis] - 1) * stride + size).saturating_sub(input);
            (window.padding[axis], window.extra[axis]) = (zeros / 2, zeros % 2);
        } else {
            let rest = input.checked_sub(size).ok_or_else(|| {
                operator.error(format_args!("expected a window within {input} pixels, found one of {size}"))
            })?;
            output[axis] = rest / stride + 1;
        }
    }
    Ok((window, output))
}

/// Filters of outputs, rows, columns and inputs in the order outputs, inputs, rows and columns.
pub(super) fn planes_of_each(filters: &[u8], [outputs, rows, columns, inputs]: [usize; 4]) -> Vec<u8> {
    reordered(filters, [outputs, inputs, rows * columns], |[output, input, pixel]| {
        (output * rows * columns + pixel) * inputs + input
    })
}

/// Filters of rows, columns and outputs in the order outputs, rows and columns.
pub(super) fn planes(filters: &[u8], [rows, columns, outputs]: [usize; 3]) -> Vec<u8> {
    reordered(filters, [outputs, 1, rows * columns], |[output, _, pixel]| pixel * outputs + output)
}

/// Numbers of four bytes, each taken from the place that `place` gives for its own.
fn reordered(numbers: &[u8], sizes: [usize; 3], place: impl Fn([usize; 3]) -> usize) -> Vec<u8> {
    let numbers = numbers.as_chunks::<4>().0;
    let mut result = Vec::with_capacity(4 * numbers.len());
    for a in 0..sizes[0] {
        for b in 0..sizes[1] {
            for c in 0..sizes[2] {
                result.extend(numbers[place([a, b, c])]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::operators::{Activation, Kind};
    use super::*;

    fn operator(moves: Moves) -> Operator<'static> {
        let kind = Kind::Convolution(moves);
        Operator { index: 3, name: "CONV_2D", kind, inputs: Vec::new(), output: 0, activation: Activation::None }
    }

    #[test]
    fn padding_is_tensorflows() {
        // Input, window, step; whether SAME; result, zeros before, zeros behind.
        for (input, size, stride, same, expected) in [
            (112, 3, 2, true, Some((56, 0, 1))),
            (112, 3, 1, true, Some((112, 1, 1))),
            (113, 3, 2, true, Some((57, 1, 1))),
            (7, 7, 1, true, Some((7, 3, 3))),
            (7, 4, 1, true, Some((7, 1, 2))),
            (7, 1, 3, true, Some((3, 0, 0))),
            (1, 5, 4, true, Some((1, 2, 2))),
            (7, 7, 1, false, Some((1, 0, 0))),
            (8, 3, 2, false, Some((3, 0, 0))),
            (6, 7, 1, false, None),
        ] {
            let moves = Moves { same, stride: [stride, 1] };
            let found = window(&operator(moves), moves, [size, 1], [input, 5]).ok();
            let rows = found.map(|(window, output)| {
                assert_eq!((output[1], window.padding[1], window.extra[1]), (5, 0, 0));
                let zeros = (window.padding[0], window.padding[0] + window.extra[0]);
                // What ONNX makes of the same numbers.
                assert_eq!(output[0], (input + zeros.0 + zeros.1 - size) / stride + 1);
                (output[0], zeros.0, zeros.1)
            });
            assert_eq!(rows, expected, "{size} over {input} at steps of {stride}, same: {same}");
        }
    }

    #[test]
    fn weights_keep_their_place_in_another_order() {
        let numbers: Vec<u8> = (0..24u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
        let read = |bytes: Vec<u8>| -> Vec<f32> {
            bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
        };
        // Two filters of one row, three columns and four inputs.
        let found = read(planes_of_each(&numbers, [2, 1, 3, 4]));
        assert_eq!(found[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
        assert_eq!(found[12..15], [12.0, 16.0, 20.0]);
        let found = read(planes(&numbers, [2, 3, 4]));
        assert_eq!(found[..7], [0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 1.0]);
    }
}
