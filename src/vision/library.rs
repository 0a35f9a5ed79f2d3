//! Looks at a shared library before it is loaded: is it one, for this machine, and an ONNX Runtime
//! of a usable version?
//!
//! Loading runs a library's initialisers, and a file that is cut short kills the process when a
//! missing page is touched. So the file's header is read first and every segment must lie inside
//! the file; only then is it opened and asked for its version.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// The smallest minor version of ONNX Runtime 1.x whose interface is used.
const MINIMUM_MINOR: u32 = ort_sys::ORT_API_VERSION;

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
    let path = fs::canonicalize(path).map_err(|error| refuse(error.to_string()))?;
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
    let search_path = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let folders =
        std::env::var_os(search_path).into_iter().flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>());
    let usual =
        ["/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64", "/opt/homebrew/lib"].map(PathBuf::from);
    let multiarch = PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    folders
        .chain(usual)
        .chain([multiarch])
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&name))
        .filter(|path| path.exists())
        .collect()
}

/// Checks the file's header against this machine, and that the file is whole.
fn check_format(path: &Path, length: u64) -> Result<(), String> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64 * 1024).read_to_end(&mut head))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if cfg!(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")) {
        return check_elf(&head, length);
    }
    let magic: &[&[u8]] = match std::env::consts::OS {
        "macos" => &[b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"],
        "windows" => &[b"MZ"],
        _ => &[b"\x7fELF"],
    };
    if magic.iter().any(|magic| head.starts_with(magic)) { Ok(()) } else { Err("it is not a shared library".into()) }
}

/// Reads the ELF header and its program headers (System V ABI, chapters 4 and 5, 64 bit).
fn check_elf(head: &[u8], length: u64) -> Result<(), String> {
    const LITTLE_ENDIAN_64: [u8; 2] = [2, 1];
    const SHARED_OBJECT: u64 = 3;
    let machine = match std::env::consts::ARCH {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        "riscv64" => Some(243),
        _ => None,
    };
    let number = |offset: usize, bytes: usize| {
        let field = head.get(offset..offset + bytes)?;
        Some(field.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    if !head.starts_with(b"\x7fELF") {
        return Err("it is not a shared library".into());
    }
    let cut = || "it is cut short".to_owned();
    if head.get(4..6).ok_or_else(cut)? != LITTLE_ENDIAN_64
        || machine.is_some_and(|machine| number(18, 2) != Some(machine))
    {
        return Err("it is a library for another kind of machine".into());
    }
    if number(16, 2) != Some(SHARED_OBJECT) {
        return Err("it is not a shared library".into());
    }
    let table = number(32, 8).ok_or_else(cut)? as usize;
    let (size, count) = (number(54, 2).ok_or_else(cut)? as usize, number(56, 2).ok_or_else(cut)? as usize);
    for header in (0..count).map(|i| table.saturating_add(i * size)) {
        let (offset, bytes) = (number(header.saturating_add(8), 8), number(header.saturating_add(32), 8));
        let end = offset.zip(bytes).and_then(|(offset, bytes)| offset.checked_add(bytes)).ok_or_else(cut)?;
        if end > length {
            return Err(cut());
        }
    }
    Ok(())
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
    let entry: libloading::Symbol<'_, unsafe extern "C" fn() -> *const ort_sys::OrtApiBase> =
        unsafe { library.get(b"OrtGetApiBase\0") }.map_err(|_| "it has no function OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and gives a pointer to a static table, or null.
    let base = unsafe { entry().as_ref() }.ok_or_else(|| "OrtGetApiBase gives nothing".to_owned())?;
    // SAFETY: the table's functions live as long as the library, which is never closed; the version
    // is a static text that ends with a zero byte.
    let (version, api) = unsafe { ((base.GetVersionString)(), (base.GetApi)(MINIMUM_MINOR)) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_cut_or_lies_is_refused() {
        let mut head = vec![0u8; 64 + 56];
        head[..4].copy_from_slice(b"\x7fELF");
        head[4..6].copy_from_slice(&[2, 1]);
        head[16] = 3;
        head[18] = match std::env::consts::ARCH {
            "aarch64" => 183,
            "riscv64" => 243,
            _ => 62,
        };
        head[32] = 64;
        head[54] = 56;
        head[56] = 1;
        head[64 + 32] = 100;
        assert_eq!(check_elf(&head, 120), Ok(()));
        assert_eq!(check_elf(&head, 99), Err("it is cut short".into()));
        assert_eq!(check_elf(&head[..100], 120), Err("it is cut short".into()));
        assert_eq!(check_elf(b"#!/bin/sh\n", 10), Err("it is not a shared library".into()));
        head[64 + 8..64 + 16].fill(0xff);
        assert_eq!(check_elf(&head, 120), Err("it is cut short".into()));
        head[18] = 3;
        assert_eq!(check_elf(&head, 120), Err("it is a library for another kind of machine".into()));
    }
}
