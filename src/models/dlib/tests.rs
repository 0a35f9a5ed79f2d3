//! Small networks in dlib's format: what they compute as ONNX, and that damage is refused.

use proptest::prelude::*;

use crate::onnx::reference;

use super::sample::{
    DOWN, FIRST, LAST, SAME, SCORES, SIDE, STEM, detector_file, embedder_file, numbers, shape_file, shape_file_of,
    weights,
};
use super::writer::assert_damage_is_refused;
use super::{detector_onnx, embedder_onnx, shape_model, shape_model_68};

/// Channels, rows and columns of numbers.
#[derive(Clone, Debug)]
struct Map {
    sizes: [usize; 3],
    values: Vec<f32>,
}

impl Map {
    fn new(sizes: [usize; 3], value: impl Fn(usize, usize, usize) -> f32) -> Self {
        let mut values = Vec::new();
        for c in 0..sizes[0] {
            for y in 0..sizes[1] {
                values.extend((0..sizes[2]).map(|x| value(c, y, x)));
            }
        }
        Self { sizes, values }
    }

    /// Zero outside.
    fn at(&self, c: usize, y: i64, x: i64) -> f32 {
        let [channels, rows, columns] = self.sizes;
        let inside = c < channels && (0..rows as i64).contains(&y) && (0..columns as i64).contains(&x);
        if inside { self.values[(c * rows + y as usize) * columns + x as usize] } else { 0.0 }
    }

    /// Every window of `size` at steps of `stride`, through `read(channel, top, left)`.
    fn windows(
        &self,
        channels: usize,
        size: usize,
        stride: usize,
        padding: usize,
        read: impl Fn(usize, i64, i64) -> f32,
    ) -> Self {
        let count = |side: usize| (side + 2 * padding - size) / stride + 1;
        let place = |index: usize| (index * stride) as i64 - padding as i64;
        let [_, rows, columns] = self.sizes;
        Self::new([channels, count(rows), count(columns)], |c, y, x| read(c, place(y), place(x)))
    }

    fn convolution(&self, shape: [i64; 4], stride: usize, padding: usize, weights: &[f32]) -> Self {
        let [outputs, inputs, side, _] = shape.map(|size| size as usize);
        self.windows(outputs, side, stride, padding, |c, top, left| {
            let mut sum = weights[outputs * inputs * side * side + c];
            for (i, y, x) in (0..inputs).flat_map(|i| (0..side * side).map(move |k| (i, k / side, k % side))) {
                sum += weights[((c * inputs + i) * side + y) * side + x] * self.at(i, top + y as i64, left + x as i64);
            }
            sum
        })
    }

    fn pool(&self, size: usize, stride: usize, combine: impl Fn(&[f32]) -> f32) -> Self {
        self.windows(self.sizes[0], size, stride, 0, |c, top, left| {
            let window: Vec<f32> =
                (0..size * size).map(|k| self.at(c, top + (k / size) as i64, left + (k % size) as i64)).collect();
            combine(&window)
        })
    }

    fn map(self, change: impl Fn(usize, f32) -> f32) -> Self {
        let plane = self.sizes[1] * self.sizes[2];
        Self { values: self.values.iter().enumerate().map(|(i, v)| change(i / plane, *v)).collect(), ..self }
    }

    fn relu(self) -> Self {
        self.map(|_, value| value.max(0.0))
    }

    fn affine(self, gamma: &[f32], beta: &[f32]) -> Self {
        self.map(|c, value| value * gamma[c] + beta[c])
    }

    fn plus(&self, other: &Self) -> Self {
        let sizes = std::array::from_fn(|i| self.sizes[i].max(other.sizes[i]));
        Self::new(sizes, |c, y, x| self.at(c, y as i64, x as i64) + other.at(c, y as i64, x as i64))
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::MIN, f32::max)
}

/// Runs an ONNX file on pictures.
fn run(onnx: &[u8], sizes: [usize; 4], values: &[f32]) -> Vec<f32> {
    reference::run(onnx, &reference::Tensor::new(&sizes, values)).values
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{found}, expected {expected}");
    }
}

/// The same network, computed plainly.
fn embed(input: &Map) -> Vec<f32> {
    let stem = input.convolution(STEM, 1, 0, &weights(1, STEM)).affine(&numbers(2, 2), &numbers(3, 2)).relu();
    let stem = stem.pool(3, 2, largest);
    let block = stem.convolution(SAME, 1, 1, &weights(4, SAME)).affine(&numbers(5, 2), &numbers(6, 2)).relu();
    let block = block.convolution(SAME, 1, 1, &weights(7, SAME)).affine(&numbers(8, 2), &numbers(9, 2));
    let block = block.plus(&stem).relu();
    let halved = block.convolution(DOWN, 2, 0, &weights(10, DOWN)).affine(&numbers(11, 3), &numbers(12, 3)).relu();
    let halved = halved.convolution(LAST, 1, 1, &weights(13, LAST)).affine(&numbers(14, 3), &numbers(15, 3));
    let shortcut = block.pool(2, 2, mean);
    // The case that dlib's own networks have at the end: fewer channels, but more rows.
    assert_eq!((halved.sizes, shortcut.sizes), ([3, 2, 2], [2, 3, 3]));
    let halved = halved.plus(&shortcut).relu();
    let plane = halved.sizes[1] * halved.sizes[2];
    let means: Vec<f32> = halved.values.chunks(plane).map(mean).collect();
    let matrix = numbers(16, 12);
    (0..4).map(|column| (0..3).map(|row| means[row] * matrix[row * 4 + column]).sum()).collect()
}

#[test]
fn an_embedder_computes_as_onnx_what_its_layers_say() {
    let onnx = embedder_onnx(&embedder_file()).expect("a whole file");
    let pictures: Vec<Map> =
        (20..23).map(|seed| Map { sizes: [3, SIDE, SIDE], values: numbers(seed, 3 * SIDE * SIDE) }).collect();
    let batch: Vec<f32> = pictures.iter().flat_map(|picture| picture.values.clone()).collect();
    let expected: Vec<f32> = pictures.iter().flat_map(embed).collect();
    assert_close(&run(&onnx, [3, 3, SIDE, SIDE], &batch), &expected);
    assert_close(&run(&onnx, [1, 3, SIDE, SIDE], &batch[..3 * SIDE * SIDE]), &expected[..4]);
}

#[test]
fn a_damaged_embedder_is_refused() {
    assert_damage_is_refused(&embedder_file(), embedder_onnx);
}

#[test]
fn a_detector_computes_as_onnx_what_its_layers_say_at_any_size() {
    let (onnx, scan) = detector_onnx(&detector_file()).expect("a whole file");
    assert_eq!((scan.window, scan.spread.stride, scan.spread.offset), ([40, 50], 2, 2));
    assert_eq!((scan.overlap, scan.coverage), (0.25, 0.75));
    for (rows, columns) in [(9, 9), (16, 23)] {
        let picture = Map { sizes: [3, rows, columns], values: numbers(7, 3 * rows * columns) };
        // gamma (x - mean) / sqrt(variance + epsilon) + beta
        let hidden = picture.convolution(FIRST, 2, 0, &weights(1, FIRST)).map(|channel, x| match channel {
            0 => 2.0 * (x - 0.5) / 2.0 + 0.5,
            _ => -(x + 0.5) / 0.5 + 0.25,
        });
        let expected = hidden.relu().convolution(SCORES, 1, 1, &weights(2, SCORES));
        assert_close(&run(&onnx, [1, 3, rows, columns], &picture.values), &expected.values);
    }
}

#[test]
fn a_damaged_detector_is_refused() {
    assert_damage_is_refused(&detector_file(), detector_onnx);
}

#[test]
fn a_landmark_model_is_read_whole() {
    let model = shape_model(&shape_file()).expect("a whole file");
    assert_eq!(model.mean().as_flattened(), numbers(1, 10));
    let [first, second] = model.stages() else { panic!("expected two stages") };
    assert_eq!((first.splits_per_tree, first.splits.len(), first.leaves.len()), (1, 2, 4));
    assert_eq!((second.splits_per_tree, second.splits.len(), second.leaves.len()), (3, 3, 4));
    assert_eq!((first.splits[1].first, first.splits[1].second, first.splits[1].threshold), (0, 1, 1.0));
    assert_eq!((second.splits[1].first, second.splits[1].threshold), (1, 0.25));
    assert_eq!(second.leaves[3].as_flattened(), numbers(13, 10));
    assert_eq!((first.pixels[0].landmark, first.pixels[0].offset), (4, [0.5, 0.25]));
    assert_eq!((second.pixels[1].landmark, second.pixels[1].offset), (3, [0.3, 0.4]));
}

#[test]
fn a_landmark_model_of_68_points_is_read_whole() {
    let model = shape_model_68(&shape_file_of(68)).expect("a whole file");
    assert_eq!(model.mean().as_flattened(), numbers(1, 136));
    let [_, second] = model.stages() else { panic!("expected two stages") };
    assert_eq!((second.leaves.len(), second.pixels[1].landmark), (4, 3));
    assert_eq!(second.leaves[3].as_flattened(), numbers(13, 136));
    let error = shape_model_68(&shape_file()).expect_err("five points").to_string();
    assert!(error.contains("-136, found -10"), "{error}");
    assert!(shape_model(&shape_file_of(68)).is_err());
}

#[test]
fn a_damaged_landmark_model_is_refused() {
    assert_damage_is_refused(&shape_file(), shape_model);
}

#[test]
fn files_of_another_kind_are_refused() {
    let files = [embedder_file(), detector_file(), shape_file(), b"\x08\x07\x12\x00".to_vec()];
    for (index, file) in files.iter().enumerate() {
        assert_eq!(embedder_onnx(file).is_ok(), index == 0);
        assert_eq!(detector_onnx(file).is_ok(), index == 1);
        assert_eq!(shape_model(file).is_ok(), index == 2);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(start in 0usize..4, cut in 0usize..6000, tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let start = [Vec::new(), embedder_file(), detector_file(), shape_file()][start].clone();
        let bytes = [&start[..cut.min(start.len())], &tail].concat();
        prop_assert!(embedder_onnx(&bytes).is_err() || bytes == embedder_file());
        prop_assert!(detector_onnx(&bytes).is_err() || bytes == detector_file());
        prop_assert!(shape_model(&bytes).is_err() || bytes == shape_file());
    }
}
