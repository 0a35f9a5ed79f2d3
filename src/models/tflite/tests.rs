//! Small networks as TFLite defines them, held against what their ONNX files compute.

use prost::Message;

use crate::models::flatbuffer::builder::{Field, table};
use crate::onnx::proto::ModelProto;
use crate::onnx::reference::{self, Tensor};

use super::network_onnx;
use super::picture::Picture;
use super::sample::{self, Sample, activation, flattened, moves, numbers, pieces, started};

/// Runs the ONNX file of a sample on pictures.
fn run(sample: &Sample, pictures: &[Picture]) -> Vec<f32> {
    let [rows, columns, channels] = pictures[0].sizes;
    let planes = pictures.iter().flat_map(|picture| {
        (0..channels * rows * columns).map(|i| picture.at([i / columns % rows, i % columns, i / columns / rows]))
    });
    let input = Tensor::new(&[pictures.len(), channels, rows, columns], &planes.collect::<Vec<_>>());
    reference::run(&network_onnx(&sample.file()).expect("a whole file"), &input).values
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < 1e-5 * (1.0 + expected.abs()),
            "{what}: number {index} is {found}, expected {expected}"
        );
    }
}

/// A picture of 5 rows, 4 columns and 3 channels, from -8 to 8.
fn picture(seed: u32) -> Picture {
    let values = numbers(seed, 60);
    Picture::new([5, 4, 3], |[y, x, c]| 8.0 * values[(y * 4 + x) * 3 + c])
}

/// The network of [`sample::whole`], and what it gives for one picture.
pub(super) fn whole() -> (Sample, fn(&Picture) -> Vec<f32>) {
    (sample::whole(), |picture| {
        let halves = numbers(3, 4);
        let x = picture.convolve(3, 2, true, &numbers(1, 108), &numbers(2, 4));
        let x = x.map(|c, v| v.max(0.0) + halves[c] * (v - v.abs()));
        let y = x.convolve_each(3, 1, true, &numbers(4, 36), &numbers(5, 4)).map(|_, v| v.clamp(0.0, 6.0));
        let row: Vec<f32> = x.values.iter().zip(&y.values).map(|(x, y)| (x + y).max(0.0)).collect();
        let product = |matrix: &[f32]| matrix.iter().zip(&row).map(|(m, v)| m * v).sum::<f32>();
        numbers(6, 48).chunks(24).zip(numbers(7, 2)).map(|(matrix, bias)| product(matrix) + bias).collect()
    })
}

#[test]
fn a_network_gives_its_numbers_for_any_count_of_pictures() {
    let (sample, expected) = whole();
    for count in 1..4 {
        let pictures: Vec<Picture> = (0..count).map(|n| picture(100 + n)).collect();
        let expected: Vec<f32> = pictures.iter().flat_map(expected).collect();
        assert_close(&run(&sample, &pictures), &expected, &format!("{count} pictures"));
    }
}

/// A sample of one operator on the input, and what that gives.
type Case = (&'static str, Box<dyn Fn(&mut Sample, i32) -> (i32, i32)>, Box<dyn Fn(&Picture) -> Vec<f32>>);

fn case(
    name: &'static str,
    write: impl Fn(&mut Sample, i32) -> (i32, i32) + 'static,
    expected: impl Fn(&Picture) -> Vec<f32> + 'static,
) -> Case {
    (name, Box::new(write), Box::new(expected))
}

const INPUT: [i32; 4] = [2, 5, 4, 3];

fn cases() -> Vec<Case> {
    let pool = |same| {
        let mut options = moves(same, [2, 2], (5, 0));
        options.extend([(3, Field::I32(3)), (4, Field::I32(3))]);
        Some((5, options))
    };
    let mean_of = |picture: &Picture, same| {
        let mean = |c: usize, taps: &[([usize; 2], [usize; 2])]| {
            taps.iter().map(|(_, [y, x])| picture.at([*y, *x, c])).sum::<f32>() / taps.len() as f32
        };
        picture.windows([3, 2, 3], same, mean).values
    };
    let means = |picture: &Picture| -> Vec<f32> {
        (0..3).map(|c| (0..20).map(|i| picture.at([i / 4, i % 4, c])).sum::<f32>() / 20.0).collect()
    };
    vec![
        case("a flattened picture", |_, x| (x, 60), |picture| picture.values.clone()),
        case("RELU", |s, x| (s.then(19, &[x], &INPUT, None), 60), |p| p.map(|_, v| v.max(0.0)).values),
        case("RELU6", |s, x| (s.then(21, &[x], &INPUT, None), 60), |p| p.map(|_, v| v.clamp(0.0, 6.0)).values),
        case("ABS", |s, x| (s.then(101, &[x], &INPUT, None), 60), |p| p.map(|_, v| v.abs()).values),
        case("ADD to itself", |s, x| (s.then(0, &[x, x], &INPUT, None), 60), |p| p.map(|_, v| v + v).values),
        case(
            "SUB from a constant",
            |s, x| {
                let c = s.constant(&[3], &[1.0, 2.0, 3.0]);
                (s.then(41, &[c, x], &INPUT, None), 60)
            },
            |p| p.map(|c, v| c as f32 + 1.0 - v).values,
        ),
        case(
            "MUL by one number and RELU",
            |s, x| {
                let c = s.constant(&[], &[-2.0]);
                (s.then(18, &[x, c], &INPUT, activation(21, 1)), 60)
            },
            |p| p.map(|_, v| (-2.0 * v).max(0.0)).values,
        ),
        case(
            "PRELU",
            |s, x| {
                let c = s.constant(&[1, 1, 3], &[0.5, -1.0, 2.0]);
                (s.then(54, &[x, c], &INPUT, None), 60)
            },
            |p| p.map(|c, v| if v < 0.0 { v * [0.5, -1.0, 2.0][c] } else { v }).values,
        ),
        case(
            "a convolution without bias within the picture",
            |s, x| {
                let filters = s.constant(&[2, 2, 2, 3], &numbers(8, 24));
                (s.then(3, &[x, filters], &[2, 4, 3, 2], Some((1, moves(false, [1, 1], (3, 1))))), 24)
            },
            |p| p.convolve(2, 1, false, &numbers(8, 24), &[0.0; 2]).map(|_, v| v.max(0.0)).values,
        ),
        case(
            "a depthwise convolution of two outputs each",
            |s, x| {
                let (filters, bias) = (s.constant(&[1, 2, 2, 6], &numbers(9, 24)), s.constant(&[6], &numbers(10, 6)));
                (s.then(4, &[x, filters, bias], &[2, 3, 2, 6], Some((2, moves(true, [2, 2], (4, 0))))), 36)
            },
            |p| p.convolve_each(2, 2, true, &numbers(9, 24), &numbers(10, 6)).values,
        ),
        case(
            "a pool with zeros",
            move |s, x| (s.then(1, &[x], &[2, 3, 2, 3], pool(true)), 18),
            move |p| mean_of(p, true),
        ),
        case("a pool within", move |s, x| (s.then(1, &[x], &[2, 2, 1, 3], pool(false)), 6), move |p| mean_of(p, false)),
        case(
            "MEAN to a picture",
            |s, x| {
                let axes = s.integers(&[2, 1]);
                (s.then(40, &[x, axes], &[2, 1, 1, 3], Some((27, table([(0, Field::Byte(1))])))), 3)
            },
            means,
        ),
        case(
            "MEAN to a row",
            |s, x| {
                let axes = s.integers(&[-3, -2]);
                (s.then(40, &[x, axes], &[2, 3], None), 3)
            },
            means,
        ),
        case(
            "L2_NORMALIZATION",
            |s, x| (s.then(11, &[x], &INPUT, None), 60),
            |p| {
                let length = |y, x| (0..3).map(|c| p.at([y, x, c]).powi(2)).sum::<f32>().sqrt();
                Picture::new(p.sizes, |[y, x, c]| p.at([y, x, c]) / length(y, x)).values
            },
        ),
        case(
            "FULLY_CONNECTED from a picture",
            |s, x| {
                let m = s.constant(&[1, 60], &numbers(11, 60));
                (s.then(9, &[x, m], &[2, 1], None), 1)
            },
            |p| vec![p.values.iter().zip(numbers(11, 60)).map(|(v, m)| v * m).sum()],
        ),
    ]
}

#[test]
fn each_operator_gives_tflites_numbers() {
    let pictures = [picture(21), picture(22)];
    for (name, write, expected) in cases() {
        let mut sample = started();
        let input = sample.input;
        let (output, count) = write(&mut sample, input);
        let found = run(&flattened(sample, output, count), &pictures);
        assert_close(&found, &pictures.iter().flat_map(expected).collect::<Vec<_>>(), name);
    }
}

/// The operators of a sample's ONNX file.
fn written(sample: &Sample) -> Vec<String> {
    let model = ModelProto::decode(network_onnx(&sample.file()).expect("a whole file").as_slice());
    model.expect("an ONNX file").graph.expect("a graph").node.into_iter().map(|node| node.op_type).collect()
}

#[test]
fn prelu_in_pieces_becomes_one_operator() {
    let halves = [0.25, -0.5, 0.0];
    let slopes = |picture: &Picture| picture.map(|c, v| if v < 0.0 { 2.0 * halves[c] * v } else { v }).values;
    for turned in [[false, false], [false, true], [true, false], [true, true]] {
        let mut sample = started();
        let input = sample.input;
        let output = pieces(&mut sample, input, &INPUT, &halves, turned);
        let sample = flattened(sample, output, 60);
        assert_eq!(written(&sample), ["PRelu", "Transpose", "Flatten"], "{turned:?}");
        assert_close(&run(&sample, &[picture(31)]), &slopes(&picture(31)), "joined");
    }
}

#[test]
fn prelu_stays_in_pieces_where_another_operator_reads_one() {
    let halves = [0.25, -0.5, 0.0];
    for piece in 1..5 {
        let mut sample = started();
        let input = sample.input;
        let output = pieces(&mut sample, input, &INPUT, &halves, [false, false]);
        // The pieces are the four tensors before the output.
        let sum = sample.then(0, &[output, output - piece], &INPUT, None);
        let sample = flattened(sample, sum, 60);
        assert!(!written(&sample).contains(&"PRelu".to_owned()), "piece {piece}");
        let expected = picture(32).map(|c, v| {
            let (magnitude, slope) = (v.abs(), halves[c]);
            let difference = v - magnitude;
            let pieces = [slope * difference, difference, magnitude, v.max(0.0)];
            v.max(0.0) + slope * difference + pieces[piece as usize - 1]
        });
        assert_close(&run(&sample, &[picture(32)]), &expected.values, "in pieces");
    }
}

#[test]
fn what_only_looks_like_prelu_stays_as_it_is() {
    // x - |y|, |x| - x, a product with a value, and y - |x|.
    for wrong in 0..4 {
        let mut sample = started();
        let x = sample.input;
        let other = sample.then(21, &[x], &INPUT, None);
        let halves = sample.constant(&[3], &[0.25, -0.5, 0.0]);
        let relu = sample.then(19, &[x], &INPUT, None);
        let absolute = sample.then(101, &[if wrong == 0 { other } else { x }], &INPUT, None);
        let inputs = [[x, absolute], [absolute, x], [x, absolute], [other, absolute]][wrong];
        let difference = sample.then(41, &inputs, &INPUT, None);
        let product = sample.then(18, &[if wrong == 2 { other } else { halves }, difference], &INPUT, None);
        let sum = sample.then(0, &[relu, product], &INPUT, None);
        assert!(!written(&flattened(sample, sum, 60)).contains(&"PRelu".to_owned()), "case {wrong}");
    }
}
