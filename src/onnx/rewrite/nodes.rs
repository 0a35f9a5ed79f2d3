//! What rules read of nodes and values, and the nodes that they make.

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::tensor_shape_proto::Dimension;
use crate::onnx::proto::tensor_shape_proto::dimension::Value as DimensionValue;
use crate::onnx::proto::type_proto::Value as TypeValue;
use crate::onnx::proto::{AttributeProto, NodeProto, ValueInfoProto};

/// The type stated for a value.
pub(super) fn value_type(value: &ValueInfoProto) -> Option<&TypeValue> {
    value.r#type.as_ref()?.value.as_ref()
}

/// The sizes stated for an input or output.
pub(super) fn stated_dimensions(value: &mut ValueInfoProto) -> Option<&mut Vec<Dimension>> {
    let TypeValue::TensorType(tensor) = value.r#type.as_mut()?.value.as_mut()?;
    tensor.shape.as_mut().map(|shape| &mut shape.dim)
}

/// The sizes stated for an input, none where any is taken.
pub(super) fn stated_sizes(value: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let TypeValue::TensorType(tensor) = value_type(value)?;
    let size = |dimension: &Dimension| match dimension.value {
        Some(DimensionValue::DimValue(size)) => usize::try_from(size).ok().filter(|size| *size > 0),
        _ => None,
    };
    Some(tensor.shape.as_ref()?.dim.iter().map(size).collect())
}

/// The first size stated for an input, where it is a number.
pub(super) fn stated_batch(value: &ValueInfoProto) -> Option<usize> {
    stated_sizes(value)?.first().copied().flatten()
}

/// A node of a standard operator.
pub(super) fn node(kind: &str, name: String, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        name,
        op_type: kind.to_owned(),
        ..NodeProto::default()
    }
}

pub(super) fn integer_attribute(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i: value, ..AttributeProto::default() }
}

pub(super) fn integers_attribute(name: &str, values: &[i64]) -> AttributeProto {
    let (r#type, ints) = (AttributeType::Ints as i32, values.to_vec());
    AttributeProto { name: name.to_owned(), r#type, ints, ..AttributeProto::default() }
}

pub(super) fn float_attribute(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Float as i32, f: value, ..AttributeProto::default() }
}

pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An integer attribute, or what it is where it is absent.
pub(super) fn integer(node: &NodeProto, name: &str, absent: i64) -> i64 {
    attribute(node, name).map_or(absent, |attribute| attribute.i)
}
