//! `facevault person show`

use clap::Args;

use super::{Outcome, Subject, card};
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  facevault person show people.vault person_123456789
  facevault person show people.vault person_123456789 --json | jq .data.faceEncodings";

/// Show a person
///
/// With --json the answer is the person object of the HTTP API: photos and face encodings as base64,
/// in the same order; an encoding is little-endian 32-bit floats.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    subject: Subject,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let person = context.vault_for_reading(&arguments.subject.vault)?.person(&arguments.subject.id)?;
    context.output.answer(&person, |text| {
        text.line(format!("{}, version {}", person.id, person.version))?;
        card::print(&person, text)
    })
}
