//! How large the values between a graph's operators get, worked out before anything runs.
//!
//! A few bytes of a file can ask for gigabytes: `Expand`, `Tile`, `Resize`, `ConstantOfShape`, `Pad` or a large batch.
//! So every value gets the number of elements that it has, or a number that it cannot exceed, for one input of the
//! declared size, and of [`NOMINAL`] where any size is taken. What decides a size by numbers that are not known before
//! the run is refused, and so is an operator that is not known here. The numbers of small values are followed, since
//! exporters compute the targets of `Reshape` and `Resize` from the sizes of other values.

use std::collections::HashMap;

use super::known_sides;
use super::operators;
use crate::onnx::proto::tensor_proto::DataType;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, type_proto};

/// The side of an input that takes any.
const NOMINAL: u64 = 640;

/// The most elements of a value: 256 MiB as `f32`.
pub(super) const MAX_VALUE: u64 = 1 << 26;

/// The most elements of all values together: 2 GiB as `f32` if none were freed before the end.
pub(super) const MAX_ALL: u64 = 1 << 29;

/// Values of at most so many elements are followed by their numbers.
const MAX_NUMBERS: usize = 64;

/// What is known of a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Known {
    /// Its sides, if they are known.
    pub(super) dims: Option<Vec<u64>>,
    /// The number of its elements, or one that it does not exceed.
    pub(super) elements: u64,
    /// Its numbers, if it is small and they are known.
    pub(super) numbers: Option<Vec<f64>>,
}

impl Known {
    /// A value with these sides.
    pub(super) fn of(dims: Vec<u64>) -> Self {
        let elements = dims.iter().fold(1_u64, |product, side| product.saturating_mul(*side));
        Self { dims: Some(dims), elements, numbers: None }
    }

    /// A value of which only a bound is known.
    pub(super) fn at_most(elements: u64) -> Self {
        Self { dims: None, elements, numbers: None }
    }

    /// A list of these numbers.
    pub(super) fn list(numbers: Vec<f64>) -> Self {
        Self::of(vec![numbers.len() as u64]).with(Some(numbers))
    }

    /// The same with these numbers, if there are as many as elements.
    pub(super) fn with(mut self, numbers: Option<Vec<f64>>) -> Self {
        self.numbers = numbers.filter(|numbers| numbers.len() <= MAX_NUMBERS && numbers.len() as u64 == self.elements);
        self
    }

    fn tensor(tensor: &TensorProto) -> Self {
        let dims: Vec<u64> = tensor.dims.iter().map(|side| u64::try_from(*side).unwrap_or_default()).collect();
        let known = Self::of(dims);
        if known.elements > MAX_NUMBERS as u64 { known } else { known.with(numbers(tensor)) }
    }
}

/// The inputs of a node as they are known, and its attributes.
pub(super) struct Node<'a> {
    pub(super) proto: &'a NodeProto,
    pub(super) inputs: Vec<Option<&'a Known>>,
    pub(super) opset: i64,
}

impl<'a> Node<'a> {
    /// The input at this place, if the node has it.
    pub(super) fn input(&self, place: usize) -> Option<&'a Known> {
        self.inputs.get(place).copied().flatten()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, otherwise: i64) -> i64 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.i)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a [u8]> {
        self.attribute(name).map(|attribute| attribute.s.as_slice())
    }

    /// Numbers that stand in an attribute in old versions and in an input in new ones. `Ok(None)` where neither is
    /// there.
    pub(super) fn given(&self, name: &str, place: usize) -> Result<Option<Vec<f64>>, String> {
        if let Some(attribute) = self.attribute(name) {
            let ints = attribute.ints.iter().map(|number| *number as f64);
            return Ok(Some(ints.chain(attribute.floats.iter().copied().map(f64::from)).collect()));
        }
        match self.input(place) {
            None => Ok(None),
            Some(known) => known.numbers.clone().map(Some).ok_or_else(|| self.undecided()),
        }
    }

    /// The refusal of a node whose output's size is not known before it runs.
    pub(super) fn undecided(&self) -> String {
        format!("{} makes a tensor whose size is not known before it runs, which is not taken", self.name())
    }

    /// The operator and the node's name.
    pub(super) fn name(&self) -> String {
        format!("the operator {} ({:?})", self.proto.op_type, self.proto.name)
    }
}

/// Checks the values of a graph that has passed all other checks.
pub(super) fn check(graph: &GraphProto, opset: i64) -> Result<(), String> {
    let mut known: HashMap<&str, Known> = HashMap::new();
    for tensor in &graph.initializer {
        known.insert(&tensor.name, Known::tensor(tensor));
    }
    for tensor in &graph.sparse_initializer {
        let name = tensor.values.as_ref().map_or("", |values| values.name.as_str());
        known.insert(name, Known::of(tensor.dims.iter().map(|side| side.unsigned_abs()).collect()));
    }
    for input in &graph.input {
        if known.contains_key(input.name.as_str()) {
            continue;
        }
        let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref())
        else {
            continue;
        };
        let sides = tensor.shape.as_ref().map(known_sides).unwrap_or_default().into_iter().enumerate();
        let dims = sides.map(|(axis, side)| side.unwrap_or(if axis == 0 { 1 } else { NOMINAL })).collect();
        known.insert(&input.name, Known::of(dims));
    }
    let mut all = 0_u64;
    for proto in &graph.node {
        let mut inputs = Vec::with_capacity(proto.input.len());
        for name in &proto.input {
            inputs.push(match (name.as_str(), known.get(name.as_str())) {
                ("", _) => None,
                (_, Some(value)) => Some(value),
                (name, None) => return Err(format!("the operator {} reads {name:?} before it is made", proto.op_type)),
            });
        }
        let node = Node { proto, inputs, opset };
        let outputs = operators::outputs(&node)?;
        for made in &outputs {
            if made.elements > MAX_VALUE {
                let sides =
                    made.dims.as_ref().map(|dims| super::sides(&dims.iter().copied().map(Some).collect::<Vec<_>>()));
                let found = sides.unwrap_or_else(|| format!("up to {}", made.elements));
                let name = node.name();
                return Err(format!("{name} makes a tensor of {found} elements, at most {MAX_VALUE} are taken"));
            }
            all = all.saturating_add(made.elements);
        }
        if all > MAX_ALL {
            return Err(format!("its values have more than {MAX_ALL} elements together, up to {}", node.name()));
        }
        // All outputs of a node beyond those that are described are as large as the largest.
        let largest = outputs.iter().map(|made| made.elements).max().unwrap_or_default();
        let mut outputs = outputs.into_iter();
        let made: Vec<(&str, Known)> = proto
            .output
            .iter()
            .map(|name| (name.as_str(), outputs.next().unwrap_or_else(|| Known::at_most(largest))))
            .collect();
        known.extend(made);
    }
    Ok(())
}

/// The numbers of a tensor.
fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    let raw = &tensor.raw_data;
    fn whole<const N: usize>(raw: &[u8], read: fn([u8; N]) -> f64) -> Vec<f64> {
        raw.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
    }
    Some(match DataType::try_from(tensor.data_type).ok()? {
        DataType::Int64 if raw.is_empty() => tensor.int64_data.iter().map(|number| *number as f64).collect(),
        DataType::Int64 => whole(raw, |bytes| i64::from_le_bytes(bytes) as f64),
        DataType::Int32 if raw.is_empty() => tensor.int32_data.iter().copied().map(f64::from).collect(),
        DataType::Int32 => whole(raw, |bytes| f64::from(i32::from_le_bytes(bytes))),
        DataType::Float if raw.is_empty() => tensor.float_data.iter().copied().map(f64::from).collect(),
        DataType::Float => whole(raw, |bytes| f64::from(f32::from_le_bytes(bytes))),
        DataType::Double if raw.is_empty() => tensor.double_data.clone(),
        DataType::Double => whole(raw, f64::from_le_bytes),
        _ => return None,
    })
}

/// What a `Constant` holds.
pub(super) fn constant(node: &Node<'_>) -> Known {
    let proto = &node.proto.attribute;
    let of = |name: &str| proto.iter().find(|attribute| attribute.name == name);
    if let Some(tensor) = of("value").and_then(|attribute| attribute.t.as_ref()) {
        return Known::tensor(tensor);
    }
    if let Some(tensor) = of("sparse_value").and_then(|attribute| attribute.sparse_tensor.as_ref()) {
        return Known::of(tensor.dims.iter().map(|side| side.unsigned_abs()).collect());
    }
    if let Some(attribute) = of("value_int") {
        return Known::of(Vec::new()).with(Some(vec![attribute.i as f64]));
    }
    if let Some(attribute) = of("value_float") {
        return Known::of(Vec::new()).with(Some(vec![f64::from(attribute.f)]));
    }
    let ints = of("value_ints").map(|attribute| attribute.ints.iter().map(|number| *number as f64).collect());
    let floats = of("value_floats").map(|attribute| attribute.floats.iter().copied().map(f64::from).collect());
    match ints.or(floats) {
        Some(numbers) => Known::list(numbers),
        // A text, or several.
        None => Known::at_most(proto.iter().map(|attribute| 1 + attribute.strings.len() as u64).sum()),
    }
}
