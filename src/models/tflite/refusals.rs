//! What is no such network is refused by name, and damage of any kind is survived.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::models::flatbuffer::builder::Field;
use crate::models::flatbuffer::damage;

use super::network_onnx;
use super::sample::{Sample, activation, flattened, moves, numbers, started};
use super::tests::whole;

const INPUT: [i32; 4] = [2, 5, 4, 3];

/// A sample that ends with what `write` makes of its input.
fn ended(write: impl Fn(&mut Sample, i32) -> i32) -> Vec<u8> {
    let mut sample = started();
    let input = sample.input;
    let output = write(&mut sample, input);
    flattened(sample, output, 60).file()
}

#[test]
fn errors_name_the_operator_and_what_was_expected() {
    let convolution = |s: &mut Sample, sizes: &[i32], count: usize, options: Vec<(usize, Field)>| {
        let filters = s.constant(sizes, &numbers(1, count));
        let input = s.input;
        s.then(3, &[input, filters], &[2, 5, 4, 3], Some((1, options)))
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("SOFTMAX", ended(|s, x| s.then(25, &[x], &INPUT, None)), "operator 0 (SOFTMAX): it is not supported"),
        (
            "a later place",
            ended(|s, x| {
                let y = s.then(19, &[x], &INPUT, None);
                s.then(14, &[y], &INPUT, None)
            }),
            "operator 1 (LOGISTIC): it is not supported",
        ),
        (
            "too new",
            ended(|s, x| s.then(127, &[x], &INPUT, None)),
            "operator 0 (): it is newer than this reader and not supported",
        ),
        (
            "an activation",
            ended(|s, x| s.then(0, &[x, x], &INPUT, activation(11, 4))),
            "operator 0 (ADD): expected no activation, RELU or RELU6, found number 4",
        ),
        (
            "others' options",
            ended(|s, x| s.then(0, &[x, x], &INPUT, activation(21, 0))),
            "operator 0 (ADD): expected options of kind 11, found kind 21",
        ),
        (
            "dilation",
            ended(|s, _| {
                let mut options = moves(true, [1, 1], (3, 0));
                options.push((4, Field::I32(2)));
                convolution(s, &[3, 1, 1, 3], 9, options)
            }),
            "operator 0 (CONV_2D): expected no dilation, found a factor of 2",
        ),
        (
            "no step",
            ended(|s, _| convolution(s, &[3, 1, 1, 3], 9, moves(true, [0, 1], (3, 0)))),
            "operator 0 (CONV_2D): expected a step from 1 to 4096, found 0",
        ),
        (
            "filters for others",
            ended(|s, _| convolution(s, &[3, 1, 1, 2], 6, moves(true, [1, 1], (3, 0)))),
            "operator 0 (CONV_2D): expected filters for 3 channels, found [3, 1, 1, 2]",
        ),
        (
            "missing numbers",
            ended(|s, _| convolution(s, &[3, 1, 1, 3], 8, moves(true, [1, 1], (3, 0)))),
            "operator 0 (CONV_2D): input 1: expected 32-bit floats of shape [3, 1, 1, 3], found 32 bytes",
        ),
        (
            "a window that does not fit",
            ended(|s, _| convolution(s, &[3, 1, 5, 3], 45, moves(false, [1, 1], (3, 0)))),
            "operator 0 (CONV_2D): expected a window within 4 pixels, found one of 5",
        ),
        (
            "another size",
            ended(|s, _| convolution(s, &[3, 1, 1, 3], 9, moves(true, [2, 2], (3, 0)))),
            "operator 0 (CONV_2D): expected a result of 32-bit floats of [2, 3, 2, 3], found [2, 5, 4, 3]",
        ),
        (
            "not finite",
            ended(|s, x| {
                let c = s.constant(&[1], &[f32::NAN]);
                s.then(18, &[x, c], &INPUT, None)
            }),
            "operator 0 (MUL): input 1: expected finite numbers",
        ),
        (
            "a constant for others",
            ended(|s, x| {
                let c = s.constant(&[4, 1], &[1.0; 4]);
                s.then(18, &[x, c], &INPUT, None)
            }),
            "operator 0 (MUL): expected one number for each of 3 channels, found [4, 1]",
        ),
        (
            "two constants",
            ended(|s, _| {
                let c = s.constant(&[1], &[1.0]);
                s.then(18, &[c, c], &INPUT, None)
            }),
            "operator 0 (MUL): expected a value among the inputs, found two constants",
        ),
        (
            "an input from behind",
            ended(|s, _| {
                let later = s.value(&INPUT);
                s.then(19, &[later], &INPUT, None)
            }),
            "operator 0 (RELU): expected an input that is known, found tensor 1, which is not yet",
        ),
        (
            "an input from nowhere",
            ended(|s, _| s.then(19, &[77], &INPUT, None)),
            "operator 0 (RELU): expected one of 4 tensors, found number 77",
        ),
        (
            "no input",
            ended(|s, _| s.then(19, &[-1], &INPUT, None)),
            "operator 0 (RELU): expected an input 0, found none",
        ),
        (
            "another axis",
            ended(|s, x| {
                let axes = s.integers(&[3]);
                s.then(40, &[x, axes], &INPUT, None)
            }),
            "operator 0 (MEAN): expected a mean over rows and columns, found axes [3]",
        ),
        (
            "written twice",
            ended(|s, x| {
                let y = s.then(19, &[x], &INPUT, None);
                s.operator(101, &[x], y, None);
                y
            }),
            "operator 1 (ABS): expected a tensor to write to, found one that has its content",
        ),
        (
            "too large a slope",
            ended(|s, x| {
                let m = s.constant(&[1], &[3e38]);
                let (relu, absolute) = (s.then(19, &[x], &INPUT, None), s.then(101, &[x], &INPUT, None));
                let difference = s.then(41, &[x, absolute], &INPUT, None);
                let product = s.then(18, &[m, difference], &INPUT, None);
                s.then(0, &[relu, product], &INPUT, None)
            }),
            "operator 4 (ADD): expected slopes that are finite when doubled",
        ),
        (
            "another shape",
            {
                let mut s = started();
                let c = s.integers(&[2, 30, 2]);
                let x = s.input;
                s.then(22, &[x, c], &[2, 60], None);
                s.file()
            },
            "operator 0 (RESHAPE): expected the shape [2, 60], found [2, 30, 2]",
        ),
        (
            "a picture at the end",
            {
                let mut s = started();
                let x = s.input;
                s.then(19, &[x], &INPUT, None);
                s.file()
            },
            "expected one row of numbers a picture, found [2, 5, 4, 3]",
        ),
        (
            "no operator",
            {
                let mut s = started();
                s.output = s.value(&[2, 60]);
                s.file()
            },
            "expected an output that an operator writes, found none",
        ),
        (
            "another version",
            {
                let mut s = whole().0;
                s.version = 2;
                s.file()
            },
            "expected version 3, found 2",
        ),
        (
            "a size of 0",
            {
                let mut s = started();
                s.value(&[0]);
                s.file()
            },
            "expected a size from 1 to 65536, found 0 at byte",
        ),
        (
            "another kind of file",
            {
                let mut file = whole().0.file();
                file[4] = b'X';
                file
            },
            "expected the identifier TFL3 at byte 4, found another",
        ),
    ];
    for (what, file, expected) in cases {
        let found = damage::refusal(network_onnx, &file);
        assert!(found.starts_with(&format!("the TFLite file: {expected}")), "{what}: {found}");
    }
}

#[test]
fn weights_that_many_operators_share_do_not_make_a_large_file() {
    let mut sample = started();
    let shared = sample.constant(&[60, 60], &numbers(1, 3600));
    let shape = sample.integers(&[2, 60]);
    let input = sample.input;
    let mut row = sample.then(22, &[input, shape], &[2, 60], None);
    for _ in 0..40 {
        row = sample.then(9, &[row, shared], &[2, 60], None);
    }
    let found = damage::refusal(network_onnx, &sample.file());
    assert!(found.contains("found some that many operators share"), "{found}");
}

#[test]
fn every_beginning_of_a_file_is_refused() {
    let file = whole().0.file();
    assert!(network_onnx(&file).is_ok());
    for end in 0..file.len() {
        damage::refusal(network_onnx, &file[..end]);
    }
}

#[test]
fn every_changed_byte_is_survived() {
    damage::survive_changed_bytes(network_onnx, &whole().0.file());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(cut in 0usize..9000, tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let file = whole().0.file();
        damage::survive(network_onnx, &[&file[..cut.min(file.len())], &tail].concat());
    }

    #[test]
    fn no_changed_words_make_it_panic(changes in proptest::collection::vec((any::<Index>(), any::<u32>()), 1..8)) {
        damage::survive_changed_words(network_onnx, &whole().0.file(), 0, &changes);
    }
}
