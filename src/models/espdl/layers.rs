//! What each of ESP-DL's operators is in ONNX.

use crate::error::Result;
use crate::onnx::{Convolution, Window};

use super::graph::{Converter, Flow};
use super::network::Node;

impl<'a> Converter<'_, 'a> {
    pub(super) fn add(&mut self, node: &Node<'a>) -> Result<Flow> {
        let (left, right) = (self.flow(node, 0)?, self.flow(node, 1)?);
        if (left.channels, left.size) != (right.channels, right.size) {
            return Err(node.error(format_args!(
                "expected two inputs of one shape, found {} channels of {:?} and {} of {:?}",
                left.channels, left.size, right.channels, right.size
            )));
        }
        Ok(Flow { value: self.graph.add(&left.value, &right.value), ..left })
    }

    pub(super) fn convolve(&mut self, node: &Node<'a>) -> Result<Flow> {
        let (input, pixels) = self.picture(node)?;
        let groups = match node.integer("group", 1)? {
            1 => 1,
            groups if usize::try_from(groups) == Ok(input.channels) => input.channels,
            groups => {
                let channels = input.channels;
                return Err(node.error(format_args!("expected 1 group or {channels}, found {groups}")));
            }
        };
        let (shape, filters) = self.filters(node, groups != 1)?;
        let [outputs, inputs, rows, columns] = shape;
        if inputs * groups != input.channels || !outputs.is_multiple_of(groups) {
            return Err(node.error(format_args!(
                "expected filters for {} channels in {groups} groups, found {shape:?}",
                input.channels
            )));
        }
        let (window, size) = window(node, [rows, columns], pixels)?;
        let bias = self.by_channel(node, 2, outputs)?;
        let convolution = Convolution { shape, filters, bias, window, groups };
        let value = self.graph.convolution(&input.value, convolution);
        Ok(Flow { value, channels: outputs, size: Some(size), ..input })
    }

    /// The change to channels first that stands before Flatten; the graph has that order anyway.
    pub(super) fn transpose(&mut self, node: &Node<'a>) -> Result<Flow> {
        let (input, _) = self.picture(node)?;
        let order: [usize; 4] = node.sizes("perm", 0)?;
        if order != [0, 3, 1, 2] {
            return Err(node.error(format_args!("expected perm to be [0, 3, 1, 2], found {order:?}")));
        }
        Ok(Flow { channels_first: true, ..input })
    }

    pub(super) fn flatten(&mut self, node: &Node<'a>) -> Result<Flow> {
        let input = self.any_flow(node, 0)?;
        let axis = node.integer("axis", 1)?;
        let Some([rows, columns]) = input.size.filter(|_| axis == 1) else {
            return Err(
                node.error(format_args!("expected a picture and the axis 1, found {:?} and {axis}", input.size))
            );
        };
        if !input.channels_first && rows * columns != 1 {
            return Err(node.error("expected channels first or a single pixel, found pixels with channels last"));
        }
        let value = self.graph.flatten(&input.value);
        Ok(Flow { value, channels: input.channels * rows * columns, size: None, channels_first: false })
    }

    pub(super) fn connect(&mut self, node: &Node<'a>) -> Result<Flow> {
        let input = self.flow(node, 0)?;
        node.expect_one("alpha")?;
        node.expect_one("beta")?;
        let turned = [node.integer("transA", 0)?, node.integer("transB", 0)?];
        let ([outputs, inputs, rows, columns], matrix) = self.filters(node, false)?;
        if input.size.is_some() || turned != [0, 0] || [inputs, rows, columns] != [input.channels, 1, 1] {
            return Err(node.error(format_args!(
                "expected a plain matrix for a row of {} numbers, found one for {inputs}",
                input.channels
            )));
        }
        let bias = self.by_channel(node, 2, outputs)?;
        let value = self.graph.fully_connected(&input.value, [outputs, inputs], matrix, bias);
        Ok(Flow { value, channels: outputs, ..input })
    }

    pub(super) fn prelu(&mut self, node: &Node<'a>) -> Result<Flow> {
        let (input, _) = self.picture(node)?;
        let slopes = self.by_channel(node, 1, input.channels)?;
        let value = self.graph.prelu(&input.value, &[input.channels, 1, 1], slopes);
        Ok(Flow { value, ..input })
    }
}

/// A convolution's window over `input` rows and columns, and rows and columns of what it gives.
fn window(node: &Node<'_>, size: [usize; 2], input: [usize; 2]) -> Result<(Window, [usize; 2])> {
    let (stride, dilations): ([usize; 2], [usize; 2]) = (node.sizes("strides", 1)?, node.sizes("dilations", 1)?);
    let [top, left, bottom, right] = node.sizes("pads", 0)?;
    if stride.contains(&0) || dilations != [1, 1] || bottom < top || right < left {
        return Err(node.error(format_args!(
            "expected steps without dilation, and no fewer zeros behind than before, found steps of {stride:?}, \
             dilations of {dilations:?} and zeros of {:?}",
            [top, left, bottom, right]
        )));
    }
    let mut output = [0; 2];
    for (axis, zeros) in [top + bottom, left + right].into_iter().enumerate() {
        let rest = (input[axis] + zeros).checked_sub(size[axis]);
        output[axis] = rest.ok_or_else(|| {
            node.error(format_args!("expected a window within {input:?} pixels, found one of {size:?}"))
        })? / stride[axis]
            + 1;
    }
    let kernel: [usize; 2] = if node.has("kernel_shape") { node.sizes("kernel_shape", 0)? } else { size };
    if kernel != size {
        return Err(node.error(format_args!("expected kernel_shape to be {size:?}, found {kernel:?}")));
    }
    Ok((Window { size, stride, padding: [top, left], extra: [bottom - top, right - left] }, output))
}
