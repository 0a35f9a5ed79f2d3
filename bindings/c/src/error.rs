//! Errors as C reads them, and how a call ends.

use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use facevault_bindings::error_json;
use facevault_bindings::facevault::{Error, Result};

use crate::buffers::{clear, give};
use crate::handles::{ErrorText, Object, close, find, insert};
use crate::types::{facevault_buffer, facevault_error, facevault_status};

/// The key of the error that stands for one which could not be made. It is in no table (see [`insert`]): its texts are
/// always there, and freeing it does nothing.
const FAULT: usize = 8;
const FAULT_KIND: &CStr = c"runtime";
const FAULT_MESSAGE: &CStr = c"facevault met a fault of its own and ended this call; what was finished before it stays";
const FAULT_JSON: &CStr =
    c"{\"error\":\"runtime\",\"message\":\"facevault met a fault of its own and ended this call; \
                            what was finished before it stays\"}";

fn fault() -> *mut facevault_error {
    ptr::without_provenance_mut(FAULT)
}

/// Ends a call: its status, and its error where the caller wants to hear of it.
///
/// # Safety
/// `error` is NULL or may be written.
pub(crate) unsafe fn ended(error: *mut *mut facevault_error, work: impl FnOnce() -> Result<()>) -> facevault_status {
    let set = |handle| {
        if !error.is_null() {
            // SAFETY: the caller's promise.
            unsafe { error.write(handle) };
        }
    };
    set(ptr::null_mut());
    // The core catches panics too; this is about those of the boundary itself, such as a lack of memory for a table.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => facevault_status::FACEVAULT_OK,
        Ok(Err(found)) => {
            let status = found.kind().into();
            if !error.is_null() {
                let made = catch_unwind(AssertUnwindSafe(|| insert(Object::Error(Arc::new(texts(&found))))));
                let Ok(Ok(made)) = made else {
                    set(fault());
                    return facevault_status::FACEVAULT_RUNTIME;
                };
                set(made);
            }
            status
        }
        Err(_) => {
            set(fault());
            facevault_status::FACEVAULT_RUNTIME
        }
    }
}

/// Ends a call whose answer is bytes: text, a vector, a photo. `answer` is emptied first, so that it can be freed also
/// after a call that failed.
///
/// # Safety
/// `answer` and `error` are NULL or may be written.
pub(crate) unsafe fn answered<B: AsRef<[u8]>>(
    answer: *mut facevault_buffer,
    error: *mut *mut facevault_error,
    work: impl FnOnce() -> Result<B>,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        ended(error, || {
            clear(answer);
            give(answer, work()?.as_ref());
            Ok(())
        })
    }
}

fn texts(error: &Error) -> ErrorText {
    let text = |text: String| CString::new(text.replace('\0', " ")).unwrap_or_default();
    ErrorText {
        status: error.kind().into(),
        kind: text(error.kind().as_str().to_owned()),
        message: text(error.to_string()),
        json: text(error_json(error)),
    }
}

fn field(
    error: *const facevault_error,
    fixed: &'static CStr,
    of: impl FnOnce(&ErrorText) -> *const c_char,
) -> *const c_char {
    if error.addr() == FAULT {
        return fixed.as_ptr();
    }
    // The table keeps the text until the error is freed.
    find(error).map_or(ptr::null(), |error| of(&error))
}

/// The status of an error; `FACEVAULT_OK` for NULL, `FACEVAULT_INVALID` for a handle that is no error or was freed.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_error_status(error: *const facevault_error) -> facevault_status {
    match error.addr() {
        0 => facevault_status::FACEVAULT_OK,
        FAULT => facevault_status::FACEVAULT_RUNTIME,
        _ => find(error).map_or(facevault_status::FACEVAULT_INVALID, |error| error.status),
    }
}

/// The kind of an error as a word: `invalid`, `not_found`, `refused` and so on. The text lives as long as the error;
/// NULL for a handle that is no error.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_error_kind(error: *const facevault_error) -> *const c_char {
    field(error, FAULT_KIND, |error| error.kind.as_ptr())
}

/// What went wrong, as a sentence without names of people. The text lives as long as the error; NULL for a handle that
/// is no error.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_error_message(error: *const facevault_error) -> *const c_char {
    field(error, FAULT_MESSAGE, |error| error.message.as_ptr())
}

/// All of an error as a JSON object: `error` (the kind), `message`, and where there are any `details` (the broken
/// rules, each with `field` and `rule`), `images` (the outcome of each photo) and `duplicate` (the person who is there
/// already). The text lives as long as the error; NULL for a handle that is no error.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_error_json(error: *const facevault_error) -> *const c_char {
    field(error, FAULT_JSON, |error| error.json.as_ptr())
}

/// Frees an error, and its texts with it. NULL is none; `FACEVAULT_INVALID` for a handle that is no error or was freed.
#[unsafe(no_mangle)]
pub extern "C" fn facevault_error_free(error: *mut facevault_error) -> facevault_status {
    match error.addr() {
        FAULT => facevault_status::FACEVAULT_OK,
        _ => close(error),
    }
}

#[cfg(test)]
mod tests {
    use facevault_bindings::facevault::ErrorKind;

    use super::*;
    use crate::buffers::facevault_buffer_free;
    use crate::types::facevault_status::FACEVAULT_OK as OK;

    #[test]
    fn a_panic_at_the_boundary_is_an_error_with_texts() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status = unsafe { ended(&raw mut error, || panic!("secret")) };
        assert_eq!(status, facevault_status::FACEVAULT_RUNTIME);
        assert_eq!(facevault_error_status(error), status);
        // SAFETY: the texts are there and end with a zero byte.
        let text = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8");
        let json = text(facevault_error_json(error));
        let message = text(facevault_error_message(error));
        assert_eq!(json, format!(r#"{{"error":"{}","message":"{message}"}}"#, text(facevault_error_kind(error))));
        assert!(!json.contains("secret"));
        for _ in 0..2 {
            assert_eq!(facevault_error_free(error), facevault_status::FACEVAULT_OK);
        }
        assert_eq!(facevault_error_status(error), status);
    }

    #[test]
    fn an_answer_is_given_and_emptied_before_a_call_that_fails() {
        let mut answer = facevault_buffer { data: ptr::null_mut(), size: 0 };
        // SAFETY: `answer` may be written, and the caller wants no error.
        let status = unsafe { answered(&raw mut answer, ptr::null_mut(), || Ok("found")) };
        assert_eq!((status, answer.size, answer.data.is_null()), (OK, 5, false));
        let mut given = facevault_buffer { data: answer.data, size: answer.size };
        let nothing = || Err::<&str, _>(Error::new(ErrorKind::NotFound, "nothing"));
        // SAFETY: as above.
        let status = unsafe { answered(&raw mut answer, ptr::null_mut(), nothing) };
        assert_eq!((status, answer.size, answer.data.is_null()), (ErrorKind::NotFound.into(), 0, true));
        // SAFETY: it is what the first call gave.
        assert_eq!(unsafe { facevault_buffer_free(&raw mut given) }, OK);
    }
}
