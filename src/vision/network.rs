//! Networks ready to run from any thread.
//!
//! A [`Network`] is a pool of sessions of one thread each: as many as may run at once, made when
//! they are first needed. A caller that finds none idle waits for the next one. Many photos are done
//! soonest so, but one photo that is alone is not: for those there is one session of all threads,
//! made when several photos were alone.
//!
//! The built-in engine is several times slower on a network whose input size is open, and refuses
//! some of them; for it each input size has a pool of its own, of the network with that size
//! written into it ([`shape`](super::shape)).

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ndarray::{ArrayView4, ArrayViewD};

use crate::error::{Error, ErrorKind, Result};

use super::network_options::NetworkOptions;
use super::runtime::{Runtime, RuntimeKind};
use super::session::{KnownOutputs, Session};
use super::shape;

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
    known_outputs: KnownOutputs,
    pools: Mutex<Pools>,
    returned: Condvar,
    wide: Mutex<Wide>,
}

/// The input size that a pool's sessions are made for; `None` where one session takes any size.
type Key = Option<[usize; 4]>;

#[derive(Default)]
struct Pools {
    by_size: HashMap<Key, Pool>,
    /// Counts the uses.
    turn: u64,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Session>,
    /// Sessions that are running or being made.
    out: usize,
    /// When the pool was used last.
    turn: u64,
}

impl Pools {
    /// The pool of a size. Where that is one size too many, the pool that was not used for longest
    /// goes, unless all are in use.
    fn of_size(&mut self, key: Key) -> &mut Pool {
        self.turn += 1;
        if self.by_size.len() >= MAX_SIZES && !self.by_size.contains_key(&key) {
            let unused = self.by_size.iter().filter(|(_, pool)| pool.out == 0);
            if let Some(oldest) = unused.min_by_key(|(_, pool)| pool.turn).map(|(key, _)| *key) {
                self.by_size.remove(&oldest);
            }
        }
        let pool = self.by_size.entry(key).or_default();
        pool.turn = self.turn;
        pool
    }
}

/// The session of several threads.
#[derive(Default)]
struct Wide {
    idle: Option<Session>,
    made: bool,
    /// How many runs would have used it before it was made.
    wanted: usize,
}

/// After how many runs for a photo that was alone the session of several threads is made: making it
/// takes as long as some runs, which a program that ends after one photo would only lose.
const WORTH_MAKING: usize = 4;

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
        let mut pools = Pools::default();
        let (input_shape, available) = shape::declared(&onnx).map_err(fail)?;
        if runtime.info().kind == RuntimeKind::OnnxRuntime {
            let session = Session::new(runtime.environment(), &options, 1, &onnx)?;
            pools.of_size(None).idle.push(session);
        }
        if let Some(missing) = options.outputs.iter().find(|name| !available.contains(name)) {
            return Err(fail(format!("the network has no output {missing:?}, only {available:?}")));
        }
        if options.outputs.is_empty() {
            options.outputs = available;
        }
        options.sessions = options.sessions.max(1);
        let network = Self {
            shared: Arc::new(Shared {
                runtime: runtime.clone(),
                options,
                onnx,
                input_shape,
                known_outputs: KnownOutputs::default(),
                pools: Mutex::new(pools),
                returned: Condvar::new(),
                wide: Mutex::default(),
            }),
        };
        if !network.input_shape().contains(&None) {
            // A network of one size shows now, not at its first run, whether the runtime takes it.
            network.borrow_session([0; 4])?.session()?;
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
        let shared = &*self.shared;
        let mut borrowed = match shared.borrow_wide() {
            Some(wide) => wide,
            None => self.borrow_session(input.dim().into())?,
        };
        borrowed.session()?.run(input, &shared.options, &shared.known_outputs, read)
    }

    fn borrow_session(&self, size: [usize; 4]) -> Result<Borrowed<'_>> {
        let shared = &*self.shared;
        let open = shared.runtime.info().kind == RuntimeKind::BuiltIn && shared.input_shape.contains(&None);
        let key = open.then_some(size);
        let mut pools = shared.lock();
        let idle = loop {
            let pool = pools.of_size(key);
            if let Some(session) = pool.idle.pop() {
                break Some(session);
            }
            if pool.out < shared.options.sessions {
                break None;
            }
            pools = shared.returned.wait(pools).unwrap_or_else(PoisonError::into_inner);
        };
        pools.of_size(key).out += 1;
        drop(pools);
        Ok(Borrowed { session: idle, from: Place::Pool(key), shared })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_wide(&self) -> MutexGuard<'_, Wide> {
        self.wide.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of several threads, where one photo is alone and it was worth making.
    fn borrow_wide(&self) -> Option<Borrowed<'_>> {
        let threads = self.options.sessions;
        if threads < 2 || self.runtime.info().kind == RuntimeKind::BuiltIn || !self.options.workload.is_one() {
            return None;
        }
        let mut wide = self.lock_wide();
        wide.wanted += 1;
        let session = if wide.made || wide.wanted <= WORTH_MAKING {
            wide.idle.take()?
        } else {
            wide.made = true;
            drop(wide);
            // Where the runtime refuses, one thread does as well.
            Session::new(self.runtime.environment(), &self.options, threads, &self.onnx).ok()?
        };
        Some(Borrowed { session: Some(session), from: Place::Wide, shared: self })
    }

    fn make_session(&self, key: Key) -> Result<Session> {
        let environment = self.runtime.environment();
        let Some(size) = key else { return Session::new(environment, &self.options, 1, &self.onnx) };
        let fixed = shape::fix(&self.onnx, size)
            .map_err(|why| Error::new(ErrorKind::Runtime, format!("{}: {why}", self.options.name)))?;
        Session::new(environment, &self.options, 1, &fixed)
    }
}

/// A session, or the place of one, that goes back when it is dropped.
struct Borrowed<'a> {
    session: Option<Session>,
    from: Place,
    shared: &'a Shared,
}

/// Where a session belongs.
#[derive(Clone, Copy)]
enum Place {
    Pool(Key),
    Wide,
}

impl Borrowed<'_> {
    /// The session, made now if there was none idle.
    fn session(&mut self) -> Result<&mut Session> {
        let session = match (self.session.take(), self.from) {
            (Some(session), _) => session,
            (None, Place::Pool(key)) => self.shared.make_session(key)?,
            (None, Place::Wide) => unreachable!("the session of several threads is made before it is lent"),
        };
        Ok(self.session.insert(session))
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        match self.from {
            Place::Wide => self.shared.lock_wide().idle = self.session.take(),
            Place::Pool(key) => {
                let mut pools = self.shared.lock();
                let pool = pools.of_size(key);
                pool.out = pool.out.saturating_sub(1);
                pool.idle.extend(self.session.take());
                drop(pools);
                self.shared.returned.notify_all();
            }
        }
    }
}
