//! A tall convolution of few output channels, split into one that computes its rows and one that adds them up.
//!
//! ONNX Runtime computes output channels in blocks of 16, so a convolution of one output channel
//! costs as much as one of 16. The rows of its kernel are convolutions of height 1; as so many
//! output channels of one convolution they fill the block. A second one, of weights 0 and 1 and the
//! full height, takes row `r` from `r` lines further down and adds them up. The last convolution of
//! dlib's detector, 9 x 9 from 45 channels to 1, costs a ninth.

use super::conv::Conv;
use super::graph::{Edit, Floats, Graph};
use super::nodes::{attribute, integers_attribute};

/// The factor by which the split must reduce the cost to be worth a second convolution.
const GAIN: usize = 2;

/// Splits the convolutions for which that pays with blocks of `block` channels.
pub(super) fn split(graph: &mut Graph, block: usize) -> usize {
    let mut edit = Edit::new();
    for i in 0..graph.nodes().len() {
        let Some(conv) = Conv::read(graph, i).filter(|conv| pays(conv, block)) else { continue };
        let Some(made) = split_one(graph, &conv) else { continue };
        edit.insert(i, made);
    }
    let count = edit.len();
    if count > 0 && graph.apply(edit) { count } else { 0 }
}

fn pays(conv: &Conv, block: usize) -> bool {
    let [outputs, inputs, height, width] = [0, 1, 2, 3].map(|axis| conv.weight.dims[axis]);
    let computed = |channels: usize| channels.next_multiple_of(block);
    let whole = computed(outputs) * inputs * height * width;
    let split = computed(outputs * height) * inputs * width + computed(outputs) * outputs * height * height;
    conv.group == 1 && height > 1 && split * GAIN <= whole
}

fn split_one(graph: &mut Graph, conv: &Conv) -> Option<Vec<crate::onnx::proto::NodeProto>> {
    let list = |name: &str| attribute(&conv.template, name).map(|attribute| attribute.ints.clone());
    let ones = |name: &str| list(name).is_none_or(|steps| steps.iter().all(|step| *step == 1));
    let pads = list("pads").unwrap_or(vec![0; 4]);
    let &[top, left, bottom, right] = pads.as_slice() else { return None };
    let stated = attribute(&conv.template, "auto_pad").is_none_or(|pad| matches!(pad.s.as_slice(), b"" | b"NOTSET"));
    if !stated || !ones("strides") || !ones("dilations") {
        return None;
    }
    let [outputs, inputs, height, width] = [0, 1, 2, 3].map(|axis| conv.weight.dims[axis]);
    // Output channel r * outputs + o of the first is row r of output channel o.
    let mut rows = Vec::with_capacity(conv.weight.data.len());
    for (row, output) in (0..height).flat_map(|row| (0..outputs).map(move |output| (row, output))) {
        for input in 0..inputs {
            let start = ((output * inputs + input) * height + row) * width;
            rows.extend_from_slice(&conv.weight.data[start..start + width]);
        }
    }
    let mut sums = vec![0.0; outputs * height * outputs * height];
    for (output, row) in (0..outputs).flat_map(|output| (0..height).map(move |row| (output, row))) {
        sums[((output * height + row) * outputs + output) * height + row] = 1.0;
    }
    let between = graph.fresh("rows");
    let template = |kernel: [i64; 2], pads: [i64; 4]| {
        let mut template = conv.template.clone();
        template.attribute = vec![integers_attribute("kernel_shape", &kernel), integers_attribute("pads", &pads)];
        template
    };
    let first = Conv {
        input: conv.input.clone(),
        output: between.clone(),
        weight: Floats::new(&[height * outputs, inputs, 1, width], rows),
        bias: vec![0.0; height * outputs],
        group: 1,
        template: template([1, width as i64], [0, left, 0, right]),
    };
    let second = Conv {
        input: between,
        output: conv.output.clone(),
        weight: Floats::new(&[outputs, height * outputs, height, 1], sums),
        bias: conv.bias.clone(),
        group: 1,
        template: template([height as i64, 1], [top, 0, bottom, 0]),
    };
    Some(vec![first.node(graph), second.node(graph)])
}
