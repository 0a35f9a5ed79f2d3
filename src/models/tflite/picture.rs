//! What TFLite's operators compute, by their definitions, for tests.

/// A picture by rows, columns and channels, the last fastest: TFLite's order.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) sizes: [usize; 3],
    pub(super) values: Vec<f32>,
}

impl Picture {
    pub(super) fn new(sizes: [usize; 3], value: impl Fn([usize; 3]) -> f32) -> Self {
        let [rows, columns, channels] = sizes;
        let places =
            (0..rows * columns * channels).map(|i| [i / channels / columns, i / channels % columns, i % channels]);
        Self { sizes, values: places.map(value).collect() }
    }

    pub(super) fn at(&self, [y, x, c]: [usize; 3]) -> f32 {
        self.values[(y * self.sizes[1] + x) * self.sizes[2] + c]
    }

    /// What each window gives: `join` takes a channel and what the window sees, as places in the
    /// window and in the picture.
    pub(super) fn windows(
        &self,
        [size, stride, channels]: [usize; 3],
        same: bool,
        join: impl Fn(usize, &[([usize; 2], [usize; 2])]) -> f32,
    ) -> Self {
        // As TensorFlow's documentation has it.
        let axis = |input: usize| {
            let output = if same { input.div_ceil(stride) } else { (input - size + 1).div_ceil(stride) };
            let zeros = if !same {
                0
            } else if input.is_multiple_of(stride) {
                size.saturating_sub(stride)
            } else {
                size.saturating_sub(input % stride)
            };
            (output, zeros / 2)
        };
        let ((rows, top), (columns, left)) = (axis(self.sizes[0]), axis(self.sizes[1]));
        Self::new([rows, columns, channels], |[y, x, c]| {
            let taps = (0..size * size).map(|tap| [tap / size, tap % size]).filter_map(|[dy, dx]| {
                let (row, column) = ((y * stride + dy).checked_sub(top)?, (x * stride + dx).checked_sub(left)?);
                (row < self.sizes[0] && column < self.sizes[1]).then_some(([dy, dx], [row, column]))
            });
            join(c, &taps.collect::<Vec<_>>())
        })
    }

    /// Filters by outputs, rows, columns and inputs.
    pub(super) fn convolve(&self, size: usize, stride: usize, same: bool, filters: &[f32], bias: &[f32]) -> Self {
        let inputs = self.sizes[2];
        self.windows([size, stride, bias.len()], same, |o, taps| {
            let weight = |[y, x]: [usize; 2], i: usize| filters[((o * size + y) * size + x) * inputs + i];
            let sums = taps
                .iter()
                .map(|(tap, [y, x])| (0..inputs).map(|i| weight(*tap, i) * self.at([*y, *x, i])).sum::<f32>());
            bias[o] + sums.sum::<f32>()
        })
    }

    /// Filters by rows, columns and outputs.
    pub(super) fn convolve_each(&self, size: usize, stride: usize, same: bool, filters: &[f32], bias: &[f32]) -> Self {
        let each = bias.len() / self.sizes[2];
        self.windows([size, stride, bias.len()], same, |o, taps| {
            let weight = |[y, x]: [usize; 2]| filters[(y * size + x) * bias.len() + o];
            bias[o] + taps.iter().map(|(tap, [y, x])| weight(*tap) * self.at([*y, *x, o / each])).sum::<f32>()
        })
    }

    pub(super) fn map(&self, change: impl Fn(usize, f32) -> f32) -> Self {
        Self::new(self.sizes, |place| change(place[2], self.at(place)))
    }
}
