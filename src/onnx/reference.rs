//! Runs small graphs by the definitions of their operators, for tests that need no runtime.

use std::collections::HashMap;

use prost::Message;

use super::proto::{ModelProto, NodeProto, TensorProto};

/// A tensor of rows of numbers, the last dimension fastest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) sizes: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Tensor {
    pub(crate) fn new(sizes: &[usize], values: &[f32]) -> Self {
        assert_eq!(sizes.iter().product::<usize>(), values.len(), "{sizes:?}");
        Self { sizes: sizes.to_vec(), values: values.to_vec() }
    }

    fn of(proto: &TensorProto) -> Self {
        let sizes: Vec<usize> = proto.dims.iter().map(|size| *size as usize).collect();
        let values = match proto.data_type {
            1 if proto.float_data.is_empty() => {
                proto.raw_data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            1 => proto.float_data.clone(),
            7 if proto.int64_data.is_empty() => {
                proto.raw_data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f32).collect()
            }
            7 => proto.int64_data.iter().map(|value| *value as f32).collect(),
            other => panic!("{}: a tensor of type {other}", proto.name),
        };
        Self { sizes, values }
    }

    fn map(&self, change: impl Fn(f32) -> f32) -> Self {
        Self { sizes: self.sizes.clone(), values: self.values.iter().map(|value| change(*value)).collect() }
    }

    /// The value at a place of a larger shape, sizes of 1 repeated and missing ones in front.
    fn repeated(&self, place: &[usize]) -> f32 {
        let skipped = place.len() - self.sizes.len();
        let at = self.sizes.iter().zip(&place[skipped..]).fold(0, |at, (size, p)| at * size + p.min(&(size - 1)));
        self.values[at]
    }

    fn with(&self, other: &Self, join: impl Fn(f32, f32) -> f32) -> Self {
        let rank = self.sizes.len().max(other.sizes.len());
        let size =
            |of: &Self, i: usize| if i + of.sizes.len() < rank { 1 } else { of.sizes[i + of.sizes.len() - rank] };
        let sizes: Vec<usize> = (0..rank).map(|i| size(self, i).max(size(other, i))).collect();
        let values = places(&sizes).map(|place| join(self.repeated(&place), other.repeated(&place))).collect();
        Self { sizes, values }
    }

    /// The picture's value, `outside` beyond its borders.
    fn pixel(&self, [n, c, y, x]: [isize; 4], outside: f32) -> f32 {
        let [_, channels, rows, columns] = self.four();
        if y < 0 || x < 0 || y >= rows as isize || x >= columns as isize {
            return outside;
        }
        self.values[((n as usize * channels + c as usize) * rows + y as usize) * columns + x as usize]
    }

    fn four(&self) -> [usize; 4] {
        self.sizes.clone().try_into().expect("a tensor of four dimensions")
    }
}

/// All places of a shape, in order.
fn places(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let sizes = sizes.to_vec();
    (0..sizes.iter().product()).map(move |mut at: usize| {
        let mut place = vec![0; sizes.len()];
        for (i, size) in sizes.iter().enumerate().rev() {
            place[i] = at % size;
            at /= size;
        }
        place
    })
}

/// The first output of an ONNX file for one input.
pub(crate) fn run(onnx: &[u8], input: &Tensor) -> Tensor {
    let graph = ModelProto::decode(onnx).expect("an ONNX file").graph.expect("a graph");
    let mut values: HashMap<String, Tensor> =
        graph.initializer.iter().map(|weight| (weight.name.clone(), Tensor::of(weight))).collect();
    values.insert(graph.input[0].name.clone(), input.clone());
    for node in &graph.node {
        let inputs: Vec<&Tensor> = node.input.iter().map(|name| &values[name]).collect();
        let output = operate(node, &inputs);
        values.insert(node.output[0].clone(), output);
    }
    values.remove(&graph.output[0].name).expect("the output")
}

fn operate(node: &NodeProto, inputs: &[&Tensor]) -> Tensor {
    let input = inputs[0];
    match node.op_type.as_str() {
        "Abs" => input.map(f32::abs),
        "Relu" => input.map(|v| v.max(0.0)),
        "Clip" => input.map(|v| v.clamp(inputs[1].values[0], inputs[2].values[0])),
        "PRelu" => input.with(inputs[1], |v, slope| if v < 0.0 { v * slope } else { v }),
        "Add" => input.with(inputs[1], |a, b| a + b),
        "Sub" => input.with(inputs[1], |a, b| a - b),
        "Mul" => input.with(inputs[1], |a, b| a * b),
        "Conv" => convolution(node, inputs),
        "MaxPool" => pool(node, input, |seen| seen.iter().copied().fold(f32::MIN, f32::max)),
        "AveragePool" => pool(node, input, |seen| seen.iter().sum::<f32>() / seen.len() as f32),
        "GlobalAveragePool" => {
            let [n, c, rows, columns] = input.four();
            let mean = |map: &[f32]| map.iter().sum::<f32>() / map.len() as f32;
            Tensor::new(&[n, c, 1, 1], &input.values.chunks(rows * columns).map(mean).collect::<Vec<_>>())
        }
        "Flatten" => Tensor::new(&[input.sizes[0], input.values.len() / input.sizes[0]], &input.values),
        "Reshape" => {
            let known: usize = inputs[1].values.iter().filter(|v| **v > 0.0).map(|v| *v as usize).product();
            let size = |(i, v): (usize, &f32)| match *v as isize {
                0 => input.sizes[i],
                -1 => {
                    let kept: usize = inputs[1]
                        .values
                        .iter()
                        .zip(&input.sizes)
                        .filter(|(v, _)| **v == 0.0)
                        .map(|(_, s)| *s)
                        .product();
                    input.values.len() / known / kept
                }
                size => size as usize,
            };
            Tensor::new(&inputs[1].values.iter().enumerate().map(size).collect::<Vec<_>>(), &input.values)
        }
        "Transpose" => transpose(input, &integers(node, "perm").iter().map(|axis| *axis as usize).collect::<Vec<_>>()),
        "LpNormalization" => unit_length(input),
        "Pad" => pad(input, &inputs[1].values.iter().map(|v| *v as usize).collect::<Vec<_>>()),
        "MatMul" => product(input, inputs[1], false),
        "Gemm" => {
            let transposed = integers(node, "transB").first() == Some(&1);
            product(input, inputs[1], transposed).with(inputs[2], |a, b| a + b)
        }
        other => panic!("the operator {other} is not known here"),
    }
}

fn integers(node: &NodeProto, name: &str) -> Vec<isize> {
    let found = node.attribute.iter().find(|attribute| attribute.name == name);
    let values = |attribute: &super::proto::AttributeProto| {
        if attribute.ints.is_empty() { vec![attribute.i] } else { attribute.ints.clone() }
    };
    found.map(values).unwrap_or_default().into_iter().map(|value| value as isize).collect()
}

struct Steps {
    size: [usize; 2],
    stride: [isize; 2],
    before: [isize; 2],
    output: [usize; 2],
}

impl Steps {
    fn of(node: &NodeProto, size: [usize; 2], rows: usize, columns: usize) -> Self {
        let strides = integers(node, "strides");
        let stride = if strides.is_empty() { [1, 1] } else { [strides[0], strides[1]] };
        let pads = integers(node, "pads");
        let pads = if pads.is_empty() { vec![0; 4] } else { pads };
        let count = |side: usize, i: usize| {
            ((side as isize + pads[i] + pads[i + 2] - size[i] as isize) / stride[i] + 1) as usize
        };
        Self { size, stride, before: [pads[0], pads[1]], output: [count(rows, 0), count(columns, 1)] }
    }
}

fn convolution(node: &NodeProto, inputs: &[&Tensor]) -> Tensor {
    let [n, channels, rows, columns] = inputs[0].four();
    let [outputs, each, height, width] = inputs[1].four();
    let steps = Steps::of(node, [height, width], rows, columns);
    let groups = integers(node, "group").first().map_or(1, |group| *group as usize);
    assert_eq!(channels, each * groups);
    let sizes = [n, outputs, steps.output[0], steps.output[1]];
    let at = |place: Vec<usize>| {
        let [n, o, y, x] = place.try_into().expect("four");
        let mut sum = inputs.get(2).map_or(0.0, |bias| bias.values[o]);
        for tap in places(&[each, height, width]) {
            let c = o / (outputs / groups) * each + tap[0];
            let row = y as isize * steps.stride[0] - steps.before[0] + tap[1] as isize;
            let column = x as isize * steps.stride[1] - steps.before[1] + tap[2] as isize;
            let weight = inputs[1].values[((o * each + tap[0]) * height + tap[1]) * width + tap[2]];
            sum += weight * inputs[0].pixel([n as isize, c as isize, row, column], 0.0);
        }
        sum
    };
    Tensor { sizes: sizes.to_vec(), values: places(&sizes).map(at).collect() }
}

fn pool(node: &NodeProto, input: &Tensor, join: impl Fn(&[f32]) -> f32) -> Tensor {
    let [n, channels, rows, columns] = input.four();
    let size = integers(node, "kernel_shape");
    let steps = Steps::of(node, [size[0] as usize, size[1] as usize], rows, columns);
    let sizes = [n, channels, steps.output[0], steps.output[1]];
    let at = |place: Vec<usize>| {
        let seen: Vec<f32> = places(&steps.size)
            .map(|tap| {
                let row = place[2] as isize * steps.stride[0] - steps.before[0] + tap[0] as isize;
                let column = place[3] as isize * steps.stride[1] - steps.before[1] + tap[1] as isize;
                input.pixel([place[0] as isize, place[1] as isize, row, column], f32::NAN)
            })
            .filter(|value| !value.is_nan())
            .collect();
        join(&seen)
    };
    Tensor { sizes: sizes.to_vec(), values: places(&sizes).map(at).collect() }
}

fn pad(input: &Tensor, pads: &[usize]) -> Tensor {
    let rank = input.sizes.len();
    let sizes: Vec<usize> = (0..rank).map(|i| input.sizes[i] + pads[i] + pads[i + rank]).collect();
    let at = |place: Vec<usize>| {
        let inner: Option<Vec<usize>> =
            (0..rank).map(|i| place[i].checked_sub(pads[i]).filter(|at| *at < input.sizes[i])).collect();
        inner.map_or(0.0, |inner| input.repeated(&inner))
    };
    Tensor { values: places(&sizes).map(at).collect(), sizes }
}

fn transpose(input: &Tensor, axes: &[usize]) -> Tensor {
    let sizes: Vec<usize> = axes.iter().map(|axis| input.sizes[*axis]).collect();
    let at = |place: Vec<usize>| {
        let mut from = vec![0; place.len()];
        axes.iter().zip(&place).for_each(|(axis, p)| from[*axis] = *p);
        input.repeated(&from)
    };
    Tensor { values: places(&sizes).map(at).collect(), sizes }
}

/// Divides by the Euclidean length over dimension 1.
fn unit_length(input: &Tensor) -> Tensor {
    let squares = |mut place: Vec<usize>| {
        (0..input.sizes[1])
            .map(|c| {
                place[1] = c;
                input.repeated(&place).powi(2)
            })
            .sum::<f32>()
    };
    let at = |place: Vec<usize>| input.repeated(&place) / squares(place).sqrt();
    Tensor { values: places(&input.sizes).map(at).collect(), sizes: input.sizes.clone() }
}

fn product(left: &Tensor, right: &Tensor, transposed: bool) -> Tensor {
    let (rows, inner) = (left.sizes[0], left.sizes[1]);
    let columns = if transposed { right.sizes[0] } else { right.sizes[1] };
    let weight =
        |i: usize, column: usize| right.values[if transposed { column * inner + i } else { i * columns + column }];
    let at = |place: Vec<usize>| (0..inner).map(|i| left.values[place[0] * inner + i] * weight(i, place[1])).sum();
    let sizes = vec![rows, columns];
    Tensor { values: places(&sizes).map(at).collect(), sizes }
}
