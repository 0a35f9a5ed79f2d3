//! The functions of vaults.

use std::ffi::{c_char, c_void};
use std::path::Path;

use facevault_bindings::{open_vault, vault_as, vault_bytes, vault_call};

use crate::arguments::{json, photos as taken, text};
use crate::engine::set;
use crate::error::{answered, ended};
use crate::handles::{Object, close, find, insert};
use crate::progress::Watch;
use crate::types::{
    facevault_buffer, facevault_bytes, facevault_engine, facevault_error, facevault_progress, facevault_status,
    facevault_vault,
};

/// Opens the vault at `path`, or one in memory where `path` is NULL. Without an engine, everything but photos can be
/// read and changed. Options: `mode` (`open`, `create`, `open_or_create`, `read_only` or `memory`), `client`, `actor`,
/// `mixed_photos`, `min_liveness`, `limits`, and for an encrypted vault `key` (64 hexadecimal digits) or `passphrase`.
///
/// # Safety
/// `path` and `options` are NULL or texts; `vault` may be written; `error` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_vault_open(
    path: *const c_char,
    options: *const c_char,
    engine: *const facevault_engine,
    vault: *mut *mut facevault_vault,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        ended(error, || {
            if !vault.is_null() {
                vault.write(std::ptr::null_mut());
            }
            let path = if path.is_null() { None } else { Some(Path::new(text("path", path)?)) };
            let engine = if engine.is_null() { None } else { Some(find(engine)?) };
            set("vault", vault, || insert(Object::Vault(open_vault(path, json(options), engine.as_ref())?)))
        })
    }
}

/// Another handle of an open vault: that of another `client` (added where `add_client` is true), with another `actor`,
/// with `mixed_photos` or with another `min_liveness`; with `token`, that of the holder of a token. Each is closed by
/// itself.
///
/// # Safety
/// `options` is NULL or a text; `other` may be written; `error` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_vault_as(
    vault: *const facevault_vault,
    options: *const c_char,
    other: *mut *mut facevault_vault,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        ended(error, || {
            if !other.is_null() {
                other.write(std::ptr::null_mut());
            }
            let vault = find(vault)?;
            set("other", other, || insert(Object::Vault(vault_as(&vault, json(options))?)))
        })
    }
}

/// Closes a vault. Calls that use it go on, and it is closed for good when the last of them ends. NULL is none;
/// `FACEVAULT_INVALID` for a handle that is no vault or was closed.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_vault_close(vault: *mut facevault_vault) -> facevault_status {
    close(vault)
}

/// Calls a verb of a vault, such as `create_person`, `update_person` or `identify`; the error of an unknown verb lists
/// all. The answer is JSON.
///
/// # Safety
/// `verb` is a text; `request` is NULL or a text; `photos` has `photo_count` elements; `answer` and `error` are NULL or
/// may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_vault_call(
    vault: *const facevault_vault,
    verb: *const c_char,
    request: *const c_char,
    photos: *const facevault_bytes,
    photo_count: usize,
    progress: facevault_progress,
    user: *mut c_void,
    answer: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(answer, error, || {
            let (vault, verb) = (find(vault)?, text("verb", verb)?);
            let mut watch = Watch::new(progress, user);
            vault_call(&vault, verb, json(request), taken(photos, photo_count)?, &mut watch)
        })
    }
}

/// The bytes that a vault keeps: `photo`, as it was handed in, or `thumbnail`, a small JPEG. The request names `id`, the
/// person, and `image`.
///
/// # Safety
/// `verb` is a text; `request` is NULL or a text; `bytes` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_vault_bytes(
    vault: *const facevault_vault,
    verb: *const c_char,
    request: *const c_char,
    bytes: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(bytes, error, || {
            let (vault, verb) = (find(vault)?, text("verb", verb)?);
            vault_bytes(&vault, verb, json(request))
        })
    }
}
