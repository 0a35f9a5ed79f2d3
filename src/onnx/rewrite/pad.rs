//! Channels of zeros that fill a block.
//!
//! ONNX Runtime's blocked layout holds channels in blocks of 16 (8 without AVX-512). It fills up convolutions of other
//! channel counts by itself. But it computes pooling, and convolutions whose count is less than a block or not a
//! multiple of 4, in the plain layout, with a change of layout on both sides. Here such values get more channels: the
//! convolutions that make them get filters of zeros, and those that read them get weights of zeros, so that the new
//! channels are multiplied by zero, whatever the operators between made of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::conv::{Conv, channels, keeps_channels, resized_channels, sizes};
use super::graph::{Edit, Floats, Graph};
use super::operators::{is_one_of, pools, works_one_by_one};
use super::shape::{Size, axes_read};

/// Values that must have the same channels, because operators between convolutions tie them
/// together: a set is named by one of its values.
#[derive(Default)]
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
    /// One of them is read by an operator that the runtime has in the blocked layout only for whole blocks.
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

/// What the nodes of a graph say of its values.
#[derive(Default)]
struct Findings<'a> {
    ties: Ties,
    /// Values whose channels cannot grow.
    rigid: Vec<Cow<'a, str>>,
    /// Values that would be in the blocked layout if their channels filled blocks.
    odd: Vec<&'a str>,
}

fn collect(graph: &Graph, channels: &HashMap<String, usize>, block: usize) -> (Ties, HashMap<String, Set>) {
    let mut findings = Findings::default();
    (0..graph.nodes().len()).for_each(|i| findings.look_at(graph, i, channels, block));
    let Findings { mut ties, mut rigid, odd } = findings;
    rigid.extend(graph.inputs().map(|input| Cow::from(&input.name)));
    rigid.extend(channels.keys().filter(|value| graph.is_output(value)).map(Cow::from));
    let mut sets: HashMap<String, Set> = HashMap::new();
    for value in rigid {
        sets.entry(ties.root(&value)).or_default().rigid = true;
    }
    for value in odd {
        sets.entry(ties.root(value)).or_default().blocked_by_odd_count = true;
    }
    (ties, sets)
}

impl<'a> Findings<'a> {
    fn look_at(&mut self, graph: &'a Graph, i: usize, channels: &HashMap<String, usize>, block: usize) {
        let node = &graph.nodes()[i];
        let (inputs, outputs) = (node.input.as_slice(), node.output.as_slice());
        let known = |value: &String| channels.contains_key(value);
        match (inputs, outputs) {
            ([input, ..], [output]) if sizes(graph, i).is_some() => self.look_at_conv(graph, i, [input, output], block),
            ([input, rest @ ..], [output])
                if (works_one_by_one(graph, i) || pools(graph, i))
                    && rest.iter().all(|value| graph.is_constant(value) || value.is_empty()) =>
            {
                self.ties.tie(input, output);
                if pools(graph, i) {
                    self.odd.push(input);
                }
            }
            ([a, b], [output]) if is_one_of(graph, i, &["Add", "Mul"]) && known(a) && known(b) && known(output) => {
                self.ties.tie(a, output);
                self.ties.tie(b, output);
            }
            ([data, _, _, sizes], [output]) if graph.is(i, "Resize") => {
                let sizes = axes_read(graph, sizes);
                match resized_channels(&sizes) {
                    Some(value) => [data, output].iter().for_each(|tied| self.ties.tie(tied, value)),
                    None => self.stiffen([data, output]),
                }
                // If another axis takes its size from the number of a value's channels, that number must not change.
                let elsewhere = sizes.iter().enumerate().filter(|(place, _)| *place != 1);
                self.rigid.extend(elsewhere.filter_map(|(_, size)| match size {
                    Size::Of(value, 1) => Some(Cow::from(value.clone())),
                    _ => None,
                }));
            }
            ([data, _, scales], [output]) if graph.is(i, "Resize") && keeps_channels(graph, scales) => {
                self.ties.tie(data, output);
            }
            ([_], [shape]) if graph.is(i, "Shape") && harmless(graph, shape) => {}
            _ => self.stiffen(inputs.iter().chain(outputs)),
        }
    }

    /// Convolution `i` from one value to another.
    fn look_at_conv(&mut self, graph: &'a Graph, i: usize, [input, output]: [&'a String; 2], block: usize) {
        let Some((weight, group)) = sizes(graph, i) else { return };
        let is_odd = |count: usize| count < block || !count.is_multiple_of(4);
        let depthwise = group > 1 && weight[1] == 1 && group == weight[0];
        if Conv::read(graph, i).is_none() || (group > 1 && !depthwise) {
            return self.stiffen([input, output]);
        }
        if depthwise {
            self.ties.tie(input, output);
        }
        if is_odd(if depthwise { weight[0] } else { weight[1] }) {
            self.odd.push(input);
        }
    }

    fn stiffen(&mut self, values: impl IntoIterator<Item = &'a String>) {
        self.rigid.extend(values.into_iter().map(Cow::from));
    }
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
