//! The layers of a network file.
//!
//! A network file is a loss layer, then one number a layer from the output to the input (2, and 3
//! for the layer next to the input; 1 is a mark that has no layer of its own), then the input
//! layer, then the layers themselves from the input to the output. Behind each stand three truth
//! values and three tensors that only training needs.
//!
//! Marks are what residual blocks are made of: one mark remembers the block's input; two marks
//! after each other remember the block's result and go on from its input, which is how a
//! down-sampling block starts its shortcut. `add_prev` adds what was remembered last.

use crate::error::Result;
use crate::onnx::Window;

use super::reader::{Reader, Tensor};

/// The most layers and marks of one network; dlib's have 19 and 161.
const MAX_LAYERS: usize = 1000;
/// The largest window, step and padding of a layer.
const MAX_SPAN: usize = 64;

/// A layer or mark, from input to output.
#[derive(Debug)]
pub(super) enum Step<'a> {
    Layer(Layer<'a>),
    Mark,
}

#[derive(Debug)]
pub(super) enum Layer<'a> {
    Convolution(Convolution<'a>),
    /// Each channel times its gamma, plus its beta.
    Affine {
        gamma: Vec<f32>,
        beta: Vec<f32>,
    },
    Relu,
    MaxPool(Window),
    AveragePool(Window),
    GlobalAverage,
    AddPrevious,
    /// Rows of inputs times a matrix, no bias.
    Multiply {
        rows: usize,
        columns: usize,
        matrix: Tensor<'a>,
    },
}

/// A convolution as it stands in the file.
#[derive(Debug)]
pub(super) struct Convolution<'a> {
    /// Output channels, input channels, rows, columns.
    pub(super) shape: [usize; 4],
    pub(super) filters: Tensor<'a>,
    pub(super) bias: Tensor<'a>,
    pub(super) window: Window,
}

/// Reads everything behind the loss layer to the end of the file: what `read_input` makes of the
/// input layer, and the steps.
pub(super) fn read_network<'a, I>(
    reader: &mut Reader<'a>,
    read_input: impl FnOnce(&mut Reader<'a>) -> Result<I>,
) -> Result<(I, Vec<Step<'a>>)> {
    let mut marks = Vec::new();
    loop {
        match reader.size("a layer's version", 3)? {
            1 => marks.push(true),
            2 => marks.push(false),
            3 => break,
            other => return Err(reader.error(format_args!("expected a layer's version from 1 to 3, found {other}"))),
        }
        if marks.len() > MAX_LAYERS {
            return Err(reader.error(format_args!("expected at most {MAX_LAYERS} layers, found more")));
        }
    }
    let input = read_input(reader)?;
    let first = Step::Layer(read_layer(reader)?);
    read_training_state(reader)?;
    reader.expect("a sample expansion of", 1)?;
    let mut steps = vec![first];
    for mark in marks.into_iter().rev() {
        if mark {
            steps.push(Step::Mark);
        } else {
            steps.push(Step::Layer(read_layer(reader)?));
            read_training_state(reader)?;
        }
    }
    reader.end()?;
    Ok((input, steps))
}

fn read_layer<'a>(reader: &mut Reader<'a>) -> Result<Layer<'a>> {
    match reader.text()? {
        "con_4" => read_convolution(reader).map(Layer::Convolution),
        "affine_" => {
            let (gamma, beta) = read_scale_and_shift(reader)?;
            reader.expect("an affine layer of mode", 0)?;
            Ok(Layer::Affine { gamma: gamma.values().collect(), beta: beta.values().collect() })
        }
        "bn_con2" => read_batch_normalization(reader),
        "relu_" => Ok(Layer::Relu),
        "max_pool_2" => Ok(Layer::MaxPool(read_window(reader, 1)?)),
        "avg_pool_2" => {
            let window = read_window(reader, 0)?;
            Ok(if window.size == [0, 0] { Layer::GlobalAverage } else { Layer::AveragePool(window) })
        }
        "add_prev_" => Ok(Layer::AddPrevious),
        "fc_2" => read_fully_connected(reader),
        other => Err(reader.error(format_args!("expected a layer, found the unknown {other:?}"))),
    }
}

fn read_training_state(reader: &mut Reader<'_>) -> Result<()> {
    for _ in 0..3 {
        reader.flag()?;
    }
    for _ in 0..3 {
        reader.tensor()?;
    }
    Ok(())
}

/// Rates that only training needs.
fn skip_floats(reader: &mut Reader<'_>, count: usize) -> Result<()> {
    (0..count).try_for_each(|_| reader.float().map(drop))
}

fn read_window(reader: &mut Reader<'_>, smallest: usize) -> Result<Window> {
    let mut pair = |what: &str, smallest: usize| -> Result<[usize; 2]> {
        let pair = [reader.size(what, MAX_SPAN)?, reader.size(what, MAX_SPAN)?];
        if pair.iter().any(|size| *size < smallest) {
            return Err(reader.error(format_args!("expected {what} of at least {smallest}, found {pair:?}")));
        }
        Ok(pair)
    };
    Ok(Window {
        size: pair("a window", smallest)?,
        stride: pair("a step", 1)?,
        padding: pair("a padding", 0)?,
        extra: [0, 0],
    })
}

fn read_convolution<'a>(reader: &mut Reader<'a>) -> Result<Convolution<'a>> {
    let parameters = reader.tensor()?;
    let count = reader.size("filters", parameters.len())?;
    let window = read_window(reader, 1)?;
    let (shape, bias) = (reader.alias()?, reader.alias()?);
    let elements: usize = shape.iter().product();
    let [outputs, inputs, rows, columns] = shape;
    let consistent = outputs == count
        && inputs > 0
        && [rows, columns] == window.size
        && bias == [1, count, 1, 1]
        && elements + count == parameters.len();
    if !consistent || count == 0 {
        return Err(reader.error(format_args!(
            "expected {count} filters of {:?} in {} parameters, found filters {shape:?} and bias {bias:?}",
            window.size,
            parameters.len(),
        )));
    }
    skip_floats(reader, 4)?;
    let (filters, bias) = parameters.split_at(elements);
    Ok(Convolution { shape, filters, bias, window })
}

/// The parameters of a layer that scales and shifts each channel.
fn read_scale_and_shift<'a>(reader: &mut Reader<'a>) -> Result<(Tensor<'a>, Tensor<'a>)> {
    let parameters = reader.tensor()?;
    let (gamma, beta) = (reader.alias()?, reader.alias()?);
    let channels = parameters.len() / 2;
    let expected = [1, channels, 1, 1];
    if gamma != expected || beta != expected || parameters.len() != 2 * channels {
        return Err(reader.error(format_args!(
            "expected a scale and a shift a channel in {} parameters, found {gamma:?} and {beta:?}",
            parameters.len()
        )));
    }
    Ok(parameters.split_at(channels))
}

/// Batch normalisation as it acts outside training: with the running mean and variance,
/// `gamma (x - mean) / sqrt(variance + epsilon) + beta`.
fn read_batch_normalization<'a>(reader: &mut Reader<'a>) -> Result<Layer<'a>> {
    let (gamma, beta) = read_scale_and_shift(reader)?;
    let (_means, _deviations) = (reader.tensor()?, reader.tensor()?);
    let (mean, variance) = (reader.tensor()?, reader.tensor()?);
    let (_updates, _window) = (reader.integer()?, reader.integer()?);
    skip_floats(reader, 4)?;
    let epsilon = reader.float()?;
    if mean.len() != gamma.len() || variance.len() != gamma.len() {
        return Err(reader.error(format_args!(
            "expected means and variances of {} channels, found {} and {}",
            gamma.len(),
            mean.len(),
            variance.len()
        )));
    }
    let scale: Vec<f32> = gamma
        .values()
        .zip(variance.values())
        .map(|(gamma, variance)| (f64::from(gamma) / (f64::from(variance) + epsilon).sqrt()) as f32)
        .collect();
    let shift: Vec<f32> =
        beta.values().zip(mean.values()).zip(&scale).map(|((beta, mean), g)| beta - mean * g).collect();
    if scale.iter().chain(&shift).any(|value| !value.is_finite()) {
        return Err(reader.error("expected variances that are not negative, found one"));
    }
    Ok(Layer::Affine { gamma: scale, beta: shift })
}

fn read_fully_connected<'a>(reader: &mut Reader<'a>) -> Result<Layer<'a>> {
    const WITHOUT_BIAS: i64 = 1;
    const MAX_SIDE: usize = 1 << 15;
    let columns = reader.size("outputs", MAX_SIDE)?;
    let rows = reader.size("inputs", MAX_SIDE)?;
    let matrix = reader.tensor()?;
    let (weights, _bias) = (reader.alias()?, reader.alias()?);
    reader.expect("a fully connected layer of mode", WITHOUT_BIAS)?;
    skip_floats(reader, 4)?;
    if weights != [rows, columns, 1, 1] || matrix.len() != rows * columns || matrix.len() == 0 {
        return Err(reader.error(format_args!(
            "expected a matrix of {rows} x {columns}, found {weights:?} in {} parameters",
            matrix.len()
        )));
    }
    Ok(Layer::Multiply { rows, columns, matrix })
}
