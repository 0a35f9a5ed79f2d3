use crate::onnx::proto::tensor_proto::{DataLocation, DataType, Segment};
use crate::onnx::proto::{
    AttributeProto, NodeProto, OperatorSetIdProto, SparseTensorProto, StringStringEntryProto, TensorProto,
    TensorShapeProto,
};
use proptest::prelude::*;

use super::*;

mod sizes;

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
