//! Writes ONNX files: one chain of operators after the other, with their weights.
//!
//! Only what facevault's converters need, in the forms that ONNX Runtime runs well:
//! operator set 13, weights as raw little-endian `f32`, one input and one output.

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::tensor_proto::DataType;
use crate::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};
use prost::Message;

/// The version of the file format; 7 is the one that came with operator set 13's time.
const IR_VERSION: i64 = 7;
const OPERATOR_SET: i64 = 13;

/// One dimension of the input or output.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// Always this size.
    Fixed(usize),
    /// Any size; equal names stand for equal sizes.
    Any(&'static str),
}

/// A tensor inside the graph under construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(String);

/// A convolution's weights and geometry.
#[derive(Debug)]
pub(crate) struct Convolution {
    /// Output channels, input channels of one group, rows and columns of a filter.
    pub(crate) shape: [usize; 4],
    /// The filters as little-endian `f32`, in that order.
    pub(crate) filters: Vec<u8>,
    /// One number an output channel, as little-endian `f32`.
    pub(crate) bias: Vec<u8>,
    /// The geometry.
    pub(crate) window: Window,
    /// The number of groups of channels that are convolved separately; 1 for an ordinary convolution.
    pub(crate) groups: usize,
}

/// How a convolution or pooling moves over its input; each pair is rows, then columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The window's size.
    pub(crate) size: [usize; 2],
    /// Its steps.
    pub(crate) stride: [usize; 2],
    /// Zeros around the input, the same at both ends.
    pub(crate) padding: [usize; 2],
    /// Further zeros below and to the right.
    pub(crate) extra: [usize; 2],
}

/// An ONNX graph under construction.
pub(crate) struct GraphWriter {
    graph: GraphProto,
}

impl GraphWriter {
    /// A graph called `name` that takes `input`.
    pub(crate) fn new(name: &str, input: &str, sizes: &[Size]) -> (Self, Value) {
        let graph =
            GraphProto { name: name.to_owned(), input: vec![value_info(input, sizes)], ..GraphProto::default() };
        (Self { graph }, Value(input.to_owned()))
    }

    /// A convolution with bias.
    pub(crate) fn convolution(&mut self, input: &Value, convolution: Convolution) -> Value {
        let [outputs, ..] = convolution.shape;
        let filters = self.weights("filters", &convolution.shape, DataType::Float, convolution.filters);
        let bias = self.weights("bias", &[outputs], DataType::Float, convolution.bias);
        let mut attributes = window_attributes(convolution.window);
        if convolution.groups != 1 {
            attributes.push(integer("group", convolution.groups as i64));
        }
        self.node("Conv", &[input, &filters, &bias], attributes)
    }

    /// `max(0, x)`.
    pub(crate) fn relu(&mut self, input: &Value) -> Value {
        self.node("Relu", &[input], Vec::new())
    }

    /// `min(limit, max(0, x))`.
    pub(crate) fn relu_up_to(&mut self, input: &Value, limit: f32) -> Value {
        let least = self.weights("least", &[], DataType::Float, 0f32.to_le_bytes().to_vec());
        let most = self.weights("most", &[], DataType::Float, limit.to_le_bytes().to_vec());
        self.node("Clip", &[input, &least, &most], Vec::new())
    }

    /// `x` where it is positive, else `slope * x`. The slopes have the shape `dims`, which is
    /// repeated over the input's.
    pub(crate) fn prelu(&mut self, input: &Value, dims: &[usize], slopes: Vec<u8>) -> Value {
        let slopes = self.weights("slopes", dims, DataType::Float, slopes);
        self.node("PRelu", &[input, &slopes], Vec::new())
    }

    /// `max(x, -x)`.
    pub(crate) fn absolute(&mut self, input: &Value) -> Value {
        self.node("Abs", &[input], Vec::new())
    }

    /// The sum of two tensors of the same shape, or of shapes that can be repeated into one.
    pub(crate) fn add(&mut self, left: &Value, right: &Value) -> Value {
        self.node("Add", &[left, right], Vec::new())
    }

    /// Likewise, the left less the right.
    pub(crate) fn subtract(&mut self, left: &Value, right: &Value) -> Value {
        self.node("Sub", &[left, right], Vec::new())
    }

    /// Likewise, number times number.
    pub(crate) fn times(&mut self, left: &Value, right: &Value) -> Value {
        self.node("Mul", &[left, right], Vec::new())
    }

    /// Numbers that do not depend on the input, as little-endian `f32`.
    pub(crate) fn constant(&mut self, dims: &[usize], numbers: Vec<u8>) -> Value {
        self.weights("constant", dims, DataType::Float, numbers)
    }

    /// The largest value of each window.
    pub(crate) fn max_pool(&mut self, input: &Value, window: Window) -> Value {
        self.node("MaxPool", &[input], window_attributes(window))
    }

    /// The mean of each window.
    pub(crate) fn average_pool(&mut self, input: &Value, window: Window) -> Value {
        self.node("AveragePool", &[input], window_attributes(window))
    }

    /// The mean of each channel: batch and channels remain.
    pub(crate) fn global_average(&mut self, input: &Value) -> Value {
        let pooled = self.channel_means(input);
        self.flatten(&pooled)
    }

    /// The mean of each channel as a picture of one pixel.
    pub(crate) fn channel_means(&mut self, input: &Value) -> Value {
        self.node("GlobalAveragePool", &[input], Vec::new())
    }

    /// All numbers of a picture in one row: channel after channel, each row after row.
    pub(crate) fn flatten(&mut self, input: &Value) -> Value {
        self.node("Flatten", &[input], vec![integer("axis", 1)])
    }

    /// Pictures of rows, columns and channels from those of channels, rows and columns.
    pub(crate) fn channels_last(&mut self, input: &Value) -> Value {
        self.node("Transpose", &[input], vec![integers("perm", &[0, 2, 3, 1])])
    }

    /// Divides by the Euclidean length over dimension 1.
    pub(crate) fn unit_length(&mut self, input: &Value) -> Value {
        self.node("LpNormalization", &[input], vec![integer("axis", 1), integer("p", 2)])
    }

    /// Zeros behind the last channel, row and column.
    pub(crate) fn pad_end(&mut self, input: &Value, channels: usize, rows: usize, columns: usize) -> Value {
        let pads: Vec<u8> =
            [0, 0, 0, 0, 0, channels, rows, columns].iter().flat_map(|n| (*n as i64).to_le_bytes()).collect();
        let pads = self.weights("pads", &[8], DataType::Int64, pads);
        self.node("Pad", &[input, &pads], Vec::new())
    }

    /// Rows of `input` times a matrix of `rows` x `columns`.
    pub(crate) fn multiply(&mut self, input: &Value, rows: usize, columns: usize, matrix: Vec<u8>) -> Value {
        let matrix = self.weights("matrix", &[rows, columns], DataType::Float, matrix);
        self.node("MatMul", &[input, &matrix], Vec::new())
    }

    /// Rows of `input` times the transpose of a matrix of `outputs` x `inputs`, plus a bias.
    pub(crate) fn fully_connected(
        &mut self,
        input: &Value,
        [outputs, inputs]: [usize; 2],
        matrix: Vec<u8>,
        bias: Vec<u8>,
    ) -> Value {
        let matrix = self.weights("matrix", &[outputs, inputs], DataType::Float, matrix);
        let bias = self.weights("bias", &[outputs], DataType::Float, bias);
        self.node("Gemm", &[input, &matrix, &bias], vec![integer("transB", 1)])
    }

    /// The ONNX file whose one output is `output`, under the given name.
    pub(crate) fn finish(mut self, output: &Value, name: &str, sizes: &[Size]) -> Vec<u8> {
        for node in &mut self.graph.node {
            for value in node.input.iter_mut().chain(&mut node.output).filter(|value| **value == output.0) {
                name.clone_into(value);
            }
        }
        self.graph.output = vec![value_info(name, sizes)];
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPERATOR_SET }],
            graph: Some(self.graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }

    fn node(&mut self, operator: &str, inputs: &[&Value], attribute: Vec<AttributeProto>) -> Value {
        let output = format!("{}_{}", operator.to_ascii_lowercase(), self.graph.node.len());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![output.clone()],
            name: output.clone(),
            op_type: operator.to_owned(),
            attribute,
            ..NodeProto::default()
        });
        Value(output)
    }

    fn weights(&mut self, role: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> Value {
        let name = format!("{role}_{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|size| *size as i64).collect(),
            data_type: kind as i32,
            name: name.clone(),
            raw_data,
            ..TensorProto::default()
        });
        Value(name)
    }
}

fn window_attributes(window: Window) -> Vec<AttributeProto> {
    let ([top, left], [below, right]) = (window.padding, window.extra);
    vec![
        integers("kernel_shape", &window.size),
        integers("strides", &window.stride),
        integers("pads", &[top, left, top + below, left + right]),
    ]
}

pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i: value, ..AttributeProto::default() }
}

pub(crate) fn integers(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.iter().map(|value| *value as i64).collect(),
        ..AttributeProto::default()
    }
}

fn value_info(name: &str, sizes: &[Size]) -> ValueInfoProto {
    let dimension = |size: &Size| Dimension {
        value: Some(match size {
            Size::Fixed(size) => dimension::Value::DimValue(*size as i64),
            Size::Any(name) => dimension::Value::DimParam((*name).to_owned()),
        }),
        ..Dimension::default()
    };
    let shape = TensorShapeProto { dim: sizes.iter().map(dimension).collect() };
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() }),
    }
}
