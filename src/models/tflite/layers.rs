//! What each of TFLite's operators is in ONNX.

use crate::error::Result;
use crate::onnx::{Convolution, GraphWriter, Value};

use super::convolution::{planes, planes_of_each, window};
use super::graph::{Constant, Converter, Flow};
use super::operators::{Moves, Operator};

impl Converter<'_, '_> {
    pub(super) fn change(
        &mut self,
        operator: &Operator<'_>,
        write: fn(&mut GraphWriter, &Value) -> Value,
    ) -> Result<Flow> {
        let input = self.flow(operator, 0)?;
        Ok(Flow { value: write(&mut self.graph, &input.value), ..input })
    }

    pub(super) fn convolve(&mut self, operator: &Operator<'_>, moves: Moves, depthwise: bool) -> Result<Flow> {
        let (input, pixels) = self.picture(operator)?;
        let filters = self.constant(operator, 1)?;
        let fits = match filters.sizes {
            [1, .., outputs] if depthwise => outputs.is_multiple_of(input.channels),
            [_, _, _, inputs] => !depthwise && *inputs == input.channels,
            _ => false,
        };
        let (&[first, rows, columns, last], true) = (filters.sizes, fits) else {
            let found = format_args!("expected filters for {} channels, found {:?}", input.channels, filters.sizes);
            return Err(operator.error(found));
        };
        let (window, pixels) = window(operator, moves, [rows, columns], pixels)?;
        let (outputs, inputs, groups, filters) = if depthwise {
            (last, 1, input.channels, planes(filters.numbers, [rows, columns, last]))
        } else {
            (first, last, 1, planes_of_each(filters.numbers, [first, rows, columns, last]))
        };
        let bias = self.bias(operator, outputs)?;
        let convolution = Convolution { shape: [outputs, inputs, rows, columns], filters, bias, window, groups };
        let value = self.graph.convolution(&input.value, convolution);
        Ok(Flow { value, channels: outputs, size: Some(pixels) })
    }

    pub(super) fn connect(&mut self, operator: &Operator<'_>) -> Result<Flow> {
        let input = self.flow(operator, 0)?;
        let input = self.row(input);
        let matrix = self.constant(operator, 1)?;
        let [outputs, inputs] = *matrix.sizes else {
            return Err(operator.error(format_args!("expected a matrix, found {:?}", matrix.sizes)));
        };
        if inputs != input.channels {
            let found = format_args!("expected a matrix for {} numbers, found one for {inputs}", input.channels);
            return Err(operator.error(found));
        }
        let bias = self.bias(operator, outputs)?;
        let matrix = matrix.numbers.to_vec();
        let value = self.graph.fully_connected(&input.value, [outputs, inputs], matrix, bias);
        Ok(Flow { value, channels: outputs, size: None })
    }

    pub(super) fn average(&mut self, operator: &Operator<'_>, moves: Moves, size: [usize; 2]) -> Result<Flow> {
        let (input, pixels) = self.picture(operator)?;
        // Zeros around the input do not count, in TFLite and ONNX alike.
        let (window, pixels) = window(operator, moves, size, pixels)?;
        let value = self.graph.average_pool(&input.value, window);
        Ok(Flow { value, size: Some(pixels), ..input })
    }

    /// A mean over rows and columns.
    pub(super) fn mean(&mut self, operator: &Operator<'_>, keeps_dimensions: bool) -> Result<Flow> {
        let (input, _) = self.picture(operator)?;
        let mut axes = self.sizes(operator, 1)?;
        axes.iter_mut().filter(|axis| **axis < 0).for_each(|axis| *axis = axis.saturating_add(4));
        axes.sort_unstable();
        if axes != [1, 2] {
            return Err(operator.error(format_args!("expected a mean over rows and columns, found axes {axes:?}")));
        }
        Ok(if keeps_dimensions {
            Flow { value: self.graph.channel_means(&input.value), size: Some([1, 1]), ..input }
        } else {
            Flow { value: self.graph.global_average(&input.value), size: None, ..input }
        })
    }

    pub(super) fn prelu(&mut self, operator: &Operator<'_>, factor: f32) -> Result<Flow> {
        let input = self.flow(operator, 0)?;
        let slopes = self.constant(operator, 1)?;
        let dims = dims(operator, &input, &slopes)?;
        let mut result = Vec::with_capacity(slopes.numbers.len());
        for slope in slopes.numbers.as_chunks::<4>().0 {
            let slope = f32::from_le_bytes(*slope) * factor;
            if !slope.is_finite() {
                return Err(operator.error("expected slopes that are finite when doubled"));
            }
            result.extend(slope.to_le_bytes());
        }
        Ok(Flow { value: self.graph.prelu(&input.value, &dims, result), ..input })
    }

    /// A picture as a row of numbers; no other shapes.
    pub(super) fn reshape(&mut self, operator: &Operator<'_>, sizes: &[i32]) -> Result<Flow> {
        let row = self.flow(operator, 0)?;
        let row = self.row(row);
        let sizes = if operator.inputs.len() > 1 { self.sizes(operator, 1)? } else { sizes.to_vec() };
        let expected = [self.batch, row.channels];
        let fits = |(size, expected): (&i32, &usize)| *size == -1 || usize::try_from(*size) == Ok(*expected);
        if sizes.len() != 2 || !sizes.iter().zip(&expected).all(fits) || sizes == [-1, -1] {
            return Err(operator.error(format_args!("expected the shape {expected:?}, found {sizes:?}")));
        }
        Ok(row)
    }

    /// A sum, difference or product of two values of one shape, or of a value and a constant that
    /// has one number, or one for each channel.
    pub(super) fn combine(
        &mut self,
        operator: &Operator<'_>,
        write: fn(&mut GraphWriter, &Value, &Value) -> Value,
    ) -> Result<Flow> {
        let constant = [self.is_constant(operator, 0)?, self.is_constant(operator, 1)?];
        if constant == [true, true] {
            return Err(operator.error("expected a value among the inputs, found two constants"));
        }
        let flow = self.flow(operator, usize::from(constant[0]))?;
        let other = if let Some(index) = constant.iter().position(|is_constant| *is_constant) {
            let numbers = self.constant(operator, index)?;
            let dims = dims(operator, &flow, &numbers)?;
            self.graph.constant(&dims, numbers.numbers.to_vec())
        } else {
            let other = self.flow(operator, 1)?;
            let sizes = [&flow, &other].map(|flow| flow.declared(self.batch));
            if sizes[0] != sizes[1] {
                return Err(operator.error(format_args!("expected two inputs of one shape, found {sizes:?}")));
            }
            other.value
        };
        let (left, right) = if constant[0] { (&other, &flow.value) } else { (&flow.value, &other) };
        Ok(Flow { value: write(&mut self.graph, left, right), ..flow })
    }

    fn is_constant(&self, operator: &Operator<'_>, index: usize) -> Result<bool> {
        Ok(self.network.tensors[self.tensor(operator, index)?].is_constant())
    }

    fn sizes(&self, operator: &Operator<'_>, index: usize) -> Result<Vec<i32>> {
        let tensor = &self.network.tensors[self.tensor(operator, index)?];
        let numbers = tensor.integers().map_err(|why| operator.error(format_args!("input {index}: {why}")))?;
        // A shape has few numbers; more would be repeated in errors.
        Ok(numbers.into_iter().take(8).collect())
    }
}

/// The shape in ONNX of a constant that has one number, or one for each of the flow's channels.
fn dims(operator: &Operator<'_>, flow: &Flow, constant: &Constant<'_>) -> Result<Vec<usize>> {
    let count = constant.numbers.len() / 4;
    if count == 1 || (count == flow.channels && constant.sizes.last() == Some(&count)) {
        return Ok(flow.by_channel(count));
    }
    let found = format_args!("expected one number for each of {} channels, found {:?}", flow.channels, constant.sizes);
    Err(operator.error(found))
}
