//! What is no such network is refused by name, and damage of any kind is survived.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::models::flatbuffer::builder::Fields;
use crate::models::flatbuffer::damage;

use super::network_onnx;
use super::sample::{Sample, attribute, float, integer, moves, slopes, weight, whole, words};

/// The whole sample's file with node `index` replaced.
fn with_node(index: usize, operator: &str, inputs: &[&str], to: &str, attributes: &[Fields]) -> Vec<u8> {
    let mut sample = whole();
    sample.node(operator, inputs, to, attributes);
    sample.nodes.swap_remove(index);
    sample.file()
}

/// The whole sample's file with weight `index` replaced.
fn with_weight(index: usize, weight: Fields) -> Vec<u8> {
    let mut sample = whole();
    sample.weights[index] = weight;
    sample.file()
}

fn with_bytes(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = whole().file();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn errors_name_the_node_and_what_was_expected() {
    let first = ["input.1", "first", "first bias"];
    let flat: Vec<u8> = vec![7; 864];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("letters", with_bytes(0, b"EDL3"), "expected the letters EDL1 or EDL2 at byte 0, found others"),
        ("a pack", with_bytes(0, b"PDL2"), "expected one network, found a pack of several"),
        ("encrypted", with_bytes(4, &[1]), "expected a plain network, found an encrypted one"),
        ("another mode", with_bytes(4, &[2]), "expected a mode of 0 or 1 at byte 4, found 2"),
        ("one byte more", [whole().file(), vec![0]].concat(), "expected "),
        ("an operator", with_node(0, "Softmax", &["input.1"], "a", &[]), "node 0 (Softmax): it is not supported"),
        (
            "dilation",
            with_node(0, "Conv", &first, "a", &[attribute("dilations", &[2, 1])]),
            "node 0 (Conv): expected steps without dilation",
        ),
        ("no step", with_node(0, "Conv", &first, "a", &moves(0, [1; 4], 1)), "node 0 (Conv): expected steps without"),
        (
            "negative zeros",
            with_node(0, "Conv", &first, "a", &moves(1, [-1, 0, 0, 0], 1)),
            "node 0 (Conv): expected pads to be 4 numbers from 0 to 65536, found [-1, 0, 0, 0]",
        ),
        (
            "groups",
            with_node(0, "Conv", &first, "a", &moves(1, [1; 4], 2)),
            "node 0 (Conv): expected 1 group or 3, found 2",
        ),
        (
            "another kernel",
            with_node(0, "Conv", &first, "a", &[attribute("kernel_shape", &[1, 1])]),
            "node 0 (Conv): expected kernel_shape to be [3, 3], found [1, 1]",
        ),
        (
            "an activation",
            with_node(0, "Conv", &first, "a", &[words("activation", "Swish")]),
            "node 0 (Conv): expected activation to be \"Linear\" or \"Relu\", found \"Swish\"",
        ),
        (
            "weights twice",
            with_node(1, "PRelu", &["a", "first bias"], "b", &[]),
            "node 1 (PRelu): expected weights of its own as input 1, found none",
        ),
        (
            "an unknown input",
            with_node(4, "Relu", &["z"], "e", &[]),
            "node 4 (Relu): expected input 0 from a node before, found no such",
        ),
        (
            "an output twice",
            with_node(4, "Relu", &["d"], "a", &[]),
            "node 4 (Relu): expected an output of its own, found one that is there already",
        ),
        (
            "an order",
            with_node(5, "Transpose", &["e"], "f", &[attribute("perm", &[0, 2, 3, 1])]),
            "node 5 (Transpose): expected perm to be [0, 3, 1, 2], found [0, 2, 3, 1]",
        ),
        (
            "channels last",
            with_node(5, "Relu", &["e"], "f", &[]),
            "node 6 (Flatten): expected channels first or a single pixel",
        ),
        (
            "channels first",
            with_node(6, "Relu", &["f"], "g", &[]),
            "node 6 (Relu): expected channels last, found them first",
        ),
        (
            "two shapes",
            with_node(3, "Add", &["input.1", "c"], "d", &[]),
            "node 3 (Add): expected two inputs of one shape",
        ),
        (
            "a scaled matrix",
            with_node(7, "Gemm", &["g", "matrix", "matrix bias"], "output", &[float("alpha", 0.5)]),
            "node 7 (Gemm): expected alpha to be 1, found 0.5",
        ),
        (
            "a turned matrix",
            with_node(7, "Gemm", &["g", "matrix", "matrix bias"], "output", &[integer("transB", 1)]),
            "node 7 (Gemm): expected a plain matrix for a row of 128 numbers, found one for 128",
        ),
        (
            "16-bit weights",
            with_weight(0, weight("first", &[3, 3, 3, 32], 5, "N8HWC8", &[-7], &flat)),
            "expected the layout N16HWC16 or UNK, found \"layout ==> N8HWC8\"",
        ),
        (
            "a rest",
            with_weight(0, weight("first", &[3, 3, 3, 32], 3, "N16HWC16_UNALIGNED", &[-7], &flat)),
            "expected the layout N16HWC16 or UNK",
        ),
        (
            "floats",
            with_weight(0, weight("first", &[3, 3, 3, 32], 1, "UNK", &[-7], &flat)),
            "expected integers of 8 or 32 bits, found numbers of type 1",
        ),
        (
            "many exponents",
            with_weight(0, weight("first", &[3, 3, 3, 32], 3, "N16HWC16", &[-7; 32], &flat)),
            "expected one exponent for all numbers, found 32",
        ),
        (
            "a large exponent",
            with_weight(0, weight("first", &[3, 3, 3, 32], 3, "N16HWC16", &[65], &flat)),
            "expected an exponent within 64, found 65",
        ),
        (
            "missing numbers",
            with_weight(0, weight("first", &[3, 3, 3, 48], 3, "N16HWC16", &[-7], &flat)),
            "expected up to 4 sizes of 864 bytes",
        ),
        (
            "plain filters",
            with_weight(0, weight("first", &[3, 3, 3, 32], 3, "UNK", &[-7], &flat)),
            "node 0 (Conv): expected 8-bit filters in whole blocks of 16",
        ),
        (
            "part of a block",
            with_weight(0, weight("first", &[3, 3, 4, 24], 3, "N16HWC16", &[-7], &flat)),
            "node 0 (Conv): expected 8-bit filters in whole blocks of 16",
        ),
        (
            "other channels",
            with_weight(0, weight("first", &[3, 1, 9, 32], 3, "N16HWC16", &[-7], &flat)),
            "node 0 (Conv): expected filters for 3 channels in 1 groups, found [32, 9, 3, 1]",
        ),
        (
            "few slopes",
            with_weight(2, slopes("slopes", -6, &[1; 16])),
            "node 1 (PRelu): expected one number for each of 32 channels as input 1, found [16, 1, 1]",
        ),
        (
            "a name twice",
            with_weight(2, slopes("first", -6, &[1; 32])),
            "expected weights of their own names and bytes",
        ),
        (
            "another output",
            Sample { output: vec![1, 32], ..whole() }.file(),
            "expected a row of 32 numbers to come out, found 16 channels of None",
        ),
        (
            "a picture out",
            Sample { output: vec![1, 2, 2, 32], ..whole() }.file(),
            "expected one row of numbers a picture, found [1, 2, 2, 32]",
        ),
        (
            "no nodes",
            Sample { nodes: Vec::new(), ..whole() }.file(),
            "expected an output that a node writes, found none",
        ),
        ("no pixels", Sample { input: [1, 0, 4, 3], ..whole() }.file(), "expected a size from 1 to 65536, found 0"),
    ];
    for (what, file, expected) in cases {
        let found = damage::refusal(network_onnx, &file);
        assert!(found.starts_with(&format!("the ESP-DL file: {expected}")), "{what}: {found}");
    }
}

#[test]
fn weights_that_share_their_bytes_do_not_make_a_large_file() {
    let mut sample = whole();
    let large = [0x5a; 4096];
    let small = |index: u8| [0xb0 + index; 16];
    for index in 0..10 {
        sample.weights.push(weight(&format!("x{index}"), &[4096], 3, "UNK", &[0], &small(index)));
    }
    sample.weights.push(weight("large", &[4096], 3, "UNK", &[0], &large));
    let mut file = sample.file();
    let vector = |file: &[u8], content: &[u8]| {
        file.windows(content.len()).position(|bytes| bytes == content).expect("the content") - 4
    };
    let target = vector(&file, &large);
    for index in 0..10 {
        let own = vector(&file, &small(index));
        let leads = |at: &usize| file[*at..at + 4] == ((own - at) as u32).to_le_bytes();
        let link = (own.saturating_sub(400)..own).find(leads).expect("a distance to the content");
        file[link..link + 4].copy_from_slice(&((target - link) as u32).to_le_bytes());
    }
    let found = damage::refusal(network_onnx, &file);
    assert!(found.contains("expected weights of their own names and bytes, found some that share them"), "{found}");
}

/// The file with a header that gives its length.
fn whole_again(mut file: Vec<u8>) -> Vec<u8> {
    let length = (file.len().saturating_sub(16) as u32).to_le_bytes();
    if let Some(place) = file.get_mut(8..12) {
        place.copy_from_slice(&length);
    }
    file
}

#[test]
fn every_beginning_of_a_file_is_refused() {
    let file = whole().file();
    assert!(network_onnx(&file).is_ok());
    for end in 0..file.len() {
        damage::refusal(network_onnx, &file[..end]);
        damage::refusal(network_onnx, &whole_again(file[..end].to_vec()));
    }
}

#[test]
fn every_changed_byte_is_survived() {
    damage::survive_changed_bytes(network_onnx, &whole().file());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(cut in 0usize..9000, tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let file = whole().file();
        damage::survive(network_onnx, &whole_again([&file[..cut.min(file.len())], &tail].concat()));
    }

    #[test]
    fn no_changed_words_make_it_panic(changes in proptest::collection::vec((any::<Index>(), any::<u32>()), 1..8)) {
        damage::survive_changed_words(network_onnx, &whole().file(), 16, &changes);
    }
}
