//! The data folder.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::manifest::is_pack_name;
use crate::error::{Error, ErrorKind, Result};

/// The environment variable that names the data folder.
const VARIABLE: &str = "FACEVAULT_HOME";

/// facevault's data folder: `packs/<name>/`, `runtime/`, `samples/`, `dlib-hog/`, `liveness/<name>/`,
/// `calibrations/` and `cache/`.
///
/// Nothing is created before something is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The folder that `FACEVAULT_HOME` names, else the platform's: `$XDG_DATA_HOME/facevault` or
    /// `~/.local/share/facevault`, on macOS `~/Library/Application Support/facevault`, on Windows
    /// `%LOCALAPPDATA%\facevault`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where none of these variables is set.
    pub fn from_env() -> Result<Self> {
        let path = locate(|name| env::var_os(name).map(PathBuf::from)).ok_or_else(|| {
            Error::new(ErrorKind::Io, format!("there is no data folder: neither {VARIABLE} nor a home folder is set"))
        })?;
        Ok(Self::at(std::path::absolute(&path).unwrap_or(path)))
    }

    /// The data folder at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the installed pack `name`.
    #[must_use]
    pub fn pack_dir(&self, name: &str) -> PathBuf {
        self.path.join("packs").join(name)
    }

    /// The folder of ONNX Runtime's library.
    #[must_use]
    pub fn runtime_dir(&self) -> PathBuf {
        self.path.join("runtime")
    }

    /// The folder of the sample photos.
    #[must_use]
    pub fn samples_dir(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// The folder of dlib's HOG detector.
    #[must_use]
    pub fn dlib_hog_dir(&self) -> PathBuf {
        self.path.join("dlib-hog")
    }

    /// The folder of the liveness networks `name`.
    #[must_use]
    pub fn liveness_dir(&self, name: &str) -> PathBuf {
        self.path.join("liveness").join(name)
    }

    /// The folder of what can be made again: deleting it costs time only.
    #[must_use]
    pub fn cache_dir(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// ONNX Runtime's library, if it is installed here. Its hash is checked when it is installed
    /// and by [`Artifact::state`](super::Artifact::state), not here.
    #[must_use]
    pub fn runtime_library(&self) -> Option<PathBuf> {
        super::Artifact::runtime().iter().map(|artifact| artifact.location(self)).find(|path| path.is_file())
    }

    /// The names of the installed packs, sorted: the folders in `packs/` that hold a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the folder cannot be read; a folder that is not there has no packs.
    pub fn packs(&self) -> Result<Vec<String>> {
        let folder = self.path.join("packs");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(cannot("read", &folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", &folder, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_pack_name(&name) && entry.path().join(super::pack::MANIFEST).is_file() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Deletes the installed pack `name` with everything in its folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such pack, [`ErrorKind::Io`] where it cannot be
    /// deleted.
    pub fn remove_pack(&self, name: &str) -> Result<()> {
        let folder = self.pack_dir(name);
        if !is_pack_name(name) || fs::symlink_metadata(&folder).is_err() {
            return Err(Error::new(ErrorKind::NotFound, format!("the pack {name:?} is not installed")));
        }
        // A linked folder belongs to somebody else: only the link goes.
        let linked = fs::symlink_metadata(&folder).is_ok_and(|data| data.is_symlink());
        let removed = if linked { fs::remove_file(&folder) } else { fs::remove_dir_all(&folder) };
        removed.map_err(|error| cannot("delete", &folder, error))
    }
}

/// An [`ErrorKind::Io`] that names the path.
pub(super) fn cannot(what: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {what} {}: {error}", path.display())).caused_by(error)
}

fn locate(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.as_os_str().is_empty());
    if let Some(path) = set(VARIABLE) {
        return Some(path);
    }
    let data = if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library").join("Application Support"))
    } else if cfg!(windows) {
        set("LOCALAPPDATA").or_else(|| set("APPDATA"))
    } else {
        // The XDG base directory specification: a relative path is invalid and ignored.
        set("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| home.join(".local").join("share")))
    };
    data.map(|data| data.join("facevault"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(variables: &[(&str, &str)]) -> Option<PathBuf> {
        locate(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_variable_wins_over_the_platform() {
        assert_eq!(located(&[("FACEVAULT_HOME", "here"), ("HOME", "/h")]), Some(PathBuf::from("here")));
        assert_eq!(located(&[]), None);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_xdg_folder_is_used_if_it_is_absolute() {
        let share = Some(PathBuf::from("/h/.local/share/facevault"));
        assert_eq!(located(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")]), Some(PathBuf::from("/x/facevault")));
        assert_eq!(located(&[("XDG_DATA_HOME", "x"), ("HOME", "/h")]), share);
        assert_eq!(located(&[("FACEVAULT_HOME", ""), ("XDG_DATA_HOME", ""), ("HOME", "/h")]), share);
    }

    #[test]
    fn packs_are_folders_with_a_manifest() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("home"));
        assert_eq!(home.packs().expect("none"), [""; 0]);
        for name in ["b", "a", "empty", ".hidden"] {
            fs::create_dir_all(home.pack_dir(name)).expect("a pack folder");
            if name != "empty" {
                fs::write(home.pack_dir(name).join("manifest.toml"), "").expect("a manifest");
            }
        }
        assert_eq!(home.packs().expect("two"), ["a", "b"]);
        home.remove_pack("a").expect("removed");
        assert_eq!(home.packs().expect("one"), ["b"]);
        for name in ["a", "..", "../packs/b", "", "."] {
            assert_eq!(home.remove_pack(name).map_err(|e| e.kind()), Err(ErrorKind::NotFound), "{name:?}");
        }
        assert_eq!(home.packs().expect("one"), ["b"]);
    }
}
