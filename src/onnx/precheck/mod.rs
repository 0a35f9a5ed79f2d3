//! A look into an ONNX file before any runtime sees it.
//!
//! Runtimes trust what they load: they follow paths to other files, allocate what a shape claims
//! and read past data that is too short, and a graph can make them loop or allocate without end. What is refused here
//! never reaches them. A file that passes may still fail: whether operators fit together is left to the runtime.

mod bounds;
mod operators;
mod spatial;
mod tensors;

use std::collections::HashSet;

use crate::onnx::proto::{
    GraphProto, ModelProto, TypeProto, ValueInfoProto, tensor_proto, tensor_shape_proto, type_proto,
};
use prost::Message;

use crate::error::{Error, ErrorKind, Result};

/// The oldest set of operators that ONNX Runtime takes (version 7, of ONNX 1.2).
pub const MIN_OPSET: i64 = 7;

/// The newest set of operators that ONNX Runtime 1.24 takes, the oldest runtime that facevault
/// works with: it loads a model of version 25 and refuses one of 26.
pub const MAX_OPSET: i64 = 25;

/// Domains whose operators runtimes bring along.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// The most elements that one tensor may have: 1 GiB as `f32`.
const MAX_ELEMENTS: u64 = 1 << 28;

/// Operators that run graphs, as often as they like.
const CONTROL_FLOW: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// Where a picture's colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Picture, colour, row, column.
    Nchw,
    /// Picture, row, column, colour.
    Nhwc,
}

/// What an ONNX model says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The version of its operators.
    pub opset: i64,
    /// The name of its one input.
    pub input: String,
    /// The sides of the input, `None` where any is taken.
    pub shape: [Option<u64>; 4],
    /// Where the input has its three colours.
    pub layout: Layout,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// How many parameters (trained numbers) it has.
    pub parameters: u64,
}

/// Looks into the ONNX model `bytes`; `file` names it in errors.
///
/// # Errors
/// [`ErrorKind::ModelUnavailable`] with the reason where it is no ONNX model, keeps data in other
/// files, has operators of another age or domain, has a tensor whose data is not what its shape
/// says, claims a tensor of more than 2^28 elements, has another input than one `f32` picture
/// of three colours, decides by itself what to run (`If`, `Loop`, functions), makes a value of more than
/// 2^26 elements or of a size that only the run can tell, or makes more than 2^29 elements in all. Where any size of
/// input is taken, that is asked for 640 pixels a side.
pub fn precheck(file: &str, bytes: &[u8]) -> Result<Inspection> {
    let refused = |why: String| Error::new(ErrorKind::ModelUnavailable, format!("{file}: {why}"));
    let model = ModelProto::decode(bytes).map_err(|error| refused(format!("not an ONNX model: {error}")))?;
    inspect(&model).map_err(refused)
}

fn inspect(model: &ModelProto) -> Result<Inspection, String> {
    let graph = model.graph.as_ref().ok_or("not an ONNX model: it has no graph")?;
    if graph.node.is_empty() || graph.output.is_empty() {
        return Err("the graph has no operators or no outputs".to_owned());
    }
    let opset = opset(model)?;
    let mut walk = Walk::of(model);
    walk.graph(graph)?;
    for function in &model.functions {
        walk.nodes(&function.node)?;
    }
    // A few that call each other stand for any number of operators.
    if !model.functions.is_empty() {
        return Err("the model has functions of its own, which are not taken: export it with them put in".to_owned());
    }
    let (input, shape) = input(graph)?;
    let layout = match shape {
        [_, Some(3), _, _] => Layout::Nchw,
        [_, _, _, Some(3)] => Layout::Nhwc,
        [_, None, _, _] => Layout::Nchw,
        _ => return Err(format!("the input {input:?} has {}, expected a picture of 3 colours", sides(&shape))),
    };
    bounds::check(graph, opset)?;
    let outputs = graph.output.iter().map(|output| output.name.clone()).collect();
    Ok(Inspection { opset, input, shape, layout, outputs, parameters: walk.parameters })
}

fn opset(model: &ModelProto) -> Result<i64, String> {
    let version = model
        .opset_import
        .iter()
        .find(|import| matches!(import.domain.as_str(), "" | "ai.onnx"))
        .ok_or("the model does not say of which version its operators are")?
        .version;
    if (MIN_OPSET..=MAX_OPSET).contains(&version) {
        Ok(version)
    } else {
        Err(format!("the operators are of version {version}, expected {MIN_OPSET} to {MAX_OPSET}"))
    }
}

/// The one input that is no initializer: old models list those as inputs, too.
fn input(graph: &GraphProto) -> Result<(String, [Option<u64>; 4]), String> {
    let initialized: HashSet<_> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut inputs = graph.input.iter().filter(|input| !initialized.contains(input.name.as_str()));
    let (Some(input), None) = (inputs.next(), inputs.next()) else {
        return Err("the model has not exactly one input".to_owned());
    };
    let name = &input.name;
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(format!("the input {name:?} is not a tensor"));
    };
    if tensor.elem_type != tensor_proto::DataType::Float as i32 {
        return Err(format!("the input {name:?} is not of 32-bit floats"));
    }
    let shape = tensor.shape.as_ref().map(known_sides).unwrap_or_default();
    let shape = shape
        .try_into()
        .map_err(|shape: Vec<_>| format!("the input {name:?} has {} dimensions, expected 4", shape.len()))?;
    Ok((name.clone(), shape))
}

/// The sides that are stated; names, 0 and negative numbers stand for any.
fn known_sides(shape: &crate::onnx::proto::TensorShapeProto) -> Vec<Option<u64>> {
    let side = |dimension: &tensor_shape_proto::Dimension| match dimension.value {
        Some(tensor_shape_proto::dimension::Value::DimValue(side)) => u64::try_from(side).ok().filter(|side| *side > 0),
        _ => None,
    };
    shape.dim.iter().map(side).collect()
}

fn sides(shape: &[Option<u64>]) -> String {
    let shown: Vec<_> = shape.iter().map(|side| side.map_or("?".to_owned(), |side| side.to_string())).collect();
    shown.join("x")
}

/// One pass over all operators and tensors, those of inner graphs included.
struct Walk<'a> {
    /// Domains of the model's own functions.
    functions: HashSet<&'a str>,
    parameters: u64,
}

impl<'a> Walk<'a> {
    fn of(model: &'a ModelProto) -> Self {
        Self { functions: model.functions.iter().map(|function| function.domain.as_str()).collect(), parameters: 0 }
    }

    fn graph(&mut self, graph: &GraphProto) -> Result<(), String> {
        for tensor in &graph.initializer {
            self.parameters += tensors::check(tensor)?;
        }
        for tensor in &graph.sparse_initializer {
            self.parameters += tensors::check_sparse(tensor)?;
        }
        for value in graph.input.iter().chain(&graph.output).chain(&graph.value_info) {
            claim(value)?;
        }
        self.nodes(&graph.node)
    }

    fn nodes(&mut self, nodes: &[crate::onnx::proto::NodeProto]) -> Result<(), String> {
        for node in nodes {
            let domain = node.domain.as_str();
            if !DOMAINS.contains(&domain) && !self.functions.contains(domain) {
                return Err(format!("the operator {} is of the unknown domain {domain:?}", node.op_type));
            }
            for attribute in &node.attribute {
                for tensor in attribute.t.iter().chain(&attribute.tensors) {
                    tensors::check(tensor)?;
                }
                for tensor in attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors) {
                    tensors::check_sparse(tensor)?;
                }
                for graph in attribute.g.iter().chain(&attribute.graphs) {
                    self.graph(graph)?;
                }
            }
            // A loop cannot be interrupted, and nothing says how often it runs.
            let has_graphs =
                node.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty());
            if has_graphs || CONTROL_FLOW.contains(&node.op_type.as_str()) {
                let message = format!("the operator {} runs graphs of its own, which is not taken", node.op_type);
                return Err(message);
            }
        }
        Ok(())
    }
}

/// Checks that the number of elements that a value's type claims is possible.
fn claim(value: &ValueInfoProto) -> Result<(), String> {
    let Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), .. }) = &value.r#type else {
        return Ok(());
    };
    let known = tensor.shape.as_ref().map(known_sides).unwrap_or_default();
    let elements = known.iter().flatten().try_fold(1_u64, |product, side| product.checked_mul(*side));
    match elements {
        Some(elements) if elements <= MAX_ELEMENTS => Ok(()),
        _ => Err(format!("{:?} claims {} elements, at most {MAX_ELEMENTS} are taken", value.name, sides(&known))),
    }
}

#[cfg(test)]
mod tests;
