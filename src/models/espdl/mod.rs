//! Espressif's `.espdl` files, turned into what facevault runs.
//!
//! Such a file holds a short header and FlatBuffers by `espdl.fbs` (espressif/esp-dl,
//! `esp-dl/fbs_loader`): an ONNX graph whose weights are integers with one power of two as their
//! scale, made for microcontrollers that compute in integers throughout. Here the weights become floats without loss,
//! and everything between them is computed in floats. The result is the network as it was before quantisation, except
//! that its weights are rounded. Nothing in a file is trusted: see `models/flatbuffer.rs`.
//!
//! The chip keeps pictures as rows, columns and channels, ONNX as channels, rows and columns. The
//! attributes are ONNX's own; the weights are put back into ONNX's order.

mod graph;
mod layers;
mod network;
#[cfg(test)]
mod refusals;
#[cfg(any(test, fuzzing))]
pub(super) mod sample;
#[cfg(test)]
mod tests;
mod weights;

use crate::error::Result;
use crate::onnx::{GraphWriter, Size};

use graph::Converter;

/// The ONNX file of the network in `bytes`, an `.espdl` file of 8-bit weights.
///
/// Its input `input.1` is a batch of any size of pictures in planes. Its output `embedding` has one
/// row of numbers a picture, as the network gives them.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short, encrypted,
/// or holds something else than one such network.
pub fn network_onnx(bytes: &[u8]) -> Result<Vec<u8>> {
    let network = network::read(bytes)?;
    let [rows, columns, channels] = network.input_sizes;
    let sizes = [Size::Any("n"), Size::Fixed(channels), Size::Fixed(rows), Size::Fixed(columns)];
    let (graph, input) = GraphWriter::new("espdl_embedder", "input.1", &sizes);
    let (graph, output) = Converter::new(&network, graph, input).convert()?;
    Ok(graph.finish(&output.value, "embedding", &[Size::Any("n"), Size::Fixed(output.channels)]))
}
