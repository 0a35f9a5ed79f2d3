//! The functions about encrypted vaults.

use std::ffi::{c_char, c_void};
use std::path::Path;

use facevault_bindings::{has_encryption, rekey};

use crate::arguments::{json, text};
use crate::error::answered;
use crate::progress::Watch;
use crate::types::{facevault_buffer, facevault_error, facevault_progress, facevault_status};

/// Whether this library can encrypt vaults, which is decided where it is built. Without it, a key is
/// `FACEVAULT_UNSUPPORTED`.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_has_encryption() -> bool {
    has_encryption()
}

/// Encrypts the vault at `path`, decrypts it, or gives it another key. Nobody may have it open; what is killed or stopped
/// leaves the old vault whole. Options: `from`, the key that it has, and `to`, the one that it gets, each an object with
/// `key` (64 hexadecimal digits) or `passphrase`; without one of them it is in plain. The answer is `{"changed": false}`
/// where the vault is so already.
///
/// # Safety
/// `path` is a text; `options` is NULL or a text; `answer` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_rekey(
    path: *const c_char,
    options: *const c_char,
    progress: facevault_progress,
    user: *mut c_void,
    answer: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(answer, error, || {
            let path = Path::new(text("path", path)?);
            rekey(path, json(options), &mut Watch::new(progress, user))
        })
    }
}
