//! Progress that a C function hears of.

use std::ffi::{CString, c_void};
use std::ops::ControlFlow;

use facevault_bindings::facevault::{Progress, Step, Unit};

use crate::types::{facevault_progress, facevault_step, facevault_unit};

pub(crate) struct Watch {
    callback: facevault_progress,
    user: *mut c_void,
}

impl Watch {
    /// # Safety
    /// `callback` may be called with `user` for as long as the call takes.
    pub(crate) unsafe fn new(callback: facevault_progress, user: *mut c_void) -> Self {
        Self { callback, user }
    }
}

impl Progress for Watch {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        let Some(callback) = self.callback else { return ControlFlow::Continue(()) };
        let what = CString::new(step.what.replace('\0', " ")).unwrap_or_default();
        let unit = match step.unit {
            Unit::Bytes => facevault_unit::FACEVAULT_BYTES,
            _ => facevault_unit::FACEVAULT_ITEMS,
        };
        let step = facevault_step { what: what.as_ptr(), done: step.done, total: step.total.unwrap_or(0), unit };
        // SAFETY: the promise at `new`.
        match unsafe { callback(self.user, &raw const step) } {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}
