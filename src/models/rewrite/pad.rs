//! Channels of zeros that fill a block.
//!
//! ONNX Runtime's blocked layout holds channels in blocks of 16 (8 without AVX-512). Convolutions of
//! other channel counts it fills up by itself, but pooling, and convolutions of counts that are no
//! multiple of 4 or less than a block, it computes in the plain layout, with a change of layout on
//! both sides. Here such values get channels more: the convolutions that make them get
//! filters of zeros, and those that read them get weights of zeros, so that whatever the operators
//! between make of the new channels is multiplied by zero.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::conv::{Conv, channels, keeps_channels, resized_channels, sizes};
use super::graph::{Edit, Floats, Graph};
use super::shape::{Size, axes_read};

/// Values that must have the same channels, because operators between convolutions tie them
/// together: a set is named by one of its values.
struct Ties(HashMap<String, String>);

impl Ties {
    fn root(&mut self, value: &str) -> String {
        let mut value = value.to_owned();
        while let Some(next) = self.0.get(&value).filter(|next| **next != value) {
            value = next.clone();
        }
        value
    }

    fn tie(&mut self, a: &str, b: &str) {
        let (a, b) = (self.root(a), self.root(b));
        self.0.insert(a, b);
    }
}

/// What is known of one set of tied values.
#[derive(Default)]
struct Set {
    /// Nodes tie them to something whose channels cannot grow.
    rigid: bool,
    /// An operator that the runtime has in the blocked layout only for whole blocks.
    blocked_by_odd_count: bool,
}

/// Fills channels up to a multiple of `block`.
pub(super) fn fill_blocks(graph: &mut Graph, block: usize) -> usize {
    let channels = channels(graph);
    let (mut ties, sets) = collect(graph, &channels, block);
    let mut grown: BTreeMap<String, usize> = BTreeMap::new();
    let mut counted = HashSet::new();
    for (value, &count) in &channels {
        let root = ties.root(value);
        let grows = sets.get(&root).is_some_and(|set| !set.rigid && set.blocked_by_odd_count);
        // Less than half a block is cheaper in the plain layout.
        if grows && !count.is_multiple_of(block) && 2 * count >= block {
            grown.insert(value.clone(), count.next_multiple_of(block));
            counted.insert(root);
        }
    }
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let Some(mut conv) = Conv::read(graph, i) else { continue };
        let (outputs, inputs) = (grown.get(&conv.output).copied(), grown.get(&conv.input).copied());
        if outputs.is_none() && inputs.is_none() {
            continue;
        }
        widen(&mut conv, inputs, outputs);
        let node = conv.node(graph);
        edit.insert(i, vec![node]);
    }
    if !edit.is_empty() && graph.apply(edit) { counted.len() } else { 0 }
}

/// Gives a convolution more input and output channels.
fn widen(conv: &mut Conv, inputs: Option<usize>, outputs: Option<usize>) {
    let [old_outputs, old_inputs, height, width] = [0, 1, 2, 3].map(|axis| conv.weight.dims[axis]);
    let depthwise = conv.is_depthwise() && conv.group > 1;
    let new_outputs = outputs.unwrap_or(old_outputs);
    let new_inputs = if depthwise { old_inputs } else { inputs.unwrap_or(old_inputs) };
    let kernel = height * width;
    let mut data = vec![0.0; new_outputs * new_inputs * kernel];
    for (new, old) in data.chunks_exact_mut(new_inputs * kernel).zip(conv.weight.data.chunks_exact(old_inputs * kernel))
    {
        new[..old.len()].copy_from_slice(old);
    }
    conv.weight = Floats::new(&[new_outputs, new_inputs, height, width], data);
    conv.bias.resize(new_outputs, 0.0);
    if depthwise {
        conv.group = new_outputs;
    }
}

fn collect(graph: &Graph, channels: &HashMap<String, usize>, block: usize) -> (Ties, HashMap<String, Set>) {
    /// Operators that give finite numbers for zeros and keep channels apart.
    const PASS: [&str; 10] = [
        "AveragePool",
        "Clip",
        "Elu",
        "GlobalAveragePool",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "MaxPool",
        "Relu",
        "Sigmoid",
    ];
    let mut ties = Ties(HashMap::new());
    let mut rigid: Vec<&str> = Vec::new();
    let mut odd: Vec<&str> = Vec::new();
    let mut rigid_names: Vec<String> = Vec::new();
    for (i, node) in graph.nodes().iter().enumerate() {
        let is_one_of = |kinds: &[&str]| kinds.iter().any(|kind| graph.is(i, kind));
        let (inputs, outputs) = (node.input.as_slice(), node.output.as_slice());
        let known = |value: &String| channels.contains_key(value);
        match (inputs, outputs) {
            ([input, ..], [output]) if sizes(graph, i).is_some() => {
                let Some((weight, group)) = sizes(graph, i) else { continue };
                if Conv::read(graph, i).is_none() {
                    rigid.extend([input.as_str(), output.as_str()]);
                } else if group == 1 {
                    if weight[1] < block || !weight[1].is_multiple_of(4) {
                        odd.push(input);
                    }
                } else if weight[1] == 1 && group == weight[0] {
                    ties.tie(input, output);
                    if weight[0] < block || !weight[0].is_multiple_of(4) {
                        odd.push(input);
                    }
                } else {
                    rigid.extend([input.as_str(), output.as_str()]);
                }
            }
            ([input, rest @ ..], [output])
                if is_one_of(&PASS) && rest.iter().all(|value| graph.is_constant(value) || value.is_empty()) =>
            {
                ties.tie(input, output);
                if is_one_of(&["MaxPool", "AveragePool", "GlobalAveragePool"]) {
                    odd.push(input);
                }
            }
            ([a, b], [output]) if is_one_of(&["Add", "Mul"]) && known(a) && known(b) && known(output) => {
                ties.tie(a, output);
                ties.tie(b, output);
            }
            ([data, _, _, sizes], [output]) if graph.is(i, "Resize") => {
                let sizes = axes_read(graph, sizes);
                let values = [data.as_str(), output.as_str()];
                match resized_channels(&sizes) {
                    Some(value) => values.iter().for_each(|tied| ties.tie(tied, value)),
                    None => rigid.extend(values),
                }
                let elsewhere = sizes.iter().enumerate().filter(|(place, _)| *place != 1);
                rigid_names.extend(elsewhere.filter_map(|(_, size)| match size {
                    Size::Of(value, 1) => Some(value.clone()),
                    _ => None,
                }));
            }
            ([data, _, scales], [output]) if graph.is(i, "Resize") => {
                if keeps_channels(graph, scales) {
                    ties.tie(data, output);
                } else {
                    rigid.extend([data.as_str(), output.as_str()]);
                }
            }
            ([_], [shape]) if graph.is(i, "Shape") && harmless(graph, shape) => {}
            _ => rigid.extend(inputs.iter().chain(outputs).map(String::as_str)),
        }
    }
    rigid.extend(graph.inputs().map(|input| input.name.as_str()));
    rigid.extend(channels.keys().map(String::as_str).filter(|value| graph.is_output(value)));
    let mut sets: HashMap<String, Set> = HashMap::new();
    for value in rigid.into_iter().chain(rigid_names.iter().map(String::as_str)) {
        sets.entry(ties.root(value)).or_default().rigid = true;
    }
    for value in odd {
        sets.entry(ties.root(value)).or_default().blocked_by_odd_count = true;
    }
    (ties, sets)
}

/// Whether a shape is only read for its batch, height and width, or to resize a value.
fn harmless(graph: &Graph, shape: &str) -> bool {
    graph.consumers(shape).iter().all(|&reader| {
        let [output] = graph.nodes()[reader].output.as_slice() else { return false };
        let taken = axes_read(graph, output);
        let takes_channels = taken.iter().any(|size| matches!(size, Size::Of(_, 1)));
        !taken.is_empty() && (!takes_channels || only_resizes(graph, output))
    })
}

/// Whether a value reaches nothing but the sizes of `Resize`, by way of one `Concat`.
fn only_resizes(graph: &Graph, value: &str) -> bool {
    let reaches = |reader: usize| {
        let [output] = graph.nodes()[reader].output.as_slice() else { return false };
        let is_sizes =
            |resize: &usize| graph.is(*resize, "Resize") && graph.nodes()[*resize].input.get(3) == Some(output);
        graph.is(reader, "Concat") && !graph.is_output(output) && graph.consumers(output).iter().all(is_sizes)
    };
    !graph.is_output(value) && graph.consumers(value).iter().all(|reader| reaches(*reader))
}
