//! Where a value's sizes come from, and shape arithmetic made constant.
//!
//! Exporters compute the target of a `Reshape` from the sizes of a value at run time, to keep the
//! batch open: `Concat(Unsqueeze(Gather(Shape(x), 0)), -1, 4)`. A zero in a constant target copies the size at the same
//! place of the reshaped value, so it can replace a computed size that comes from there.

use std::collections::HashSet;

use crate::onnx::proto::NodeProto;

use super::graph::{Edit, Graph};
use super::nodes::{attribute, integer, stated_batch};
use super::operators::{is_one_of, keeps_pictures_apart, keeps_sizes};

/// Makes the targets of `Reshape` constant where zeros and numbers can express them.
pub(super) fn state_targets(graph: &mut Graph) -> usize {
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let node = &graph.nodes()[i];
        let [data, target] = node.input.as_slice() else { continue };
        if !graph.is(i, "Reshape") || graph.is_constant(target) || integer(node, "allowzero", 0) != 0 {
            continue;
        }
        let Some(sizes) = evaluate(graph, target, &mut WORK.clone()) else { continue };
        let stated: Option<Vec<i64>> = sizes
            .iter()
            .enumerate()
            .map(|(place, size)| match size {
                Size::Number(number) => Some(*number),
                Size::Of(value, axis) => (origin(graph, value, *axis) == origin(graph, data, place)).then_some(0),
            })
            .collect();
        let mut replacement = node.clone();
        if let Some(stated) = stated {
            replacement.input[1] = graph.add_integers(&stated);
            edit.insert(i, vec![replacement]);
        }
    }
    let count = edit.len();
    if count > 0 && graph.apply(edit) { count } else { 0 }
}

/// One entry of a computed shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Size {
    Number(i64),
    /// The size of a value along an axis.
    Of(String, usize),
}

/// How many nodes of shape arithmetic are followed from one value: a hostile graph nests deeply.
const WORK: usize = 64;

/// The entries of a shape, if all are numbers and sizes of values.
fn evaluate(graph: &Graph, value: &str, work: &mut usize) -> Option<Vec<Size>> {
    if let Some(numbers) = graph.integers(value) {
        return Some(numbers.into_iter().map(Size::Number).collect());
    }
    let i = graph.producer(value)?;
    let node = &graph.nodes()[i];
    *work = work.checked_sub(1)?;
    if graph.is(i, "Concat") {
        let parts: Option<Vec<_>> = node.input.iter().map(|part| evaluate(graph, part, work)).collect();
        return parts.map(|parts| parts.concat());
    }
    if graph.is(i, "Unsqueeze") || graph.is(i, "Squeeze") || graph.is(i, "Identity") {
        return evaluate(graph, node.input.first()?, work);
    }
    let (gathers, slices) = (graph.is(i, "Gather"), graph.is(i, "Slice"));
    let shape = graph.producer(node.input.first()?).filter(|shape| graph.is(*shape, "Shape"))?;
    let shape = &graph.nodes()[shape];
    if !shape.attribute.is_empty() || !(gathers || slices) || integer(node, "axis", 0) != 0 {
        return None;
    }
    let axes = if gathers { graph.integers(node.input.get(1)?)? } else { slice(graph, node)? };
    let value = shape.input.first()?;
    axes.into_iter().map(|axis| Some(Size::Of(value.clone(), usize::try_from(axis).ok()?))).collect()
}

/// The places that a `Slice` of a shape takes, if they are the first few.
fn slice(graph: &Graph, node: &NodeProto) -> Option<Vec<i64>> {
    let [start, end] = [node.input.get(1)?, node.input.get(2)?].map(|list| graph.integers(list));
    let (&[start], &[end]) = (start?.as_slice(), end?.as_slice()) else { return None };
    let is = |input: usize, expected: i64| {
        node.input.get(input).is_none_or(|list| graph.integers(list).is_some_and(|list| list == [expected]))
    };
    (is(3, 0) && is(4, 1) && (0..8).contains(&start) && (start..8).contains(&end)).then(|| (start..end).collect())
}

/// The entries of a shape, if all are numbers and sizes of values; else none.
pub(super) fn axes_read(graph: &Graph, shape: &str) -> Vec<Size> {
    evaluate(graph, shape, &mut WORK.clone()).unwrap_or_default()
}

/// The values whose first size is 1 for certain: those of a network that takes one picture.
pub(super) fn single(graph: &Graph) -> HashSet<String> {
    const COMBINE: [&str; 4] = ["Add", "Div", "Mul", "Sub"];
    let stated = graph.inputs().filter(|input| stated_batch(input) == Some(1));
    let mut single: HashSet<String> = stated.map(|input| input.name.clone()).collect();
    for (i, node) in graph.nodes().iter().enumerate() {
        let first = node.input.first().is_some_and(|input| single.contains(input));
        let constant = |value: &String| {
            graph.float_dims(value).is_some_and(|dims| dims.len() <= 4 && (dims.len() < 4 || dims[0] == 1))
        };
        let kept = if is_one_of(graph, i, &COMBINE) {
            node.input.iter().all(|input| single.contains(input) || constant(input))
        } else if graph.is(i, "Resize") {
            first && resize_keeps_first(graph, node, &single)
        } else {
            first && keeps_pictures_apart(graph, i)
        };
        if kept && let [output] = node.output.as_slice() {
            single.insert(output.clone());
        }
    }
    single
}

fn resize_keeps_first(graph: &Graph, node: &NodeProto, single: &HashSet<String>) -> bool {
    let scales =
        node.input.get(2).and_then(|scales| graph.floats(scales)).and_then(|scales| scales.data.first().copied());
    let sizes = node.input.get(3).and_then(|sizes| evaluate(graph, sizes, &mut WORK.clone()));
    match sizes.as_deref().and_then(<[Size]>::first) {
        Some(Size::Number(number)) => *number == 1,
        Some(Size::Of(value, 0)) => single.contains(value),
        Some(Size::Of(..)) => false,
        None => scales == Some(1.0),
    }
}

/// The value furthest up the graph that has, along the returned axis, the same size as `value` along `axis`.
pub(super) fn origin<'a>(graph: &'a Graph, value: &'a str, axis: usize) -> (&'a str, usize) {
    let (mut value, mut axis) = (value, axis);
    while let Some(i) = graph.producer(value) {
        let node = &graph.nodes()[i];
        let Some(input) = node.input.first() else { break };
        if keeps_sizes(graph, i) || (axis == 0 && keeps_pictures_apart(graph, i)) {
            value = input;
        } else if graph.is(i, "Transpose") {
            let Some(from) = permutation(node).and_then(|order| order.get(axis).copied()) else { break };
            (value, axis) = (input, from);
        } else {
            break;
        }
    }
    (value, axis)
}

/// The order of a `Transpose`'s axes.
pub(super) fn permutation(node: &NodeProto) -> Option<Vec<usize>> {
    let order = &attribute(node, "perm")?.ints;
    order.iter().map(|axis| usize::try_from(*axis).ok()).collect()
}
