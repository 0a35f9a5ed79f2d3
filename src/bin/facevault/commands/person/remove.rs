//! `facevault person remove`

use clap::Args;
use serde_json::json;

use super::{Outcome, Subject};
use crate::commands::confirm;
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  facevault person remove people.vault person_123456789
  facevault person remove people.vault person_123456789 --yes";

/// Remove a person for good
///
/// The person, the photos and the encodings are overwritten in the file and its log: nothing of them is left.
/// Where another program is reading an older state, the log keeps them for a while ("erasure": "pending" in JSON);
/// whoever writes next erases them, and so does a server. In a hub PostgreSQL's vacuum overwrites them, always later.
/// Copies of the file and backups keep them.
///
/// With the receipt it can be proved later that this person was removed (`facevault audit receipt`). It reveals
/// nothing about the person to others. The vault does not keep it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    subject: Subject,

    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let Subject { vault, id } = &arguments.subject;
    let vault = context.vault(vault)?;
    let question = || {
        let person = vault.person(id)?;
        Ok(format!("remove {id}, {:?} with {} photos, for good?", person.name, person.images.len()))
    };
    confirm::removal(arguments.yes, question, context)?;
    let removed = vault.remove_person(id)?;
    let receipt = removed.receipt.map(|receipt| receipt.reveal());
    let data = json!({"_id": id, "erasure": removed.erasure.as_str(), "receipt": receipt});
    context.output.answer(&data, |text| {
        text.line(format!("removed {id}"))?;
        match receipt.as_ref().filter(|_| !context.output.is_quiet()) {
            Some(receipt) => text.line(format!("receipt {receipt}")),
            None => Ok(()),
        }
    })?;
    Ok(context.notice_pending_erasure(&vault)?)
}
