//! `facevault init`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::interrupt::Guard;
use crate::output::path;
use crate::place;

const EXAMPLES: &str = "\
Examples:
  facevault init people.vault
  facevault init people.vault --client hotel-lobby     persons belong to this client";

/// Create a vault
///
/// A vault is one file. Everything that is kept of people is in it; models are not, so the file
/// can be copied to another machine. The file must not be there yet. Its first client (the tenant
/// that persons belong to) gets an id of its own unless --client names one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The file to create
    vault: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // From here on Ctrl-C waits: a vault that is there is answered as created.
    let _whole = Guard::new();
    let vault = place::create(&arguments.vault, context.vault_options(None)?)?;
    let data = json!({"vault": path(&arguments.vault), "client": vault.client()});
    context.output.answer(&data, |text| {
        text.line(format!("created {}", arguments.vault.display()))?;
        text.line(format!("client  {}", vault.client()))
    })
}
