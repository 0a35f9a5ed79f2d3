//! The keys of encrypted vaults, where the feature `encryption` is built in.

use std::path::Path;

use facevault::{Progress, Result, Rule};
use serde_json::json;

use crate::answer::json_text;
use crate::guard::guard;
use crate::request::Request;

/// Whether vaults can be encrypted, which is the feature `encryption`.
#[must_use]
pub const fn has_encryption() -> bool {
    cfg!(feature = "encryption")
}

/// Encrypts the vault at `path`, decrypts it, or gives it another key. Nobody may have it open; what is killed or
/// cancelled leaves the old vault whole. Answers `{"changed": false}` where the vault is so already.
///
/// * `from`: the key that it has, `{"key"}` or `{"passphrase"}` as for [`open_vault`](crate::open_vault); in plain where
///   it is absent.
/// * `to`: the key that it gets; in plain where it is absent.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) for bad options, [`Unsupported`](facevault::ErrorKind::Unsupported) where
/// [`has_encryption`] is false, and those of [`Vault::rekey`](facevault::Vault).
pub fn rekey(path: &Path, options: &[u8], progress: &mut dyn Progress) -> Result<String> {
    guard(|| {
        let mut request = Request::parse(options)?;
        let mut keys = [None, None];
        for (place, field) in ["from", "to"].into_iter().enumerate() {
            if let Some(mut inside) = request.object(field) {
                keys[place] = key(&mut inside)?;
                if keys[place].is_none() {
                    inside.require("key");
                }
                request.absorb(inside);
            }
        }
        if keys.iter().all(Option::is_none) {
            request.broken("to", Rule::Other("must be there where from is not".to_owned()));
        }
        request.finish()?;
        json_text(&json!({"changed": recode(path, keys, progress)?}))
    })
}

#[cfg(feature = "encryption")]
mod keys {
    use facevault::{Vault, VaultKey};
    use zeroize::Zeroizing;

    use super::{Path, Progress, Request, Result, Rule};

    pub(crate) type Key = VaultKey;

    /// The key of a request: `key`, 64 hexadecimal digits, or `passphrase`. Nothing of it is in an error.
    pub(crate) fn key(request: &mut Request) -> Result<Option<Key>> {
        let raw = request.text("key").map(Zeroizing::new);
        if raw.is_some() && request.names("passphrase") {
            request.broken("passphrase", Rule::Other("must not come together with key".to_owned()));
        }
        let phrase = request.parsed_text("passphrase", VaultKey::passphrase);
        let Some(raw) = raw else { return Ok(phrase) };
        if raw.len() == 64 && raw.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return VaultKey::parse(&raw).map(Some);
        }
        request.broken("key", Rule::Other("must be 64 hexadecimal digits: 256 random bits".to_owned()));
        Ok(None)
    }

    pub(super) fn recode(path: &Path, keys: [Option<Key>; 2], progress: &mut dyn Progress) -> Result<bool> {
        match keys {
            [Some(old), Some(new)] => Vault::rekey(path, &old, &new, progress),
            [Some(old), None] => Vault::decrypt(path, &old, progress),
            [None, Some(new)] => Vault::encrypt(path, &new, progress),
            [None, None] => Ok(false),
        }
    }
}

#[cfg(not(feature = "encryption"))]
mod keys {
    use facevault::{Error, ErrorKind};
    use zeroize::Zeroizing;

    use super::{Path, Progress, Request, Result};

    /// There are none.
    pub(crate) enum Key {}

    pub(crate) fn key(request: &mut Request) -> Result<Option<Key>> {
        let is_named = request.names("key") || request.names("passphrase");
        drop((request.text("key").map(Zeroizing::new), request.text("passphrase").map(Zeroizing::new)));
        match is_named {
            true => Err(Error::new(
                ErrorKind::Unsupported,
                "there is a key, but this facevault was built without the feature `encryption`: build it with that, or \
                 use vaults that are not encrypted, without a key",
            )),
            false => Ok(None),
        }
    }

    pub(super) fn recode(_: &Path, keys: [Option<Key>; 2], _: &mut dyn Progress) -> Result<bool> {
        match keys {
            [Some(key), _] | [_, Some(key)] => match key {},
            [None, None] => Ok(false),
        }
    }
}

pub(crate) use keys::key;
use keys::recode;
