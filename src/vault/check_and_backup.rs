//! The verbs that read the whole file: check and backup.

use std::path::Path;

use crate::error::Result;
use crate::progress::Progress;
use crate::store::CheckReport;

use super::Vault;

impl Vault {
    /// Reads everything and verifies it: the file's structure, references, every checksum.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the file cannot be read; damage is in the report.
    pub fn check(&self) -> Result<CheckReport> {
        self.store().check()
    }

    /// Writes a copy of the vault as it is at one instant to `path`, while others go on using it.
    /// `progress` counts bytes and may break it off.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where there is a file,
    /// [`Io`](crate::ErrorKind::Io) where it cannot be written,
    /// [`Cancelled`](crate::ErrorKind::Cancelled) where it was broken off; nothing is left behind
    /// then.
    pub fn backup(&self, path: impl AsRef<Path>, progress: &mut dyn Progress) -> Result<()> {
        self.store().backup(path.as_ref(), progress)
    }
}
