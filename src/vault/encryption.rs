//! Encrypting a vault that is there, decrypting it, and changing its key.

use std::path::Path;

use crate::error::Result;
use crate::progress::Progress;
use crate::store::Store;
use crate::vault_key::VaultKey;

use super::Vault;

impl Vault {
    /// Encrypts the vault at `path`, which nobody may have open. A new file takes its place in one step, so that a
    /// process that is killed leaves the old vault or the new one; call this again then. Needs room for a second file.
    /// `progress` may break it off: then nothing has changed.
    ///
    /// Gives `false` where the vault is encrypted with this key already.
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) where somebody has the vault open, [`Key`](crate::ErrorKind::Key) where it is
    /// encrypted with another key, [`Unsupported`](crate::ErrorKind::Unsupported) where the file is no vault or has
    /// several names, [`Io`](crate::ErrorKind::Io) where there is not enough room,
    /// [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn encrypt(path: impl AsRef<Path>, key: &VaultKey, progress: &mut dyn Progress) -> Result<bool> {
        Store::recode(path, None, Some(key), progress)
    }

    /// Makes the encrypted vault at `path` one in plain, as [`Self::encrypt`] does it. Gives `false` where it is in plain
    /// already.
    ///
    /// # Errors
    /// As for [`Self::encrypt`].
    pub fn decrypt(path: impl AsRef<Path>, key: &VaultKey, progress: &mut dyn Progress) -> Result<bool> {
        Store::recode(path, Some(key), None, progress)
    }

    /// Gives the encrypted vault at `path` another key, as [`Self::encrypt`] does it: everything is encrypted anew. Gives
    /// `false` where it has the new key already. Backups keep the key that they were made with.
    ///
    /// # Errors
    /// As for [`Self::encrypt`].
    pub fn rekey(path: impl AsRef<Path>, old: &VaultKey, new: &VaultKey, progress: &mut dyn Progress) -> Result<bool> {
        Store::recode(path, Some(old), Some(new), progress)
    }
}
