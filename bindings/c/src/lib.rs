//! facevault for C and whatever calls C: a thin layer over the bindings' core.
//!
//! Handles are no addresses but entries of a table ([`handles`]), and so are buffers ([`buffers`]): a handle that was
//! closed, belongs to another kind of object or never was one is an error, in every build and among threads too. A call
//! keeps the object that it works on alive, so another thread may close it at any moment.
//!
//! What the caller answers for: pointers to texts, photos and pictures must be readable for as many bytes as they are
//! said to have, and pointers to results must be writable.

#![allow(unsafe_code, reason = "this is the boundary to C")]
#![allow(non_camel_case_types, reason = "these are the names of the header")]

mod arguments;
mod buffers;
mod encryption;
mod engine;
mod error;
mod handles;
mod progress;
mod types;
mod vault;
mod vectors;

use std::ffi::c_char;

pub use buffers::facevault_buffer_free;
pub use encryption::*;
pub use engine::*;
pub use error::*;
pub use types::*;
pub use vault::*;
pub use vectors::*;

/// facevault's version, such as `0.1.0`. The text is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_version() -> *const c_char {
    const VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    VERSION.as_ptr().cast()
}
