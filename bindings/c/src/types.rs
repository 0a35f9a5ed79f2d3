//! The types of the header.

use std::ffi::{c_char, c_int, c_void};

use facevault_bindings::facevault::ErrorKind;

/// Detects faces and computes encodings. Expensive: open one per process and share it among threads.
pub struct facevault_engine;

/// A vault that is open, as one client sees it.
pub struct facevault_vault;

/// What went wrong: a kind, a sentence, and what it is about.
pub struct facevault_error;

/// Whether a call succeeded, and otherwise who must act.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum facevault_status {
    /// It succeeded.
    FACEVAULT_OK = 0,
    /// The request breaks a rule, or a handle or pointer is not what it has to be.
    FACEVAULT_INVALID = 1,
    /// No such person, collection, image or file.
    FACEVAULT_NOT_FOUND = 2,
    /// It exists already.
    FACEVAULT_ALREADY_EXISTS = 3,
    /// The version that the request expects is no longer current.
    FACEVAULT_CONFLICT = 4,
    /// At least one photo gave no encoding.
    FACEVAULT_REFUSED = 5,
    /// The encodings at hand were made by another model.
    FACEVAULT_MODEL_MISMATCH = 6,
    /// A model is not installed, or is not the one that its manifest names.
    FACEVAULT_MODEL_UNAVAILABLE = 7,
    /// The inference runtime failed, or facevault met a fault of its own.
    FACEVAULT_RUNTIME = 8,
    /// Stored bytes are not what was written.
    FACEVAULT_CORRUPT = 9,
    /// The file is no vault, or belongs to a newer facevault.
    FACEVAULT_UNSUPPORTED = 10,
    /// Another process held the vault for too long.
    FACEVAULT_BUSY = 11,
    /// The operating system refused.
    FACEVAULT_IO = 12,
    /// Nobody can tell whether the change will be there: read it again before you repeat it.
    FACEVAULT_OUTCOME_UNKNOWN = 13,
    /// The progress callback asked to stop.
    FACEVAULT_CANCELLED = 14,
    /// The vault's key is missing, wrong or cannot be read, or the vault is not encrypted.
    FACEVAULT_KEY = 15,
}

impl From<ErrorKind> for facevault_status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::FACEVAULT_INVALID,
            ErrorKind::NotFound => Self::FACEVAULT_NOT_FOUND,
            ErrorKind::AlreadyExists => Self::FACEVAULT_ALREADY_EXISTS,
            ErrorKind::Conflict => Self::FACEVAULT_CONFLICT,
            ErrorKind::Refused => Self::FACEVAULT_REFUSED,
            ErrorKind::ModelMismatch => Self::FACEVAULT_MODEL_MISMATCH,
            ErrorKind::ModelUnavailable => Self::FACEVAULT_MODEL_UNAVAILABLE,
            ErrorKind::Corrupt => Self::FACEVAULT_CORRUPT,
            ErrorKind::Unsupported => Self::FACEVAULT_UNSUPPORTED,
            ErrorKind::Busy => Self::FACEVAULT_BUSY,
            ErrorKind::Io => Self::FACEVAULT_IO,
            ErrorKind::OutcomeUnknown => Self::FACEVAULT_OUTCOME_UNKNOWN,
            ErrorKind::Cancelled => Self::FACEVAULT_CANCELLED,
            ErrorKind::Key => Self::FACEVAULT_KEY,
            _ => Self::FACEVAULT_RUNTIME,
        }
    }
}

/// Bytes of the caller: a photo as its file has it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct facevault_bytes {
    /// The first byte; NULL only where `size` is 0.
    pub data: *const c_void,
    /// How many bytes there are.
    pub size: usize,
}

/// Bytes that facevault gives: a JSON text, a photo, pixels or 32-bit floats. `data` is aligned to 16 bytes, and a
/// zero byte follows the last one, which `size` does not count. `facevault_buffer_free` frees it.
#[repr(C)]
pub struct facevault_buffer {
    /// The first byte; NULL where nothing was given.
    pub data: *mut c_void,
    /// How many bytes there are.
    pub size: usize,
}

/// A picture of the caller: rows of `width` pixels of three bytes, red, green and blue, that begin `stride` bytes
/// apart. It must be upright. All bytes from the first pixel to the last must be readable, those between the rows too.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct facevault_picture {
    /// The first pixel of the uppermost row.
    pub pixels: *const u8,
    /// Pixels a row, 1 to 65,535.
    pub width: u32,
    /// Rows, 1 to 65,535.
    pub height: u32,
    /// Bytes from one row to the next; at least three times `width`.
    pub stride: usize,
}

/// What `facevault_step` counts.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum facevault_unit {
    /// Bytes.
    FACEVAULT_BYTES = 0,
    /// Photos, encodings or persons.
    FACEVAULT_ITEMS = 1,
}

/// How far a long call has come.
#[repr(C)]
pub struct facevault_step {
    /// What is being done; empty where that is the same as before. Only valid during the callback.
    pub what: *const c_char,
    /// How much is done.
    pub done: u64,
    /// How much there is to do; 0 where that is not known.
    pub total: u64,
    /// What is counted.
    pub unit: facevault_unit,
}

/// Hears how far a long call has come, on the thread of that call; another value than 0 asks it to stop. It must not
/// unwind (no C++ exception, no longjmp), and must not call facevault.
pub type facevault_progress = Option<unsafe extern "C" fn(user: *mut c_void, step: *const facevault_step) -> c_int>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_status_of_its_own() {
        let kinds = [
            ErrorKind::Invalid,
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
            ErrorKind::Conflict,
            ErrorKind::Refused,
            ErrorKind::ModelMismatch,
            ErrorKind::ModelUnavailable,
            ErrorKind::Runtime,
            ErrorKind::Corrupt,
            ErrorKind::Unsupported,
            ErrorKind::Busy,
            ErrorKind::Io,
            ErrorKind::OutcomeUnknown,
            ErrorKind::Cancelled,
            ErrorKind::Key,
        ];
        let found = kinds.map(|kind| facevault_status::from(kind) as i32);
        assert!(found.into_iter().eq(1..=15), "{found:?}");
    }
}
