//! The native half of facevault's npm package.
//!
//! The other half, `../lib`, is what users see: it checks arguments, turns failures into `FacevaultError` and gives
//! answers their types. Here every call becomes a job on threads of the engine or vault itself, never on libuv's
//! pool, and settles its promise with JSON text, numbers and bytes. Nothing here is global: each handle has its own
//! threads, which end when it is closed.
//!
//! There is one `unsafe` call, to give memory back; what the macros of napi expand to has more.

// The macros of napi register functions with Node, but not in tests: there nothing would use those of this crate.
#![cfg_attr(test, allow(dead_code))]

mod call;
mod engine;
mod exit;
mod handle;
mod photo;
mod pool;
mod setup;
mod vault;
mod watch;

/// The version of facevault.
#[napi_derive::napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
