//! Networks ready to run from any thread.
//!
//! A [`Network`] is a pool of sessions of one thread each: as many as may run at once, made when
//! they are first needed. A caller that finds none idle waits for the next one. That is fastest for many photos at
//! once, but not for a single photo: for that there is one session that uses all threads, made after several runs for
//! single photos.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::onnx;

use super::network_options::NetworkOptions;
use super::onnx_runtime::{KnownOutputs, Session};
use super::runtime::Runtime;
use super::tensor::TensorView;

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
    pool: Mutex<Pool>,
    returned: Condvar,
    wide: Mutex<Wide>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Session>,
    /// Sessions that are running or being made.
    out: usize,
}

/// The session of several threads.
#[derive(Default)]
struct Wide {
    idle: Option<Session>,
    made: bool,
    /// How many runs would have used it before it was made.
    wanted: usize,
}

/// The session of several threads is made after this many runs for a single photo. Making it takes as long as several
/// runs, time that a program which ends after one photo would waste.
const WORTH_MAKING: usize = 4;

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
        let (input_shape, available) = onnx::declared(&onnx).map_err(fail)?;
        let session = Session::new(runtime.environment(), &options, 1, &onnx)?;
        if let Some(missing) = options.outputs.iter().find(|name| !available.contains(name)) {
            return Err(fail(format!("the network has no output {missing:?}, only {available:?}")));
        }
        if options.outputs.is_empty() {
            options.outputs = available;
        }
        options.sessions = options.sessions.max(1);
        let pool = Mutex::new(Pool { idle: vec![session], out: 0 });
        Ok(Self {
            shared: Arc::new(Shared {
                runtime: runtime.clone(),
                options,
                onnx,
                input_shape,
                known_outputs: KnownOutputs::default(),
                pool,
                returned: Condvar::new(),
                wide: Mutex::default(),
            }),
        })
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

    /// Runs the network on `input`, whose numbers stand in the order of `shape` (batch, channels,
    /// height, width; the last one counts fastest), and hands its outputs to `read`, in the order of
    /// [`Self::outputs`], without copying either.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where `input` has not as many numbers as `shape` says, the run fails, an
    /// output is not of `f32`, or a further session cannot be made; and what `read` returns.
    pub fn run<T>(
        &self,
        shape: [usize; 4],
        input: &[f32],
        read: impl FnOnce(&[TensorView<'_>]) -> Result<T>,
    ) -> Result<T> {
        let shared = &*self.shared;
        if shape.iter().try_fold(1usize, |all, side| all.checked_mul(*side)) != Some(input.len()) {
            let message =
                format!("{}: {} numbers were given for the shape {shape:?}", shared.options.name, input.len());
            return Err(Error::new(ErrorKind::Runtime, message));
        }
        let mut borrowed = match shared.borrow_wide() {
            Some(wide) => wide,
            None => shared.borrow_session(),
        };
        borrowed.session()?.run((shape, input), &shared.options, &shared.known_outputs, read)
    }
}

impl Shared {
    fn borrow_session(&self) -> Borrowed<'_> {
        let mut pool = self.lock();
        let idle = loop {
            if let Some(session) = pool.idle.pop() {
                break Some(session);
            }
            if pool.out < self.options.sessions {
                break None;
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        };
        pool.out += 1;
        Borrowed { session: idle, from: Place::Pool, shared: self }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_wide(&self) -> MutexGuard<'_, Wide> {
        self.wide.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of several threads, if only one photo is being worked on and the session was worth making.
    fn borrow_wide(&self) -> Option<Borrowed<'_>> {
        let threads = self.options.sessions;
        if threads < 2 || !self.options.workload.is_one() {
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
}

/// A session, or the right to make one, which is given back to the pool when this is dropped.
struct Borrowed<'a> {
    session: Option<Session>,
    from: Place,
    shared: &'a Shared,
}

/// Where a session belongs.
#[derive(Clone, Copy)]
enum Place {
    Pool,
    Wide,
}

impl Borrowed<'_> {
    /// The session, made now if there was none idle.
    fn session(&mut self) -> Result<&mut Session> {
        let session = match (self.session.take(), self.from) {
            (Some(session), _) => session,
            (None, Place::Pool) => {
                let Shared { runtime, options, onnx, .. } = self.shared;
                Session::new(runtime.environment(), options, 1, onnx)?
            }
            (None, Place::Wide) => unreachable!("the session of several threads is made before it is lent"),
        };
        Ok(self.session.insert(session))
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        match self.from {
            Place::Wide => self.shared.lock_wide().idle = self.session.take(),
            Place::Pool => {
                let mut pool = self.shared.lock();
                pool.out = pool.out.saturating_sub(1);
                pool.idle.extend(self.session.take());
                drop(pool);
                self.shared.returned.notify_all();
            }
        }
    }
}
