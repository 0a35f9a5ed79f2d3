//! A detector's raw tensors by name, with the sizes that the decoder relies on.

use crate::error::{Error, ErrorKind, Result};
use crate::vision::{Network, TensorView};

/// The strides of the three grids, in the order of their outputs.
pub(super) const STRIDES: [usize; 3] = [8, 16, 32];

/// The outputs that a decoder asks for, and their positions among a network's outputs.
#[derive(Clone)]
pub(super) struct Outputs {
    names: Vec<String>,
    places: Vec<usize>,
}

impl Outputs {
    /// Finds `names`, of which there must be `count`, among what `network` gives.
    pub(super) fn find(network: &Network, names: &[String], count: usize) -> Result<Self> {
        let given = network.outputs();
        if names.len() != count {
            let message = format!("the detector needs {count} outputs, {} are named", names.len());
            return Err(Error::new(ErrorKind::ModelUnavailable, message));
        }
        let place = |name: &String| {
            given.iter().position(|other| other == name).ok_or_else(|| {
                let message = format!("the detector's network has no output {name:?}, only {given:?}");
                Error::new(ErrorKind::ModelUnavailable, message)
            })
        };
        Ok(Self { places: names.iter().map(place).collect::<Result<_>>()?, names: names.to_vec() })
    }

    /// The output `index` as `rows` times `values` numbers.
    pub(super) fn read<'a>(
        &self,
        tensors: &[TensorView<'a>],
        index: usize,
        rows: usize,
        values: usize,
    ) -> Result<&'a [f32]> {
        let name = &self.names[index];
        let tensor = tensors.get(self.places[index]).map(TensorView::values).unwrap_or_default();
        if tensor.len() == rows * values {
            return Ok(tensor);
        }
        let message =
            format!("the detector's output {name:?} has {} numbers, expected {rows} x {values}", tensor.len());
        Err(Error::new(ErrorKind::Runtime, message))
    }
}
