//! `facevault check`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::{EncodingMode, ErrorKind};
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::output::{Mark, duration};
use crate::place;

const EXAMPLES: &str = "\
Examples:
  facevault check people.vault
  facevault check people.vault --json | jq -r '.data.problems[].message'";

/// Read a whole vault and verify it
///
/// Checks the file's structure, every reference, and every photo and encoding against its checksum.
/// If there is damage, the exit code is 4 and the persons concerned are named; everything else can
/// still be read.
/// Others may go on using the vault meanwhile.
/// It also says whether what was removed waits in the log to be erased.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let started = Instant::now();
    let vault = context.vault_for_reading(&arguments.vault)?;
    let report = vault.check()?;
    // Where the file is too damaged for this, the report says so.
    let model = vault.active_model().ok().flatten();
    let problems: Vec<Value> =
        report.problems.iter().map(|problem| json!({"person": problem.person, "message": problem.what})).collect();
    let data = json!({
        "clean": report.is_clean(),
        "persons": report.persons,
        "images": report.images,
        "without_photo": report.without_photo,
        "encodings": report.encodings,
        "erasure": if report.erasure_pending { "pending" } else { "done" },
        "audit_entries": report.audit_entries,
        "problems": problems,
        "model": model.as_ref().map(|model| {
            json!({"id": model.id.to_string(), "name": model.name, "mode": model.mode})
        }),
    });
    context.output.answer(&data, |text| {
        for problem in &report.problems {
            match &problem.person {
                Some(person) => text.check(Mark::Bad, format!("{person}: {}", problem.what))?,
                None => text.check(Mark::Bad, &problem.what)?,
            }
        }
        let mark = if report.is_clean() { Mark::Good } else { Mark::Bad };
        let found = if report.is_clean() { "no damage".to_owned() } else { format!("{} damages", problems.len()) };
        let (persons, images, encodings) = (report.persons, report.images, report.encodings);
        let took = duration(started.elapsed());
        text.check(mark, format!("{found} in {persons} people, {images} photos, {encodings} encodings ({took})"))?;
        if report.without_photo > 0 {
            text.line(format!("{} of the encodings were given without a photo", report.without_photo))?;
        }
        if report.erasure_pending {
            text.line(match place::is_hub(vault.path()) {
                true => "what was removed or replaced is in the hub's files until PostgreSQL's vacuum overwrites it",
                false => "what was removed or replaced is still in the log beside the vault: the next write erases it",
            })?;
        }
        model.iter().try_for_each(|model| {
            let mode = model.mode.map_or("unknown", EncodingMode::as_str);
            text.line(format!("model {} ({}), encoding mode {mode}", model.name, model.id))
        })
    })?;
    if report.is_clean() { Ok(()) } else { Err(Failure::Told(exit_code(ErrorKind::Corrupt))) }
}
