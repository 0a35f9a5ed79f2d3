//! TensorFlow Lite's files, turned into what facevault runs.
//!
//! A `.tflite` file of version 3 holds FlatBuffers by TensorFlow's `schema.fbs` (v3). Read here is
//! what small embedders of floats are made of: convolutions, sums and products, rectifiers, pools,
//! fully connected layers. Anything else is an error that names the operator and its place.
//! Nothing in a file is trusted: see `models/flatbuffer.rs`.
//!
//! TFLite keeps pictures as rows, columns and channels, ONNX as channels, rows and columns. The
//! weights are reordered once, when the file is written; nothing is reordered when it runs, except
//! where a picture of several pixels becomes a row of numbers, whose order is TFLite's.

mod convolution;
mod graph;
mod layers;
mod network;
mod operators;
#[cfg(test)]
mod picture;
mod prelu;
#[cfg(test)]
mod refusals;
#[cfg(any(test, fuzzing))]
pub(super) mod sample;
#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::onnx::{GraphWriter, Size};

use graph::Converter;

/// The ONNX file of the network in `bytes`, a `.tflite` file.
///
/// Its input `input` is a batch of any size, whatever the file declares, of pictures in planes. Its
/// output `embedding` has one row of numbers a picture, as the network gives them.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or holds
/// something else than one such network.
pub fn network_onnx(bytes: &[u8]) -> Result<Vec<u8>> {
    let network = network::read(bytes)?;
    let [_, rows, columns, channels] = network.input_sizes()?;
    let sizes = [Size::Any("n"), Size::Fixed(channels), Size::Fixed(rows), Size::Fixed(columns)];
    let (graph, input) = GraphWriter::new("tflite_embedder", "input", &sizes);
    let (graph, output) = Converter::new(&network, graph, input)?.convert()?;
    Ok(graph.finish(&output.value, "embedding", &[Size::Any("n"), Size::Fixed(output.channels)]))
}
