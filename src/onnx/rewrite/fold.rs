//! Folding of what multiplies and shifts each channel into the convolutions beside it.
//!
//! Batch normalisation and arithmetic with one constant a channel are `s x + b`. After a
//! convolution both go into its weights and bias. Before one, `s` goes into its weights; `b` goes
//! into its bias only where no zeros are put around the input, because those would have to be
//! shifted as well. A shift that cannot be folded is left as `x + b / s`, one pass instead of two.

use crate::onnx::proto::NodeProto;

use super::conv::{Conv, channels, sizes};
use super::graph::{Edit, Floats, Graph};
use super::nodes::{attribute, integer, node, stated_sizes};

/// What a node does to each channel of one value: `s x + b`.
struct Affine {
    input: String,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// Folds until nothing is left to fold.
pub(super) fn fold(graph: &mut Graph) -> usize {
    let mut count = 0;
    while let Some(edit) = (0..graph.nodes().len()).find_map(|i| into_previous(graph, i)) {
        if !graph.apply(edit) {
            return count;
        }
        count += 1;
    }
    while let Some(edit) = (0..graph.nodes().len()).find_map(|i| into_next(graph, i)) {
        if !graph.apply(edit) {
            return count;
        }
        count += 1;
    }
    count
}

/// Folds node `i` into the convolution before it, which nothing else reads.
fn into_previous(graph: &mut Graph, i: usize) -> Option<Edit> {
    let value = candidate(graph, i)?;
    let producer = graph.producer(&value).filter(|_| graph.only_consumer(&value).is_some())?;
    let mut conv = Conv::read(graph, producer)?;
    let affine = read(graph, i, conv.channels())?;
    if !affine.scale.iter().all(|scale| scale.is_finite()) {
        return None;
    }
    conv.scale_outputs(&affine.scale);
    conv.bias.iter_mut().zip(&affine.shift).for_each(|(bias, shift)| *bias += shift);
    conv.output.clone_from(&graph.nodes()[i].output[0]);
    Some(Edit::from([(producer, Vec::new()), (i, vec![conv.node(graph)])]))
}

/// Folds node `i` into the convolution after it, the only reader.
fn into_next(graph: &mut Graph, i: usize) -> Option<Edit> {
    let value = candidate(graph, i).filter(|value| has_four_dimensions(graph, value))?;
    let output = graph.nodes()[i].output[0].clone();
    let reader = graph.only_consumer(&output)?;
    let mut conv = Conv::read(graph, reader).filter(|conv| conv.input == output)?;
    let affine = read(graph, i, conv.input_channels())?;
    if !affine.scale.iter().chain(&affine.shift).all(|number| number.is_finite()) {
        return None;
    }
    if conv.is_unpadded() || affine.shift.iter().all(|shift| *shift == 0.0) {
        scale_inputs(&mut conv, &affine);
        conv.input = affine.input;
        return Some(Edit::from([(i, Vec::new()), (reader, vec![conv.node(graph)])]));
    }
    // The zeros around the input forbid shifts in the bias. A multiplication before the shift can still be folded.
    let before = graph.producer(&value).filter(|_| graph.only_consumer(&value).is_some())?;
    candidate(graph, before)?;
    let first = read(graph, before, conv.input_channels())?;
    let turns = first.scale.iter().all(|scale| scale.is_normal()) && affine.scale.iter().all(|scale| *scale == 1.0);
    if !turns || first.shift.iter().any(|shift| *shift != 0.0) {
        return None;
    }
    let shift: Vec<f32> = affine.shift.iter().zip(&first.scale).map(|(shift, scale)| shift / scale).collect();
    scale_inputs(&mut conv, &first);
    let shift = graph.add_floats(Floats::new(&[1, shift.len(), 1, 1], shift));
    let add = node("Add", graph.fresh("node"), &[&first.input, &shift], &output);
    Some(Edit::from([(before, Vec::new()), (i, vec![add]), (reader, vec![conv.node(graph)])]))
}

/// Lets the convolution do what `affine` did to its input.
fn scale_inputs(conv: &mut Conv, affine: &Affine) {
    for (channel, (scale, shift)) in affine.scale.iter().zip(&affine.shift).enumerate() {
        let mut moved = vec![0.0f64; conv.channels()];
        for (out, weights) in conv.weights_of_input(channel) {
            moved[out] = weights.iter().map(|weight| f64::from(*weight) * f64::from(*shift)).sum();
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
        conv.bias.iter_mut().zip(moved).for_each(|(bias, moved)| *bias = (f64::from(*bias) + moved) as f32);
    }
}

/// Whether a value is a picture or comes from a convolution, so that a constant of four dimensions
/// does not add one.
fn has_four_dimensions(graph: &Graph, value: &str) -> bool {
    let mut value = value;
    while let Some(i) = graph.producer(value) {
        if sizes(graph, i).is_some() {
            return true;
        }
        match candidate(graph, i) {
            Some(_) => {
                value = graph.nodes()[i].input.iter().find(|input| !graph.is_constant(input)).map_or("", |input| input)
            }
            None => return channels(graph).contains_key(value),
        }
    }
    graph.inputs().any(|input| input.name == value && stated_sizes(input).is_some_and(|sizes| sizes.len() == 4))
}

/// The value that node `i` may multiply or shift, judged by its type alone.
fn candidate(graph: &Graph, i: usize) -> Option<String> {
    let node = &graph.nodes()[i];
    let [_] = node.output.as_slice() else { return None };
    if graph.is(i, "BatchNormalization") {
        return node.input.first().cloned();
    }
    let arithmetic = ["Add", "Sub", "Mul", "Div"].iter().any(|kind| graph.is(i, kind));
    let [a, b] = node.input.as_slice() else { return None };
    match (graph.is_constant(a), graph.is_constant(b)) {
        (false, true) if arithmetic => Some(a.clone()),
        (true, false) if arithmetic && !graph.is(i, "Div") => Some(b.clone()),
        _ => None,
    }
}

/// Reads a node on a value of four dimensions.
fn read(graph: &Graph, i: usize, channels: usize) -> Option<Affine> {
    let node = &graph.nodes()[i];
    if graph.is(i, "BatchNormalization") {
        return read_normalization(graph, node, channels);
    }
    let input = candidate(graph, i)?;
    let turned = node.input[1] == input;
    let constant = graph.floats(&node.input[usize::from(!turned)])?.per_channel(channels, 4)?;
    let all = |value: f32| vec![value; channels];
    let negated = |values: &[f32]| values.iter().map(|value| -value).collect();
    let (scale, shift) = match (node.op_type.as_str(), turned) {
        ("Mul", _) => (constant, all(0.0)),
        ("Div", false) => (constant.iter().map(|value| 1.0 / value).collect(), all(0.0)),
        ("Add", _) => (all(1.0), constant),
        ("Sub", false) => (all(1.0), negated(&constant)),
        ("Sub", true) => (all(-1.0), constant),
        _ => return None,
    };
    Some(Affine { input, scale, shift })
}

fn read_normalization(graph: &Graph, node: &NodeProto, channels: usize) -> Option<Affine> {
    let [input, names @ ..] = node.input.as_slice() else { return None };
    if names.len() != 4 || integer(node, "training_mode", 0) != 0 || integer(node, "spatial", 1) != 1 {
        return None;
    }
    let read = |name: &String| graph.floats(name).map(|floats| floats.data).filter(|data| data.len() == channels);
    let [gain, offset, mean, variance] = [read(&names[0])?, read(&names[1])?, read(&names[2])?, read(&names[3])?];
    let epsilon = attribute(node, "epsilon").map_or(1e-5, |attribute| attribute.f);
    let scale: Vec<f64> = gain
        .iter()
        .zip(&variance)
        .map(|(gain, variance)| f64::from(*gain) / (f64::from(*variance) + f64::from(epsilon)).sqrt())
        .collect();
    let shift = offset
        .iter()
        .zip(&mean)
        .zip(&scale)
        .map(|((offset, mean), scale)| f64::from(*offset) - f64::from(*mean) * scale);
    let shift = shift.map(|value| value as f32).collect();
    Some(Affine { input: input.clone(), scale: scale.iter().map(|value| *value as f32).collect(), shift })
}
