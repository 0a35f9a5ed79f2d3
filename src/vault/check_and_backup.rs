//! The verbs that read the whole file: check and backup.

use std::path::Path;

use crate::error::Result;
use crate::progress::Progress;
use crate::store::{CheckReport, Erasure};

use super::Vault;

impl Vault {
    /// Reads everything and verifies it: the file's structure, references, every checksum.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the file cannot be read; damage is in the report.
    pub fn check(&self) -> Result<CheckReport> {
        self.store().check()
    }

    /// The vault's generation: it counts the changes of the gallery.
    ///
    /// # Errors
    /// As for every read.
    #[cfg(feature = "http")]
    pub(crate) fn generation(&self) -> Result<u64> {
        self.store().generation()
    }

    /// Bytes of the vault's file and of the log beside it, or of the hub's database; 0 for a vault in memory.
    #[cfg(feature = "http")]
    pub(crate) fn bytes(&self) -> u64 {
        self.store().bytes().unwrap_or(0)
    }

    /// Whether the log beside the vault may still hold what was removed or replaced, by this or another process:
    /// [`Erasure::Pending`], else [`Erasure::Nothing`].
    ///
    /// # Errors
    /// As for every read.
    pub fn erasure(&self) -> Result<Erasure> {
        self.store().erasure()
    }

    /// Erases what is still to be erased, whichever process removed it. A vault does so by itself with the next
    /// write, and when it is closed; a host that keeps a vault open and seldom writes calls this now and then, as
    /// `facevault serve` does each second. [`Erasure::Pending`] where a reader of an older snapshot is in the
    /// way, and for a vault that was opened for reading.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) and as for every write.
    pub fn finish_erasure(&self) -> Result<Erasure> {
        self.store().finish_erasure()
    }

    /// Reads the whole file and overwrites what other programs than facevault may have left of removed rows in the
    /// unused space of its pages, then does as [`Self::finish_erasure`]. What facevault writes needs no such
    /// cleaning.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) and as for every write.
    pub fn clean(&self) -> Result<Erasure> {
        self.file()?.clean()
    }

    /// Whether the vault's file is still where it was opened, and has no second name. Every write asks this
    /// first.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where it was moved, removed or replaced,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where it was given a second name (a hard link).
    pub fn require_in_place(&self) -> Result<()> {
        self.store().require_in_place()
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
        self.file()?.backup(path.as_ref(), progress)
    }
}
