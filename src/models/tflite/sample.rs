//! Small `.tflite` files, for tests: the inverse of [`network`](super::network).

use crate::models::flatbuffer::builder::{Field, Fields, build, ints, table};

/// A file under construction: tensors and operators by their numbers.
#[derive(Debug, Default, Clone)]
pub(super) struct Sample {
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
    pub(super) fn file(&self) -> Vec<u8> {
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
