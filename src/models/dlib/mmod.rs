//! dlib's face detector: a fully convolutional network trained with max-margin object detection
//! (King, 2015, arXiv:1502.00046).

use crate::error::Result;
use crate::onnx::{GraphWriter, Size};
use crate::spec::mmod_scan::{MmodScan, Spread};

use super::graph::{self, Flow};
use super::network::{Layer, Step, read_network};
use super::reader::Reader;

/// The largest window side, in pixels.
const MAX_WINDOW: usize = 4096;

/// The ONNX file of the network in `file`, the bytes of `mmod_human_face_detector.dat`, and how it
/// is moved over a picture.
///
/// Its input `input` is one picture (any height and width) in RGB planes, each pixel
/// `(value - mean) / 256` with the means 122.782, 117.001 and 104.298; what surrounds a picture is
/// zero. Its output `scores` (1, 1, rows, columns) is positive where a face is.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or is not
/// such a network.
pub fn detector_onnx(file: &[u8]) -> Result<(Vec<u8>, MmodScan)> {
    let mut reader = Reader::new("dlib's detector", file);
    reader.expect("a loss layer of version", 1)?;
    match reader.text()? {
        "loss_mmod_" => reader.expect("detector options of version", 1)?,
        other => return Err(reader.error(format_args!("expected \"loss_mmod_\", found {other:?}"))),
    }
    let window = [reader.size("a window's width", MAX_WINDOW)?, reader.size("a window's height", MAX_WINDOW)?];
    // Two losses and the overlap at which training took a box for right.
    let _training = [reader.float()?, reader.float()?, reader.float()?];
    let (overlap, coverage) = (reader.float()?, reader.float()?);
    // The same for boxes that training left out.
    let _ignored = [reader.float()?, reader.float()?];
    let ((), steps) = read_network(&mut reader, |reader| {
        match reader.text()? {
            "input_rgb_image_pyramid" => [reader.float()?, reader.float()?, reader.float()?].map(drop),
            other => return Err(reader.error(format_args!("expected \"input_rgb_image_pyramid\", found {other:?}"))),
        };
        Ok(())
    })?;
    let spread = spread(&steps).ok_or_else(|| reader.error("found windows that do not move alike in x and y"))?;
    let sizes = [Size::Any("batch"), Size::Fixed(3), Size::Any("height"), Size::Any("width")];
    let (mut graph, input) = GraphWriter::new("dlib_face_detector", "input", &sizes);
    let output = graph::write(&mut graph, Flow { value: input, channels: 3, size: None }, &steps, &reader)?;
    if output.channels != 1 || output.size.is_some() || window.contains(&0) {
        return Err(reader.error(format_args!("expected one score a place, found {} channels", output.channels)));
    }
    let sizes = [Size::Any("batch"), Size::Fixed(1), Size::Any("rows"), Size::Any("columns")];
    let onnx = graph.finish(&output.value, "scores", &sizes);
    Ok((onnx, MmodScan { window, spread, overlap, coverage }))
}

/// Which pixel of the input a score stands for: layers map a place `p` of their output to
/// `p * stride - padding + size / 2` of their input.
fn spread(steps: &[Step<'_>]) -> Option<Spread> {
    let mut spread = Spread { stride: 1, offset: 0 };
    for step in steps.iter().rev() {
        let Step::Layer(Layer::Convolution(convolution)) = step else { continue };
        let window = convolution.window;
        let alike = |pair: [usize; 2]| (pair[0] == pair[1]).then_some(pair[0] as i64);
        let (size, stride, padding) = (alike(window.size)?, alike(window.stride)?, alike(window.padding)?);
        spread.offset = spread.offset.checked_mul(stride)? + size / 2 - padding;
        spread.stride = spread.stride.checked_mul(stride)?;
    }
    Some(spread)
}
