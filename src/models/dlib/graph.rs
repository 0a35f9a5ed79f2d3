//! From dlib's layers to ONNX operators.
//!
//! A layer that scales and shifts each channel folds into the convolution before it: the filters
//! and the bias take the scale, the bias takes the shift. Convolutions are cross-correlations in
//! both worlds, so that weights keep their order.
//!
//! `add_prev` adds tensors of different sizes as if zeros stood behind the last channel, row and
//! column of the smaller one.

use crate::error::Result;
use crate::onnx::{self, GraphWriter, Value, Window};

use super::network::{Convolution, Layer, Step};
use super::reader::Reader;

/// A value of the graph and what is known of its size.
#[derive(Clone)]
pub(super) struct Flow {
    pub(super) value: Value,
    pub(super) channels: usize,
    /// Rows and columns, where the network's input has a size.
    pub(super) size: Option<[usize; 2]>,
}

/// Writes `steps` behind `input` and gives their result. `reader` says in which file an error is.
pub(super) fn write(graph: &mut GraphWriter, input: Flow, steps: &[Step<'_>], reader: &Reader<'_>) -> Result<Flow> {
    let mut flow = input;
    let mut remembered: Option<Flow> = None;
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        let layer = match step {
            Step::Layer(layer) => layer,
            Step::Mark if steps.next_if(|next| matches!(next, Step::Mark)).is_some() => {
                let input = remembered.replace(flow).ok_or_else(|| reader.error("found a shortcut without a block"))?;
                flow = input;
                continue;
            }
            Step::Mark => {
                remembered = Some(flow.clone());
                continue;
            }
        };
        match layer {
            Layer::Convolution(convolution) => {
                let [outputs, inputs, ..] = convolution.shape;
                if inputs != flow.channels {
                    return Err(reader.error(format_args!(
                        "found a convolution of {inputs} channels behind {} channels",
                        flow.channels
                    )));
                }
                let folded = match steps.next_if(|next| matches!(next, Step::Layer(Layer::Affine { .. }))) {
                    Some(Step::Layer(Layer::Affine { gamma, beta })) => {
                        if gamma.len() != outputs {
                            return Err(reader.error(format_args!(
                                "found {} scales behind a convolution of {outputs} filters",
                                gamma.len()
                            )));
                        }
                        fold(convolution, gamma, beta)
                    }
                    _ => as_it_stands(convolution),
                };
                flow = Flow {
                    size: moved(flow.size, convolution.window, reader)?,
                    value: graph.convolution(&flow.value, folded),
                    channels: outputs,
                };
            }
            Layer::Affine { .. } => return Err(reader.error("found an affine layer without a convolution before it")),
            Layer::Relu => flow.value = graph.relu(&flow.value),
            Layer::MaxPool(window) => {
                flow.size = moved(flow.size, *window, reader)?;
                flow.value = graph.max_pool(&flow.value, *window);
            }
            Layer::AveragePool(window) => {
                flow.size = moved(flow.size, *window, reader)?;
                flow.value = graph.average_pool(&flow.value, *window);
            }
            Layer::GlobalAverage => {
                flow.size = Some([1, 1]);
                flow.value = graph.global_average(&flow.value);
            }
            Layer::AddPrevious => {
                let other = remembered.take().ok_or_else(|| reader.error("found a sum without a block"))?;
                flow = add(graph, flow, other, reader)?;
            }
            Layer::Multiply { rows, columns, matrix } => {
                if flow.size != Some([1, 1]) || flow.channels != *rows {
                    return Err(reader.error(format_args!(
                        "found a matrix of {rows} rows behind {} channels of {:?}",
                        flow.channels, flow.size
                    )));
                }
                flow.value = graph.multiply(&flow.value, *rows, *columns, matrix.bytes().to_vec());
                flow.channels = *columns;
            }
        }
    }
    Ok(flow)
}

/// The size behind a window that moves over `size`; an error where it does not fit even once.
fn moved(size: Option<[usize; 2]>, window: Window, reader: &Reader<'_>) -> Result<Option<[usize; 2]>> {
    let Some(size) = size else { return Ok(None) };
    let mut result = [0; 2];
    for axis in 0..2 {
        let span = size[axis] + 2 * window.padding[axis];
        let rest = span
            .checked_sub(window.size[axis])
            .ok_or_else(|| reader.error(format_args!("found a window of {:?} over {size:?}", window.size)))?;
        result[axis] = rest / window.stride[axis] + 1;
    }
    Ok(Some(result))
}

fn add(graph: &mut GraphWriter, left: Flow, right: Flow, reader: &Reader<'_>) -> Result<Flow> {
    let (Some(left_size), Some(right_size)) = (left.size, right.size) else {
        return Err(reader.error("found a sum in a network whose input has no size"));
    };
    let size = [left_size[0].max(right_size[0]), left_size[1].max(right_size[1])];
    let channels = left.channels.max(right.channels);
    let mut grown = |flow: Flow, [rows, columns]: [usize; 2]| {
        let missing = (channels - flow.channels, size[0] - rows, size[1] - columns);
        if missing == (0, 0, 0) { flow.value } else { graph.pad_end(&flow.value, missing.0, missing.1, missing.2) }
    };
    let (left, right) = (grown(left, left_size), grown(right, right_size));
    Ok(Flow { value: graph.add(&left, &right), channels, size: Some(size) })
}

fn as_it_stands(convolution: &Convolution<'_>) -> onnx::Convolution {
    onnx::Convolution {
        shape: convolution.shape,
        groups: 1,
        filters: convolution.filters.bytes().to_vec(),
        bias: convolution.bias.bytes().to_vec(),
        window: convolution.window,
    }
}

fn fold(convolution: &Convolution<'_>, gamma: &[f32], beta: &[f32]) -> onnx::Convolution {
    let mut filters = convolution.filters.bytes().to_vec();
    let filter = filters.len() / gamma.len();
    for (filter, gamma) in filters.chunks_exact_mut(filter).zip(gamma) {
        for weight in filter.as_chunks_mut::<4>().0 {
            *weight = (f32::from_le_bytes(*weight) * gamma).to_le_bytes();
        }
    }
    let bias = convolution.bias.values().zip(gamma).zip(beta).flat_map(|((b, g), beta)| (b * g + beta).to_le_bytes());
    onnx::Convolution { shape: convolution.shape, groups: 1, filters, bias: bias.collect(), window: convolution.window }
}
