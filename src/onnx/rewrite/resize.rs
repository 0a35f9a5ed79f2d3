//! `Resize` by a whole factor, stated as a constant factor instead of a computed size.
//!
//! Feature pyramids enlarge a map to the size of another one, which exporters read from that map at
//! run time. Where the network's input is known to be a multiple of 32, the factor is known to be 2,
//! and ONNX Runtime has a kernel for whole factors in its blocked layout. The sizes of the maps are
//! followed from the input: a convolution of stride `s` whose zeros make up for its kernel divides
//! them by `s`, exactly where they are multiples.

use std::collections::HashMap;

use crate::onnx::proto::NodeProto;

use super::graph::{Edit, Floats, Graph};
use super::nodes::{attribute, integer, stated_sizes};
use super::shape::{Size, axes_read};

/// By what the input's height and width are divided to give a value's height and width.
type Reduction = [usize; 2];

/// Gives `Resize` its factors, for inputs whose height and width are multiples of `multiple`.
pub(super) fn state_factors(graph: &mut Graph, multiple: usize) -> usize {
    let Some(known) = reductions(graph, multiple) else { return 0 };
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let node = &graph.nodes()[i];
        let [data, roi, _, sizes] = node.input.as_slice() else { continue };
        if !graph.is(i, "Resize")
            || ["axes", "keep_aspect_ratio_policy"].iter().any(|name| attribute(node, name).is_some())
        {
            continue;
        }
        let sizes = axes_read(graph, sizes);
        let Some(to) = target(&sizes, data, &known) else { continue };
        let Some(from) = known.get(data) else { continue };
        if !(0..2).all(|axis| from[axis].is_multiple_of(to[axis])) {
            continue;
        }
        let mut replacement = node.clone();
        let factors = vec![1.0, 1.0, (from[0] / to[0]) as f32, (from[1] / to[1]) as f32];
        replacement.input = vec![data.clone(), roi.clone(), graph.add_floats(Floats::new(&[4], factors))];
        edit.insert(i, vec![replacement]);
    }
    let count = edit.len();
    if count > 0 && graph.apply(edit) { count } else { 0 }
}

/// The reduction that a `Resize` of `data` to these sizes leads to, if it keeps batch and channels.
fn target(sizes: &[Size], data: &str, known: &HashMap<String, Reduction>) -> Option<Reduction> {
    let [Size::Of(batch, 0), Size::Of(channels, 1), Size::Of(rows, 2), Size::Of(columns, 3)] = sizes else {
        return None;
    };
    (batch == data && channels == data).then_some([known.get(rows)?[0], known.get(columns)?[1]])
}

/// The reductions of all values for which they are certain.
fn reductions(graph: &Graph, multiple: usize) -> Option<HashMap<String, Reduction>> {
    const KEEP: [&str; 12] = [
        "BatchNormalization",
        "Clip",
        "Elu",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "PRelu",
        "Relu",
        "Sigmoid",
        "Softplus",
        "Tanh",
    ];
    let mut inputs = graph.inputs();
    let (input, None) = (inputs.next()?, inputs.next()) else { return None };
    let [_, _, rows, columns] = *stated_sizes(input)?.as_slice() else { return None };
    let multiples = [rows, columns].map(|size| size.unwrap_or(multiple));
    let mut known = HashMap::from([(input.name.clone(), [1, 1])]);
    for (i, node) in graph.nodes().iter().enumerate() {
        let [output] = node.output.as_slice() else { continue };
        let is_one_of = |kinds: &[&str]| kinds.iter().any(|kind| graph.is(i, kind));
        let of = |place: usize| node.input.get(place).and_then(|input| known.get(input)).copied();
        let found = if is_one_of(&["Conv", "MaxPool", "AveragePool"]) {
            of(0).and_then(|from| window(graph, node, from, multiples))
        } else if is_one_of(&KEEP) {
            of(0)
        } else if is_one_of(&["Add", "Mul"]) {
            of(0).filter(|from| of(1) == Some(*from))
        } else if let [data, _, _, sizes] = node.input.as_slice()
            && graph.is(i, "Resize")
        {
            target(&axes_read(graph, sizes), data, &known)
        } else {
            None
        };
        if let Some(found) = found {
            known.insert(output.clone(), found);
        }
    }
    Some(known)
}

/// The reduction after a window has moved over a value, if it divides exactly.
fn window(graph: &Graph, node: &NodeProto, from: Reduction, multiples: [usize; 2]) -> Option<Reduction> {
    let kernel = match attribute(node, "kernel_shape") {
        Some(kernel) => kernel.ints.clone(),
        None => graph.float_dims(node.input.get(1)?)?.iter().skip(2).map(|size| *size as i64).collect(),
    };
    let list = |name: &str, absent: i64, count: usize| match attribute(node, name) {
        Some(list) => Some(list.ints.clone()).filter(|list| list.len() == count),
        None => Some(vec![absent; count]),
    };
    let (strides, dilations, pads) = (list("strides", 1, 2)?, list("dilations", 1, 2)?, list("pads", 0, 4)?);
    let plain = attribute(node, "auto_pad").is_none_or(|pad| matches!(pad.s.as_slice(), b"" | b"NOTSET"));
    if kernel.len() != 2 || !plain || integer(node, "ceil_mode", 0) != 0 {
        return None;
    }
    let along = |axis: usize| {
        let stride = usize::try_from(strides[axis]).ok().filter(|stride| *stride > 0)?;
        let reach = dilations[axis].checked_mul(kernel[axis].checked_sub(1)?)?.checked_add(1)?;
        let zeros = pads[axis].checked_add(pads[axis + 2])?;
        let to = from[axis].checked_mul(stride)?;
        // floor((n + zeros - reach) / stride) + 1 = n / stride for multiples n of the stride.
        let exact = reach.checked_sub(strides[axis])? <= zeros && zeros < reach && multiples[axis].is_multiple_of(to);
        exact.then_some(to)
    };
    Some([along(0)?, along(1)?])
}
