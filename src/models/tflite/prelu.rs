//! PReLU in pieces, put together again.
//!
//! TensorFlow has no operator for PReLU, and older converters left what people wrote in its place:
//! `relu(x) + m (x - |x|)` with `m` half the slope. Where `x` is positive the second part is zero;
//! where it is negative the first is zero and the second `2 m x`. So it is PReLU with the slope
//! `2 m`, to the last bit: doubling a float is exact.

use std::collections::HashMap;

use super::network::NetworkFile;
use super::operators::{Activation, Kind, Operator};

/// The operators, with each such group of five replaced by one, if no other operator reads the values between them.
pub(super) fn join<'a>(network: &NetworkFile<'a>) -> Vec<Operator<'a>> {
    let pieces = Pieces::of(network);
    let mut replaced = vec![false; network.operators.len()];
    let mut joined = HashMap::new();
    for (index, last) in network.operators.iter().enumerate() {
        if let Some((prelu, parts)) = pieces.joined(last) {
            parts.into_iter().for_each(|part| replaced[part] = true);
            joined.insert(index, prelu);
        }
    }
    let kept = network.operators.iter().enumerate().filter(|(index, _)| !replaced[*index]);
    kept.map(|(index, operator)| joined.remove(&index).unwrap_or_else(|| operator.clone())).collect()
}

/// Who writes each tensor, and how often it is read.
struct Pieces<'n, 'a> {
    network: &'n NetworkFile<'a>,
    writers: HashMap<usize, usize>,
    reads: HashMap<usize, usize>,
}

impl<'n, 'a> Pieces<'n, 'a> {
    fn of(network: &'n NetworkFile<'a>) -> Self {
        let (mut writers, mut reads) = (HashMap::new(), HashMap::from([(network.output, 1)]));
        for (index, operator) in network.operators.iter().enumerate() {
            writers.insert(operator.output, index);
            operator.inputs.iter().flatten().for_each(|input| *reads.entry(*input).or_insert(0) += 1);
        }
        Self { network, writers, reads }
    }

    /// The place of the operator of this kind that writes `tensor`, if exactly one other operator reads that.
    fn written_by(&self, tensor: usize, kind: &Kind) -> Option<usize> {
        let index = *self.writers.get(&tensor)?;
        let operator = &self.network.operators[index];
        let is_it = operator.kind == *kind && operator.activation == Activation::None;
        (is_it && self.reads.get(&tensor) == Some(&1)).then_some(index)
    }

    fn inputs<const N: usize>(&self, operator: usize) -> Option<[usize; N]> {
        inputs(&self.network.operators[operator])
    }

    /// The PReLU that the addition `last` ends, and the places of the four operators before it.
    fn joined(&self, last: &Operator<'a>) -> Option<(Operator<'a>, [usize; 4])> {
        if last.kind != Kind::Add {
            return None;
        }
        let [left, right] = inputs(last)?;
        [(left, right), (right, left)].into_iter().find_map(|(positive, negative)| {
            let relu = self.written_by(positive, &Kind::Relu)?;
            let [input] = self.inputs(relu)?;
            let product = self.written_by(negative, &Kind::Multiply)?;
            let [left, right] = self.inputs(product)?;
            [(left, right), (right, left)].into_iter().find_map(|(half, difference)| {
                let subtraction = self.written_by(difference, &Kind::Subtract)?;
                let [minuend, magnitude] = self.inputs(subtraction)?;
                let absolute = self.written_by(magnitude, &Kind::Absolute)?;
                let is_it = minuend == input
                    && self.inputs(absolute) == Some([input])
                    && self.network.tensors[half].is_constant();
                let inputs = vec![Some(input), Some(half)];
                let prelu = Operator { kind: Kind::Prelu { factor: 2.0 }, inputs, ..last.clone() };
                is_it.then_some((prelu, [relu, product, subtraction, absolute]))
            })
        })
    }
}

fn inputs<const N: usize>(operator: &Operator<'_>) -> Option<[usize; N]> {
    let inputs: Option<Vec<usize>> = operator.inputs.iter().copied().collect();
    inputs?.try_into().ok()
}
