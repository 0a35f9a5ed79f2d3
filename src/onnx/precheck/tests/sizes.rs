//! Graphs whose values would get too large, and graphs that only seem so.

use crate::onnx::proto::{AttributeProto, FunctionProto, NodeProto, TensorProto};

use super::*;

fn attribute(name: &str, change: impl FnOnce(&mut AttributeProto)) -> AttributeProto {
    let mut attribute = AttributeProto { name: name.into(), ..AttributeProto::default() };
    change(&mut attribute);
    attribute
}

fn integers(name: &str, numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type: DataType::Int64 as i32,
        dims: vec![numbers.len() as i64],
        int64_data: numbers.to_vec(),
        ..TensorProto::default()
    }
}

fn operator(kind: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: kind.into(),
        name: "bomb".into(),
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec!["z".into()],
        attribute: attributes,
        ..NodeProto::default()
    }
}

#[test]
fn graphs_that_decide_for_themselves_what_to_run_are_refused() {
    let inner = || GraphProto { node: vec![operator("Relu", &["x"], vec![])], ..GraphProto::default() };
    for kind in ["Loop", "If", "Scan", "SequenceMap"] {
        let body = attribute("body", |attribute| attribute.g = Some(inner()));
        let message = refusal(|_, graph| graph.node.push(operator(kind, &["x"], vec![body])));
        assert!(message.contains(&format!("the operator {kind} runs graphs of its own")), "{message}");
    }
    let function = FunctionProto {
        name: "Twice".into(),
        domain: "own".into(),
        node: vec![operator("Relu", &["x"], vec![])],
        ..FunctionProto::default()
    };
    let message = refusal(|model, _| model.functions.push(function));
    assert!(message.contains("has functions of its own"), "{message}");
}

#[test]
fn values_that_get_too_large_are_refused_before_they_are_made() {
    let huge = [1, 3, 100_000, 100_000];
    type Bomb = (Vec<TensorProto>, Vec<NodeProto>);
    let ints = |name: &str, numbers: &[i64]| attribute(name, |attribute| attribute.ints = numbers.to_vec());
    let floats = |name: &str, numbers: &[f32]| attribute(name, |attribute| attribute.floats = numbers.to_vec());
    let with = |numbers: &[i64], kind: &str, inputs: &[&str]| -> Bomb {
        (vec![integers("n", numbers)], vec![operator(kind, inputs, vec![])])
    };
    let bombs: [(&str, Bomb); 19] = [
        ("Expand", with(&huge, "Expand", &["x", "n"])),
        ("Tile", with(&[1, 1, 1_000, 1_000], "Tile", &["x", "n"])),
        ("ConstantOfShape", with(&huge, "ConstantOfShape", &["n"])),
        ("Resize", with(&huge, "Resize", &["x", "", "", "n"])),
        ("Pad", with(&[0, 0, 0, 0, 0, 0, 50_000, 50_000], "Pad", &["x", "n"])),
        ("Pad", (vec![], vec![operator("Pad", &["x"], vec![ints("pads", &[0, 0, 0, 0, 0, 0, 50_000, 50_000])])])),
        ("Upsample", (vec![], vec![operator("Upsample", &["x"], vec![floats("scales", &[1.0, 1.0, 1e4, 1e4])])])),
        ("OneHot", with(&[1 << 40], "OneHot", &["x", "n", "n"])),
        ("Conv", {
            let mut filters = TensorProto { dims: vec![2, 3, 1, 1], ..weights() };
            filters.name = "f".into();
            (vec![filters], vec![operator("Conv", &["x", "f"], vec![ints("pads", &[50_000; 4])])])
        }),
        ("ConvTranspose", {
            let mut filters = TensorProto { dims: vec![3, 2, 1, 1], ..weights() };
            filters.name = "f".into();
            (vec![filters], vec![operator("ConvTranspose", &["x", "f"], vec![ints("strides", &[1_000; 2])])])
        }),
        ("ConvTranspose", {
            let mut filters = TensorProto { dims: vec![3, 2, 1, 1], ..weights() };
            filters.name = "f".into();
            let sides = ints("output_shape", &[1, 2, 50_000, 50_000]);
            (vec![filters], vec![operator("ConvTranspose", &["x", "f"], vec![sides])])
        }),
        ("AveragePool", {
            let window = vec![ints("kernel_shape", &[2, 2]), ints("pads", &[50_000; 4])];
            (vec![], vec![operator("AveragePool", &["x"], window)])
        }),
        ("Gather", {
            let index = TensorProto { dims: vec![10_000], int64_data: vec![0; 10_000], ..integers("n", &[]) };
            (vec![index], vec![operator("Gather", &["x", "n"], vec![])])
        }),
        // Sides that are worked out in the graph.
        ("Expand", {
            let mut shape = operator("Shape", &["x"], vec![]);
            shape.output = vec!["s".into()];
            let mut times = operator("Mul", &["s", "n"], vec![]);
            times.output = vec!["t".into()];
            (vec![integers("n", &[1, 1, 1_000, 1_000])], vec![shape, times, operator("Expand", &["x", "t"], vec![])])
        }),
        // One row times one column, and one element with another.
        ("MatMul", {
            let mut rows = operator("Reshape", &["x", "r"], vec![]);
            rows.output = vec!["a".into()];
            let mut columns = operator("Reshape", &["x", "c"], vec![]);
            columns.output = vec!["b".into()];
            (
                vec![integers("r", &[-1, 1]), integers("c", &[1, -1])],
                vec![rows, columns, operator("MatMul", &["a", "b"], vec![])],
            )
        }),
        ("FusedMatMul", {
            let mut rows = operator("Reshape", &["x", "r"], vec![]);
            rows.output = vec!["a".into()];
            let turned = attribute("transB", |attribute| attribute.i = 1);
            let mut times = operator("FusedMatMul", &["a", "a"], vec![turned]);
            times.domain = "com.microsoft".into();
            (vec![integers("r", &[-1, 1])], vec![rows, times])
        }),
        ("Add", {
            let mut rows = operator("Reshape", &["x", "r"], vec![]);
            rows.output = vec!["a".into()];
            let mut columns = operator("Reshape", &["x", "c"], vec![]);
            columns.output = vec!["b".into()];
            (
                vec![integers("r", &[-1, 1]), integers("c", &[1, -1])],
                vec![rows, columns, operator("Add", &["a", "b"], vec![])],
            )
        }),
        ("Concat", (vec![], vec![operator("Concat", &["x"; 2_000], vec![attribute("axis", |axis| axis.i = 1)])])),
        ("Range", {
            let mut one = [integers("from", &[0]), integers("to", &[1 << 40]), integers("by", &[1])];
            one.iter_mut().for_each(|number| number.dims.clear());
            (one.to_vec(), vec![operator("Range", &["from", "to", "by"], vec![])])
        }),
    ];
    for (kind, (tensors, nodes)) in bombs {
        let message = refusal(|_, graph| {
            graph.initializer.extend(tensors);
            graph.node.extend(nodes);
        });
        assert!(message.contains(&format!("the operator {kind} (\"bomb\") makes a tensor of ")), "{kind}: {message}");
        assert!(message.ends_with("at most 67108864 are taken"), "{kind}: {message}");
    }
}

#[test]
fn what_decides_its_size_while_it_runs_is_refused() {
    for (kind, inputs) in [
        ("Expand", vec!["x", "unknown"]),
        ("Tile", vec!["x", "unknown"]),
        ("ConstantOfShape", vec!["unknown"]),
        ("Resize", vec!["x", "", "", "unknown"]),
        ("Pad", vec!["x", "unknown"]),
        ("Range", vec!["unknown", "unknown", "unknown"]),
        ("OneHot", vec!["x", "unknown", "w"]),
    ] {
        let message = refusal(|_, graph| {
            let mut cast = operator("Cast", &["x"], vec![]);
            cast.output = vec!["unknown".into()];
            graph.node.extend([cast, operator(kind, &inputs, vec![])]);
        });
        assert!(message.contains("whose size is not known before it runs"), "{kind}: {message}");
    }
    let message = refusal(|_, graph| graph.node.push(operator("RandomNormal", &[], vec![])));
    assert!(message.contains("the operator RandomNormal (\"bomb\") is not supported: facevault cannot"), "{message}");
    let message = refusal(|_, graph| graph.node.push(operator("Relu", &["later"], vec![])));
    assert!(message.contains("reads \"later\" before it is made"), "{message}");
}

#[test]
fn many_values_and_large_batches_are_refused() {
    let many = |graph: &mut GraphProto| {
        let mut before = "x".to_owned();
        for i in 0..100_000 {
            let mut relu = operator("Relu", &[&before], vec![]);
            before = format!("v{i}");
            relu.output = vec![before.clone()];
            graph.node.push(relu);
        }
    };
    let message = refusal(|_, graph| many(graph));
    assert!(message.contains("its values have more than 536870912 elements together"), "{message}");
    let message = refusal(|_, graph| graph.input[0] = value("x", DataType::Float, &[4_000, 3, 112, 112]));
    assert!(message.contains("at most 67108864 are taken"), "{message}");
}

#[test]
fn the_parts_of_a_split_keep_their_sides() {
    let filters = TensorProto { name: "f".into(), dims: vec![2, 1, 1, 3], ..weights() };
    let [mut split, mut conv] = [operator("Split", &["x"], vec![]), operator("Conv", &["c", "f"], vec![])];
    split.attribute.push(attribute("axis", |axis| axis.i = 1));
    split.output = ["a", "b", "c"].map(String::from).to_vec();
    conv.output = vec!["d".into()];
    // Without the sides of `c` each convolution would seem to make twice as much as the one before it.
    let mut nodes = vec![split, conv];
    let mut before = "d".to_owned();
    for i in 0..20 {
        let mut next = operator("Split", &[&before], vec![attribute("axis", |axis| axis.i = 1)]);
        next.output = vec![format!("s{i}"), format!("t{i}")];
        let mut conv = operator("Conv", &[&next.output[0], "f"], vec![]);
        before = format!("d{i}");
        conv.output = vec![before.clone()];
        nodes.extend([next, conv]);
    }
    let mut model = model();
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.push(filters);
    graph.node.extend(nodes);
    let found = precheck("m.onnx", &model.encode_to_vec());
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn sides_beside_a_side_of_0_may_be_of_any_length() {
    let axis = |i: i64| vec![attribute("axis", |attribute| attribute.i = i)];
    for (kind, inputs, attributes) in [
        ("Slice", vec!["empty", "n", "n"], vec![]),
        ("Flatten", vec!["empty"], axis(2)),
        ("Concat", vec!["empty"; 5], axis(0)),
        ("Split", vec!["empty"], axis(0)),
    ] {
        let mut model = model();
        let graph = model.graph.as_mut().expect("a graph");
        let shape = integers("shape", &[i64::MAX, i64::MAX, 0]);
        graph.initializer.extend([shape, integers("n", &[1])]);
        let mut empty = operator("ConstantOfShape", &["shape"], vec![]);
        empty.output = vec!["empty".into()];
        graph.node.extend([empty, operator(kind, &inputs, attributes)]);
        let found = precheck("m.onnx", &model.encode_to_vec());
        assert!(found.is_ok(), "{kind}: {found:?}");
    }
}

#[test]
fn sizes_that_are_worked_out_from_the_inputs_are_followed() {
    let floats = |name: &str, numbers: &[f32]| TensorProto {
        name: name.into(),
        data_type: DataType::Float as i32,
        dims: vec![numbers.len() as i64],
        float_data: numbers.to_vec(),
        ..TensorProto::default()
    };
    let axis = |i: i64| attribute("axis", |attribute| attribute.i = i);
    // As exporters write `resize(x, 2 * x.shape[2:])` and `x.reshape(x.shape[0], -1)`.
    let steps: [(&str, &[&str], &str, Vec<AttributeProto>); 11] = [
        ("Shape", &["x"], "s", vec![]),
        ("Slice", &["s", "two", "four"], "hw", vec![]),
        ("Cast", &["hw"], "f", vec![]),
        ("Mul", &["f", "factor"], "g", vec![]),
        ("Floor", &["g"], "h", vec![]),
        ("Slice", &["s", "zero", "two"], "nc", vec![]),
        ("Concat", &["nc", "h"], "sizes", vec![axis(0)]),
        ("Resize", &["x", "", "", "sizes"], "large", vec![]),
        ("Gather", &["s", "zero"], "n", vec![axis(0)]),
        ("Concat", &["n", "rest"], "flat", vec![axis(0)]),
        ("Reshape", &["large", "flat"], "row", vec![]),
    ];
    let passes = |factor: f32| {
        let mut model = model();
        let graph = model.graph.as_mut().expect("a graph");
        let numbers = [("zero", 0), ("two", 2), ("four", 4), ("rest", -1)];
        graph.initializer.extend(numbers.map(|(name, number)| integers(name, &[number])));
        graph.initializer.push(floats("factor", &[factor]));
        for (kind, inputs, output, attributes) in steps.clone() {
            let mut node = operator(kind, inputs, attributes);
            node.output = vec![output.into()];
            graph.node.push(node);
        }
        precheck("m.onnx", &model.encode_to_vec())
    };
    assert!(passes(2.0).is_ok(), "{:?}", passes(2.0));
    assert!(passes(100.0).is_err());
}
