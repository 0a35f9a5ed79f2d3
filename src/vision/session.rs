//! A session, whichever runtime it is of.

use ndarray::{ArrayView4, ArrayViewD};

use crate::error::Result;

use super::network_options::NetworkOptions;
use super::{built_in, onnx_runtime};

pub(super) use onnx_runtime::KnownOutputs;

/// What sessions are made in.
pub(super) enum Environment {
    OnnxRuntime(onnx_runtime::Environment),
    BuiltIn,
}

/// A network that one thread at a time can run.
pub(super) enum Session {
    OnnxRuntime(onnx_runtime::Session),
    BuiltIn(built_in::Session),
}

impl Session {
    /// A session of an ONNX file's bytes; its runs have so many threads in ONNX Runtime, one in the
    /// built-in engine.
    pub(super) fn new(
        environment: &Environment,
        options: &NetworkOptions,
        threads: usize,
        onnx: &[u8],
    ) -> Result<Self> {
        match environment {
            Environment::OnnxRuntime(environment) => {
                onnx_runtime::Session::new(environment, options, threads, onnx).map(Self::OnnxRuntime)
            }
            Environment::BuiltIn => built_in::Session::new(&options.name, onnx).map(Self::BuiltIn),
        }
    }

    /// Runs the network and hands the outputs that `options` names to `read`. `known` is that of the
    /// network.
    pub(super) fn run<T>(
        &mut self,
        input: ArrayView4<'_, f32>,
        options: &NetworkOptions,
        known: &KnownOutputs,
        read: impl FnOnce(&[ArrayViewD<'_, f32>]) -> Result<T>,
    ) -> Result<T> {
        match self {
            Self::OnnxRuntime(session) => session.run(input, options, known, read),
            Self::BuiltIn(session) => session.run(options, input, read),
        }
    }
}
