//! Where the people are that a command works with: a vault's file or, where VAULT is an address, a hub.

use std::borrow::Cow;
use std::path::Path;

use facevault::{Error, ErrorKind, Result, Vault, VaultOptions};

/// What help says of an argument that names a vault.
#[cfg(feature = "hub")]
pub(crate) const VAULT: &str = "The vault's file, or the address of a hub, postgres://...";
/// What help says of an argument that names a vault.
#[cfg(not(feature = "hub"))]
pub(crate) const VAULT: &str = "The vault's file";

/// Opens the vault or the hub that `named` names.
pub(crate) fn open(named: &Path, options: VaultOptions) -> Result<Vault> {
    match hub_address(named) {
        Some(address) => open_hub(&address, options),
        None => Vault::open(named, options),
    }
}

/// The same for looking only. A hub is opened as for writing: the server knows whether its user may write.
pub(crate) fn open_read_only(named: &Path, options: VaultOptions) -> Result<Vault> {
    match hub_address(named) {
        Some(address) => open_hub(&address, options),
        None => Vault::open_read_only(named, options),
    }
}

/// Makes a vault; hubs are made by `facevault hub init`.
pub(crate) fn create(named: &Path, options: VaultOptions) -> Result<Vault> {
    require_file(named, "`facevault hub init` makes a database a hub")?;
    Vault::create(named, options)
}

/// Refuses a hub where only a file will do. `instead` says what to do.
pub(crate) fn require_file(named: &Path, instead: &str) -> Result<()> {
    match hub_address(named) {
        Some(_) => Err(Error::new(ErrorKind::Unsupported, format!("a hub has no file: {instead}"))),
        None => Ok(()),
    }
}

/// What `named` is called in answers: a file as the command line has it, a hub without the password of its address.
pub(crate) fn shown<'a>(named: &'a Path, vault: &'a Vault) -> &'a Path {
    if is_hub(named) { vault.path() } else { named }
}

/// Whether a path that an argument or a vault gives names a hub.
pub(crate) fn is_hub(path: &Path) -> bool {
    hub_address(path).is_some()
}

/// The address, where `named` is a hub's. Bytes that are no text are in no good address: the server refuses it.
fn hub_address(named: &Path) -> Option<Cow<'_, str>> {
    Some(named.to_string_lossy()).filter(|text| is_address(text))
}

#[cfg(feature = "hub")]
fn is_address(text: &str) -> bool {
    facevault::Hub::is_address(text)
}

#[cfg(not(feature = "hub"))]
fn is_address(text: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme))
}

#[cfg(feature = "hub")]
fn open_hub(address: &str, options: VaultOptions) -> Result<Vault> {
    Vault::open_hub(address, options)
}

#[cfg(not(feature = "hub"))]
fn open_hub(_: &str, _: VaultOptions) -> Result<Vault> {
    let message = "this facevault was built without hubs: build it with the feature `hub`, or name a vault's file";
    Err(Error::new(ErrorKind::Unsupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_file_and_is_not_repeated() {
        for (text, is_an_address) in [
            ("postgres://owner:secret@127.0.0.1:1/db", true),
            ("postgresql:///db", true),
            ("people.vault", false),
            ("./postgres://db", false),
            ("postgres:/db", false),
        ] {
            assert_eq!(is_hub(Path::new(text)), is_an_address, "{text}");
        }
        let hub = Path::new("postgres://owner:secret@127.0.0.1:1/db");
        for error in [
            create(hub, VaultOptions::default()).expect_err("no file"),
            require_file(hub, "copy the database").expect_err("no file"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().starts_with("a hub has no file: "), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
