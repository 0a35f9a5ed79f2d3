//! The methods of the system's own virtual file system, called with ours.

use std::ffi::{c_char, c_int};

use rusqlite::ffi::{self, sqlite3_int64, sqlite3_vfs};

/// # Safety
/// `vfs` is ours.
pub(super) unsafe fn of(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    // SAFETY: `register` put the system's there.
    unsafe { (*vfs).pAppData.cast() }
}

macro_rules! hand_on {
    ($name:ident, $method:ident, ($($argument:ident: $type:ty),*), $absent:expr) => {
        pub(super) unsafe extern "C" fn $name(vfs: *mut sqlite3_vfs $(, $argument: $type)*) -> c_int {
            // SAFETY: SQLite calls this with what it would call the system's own method with.
            unsafe {
                let system = of(vfs);
                (*system).$method.map_or($absent, |call| call(system $(, $argument)*))
            }
        }
    };
}

hand_on!(delete, xDelete, (name: *const c_char, sync: c_int), ffi::SQLITE_IOERR_DELETE);
hand_on!(access, xAccess, (name: *const c_char, flags: c_int, out: *mut c_int), ffi::SQLITE_IOERR_ACCESS);
hand_on!(full_pathname, xFullPathname, (name: *const c_char, size: c_int, out: *mut c_char), ffi::SQLITE_CANTOPEN);
hand_on!(randomness, xRandomness, (size: c_int, out: *mut c_char), 0);
hand_on!(sleep, xSleep, (microseconds: c_int), 0);
hand_on!(current_time, xCurrentTime, (out: *mut f64), ffi::SQLITE_ERROR);
hand_on!(last_error, xGetLastError, (size: c_int, out: *mut c_char), 0);
hand_on!(current_time_int64, xCurrentTimeInt64, (out: *mut sqlite3_int64), ffi::SQLITE_ERROR);
