//! Sessions of ONNX Runtime: the only file that names `ort`.
//!
//! They are not safe to run from two threads at once, and a session of several threads is slower
//! than several sessions of one thread each; without spinning, an idle one uses no processor.
//!
//! A session writes into outputs that it keeps, one set for each of the input sizes it ran last, so
//! that nothing is allocated for them in the steady state.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ort::logging::LogLevel;
use ort::memory::Allocator;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, SessionOutputs};
use ort::value::{Tensor, TensorRef};

use crate::error::{Error, ErrorKind, Result};

use super::network_options::NetworkOptions;
use super::tensor::TensorView;

/// The smallest minor version of ONNX Runtime 1.x whose interface is used: 24, or what the host asks
/// of the same crate.
pub(super) const MINIMUM_MINOR: u32 = ort::MINOR_VERSION;

/// What sessions are made in.
pub(super) struct Environment(ort::environment::Environment);

impl Environment {
    /// The ONNX Runtime library at `path`, which was probed before.
    pub(super) fn from_library(path: &Path) -> Result<Self> {
        let builder = ort::init_from(path)
            .map_err(|error| Error::new(ErrorKind::Runtime, format!("{error}")).caused_by(error))?;
        let environment = builder
            .with_name("facevault")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|error| Error::new(ErrorKind::Runtime, "the runtime could not be started").caused_by(error))?;
        environment.set_log_level(LogLevel::Error);
        Ok(Self(environment))
    }
}

/// Takes the messages that the runtime would otherwise write to standard error, with names from a network's file
/// unescaped. The call that failed returns each error as well.
fn log(level: LogLevel, _category: &str, _session: &str, _place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!("ONNX Runtime: {message}"),
        LogLevel::Warning | LogLevel::Info | LogLevel::Verbose => tracing::debug!("ONNX Runtime: {message}"),
    }
}

/// What is known of a network's outputs for each input size seen, shared by its sessions.
#[derive(Default)]
pub(super) struct KnownOutputs(Mutex<HashMap<[usize; 4], Outputs>>);

/// The outputs for one input size.
#[derive(Clone)]
enum Outputs {
    /// They have these shapes, in the order in which they are read.
    Fixed(Arc<[Vec<usize>]>),
    /// Their shapes depend on more than the input's.
    Varying,
}

impl KnownOutputs {
    fn get(&self, size: [usize; 4]) -> Option<Outputs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&size).cloned()
    }

    fn learn(&self, size: [usize; 4], outputs: Outputs) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_SIZES {
            known.clear();
        }
        known.insert(size, outputs);
    }
}

/// For how many input sizes the outputs are remembered: a long-running process sees photos of all sizes.
const KNOWN_SIZES: usize = 256;

/// A network that one thread at a time can run.
pub(super) struct Session {
    session: ort::session::Session,
    /// Outputs to write into, for the input sizes that were run last, the latest first.
    kept: VecDeque<([usize; 4], RunOptions<HasSelectedOutputs>)>,
}

/// For how many input sizes a session keeps its outputs: those of a large detector take 2 MB each.
const KEPT_SIZES: usize = 4;

impl Session {
    /// A session of an ONNX file's bytes, whose runs have so many threads.
    pub(super) fn new(
        environment: &Environment,
        options: &NetworkOptions,
        threads: usize,
        onnx: &[u8],
    ) -> Result<Self> {
        let configured = || -> ort::Result<SessionBuilder> {
            let builder = ort::session::Session::builder(&environment.0)?;
            let builder = builder.with_optimization_level(GraphOptimizationLevel::Level3)?;
            let builder = builder.with_intra_threads(threads)?.with_inter_threads(1)?;
            Ok(builder.with_intra_op_spinning(false)?.with_inter_op_spinning(false)?)
        };
        let session = configured().and_then(|mut builder| builder.commit_from_memory(onnx)).map_err(|error| {
            let message = format!("{}: the runtime refuses the network: {}", options.name, error.message());
            Error::new(ErrorKind::Runtime, message)
        })?;
        options.clock.opened();
        Ok(Self { session, kept: VecDeque::new() })
    }

    /// Runs the network and hands the outputs that `options` names to `read`. `known` is that of the
    /// network.
    pub(super) fn run<T>(
        &mut self,
        (size, input): ([usize; 4], &[f32]),
        options: &NetworkOptions,
        known: &KnownOutputs,
        read: impl FnOnce(&[TensorView<'_>]) -> Result<T>,
    ) -> Result<T> {
        let fail = |error: ort::Error| failure(&options.name, &error);
        let outputs = known.get(size);
        if let Some(Outputs::Fixed(shapes)) = &outputs {
            self.keep_outputs(size, &options.outputs, shapes).map_err(fail)?;
            let tensor = TensorRef::from_array_view((size, input)).map_err(fail)?;
            if let Ok(values) =
                options.clock.time(|| self.session.run_with_options(ort::inputs![tensor], &self.kept[0].1))
            {
                return read(&extract(&values, options)?);
            }
            // The run failed, perhaps because the shapes differ this time. A plain run will tell.
            self.kept.pop_front();
        }
        let tensor = TensorRef::from_array_view((size, input)).map_err(fail)?;
        let values = options.clock.time(|| self.session.run(ort::inputs![tensor])).map_err(fail)?;
        let views = extract(&values, options)?;
        match outputs {
            None => known.learn(size, Outputs::Fixed(views.iter().map(|view| view.shape().collect()).collect())),
            Some(Outputs::Fixed(_)) => known.learn(size, Outputs::Varying),
            Some(Outputs::Varying) => {}
        }
        read(&views)
    }

    /// Puts the outputs for inputs of this size first among those that are kept.
    fn keep_outputs(&mut self, size: [usize; 4], names: &[String], shapes: &[Vec<usize>]) -> ort::Result<()> {
        let position = self.kept.iter().position(|(kept, _)| *kept == size);
        if let Some(kept) = position.and_then(|position| self.kept.remove(position)) {
            self.kept.push_front(kept);
            return Ok(());
        }
        let mut outputs = OutputSelector::no_default();
        for (name, shape) in names.iter().zip(shapes) {
            let tensor = Tensor::<f32>::new(&Allocator::default(), shape.as_slice())?;
            outputs = outputs.with(name).preallocate(name, tensor);
        }
        self.kept.truncate(KEPT_SIZES - 1);
        self.kept.push_front((size, RunOptions::new()?.with_outputs(outputs)));
        Ok(())
    }
}

/// Views of the outputs that `options` names, in its order.
fn extract<'v>(values: &'v SessionOutputs<'_>, options: &NetworkOptions) -> Result<Vec<TensorView<'v>>> {
    let extract = |name: &String| {
        let value = values
            .get(name)
            .ok_or_else(|| Error::new(ErrorKind::Runtime, format!("{}: the run gave no {name:?}", options.name)))?;
        let (shape, values) = value.try_extract_tensor::<f32>().map_err(|error| failure(&options.name, &error))?;
        Ok(TensorView::new(shape, values))
    };
    options.outputs.iter().map(extract).collect()
}

fn failure(name: &str, error: &ort::Error) -> Error {
    // The runtime's own text holds shapes and operator names, never pixels.
    Error::new(ErrorKind::Runtime, format!("{name}: the network failed: {}", error.message()))
}
