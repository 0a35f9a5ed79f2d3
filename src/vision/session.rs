//! Networks ready to run: the only file that names `ort`.
//!
//! ONNX Runtime's sessions are not safe to run from two threads at once, and a session of several
//! threads is slower than several sessions of one thread each. So a [`Network`] is a pool of
//! one-thread sessions without spinning: as many as may run at once, made when they are first
//! needed. A caller that finds none idle waits for the next one.
//!
//! The built-in engine is several times slower on a network whose input size is open, and refuses
//! some of them; for it each input size has a pool of its own, of the network with that size
//! written into it ([`shape`](super::shape)).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ndarray::{ArrayView4, ArrayViewD};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use crate::error::{Error, ErrorKind, Result};

use super::runtime::{Runtime, RuntimeKind};
use super::shape;

/// What sessions are made in.
pub(super) struct Environment(ort::environment::Environment);

impl Environment {
    /// The version of the engine that is built in.
    pub(super) const BUILT_IN_VERSION: &str = "tract 0.23";

    /// The engine that is built in.
    pub(super) fn built_in() -> Result<Self> {
        ort::set_api(ort_tract::api());
        Self::build(ort::init())
    }

    /// The ONNX Runtime library at `path`, which was probed before.
    pub(super) fn from_library(path: &std::path::Path) -> Result<Self> {
        let builder = ort::init_from(path)
            .map_err(|error| Error::new(ErrorKind::Runtime, format!("{error}")).caused_by(error))?;
        Self::build(builder)
    }

    fn build(builder: ort::environment::EnvironmentBuilder) -> Result<Self> {
        builder
            .with_name("facevault")
            .with_telemetry(false)
            .build()
            .map(Self)
            .map_err(|error| Error::new(ErrorKind::Runtime, "the runtime could not be started").caused_by(error))
    }
}

/// How a network is loaded.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// What errors call the network, for example its file's name.
    pub name: String,
    /// How many runs may be under way at once, at least 1.
    pub sessions: usize,
    /// Threads within one run, at least 1; one is best unless a single run is waited for.
    pub threads: usize,
    /// The outputs to be read, in the order in which [`Network::run`] hands them over; empty for
    /// all, in the network's order.
    pub outputs: Vec<String>,
    /// Adds up the time of all runs; networks may share one.
    pub clock: NetworkClock,
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

impl NetworkOptions {
    /// One run at a time, all outputs.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), sessions: 1, threads: 1, outputs: Vec::new(), clock: NetworkClock::default() }
    }
}

/// A network of one input, ready to run from any thread. Cloning is cheap.
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Runtime,
    options: NetworkOptions,
    onnx: Vec<u8>,
    input_shape: Vec<Option<usize>>,
    pools: Mutex<HashMap<Key, Pool>>,
    returned: Condvar,
}

/// The input size that a pool's sessions are made for; `None` where one session takes any size.
type Key = Option<[usize; 4]>;

#[derive(Default)]
struct Pool {
    idle: Vec<Session>,
    made: usize,
}

/// How many input sizes the built-in engine keeps networks for.
const MAX_SIZES: usize = 12;

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Network {
    /// Makes a network of an ONNX file's bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where the runtime refuses the network, where it takes anything but
    /// one tensor, or where it lacks one of the outputs asked for.
    pub fn load(runtime: &Runtime, mut options: NetworkOptions, onnx: impl Into<Vec<u8>>) -> Result<Self> {
        let onnx = onnx.into();
        let fail = |why: String| Error::new(ErrorKind::Runtime, format!("{}: {why}", options.name));
        let mut pools = HashMap::new();
        let (input_shape, available) = if runtime.info().kind == RuntimeKind::BuiltIn {
            shape::declared(&onnx).map_err(fail)?
        } else {
            let session = make_session(runtime, &options, &onnx)?;
            let [input] = session.inputs() else {
                return Err(fail(format!("the network takes {} inputs, expected 1", session.inputs().len())));
            };
            let shape =
                input.dtype().tensor_shape().ok_or_else(|| fail("the network's input is not a tensor".into()))?;
            let shape = shape.iter().map(|dimension| usize::try_from(*dimension).ok()).collect();
            let outputs: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
            pools.insert(None, Pool { idle: vec![session], made: 1 });
            (shape, outputs)
        };
        if let Some(missing) = options.outputs.iter().find(|name| !available.contains(name)) {
            return Err(fail(format!("the network has no output {missing:?}, only {available:?}")));
        }
        if options.outputs.is_empty() {
            options.outputs = available;
        }
        options.sessions = options.sessions.max(1);
        let (runtime, pools, returned) = (runtime.clone(), Mutex::new(pools), Condvar::new());
        let network = Self { shared: Arc::new(Shared { runtime, options, onnx, input_shape, pools, returned }) };
        if !network.input_shape().contains(&None) {
            // A network of one size shows now, not at its first run, whether the runtime takes it.
            drop(network.borrow_session([0; 4])?);
        }
        Ok(network)
    }

    /// The declared sizes of the input; `None` where any size is taken.
    #[must_use]
    pub fn input_shape(&self) -> &[Option<usize>] {
        &self.shared.input_shape
    }

    /// The outputs in the order in which they are handed over.
    #[must_use]
    pub fn outputs(&self) -> &[String] {
        &self.shared.options.outputs
    }

    /// Runs the network on `input` (batch, channels, height, width; standard layout) and hands its
    /// outputs to `read`, without copying either.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where the run fails, an output is not of `f32`, or a further session
    /// cannot be made; and what `read` returns.
    pub fn run<T>(
        &self,
        input: ArrayView4<'_, f32>,
        read: impl FnOnce(&[ArrayViewD<'_, f32>]) -> Result<T>,
    ) -> Result<T> {
        let mut session = self.borrow_session(input.dim().into())?;
        let fail = |error: ort::Error| self.failure(&error);
        let tensor = TensorRef::from_array_view(input).map_err(fail)?;
        let start = Instant::now();
        let values = session.as_mut().run(ort::inputs![tensor]).map_err(fail)?;
        self.shared.options.clock.add(start.elapsed());
        let mut outputs = Vec::with_capacity(self.outputs().len());
        for name in self.outputs() {
            let value = values.get(name).ok_or_else(|| {
                Error::new(ErrorKind::Runtime, format!("{}: the run gave no {name:?}", self.shared.options.name))
            })?;
            outputs.push(value.try_extract_array::<f32>().map_err(fail)?);
        }
        read(&outputs)
    }

    fn failure(&self, error: &ort::Error) -> Error {
        // The runtime's own text holds shapes and operator names, never pixels.
        Error::new(ErrorKind::Runtime, format!("{}: the network failed: {}", self.shared.options.name, error.message()))
    }

    fn borrow_session(&self, size: [usize; 4]) -> Result<Borrowed<'_>> {
        let shared = &*self.shared;
        let open = shared.runtime.info().kind == RuntimeKind::BuiltIn && shared.input_shape.contains(&None);
        let key = open.then_some(size);
        let mut pools = shared.lock();
        loop {
            if pools.len() >= MAX_SIZES && !pools.contains_key(&key) {
                // Sessions that are out come back to a pool of their size, made anew.
                pools.clear();
            }
            let pool = pools.entry(key).or_default();
            if let Some(session) = pool.idle.pop() {
                return Ok(Borrowed { session: Some(session), key, shared });
            }
            if pool.made < shared.options.sessions {
                pool.made += 1;
                drop(pools);
                return match shared.make_session(key) {
                    Ok(session) => Ok(Borrowed { session: Some(session), key, shared }),
                    Err(error) => {
                        if let Some(pool) = shared.lock().get_mut(&key) {
                            pool.made = pool.made.saturating_sub(1);
                        }
                        shared.returned.notify_all();
                        Err(error)
                    }
                };
            }
            pools = shared.returned.wait(pools).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_session(&self, key: Key) -> Result<Session> {
        let Some(size) = key else { return make_session(&self.runtime, &self.options, &self.onnx) };
        let fixed = shape::fix(&self.onnx, size)
            .map_err(|why| Error::new(ErrorKind::Runtime, format!("{}: {why}", self.options.name)))?;
        make_session(&self.runtime, &self.options, &fixed)
    }
}

/// A session that goes back to its pool when it is dropped.
struct Borrowed<'a> {
    session: Option<Session>,
    key: Key,
    shared: &'a Shared,
}

impl Borrowed<'_> {
    fn as_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("a borrowed session is there until it is dropped")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let mut pools = self.shared.lock();
            let pool = pools.entry(self.key).or_default();
            pool.idle.push(session);
            pool.made = pool.made.max(pool.idle.len());
            drop(pools);
            self.shared.returned.notify_all();
        }
    }
}

fn make_session(runtime: &Runtime, options: &NetworkOptions, onnx: &[u8]) -> Result<Session> {
    let configured = || -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&runtime.environment().0)?;
        let builder = builder.with_optimization_level(GraphOptimizationLevel::Level3)?;
        if runtime.info().kind == RuntimeKind::BuiltIn {
            return Ok(builder);
        }
        let builder = builder.with_intra_threads(options.threads.max(1))?.with_inter_threads(1)?;
        Ok(builder.with_intra_op_spinning(false)?.with_inter_op_spinning(false)?)
    };
    configured().and_then(|mut builder| builder.commit_from_memory(onnx)).map_err(|error| {
        let message = format!("{}: the runtime refuses the network: {}", options.name, error.message());
        Error::new(ErrorKind::Runtime, message)
    })
}
