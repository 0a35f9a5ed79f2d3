//! The sizes that an ONNX file declares for its input, read and written.

use crate::onnx::proto::tensor_shape_proto::Dimension;
use crate::onnx::proto::tensor_shape_proto::dimension::Value;
use crate::onnx::proto::type_proto::Value as TypeValue;
use crate::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};
use prost::Message;

/// The declared sizes of the one input, `None` where any size is taken, and the outputs' names.
pub(crate) fn declared(onnx: &[u8]) -> Result<(Vec<Option<usize>>, Vec<String>), String> {
    let mut model = decode(onnx)?;
    let graph = graph(&mut model)?;
    let outputs = graph.output.iter().map(|output| output.name.clone()).collect();
    let size = |dimension: &Dimension| match dimension.value {
        Some(Value::DimValue(size)) => usize::try_from(size).ok().filter(|size| *size > 0),
        _ => None,
    };
    Ok((input_dimensions(graph)?.iter().map(size).collect(), outputs))
}

/// The same network for any number of pictures of any height and width.
pub(crate) fn open(onnx: &[u8]) -> Result<Vec<u8>, String> {
    let mut model = decode(onnx)?;
    let graph = graph(&mut model)?;
    let [batch, _, height, width] = input_dimensions(graph)?.as_mut_slice() else {
        return Err("the network's input has other than 4 dimensions".into());
    };
    for (dimension, name) in [(batch, "batch"), (height, "height"), (width, "width")] {
        dimension.value = Some(Value::DimParam(name.into()));
    }
    forget_sizes(graph);
    Ok(model.encode_to_vec())
}

/// Drops the sizes stated behind the input, so that they are worked out anew.
fn forget_sizes(graph: &mut GraphProto) {
    graph.value_info.clear();
    for output in &mut graph.output {
        if let Some(TypeValue::TensorType(tensor)) = output.r#type.as_mut().and_then(|kind| kind.value.as_mut()) {
            tensor.shape = None;
        }
    }
}

fn decode(onnx: &[u8]) -> Result<ModelProto, String> {
    ModelProto::decode(onnx).map_err(|error| format!("not an ONNX file: {error}"))
}

fn graph(model: &mut ModelProto) -> Result<&mut GraphProto, String> {
    model.graph.as_mut().ok_or_else(|| "the ONNX file has no graph".into())
}

fn input_dimensions(graph: &mut GraphProto) -> Result<&mut Vec<Dimension>, String> {
    let weights: Vec<&str> = graph.initializer.iter().map(|weight| weight.name.as_str()).collect();
    let mut inputs: Vec<&mut ValueInfoProto> =
        graph.input.iter_mut().filter(|input| !weights.contains(&input.name.as_str())).collect();
    let count = inputs.len();
    let Some(input) = inputs.pop().filter(|_| count == 1) else {
        return Err(format!("the network takes {count} inputs, expected 1"));
    };
    match input.r#type.as_mut().and_then(|kind| kind.value.as_mut()) {
        Some(TypeValue::TensorType(tensor)) => {
            tensor.shape.as_mut().map(|shape| &mut shape.dim).ok_or_else(|| "the network's input has no shape".into())
        }
        _ => Err("the network's input is not a tensor".into()),
    }
}
