//! Reads that the disk fails.

use std::ffi::{c_int, c_void};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64};

/// Hands a read on. One that the disk fails says nothing of the file: SQLite takes it for damage of the file system
/// (`IOERR_CORRUPTFS`), and would tell the caller so.
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
