//! Small `.espdl` files, for tests and fuzzing: the inverse of [`network`](super::network).

use crate::models::flatbuffer::builder::{Field, Fields, build, longs, table, text};

/// A file under construction.
#[derive(Debug, Clone)]
pub(in crate::models) struct Sample {
    pub(super) nodes: Vec<Fields>,
    pub(super) weights: Vec<Fields>,
    pub(super) input: [i64; 4],
    pub(super) output: Vec<i64>,
}

/// Filters in plain order: outputs, inputs, rows, columns.
#[derive(Debug, Clone)]
pub(super) struct Filters {
    pub(super) shape: [usize; 4],
    pub(super) values: Vec<i8>,
    pub(super) exponent: i64,
}

/// Integers that look random, the same at every run.
pub(super) fn integers(seed: u32, count: usize) -> Vec<i8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1].cast_signed()
    };
    (0..count).map(|_| next()).collect()
}

/// An attribute of integers.
pub(super) fn attribute(name: &str, values: &[i64]) -> Fields {
    table([(0, text(name)), (3, Field::I32(7)), (11, longs(values))])
}

/// An attribute of one integer.
pub(super) fn integer(name: &str, value: i64) -> Fields {
    table([(0, text(name)), (3, Field::I32(2)), (5, Field::I64(value))])
}

/// An attribute of one float.
pub(super) fn float(name: &str, value: f32) -> Fields {
    table([(0, text(name)), (3, Field::I32(1)), (4, Field::F32(value))])
}

/// An attribute of text.
pub(super) fn words(name: &str, value: &str) -> Fields {
    table([(0, text(name)), (3, Field::I32(3)), (6, Field::Vector(1, value.as_bytes().to_vec()))])
}

/// A weight as it stands in the file.
pub(super) fn weight(name: &str, sizes: &[i64], kind: i32, layout: &str, exponents: &[i64], content: &[u8]) -> Fields {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(16), 0xee);
    table([
        (0, longs(sizes)),
        (1, Field::I32(kind)),
        (6, text(name)),
        (7, text(&format!("layout ==> {layout}"))),
        (13, longs(exponents)),
        (8, Field::Vector(16, padded)),
    ])
}

/// One 8-bit integer a channel.
pub(super) fn slopes(name: &str, exponent: i64, values: &[i8]) -> Fields {
    let content: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
    weight(name, &[values.len() as i64, 1, 1], 3, "UNK", &[exponent], &content)
}

/// One 32-bit integer a channel.
pub(super) fn bias(name: &str, exponent: i64, values: &[i32]) -> Fields {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    weight(name, &[values.len() as i64], 6, "UNK", &[exponent], &content)
}

impl Filters {
    pub(super) fn new(seed: u32, shape: [usize; 4], exponent: i64) -> Self {
        Self { shape, values: integers(seed, shape.iter().product()), exponent }
    }

    /// As they stand in the file: blocks of 16 outputs.
    pub(super) fn packed(&self, name: &str, depthwise: bool) -> Fields {
        let [outputs, inputs, rows, columns] = self.shape;
        let mut content = vec![0; self.values.len()];
        for (place, value) in self.values.iter().enumerate() {
            let (column, row) = (place % columns, place / columns % rows);
            let (input, output) = (place / columns / rows % inputs, place / columns / rows / inputs);
            let at = (((output / 16 * rows + row) * columns + column) * inputs + input) * 16 + output % 16;
            content[at] = value.cast_unsigned();
        }
        let sizes = if depthwise { [rows, columns, outputs, inputs] } else { [rows, columns, inputs, outputs] };
        weight(name, &sizes.map(|size| size as i64), 3, "N16HWC16", &[self.exponent], &content)
    }

    /// In plain order as little-endian floats.
    #[cfg(test)]
    pub(super) fn floats(&self) -> Vec<u8> {
        let scale = (self.exponent as f32).exp2();
        self.values.iter().flat_map(|value| (f32::from(*value) * scale).to_le_bytes()).collect()
    }
}

impl Sample {
    /// Adds a node and gives its output's name, which is `to`.
    pub(super) fn node<'s>(&mut self, operator: &str, inputs: &[&str], to: &'s str, attributes: &[Fields]) -> &'s str {
        self.nodes.push(table([
            (0, Field::Texts(inputs.iter().map(|&input| input.to_owned()).collect())),
            (1, Field::Texts(vec![to.to_owned()])),
            (3, text(operator)),
            (5, Field::Tables(attributes.to_vec())),
        ]));
        to
    }

    /// The bytes of the file.
    pub(in crate::models) fn file(&self) -> Vec<u8> {
        let value = |name: &str, sizes: &[i64]| {
            let size = |size: &i64| table([(0, Field::Table(table([(0, Field::Byte(1)), (1, Field::I64(*size))])))]);
            let shape = table([(0, Field::Tables(sizes.iter().map(size).collect()))]);
            let kind = table([(0, Field::I32(3)), (1, Field::Table(shape))]);
            table([(0, text(name)), (1, Field::Table(table([(0, Field::Byte(1)), (1, Field::Table(kind))])))])
        };
        let graph = table([
            (0, Field::Tables(self.nodes.clone())),
            (4, Field::Tables(vec![value("input.1", &self.input)])),
            (5, Field::Tables(vec![value("output", &self.output)])),
            (2, Field::Tables(self.weights.clone())),
        ]);
        let buffers = build([0; 4], &table([(0, Field::I32(1)), (7, Field::Table(graph))]));
        let header = [*b"EDL2", [0; 4], (buffers.len() as u32).to_le_bytes(), [0; 4]];
        [header.as_flattened(), &buffers].concat()
    }
}

/// An empty network for pictures of 5 rows, 4 columns and 3 channels, as the file declares them.
pub(super) fn started(output: &[i64]) -> Sample {
    Sample { nodes: Vec::new(), weights: Vec::new(), input: [1, 5, 4, 3], output: output.to_vec() }
}

pub(super) fn moves(stride: i64, pads: [i64; 4], group: i64) -> Vec<Fields> {
    vec![
        attribute("strides", &[stride; 2]),
        attribute("pads", &pads),
        integer("group", group),
        words("activation", "Linear"),
    ]
}

pub(super) fn biases(seed: u32, count: usize) -> Vec<i32> {
    integers(seed, count).iter().map(|value| i32::from(*value) * 70_001).collect()
}

/// A network of all operators.
pub(in crate::models) fn whole() -> Sample {
    let mut sample = started(&[1, 16]);
    sample.weights = vec![
        Filters::new(1, [32, 3, 3, 3], -7).packed("first", false),
        bias("first bias", -12, &biases(2, 32)),
        slopes("slopes", -6, &integers(3, 32)),
        Filters::new(4, [32, 1, 3, 3], -3).packed("each", true),
        bias("each bias", -10, &biases(5, 32)),
        Filters::new(6, [16, 128, 1, 1], -10).packed("matrix", false),
        bias("matrix bias", -15, &biases(7, 16)),
    ];
    let x = sample.node("Conv", &["input.1", "first", "first bias"], "a", &moves(2, [0, 1, 1, 1], 1));
    let x = sample.node("PRelu", &[x, "slopes"], "b", &[]);
    let mut rectified = moves(1, [1; 4], 32);
    rectified[3] = words("activation", "Relu");
    let y = sample.node("Conv", &[x, "each", "each bias"], "c", &rectified);
    let x = sample.node("Add", &[x, y], "d", &[]);
    let x = sample.node("Relu", &[x], "e", &[]);
    let x = sample.node("Transpose", &[x], "f", &[attribute("perm", &[0, 3, 1, 2])]);
    let x = sample.node("Flatten", &[x], "g", &[integer("axis", 1)]);
    sample.node("Gemm", &[x, "matrix", "matrix bias"], "output", &[float("alpha", 1.0), float("beta", 1.0)]);
    sample
}
