//! ONNX Runtime is told not to report on its users.
//!
//! From 1.29 on its official libraries for Linux and macOS note what a process does in a database in
//! the user's cache folder, with an id of the machine, and send it to their makers when there is a
//! network (<https://github.com/microsoft/onnxruntime/pull/27379>). Whether they may is asked of the
//! environment variable `ORT_DISABLE_TELEMETRY` once, before the first note; the call of the C API
//! that turns it off comes after it.

use std::sync::Once;

const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Declines for this process, unless whoever started it has set the variable: to be called before a
/// library is loaded.
#[allow(unsafe_code)]
pub(super) fn decline() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os(VARIABLE).is_none() {
            // SAFETY: Rust's own readers of the environment hold a lock. Readers in C do not, and
            // would be at risk where the list of variables moves while they look at it; glibc and
            // musl keep the process's first list where it is when a variable is added, and this adds
            // one, once, before the library that reads it is there.
            unsafe { std::env::set_var(VARIABLE, "1") };
        }
    });
}
