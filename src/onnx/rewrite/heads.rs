//! One convolution for the several heads of a detector.
//!
//! Detectors read scores, boxes and landmarks from one feature map with a convolution each, of 1 to
//! 20 output channels. ONNX Runtime computes blocks of 16 channels, so each head pays for whole blocks: for SCRFD's
//! heads of 2, 8 and 20 channels it computes 64. Merged they are 30, for which it computes 32.
//!
//! Every head ends in a `Transpose` that puts the channels last and a `Reshape` to rows of `k`
//! numbers, with `a = channels / k` rows a pixel. The merged convolution has the heads' channels in
//! the order row, head, number, so that one `Transpose`, one `Reshape` to rows of all the heads'
//! numbers and one `Split` give what the heads gave. A depthwise convolution between is merged
//! likewise. Each number is computed from the same products in the same order as before.

use std::collections::BTreeMap;

use crate::onnx::proto::NodeProto;

use super::conv::Conv;
use super::graph::{Edit, Floats, Graph};
use super::nodes::{integer, integer_attribute, integers_attribute, node};
use super::shape::{permutation, single};

/// A convolution and what follows it up to the rows of numbers.
struct Head {
    conv: Conv,
    depthwise: Option<Conv>,
    /// The nodes of all of that, the `Reshape` last.
    nodes: Vec<usize>,
    /// The order in which the `Transpose` puts the axes.
    order: Vec<usize>,
    /// The target of the `Reshape` without its last number.
    rows: Vec<i64>,
    /// Its last number.
    width: usize,
    output: String,
}

impl Head {
    /// Rows of one pixel.
    fn rows_a_pixel(&self) -> usize {
        self.conv.channels() / self.width
    }

    fn goes_with(&self, other: &Self) -> bool {
        let depthwise = match (&self.depthwise, &other.depthwise) {
            (Some(one), Some(other)) => one.steps_like(other),
            (None, None) => true,
            _ => false,
        };
        let rows = self.order == other.order && self.rows == other.rows && self.rows_a_pixel() == other.rows_a_pixel();
        depthwise && rows && self.conv.input == other.conv.input && self.conv.steps_like(&other.conv)
    }
}

/// Merges the heads of each feature map.
pub(super) fn merge(graph: &mut Graph) -> usize {
    let mut groups: Vec<Vec<Head>> = Vec::new();
    let mut by_input: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for head in (0..graph.nodes().len()).filter_map(|i| read(graph, i)) {
        let same_input = by_input.entry(head.conv.input.clone()).or_default();
        match same_input.iter().find(|group| groups[**group][0].goes_with(&head)) {
            Some(&group) => groups[group].push(head),
            None => {
                same_input.push(groups.len());
                groups.push(vec![head]);
            }
        }
    }
    let single = single(graph);
    let mut edit = Edit::new();
    let mut count = 0;
    for heads in groups.iter().filter(|heads| heads.len() > 1) {
        count += heads.len();
        for &old in heads.iter().flat_map(|head| &head.nodes) {
            edit.insert(old, Vec::new());
        }
        // For one picture the orders are the same, and the runtime has a kernel for this one.
        let order = if single.contains(&heads[0].conv.output) { &[0, 2, 3, 1] } else { heads[0].order.as_slice() };
        let made = one_for(graph, heads, order);
        edit.insert(heads[0].nodes[0], made);
    }
    if count > 0 && graph.apply(edit) { count } else { 0 }
}

fn read(graph: &Graph, i: usize) -> Option<Head> {
    let conv = Conv::read(graph, i).filter(|conv| conv.group == 1)?;
    let mut nodes = vec![i];
    let mut next = graph.only_consumer(&conv.output)?;
    let depthwise = Conv::read(graph, next).filter(|after| after.is_depthwise() && after.input == conv.output);
    if let Some(depthwise) = &depthwise {
        nodes.push(next);
        next = graph.only_consumer(&depthwise.output)?;
    }
    let transpose = graph.is(next, "Transpose").then(|| &graph.nodes()[next])?;
    nodes.push(next);
    let order = permutation(transpose)?;
    let keeps_batch = match order.as_slice() {
        [0, 2, 3, 1] => true,
        [2, 3, 0, 1] => false,
        _ => return None,
    };
    let reshape = graph.only_consumer(transpose.output.first()?).filter(|next| graph.is(*next, "Reshape"))?;
    nodes.push(reshape);
    let reshape = &graph.nodes()[reshape];
    let mut rows = graph.integers(reshape.input.get(1)?).filter(|_| integer(reshape, "allowzero", 0) == 0)?;
    let width = usize::try_from(rows.pop()?).ok().filter(|width| *width > 0)?;
    // A zero copies a size: only the batch stays where it was.
    let zeros = rows.iter().enumerate().all(|(place, size)| *size != 0 || (place == 0 && keeps_batch));
    let fits = zeros && !rows.is_empty() && conv.channels().is_multiple_of(width);
    let output = reshape.output.first().filter(|_| fits)?.clone();
    Some(Head { conv, depthwise, nodes, order, rows, width, output })
}

/// The nodes that stand for all of these heads.
fn one_for(graph: &mut Graph, heads: &[Head], order: &[usize]) -> Vec<NodeProto> {
    let merged = |graph: &mut Graph, convs: Vec<&Conv>, input: String, depthwise: bool| {
        let channel = |conv: &Conv, channel: usize| {
            let each = conv.cost();
            (conv.weight.data[channel * each..(channel + 1) * each].to_vec(), conv.bias[channel])
        };
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for row in 0..heads[0].rows_a_pixel() {
            for (head, conv) in heads.iter().zip(&convs) {
                for number in 0..head.width {
                    let (weight, shift) = channel(conv, row * head.width + number);
                    weights.extend(weight);
                    bias.push(shift);
                }
            }
        }
        let mut dims = convs[0].weight.dims.clone();
        dims[0] = bias.len();
        let group = if depthwise { bias.len() } else { 1 };
        let output = graph.fresh("heads");
        let conv = Conv { input, output, weight: Floats::new(&dims, weights), bias, group, ..convs[0].clone() };
        (conv.node(graph), conv.output)
    };
    let mut made = Vec::new();
    let convs = heads.iter().map(|head| &head.conv).collect();
    let (conv, mut value) = merged(graph, convs, heads[0].conv.input.clone(), false);
    made.push(conv);
    if heads[0].depthwise.is_some() {
        let convs = heads.iter().filter_map(|head| head.depthwise.as_ref()).collect();
        let (conv, output) = merged(graph, convs, value, true);
        made.push(conv);
        value = output;
    }
    let (last, rows) = (graph.fresh("channels_last"), graph.fresh("rows"));
    let mut transpose = node("Transpose", graph.fresh("node"), &[&value], &last);
    let order: Vec<i64> = order.iter().map(|axis| *axis as i64).collect();
    transpose.attribute.push(integers_attribute("perm", &order));
    let widths: Vec<i64> = heads.iter().map(|head| head.width as i64).collect();
    let target: Vec<i64> = heads[0].rows.iter().copied().chain([widths.iter().sum()]).collect();
    let target = graph.add_integers(&target);
    let reshape = node("Reshape", graph.fresh("node"), &[&last, &target], &rows);
    let mut split = node("Split", graph.fresh("node"), &[&rows], "");
    split.output = heads.iter().map(|head| head.output.clone()).collect();
    split.attribute.push(integer_attribute("axis", heads[0].rows.len() as i64));
    // The widths became an input in opset 13.
    if graph.opset() >= 13 {
        split.input.push(graph.add_integers(&widths));
    } else {
        split.attribute.push(integers_attribute("split", &widths));
    }
    made.extend([transpose, reshape, split]);
    made
}
