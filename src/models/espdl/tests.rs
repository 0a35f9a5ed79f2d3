//! Small networks in Espressif's format: what they are as ONNX.

use crate::onnx::reference::{self, Tensor};
use crate::onnx::{Convolution, GraphWriter, Size, Window};

use super::network_onnx;
use super::sample::{Filters, biases, integers, whole};

/// The same network, written as ONNX from its numbers in plain order.
fn whole_onnx() -> Vec<u8> {
    let scaled = |values: &[i32], exponent: f64| -> Vec<u8> {
        values.iter().flat_map(|value| ((f64::from(*value) * exponent.exp2()) as f32).to_le_bytes()).collect()
    };
    let sizes = [Size::Any("n"), Size::Fixed(3), Size::Fixed(5), Size::Fixed(4)];
    let (mut graph, input) = GraphWriter::new("espdl_embedder", "input.1", &sizes);
    let convolution = |graph: &mut GraphWriter, input: &_, filters: Filters, bias, window, groups| {
        let (shape, filters) = (filters.shape, filters.floats());
        graph.convolution(input, Convolution { shape, filters, bias, window, groups })
    };
    let window = Window { size: [3, 3], stride: [2, 2], padding: [0, 1], extra: [1, 0] };
    let first = Filters::new(1, [32, 3, 3, 3], -7);
    let x = convolution(&mut graph, &input, first, scaled(&biases(2, 32), -12.0), window, 1);
    let values: Vec<i32> = integers(3, 32).into_iter().map(i32::from).collect();
    let x = graph.prelu(&x, &[32, 1, 1], scaled(&values, -6.0));
    let window = Window { size: [3, 3], stride: [1, 1], padding: [1, 1], extra: [0, 0] };
    let each = Filters::new(4, [32, 1, 3, 3], -3);
    let y = convolution(&mut graph, &x, each, scaled(&biases(5, 32), -10.0), window, 32);
    let y = graph.relu(&y);
    let x = graph.add(&x, &y);
    let x = graph.relu(&x);
    let x = graph.flatten(&x);
    let matrix = Filters::new(6, [16, 128, 1, 1], -10).floats();
    let x = graph.fully_connected(&x, [16, 128], matrix, scaled(&biases(7, 16), -15.0));
    graph.finish(&x, "embedding", &[Size::Any("n"), Size::Fixed(16)])
}

#[test]
fn a_network_becomes_the_one_it_was_before_it_was_packed() {
    assert_eq!(network_onnx(&whole().file()).expect("a whole file"), whole_onnx());
    let older = whole().file();
    let older = [b"EDL1", &older[4..12], &older[16..]].concat();
    assert_eq!(network_onnx(&older).expect("a whole file of the older format"), whole_onnx());
}

#[test]
fn any_count_of_pictures_is_taken() {
    let onnx = network_onnx(&whole().file()).expect("a whole file");
    let values: Vec<f32> = integers(9, 180).into_iter().map(|value| f32::from(value) / 128.0).collect();
    let all = reference::run(&onnx, &Tensor::new(&[3, 3, 5, 4], &values));
    assert_eq!(all.sizes, [3, 16]);
    for (picture, row) in values.chunks(60).zip(all.values.chunks(16)) {
        assert_eq!(reference::run(&onnx, &Tensor::new(&[1, 3, 5, 4], picture)).values, row);
    }
}
