//! What JavaScript holds of an engine or a vault.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facevault::{Error, ErrorKind, Result};

/// A place for a value that is opened by one call and closed by another. Each call takes a clone as it is made, so
/// closing does not take it from calls that wait or run.
pub(crate) struct Slot<T> {
    what: &'static str,
    state: Arc<Mutex<State<T>>>,
}

enum State<T> {
    New,
    Open(T),
    Closed,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self { what: self.what, state: self.state.clone() }
    }
}

impl<T: Clone> Slot<T> {
    /// A place for a value that errors call `what`.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, state: Arc::new(Mutex::new(State::New)) }
    }

    /// Keeps `value`, unless the handle was closed meanwhile.
    pub(crate) fn open(&self, value: T) -> Result<()> {
        let mut state = self.lock();
        match *state {
            State::New => *state = State::Open(value),
            State::Open(_) | State::Closed => return Err(self.not_open(&state)),
        }
        Ok(())
    }

    /// The value.
    pub(crate) fn get(&self) -> Result<T> {
        match &*self.lock() {
            State::Open(value) => Ok(value.clone()),
            state => Err(self.not_open(state)),
        }
    }

    /// Takes the value out; from now on every call fails.
    pub(crate) fn close(&self) -> Option<T> {
        match std::mem::replace(&mut *self.lock(), State::Closed) {
            State::Open(value) => Some(value),
            State::New | State::Closed => None,
        }
    }

    fn not_open(&self, state: &State<T>) -> Error {
        let what = self.what;
        let found = match state {
            State::New => "was not opened",
            State::Open(_) => "is open already",
            State::Closed => "is closed; open another one",
        };
        Error::new(ErrorKind::Invalid, format!("the {what} {found}"))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what was open and gives its memory back to the system: glibc keeps what was freed on threads that have ended,
/// which is most of an engine.
pub(crate) fn let_go<T>(value: T) {
    drop(value);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and any thread may call it at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
