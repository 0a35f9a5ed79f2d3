//! From TFLite's operators to ONNX's: one after the other, each result held against what the file
//! declares.

use crate::error::Result;
use crate::onnx::{GraphWriter, Value};

use super::network::{NetworkFile, error};
use super::operators::{Activation, Kind, Operator};
use super::prelu;

/// A value of the graph: a picture, or a row of numbers where it has no size.
#[derive(Clone)]
pub(super) struct Flow {
    pub(super) value: Value,
    pub(super) channels: usize,
    /// Rows and columns.
    pub(super) size: Option<[usize; 2]>,
}

/// Numbers of a file, as little-endian floats.
pub(super) struct Constant<'a> {
    pub(super) sizes: &'a [usize],
    pub(super) numbers: &'a [u8],
}

/// A graph under construction.
pub(super) struct Converter<'n, 'a> {
    pub(super) network: &'n NetworkFile<'a>,
    pub(super) graph: GraphWriter,
    /// What each tensor has become so far.
    flows: Vec<Option<Flow>>,
    /// How many pictures the file declares; the ONNX file takes any number.
    pub(super) batch: usize,
    /// How many more bytes of weights may be copied. Tensors may share their bytes, so that a small
    /// file could ask for any amount.
    left: usize,
}

impl Flow {
    /// The shape that weights for each channel have.
    pub(super) fn by_channel(&self, count: usize) -> Vec<usize> {
        if self.size.is_some() { vec![count, 1, 1] } else { vec![count] }
    }

    /// TFLite's sizes of such a tensor.
    pub(super) fn declared(&self, batch: usize) -> Vec<usize> {
        match self.size {
            Some([rows, columns]) => vec![batch, rows, columns, self.channels],
            None => vec![batch, self.channels],
        }
    }
}

impl<'n, 'a> Converter<'n, 'a> {
    /// Begins with the network's input.
    pub(super) fn new(network: &'n NetworkFile<'a>, graph: GraphWriter, input: Value) -> Result<Self> {
        let [batch, rows, columns, channels] = network.input_sizes()?;
        let mut flows = vec![None; network.tensors.len()];
        flows[network.input] = Some(Flow { value: input, channels, size: Some([rows, columns]) });
        Ok(Self { network, graph, flows, batch, left: network.length.saturating_mul(2) })
    }

    /// Writes all operators and gives the network's output.
    pub(super) fn convert(mut self) -> Result<(GraphWriter, Flow)> {
        for operator in prelu::join(self.network) {
            let mut flow = self.operate(&operator)?;
            flow.value = match operator.activation {
                Activation::None => flow.value,
                Activation::Relu => self.graph.relu(&flow.value),
                Activation::Relu6 => self.graph.relu_up_to(&flow.value, 6.0),
            };
            let tensor = &self.network.tensors[operator.output];
            let sizes = flow.declared(self.batch);
            if !tensor.is_float() || tensor.sizes != sizes {
                let found = format_args!("expected a result of 32-bit floats of {sizes:?}, found {:?}", tensor.sizes);
                return Err(operator.error(found));
            }
            if tensor.is_constant() || self.flows[operator.output].replace(flow).is_some() {
                return Err(operator.error("expected a tensor to write to, found one that has its content"));
            }
        }
        match self.flows[self.network.output].take() {
            Some(row) if row.size.is_none() => Ok((self.graph, row)),
            Some(picture) => Err(error(format_args!(
                "expected one row of numbers a picture, found {:?}",
                picture.declared(self.batch)
            ))),
            None => Err(error("expected an output that an operator writes, found none")),
        }
    }

    fn operate(&mut self, operator: &Operator<'_>) -> Result<Flow> {
        match &operator.kind {
            Kind::Add => self.combine(operator, GraphWriter::add),
            Kind::Subtract => self.combine(operator, GraphWriter::subtract),
            Kind::Multiply => self.combine(operator, GraphWriter::times),
            Kind::Absolute => self.change(operator, GraphWriter::absolute),
            Kind::Relu => self.change(operator, GraphWriter::relu),
            Kind::Relu6 => self.change(operator, |graph, input| graph.relu_up_to(input, 6.0)),
            Kind::UnitLength => self.change(operator, GraphWriter::unit_length),
            Kind::Convolution(moves) => self.convolve(operator, *moves, false),
            Kind::Depthwise(moves) => self.convolve(operator, *moves, true),
            Kind::AveragePool { moves, size } => self.average(operator, *moves, *size),
            Kind::FullyConnected => self.connect(operator),
            Kind::Mean { keeps_dimensions } => self.mean(operator, *keeps_dimensions),
            Kind::Prelu { factor } => self.prelu(operator, *factor),
            Kind::Reshape(sizes) => self.reshape(operator, sizes),
        }
    }

    /// The tensor that is the operator's input `index`.
    pub(super) fn tensor(&self, operator: &Operator<'_>, index: usize) -> Result<usize> {
        let input = operator.inputs.get(index).copied().flatten();
        input.ok_or_else(|| operator.error(format_args!("expected an input {index}, found none")))
    }

    pub(super) fn flow(&self, operator: &Operator<'_>, index: usize) -> Result<Flow> {
        let tensor = self.tensor(operator, index)?;
        self.flows[tensor].clone().ok_or_else(|| {
            operator.error(format_args!("expected an input that is known, found tensor {tensor}, which is not yet"))
        })
    }

    pub(super) fn picture(&self, operator: &Operator<'_>) -> Result<(Flow, [usize; 2])> {
        let flow = self.flow(operator, 0)?;
        let size = flow.size.ok_or_else(|| operator.error("expected a picture, found a row of numbers"))?;
        Ok((flow, size))
    }

    pub(super) fn constant(&mut self, operator: &Operator<'_>, index: usize) -> Result<Constant<'n>> {
        let tensor = &self.network.tensors[self.tensor(operator, index)?];
        let numbers = tensor.floats().map_err(|why| operator.error(format_args!("input {index}: {why}")))?;
        self.left = self
            .left
            .checked_sub(numbers.len())
            .ok_or_else(|| operator.error("expected weights of its own, found some that many operators share"))?;
        Ok(Constant { sizes: &tensor.sizes, numbers })
    }

    /// One number for each of `outputs`, zeros where the input is left out.
    pub(super) fn bias(&mut self, operator: &Operator<'_>, outputs: usize) -> Result<Vec<u8>> {
        if operator.inputs.get(2).copied().flatten().is_none() {
            return Ok(vec![0; 4 * outputs]);
        }
        let bias = self.constant(operator, 2)?;
        if bias.sizes != [outputs] {
            return Err(operator.error(format_args!("expected a bias of {outputs} numbers, found {:?}", bias.sizes)));
        }
        Ok(bias.numbers.to_vec())
    }

    /// All numbers of a picture in TFLite's order: pixel after pixel, each channel after channel.
    pub(super) fn row(&mut self, flow: Flow) -> Flow {
        let Some([rows, columns]) = flow.size else { return flow };
        // A single pixel has the same order in both.
        let last = if rows * columns == 1 { flow.value } else { self.graph.channels_last(&flow.value) };
        Flow { value: self.graph.flatten(&last), channels: rows * columns * flow.channels, size: None }
    }
}
