//! Sessions of an inference runtime: the only file that names `ort`.
//!
//! ONNX Runtime's sessions are not safe to run from two threads at once, and a session of several
//! threads is slower than several sessions of one thread each, without spinning.
//!
//! A session writes into outputs that it keeps, one set for each of the input sizes it ran last:
//! nothing is allocated for them, and `ort` 2.0.0-rc.14 forgets to free the description of every
//! output that the runtime allocates itself, some 350 bytes each.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ndarray::{ArrayView4, ArrayViewD};
use ort::memory::Allocator;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, SessionOutputs};
use ort::value::{Tensor, TensorRef};

use crate::error::{Error, ErrorKind, Result};

use super::workload::Workload;

/// What sessions are made in.
pub(super) struct Environment {
    environment: ort::environment::Environment,
    built_in: bool,
}

impl Environment {
    /// The version of the engine that is built in.
    pub(super) const BUILT_IN_VERSION: &str = "tract 0.23";

    /// The engine that is built in.
    pub(super) fn built_in() -> Result<Self> {
        ort::set_api(ort_tract::api());
        Self::build(ort::init(), true)
    }

    /// The ONNX Runtime library at `path`, which was probed before.
    pub(super) fn from_library(path: &Path) -> Result<Self> {
        let builder = ort::init_from(path)
            .map_err(|error| Error::new(ErrorKind::Runtime, format!("{error}")).caused_by(error))?;
        Self::build(builder, false)
    }

    fn build(builder: ort::environment::EnvironmentBuilder, built_in: bool) -> Result<Self> {
        builder
            .with_name("facevault")
            .with_telemetry(false)
            .build()
            .map(|environment| Self { environment, built_in })
            .map_err(|error| Error::new(ErrorKind::Runtime, "the runtime could not be started").caused_by(error))
    }
}

/// How a network is loaded.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// What errors call the network, for example its file's name.
    pub name: String,
    /// How many runs may be under way at once, at least 1, each with a thread of its own.
    pub sessions: usize,
    /// The photos under way in what the network is a part of: the network of one that is alone runs
    /// with as many threads as there may be sessions.
    pub workload: Workload,
    /// The outputs to be read, in the order in which [`Network::run`](super::Network::run) hands
    /// them over; empty for all, in the network's order.
    pub outputs: Vec<String>,
    /// Adds up the time of all runs; networks may share one.
    pub clock: NetworkClock,
}

impl NetworkOptions {
    /// One run at a time, all outputs.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            sessions: 1,
            workload: Workload::default(),
            outputs: Vec::new(),
            clock: NetworkClock::default(),
        }
    }
}

/// The time spent inside networks. Cloning gives another handle to the same sum.
#[derive(Debug, Clone, Default)]
pub struct NetworkClock {
    nanoseconds: Arc<AtomicU64>,
}

impl NetworkClock {
    /// The time so far, added up over threads.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        self.nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(size, outputs);
    }
}

/// A network that one thread at a time can run.
pub(super) struct Session {
    session: ort::session::Session,
    /// Outputs to write into, for the input sizes that were run last, the latest first.
    kept: VecDeque<([usize; 4], RunOptions<HasSelectedOutputs>)>,
    built_in: bool,
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
            let builder = ort::session::Session::builder(&environment.environment)?;
            let builder = builder.with_optimization_level(GraphOptimizationLevel::Level3)?;
            if environment.built_in {
                return Ok(builder);
            }
            let builder = builder.with_intra_threads(threads)?.with_inter_threads(1)?;
            Ok(builder.with_intra_op_spinning(false)?.with_inter_op_spinning(false)?)
        };
        let session = configured().and_then(|mut builder| builder.commit_from_memory(onnx)).map_err(|error| {
            let message = format!("{}: the runtime refuses the network: {}", options.name, error.message());
            Error::new(ErrorKind::Runtime, message)
        })?;
        Ok(Self { session, kept: VecDeque::new(), built_in: environment.built_in })
    }

    /// The declared sizes of its one input, `None` where any size is taken; the error is a sentence.
    pub(super) fn input_shape(&self) -> std::result::Result<Vec<Option<usize>>, String> {
        let [input] = self.session.inputs() else {
            return Err(format!("the network takes {} inputs, expected 1", self.session.inputs().len()));
        };
        let shape = input.dtype().tensor_shape().ok_or("the network's input is not a tensor")?;
        Ok(shape.iter().map(|dimension| usize::try_from(*dimension).ok()).collect())
    }

    /// The names of its outputs.
    pub(super) fn outputs(&self) -> Vec<String> {
        self.session.outputs().iter().map(|output| output.name().to_owned()).collect()
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
        let fail = |error: ort::Error| failure(&options.name, &error);
        let size = input.dim().into();
        let outputs = if self.built_in { Some(Outputs::Varying) } else { known.get(size) };
        if let Some(Outputs::Fixed(shapes)) = &outputs {
            self.keep_outputs(size, &options.outputs, shapes).map_err(fail)?;
            let tensor = TensorRef::from_array_view(input).map_err(fail)?;
            let start = Instant::now();
            if let Ok(values) = self.session.run_with_options(ort::inputs![tensor], &self.kept[0].1) {
                options.clock.add(start.elapsed());
                return read(&extract(&values, options)?);
            }
            // Refused, perhaps because the shapes are others this time: a plain run tells.
            self.kept.pop_front();
        }
        let tensor = TensorRef::from_array_view(input).map_err(fail)?;
        let start = Instant::now();
        let values = self.session.run(ort::inputs![tensor]).map_err(fail)?;
        options.clock.add(start.elapsed());
        let views = extract(&values, options)?;
        match outputs {
            None => known.learn(size, Outputs::Fixed(views.iter().map(|view| view.shape().to_vec()).collect())),
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
fn extract<'v>(values: &'v SessionOutputs<'_>, options: &NetworkOptions) -> Result<Vec<ArrayViewD<'v, f32>>> {
    let extract = |name: &String| {
        let value = values
            .get(name)
            .ok_or_else(|| Error::new(ErrorKind::Runtime, format!("{}: the run gave no {name:?}", options.name)))?;
        value.try_extract_array::<f32>().map_err(|error| failure(&options.name, &error))
    };
    options.outputs.iter().map(extract).collect()
}

fn failure(name: &str, error: &ort::Error) -> Error {
    // The runtime's own text holds shapes and operator names, never pixels.
    Error::new(ErrorKind::Runtime, format!("{name}: the network failed: {}", error.message()))
}
