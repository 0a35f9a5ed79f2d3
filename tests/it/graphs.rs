//! Builds small ONNX graphs with made-up weights, for tests that load or rewrite graphs.

use facevault::onnx::proto::attribute_proto::AttributeType;
use facevault::onnx::proto::tensor_proto::DataType;
use facevault::onnx::proto::tensor_shape_proto::Dimension;
use facevault::onnx::proto::tensor_shape_proto::dimension::Value as Size;
use facevault::onnx::proto::type_proto::{Tensor, Value};
use facevault::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};
use prost::Message;

/// A convolution's sizes; depthwise where `group` is not 1.
pub(crate) struct Window {
    pub(crate) channels: (usize, usize),
    pub(crate) kernel: usize,
    pub(crate) stride: i64,
    pub(crate) pad: i64,
    pub(crate) group: usize,
}

impl Window {
    pub(crate) fn new(from: usize, to: usize, kernel: usize) -> Self {
        Self { channels: (from, to), kernel, stride: 1, pad: (kernel / 2) as i64, group: 1 }
    }

    pub(crate) fn depthwise(channels: usize, kernel: usize) -> Self {
        Self { group: channels, ..Self::new(channels, channels, kernel) }
    }
}

/// A graph under construction, of one input called `input`.
pub(crate) struct Net {
    pub(crate) graph: GraphProto,
    random: u64,
}

impl Net {
    /// A graph whose input has these sizes, any where none is given.
    pub(crate) fn new(sizes: [Option<i64>; 4]) -> Self {
        let mut net = Self { graph: GraphProto { name: "test".into(), ..GraphProto::default() }, random: 7 };
        net.graph.input.push(value("input", &sizes));
        net
    }

    /// The next of a fixed sequence of numbers from -1 to 1.
    pub(crate) fn number(&mut self) -> f32 {
        // Knuth's multiplier for 64 bits.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, dims: &[usize], data: &[f32]) -> String {
        let raw = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(dims, DataType::Float, raw)
    }

    pub(crate) fn integers(&mut self, data: &[i64]) -> String {
        let raw = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&[data.len()], DataType::Int64, raw)
    }

    /// A single index, as `Gather` takes it.
    pub(crate) fn index(&mut self, index: i64) -> String {
        self.constant(&[], DataType::Int64, index.to_le_bytes().to_vec())
    }

    fn constant(&mut self, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        let name = format!("weight {}", self.graph.initializer.len());
        let dims = dims.iter().map(|size| *size as i64).collect();
        let tensor =
            TensorProto { name: name.clone(), dims, data_type: kind as i32, raw_data, ..TensorProto::default() };
        self.graph.initializer.push(tensor);
        name
    }

    /// Made-up weights.
    pub(crate) fn weights(&mut self, dims: &[usize]) -> String {
        let data: Vec<f32> = (0..dims.iter().product()).map(|_| self.number()).collect();
        self.floats(dims, &data)
    }

    pub(crate) fn node(&mut self, kind: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = format!("value {}", self.graph.node.len());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.clone()],
            name: format!("node {}", self.graph.node.len()),
            op_type: kind.to_owned(),
            attribute: attributes,
            ..NodeProto::default()
        });
        output
    }

    /// A convolution whose numbers stay about as large as its input's.
    pub(crate) fn conv(&mut self, input: &str, window: &Window) -> String {
        let Window { channels: (from, to), kernel, stride, pad, group } = *window;
        let dims = [to, from / group, kernel, kernel];
        let count: usize = dims.iter().product();
        let size = (3.0 / (count / to) as f32).sqrt();
        let data: Vec<f32> = (0..count).map(|_| size * self.number()).collect();
        let (weight, bias) = (self.floats(&dims, &data), self.weights(&[to]));
        let kernel = kernel as i64;
        let attributes = vec![
            ints("kernel_shape", &[kernel; 2]),
            ints("strides", &[stride; 2]),
            ints("pads", &[pad; 4]),
            int("group", group as i64),
        ];
        self.node("Conv", &[input, &weight, &bias], attributes)
    }

    /// PReLU with these slopes, one a channel.
    pub(crate) fn prelu(&mut self, input: &str, slopes: &[f32]) -> String {
        let slopes = self.floats(&[slopes.len(), 1, 1], slopes);
        self.node("PRelu", &[input, &slopes], vec![])
    }

    /// The file, with these outputs of these numbers of dimensions.
    pub(crate) fn finish(mut self, outputs: &[(&str, usize)], opset: i64) -> Vec<u8> {
        self.graph.output = outputs.iter().map(|(name, rank)| value(name, &vec![None; *rank])).collect();
        self.encode(opset)
    }

    /// The file, with the outputs that the graph has.
    pub(crate) fn encode(self, opset: i64) -> Vec<u8> {
        let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
        ModelProto { ir_version: 8, opset_import, graph: Some(self.graph), ..ModelProto::default() }.encode_to_vec()
    }
}

/// A tensor of 32-bit floats by its name and sizes.
pub(crate) fn value(name: &str, sizes: &[Option<i64>]) -> ValueInfoProto {
    let dimension = |(place, size): (usize, &Option<i64>)| Dimension {
        value: Some(size.map_or(Size::DimParam(format!("{name} {place}")), Size::DimValue)),
        ..Dimension::default()
    };
    let shape = Some(TensorShapeProto { dim: sizes.iter().enumerate().map(dimension).collect() });
    let tensor = Value::TensorType(Tensor { elem_type: DataType::Float as i32, shape });
    let r#type = Some(TypeProto { value: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: name.to_owned(), r#type }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i, ..AttributeProto::default() }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let (r#type, ints) = (AttributeType::Ints as i32, values.to_vec());
    AttributeProto { name: name.to_owned(), r#type, ints, ..AttributeProto::default() }
}

pub(crate) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Float as i32, f, ..AttributeProto::default() }
}

pub(crate) fn text(name: &str, s: &str) -> AttributeProto {
    let (r#type, s) = (AttributeType::String as i32, s.as_bytes().to_vec());
    AttributeProto { name: name.to_owned(), r#type, s, ..AttributeProto::default() }
}
