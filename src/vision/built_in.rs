//! The inference engine that is built in: tract, in pure Rust.

use std::sync::Arc;

use ndarray::{ArrayView4, ArrayViewD};
use tract_onnx::prelude::{
    Framework, InferenceModelExt, IntoRunnable, TValue, Tensor, TractResult, TypedRunnableModel, tvec,
};

use crate::error::{Error, ErrorKind, Result};

use super::network_options::NetworkOptions;
use super::shape;

/// What is built in.
pub(super) const VERSION: &str = "tract 0.23";

/// A network that the built-in engine has prepared.
pub(super) struct Session {
    plan: Arc<TypedRunnableModel>,
    /// The network's outputs, in its order.
    outputs: Vec<String>,
}

impl Session {
    /// A session of an ONNX file's bytes; errors call it `name`.
    pub(super) fn new(name: &str, onnx: &[u8]) -> Result<Self> {
        let refused = |why: String| {
            Error::new(ErrorKind::Runtime, format!("{name}: the built-in engine refuses the network: {why}"))
        };
        let (_, outputs) = shape::declared(onnx).map_err(refused)?;
        let plan = || -> TractResult<_> {
            tract_onnx::onnx().model_for_read(&mut &onnx[..])?.into_optimized()?.into_runnable()
        };
        Ok(Self { plan: plan().map_err(|error| refused(format!("{error:#}")))?, outputs })
    }

    /// Runs the network and hands the outputs that `options` names to `read`.
    pub(super) fn run<T>(
        &self,
        options: &NetworkOptions,
        input: ArrayView4<'_, f32>,
        read: impl FnOnce(&[ArrayViewD<'_, f32>]) -> Result<T>,
    ) -> Result<T> {
        // The engine's own text holds shapes and operator names, never pixels.
        let failed =
            |why: String| Error::new(ErrorKind::Runtime, format!("{}: the network failed: {why}", options.name));
        let pixels = input.as_slice().ok_or_else(|| failed("the input is not in standard layout".into()))?;
        let run = || self.plan.run(tvec![TValue::from(Tensor::from_shape(input.shape(), pixels)?)]);
        let values = options.clock.time(run).map_err(|error| failed(format!("{error:#}")))?;
        let view = |wanted: &String| {
            let value = self.outputs.iter().position(|output| output == wanted).and_then(|place| values.get(place));
            let value = value.ok_or_else(|| failed(format!("the run gave no {wanted:?}")))?;
            value.to_plain_array_view::<f32>().map_err(|error| failed(format!("{error:#}")))
        };
        read(&options.outputs.iter().map(view).collect::<Result<Vec<_>>>()?)
    }
}
