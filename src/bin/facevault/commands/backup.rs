//! `facevault backup`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::Step;
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::interrupt::Guard;
use crate::output::{bytes, duration, path};
use crate::place;
use crate::progress::watched;

const EXAMPLES: &str = "\
Examples:
  facevault backup people.vault backup/people-monday.vault
  facevault backup people.vault /media/usb/people.vault && facevault check /media/usb/people.vault";

/// Copy a vault while it is in use
///
/// The copy shows the vault at one instant. It gets its name only when it is complete and on disk.
/// It is a vault itself: to restore it, put it in place of the original.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The vault's file
    vault: PathBuf,

    /// The copy; it must not be there yet
    copy: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // Ctrl-C before the last byte leaves nothing; after it, the copy is there and is answered.
    let _whole = Guard::new();
    let started = Instant::now();
    place::require_file(&arguments.copy, "name the file to copy to")?;
    let vault = context.vault_for_reading(&arguments.vault)?;
    let mut size = 0;
    watched(&context.output, |progress| {
        let mut noting = |step: Step<'_>| {
            size = step.total.unwrap_or(size);
            progress.report(step)
        };
        vault.backup(&arguments.copy, &mut noting)
    })?;
    context.output.answer(&json!({"copy": path(&arguments.copy), "bytes": size}), |text| {
        let took = duration(started.elapsed());
        text.line(format!("copied {} to {} in {took}", bytes(size), arguments.copy.display()))
    })
}
