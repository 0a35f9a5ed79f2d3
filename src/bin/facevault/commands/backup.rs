//! `facevault backup`

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{bytes, duration, path};
use crate::{interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  facevault backup people.vault backup/people-monday.vault
  facevault backup people.vault /media/usb/people.vault && facevault check /media/usb/people.vault";

/// Copy a vault while it is in use
///
/// The copy is the vault as it is at one instant, whole and on the disk before it gets its name.
/// It is a vault itself: to restore it, put it in the place of the other one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The vault's file
    vault: PathBuf,

    /// The copy; it must not be there yet
    copy: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let started = Instant::now();
    let vault = context.vault_for_reading(&arguments.vault)?;
    let bar = progress::filling(&context.output, "copying");
    let _guard = interrupt::Guard::new();
    let mut size = 0;
    let copied = vault.backup(&arguments.copy, |done| {
        bar.set_length(done.total);
        bar.set_position(done.copied);
        size = done.total;
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    match copied {
        Err(error) if interrupt::requested() => return Err(Failure::Interrupted(error.to_string())),
        copied => copied?,
    }
    context.output.answer(&json!({"copy": path(&arguments.copy), "bytes": size}), |text| {
        let took = duration(started.elapsed());
        text.line(format!("copied {} to {} in {took}", bytes(size), arguments.copy.display()))
    })
}
