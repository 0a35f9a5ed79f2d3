//! `facevault encrypt`, `decrypt` and `rekey`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::{Progress, Result, Vault, VaultKey};
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::output::{duration, path};
use crate::place;
use crate::progress::watched;

const ENCRYPT: &str = "\
Examples:
  facevault encrypt people.vault --key-file people.key";

/// Encrypt a vault with the key of --key-file
///
/// Nobody may have the vault open. A new file is written beside it and takes its place in one step, so
/// whenever the command ends, even by kill -9, there is one whole vault, encrypted or not; run it again then. It
/// needs room for a second file. The old file is overwritten with zeros before it is deleted, but flash memory and
/// some file systems keep old blocks, and backups made before stay as they are.
#[derive(Debug, Args)]
#[command(after_help = ENCRYPT)]
pub(crate) struct Encrypt {
    /// The vault's file
    vault: PathBuf,
}

const DECRYPT: &str = "\
Examples:
  facevault decrypt people.vault --key-file people.key";

/// Decrypt a vault for good
///
/// Works as `facevault encrypt` does. Afterwards everybody who can read the file can read what is in it.
#[derive(Debug, Args)]
#[command(after_help = DECRYPT)]
pub(crate) struct Decrypt {
    /// The vault's file
    vault: PathBuf,
}

const REKEY: &str = "\
Examples:
  facevault key new.key
  facevault rekey people.vault --key-file people.key --new-key-file new.key";

/// Give an encrypted vault another key
///
/// Everything is encrypted anew, as `facevault encrypt` does it. Backups keep the key that they were made with.
#[derive(Debug, Args)]
#[command(after_help = REKEY)]
pub(crate) struct Rekey {
    /// The vault's file
    vault: PathBuf,

    /// The file with the new key
    #[arg(long, value_name = "FILE")]
    new_key_file: PathBuf,
}

pub(super) fn encrypt(arguments: &Encrypt, context: &Context) -> Outcome {
    let key = context.needed_key()?;
    recode(&arguments.vault, context, "encrypted", |vault, progress| Vault::encrypt(vault, &key, progress))
}

pub(super) fn decrypt(arguments: &Decrypt, context: &Context) -> Outcome {
    let key = context.needed_key()?;
    recode(&arguments.vault, context, "decrypted", |vault, progress| Vault::decrypt(vault, &key, progress))
}

pub(super) fn rekey(arguments: &Rekey, context: &Context) -> Outcome {
    let (old, new) = (context.needed_key()?, VaultKey::from_file(&arguments.new_key_file)?);
    recode(&arguments.vault, context, "given its new key", |vault, progress| Vault::rekey(vault, &old, &new, progress))
}

fn recode(
    vault: &PathBuf,
    context: &Context,
    done: &str,
    work: impl FnOnce(&PathBuf, &mut dyn Progress) -> Result<bool>,
) -> Outcome {
    place::require_file(vault, "encrypt the disk of PostgreSQL's server instead")?;
    let started = Instant::now();
    let changed = watched(&context.output, |progress| work(vault, progress))?;
    context.output.answer(&json!({"vault": path(vault), "changed": changed}), |text| {
        text.line(match changed {
            true => format!("{} was {done} in {}", vault.display(), duration(started.elapsed())),
            false => format!("{} was {done} already", vault.display()),
        })
    })
}
