//! Networks that belong to no pack and can be used with any.

use std::fs;
use std::path::PathBuf;

use super::artifact::{Artifact, Terms};
use super::home::{Home, cannot};
use super::liveness::LivenessManifest;
use crate::error::{Error, ErrorKind, Result};

/// Networks that belong to no pack: those for liveness, and dlib's HOG face detector.
#[derive(Debug, Clone)]
pub struct Addon {
    name: &'static str,
    artifacts: Vec<Artifact>,
}

impl Addon {
    /// The names of all add-ons.
    pub const NAMES: [&str; 3] = ["liveness", "liveness-v2se", "dlib-hog"];

    /// The add-on `name`; `None` where there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = Self::NAMES.into_iter().find(|known| *known == name)?;
        let artifacts = match LivenessManifest::builtin(name) {
            Ok(manifest) => Artifact::of_liveness(&manifest),
            Err(_) => vec![Artifact::dlib_hog()],
        };
        Some(Self { name, artifacts })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its files.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// What it is and under which licence.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        self.artifacts[0].terms()
    }

    /// The folder in which it is, or will be.
    #[must_use]
    pub fn folder(&self, home: &Home) -> PathBuf {
        let mut folder = self.artifacts[0].location(home);
        folder.pop();
        folder
    }

    /// Whether any of its files is there, whole or damaged.
    #[must_use]
    pub fn is_installed(&self, home: &Home) -> bool {
        self.artifacts.iter().any(|artifact| artifact.location(home).exists())
    }

    /// Deletes it with everything in its folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where it is not installed, [`ErrorKind::Io`] where it cannot be deleted.
    pub fn remove(&self, home: &Home) -> Result<()> {
        let folder = self.folder(home);
        let Ok(found) = fs::symlink_metadata(&folder) else {
            return Err(Error::new(ErrorKind::NotFound, format!("{} is not installed", self.name)));
        };
        // A linked folder belongs to somebody else: only the link goes.
        let removed = if found.is_symlink() { fs::remove_file(&folder) } else { fs::remove_dir_all(&folder) };
        removed.map_err(|error| cannot("delete", &folder, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::State;

    #[test]
    fn each_name_has_files_in_a_folder_of_its_own() {
        let home = tempfile::tempdir().expect("a folder");
        let home = Home::at(home.path());
        let addons = Addon::NAMES.map(|name| Addon::named(name).expect("an add-on"));
        let folders = addons.each_ref().map(|addon| addon.folder(&home));
        assert!(folders[0] != folders[1] && folders[1] != folders[2] && folders[0] != folders[2], "{folders:?}");
        for addon in &addons {
            let path = addon.artifacts()[0].location(&home);
            assert!(!addon.is_installed(&home) && addon.remove(&home).is_err());
            fs::create_dir_all(addon.folder(&home)).expect("a folder");
            fs::write(&path, "another file").expect("written");
            assert!(addon.is_installed(&home));
            assert_eq!(addon.artifacts()[0].state(&home).expect("read"), State::Damaged);
            addon.remove(&home).expect("removed");
            assert!(!addon.folder(&home).exists());
        }
        assert!(Addon::named("standard").is_none());
    }
}
