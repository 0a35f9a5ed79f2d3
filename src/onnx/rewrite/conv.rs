//! Convolutions with constant weights, as rules see them.

use std::collections::HashMap;

use crate::onnx::proto::NodeProto;

use super::graph::{Floats, Graph};
use super::nodes::{attribute, integer, integer_attribute, integers_attribute, node};
use super::operators::keeps_channels_apart;
use super::shape::{Size, axes_read};

/// A two-dimensional convolution whose weights and bias are constants.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    /// The input value.
    pub(super) input: String,
    /// The output value.
    pub(super) output: String,
    /// Output channels, input channels a group, kernel height, kernel width.
    pub(super) weight: Floats,
    /// One number an output channel; zeros where the node has none.
    pub(super) bias: Vec<f32>,
    pub(super) group: usize,
    /// The node that it was read from, for its other attributes.
    pub(super) template: NodeProto,
}

impl Conv {
    /// The convolution at `index`, if it is one.
    pub(super) fn read(graph: &Graph, index: usize) -> Option<Self> {
        let template = conv_node(graph, index)?;
        let weight = graph.floats(&template.input[1])?;
        let bias = match template.input.get(2).filter(|bias| !bias.is_empty()) {
            Some(bias) => graph.floats(bias).map(|bias| bias.data)?,
            None => vec![0.0; weight.dims[0]],
        };
        let group = group(template, &weight.dims)?;
        let (input, output) = (template.input[0].clone(), template.output[0].clone());
        (bias.len() == weight.dims[0]).then(|| Self { input, output, weight, bias, group, template: template.clone() })
    }

    pub(super) fn channels(&self) -> usize {
        self.weight.dims[0]
    }

    /// Whether each output channel is made of the input channel of the same number alone.
    pub(super) fn is_depthwise(&self) -> bool {
        self.weight.dims[1] == 1 && self.group == self.channels()
    }

    /// Multiplications an output element.
    pub(super) fn cost(&self) -> usize {
        self.weight.dims[1..].iter().product()
    }

    /// Whether two convolutions walk over their input in the same way.
    pub(super) fn steps_like(&self, other: &Self) -> bool {
        let steps = |conv: &Self| {
            let list = |name: &str| attribute(&conv.template, name).map(|attribute| attribute.ints.clone());
            let pad = attribute(&conv.template, "auto_pad").map(|attribute| attribute.s.clone());
            (["strides", "pads", "dilations"].map(list), pad, conv.weight.dims[2..].to_vec())
        };
        steps(self) == steps(other)
    }

    /// Whether no zeros are put around the input.
    pub(super) fn is_unpadded(&self) -> bool {
        let pads = attribute(&self.template, "pads").is_none_or(|pads| pads.ints.iter().all(|pad| *pad == 0));
        let pad = attribute(&self.template, "auto_pad");
        pads && pad.is_none_or(|pad| matches!(pad.s.as_slice(), b"" | b"NOTSET" | b"VALID"))
    }

    /// Multiplies each output channel.
    pub(super) fn scale_outputs(&mut self, factors: &[f32]) {
        let each = self.cost();
        for ((weights, bias), factor) in self.weight.data.chunks_exact_mut(each).zip(&mut self.bias).zip(factors) {
            weights.iter_mut().for_each(|weight| *weight *= factor);
            *bias *= factor;
        }
    }

    /// The weights that belong to input channel `channel`, of all output channels that read it.
    pub(super) fn weights_of_input(&mut self, channel: usize) -> impl Iterator<Item = (usize, &mut [f32])> {
        let (inputs, kernel) = (self.weight.dims[1], self.weight.dims[2] * self.weight.dims[3]);
        let outputs = self.channels() / self.group;
        let (group, place) = (channel / inputs, channel % inputs);
        self.weight
            .data
            .chunks_exact_mut(inputs * kernel)
            .enumerate()
            .skip(group * outputs)
            .take(outputs)
            .map(move |(output, weights)| (output, &mut weights[place * kernel..(place + 1) * kernel]))
    }

    /// The channels of the input.
    pub(super) fn input_channels(&self) -> usize {
        self.weight.dims[1] * self.group
    }

    /// A node of this convolution, with new constants for its weights.
    pub(super) fn node(&self, graph: &mut Graph) -> NodeProto {
        let mut made = self.template.clone();
        let weight = graph.add_floats(self.weight.clone());
        let bias = graph.add_floats(Floats::new(&[self.bias.len()], self.bias.clone()));
        made.input = vec![self.input.clone(), weight, bias];
        made.output = vec![self.output.clone()];
        made.name = graph.fresh("conv");
        made.attribute.retain(|attribute| attribute.name != "group");
        made.attribute.push(integer_attribute("group", self.group as i64));
        made
    }
}

/// The convolution's node, if its weights have the sizes of a two-dimensional one.
fn conv_node(graph: &Graph, index: usize) -> Option<&NodeProto> {
    let node = &graph.nodes()[index];
    let whole = graph.is(index, "Conv") && matches!(node.input.len(), 2 | 3) && node.output.len() == 1;
    (whole && graph.float_dims(&node.input[1])?.len() == 4).then_some(node)
}

fn group(node: &NodeProto, weight: &[usize]) -> Option<usize> {
    let group = usize::try_from(integer(node, "group", 1)).ok().filter(|group| *group > 0)?;
    let whole = weight.iter().all(|size| *size > 0) && weight[0].is_multiple_of(group);
    let kernel = attribute(node, "kernel_shape").is_none_or(|kernel| {
        kernel.ints.len() == 2 && kernel.ints.iter().zip(&weight[2..]).all(|(stated, size)| *stated == *size as i64)
    });
    (whole && kernel).then_some(group)
}

/// The sizes of the weights of the convolution at `index` (output channels, input channels a
/// group, height, width) and its groups.
pub(super) fn sizes(graph: &Graph, index: usize) -> Option<([usize; 4], usize)> {
    let node = conv_node(graph, index)?;
    let dims = graph.float_dims(&node.input[1])?;
    let group = group(node, &dims)?;
    Some((dims.try_into().ok()?, group))
}

/// A convolution of one pixel that multiplies each channel by a number.
pub(super) fn scale_channels(graph: &mut Graph, factors: Vec<f32>, input: &str, output: &str) -> NodeProto {
    let channels = factors.len();
    let weight = graph.add_floats(Floats::new(&[channels, 1, 1, 1], factors));
    let mut made = node("Conv", graph.fresh("scale"), &[input, &weight], output);
    made.attribute = vec![integer_attribute("group", channels as i64), integers_attribute("kernel_shape", &[1, 1])];
    made
}

/// The channels of every value of four dimensions that comes from a convolution by way of
/// operators that keep the channels apart.
pub(super) fn channels(graph: &Graph) -> HashMap<String, usize> {
    let mut known: HashMap<String, usize> = HashMap::new();
    for (i, node) in graph.nodes().iter().enumerate() {
        let Some(output) = node.output.first() else { continue };
        let of = |input: usize| node.input.get(input).and_then(|input| known.get(input)).copied();
        let found = if let Some((weight, _)) = sizes(graph, i) {
            Some(weight[0])
        } else if keeps_channels_apart(graph, i) {
            of(0)
        } else if graph.is(i, "Add") || graph.is(i, "Mul") {
            // One of the two may have a single pixel.
            of(0).filter(|channels| of(1) == Some(*channels))
        } else if graph.is(i, "Resize") {
            match (node.input.get(2), node.input.get(3)) {
                (_, Some(sizes)) => {
                    let sizes = axes_read(graph, sizes);
                    resized_channels(&sizes)
                        .and_then(|value| known.get(value))
                        .copied()
                        .filter(|found| of(0) == Some(*found))
                }
                (Some(scales), None) => of(0).filter(|_| keeps_channels(graph, scales)),
                _ => None,
            }
        } else {
            None
        };
        if let Some(found) = found {
            known.insert(output.clone(), found);
        }
    }
    known
}

/// The value whose channels a `Resize` to these sizes gives its result.
pub(super) fn resized_channels(sizes: &[Size]) -> Option<&str> {
    match sizes {
        [_, Size::Of(value, 1), _, _] => Some(value),
        _ => None,
    }
}

/// Whether these scales of a `Resize` leave the channels alone.
pub(super) fn keeps_channels(graph: &Graph, scales: &str) -> bool {
    graph.floats(scales).is_some_and(|scales| scales.data.len() == 4 && scales.data[1] == 1.0)
}
