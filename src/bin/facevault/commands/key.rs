//! `facevault key`, and the keys of bundles

use std::path::{Path, PathBuf};

use clap::Args;
use facevault::{Error, ErrorKind, VaultKey};
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::output::path;

const KEY: &str = "\
Examples:
  facevault key people.key
  facevault export people.vault people.bundle --bundle-key-file people.key";

/// Make a key file for encrypted exports and vaults
///
/// The file holds 256 random bits as 64 hexadecimal digits, and only you can read it. You can also write a key
/// file yourself: a line with a passphrase of at least 12 characters, readable by you alone (`chmod 600`).
/// Keep a copy of the key where the vault or the export is not: without it, what it encrypts is lost.
#[derive(Debug, Args)]
#[command(after_help = KEY)]
pub(crate) struct Key {
    /// The file to create
    file: PathBuf,
}

pub(super) fn run(arguments: &Key, context: &Context) -> Outcome {
    VaultKey::create_file(&arguments.file)?;
    context.output.answer(&json!({"keyFile": path(&arguments.file)}), |text| {
        text.line(format!("created {}; without this key, what it encrypts is lost", arguments.file.display()))
    })
}

/// Names the file with the key where the option does not.
const VARIABLE: &str = "FACEVAULT_BUNDLE_KEY_FILE";

/// The option that names the key of a bundle.
#[derive(Debug, Args)]
pub(super) struct BundleKey {
    /// The file with the key of an encrypted bundle, which only you may be able to read; without this option
    /// FACEVAULT_BUNDLE_KEY_FILE names it
    #[arg(long = "bundle-key-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl BundleKey {
    /// Whether the option was given, and not just the variable set.
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some()
    }

    /// The key; `None` where nothing names it.
    pub(super) fn read(&self) -> Result<Option<VaultKey>, Error> {
        let variable = std::env::var_os(VARIABLE).filter(|file| !file.is_empty());
        let file = self.file.as_deref().or(variable.as_deref().map(Path::new));
        file.map(VaultKey::from_file).transpose()
    }

    /// The key, which there must be.
    pub(super) fn needed(&self) -> Result<VaultKey, Error> {
        let missing = || {
            let message =
                "name the file with the key of the bundle: --bundle-key-file FILE; `facevault key FILE` makes one";
            Error::new(ErrorKind::Key, message)
        };
        self.read()?.ok_or_else(missing)
    }
}
