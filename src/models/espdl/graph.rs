//! From ESP-DL's nodes to ONNX's: one after the other, by the names of what is between them.

use std::collections::HashMap;

use crate::error::Result;
use crate::onnx::{GraphWriter, Value};

use super::network::{NetworkFile, Node, error};
use super::weights::Weight;

/// A value of the graph: a picture, or a row of numbers where it has no size.
#[derive(Clone)]
pub(super) struct Flow {
    pub(super) value: Value,
    pub(super) channels: usize,
    /// Rows and columns.
    pub(super) size: Option<[usize; 2]>,
    /// Whether the file has the channels first as well; only a picture that is about to become a row of numbers has
    /// that order. The graph has them first throughout.
    pub(super) channels_first: bool,
}

/// A graph under construction.
pub(super) struct Converter<'n, 'a> {
    network: &'n NetworkFile<'a>,
    pub(super) graph: GraphWriter,
    flows: HashMap<&'a str, Flow>,
    /// Weights that no node has read yet. Each belongs to one node, so that the graph never grows
    /// beyond the file.
    weights: HashMap<&'a str, &'n Weight<'a>>,
}

impl<'n, 'a> Converter<'n, 'a> {
    /// Begins with the network's input.
    pub(super) fn new(network: &'n NetworkFile<'a>, graph: GraphWriter, input: Value) -> Self {
        let [rows, columns, channels] = network.input_sizes;
        let input = Flow { value: input, channels, size: Some([rows, columns]), channels_first: false };
        let weights = network.weights.iter().map(|(name, weight)| (*name, weight)).collect();
        Self { network, graph, flows: HashMap::from([(network.input, input)]), weights }
    }

    /// Writes all nodes and gives the network's output.
    pub(super) fn convert(mut self) -> Result<(GraphWriter, Flow)> {
        for node in &self.network.nodes {
            let mut flow = self.operate(node)?;
            if node.rectified()? {
                flow.value = self.graph.relu(&flow.value);
            }
            if self.flows.insert(node.output, flow).is_some() {
                return Err(node.error("expected an output of its own, found one that is there already"));
            }
        }
        let expected = self.network.output_size;
        match self.flows.remove(self.network.output) {
            Some(row) if row.size.is_none() && row.channels == expected => Ok((self.graph, row)),
            Some(other) => Err(error(format_args!(
                "expected a row of {expected} numbers to come out, found {} channels of {:?}",
                other.channels, other.size
            ))),
            None => Err(error("expected an output that a node writes, found none")),
        }
    }

    fn operate(&mut self, node: &Node<'a>) -> Result<Flow> {
        match node.operator {
            "Add" => self.add(node),
            "Conv" => self.convolve(node),
            "Flatten" => self.flatten(node),
            "Gemm" => self.connect(node),
            "PRelu" => self.prelu(node),
            "Relu" => {
                let input = self.flow(node, 0)?;
                Ok(Flow { value: self.graph.relu(&input.value), ..input })
            }
            "Transpose" => self.transpose(node),
            _ => Err(node.error("it is not supported")),
        }
    }

    fn input(&self, node: &Node<'a>, index: usize) -> Result<&'a str> {
        let input = node.inputs.get(index).copied();
        input.ok_or_else(|| node.error(format_args!("expected an input {index}, found none")))
    }

    /// The value that is the node's input `index`, in whatever order the file has it.
    pub(super) fn any_flow(&self, node: &Node<'a>, index: usize) -> Result<Flow> {
        let name = self.input(node, index)?;
        let flow = self.flows.get(name).cloned();
        flow.ok_or_else(|| node.error(format_args!("expected input {index} from a node before, found no such")))
    }

    /// Likewise, in the file's usual order.
    pub(super) fn flow(&self, node: &Node<'a>, index: usize) -> Result<Flow> {
        let flow = self.any_flow(node, index)?;
        if flow.channels_first {
            return Err(node.error("expected channels last, found them first; only Flatten takes that"));
        }
        Ok(flow)
    }

    /// Likewise, a picture with its rows and columns.
    pub(super) fn picture(&self, node: &Node<'a>) -> Result<(Flow, [usize; 2])> {
        let flow = self.flow(node, 0)?;
        let size = flow.size.ok_or_else(|| node.error("expected a picture, found a row of numbers"))?;
        Ok((flow, size))
    }

    fn weight(&mut self, node: &Node<'a>, index: usize) -> Result<&'n Weight<'a>> {
        let name = self.input(node, index)?;
        let weight = self.weights.remove(name);
        weight.ok_or_else(|| node.error(format_args!("expected weights of its own as input {index}, found none")))
    }

    /// The filters that are the node's input 1, and their outputs, inputs, rows and columns.
    pub(super) fn filters(&mut self, node: &Node<'a>, depthwise: bool) -> Result<([usize; 4], Vec<u8>)> {
        self.weight(node, 1)?.filters(depthwise).map_err(|why| node.error(why))
    }

    /// The one number for each of `count` channels that is the node's input `index`.
    pub(super) fn by_channel(&mut self, node: &Node<'a>, index: usize, count: usize) -> Result<Vec<u8>> {
        let weight = self.weight(node, index)?;
        if weight.sizes.first() != Some(&count) || weight.sizes.iter().skip(1).any(|size| *size != 1) {
            return Err(node.error(format_args!(
                "expected one number for each of {count} channels as input {index}, found {:?}",
                weight.sizes
            )));
        }
        weight.plain().map_err(|why| node.error(why))
    }
}
