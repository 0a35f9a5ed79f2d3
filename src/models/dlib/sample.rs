//! Small networks and landmark models in dlib's format, for tests and fuzzing.

use super::writer::Writer;

/// Numbers that look random, the same at every run.
pub(super) fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state % 2001) as f32 / 1000.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Filters and bias of a convolution.
pub(super) fn weights(seed: u32, [outputs, inputs, rows, columns]: [i64; 4]) -> Vec<f32> {
    numbers(seed, (outputs * (inputs * rows * columns + 1)) as usize)
}

/// The side of the embedder's pictures.
pub(super) const SIDE: usize = 15;
/// The shapes of its convolutions.
pub(super) const STEM: [i64; 4] = [2, 3, 3, 3];
pub(super) const SAME: [i64; 4] = [2, 2, 3, 3];
pub(super) const DOWN: [i64; 4] = [3, 2, 3, 3];
pub(super) const LAST: [i64; 4] = [3, 3, 3, 3];

/// A network of every layer that dlib's embedder has: a stem, a block, and a block that halves.
pub(in crate::models) fn embedder_file() -> Vec<u8> {
    let mut file = Writer::default();
    file.integer(1).text("loss_metric_2").floats(&[0.04, 0.6]);
    // From the output: the matrix, the mean, the halving block, the block, the stem.
    file.integers(&[2, 2, 2, 2, 2, 1, 1, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 3]);
    file.text("input_rgb_image_sized").floats(&[122.782, 117.001, 104.298]).integers(&[SIDE as i64, SIDE as i64]);
    file.convolution(STEM, 1, 0, &weights(1, STEM)).training_state().integer(1);
    file.affine(&numbers(2, 2), &numbers(3, 2)).training_state();
    file.text("relu_").training_state();
    file.pool("max_pool_2", 3, 2).training_state();
    file.convolution(SAME, 1, 1, &weights(4, SAME)).training_state();
    file.affine(&numbers(5, 2), &numbers(6, 2)).training_state();
    file.text("relu_").training_state();
    file.convolution(SAME, 1, 1, &weights(7, SAME)).training_state();
    file.affine(&numbers(8, 2), &numbers(9, 2)).training_state();
    file.text("add_prev_").training_state();
    file.text("relu_").training_state();
    file.convolution(DOWN, 2, 0, &weights(10, DOWN)).training_state();
    file.affine(&numbers(11, 3), &numbers(12, 3)).training_state();
    file.text("relu_").training_state();
    file.convolution(LAST, 1, 1, &weights(13, LAST)).training_state();
    file.affine(&numbers(14, 3), &numbers(15, 3)).training_state();
    file.pool("avg_pool_2", 2, 2).training_state();
    file.text("add_prev_").training_state();
    file.text("relu_").training_state();
    file.pool("avg_pool_2", 0, 1).training_state();
    file.text("fc_2").integers(&[4, 3]).tensor([3, 4, 1, 1], &numbers(16, 12)).alias([3, 4, 1, 1]).alias([0; 4]);
    file.integer(1).floats(&[1.0, 1.0, 1.0, 0.0]).training_state();
    file.0
}

/// The shapes of the detector's convolutions.
pub(super) const FIRST: [i64; 4] = [2, 3, 5, 5];
pub(super) const SCORES: [i64; 4] = [1, 2, 3, 3];

/// A network of every layer that dlib's detector has.
pub(in crate::models) fn detector_file() -> Vec<u8> {
    let channels = [1, 2, 1, 1];
    let mut file = Writer::default();
    file.integer(1).text("loss_mmod_").integers(&[1, 40, 50]).floats(&[1.0, 1.0, 0.5, 0.25, 0.75, 0.5, 1.0]);
    file.integers(&[2, 2, 2, 3]).text("input_rgb_image_pyramid").floats(&[122.782, 117.001, 104.298]);
    file.convolution(FIRST, 2, 0, &weights(1, FIRST)).training_state().integer(1);
    file.text("bn_con2").tensor([4, 1, 1, 1], &[2.0, -1.0, 0.5, 0.25]).alias(channels).alias(channels);
    file.tensor(channels, &[9.0; 2]).tensor(channels, &[9.0; 2]);
    file.tensor(channels, &[0.5, -0.5]).tensor(channels, &[3.9999, 0.2499]);
    file.integers(&[100, 100]).floats(&[1.0, 0.0, 1.0, 1.0, 0.0001]).training_state();
    file.text("relu_").training_state();
    file.convolution(SCORES, 1, 1, &weights(2, SCORES)).training_state();
    file.0
}

/// A landmark model of five points.
pub(in crate::models) fn shape_file() -> Vec<u8> {
    shape_file_of(5)
}

/// A landmark model of so many points.
pub(in crate::models) fn shape_file_of(points: i64) -> Vec<u8> {
    let mut file = Writer::default();
    let (rows, coordinates) = (-2 * points, 2 * points as usize);
    file.integer(1).integers(&[rows, -1]).floats(&numbers(1, coordinates));
    // Two stages; two trees of one split, then one tree of three.
    file.integer(2);
    for (trees, splits) in [(2, 1), (1, 3)] {
        file.integer(trees);
        for tree in 0..trees {
            file.integer(splits);
            for split in 0..splits {
                file.integers(&[split % 2, 1]).float(tree as f32 + split as f32 / 4.0);
            }
            file.integer(splits + 1);
            for leaf in 0..=splits {
                file.integers(&[rows, -1]).floats(&numbers(10 + leaf as u32, coordinates));
            }
        }
    }
    file.integers(&[2, 2, 4, 0, 2, 1, 3]);
    file.integers(&[2, 2]).floats(&[0.5, 0.25, -0.5, 0.0]).integer(2).floats(&[0.1, 0.2, 0.3, 0.4]);
    file.0
}
