//! A rewritten graph computes what the graph computed.

use facevault::ErrorKind;
use facevault::onnx::proto::ModelProto;
use facevault::onnx::rewrite::{RewritingRule, RewritingRules, rewrite};
use facevault::vision::{Network, NetworkOptions, TensorView};
use image::RgbImage;
use ndarray::Array4;
use proptest::prelude::*;
use prost::Message;

use crate::data;
use crate::graphs::{Net, Window, float, int, ints, text, value};
use crate::networks::{cosine, runtime};

const OPSET: i64 = 13;

/// A graph, the rule that is made for it, and in how many places it applies.
struct Case {
    name: &'static str,
    onnx: Vec<u8>,
    size: [usize; 4],
    rule: RewritingRule,
    places: usize,
}

fn case(name: &'static str, onnx: Vec<u8>, rule: RewritingRule, places: usize) -> Case {
    Case { name, onnx, size: [1, 3, 32, 32], rule, places }
}

/// A picture of any size and a first convolution to `channels`.
fn started(channels: usize) -> (Net, String) {
    let mut net = Net::new([None, Some(3), None, None]);
    let first = net.conv("input", &Window::new(3, channels, 3));
    (net, first)
}

fn slopes(channels: usize, lowest: f32, highest: f32) -> Vec<f32> {
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
fn pyramid(channels: usize) -> Vec<u8> {
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

fn shape_cases() -> Vec<Case> {
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

fn picture(size: [usize; 4]) -> Array4<f32> {
    let mut net = Net::new([None; 4]);
    Array4::from_shape_simple_fn(size, || net.number())
}

fn load(name: &str, onnx: &[u8]) -> Network {
    Network::load(&runtime(), NetworkOptions::new(name), onnx).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A tensor's sizes and numbers.
type Output = (Vec<usize>, Vec<f32>);

/// The outputs of a network.
fn run(network: &Network, input: &Array4<f32>) -> Vec<Output> {
    let read = |outputs: &[TensorView<'_>]| {
        Ok(outputs.iter().map(|output| (output.shape().collect(), output.values().to_vec())).collect())
    };
    let numbers = input.as_standard_layout();
    network
        .run(input.dim().into(), numbers.as_slice().expect("one after the other"), read)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The largest difference of two networks' outputs.
fn difference(a: &[Output], b: &[Output]) -> f32 {
    assert_eq!(a.len(), b.len());
    let of_one = |(a, b): (&Output, &Output)| {
        assert_eq!(a.0, b.0, "sizes");
        assert!(a.1.iter().chain(&b.1).all(|number| number.is_finite()));
        assert!(a.1.iter().any(|number| *number != 0.0));
        a.1.iter().zip(&b.1).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    a.iter().zip(b).map(of_one).fold(0.0, f32::max)
}

fn cases() -> Vec<Case> {
    prelu_cases().into_iter().chain(fold_cases()).chain(shape_cases()).collect()
}

#[test]
fn each_rule_finds_its_places_and_keeps_the_results() {
    for Case { name, onnx, size, rule, places } in cases() {
        let input = picture(size);
        let alone = RewritingRules::none().with(rule).for_multiples_of(32);
        let rewritten = rewrite(&onnx, &alone).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = if places == 0 { vec![] } else { vec![(rule, places)] };
        assert_eq!(rewritten.applied, expected, "{name}");
        assert_eq!(rewritten.onnx == onnx, places == 0, "{name}");
        if rule == RewritingRule::CloseWeights {
            // The stock network asks for its weights.
            continue;
        }
        let stock = run(&load(name, &onnx), &input);
        for rules in [alone, RewritingRules::default().for_multiples_of(32)] {
            let rewritten = rewrite(&onnx, &rules).unwrap_or_else(|error| panic!("{name}: {error}"));
            let found = run(&load(name, &rewritten.onnx), &input);
            let apart = difference(&stock, &found);
            assert!(apart < 1e-5, "{name}: {apart} apart after {:?}", rewritten.applied);
        }
    }
}

#[test]
fn an_opened_batch_gives_what_single_pictures_give() {
    let case = shape_cases().into_iter().find(|case| case.rule == RewritingRule::OpenBatch).expect("a case");
    let opened = load(case.name, &rewrite(&case.onnx, &RewritingRules::default()).expect("a graph").onnx);
    assert_eq!(opened.input_shape(), [None, Some(3), Some(32), Some(32)]);
    let stock = load(case.name, &case.onnx);
    let pictures = picture([3, 3, 32, 32]);
    let together = &run(&opened, &pictures)[0];
    assert_eq!(together.0, [3, 8]);
    for (i, picture) in pictures.outer_iter().enumerate() {
        let single = run(&stock, &picture.insert_axis(ndarray::Axis(0)).to_owned());
        let part = vec![(vec![1, 8], together.1[8 * i..8 * (i + 1)].to_vec())];
        assert!(difference(&single, &part) < 1e-5);
    }
}

#[test]
fn a_pyramid_keeps_its_sizes_where_nothing_is_promised() {
    let onnx = pyramid(16);
    let rules = RewritingRules::none().with(RewritingRule::StateFactors);
    assert_eq!(rewrite(&onnx, &rules).expect("a graph").applied, []);
    // 34 is no multiple of 4: the map of 9 is enlarged to 17.
    let rules = RewritingRules::default();
    let rewritten = rewrite(&onnx, &rules).expect("a graph");
    let input = picture([1, 3, 34, 34]);
    assert!(difference(&run(&load("stock", &onnx), &input), &run(&load("rewritten", &rewritten.onnx), &input)) < 1e-5);
}

#[test]
fn rewriting_is_the_same_each_time_and_done_once() {
    for Case { name, onnx, .. } in cases() {
        let rules = RewritingRules::default().for_multiples_of(32);
        let once = rewrite(&onnx, &rules).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rewrite(&onnx, &rules).expect("a graph"), once, "{name}");
        let twice = rewrite(&once.onnx, &rules).expect("a graph");
        assert_eq!(twice.applied, [], "{name}");
        assert_eq!(twice.onnx, once.onnx, "{name}");
    }
}

#[test]
fn without_rules_or_with_parts_unknown_a_graph_stays_as_it_is() {
    let (mut net, x) = started(16);
    let end = net.prelu(&x, &slopes(16, -1.0, 0.9));
    let onnx = net.finish(&[(&end, 4)], OPSET);
    assert_eq!(rewrite(&onnx, &RewritingRules::none()).expect("a graph").onnx, onnx);
    let changed = |change: &dyn Fn(&mut ModelProto)| {
        let mut model = ModelProto::decode(onnx.as_slice()).expect("a model");
        change(&mut model);
        model.encode_to_vec()
    };
    type Spoil<'a> = &'a dyn Fn(&mut ModelProto);
    let unknown: [(&str, Spoil<'_>); 5] = [
        ("newer operators", &|model| model.opset_import[0].version = 99),
        ("a nested graph", &|model| {
            let graph = model.graph.clone();
            model.graph.as_mut().expect("a graph").node[0].attribute.push(facevault::onnx::proto::AttributeProto {
                name: "body".into(),
                r#type: facevault::onnx::proto::attribute_proto::AttributeType::Graph as i32,
                g: graph,
                ..Default::default()
            });
        }),
        ("a circle", &|model| {
            let graph = model.graph.as_mut().expect("a graph");
            graph.node[0].input[0] = graph.node[1].output[0].clone();
        }),
        ("a value made twice", &|model| {
            let graph = model.graph.as_mut().expect("a graph");
            graph.node[1].output[0] = graph.node[0].output[0].clone();
        }),
        ("an input that nothing makes", &|model| {
            model.graph.as_mut().expect("a graph").node[1].input[0] = "nothing".into()
        }),
    ];
    for (what, change) in unknown {
        let onnx = changed(change);
        let rewritten = rewrite(&onnx, &RewritingRules::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((rewritten.applied.as_slice(), rewritten.onnx == onnx), (&[][..], true), "{what}");
    }
}

#[test]
fn what_is_no_model_is_refused() {
    for bytes in [&b"not an ONNX file"[..], &[], &[0xff; 64]] {
        let error = rewrite(bytes, &RewritingRules::default()).expect_err("no model");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    }
}

#[test]
fn rules_are_named() {
    for rule in RewritingRule::ALL {
        assert_eq!(rule.as_str().parse::<RewritingRule>().expect("a rule"), rule);
    }
    assert_eq!("make_it_fast".parse::<RewritingRule>().expect_err("no rule").kind(), ErrorKind::NotFound);
    assert!(RewritingRule::ALL.is_sorted(), "the order of application");
    let rules = RewritingRule::ALL.into_iter().fold(RewritingRules::none(), RewritingRules::with);
    assert_eq!(rules, RewritingRules::default());
    assert_eq!(RewritingRule::ALL.into_iter().fold(rules, RewritingRules::without), RewritingRules::none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Damaged files give an error or a graph, never a panic.
    #[test]
    fn damaged_files_are_survived(which in 0usize..64, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let cases = cases();
        let mut onnx = cases[which % cases.len()].onnx.clone();
        // The structure is in the bytes around the weights.
        let ends = onnx.len().min(600);
        for (place, byte) in damage {
            let place = place.index(2 * ends);
            let place = if place < ends { place } else { onnx.len() - 1 - (place - ends) };
            onnx[place] = byte;
        }
        let _ = rewrite(&onnx, &RewritingRules::default().for_multiples_of(32));
    }
}

/// Names, colour order and normalisation of the embedders of the test data, and of their aligned
/// photos.
const EMBEDDERS: [(&str, &str, bool, f32, f32); 3] = [
    ("espdl_mbf.onnx", "arcface112", false, 127.5, 127.5),
    ("omz_face_reid_0095.onnx", "omz128", true, 0.0, 1.0),
    ("foamliu_mobilefacenet.onnx", "arcface112", false, 120.0, 58.0),
];

fn tensor(photo: &RgbImage, bgr: bool, mean: f32, scale: f32) -> Array4<f32> {
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    Array4::from_shape_fn([1, 3, height, width], |(_, c, y, x)| {
        let channel = if bgr { 2 - c } else { c };
        (f32::from(photo.get_pixel(x as u32, y as u32)[channel]) - mean) / scale
    })
}

fn each_rule_and_all() -> Vec<RewritingRules> {
    let alone = RewritingRule::ALL.into_iter().map(|rule| RewritingRules::none().with(rule).for_multiples_of(32));
    alone.chain([RewritingRules::default().for_multiples_of(32)]).collect()
}

#[test]
fn embedders_give_the_same_vectors_of_real_faces() {
    let Some(folder) = crate::networks::folder("embedders_give_the_same_vectors_of_real_faces") else { return };
    for (file, photos, bgr, mean, scale) in EMBEDDERS {
        let onnx = data::read(&folder, &format!("models/{file}"));
        let stock = load(file, &onnx);
        let faces: Vec<Array4<f32>> = ["00_0", "05_0", "11_0", "24_0"]
            .map(|face| data::read(&folder, &format!("golden/yunet/{face}_{photos}.png")))
            .map(|png| image::load_from_memory(&png).expect("a picture").to_rgb8())
            .iter()
            .map(|photo| tensor(photo, bgr, mean, scale))
            .collect();
        let expected: Vec<_> = faces.iter().map(|face| run(&stock, face)).collect();
        for rules in each_rule_and_all() {
            let rewritten = rewrite(&onnx, &rules).expect("a graph");
            if rewritten.applied.is_empty() {
                continue;
            }
            let network = load(file, &rewritten.onnx);
            for (face, expected) in faces.iter().zip(&expected) {
                let found = run(&network, face);
                let same = cosine(&expected[0].1, &found[0].1);
                assert!(same >= 0.999_999, "{file}: {same} after {:?}", rewritten.applied);
            }
        }
    }
}

#[test]
fn detectors_give_the_same_tensors_of_real_photos() {
    let Some(folder) = crate::networks::folder("detectors_give_the_same_tensors_of_real_photos") else { return };
    let detectors = [
        ("scrfd_500m_kps.onnx", false, 127.5, 128.0),
        ("scrfd_2.5g_kps.onnx", false, 127.5, 128.0),
        ("yunet_s_dynamic.onnx", true, 0.0, 1.0),
    ];
    let photos: Vec<RgbImage> = data::files_below(&folder.join("faces/group"))
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .take(2)
        .map(|path| image::open(path).expect("a picture").to_rgb8())
        .map(|photo| image::imageops::resize(&photo, 320, 256, image::imageops::FilterType::Triangle))
        .collect();
    assert_eq!(photos.len(), 2);
    for (file, bgr, mean, scale) in detectors {
        let onnx = data::read(&folder, &format!("models/{file}"));
        let stock = load(file, &onnx);
        let inputs: Vec<Array4<f32>> = photos.iter().map(|photo| tensor(photo, bgr, mean, scale)).collect();
        let expected: Vec<_> = inputs.iter().map(|input| run(&stock, input)).collect();
        for rules in each_rule_and_all() {
            let rewritten = rewrite(&onnx, &rules).expect("a graph");
            if rewritten.applied.is_empty() {
                continue;
            }
            let network = load(file, &rewritten.onnx);
            for (input, expected) in inputs.iter().zip(&expected) {
                let found = run(&network, input);
                let apart = difference(expected, &found);
                assert!(apart < 1e-4, "{file}: {apart} apart after {:?}", rewritten.applied);
            }
        }
    }
}
