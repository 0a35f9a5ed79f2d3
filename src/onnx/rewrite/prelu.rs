//! PReLU in operators that ONNX Runtime has fast kernels for.
//!
//! ONNX Runtime computes convolutions in a layout of channel blocks (NCHWc). It has no PReLU in it:
//! each costs two changes of layout and a slow kernel, together half the time of a MobileFaceNet.
//! What it has in that layout are convolutions with a fused `Relu` or `LeakyRelu`, `Relu` by itself,
//! and convolutions that add to a buffer in place.
//!
//! With one slope for all channels PReLU is `LeakyRelu`, which is fused into the convolution before
//! it and costs nothing. With a slope `a` for each channel, for `a <= 1`,
//!
//! ```text
//! PReLU(x) = a x + (1 - a) Relu(x) = a / (1 - a) u + Relu(u)    with u = (1 - a) x
//! ```
//!
//! The convolution that makes `x` makes `u` at no cost, with its weights multiplied by `1 - a`; then
//! come two passes over memory, `Relu(u)` and a depthwise convolution of one pixel that multiplies
//! `u` and adds to the first. Where several nodes read `x`, a first pass makes `Relu((1 - a) x)`.
//!
//! A channel with `a > 1` is concave, which no sum of `Relu`s is. It is computed with its sign
//! turned, `-PReLU(x) = -a x + Relu((a - 1) x)`, and the convolutions that read it turn it back in
//! their weights. Where something else reads it, `Relu(x)` is weighted in one more pass.
//!
//! What does not come from a convolution is not in that layout. There
//! `PReLU(x) = Relu(x) - a Relu(-x)` in plain operators is faster than the kernel of PReLU, and gives
//! the same bits.

use std::collections::HashMap;

use crate::onnx::proto::NodeProto;

use super::conv::{Conv, channels, scale_channels};
use super::graph::{Edit, Floats, Graph};
use super::nodes::{float_attribute, node};

/// The largest slope, in magnitude, for which `a x` and `(1 - a) x` are added: beyond it the sum
/// loses digits.
const STEEPEST: f32 = 8.0;

/// The least value used for `1 - a`. A channel with `a = 1` is then computed as `x + 2^-26 Relu(x)`, which rounds to
/// `x`.
const LEAST: f32 = 1.0 / (1 << 26) as f32;

/// Fewer channels leave the blocked layout anyway.
const FEWEST_CHANNELS: usize = 8;

/// Turns PReLU with equal slopes into `LeakyRelu`, where the runtime fuses it or no layout is at
/// stake.
pub(super) fn make_leaky(graph: &mut Graph) -> usize {
    let channels = channels(graph);
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let Some((x, slopes)) = read(graph, i) else { continue };
        let first = slopes.data.first().copied();
        let Some(slope) = first.filter(|slope| slopes.data.iter().all(|other| other == slope)) else { continue };
        if channels.contains_key(&x) && own_conv(graph, &x).is_none() {
            continue;
        }
        let y = graph.nodes()[i].output[0].clone();
        let mut leaky = node("LeakyRelu", graph.fresh("node"), &[&x], &y);
        leaky.attribute.push(float_attribute("alpha", slope));
        edit.insert(i, vec![leaky]);
    }
    let count = edit.len();
    if count > 0 && graph.apply(edit) { count } else { 0 }
}

/// Turns PReLU into convolutions, `Relu` and `Add`.
pub(super) fn unfold(graph: &mut Graph) -> usize {
    let sites = (0..graph.nodes().len()).filter(|i| graph.is(*i, "PRelu"));
    let values: Vec<String> = sites.filter_map(|i| graph.nodes()[i].output.first().cloned()).collect();
    let channels = channels(graph);
    let mut count = 0;
    for value in values {
        let edit = graph.producer(&value).and_then(|i| unfold_one(graph, i, &channels));
        count += usize::from(edit.is_some_and(|edit| graph.apply(edit)));
    }
    count
}

fn unfold_one(graph: &mut Graph, i: usize, channels: &HashMap<String, usize>) -> Option<Edit> {
    let (x, slopes) = read(graph, i)?;
    let y = graph.nodes()[i].output[0].clone();
    let Some(&channels) = channels.get(&x) else {
        let slope = graph.nodes()[i].input[1].clone();
        return Some(Edit::from([(i, in_plain_operators(graph, &x, &slope, &y))]));
    };
    let slopes = slopes.per_channel(channels, 4)?;
    if channels < FEWEST_CHANNELS || !slopes.iter().all(|slope| slope.abs() <= STEEPEST) {
        return None;
    }
    let signs: Vec<f32> = slopes.iter().map(|slope| if *slope > 1.0 { -1.0 } else { 1.0 }).collect();
    let readers = if signs.contains(&-1.0) { readers(graph, &y, channels) } else { Some(Vec::new()) };
    let Some(readers) = readers else {
        return Some(Edit::from([(i, weighted_after(graph, &slopes, &x, &y))]));
    };
    let rectified: Vec<f32> = slopes.iter().map(|slope| (1.0 - slope).abs().max(LEAST)).collect();
    let linear = slopes.iter().zip(&signs).map(|(slope, sign)| slope * sign);
    let (relu, line) = (graph.fresh("relu"), graph.fresh("linear"));
    let mut edit = Edit::new();
    let made = match own_conv(graph, &x).and_then(|producer| Some((producer, Conv::read(graph, producer)?))) {
        Some((producer, mut conv)) => {
            conv.scale_outputs(&rectified);
            edit.insert(producer, vec![conv.node(graph)]);
            let linear = linear.zip(&rectified).map(|(linear, scale)| linear / scale).collect();
            vec![node("Relu", graph.fresh("node"), &[&x], &relu), scale_channels(graph, linear, &x, &line)]
        }
        None => {
            let linear = linear.collect();
            let scaled = graph.fresh("rectified");
            vec![
                scale_channels(graph, rectified, &x, &scaled),
                node("Relu", graph.fresh("node"), &[&scaled], &relu),
                scale_channels(graph, linear, &x, &line),
            ]
        }
    };
    let add = node("Add", graph.fresh("node"), &[&line, &relu], &y);
    edit.insert(i, made.into_iter().chain([add]).collect());
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

/// `Relu(x) - a Relu(-x)`, of which one side is zero: the same bits as PReLU.
fn in_plain_operators(graph: &mut Graph, x: &str, slope: &str, y: &str) -> Vec<NodeProto> {
    let values = ["positive", "turned", "negative", "weighted"].map(|value| graph.fresh(value));
    let [positive, turned, negative, weighted] = values;
    vec![
        node("Relu", graph.fresh("node"), &[x], &positive),
        node("Neg", graph.fresh("node"), &[x], &turned),
        node("Relu", graph.fresh("node"), &[&turned], &negative),
        node("Mul", graph.fresh("node"), &[&negative, slope], &weighted),
        node("Sub", graph.fresh("node"), &[&positive, &weighted], y),
    ]
}

/// The convolution that makes a value which only one node reads.
fn own_conv(graph: &Graph, value: &str) -> Option<usize> {
    graph.only_consumer(value)?;
    graph.producer(value).filter(|producer| Conv::read(graph, *producer).is_some())
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
    let [x, slope] = node.input.as_slice() else { return None };
    let known = graph.is(i, "PRelu") && node.output.len() == 1;
    known.then(|| graph.floats(slope)).flatten().map(|slopes| (x.clone(), slopes))
}
