//! No core dumps: a server's memory holds photos, vectors and tokens, and a dump would write them to the disk.

/// Sees to it that the system writes no core dump of this process, and that no other process of the same account
/// reads its memory. Where the system does not allow it, a line of the log says so.
#[allow(unsafe_code)]
pub(crate) fn off() {
    #[cfg(unix)]
    {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the structure lives until the call returns, which only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) } != 0 {
            let error = std::io::Error::last_os_error();
            tracing::warn!(%error, "core dumps are not switched off");
        }
    }
    // A program to which dumps are piped does not ask for the limit.
    #[cfg(target_os = "linux")]
    {
        let (no, unused): (libc::c_ulong, libc::c_ulong) = (0, 0);
        // SAFETY: this option takes numbers alone.
        if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, no, unused, unused, unused) } != 0 {
            let error = std::io::Error::last_os_error();
            tracing::warn!(%error, "core dumps are not switched off");
        }
    }
}
