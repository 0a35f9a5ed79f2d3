//! The functions of engines.

use std::ffi::{c_char, c_void};

use facevault_bindings::facevault::{Error, ImageReport, Result, Rule};
use facevault_bindings::{engine_call, guard, open_engine, picture_call, setup};

use crate::arguments::{bytes, json, photos as taken, pixels as taken_pixels, text};
use crate::error::{answered, ended};
use crate::handles::{Object, close, find, insert};
use crate::progress::Watch;
use crate::types::{
    facevault_buffer, facevault_bytes, facevault_engine, facevault_error, facevault_picture, facevault_progress,
    facevault_status,
};

/// Writes a result that must have a place.
///
/// # Safety
/// `to` is NULL or may be written.
pub(crate) unsafe fn set<T>(name: &str, to: *mut T, value: impl FnOnce() -> Result<T>) -> Result<()> {
    if to.is_null() {
        return Err(Error::invalid(name, Rule::Other("must not be NULL".to_owned())));
    }
    let value = value()?;
    // SAFETY: the caller's promise.
    unsafe { to.write(value) };
    Ok(())
}

/// Installs ONNX Runtime and a pack, as `facevault setup` does; installed files stay. Options: `pack`,
/// `data_dir`, `from` (a folder with the files, instead of the network), `accept_licence`, `python`, `npm`.
///
/// # Safety
/// `options` is NULL or a text; `answer` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_setup(
    options: *const c_char,
    progress: facevault_progress,
    user: *mut c_void,
    answer: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe { answered(answer, error, || setup(json(options), &mut Watch::new(progress, user))) }
}

/// Opens an engine, which takes some tenths of a second. Options: `pack` (`standard` by default), `data_dir`,
/// `threads`, `mode` (`fast` or `accurate`), `runtime_library`, `rules`, `liveness_models`.
///
/// # Safety
/// `options` is NULL or a text; `engine` may be written; `error` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_engine_open(
    options: *const c_char,
    engine: *mut *mut facevault_engine,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        ended(error, || {
            if !engine.is_null() {
                engine.write(std::ptr::null_mut());
            }
            set("engine", engine, || insert(Object::Engine(open_engine(json(options))?)))
        })
    }
}

/// Closes an engine. Calls that use it go on, and so do vaults that were opened with it; its memory is freed when the
/// last of them ends. NULL is none; `FACEVAULT_INVALID` for a handle that is no engine or was closed.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_engine_close(engine: *mut facevault_engine) -> facevault_status {
    close(engine)
}

/// Calls a verb of an engine: `compare`, `compare_encodings`, `describe`, `detect`, `encode`, `encode_at`,
/// `encode_faces`, `liveness`, `liveness_model`, `probe`. The answer is JSON.
///
/// # Safety
/// `verb` is a text; `request` is NULL or a text; `photos` has `photo_count` elements; `answer` and `error` are NULL or
/// may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_engine_call(
    engine: *const facevault_engine,
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
            let (engine, verb) = (find(engine)?, text("verb", verb)?);
            let mut watch = Watch::new(progress, user);
            engine_call(&engine, verb, json(request), taken(photos, photo_count)?, &mut watch)
        })
    }
}

/// Calls a verb with a picture instead of a photo's bytes: `detect`, `encode`, `encode_at`, `encode_faces`, `liveness`.
/// The answer is JSON.
///
/// # Safety
/// `verb` is a text; `request` is NULL or a text; `picture` points to a picture; `answer` and `error` are NULL or may be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_picture_call(
    engine: *const facevault_engine,
    verb: *const c_char,
    request: *const c_char,
    picture: *const facevault_picture,
    answer: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(answer, error, || {
            let (engine, verb) = (find(engine)?, text("verb", verb)?);
            picture_call(&engine, verb, json(request), &taken_pixels(picture)?)
        })
    }
}

/// Decodes a photo's bytes to the pixels of the upright picture: rows of three bytes a pixel without gaps.
///
/// # Safety
/// `photo.data` can be read for `photo.size` bytes; `pixels`, `width` and `height` may be written; `error` is NULL or
/// may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_decode(
    engine: *const facevault_engine,
    photo: facevault_bytes,
    pixels: *mut facevault_buffer,
    width: *mut u32,
    height: *mut u32,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(pixels, error, || {
            let engine = find(engine)?;
            let photo = bytes("photo", photo)?;
            let picture = guard(|| {
                engine.decode(&photo).map_err(|refusal| Error::refused(vec![ImageReport::new(0, Some(refusal))]))
            })?;
            set("width", width, || Ok(picture.width()))?;
            set("height", height, || Ok(picture.height()))?;
            Ok(picture.into_raw())
        })
    }
}
