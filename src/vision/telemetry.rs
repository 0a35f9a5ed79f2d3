//! Switches off what ONNX Runtime reports about its users.
//!
//! From 1.29 on its official libraries for Linux and macOS record what a process does in a database in the user's cache
//! folder, with an id of the machine, and send it to their makers when there is a network
//! (<https://github.com/microsoft/onnxruntime/pull/27379>). They read the environment variable `ORT_DISABLE_TELEMETRY`
//! once, before the first record, to see whether they may; the C API's call that turns telemetry off comes too late for
//! that record.

use std::sync::Once;

const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps ONNX Runtime from noting and sending what the process does: sets the environment variable
/// `ORT_DISABLE_TELEMETRY` to `1`, unless it is set. Only the first call does anything.
///
/// Call it first in `main`, before the process has other threads:
///
/// ```
/// facevault::disable_runtime_telemetry();
/// // Then logging, threads, the engine and the vault.
/// ```
///
/// **Why early.** Changing the environment is safe only while no other thread reads it: C code reads
/// it without a lock, for example in `getaddrinfo` or `localtime`. Rust's own readers hold one. A
/// program that cannot call this early is started with `ORT_DISABLE_TELEMETRY=1` instead; then nothing
/// is changed, here or later.
///
/// **If it is not called**, the first [`Engine::open`](crate::Engine::open) (or
/// [`Runtime::select`](super::Runtime::select)) does it before it loads the library, so ONNX Runtime
/// reports to nobody either way. By then other threads may be running. glibc and musl do not move or free the list of
/// variables that a process was started with when one is added to it, so C code that reads the environment meanwhile
/// reads the old list or the new one; only a process that added variables before, and reads the environment in C on
/// another thread at that moment, is at risk.
#[allow(unsafe_code)]
pub fn disable_runtime_telemetry() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os(VARIABLE).is_none() {
            // SAFETY: the caller was asked to call this before other threads read the environment; the documentation
            // above says what holds otherwise. One variable is added, once, before the library that reads it is there.
            unsafe { std::env::set_var(VARIABLE, "1") };
        }
    });
}
