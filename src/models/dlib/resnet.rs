//! dlib's face embedder: a residual network of 29 convolutions, 150 x 150 pixels to 128 numbers.

use crate::error::Result;
use crate::onnx::{GraphWriter, Size};

use super::graph::{self, Flow};
use super::network::read_network;
use super::reader::Reader;

/// The largest side of the network's input.
const MAX_SIDE: usize = 1024;

/// The ONNX file of the network in `file`, the bytes of `dlib_face_recognition_resnet_model_v1.dat`.
///
/// Its input `input` is a batch of any size of RGB pictures in planes, each pixel
/// `(value - mean) / 256` with the means 122.782, 117.001 and 104.298. Its output `embedding` has
/// one row of 128 numbers a picture, as dlib's: not normalised, compared by Euclidean distance.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or is not
/// such a network.
pub fn embedder_onnx(file: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Reader::new("dlib's embedder", file);
    reader.expect("a loss layer of version", 1)?;
    match reader.text()? {
        // The margin and the distance of training.
        "loss_metric_2" => [reader.float()?, reader.float()?],
        other => return Err(reader.error(format_args!("expected \"loss_metric_2\", found {other:?}"))),
    };
    let (side, steps) = read_network(&mut reader, |reader| {
        match reader.text()? {
            "input_rgb_image_sized" => [reader.float()?, reader.float()?, reader.float()?],
            other => return Err(reader.error(format_args!("expected \"input_rgb_image_sized\", found {other:?}"))),
        };
        let (rows, columns) = (reader.size("rows", MAX_SIDE)?, reader.size("columns", MAX_SIDE)?);
        Ok([rows, columns])
    })?;
    let sizes = [Size::Any("batch"), Size::Fixed(3), Size::Fixed(side[0]), Size::Fixed(side[1])];
    let (mut graph, input) = GraphWriter::new("dlib_face_embedder", "input", &sizes);
    let input = Flow { value: input, channels: 3, size: Some(side) };
    let output = graph::write(&mut graph, input, &steps, &reader)?;
    if output.size != Some([1, 1]) {
        return Err(reader.error(format_args!("expected one vector a picture, found {:?}", output.size)));
    }
    Ok(graph.finish(&output.value, "embedding", &[Size::Any("batch"), Size::Fixed(output.channels)]))
}
