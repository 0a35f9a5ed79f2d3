//! Operators by what they leave alone, for the rules that follow a value through a graph.

use super::graph::Graph;

/// Operators that compute each output number from one input number alone, and turn zero into a finite number.
const ONE_BY_ONE: [&str; 12] = [
    "Clip",
    "Elu",
    "Exp",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Relu",
    "Sigmoid",
    "Softplus",
    "Sqrt",
    "Tanh",
];
/// The same, with constants for each channel.
const BY_CHANNEL: [&str; 2] = ["BatchNormalization", "PRelu"];
/// Operators that reduce the pixels of each channel.
const POOLS: [&str; 4] = ["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"];

/// Whether node `i` is of one of these kinds.
pub(super) fn is_one_of(graph: &Graph, i: usize, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| graph.is(i, kind))
}

/// Whether the node treats every number alike.
pub(super) fn works_one_by_one(graph: &Graph, i: usize) -> bool {
    is_one_of(graph, i, &ONE_BY_ONE)
}

/// Whether the node is a pooling.
pub(super) fn pools(graph: &Graph, i: usize) -> bool {
    is_one_of(graph, i, &POOLS)
}

/// Whether the first input and the output have the same sizes along all axes.
pub(super) fn keeps_sizes(graph: &Graph, i: usize) -> bool {
    works_one_by_one(graph, i) || is_one_of(graph, i, &BY_CHANNEL)
}

/// Whether the channels of the first input and of the output are the same.
pub(super) fn keeps_channels_apart(graph: &Graph, i: usize) -> bool {
    keeps_sizes(graph, i) || pools(graph, i)
}

/// Whether each picture of the first input is worked on by itself.
pub(super) fn keeps_pictures_apart(graph: &Graph, i: usize) -> bool {
    keeps_channels_apart(graph, i) || graph.is(i, "Conv")
}
