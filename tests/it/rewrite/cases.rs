//! Small graphs, and where each rule applies in them.

use facevault::onnx::rewrite::RewritingRule;

use crate::graphs::{Net, Window, float, int, ints, text, value};

pub(super) const OPSET: i64 = 13;

/// A graph, the rule that is made for it, and in how many places it applies.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) onnx: Vec<u8>,
    pub(super) size: [usize; 4],
    pub(super) rule: RewritingRule,
    pub(super) places: usize,
}

fn case(name: &'static str, onnx: Vec<u8>, rule: RewritingRule, places: usize) -> Case {
    Case { name, onnx, size: [1, 3, 32, 32], rule, places }
}

/// A picture of any size and a first convolution to `channels`.
pub(super) fn started(channels: usize) -> (Net, String) {
    let mut net = Net::new([None, Some(3), None, None]);
    let first = net.conv("input", &Window::new(3, channels, 3));
    (net, first)
}

pub(super) fn slopes(channels: usize, lowest: f32, highest: f32) -> Vec<f32> {
    (0..channels).map(|i| lowest + (highest - lowest) * i as f32 / (channels - 1) as f32).collect()
}

fn prelu_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let finish = |net: Net, output: &str| net.finish(&[(output, 4)], OPSET);

    let (mut net, x) = started(16);
    let y = net.prelu(&x, &slopes(16, -1.0, 0.9));
    let depthwise = net.conv(&y, &Window::depthwise(16, 3));
    let z = net.prelu(&depthwise, &slopes(16, -0.5, 1.0));
    let end = net.conv(&z, &Window::new(16, 8, 1));
    cases.push(case("slopes of at most 1", finish(net, &end), RewritingRule::UnfoldPRelu, 2));

    let (mut net, x) = started(16);
    let y = net.prelu(&x, &slopes(16, -1.5, 2.5));
    let depthwise = net.conv(&y, &Window::depthwise(16, 3));
    let z = net.prelu(&depthwise, &slopes(16, 0.0, 3.0));
    let (a, b) = (net.conv(&z, &Window::new(16, 16, 1)), net.conv(&z, &Window::new(16, 16, 3)));
    let end = net.node("Add", &[&a, &b], vec![]);
    cases.push(case("slopes above 1, read by convolutions", finish(net, &end), RewritingRule::UnfoldPRelu, 2));

    let (mut net, x) = started(16);
    let y = net.prelu(&x, &slopes(16, -1.5, 2.5));
    let end = net.node("Sigmoid", &[&y], vec![]);
    cases.push(case("slopes above 1, read by something else", finish(net, &end), RewritingRule::UnfoldPRelu, 1));

    let (mut net, x) = started(16);
    let side = net.conv(&x, &Window::new(16, 16, 3));
    let sum = net.node("Add", &[&x, &side], vec![]);
    let y = net.prelu(&sum, &slopes(16, -1.0, 1.5));
    let end = net.conv(&y, &Window::new(16, 16, 3));
    cases.push(case("after an addition", finish(net, &end), RewritingRule::UnfoldPRelu, 1));

    let (mut net, x) = started(16);
    let y = net.prelu(&x, &slopes(16, -1.0, 1.5));
    let z = net.conv(&y, &Window::new(16, 16, 3));
    let end = net.node("Add", &[&x, &z], vec![]);
    cases.push(case("whose input is read twice", finish(net, &end), RewritingRule::UnfoldPRelu, 1));

    let mut net = Net::new([None, Some(3), None, None]);
    let end = net.prelu("input", &[0.25, -0.5, 20.0]);
    cases.push(case("of the picture itself", finish(net, &end), RewritingRule::UnfoldPRelu, 1));

    let (mut net, x) = started(16);
    let end = net.prelu(&x, &slopes(16, -9.0, 9.0));
    cases.push(case("too steep", finish(net, &end), RewritingRule::UnfoldPRelu, 0));

    let (mut net, x) = started(16);
    let slope = net.floats(&[1], &[0.25]);
    let y = net.node("PRelu", &[&x, &slope], vec![]);
    let depthwise = net.conv(&y, &Window::depthwise(16, 3));
    let end = net.prelu(&depthwise, &[1.5; 16]);
    cases.push(case("one slope", finish(net, &end), RewritingRule::LeakyPRelu, 2));
    cases
}

fn fold_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let finish = |net: Net, output: &str| net.finish(&[(output, 4)], OPSET);

    let (mut net, x) = started(16);
    let (gain, offset, mean) = (net.weights(&[16]), net.weights(&[16]), net.weights(&[16]));
    let variance = net.floats(&[16], &slopes(16, 0.1, 4.0));
    let normal = net.node("BatchNormalization", &[&x, &gain, &offset, &mean, &variance], vec![float("epsilon", 1e-3)]);
    let (factor, shift) = (net.floats(&[], &[0.5]), net.weights(&[1, 16, 1, 1]));
    let scaled = net.node("Mul", &[&factor, &normal], vec![]);
    let end = net.node("Sub", &[&shift, &scaled], vec![]);
    cases.push(case("after a convolution", finish(net, &end), RewritingRule::FoldScales, 3));

    let mut net = Net::new([None, Some(3), None, None]);
    let (mean, scale) = (net.floats(&[1, 3, 1, 1], &[0.5, 0.4, 0.3]), net.floats(&[3, 1, 1], &[2.0, 3.0, 4.0]));
    let shifted = net.node("Sub", &["input", &mean], vec![]);
    let scaled = net.node("Div", &[&shifted, &scale], vec![]);
    let end = net.conv(&scaled, &Window { pad: 0, ..Window::new(3, 8, 3) });
    cases.push(case("before a convolution without zeros", finish(net, &end), RewritingRule::FoldScales, 2));

    let mut net = Net::new([None, Some(3), None, None]);
    let (scale, shift) = (net.floats(&[1, 3, 1, 1], &[2.0, 3.0, 4.0]), net.floats(&[1, 3, 1, 1], &[0.5, -0.4, 0.3]));
    let scaled = net.node("Mul", &["input", &scale], vec![]);
    let shifted = net.node("Add", &[&scaled, &shift], vec![]);
    let end = net.conv(&shifted, &Window::new(3, 8, 3));
    cases.push(case("before a convolution with zeros", finish(net, &end), RewritingRule::FoldScales, 1));

    let (mut net, x) = started(16);
    let factor = net.weights(&[1, 16, 1, 1]);
    let scaled = net.node("Mul", &[&x, &factor], vec![]);
    let end = net.node("Add", &[&x, &scaled], vec![]);
    cases.push(case("of a value that is read twice", finish(net, &end), RewritingRule::FoldScales, 0));

    let (mut net, x) = started(16);
    let columns = net.weights(&[32]);
    let end = net.node("Mul", &[&x, &columns], vec![]);
    cases.push(case("a factor a column", finish(net, &end), RewritingRule::FoldScales, 0));
    cases
}

/// Heads with so many numbers a row, two rows a pixel, and a depthwise convolution where asked for.
fn heads(depthwise: bool, order: &[i64], opset: i64) -> Vec<u8> {
    let (mut net, x) = started(16);
    let mut outputs = Vec::new();
    for width in [1, 4, 10] {
        let mut head = net.conv(&x, &Window::new(16, 2 * width, if depthwise { 1 } else { 3 }));
        if depthwise {
            head = net.conv(&head, &Window::depthwise(2 * width, 3));
        }
        let last = net.node("Transpose", &[&head], vec![ints("perm", order)]);
        let rows = if order[0] == 0 { vec![0, -1, width as i64] } else { vec![-1, width as i64] };
        let rank = rows.len();
        let rows = net.integers(&rows);
        outputs.push((net.node("Reshape", &[&last, &rows], vec![]), rank));
    }
    let outputs: Vec<(&str, usize)> = outputs.iter().map(|(name, rank)| (name.as_str(), *rank)).collect();
    net.finish(&outputs, opset)
}

/// A small pyramid: the map of half the size is enlarged to the other one's.
pub(super) fn pyramid(channels: usize) -> Vec<u8> {
    let mut net = Net::new([Some(1), Some(3), None, None]);
    let fine = net.conv("input", &Window { stride: 2, ..Window::new(3, channels, 3) });
    let coarse = net.conv(&fine, &Window { stride: 2, ..Window::new(channels, channels, 3) });
    let (coarse_shape, fine_shape) = (net.node("Shape", &[&coarse], vec![]), net.node("Shape", &[&fine], vec![]));
    let (start, end, axis) = (net.integers(&[0]), net.integers(&[2]), net.integers(&[0]));
    let front = net.node("Slice", &[&coarse_shape, &start, &end, &axis], vec![]);
    let (height, width) = (net.integers(&[2]), net.integers(&[3]));
    let (height, width) =
        (net.node("Gather", &[&fine_shape, &height], vec![]), net.node("Gather", &[&fine_shape, &width], vec![]));
    let sizes = net.node("Concat", &[&front, &height, &width], vec![int("axis", 0)]);
    let attributes = vec![
        text("mode", "nearest"),
        text("nearest_mode", "floor"),
        text("coordinate_transformation_mode", "asymmetric"),
    ];
    let large = net.node("Resize", &[&coarse, "", "", &sizes], attributes);
    let sum = net.node("Add", &[&fine, &large], vec![]);
    let pooled = net.node("MaxPool", &[&sum], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
    let end = net.conv(&pooled, &Window::new(channels, 8, 3));
    net.finish(&[(&end, 4)], OPSET)
}

pub(super) fn shape_cases() -> Vec<Case> {
    let mut cases = vec![
        case("heads", heads(false, &[0, 2, 3, 1], 13), RewritingRule::MergeHeads, 3),
        case("heads of old operators", heads(false, &[0, 2, 3, 1], 11), RewritingRule::MergeHeads, 3),
        case("heads with a depthwise convolution", heads(true, &[0, 2, 3, 1], 13), RewritingRule::MergeHeads, 3),
        case("heads with the batch behind", heads(false, &[2, 3, 0, 1], 13), RewritingRule::MergeHeads, 3),
        case("a pyramid of odd channels", pyramid(20), RewritingRule::FillBlocks, 1),
        case("a pyramid of whole blocks", pyramid(32), RewritingRule::FillBlocks, 0),
        case("a pyramid", pyramid(16), RewritingRule::StateFactors, 1),
    ];

    let (mut net, x) = started(45);
    let y = net.conv(&x, &Window::new(45, 45, 5));
    let y = net.node("Relu", &[&y], vec![]);
    let end = net.conv(&y, &Window::new(45, 1, 9));
    let onnx = net.finish(&[(&end, 4)], OPSET);
    cases.push(case("odd channels", onnx.clone(), RewritingRule::FillBlocks, 2));
    cases.push(case("a tall convolution", onnx, RewritingRule::SplitRows, 1));

    let (mut net, x) = started(16);
    let shape = net.node("Shape", &[&x], vec![]);
    let (first, axes, rest) = (net.index(0), net.integers(&[0]), net.integers(&[-1, 4]));
    let batch = net.node("Gather", &[&shape, &first], vec![]);
    let batch = net.node("Unsqueeze", &[&batch, &axes], vec![]);
    let target = net.node("Concat", &[&batch, &rest], vec![int("axis", 0)]);
    let last = net.node("Transpose", &[&x], vec![ints("perm", &[0, 2, 3, 1])]);
    let end = net.node("Reshape", &[&last, &target], vec![]);
    cases.push(case("a computed target", net.finish(&[(&end, 3)], OPSET), RewritingRule::StateTargets, 1));

    let mut net = Net::new([Some(1), Some(3), Some(32), Some(32)]);
    let x = net.conv("input", &Window { stride: 4, ..Window::new(3, 4, 3) });
    let target = net.integers(&[1, -1]);
    let flat = net.node("Reshape", &[&x, &target], vec![]);
    let (weight, bias) = (net.weights(&[256, 8]), net.weights(&[8]));
    let end = net.node("Gemm", &[&flat, &weight, &bias], vec![]);
    net.graph.output.push(value(&end, &[Some(1), Some(8)]));
    cases.push(case("a batch of 1", net.encode(OPSET), RewritingRule::OpenBatch, 1));

    let (mut net, x) = started(8);
    let weights: Vec<(String, Vec<i64>)> =
        net.graph.initializer.iter().map(|weight| (weight.name.clone(), weight.dims.clone())).collect();
    for (name, dims) in weights {
        let dims: Vec<Option<i64>> = dims.into_iter().map(Some).collect();
        net.graph.input.push(value(&name, &dims));
    }
    cases.push(case("weights among the inputs", net.finish(&[(&x, 4)], OPSET), RewritingRule::CloseWeights, 2));
    cases
}

pub(super) fn cases() -> Vec<Case> {
    prelu_cases().into_iter().chain(fold_cases()).chain(shape_cases()).collect()
}
