//! Ctrl-C.
//!
//! Most commands can stop at any instant: a change of a vault is one transaction. Those that have
//! something to tidy up hold a [`Guard`] while they work: the first Ctrl-C then asks them to stop,
//! the second one ends the process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The exit code of an interrupted command, as shells write it.
pub(crate) const EXIT_CODE: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);
static GUARDS: AtomicUsize = AtomicUsize::new(0);
static MESS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static WAKE: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// Work that looks at [`requested`] and stops tidily.
pub(crate) struct Guard(());

impl Guard {
    pub(crate) fn new() -> Self {
        GUARDS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// What wakes work that waits, and so cannot look at [`requested`].
    pub(crate) fn wakes(&self, wake: impl Fn() + Send + 'static) {
        *WAKE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(wake));
    }

    /// A temporary folder that is deleted even if the work has to be ended at once.
    pub(crate) fn deletes(&self, folder: impl Into<PathBuf>) {
        MESS.lock().unwrap_or_else(PoisonError::into_inner).push(folder.into());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        GUARDS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether somebody asked the work to stop.
pub(crate) fn requested() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Ends the process as it is. Libraries are not asked to clean up behind themselves: other threads
/// may be inside one, and ONNX Runtime crashes when it is taken down while it works.
#[allow(unsafe_code)]
fn end() -> ! {
    #[cfg(unix)]
    // SAFETY: it takes a number and does not return.
    unsafe {
        libc::_exit(i32::from(EXIT_CODE))
    }
    #[cfg(not(unix))]
    std::process::exit(i32::from(EXIT_CODE))
}

/// Listens for Ctrl-C and for the requests to end that a system sends.
pub(crate) fn install() {
    let listening = ctrlc::set_handler(|| {
        let again = ASKED.swap(true, Ordering::SeqCst);
        if GUARDS.load(Ordering::SeqCst) > 0 && !again {
            if let Some(wake) = WAKE.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                wake();
            }
            return;
        }
        for folder in MESS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // The process ends either way.
            let _ = std::fs::remove_dir_all(folder);
        }
        end();
    });
    match listening {
        Ok(()) => tracing::debug!("listening for Ctrl-C"),
        Err(error) => tracing::warn!("Ctrl-C ends the process at once: {error}"),
    }
}
