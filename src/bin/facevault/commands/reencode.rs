//! `facevault reencode`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::{ErrorKind, ReencodeOptions};
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::output::{Listing, count, duration};
use crate::progress::watched;

const EXAMPLES: &str = "\
Examples:
  facevault reencode people.vault --pack opencv
  facevault reencode people.vault --pack opencv --keep-old     makes it quick to change back
  facevault reencode people.vault --pack ./my-pack --json | jq -r '.data.unencoded[].person'

Exit code 1: photos give no encoding by the new model, and the old one stays.";

/// Change the model of a vault: encode all stored photos anew
///
/// Encodes every photo that has no encoding by the models of --pack yet, in parallel and in small
/// steps. Until all are done, searches use the old encodings; then the vault changes to the new
/// model in one step. It may be interrupted or lose power at any moment: run it again, and it
/// continues where it stopped.
///
/// A photo that gives no encoding by the new models is listed with the reason. Replace or remove it
/// and run again, or say --leave-out. So is an encoding that was given without a photo: nothing can
/// make it anew, and it stays in the vault in any case.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// Keep the old encodings beside the new ones
    #[arg(long)]
    keep_old: bool,

    /// Change the model even if some photos give no encoding: people with no other photos cannot be found then
    #[arg(long)]
    leave_out: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let started = Instant::now();
    let vault = context.vault_with_engine(&arguments.vault)?;
    let options = ReencodeOptions::default().with_keep_old(arguments.keep_old).with_leave_out(arguments.leave_out);
    let reencoded = watched(&context.output, |progress| vault.reencode(&options, progress));
    let reencoded = reencoded.map_err(|failure| match failure {
        Failure::Interrupted(_) => Failure::Interrupted(
            "interrupted; what was encoded stays, and people are found as before: run it again to continue".into(),
        ),
        other => other,
    })?;
    let unencoded: Vec<Value> = reencoded
        .unencoded
        .iter()
        .map(|photo| {
            let refusal = &photo.refusal;
            json!({
                "client": photo.client,
                "person": photo.person,
                "image": photo.image,
                "code": refusal.code,
                "measured": refusal.measured,
                "limit": refusal.limit,
                "message": refusal.message,
            })
        })
        .collect();
    let model = &reencoded.model;
    let data = json!({
        "model": {"id": model.id.to_string(), "name": model.name, "dimension": model.dimension},
        "encoded": reencoded.encoded,
        "unencoded": unencoded,
        "without_photo": reencoded.without_photo(),
        "is_active": reencoded.is_active,
    });
    context.output.answer(&data, |text| {
        let took = duration(started.elapsed());
        text.line(format!("{} encoded with {} in {took}", count(reencoded.encoded, "photo", "photos"), model.name))?;
        let mut listing = Listing::new(&["PERSON", "PHOTO", "NOT ENCODED BECAUSE"]);
        for photo in &reencoded.unencoded {
            listing.row([photo.person.as_str(), photo.image.as_str(), &photo.refusal.to_string()]);
        }
        if !listing.is_empty() {
            text.listing(&listing, "")?;
        }
        if reencoded.without_photo() > 0 {
            let given = count(reencoded.without_photo() as u64, "encoding was", "encodings were");
            text.line(format!("{given} given without a photo and cannot be made anew by another model"))?;
        }
        if reencoded.is_active {
            return text.line(format!("the vault's model is {} ({})", model.name, model.id));
        }
        text.line("the vault keeps its model: replace or remove these photos and run again, or say --leave-out")
    })?;
    if reencoded.is_active { Ok(()) } else { Err(Failure::Told(exit_code(ErrorKind::Refused))) }
}
