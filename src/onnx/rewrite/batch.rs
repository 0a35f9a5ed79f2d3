//! A network of one picture opened to any number of them.
//!
//! Many files state a batch of 1 because of how they were exported; nothing in the graph needs it
//! but a `Reshape` to `[1, n]`. Where each operator is known to treat the first axis as so many
//! separate pictures, the 1 becomes a name, and such a `Reshape` copies the size instead.

use std::collections::HashSet;

use crate::onnx::proto::NodeProto;
use crate::onnx::proto::tensor_shape_proto::dimension::Value as DimensionValue;

use super::graph::{Edit, Graph};
use super::nodes::{integer, stated_batch, stated_dimensions};
use super::operators::{is_one_of, keeps_pictures_apart};
use super::shape::permutation;

/// The name that the size gets.
const BATCH: &str = "rewritten_batch";

/// Opens the batch of a network whose one input states 1; gives 1 where that was done.
pub(super) fn open(graph: &mut Graph) -> usize {
    let mut inputs = graph.inputs();
    let (Some(input), None) = (inputs.next(), inputs.next()) else { return 0 };
    if stated_batch(input) != Some(1) {
        return 0;
    }
    let name = input.name.clone();
    drop(inputs);
    let mut batched = HashSet::from([name.clone()]);
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let node = &graph.nodes()[i];
        if !node.input.iter().any(|value| batched.contains(value)) {
            // A node that does not depend on the pictures gives the same for all of them, but may state a batch of 1.
            return 0;
        }
        if graph.is(i, "Reshape") {
            let Some(target) = opened_target(graph, node) else { return 0 };
            let mut replacement = node.clone();
            replacement.input[1] = graph.add_integers(&target);
            batched.extend(replacement.output.iter().cloned());
            edit.insert(i, vec![replacement]);
        } else if separates(graph, i, &batched) {
            batched.extend(node.output.iter().cloned());
        } else {
            return 0;
        }
    }
    let outputs = graph.outputs_mut();
    if !outputs.iter().all(|output| batched.contains(&output.name) && stated_batch(output) == Some(1)) {
        return 0;
    }
    let inputs = graph.inputs().filter(|value| value.name == name).count();
    if inputs != 1 || !(edit.is_empty() || graph.apply(edit)) {
        return 0;
    }
    for value in graph.inputs_mut().iter_mut().filter(|value| value.name == name) {
        open_first(value);
    }
    graph.outputs_mut().iter_mut().for_each(open_first);
    graph.forget_sizes();
    1
}

fn open_first(value: &mut crate::onnx::proto::ValueInfoProto) {
    if let Some(first) = stated_dimensions(value).and_then(|dimensions| dimensions.first_mut()) {
        first.value = Some(DimensionValue::DimParam(BATCH.to_owned()));
    }
}

/// The target of a `Reshape` with the batch copied, if it keeps pictures apart.
fn opened_target(graph: &Graph, node: &NodeProto) -> Option<Vec<i64>> {
    let mut target = graph.integers(node.input.get(1)?).filter(|_| integer(node, "allowzero", 0) == 0)?;
    let first = target.first_mut().filter(|first| matches!(**first, 0 | 1))?;
    *first = 0;
    Some(target)
}

/// Whether node `i` treats the first axis as separate pictures, given the values that have one.
fn separates(graph: &Graph, i: usize, batched: &HashSet<String>) -> bool {
    let node = &graph.nodes()[i];
    let has_batch = |input: usize| node.input.get(input).is_some_and(|value| batched.contains(value));
    let only_first = has_batch(0) && node.input.iter().skip(1).all(|value| !batched.contains(value));
    // A constant is the same for all pictures if it has fewer dimensions than the value, or a leading 1. The value's
    // dimensions are not known here, so a constant of two or more must have the leading 1, or have three dimensions of
    // which the last two are 1.
    let shared = |value: &String| {
        graph
            .float_dims(value)
            .is_some_and(|dims| dims.len() < 2 || dims[0] == 1 || (dims.len() == 3 && dims[1..] == [1, 1]))
    };
    if keeps_pictures_apart(graph, i) {
        only_first
    } else if is_one_of(graph, i, &["Add", "Div", "Mul", "Sub"]) {
        node.input.iter().all(|value| batched.contains(value) || shared(value))
    } else if is_one_of(graph, i, &["Concat", "Split"]) {
        integer(node, "axis", 0) > 0
            && node.input.iter().all(|value| batched.contains(value) || graph.integers(value).is_some())
    } else if graph.is(i, "Flatten") {
        integer(node, "axis", 1) == 1
    } else if graph.is(i, "Gemm") {
        only_first && integer(node, "transA", 0) == 0 && node.input.get(2).is_none_or(shared)
    } else if graph.is(i, "MatMul") {
        only_first && node.input.get(1).and_then(|value| graph.float_dims(value)).is_some_and(|dims| dims.len() == 2)
    } else if graph.is(i, "Resize") {
        let scales = node.input.get(2).and_then(|scales| graph.floats(scales));
        only_first && node.input.len() == 3 && scales.is_some_and(|scales| scales.data.first() == Some(&1.0))
    } else if graph.is(i, "Softmax") {
        let axis = integer(node, "axis", if graph.opset() < 13 { 1 } else { -1 });
        only_first && (axis == -1 || axis > 0)
    } else if graph.is(i, "Transpose") {
        permutation(node).is_some_and(|order| order.first() == Some(&0))
    } else {
        false
    }
}
