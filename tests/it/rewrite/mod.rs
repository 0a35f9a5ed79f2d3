//! A rewritten graph computes what the graph computed.

mod cases;
mod real_networks;

use facevault::ErrorKind;
use facevault::onnx::proto::ModelProto;
use facevault::onnx::rewrite::{RewritingRule, RewritingRules, rewrite};
use facevault::vision::{Network, NetworkOptions, TensorView};
use ndarray::Array4;
use proptest::prelude::*;
use prost::Message;

use self::cases::{Case, OPSET, cases, pyramid, shape_cases, slopes, started};
use crate::graphs::Net;
use crate::networks::runtime;

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
