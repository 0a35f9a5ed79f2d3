//! Memory that is mapped to a file.

use std::ffi::{c_int, c_void};

/// Lets the system find a place on the disk for mapped memory. `false` where there is none.
///
/// # Safety
/// `size` bytes at `memory` are mapped.
#[cfg(target_os = "linux")]
pub(super) unsafe fn is_backed(memory: *mut c_void, size: c_int) -> bool {
    let Ok(size) = usize::try_from(size) else { return true };
    loop {
        // SAFETY: the memory is mapped, and what it holds stays.
        if unsafe { libc::madvise(memory, size, libc::MADV_POPULATE_WRITE) } == 0 {
            return true;
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR | libc::EAGAIN) => {}
            // It would be a signal if the memory was used. Kernels before 5.14 know no such request.
            error => return error != Some(libc::EFAULT),
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) unsafe fn is_backed(_: *mut c_void, _: c_int) -> bool {
    true
}
