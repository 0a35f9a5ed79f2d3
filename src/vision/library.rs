//! Looks at a shared library before it is loaded: is it one, for this machine, and an ONNX Runtime
//! of a usable version?
//!
//! Loading runs a library's initialisers, and a file that is cut short kills the process when a
//! missing page is touched. So the file's headers are read first
//! ([`library_format`](super::library_format)); only then is it opened and asked for its version.

use std::ffi::{CStr, c_char, c_void};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::library_format::Machine;
use super::onnx_runtime::MINIMUM_MINOR;
use crate::error::{Error, ErrorKind, Result};

/// A library that can be used.
pub(super) struct Probed {
    pub(super) path: PathBuf,
    pub(super) version: String,
}

/// Checks that `path` is an ONNX Runtime that this build can use.
pub(super) fn probe(path: &Path) -> Result<Probed> {
    let refuse = |why: String| {
        Error::new(ErrorKind::Runtime, format!("{} cannot be used as ONNX Runtime: {why}", path.display()))
    };
    let path = resolved(path).map_err(|error| refuse(error.to_string()))?;
    let metadata = fs::metadata(&path).map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file".into()));
    }
    check_format(&path, metadata.len()).map_err(refuse)?;
    let version = ask_version(&path).map_err(refuse)?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(1), Some(minor)) if minor >= MINIMUM_MINOR => Ok(Probed { path, version }),
        _ => Err(refuse(format!("its version is {version}, 1.{MINIMUM_MINOR} or a later 1.x is needed"))),
    }
}

/// ONNX Runtime libraries in the folders where a system keeps its libraries.
pub(super) fn installed_in_system() -> Vec<PathBuf> {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let folders = system_folders().into_iter().filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&name)).filter(|path| path.exists()).collect()
}

/// The folders where this system looks for libraries, in its order, and those where they usually
/// are.
fn system_folders() -> Vec<PathBuf> {
    let listed = |variable| {
        let value = std::env::var_os(variable).unwrap_or_default();
        std::env::split_paths(&value).collect::<Vec<_>>()
    };
    if cfg!(windows) {
        let program = std::env::current_exe().ok();
        let beside = program.as_deref().and_then(Path::parent).map(Path::to_owned);
        return beside.into_iter().chain(listed("PATH")).collect();
    }
    let usual =
        ["/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64", "/opt/homebrew/lib"].map(PathBuf::from);
    let multiarch = PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let variable = if cfg!(target_vendor = "apple") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    listed(variable).into_iter().chain(usual).chain([multiarch]).collect()
}

/// The path from the root, without links.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    // On Windows `canonicalize` gives a form (`\\?\C:\...`) that not every part of the system takes.
    if cfg!(windows) { std::path::absolute(path) } else { fs::canonicalize(path) }
}

/// Checks the file's headers against this machine, and that the file is whole.
fn check_format(path: &Path, length: u64) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("it cannot be read: {error}"))?;
    Machine::this().map_or(Ok(()), |machine| machine.check(BufReader::new(file), length))
}

/// What ONNX Runtime's one entry point gives: `OrtApiBase` in `onnxruntime_c_api.h`, the part of the
/// interface that is the same in every version.
#[repr(C)]
struct ApiBase {
    api: unsafe extern "system" fn(version: u32) -> *const c_void,
    version: unsafe extern "system" fn() -> *const c_char,
}

/// Opens the library and asks it for its version; it stays loaded, since unloading an inference
/// runtime is not safe.
#[allow(unsafe_code)]
fn ask_version(path: &Path) -> Result<String, String> {
    // SAFETY: opening runs the library's initialisers. The file is a whole shared library for this
    // machine, named by the operator or found in a folder of the system's libraries.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| format!("it cannot be loaded: {error}"))?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the name and type are those of ONNX Runtime's one documented entry point.
    let entry: libloading::Symbol<'_, unsafe extern "system" fn() -> *const ApiBase> =
        unsafe { library.get(b"OrtGetApiBase\0") }.map_err(|_| "it has no function OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and gives a pointer to a static table, or null.
    let base = unsafe { entry().as_ref() }.ok_or_else(|| "OrtGetApiBase gives nothing".to_owned())?;
    // SAFETY: the table's functions live as long as the library, which is never closed; the version
    // is a static text that ends with a zero byte.
    let (version, api) = unsafe { ((base.version)(), (base.api)(MINIMUM_MINOR)) };
    if version.is_null() {
        return Err("it states no version".into());
    }
    // SAFETY: as above.
    let version = unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned();
    if api.is_null() {
        return Err(format!("its version is {version}, 1.{MINIMUM_MINOR} or a later 1.x is needed"));
    }
    Ok(version)
}
