//! PReLU in operators that keep the blocked layout.
//!
//! ONNX Runtime computes convolutions in a layout of channel blocks (NCHWc). It has no PReLU in it:
//! each costs two changes of layout and a slow kernel. What it has in it is a convolution with a
//! fused `Relu` and a convolution that adds to a buffer in place.
//!
//! With one slope for all channels PReLU is `LeakyRelu`, which is fused into the convolution before
//! it and costs nothing. With a slope `a` for each channel, for `a <= 1`,
//!
//! ```text
//! PReLU(x) = a x + (1 - a) Relu(x) = a x + Relu((1 - a) x)
//! ```
//!
//! is two passes over memory: `Relu` of a convolution of one pixel with the weights `1 - a`, and a
//! second one with the weights `a` that adds to the first. Where `x` comes from a convolution of few
//! multiplications (depthwise, or the first one), that convolution itself is done twice, with its
//! weights multiplied by `1 - a` and by `a`, and the passes go.
//!
//! A channel with `a > 1` is concave, which no sum of `Relu`s is: it is computed with its sign
//! turned, `-PReLU(x) = -a x + Relu((a - 1) x)`, and the convolutions that read it turn it back in
//! their weights. Where something else reads it, `Relu(x)` is made once more and weighted after.

use tract_onnx::pb::NodeProto;

use super::conv::{Conv, channels, scale_channels};
use super::graph::{Edit, Floats, Graph, float_attribute, node};

/// The most multiplications an output element for which a convolution is done twice rather than
/// its result read and written once more: 3 x 3 of three input channels.
const CHEAP: usize = 27;

/// The largest slope, in magnitude, for which `a x` and `(1 - a) x` are added: beyond it the sum
/// loses digits.
const STEEPEST: f32 = 8.0;

/// Turns PReLU with equal slopes into `LeakyRelu`.
pub(super) fn make_leaky(graph: &mut Graph) -> usize {
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let Some((x, slopes)) = read(graph, i) else { continue };
        let Some(&slope) = slopes.data.first().filter(|&&slope| slopes.data.iter().all(|other| *other == slope)) else {
            continue;
        };
        let y = graph.nodes()[i].output[0].clone();
        let mut leaky = node("LeakyRelu", graph.fresh("leaky"), &[&x], &y);
        leaky.attribute.push(float_attribute("alpha", slope));
        edit.insert(i, vec![leaky]);
    }
    finish(graph, edit)
}

/// Turns PReLU with a slope for each channel into blocked operators, where its input comes from a
/// convolution.
pub(super) fn unfold(graph: &mut Graph) -> usize {
    let sites = (0..graph.nodes().len()).filter(|i| graph.is(*i, "PRelu"));
    let values: Vec<String> = sites.filter_map(|i| graph.nodes()[i].output.first().cloned()).collect();
    let mut count = 0;
    for value in values {
        let edit = graph.producer(&value).and_then(|i| unfold_one(graph, i));
        count += usize::from(edit.is_some_and(|edit| graph.apply(edit)));
    }
    count
}

fn unfold_one(graph: &mut Graph, i: usize) -> Option<Edit> {
    let (x, slopes) = read(graph, i)?;
    let channels = *channels(graph).get(&x)?;
    let slopes = slopes.per_channel(channels, 4)?;
    if channels < 8 || slopes.iter().any(|slope| slope.abs() > STEEPEST || slope.is_nan()) {
        return None;
    }
    let y = graph.nodes()[i].output[0].clone();
    let signs: Vec<f32> = slopes.iter().map(|slope| if *slope > 1.0 { -1.0 } else { 1.0 }).collect();
    let turned = signs.contains(&-1.0);
    let readers = if turned { readers(graph, &y, channels) } else { Some(Vec::new()) };
    let mut edit = Edit::new();
    let Some(readers) = readers else {
        edit.insert(i, weighted_after(graph, &slopes, &x, &y));
        return Some(edit);
    };
    let rectified: Vec<f32> = slopes.iter().map(|slope| (1.0 - slope).abs()).collect();
    let linear: Vec<f32> = slopes.iter().zip(&signs).map(|(slope, sign)| slope * sign).collect();
    let (sum, relu, line) = (graph.fresh("rectified"), graph.fresh("relu"), graph.fresh("linear"));
    let cheap = graph.producer(&x).filter(|_| graph.only_consumer(&x).is_some());
    let cheap = cheap.and_then(|producer| Some((producer, Conv::read(graph, producer)?)));
    let (first, second) = match cheap.filter(|(_, conv)| conv.cost() <= CHEAP) {
        Some((producer, conv)) => {
            edit.insert(producer, Vec::new());
            let scaled = |graph: &mut Graph, factors: &[f32], output: &str| {
                let mut conv = Conv { output: output.to_owned(), ..conv.clone() };
                conv.scale_outputs(factors);
                conv.node(graph)
            };
            (scaled(graph, &rectified, &sum), scaled(graph, &linear, &line))
        }
        None => (scale_channels(graph, rectified, &x, &sum), scale_channels(graph, linear, &x, &line)),
    };
    let relu_node = node("Relu", graph.fresh("node"), &[&sum], &relu);
    let add = node("Add", graph.fresh("node"), &[&line, &relu], &y);
    edit.insert(i, vec![first, relu_node, second, add]);
    for (reader, mut conv) in readers {
        for (channel, _) in signs.iter().enumerate().filter(|(_, sign)| **sign < 0.0) {
            conv.weights_of_input(channel).flat_map(|(_, weights)| weights).for_each(|weight| *weight = -*weight);
        }
        edit.insert(reader, vec![conv.node(graph)]);
    }
    Some(edit)
}

/// `a x + (1 - a) Relu(x)`, for any slopes: three passes.
fn weighted_after(graph: &mut Graph, slopes: &[f32], x: &str, y: &str) -> Vec<NodeProto> {
    let (relu, weighted, line) = (graph.fresh("relu"), graph.fresh("rectified"), graph.fresh("linear"));
    vec![
        node("Relu", graph.fresh("node"), &[x], &relu),
        scale_channels(graph, slopes.iter().map(|slope| 1.0 - slope).collect(), &relu, &weighted),
        scale_channels(graph, slopes.to_vec(), x, &line),
        node("Add", graph.fresh("node"), &[&line, &weighted], y),
    ]
}

/// The convolutions that read `value`, if nothing else does.
fn readers(graph: &Graph, value: &str, channels: usize) -> Option<Vec<(usize, Conv)>> {
    if graph.is_output(value) {
        return None;
    }
    let read = |&reader: &usize| {
        let conv = Conv::read(graph, reader)?;
        (conv.input == value && conv.input_channels() == channels).then_some((reader, conv))
    };
    graph.consumers(value).iter().map(read).collect()
}

fn read(graph: &Graph, i: usize) -> Option<(String, Floats)> {
    let node = &graph.nodes()[i];
    // Before opset 7 a slope's sizes were matched from the left.
    let [x, slope] = node.input.as_slice() else { return None };
    (graph.is(i, "PRelu") && graph.opset() >= 7 && node.output.len() == 1).then_some(())?;
    Some((x.clone(), graph.floats(slope)?))
}

fn finish(graph: &mut Graph, edit: Edit) -> usize {
    let count = edit.len();
    if count > 0 && graph.apply(edit) { count } else { 0 }
}
