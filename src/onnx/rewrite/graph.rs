//! An ONNX graph that can be looked up and edited.
//!
//! Rules read nodes by their index, collect what is to stand in their place in an [`Edit`], and
//! hand it to [`Graph::apply`], which puts the nodes back into an order in which each value is made
//! before it is used and drops what nobody needs any more. Weights are never changed in place:
//! another node may share them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::tensor_proto::DataType;
use crate::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::onnx::{MAX_OPSET, MIN_OPSET};

use super::nodes::value_type;

/// A constant tensor of 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Floats {
    pub(super) dims: Vec<usize>,
    pub(super) data: Vec<f32>,
}

impl Floats {
    pub(super) fn new(dims: &[usize], data: Vec<f32>) -> Self {
        debug_assert_eq!(dims.iter().product::<usize>(), data.len());
        Self { dims: dims.to_vec(), data }
    }

    /// The elements as one number each channel, where the tensor is a number for all channels or
    /// one for each of `channels` in a tensor of `rank` dimensions, channels second.
    pub(super) fn per_channel(&self, channels: usize, rank: usize) -> Option<Vec<f32>> {
        if let [all] = *self.data {
            return (self.dims.len() <= rank).then(|| vec![all; channels]);
        }
        let from_right = self.dims.iter().rev();
        let axis = rank.checked_sub(2)?;
        let fits = self.dims.len() <= rank
            && from_right.enumerate().all(|(i, &size)| size == if i == axis { channels } else { 1 });
        (fits && self.data.len() == channels).then(|| self.data.clone())
    }
}

/// The nodes that stand in another node's place, by its index; none removes it.
pub(super) type Edit = BTreeMap<usize, Vec<NodeProto>>;

pub(super) struct Graph {
    proto: GraphProto,
    opset: i64,
    constants: HashMap<String, usize>,
    producers: HashMap<String, usize>,
    consumers: HashMap<String, Vec<usize>>,
    outputs: HashSet<String>,
    names: HashSet<String>,
    fresh: usize,
}

impl Graph {
    /// The graph of a model, or `None` where it has parts that this module does not know and
    /// could lose or misread: functions, nested graphs, sparse weights, values that are no tensors,
    /// operators of an unsupported version.
    pub(super) fn open(model: &ModelProto) -> Option<Self> {
        let proto = model.graph.clone()?;
        let opset = model.opset_import.iter().find(|import| is_standard(&import.domain))?.version;
        let known = (MIN_OPSET..=MAX_OPSET).contains(&opset)
            && model.functions.is_empty()
            && model.training_info.is_empty()
            && proto.sparse_initializer.is_empty()
            && proto.quantization_annotation.is_empty()
            && proto.input.iter().chain(&proto.output).all(|value| value_type(value).is_some())
            && proto.node.iter().all(|node| node.attribute.iter().all(is_plain));
        if !known {
            return None;
        }
        let mut graph = Self {
            proto,
            opset,
            constants: HashMap::new(),
            producers: HashMap::new(),
            consumers: HashMap::new(),
            outputs: HashSet::new(),
            names: HashSet::new(),
            fresh: 0,
        };
        graph.keep_constants_as_weights();
        if !graph.index() {
            return None;
        }
        let order = graph.order(&graph.proto.node)?;
        let mut nodes: Vec<Option<NodeProto>> = std::mem::take(&mut graph.proto.node).into_iter().map(Some).collect();
        graph.proto.node = order.into_iter().filter_map(|i| nodes[i].take()).collect();
        graph.index().then_some(graph)
    }

    /// The model with this graph in the place of its own.
    pub(super) fn into_model(self, mut model: ModelProto) -> ModelProto {
        model.graph = Some(self.proto);
        model
    }

    pub(super) fn opset(&self) -> i64 {
        self.opset
    }

    pub(super) fn nodes(&self) -> &[NodeProto] {
        &self.proto.node
    }

    /// The values that a caller must give.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &ValueInfoProto> {
        self.proto.input.iter().filter(|input| !self.proto.initializer.iter().any(|weight| weight.name == input.name))
    }

    /// Makes constants of the weights that the file also lists as inputs.
    pub(super) fn close_weights(&mut self) -> usize {
        let weights: HashSet<&str> = self.proto.initializer.iter().map(|weight| weight.name.as_str()).collect();
        let before = self.proto.input.len();
        self.proto.input.retain(|input| !weights.contains(input.name.as_str()));
        let closed = before - self.proto.input.len();
        self.index();
        closed
    }

    pub(super) fn inputs_mut(&mut self) -> &mut Vec<ValueInfoProto> {
        &mut self.proto.input
    }

    pub(super) fn outputs_mut(&mut self) -> &mut Vec<ValueInfoProto> {
        &mut self.proto.output
    }

    /// Whether `name` is a standard operator's node of type `kind`.
    pub(super) fn is(&self, node: usize, kind: &str) -> bool {
        let node = &self.proto.node[node];
        node.op_type == kind && is_standard(&node.domain)
    }

    /// The node that makes a value.
    pub(super) fn producer(&self, value: &str) -> Option<usize> {
        self.producers.get(value).copied()
    }

    /// The nodes that read a value, once for each reading.
    pub(super) fn consumers(&self, value: &str) -> &[usize] {
        self.consumers.get(value).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_output(&self, value: &str) -> bool {
        self.outputs.contains(value)
    }

    /// The one node that reads a value, where there is just one and the value leaves the graph
    /// nowhere else.
    pub(super) fn only_consumer(&self, value: &str) -> Option<usize> {
        match self.consumers(value) {
            [one] if !self.is_output(value) => Some(*one),
            _ => None,
        }
    }

    pub(super) fn is_constant(&self, value: &str) -> bool {
        self.constants.contains_key(value)
    }

    /// The elements of a constant of 32-bit floats.
    pub(super) fn floats(&self, value: &str) -> Option<Floats> {
        let tensor = self.tensor(value, DataType::Float)?;
        let data = if tensor.float_data.is_empty() {
            tensor
                .raw_data
                .chunks_exact(4)
                .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
                .collect()
        } else {
            tensor.float_data.clone()
        };
        checked(dims(tensor)?, data, |dims, data| Floats { dims, data })
    }

    /// The sizes of a constant of 32-bit floats, where it has as many elements.
    pub(super) fn float_dims(&self, value: &str) -> Option<Vec<usize>> {
        let tensor = self.tensor(value, DataType::Float)?;
        let count = if tensor.float_data.is_empty() { tensor.raw_data.len() / 4 } else { tensor.float_data.len() };
        dims(tensor).filter(|dims| elements(dims) == Some(count))
    }

    /// The elements of a constant of 64-bit integers, of any shape.
    pub(super) fn integers(&self, value: &str) -> Option<Vec<i64>> {
        let tensor = self.tensor(value, DataType::Int64)?;
        let data = if tensor.int64_data.is_empty() {
            tensor
                .raw_data
                .chunks_exact(8)
                .map(|bytes| bytes.iter().rev().fold(0, |value, byte| value << 8 | i64::from(*byte)))
                .collect()
        } else {
            tensor.int64_data.clone()
        };
        checked(dims(tensor)?, data, |_, data| data)
    }

    fn tensor(&self, value: &str, kind: DataType) -> Option<&TensorProto> {
        let tensor = &self.proto.initializer[*self.constants.get(value)?];
        (tensor.data_type == kind as i32 && tensor.external_data.is_empty() && tensor.segment.is_none())
            .then_some(tensor)
    }

    /// Adds a constant and gives its name.
    pub(super) fn add_floats(&mut self, floats: Floats) -> String {
        self.add_constant(TensorProto {
            dims: floats.dims.iter().map(|size| *size as i64).collect(),
            data_type: DataType::Float as i32,
            raw_data: floats.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..TensorProto::default()
        })
    }

    /// Adds a constant list of integers and gives its name.
    pub(super) fn add_integers(&mut self, data: &[i64]) -> String {
        self.add_constant(TensorProto {
            dims: vec![data.len() as i64],
            data_type: DataType::Int64 as i32,
            raw_data: data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..TensorProto::default()
        })
    }

    fn add_constant(&mut self, mut tensor: TensorProto) -> String {
        let name = self.fresh("constant");
        tensor.name.clone_from(&name);
        self.constants.insert(name.clone(), self.proto.initializer.len());
        self.proto.initializer.push(tensor);
        name
    }

    /// A name that nothing in the graph has.
    pub(super) fn fresh(&mut self, what: &str) -> String {
        loop {
            self.fresh += 1;
            let name = format!("rewritten_{what}_{}", self.fresh);
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    /// Puts nodes in the places of others. Nodes whose values nobody reads go, and so do weights.
    /// An edit after which the graph would hold a cycle or an unknown value is not made.
    pub(super) fn apply(&mut self, mut edit: Edit) -> bool {
        let mut nodes: Vec<NodeProto> = Vec::with_capacity(self.proto.node.len() + 4 * edit.len());
        for (i, node) in self.proto.node.iter().enumerate() {
            match edit.remove(&i) {
                Some(replacement) => nodes.extend(replacement),
                None => nodes.push(node.clone()),
            }
        }
        let Some(order) = self.order(&nodes) else { return false };
        let mut nodes: Vec<Option<NodeProto>> = nodes.into_iter().map(Some).collect();
        self.proto.node = order.into_iter().filter_map(|i| nodes[i].take()).collect();
        self.drop_unused();
        self.forget_sizes();
        self.index()
    }

    /// Drops the sizes stated for inner values: the runtime works them out anew.
    pub(super) fn forget_sizes(&mut self) {
        self.proto.value_info.clear();
    }

    /// The nodes' order, each after those it reads from and as close to the given one as possible.
    fn order(&self, nodes: &[NodeProto]) -> Option<Vec<usize>> {
        let mut made: HashMap<&str, usize> = HashMap::new();
        for (i, node) in nodes.iter().enumerate() {
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                if made.insert(output, i).is_some() {
                    return None;
                }
            }
        }
        let given: HashSet<&str> = self.proto.input.iter().map(|input| input.name.as_str()).collect();
        let mut waits = vec![0usize; nodes.len()];
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                match made.get(input.as_str()) {
                    Some(&producer) => {
                        waits[i] += 1;
                        readers[producer].push(i);
                    }
                    // A weight that is also an input is among the given ones.
                    None if given.contains(input.as_str()) || self.constants.contains_key(input) => {}
                    None => return None,
                }
            }
        }
        let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|i| waits[*i] == 0).collect();
        let mut order = Vec::with_capacity(nodes.len());
        while let Some(i) = ready.pop_first() {
            order.push(i);
            for &reader in &readers[i] {
                waits[reader] -= 1;
                if waits[reader] == 0 {
                    ready.insert(reader);
                }
            }
        }
        (order.len() == nodes.len()).then_some(order)
    }

    fn drop_unused(&mut self) {
        let mut used: HashSet<String> = self.proto.output.iter().map(|output| output.name.clone()).collect();
        let mut kept = Vec::with_capacity(self.proto.node.len());
        for node in std::mem::take(&mut self.proto.node).into_iter().rev() {
            if node.output.iter().any(|output| used.contains(output)) {
                used.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        self.proto.node = kept;
        self.proto.initializer.retain(|weight| used.contains(&weight.name));
    }

    /// Turns nodes that only state a tensor into weights, so that rules look in one place.
    fn keep_constants_as_weights(&mut self) {
        let (constants, others) = std::mem::take(&mut self.proto.node).into_iter().partition(stated_tensor_is_plain);
        self.proto.node = others;
        for node in constants {
            let NodeProto { output, attribute, .. } = node;
            if let (Some(name), Some(mut tensor)) =
                (output.into_iter().next(), attribute.into_iter().next().and_then(|attribute| attribute.t))
            {
                tensor.name = name;
                self.proto.initializer.push(tensor);
            }
        }
    }

    /// Works out the look-ups anew; false where a value is made twice.
    fn index(&mut self) -> bool {
        // A weight that is also an input may be given another value by the caller.
        let given: HashSet<&str> = self.proto.input.iter().map(|input| input.name.as_str()).collect();
        let weights = self.proto.initializer.iter().enumerate();
        let constants = weights.filter(|(_, weight)| !given.contains(weight.name.as_str()));
        self.constants = constants.map(|(i, weight)| (weight.name.clone(), i)).collect();
        self.outputs = self.proto.output.iter().map(|output| output.name.clone()).collect();
        self.producers.clear();
        self.consumers.clear();
        let names: HashSet<&str> = self.proto.initializer.iter().map(|weight| weight.name.as_str()).collect();
        let mut unique = names.len() == self.proto.initializer.len();
        for (i, node) in self.proto.node.iter().enumerate() {
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                unique &= self.producers.insert(output.clone(), i).is_none() && !self.constants.contains_key(output);
            }
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                self.consumers.entry(input.clone()).or_default().push(i);
            }
        }
        let values = self.proto.input.iter().map(|input| &input.name);
        let nodes = self.proto.node.iter().map(|node| &node.name);
        self.names.extend(
            values
                .chain(nodes)
                .chain(self.producers.keys())
                .chain(self.consumers.keys())
                .chain(self.constants.keys())
                .cloned(),
        );
        unique
    }
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Whether the attribute is one of those that the standard gives an operator without subgraphs.
fn is_plain(attribute: &AttributeProto) -> bool {
    use AttributeType::{Float, Floats, Int, Ints, String, Strings, Tensor, Tensors};
    attribute.ref_attr_name.is_empty()
        && attribute.g.is_none()
        && attribute.graphs.is_empty()
        && [Float, Int, String, Tensor, Floats, Ints, Strings, Tensors]
            .iter()
            .any(|kind| *kind as i32 == attribute.r#type)
}

fn stated_tensor_is_plain(node: &NodeProto) -> bool {
    node.op_type == "Constant"
        && is_standard(&node.domain)
        && matches!(node.output.as_slice(), [name] if !name.is_empty())
        && matches!(node.attribute.as_slice(), [value] if value.name == "value" && value.t.is_some())
}

fn dims(tensor: &TensorProto) -> Option<Vec<usize>> {
    tensor.dims.iter().map(|size| usize::try_from(*size).ok()).collect()
}

fn checked<T, R>(dims: Vec<usize>, data: Vec<T>, make: impl FnOnce(Vec<usize>, Vec<T>) -> R) -> Option<R> {
    (elements(&dims)? == data.len()).then(|| make(dims, data))
}

fn elements(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1usize, |count, size| count.checked_mul(*size))
}
