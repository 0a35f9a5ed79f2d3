//! Reads that the disk fails.

use std::ffi::{c_int, c_void};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64};

/// Hands a read on. A read that the disk fails says nothing about the file. SQLite calls some of these errors (EIO)
/// `IOERR_CORRUPTFS`, and statements turn that into `CORRUPT`: this has to be prevented here, before they see it.
pub(super) unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    out: *mut c_void,
    size: c_int,
    place: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls this with an open file of ours, and with what the system's own takes.
    match unsafe { super::inner_read(file, out, size, place) } {
        ffi::SQLITE_IOERR_CORRUPTFS => ffi::SQLITE_IOERR_READ,
        code => code,
    }
}
