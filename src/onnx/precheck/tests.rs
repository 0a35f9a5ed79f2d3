use crate::onnx::proto::tensor_proto::{DataLocation, DataType, Segment};
use crate::onnx::proto::{
    AttributeProto, FunctionProto, NodeProto, OperatorSetIdProto, SparseTensorProto, StringStringEntryProto,
    TensorProto, TensorShapeProto,
};
use proptest::prelude::*;

use super::*;

fn weights() -> TensorProto {
    TensorProto {
        name: "w".into(),
        data_type: DataType::Float as i32,
        dims: vec![2, 3],
        raw_data: vec![0; 24],
        ..TensorProto::default()
    }
}

fn value(name: &str, kind: DataType, shape: &[i64]) -> ValueInfoProto {
    let dim = |side: &i64| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(*side)),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: kind as i32,
        shape: Some(TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind) }
}

/// A small model that passes; each case below breaks one thing.
fn model() -> ModelProto {
    let relu =
        NodeProto { op_type: "Relu".into(), input: vec!["x".into()], output: vec!["y".into()], ..Default::default() };
    let graph = GraphProto {
        node: vec![relu],
        input: vec![value("x", DataType::Float, &[-1, 3, 112, 112]), value("w", DataType::Float, &[2, 3])],
        output: vec![value("y", DataType::Float, &[-1, 3, 112, 112])],
        initializer: vec![weights()],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

fn refusal(change: impl FnOnce(&mut ModelProto, &mut GraphProto)) -> String {
    let mut model = model();
    let mut graph = model.graph.take().expect("a graph");
    change(&mut model, &mut graph);
    model.graph.get_or_insert(graph);
    let error = precheck("m.onnx", &model.encode_to_vec()).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    let message = error.to_string();
    assert!(message.starts_with("m.onnx: "), "{message}");
    message
}

#[test]
fn a_model_says_what_it_is() {
    let found = precheck("m.onnx", &model().encode_to_vec()).expect("it passes");
    let expected = Inspection {
        opset: 13,
        input: "x".into(),
        shape: [None, Some(3), Some(112), Some(112)],
        layout: Layout::Nchw,
        outputs: vec!["y".into()],
        parameters: 6,
    };
    assert_eq!(found, expected);
}

#[test]
fn other_bytes_are_no_model() {
    for bytes in [&b""[..], b"\x08\x08", b"<!doctype html>", &[0xff; 100]] {
        let message = precheck("m.onnx", bytes).expect_err("refused").to_string();
        assert!(message.contains("not an ONNX model"), "{message}");
    }
    let whole = model().encode_to_vec();
    for cut in 1..whole.len() {
        assert!(precheck("m.onnx", &whole[..cut]).is_err(), "cut to {cut} bytes");
    }
}

#[test]
fn a_model_without_operators_or_with_those_of_another_age_is_refused() {
    assert!(refusal(|_, graph| graph.node.clear()).contains("no operators"));
    assert!(refusal(|_, graph| graph.output.clear()).contains("no outputs"));
    assert!(refusal(|model, _| model.opset_import.clear()).contains("of which version"));
    for version in [0, 6, 26, i64::MAX] {
        let message = refusal(|model, _| model.opset_import[0].version = version);
        assert!(message.contains(&format!("version {version}, expected 7 to 25")), "{message}");
    }
    let message = refusal(|_, graph| graph.node[0].domain = "org.example".into());
    assert!(message.contains("Relu is of the unknown domain \"org.example\""), "{message}");
}

#[test]
fn data_in_other_files_is_refused_wherever_it_is() {
    let external = || {
        let entry = StringStringEntryProto { key: "location".into(), value: "/etc/passwd".into() };
        TensorProto {
            data_location: Some(DataLocation::External as i32),
            external_data: vec![entry],
            raw_data: vec![],
            ..weights()
        }
    };
    let inner = || GraphProto { initializer: vec![external()], ..GraphProto::default() };
    let attribute = |attribute: AttributeProto| NodeProto { attribute: vec![attribute], ..NodeProto::default() };
    let sparse = SparseTensorProto { values: Some(external()), dims: vec![6], ..SparseTensorProto::default() };
    let messages = [
        refusal(|_, graph| graph.initializer.push(external())),
        refusal(|_, graph| graph.sparse_initializer.push(sparse)),
        refusal(|_, graph| graph.node.push(attribute(AttributeProto { t: Some(external()), ..Default::default() }))),
        refusal(|_, graph| {
            graph.node.push(attribute(AttributeProto { tensors: vec![external()], ..Default::default() }))
        }),
        refusal(|_, graph| graph.node.push(attribute(AttributeProto { g: Some(inner()), ..Default::default() }))),
        refusal(|_, graph| graph.node.push(attribute(AttributeProto { graphs: vec![inner()], ..Default::default() }))),
    ];
    for message in messages {
        assert!(message.contains("\"w\" keeps its data in another file"), "{message}");
        assert!(!message.contains("passwd"), "{message}");
    }
}

#[test]
fn data_that_is_not_what_the_shape_says_is_refused() {
    type Change = fn(&mut TensorProto);
    let cases: [(Change, &str); 11] = [
        (|w| w.raw_data.truncate(23), "has 23 bytes of data, its shape [2, 3] asks for 24"),
        (|w| w.raw_data.push(0), "has 25 bytes of data"),
        (|w| w.raw_data.clear(), "has 0 numbers of data, its shape [2, 3] asks for 6"),
        (|w| w.dims = vec![2, -3], "claims the shape [2, -3]"),
        (|w| w.dims = vec![i64::MAX, i64::MAX], "claims the shape"),
        (|w| w.dims = vec![1 << 20, 1 << 20], "claims the shape"),
        (|w| w.dims = vec![], "asks for 4"),
        (|w| w.data_type = 0, "unknown type 0"),
        (|w| w.data_type = 99, "unknown type 99"),
        (|w| w.data_type = DataType::Int4 as i32, "asks for 3"),
        (|w| w.segment = Some(Segment { begin: 0, end: 6 }), "one part of several"),
    ];
    for (change, reason) in cases {
        let message = refusal(|_, graph| change(&mut graph.initializer[0]));
        assert!(message.contains("the tensor \"w\" ") && message.contains(reason), "{reason:?} in {message}");
    }
    let message = refusal(|_, graph| {
        graph.sparse_initializer.push(SparseTensorProto { dims: vec![1 << 40], ..SparseTensorProto::default() });
    });
    assert!(message.contains("a sparse tensor claims the shape"), "{message}");
}

#[test]
fn data_may_stand_in_the_list_of_its_type() {
    let lists = [
        TensorProto { raw_data: vec![], float_data: vec![0.0; 6], ..weights() },
        TensorProto { raw_data: vec![], int64_data: vec![0; 6], data_type: DataType::Int64 as i32, ..weights() },
        TensorProto { raw_data: vec![], int32_data: vec![0; 6], data_type: DataType::Int8 as i32, ..weights() },
        TensorProto { raw_data: vec![], int32_data: vec![0; 3], data_type: DataType::Uint4 as i32, ..weights() },
        TensorProto { raw_data: vec![], uint64_data: vec![0; 6], data_type: DataType::Uint32 as i32, ..weights() },
        TensorProto { raw_data: vec![], float_data: vec![0.0; 12], data_type: DataType::Complex64 as i32, ..weights() },
        TensorProto { raw_data: vec![], string_data: vec![vec![]; 6], data_type: DataType::String as i32, ..weights() },
        TensorProto { raw_data: vec![], dims: vec![0, 3], ..weights() },
    ];
    for tensor in lists {
        assert!(tensors::check(&tensor).is_ok(), "{:?}", tensor.data_type);
    }
}

#[test]
fn the_input_is_one_picture() {
    type Change = fn(&mut GraphProto);
    let cases: [(Change, &str); 8] = [
        (|graph| graph.input.truncate(0), "not exactly one input"),
        (|graph| graph.initializer.clear(), "not exactly one input"),
        (|graph| graph.input[0] = value("x", DataType::Uint8, &[1, 3, 8, 8]), "not of 32-bit floats"),
        (|graph| graph.input[0] = value("x", DataType::Float, &[3, 8, 8]), "has 3 dimensions"),
        (|graph| graph.input[0] = value("x", DataType::Float, &[1, 1, 8, 8]), "has 1x1x8x8, expected a picture"),
        (|graph| graph.input[0].r#type = None, "is not a tensor"),
        (|graph| graph.input[0] = value("x", DataType::Float, &[1, 3, 1 << 20, 1 << 20]), "claims 1x3x1048576x1048576"),
        (|graph| graph.value_info.push(value("v", DataType::Float, &[i64::MAX, i64::MAX])), "\"v\" claims"),
    ];
    for (change, reason) in cases {
        let message = refusal(|_, graph| change(graph));
        assert!(message.contains(reason), "{reason:?} in {message}");
    }
    let mut last = model();
    if let Some(graph) = &mut last.graph {
        graph.input[0] = value("x", DataType::Float, &[-1, 96, 96, 3]);
    }
    assert_eq!(precheck("m.onnx", &last.encode_to_vec()).map(|found| found.layout).ok(), Some(Layout::Nhwc));
}

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
    let bombs: [(&str, Bomb); 17] = [
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
    assert!(message.contains("the operator RandomNormal (\"bomb\") is not one whose sizes are known"), "{message}");
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

proptest! {
    /// Whatever the bytes are, the answer is a verdict.
    #[test]
    fn damaged_models_are_judged_without_a_panic(damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut bytes = model().encode_to_vec();
        for (place, byte) in damage {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Err(error) = precheck("m.onnx", &bytes) {
            prop_assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
            prop_assert!(error.to_string().starts_with("m.onnx: "));
        }
    }
}
