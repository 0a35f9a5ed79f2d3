//! Small `.tflite` files, for tests and fuzzing: the inverse of [`network`](super::network).

use crate::models::flatbuffer::builder::{Field, Fields, build, ints, table};

/// A file under construction: tensors and operators by their numbers.
#[derive(Debug, Default, Clone)]
pub(in crate::models) struct Sample {
    tensors: Vec<Fields>,
    buffers: Vec<Fields>,
    operators: Vec<Fields>,
    codes: Vec<Fields>,
    pub(super) version: i32,
    pub(super) input: i32,
    pub(super) output: i32,
}

impl Sample {
    pub(super) fn new() -> Self {
        // By custom, the first buffer is the empty one of all values.
        Self { version: 3, buffers: vec![table([])], ..Self::default() }
    }

    fn tensor(&mut self, sizes: &[i32], kind: u8, buffer: usize) -> i32 {
        let fields = [(0, ints(sizes)), (1, Field::Byte(kind)), (2, Field::I32(buffer as i32))];
        self.tensors.push(table(fields));
        self.tensors.len() as i32 - 1
    }

    /// A tensor that an operator writes.
    pub(super) fn value(&mut self, sizes: &[i32]) -> i32 {
        self.tensor(sizes, 0, 0)
    }

    fn buffer(&mut self, content: Vec<u8>) -> usize {
        self.buffers.push(table([(0, Field::Vector(1, content))]));
        self.buffers.len() - 1
    }

    /// A tensor of these numbers.
    pub(super) fn constant(&mut self, sizes: &[i32], numbers: &[f32]) -> i32 {
        let buffer = self.buffer(numbers.iter().flat_map(|number| number.to_le_bytes()).collect());
        self.tensor(sizes, 0, buffer)
    }

    /// A tensor of these integers.
    pub(super) fn integers(&mut self, numbers: &[i32]) -> i32 {
        let buffer = self.buffer(numbers.iter().flat_map(|number| number.to_le_bytes()).collect());
        self.tensor(&[numbers.len() as i32], 2, buffer)
    }

    /// An operator of the schema's number `code`; its options are a kind and a table.
    pub(super) fn operator(&mut self, code: u8, inputs: &[i32], output: i32, options: Option<(u8, Fields)>) {
        self.codes.push(table([(0, Field::Byte(code)), (3, Field::I32(i32::from(code)))]));
        let mut fields = vec![(0, Field::I32(self.codes.len() as i32 - 1)), (1, ints(inputs)), (2, ints(&[output]))];
        if let Some((kind, options)) = options {
            fields.extend([(3, Field::Byte(kind)), (4, Field::Table(options))]);
        }
        self.operators.push(fields);
    }

    /// Likewise, to a new value of these sizes, which is then the network's output.
    pub(super) fn then(&mut self, code: u8, inputs: &[i32], sizes: &[i32], options: Option<(u8, Fields)>) -> i32 {
        let output = self.value(sizes);
        self.operator(code, inputs, output, options);
        self.output = output;
        output
    }

    /// The bytes of the file.
    pub(in crate::models) fn file(&self) -> Vec<u8> {
        let graph = table([
            (0, Field::Tables(self.tensors.clone())),
            (1, ints(&[self.input])),
            (2, ints(&[self.output])),
            (3, Field::Tables(self.operators.clone())),
        ]);
        let model = table([
            (0, Field::I32(self.version)),
            (1, Field::Tables(self.codes.clone())),
            (2, Field::Tables(vec![graph])),
            (4, Field::Tables(self.buffers.clone())),
        ]);
        build(*b"TFL3", &model)
    }
}

/// The options of a convolution: padding (0 for SAME), steps and the activation's slot and number.
pub(super) fn moves(same: bool, [down, right]: [i32; 2], activation: (usize, u8)) -> Fields {
    let padding = Field::Byte(u8::from(!same));
    table([(0, padding), (1, Field::I32(right)), (2, Field::I32(down)), (activation.0, Field::Byte(activation.1))])
}

/// Numbers from -1 to 1 that look random, the same at every run.
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

/// A sample with an input of two pictures of 5 rows, 4 columns and 3 channels.
pub(super) fn started() -> Sample {
    let mut sample = Sample::new();
    sample.input = sample.value(&[2, 5, 4, 3]);
    sample
}

/// The sample's output as one row a picture.
pub(super) fn flattened(mut sample: Sample, from: i32, count: i32) -> Sample {
    let shape = sample.integers(&[2, count]);
    sample.then(22, &[from, shape], &[2, count], None);
    sample
}

pub(super) fn activation(kind: u8, number: u8) -> Option<(u8, Fields)> {
    Some((kind, table([(0, Field::Byte(number))])))
}

/// PReLU in pieces of tensor `x` with so many channels; `turned` swaps the inputs of product and
/// sum.
pub(super) fn pieces(sample: &mut Sample, x: i32, sizes: &[i32], halves: &[f32], turned: [bool; 2]) -> i32 {
    let ordered = |turn: bool, a: i32, b: i32| if turn { [b, a] } else { [a, b] };
    let halves = sample.constant(&[halves.len() as i32], halves);
    let relu = sample.then(19, &[x], sizes, None);
    let absolute = sample.then(101, &[x], sizes, None);
    let difference = sample.then(41, &[x, absolute], sizes, None);
    let product = sample.then(18, &ordered(turned[0], halves, difference), sizes, activation(21, 0));
    sample.then(0, &ordered(turned[1], relu, product), sizes, None)
}

/// A network of most operators.
pub(in crate::models) fn whole() -> Sample {
    let mut sample = started();
    let (filters, bias) = (sample.constant(&[4, 3, 3, 3], &numbers(1, 108)), sample.constant(&[4], &numbers(2, 4)));
    let first = [sample.input, filters, bias];
    let x = sample.then(3, &first, &[2, 3, 2, 4], Some((1, moves(true, [2, 2], (3, 0)))));
    let x = pieces(&mut sample, x, &[2, 3, 2, 4], &numbers(3, 4), [false, false]);
    let (filters, bias) = (sample.constant(&[1, 3, 3, 4], &numbers(4, 36)), sample.constant(&[4], &numbers(5, 4)));
    let y = sample.then(4, &[x, filters, bias], &[2, 3, 2, 4], Some((2, moves(true, [1, 1], (4, 3)))));
    let y = sample.then(0, &[x, y], &[2, 3, 2, 4], activation(11, 1));
    let mut sample = flattened(sample, y, 24);
    let (matrix, bias) = (sample.constant(&[2, 24], &numbers(6, 48)), sample.constant(&[2], &numbers(7, 2)));
    let row = sample.output;
    sample.then(9, &[row, matrix, bias], &[2, 2], activation(8, 0));
    sample
}
