//! The system's files as vaults use them: a virtual file system of SQLite that hands everything on to the
//! system's own, but for four things.
//!
//! * A page of a table or index that is written to the file is written without what its unused bytes hold
//!   ([`residue`]): rows that were there once would stay otherwise.
//! * The folder is synced with a new write-ahead log, and a failure is an error. SQLite ignores it.
//! * Memory that is mapped to the file `-shm` has its place on the disk before it is used. Else a full disk
//!   ends the process with a signal.
//! * A read that the disk fails is that, and not damage ([`read`]).
//!
//! SQLite's interface for this is one of C, so this file has unsafe code. It relies on what SQLite promises: a
//! file's memory has the size asked for (`szOsFile`), is used by one thread at a time, and is opened before and
//! closed after everything else.
#![allow(unsafe_code)]

#[cfg(test)]
pub(super) mod faults;
mod mapped;
mod read;
mod residue;
mod system;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::OnceLock;

use rusqlite::Connection;
use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use self::mapped::is_backed;
use self::read::read;
use self::residue::{FILE_HEADER, Layout, Residue};
use super::error::Outcome;
use super::schema::PAGE_SIZE;

/// SQLite keeps these by name; those of another version of this crate in one process must not be taken.
const NAME: &str = concat!("facevault-", env!("CARGO_PKG_VERSION"), "\0");

/// A vault's file or its log. The system's own file follows it in memory.
#[repr(C)]
struct File {
    base: sqlite3_file,
    is_vault: bool,
    /// Whether its pages are ciphertext, which is written as it is.
    is_encrypted: bool,
    path: PathBuf,
    is_folder_synced: bool,
    layout: Option<Layout>,
    residue: Residue,
}

/// The name under which SQLite knows these files.
pub(super) fn name() -> Outcome<&'static CStr> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    match *REGISTERED.get_or_init(register) {
        ffi::SQLITE_OK => Ok(CStr::from_bytes_with_nul(NAME.as_bytes()).unwrap_or_default()),
        code => Err(failure(code)),
    }
}

/// Writes the pages from `first` on, `count` at most, without what their unused bytes hold. Nobody else may
/// write to the file meanwhile. Says how many had to be written, and whether that was the last page.
pub(super) fn clean(connection: &Connection, first: u64, count: u64) -> Outcome<(u64, bool)> {
    let file = file_of(connection, c"main")?;
    // SAFETY: the file is a `File`; the connection is used by this thread alone.
    unsafe { clean_pages(file, first, count) }.map_err(failure)
}

/// The first bytes of the connection's file, without a lock; zeros where it is shorter.
#[cfg(feature = "encryption")]
pub(super) fn first_bytes<const N: usize>(connection: &Connection) -> Outcome<[u8; N]> {
    let file = file_of(connection, c"main")?;
    let mut bytes = [0; N];
    // SAFETY: the file is a `File`; the connection is used by this thread alone, and the buffer is as long as is said.
    match unsafe { read(file, bytes.as_mut_ptr().cast(), N as c_int, 0) } {
        ffi::SQLITE_OK | ffi::SQLITE_IOERR_SHORT_READ => Ok(bytes),
        code => Err(failure(code)),
    }
}

/// Writes the pages of the connection's file of this name as they come: they are encrypted. In memory that is so
/// anyway.
#[cfg(feature = "encryption")]
pub(super) fn pass_pages_on(connection: &Connection, schema: &CStr) {
    if let Ok(file) = file_of(connection, schema) {
        // SAFETY: the file is a `File`; the connection is used by this thread alone.
        unsafe { (*file.cast::<File>()).is_encrypted = true };
    }
}

/// The file that a connection has open under this name, which is a [`File`].
fn file_of(connection: &Connection, schema: &CStr) -> Outcome<*mut sqlite3_file> {
    let mut file: *mut sqlite3_file = ptr::null_mut();
    // SAFETY: the connection is open, and the operation writes one pointer to the place given.
    let code = unsafe {
        let place = (&raw mut file).cast();
        ffi::sqlite3_file_control(connection.handle(), schema.as_ptr(), ffi::SQLITE_FCNTL_FILE_POINTER, place)
    };
    // SAFETY: the pointer is that of the connection's file, which is open as long as the connection is.
    if code != ffi::SQLITE_OK || file.is_null() || unsafe { !is_ours((*file).pMethods) } {
        return Err(failure(ffi::SQLITE_MISUSE));
    }
    Ok(file)
}

/// # Safety
/// `file` is an open [`File`], and no other reference to it is there.
unsafe fn clean_pages(file: *mut sqlite3_file, first: u64, count: u64) -> Result<(u64, bool), c_int> {
    let mut cleaned = 0;
    // SAFETY: as promised by the caller; the buffers are as long as is said.
    unsafe {
        if (*file.cast::<File>()).is_encrypted {
            return Ok((0, true));
        }
        let Some(layout) = layout(file) else { return Ok((0, true)) };
        let size = layout.page_size as u64;
        let pages = size_of_file(file)? / size;
        let mut page = vec![0; layout.page_size];
        for number in first..first.saturating_add(count).min(pages + 1) {
            let place = ((number - 1) * size) as sqlite3_int64;
            done(read(file, page.as_mut_ptr().cast(), page.len() as c_int, place))?;
            let this = &mut *file.cast::<File>();
            if this.residue.cleaned(&page, number, pages, layout).is_some() {
                done(write(file, page.as_ptr().cast(), page.len() as c_int, place))?;
                cleaned += 1;
            }
        }
        if cleaned > 0 {
            done(sync(file, ffi::SQLITE_SYNC_FULL))?;
        }
        Ok((cleaned, first.saturating_add(count) > pages))
    }
}

fn done(code: c_int) -> Result<(), c_int> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(code) }
}

fn failure(code: c_int) -> super::error::Fault {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
}

fn register() -> c_int {
    // SAFETY: the names are C strings that stay, and so do the system's methods and, being leaked, ours.
    unsafe {
        let system = ffi::sqlite3_vfs_find(ptr::null());
        if system.is_null() {
            return ffi::SQLITE_ERROR;
        }
        let vfs = sqlite3_vfs {
            iVersion: (*system).iVersion.min(3),
            szOsFile: size_of::<File>() as c_int + (*system).szOsFile,
            mxPathname: (*system).mxPathname,
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr().cast(),
            pAppData: system.cast(),
            xOpen: Some(open),
            xDelete: Some(system::delete),
            xAccess: Some(system::access),
            xFullPathname: Some(system::full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(system::randomness),
            xSleep: Some(system::sleep),
            xCurrentTime: Some(system::current_time),
            xGetLastError: Some(system::last_error),
            xCurrentTimeInt64: Some(system::current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0)
    }
}

/// Opens the vault's file and its log as [`File`]s; what else SQLite opens is the system's alone.
unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives memory of `szOsFile` bytes, which is enough for both files, and a name that is a C
    // string or null.
    unsafe {
        let system = system::of(vfs);
        let Some(open) = (*system).xOpen else { return ffi::SQLITE_CANTOPEN };
        if name.is_null() || flags & (ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL) == 0 {
            return open(system, name, file, flags, out);
        }
        file.cast::<File>().write(File {
            base: sqlite3_file { pMethods: ptr::null() },
            is_vault: flags & ffi::SQLITE_OPEN_MAIN_DB != 0,
            is_encrypted: false,
            path: path_of(CStr::from_ptr(name)),
            is_folder_synced: false,
            layout: None,
            residue: Residue::default(),
        });
        let inner = inner(file);
        (*inner).pMethods = ptr::null();
        let code = open(system, name, inner, flags, out);
        if (*inner).pMethods.is_null() {
            file.cast::<File>().drop_in_place();
            (*file).pMethods = ptr::null();
        } else if (*(*inner).pMethods).iVersion < 2 {
            (*file).pMethods = &WITHOUT_SHARED_MEMORY;
        } else {
            (*file).pMethods = &METHODS;
        }
        code
    }
}

#[cfg(unix)]
fn path_of(name: &CStr) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

#[cfg(not(unix))]
fn path_of(name: &CStr) -> PathBuf {
    PathBuf::from(name.to_string_lossy().into_owned())
}

/// The system's own file.
///
/// # Safety
/// `file` is a [`File`] in memory that SQLite gave for one.
unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the memory goes on behind the `File` for as long as the system's own takes.
    unsafe { file.cast::<File>().add(1).cast() }
}

fn is_ours(methods: *const sqlite3_io_methods) -> bool {
    ptr::eq(methods, &METHODS) || ptr::eq(methods, &WITHOUT_SHARED_MEMORY)
}

// Mapping the file into memory (version 3) is left out: vaults do not use it.
static METHODS: sqlite3_io_methods = methods(2);
static WITHOUT_SHARED_MEMORY: sqlite3_io_methods = methods(1);

const fn methods(version: c_int) -> sqlite3_io_methods {
    sqlite3_io_methods {
        iVersion: version,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_reserved_lock),
        xFileControl: Some(file_control),
        xSectorSize: Some(sector_size),
        xDeviceCharacteristics: Some(device_characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: None,
        xUnfetch: None,
    }
}

macro_rules! hand_on {
    ($name:ident, $method:ident, ($($argument:ident: $type:ty),*), $absent:expr) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $type)*) -> c_int {
            // SAFETY: SQLite calls this with an open file of ours, and with what the system's own takes.
            unsafe {
                let inner = inner(file);
                (*(*inner).pMethods).$method.map_or($absent, |call| call(inner $(, $argument)*))
            }
        }
    };
}

hand_on!(inner_read, xRead, (out: *mut c_void, size: c_int, place: sqlite3_int64), ffi::SQLITE_IOERR_READ);
hand_on!(inner_write, xWrite, (bytes: *const c_void, size: c_int, place: sqlite3_int64), ffi::SQLITE_IOERR_WRITE);
hand_on!(truncate, xTruncate, (size: sqlite3_int64), ffi::SQLITE_IOERR_TRUNCATE);
hand_on!(inner_sync, xSync, (flags: c_int), ffi::SQLITE_IOERR_FSYNC);
hand_on!(file_size, xFileSize, (out: *mut sqlite3_int64), ffi::SQLITE_IOERR_FSTAT);
hand_on!(lock, xLock, (level: c_int), ffi::SQLITE_IOERR_LOCK);
hand_on!(unlock, xUnlock, (level: c_int), ffi::SQLITE_IOERR_UNLOCK);
hand_on!(check_reserved_lock, xCheckReservedLock, (out: *mut c_int), ffi::SQLITE_IOERR_CHECKRESERVEDLOCK);
hand_on!(file_control, xFileControl, (operation: c_int, argument: *mut c_void), ffi::SQLITE_NOTFOUND);
hand_on!(sector_size, xSectorSize, (), 0);
hand_on!(device_characteristics, xDeviceCharacteristics, (), 0);
hand_on!(inner_shm_map, xShmMap, (region: c_int, size: c_int, extend: c_int, out: *mut *mut c_void), ffi::SQLITE_IOERR_SHMMAP);
hand_on!(shm_lock, xShmLock, (offset: c_int, count: c_int, flags: c_int), ffi::SQLITE_IOERR_SHMLOCK);
hand_on!(shm_unmap, xShmUnmap, (delete: c_int), ffi::SQLITE_OK);

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: SQLite calls this with an open file of ours.
    unsafe {
        let inner = inner(file);
        if let Some(call) = (*(*inner).pMethods).xShmBarrier {
            call(inner);
        }
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once, and uses nothing of it afterwards.
    unsafe {
        let inner = inner(file);
        let code = (*(*inner).pMethods).xClose.map_or(ffi::SQLITE_OK, |call| call(inner));
        file.cast::<File>().drop_in_place();
        code
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, size: c_int, place: sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives `size` bytes; the file is ours, and this thread's while the call lasts. What is
    // written instead lives in the file's own memory until the next call.
    unsafe {
        #[cfg(test)]
        if let Some(code) = faults::of_write(&(*file.cast::<File>()).path) {
            return code;
        }
        let cleaned = match (usize::try_from(size), u64::try_from(place)) {
            (Ok(length), Ok(place)) if is_plain(file) && length >= 512 => {
                let page = std::slice::from_raw_parts(bytes.cast::<u8>(), length);
                cleaned(file, page, place)
            }
            _ => None,
        };
        inner_write(file, cleaned.map_or(bytes, |page| page.as_ptr().cast()), size, place)
    }
}

/// Whether this is a vault's file, and not its log, whose pages can be read as they are.
///
/// # Safety
/// `file` is an open [`File`].
unsafe fn is_plain(file: *mut sqlite3_file) -> bool {
    // SAFETY: as promised by the caller.
    unsafe { (*file.cast::<File>()).is_vault && !(*file.cast::<File>()).is_encrypted }
}

/// The page without what its unused bytes hold; `None` where it is to be written as it is.
///
/// # Safety
/// `file` is an open [`File`], and no other reference to it is there.
unsafe fn cleaned<'a>(file: *mut sqlite3_file, page: &[u8], place: u64) -> Option<&'a [u8]> {
    // SAFETY: as promised by the caller.
    unsafe {
        if place == 0 {
            (*file.cast::<File>()).layout = Layout::of_header(page);
        }
        let layout = layout(file)?;
        let size = layout.page_size as u64;
        if !place.is_multiple_of(size) {
            return None;
        }
        let number = place / size + 1;
        let pages = (size_of_file(file).ok()? / size).max(number);
        (*file.cast::<File>()).residue.cleaned(page, number, pages, layout)
    }
}

/// How the file is divided into pages; read once.
///
/// # Safety
/// `file` is an open [`File`], and no other reference to it is there.
unsafe fn layout(file: *mut sqlite3_file) -> Option<Layout> {
    // SAFETY: as promised by the caller; the buffer is as long as is said.
    unsafe {
        let this = file.cast::<File>();
        if (*this).layout.is_none() {
            let mut header = [0; FILE_HEADER];
            let code = read(file, header.as_mut_ptr().cast(), FILE_HEADER as c_int, 0);
            // The first page of a new file may be written last.
            if matches!(code, ffi::SQLITE_OK | ffi::SQLITE_IOERR_SHORT_READ) && header == [0; FILE_HEADER] {
                return Some(Layout::of_new_file(PAGE_SIZE.unsigned_abs() as usize));
            }
            if code == ffi::SQLITE_OK {
                (*this).layout = Layout::of_header(&header);
            }
        }
        (*this).layout
    }
}

/// # Safety
/// `file` is an open [`File`].
unsafe fn size_of_file(file: *mut sqlite3_file) -> Result<u64, c_int> {
    let mut size: sqlite3_int64 = 0;
    // SAFETY: the size is written to the place given.
    done(unsafe { file_size(file, &mut size) })?;
    Ok(u64::try_from(size).unwrap_or_default())
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite calls this with an open file of ours, which is this thread's while the call lasts.
    let this = unsafe { &mut *file.cast::<File>() };
    #[cfg(test)]
    if let Some(code) = faults::of_sync(&this.path) {
        return code;
    }
    // SQLite asks for this itself, but takes no notice of a failure.
    if cfg!(unix) && !this.is_vault && !this.is_folder_synced {
        let folder = this.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = folder.is_none_or(|folder| sync_folder(folder).is_ok());
        if !synced {
            return ffi::SQLITE_IOERR_DIR_FSYNC;
        }
        this.is_folder_synced = true;
    }
    // SAFETY: as above; the reference is not used any more.
    unsafe { inner_sync(file, flags) }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &std::path::Path) -> std::io::Result<()> {
    #[cfg(test)]
    if faults::of_sync(folder).is_some() {
        return Err(std::io::Error::other("a fault of a test"));
    }
    std::fs::File::open(folder)?.sync_all()
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite gives a place for the pointer; where it is set, `size` bytes of memory are mapped there.
    unsafe {
        let code = inner_shm_map(file, region, size, extend, out);
        if code == ffi::SQLITE_OK && !(*out).is_null() && !is_backed(*out, size) {
            *out = ptr::null_mut();
            return ffi::SQLITE_IOERR_SHMSIZE;
        }
        code
    }
}
