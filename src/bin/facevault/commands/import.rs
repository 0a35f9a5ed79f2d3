//! `facevault import`

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::transfer::{self, Arrival, Arrived, ImportOptions, Refusals, Source, SourceOptions};
use facevault::wire::ErrorAnswer;
use facevault::{Error, ErrorKind, Vault};
use serde_json::{Value, json};

use super::Outcome;
use super::key::BundleKey;
use super::matching::EnrolledLiveness;
use super::person::Known;
use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::interrupt;
use crate::output::{count, duration};
use crate::progress::Shown;

const EXAMPLES: &str = "\
Examples:
  facevault import people.vault people/                        one folder of photos for each person
  facevault import people.vault people/ --ids --skip-existing
  facevault import people.vault staff.csv --collection staff --refusals refused.csv
  facevault import other.vault exported/ --skip-existing       what `facevault export` wrote
  facevault import other.vault people.bundle --bundle-key-file people.key
  facevault import people.vault staff.csv --json | jq -r 'select(.status != \"added\") | .from'

A CSV file names its columns in the first line: name, and any of _id, images, gender, date_of_birth,
nationality, collections, notes, status, expires_at, attribute.KEY, attributes (a JSON object). Several photos or
collections in a cell are separated by `;`. Of a cell that begins with ' before = + - or @ the ' is left out: it
only keeps spreadsheets from taking the text for a formula.

Exit codes: 0 everybody was added or was there before; 1 photos were refused; 2 to 4 somebody was not
added for another reason. All others were added.";

/// Add many people at once, from a folder of photos, a CSV file or an export
///
/// A folder holds one folder for each person, with the person's photos; its name is the person's name.
/// A photo beside these folders is a person with that photo, named by the file. A folder that `facevault export`
/// wrote is taken as it was exported, face encodings included: where they were made by the vault's model, no photo is
/// encoded again, and a new vault takes over the model. Its collections are created where they are missing.
/// So is an encrypted bundle, which is read to its end first: one that was changed or cut short adds nobody.
///
/// Photos of all people are encoded in parallel, and people are written as they are ready: whoever was added stays,
/// whatever happens to the others. After Ctrl-C, run it again with --skip-existing: with ids of your own (a column
/// `_id`, or --ids) whoever was added is passed over. With --json each person is a line, in the order
/// of the import.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The folder, the CSV file, or what was exported
    #[arg(value_name = "FOLDER|CSV|BUNDLE")]
    source: PathBuf,

    /// Take the folders' names as ids too: 1 to 64 of A-Z a-z 0-9 _ -
    #[arg(long)]
    ids: bool,

    /// Pass over people whose id is in the vault; otherwise they count as not added
    #[arg(long)]
    skip_existing: bool,

    /// A collection for all of them, by id or code; repeat it for more
    #[arg(long = "collection", value_name = "ID")]
    collections: Vec<String>,

    /// Create the collections that a CSV file names and the vault does not have, by their ids
    #[arg(long)]
    create_collections: bool,

    /// Encode every photo, also where an export has its encoding
    #[arg(long)]
    encode_anew: bool,

    /// Write who was not added, and why, to this CSV file: also when the import is stopped
    #[arg(long, value_name = "FILE")]
    refusals: Option<PathBuf>,

    #[command(flatten)]
    key: BundleKey,

    #[command(flatten)]
    known: Known,

    #[command(flatten)]
    liveness: EnrolledLiveness,
}

/// The most people who are named at the end; --refusals names all.
const MOST_PROBLEMS: usize = 1_000;

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let started = Instant::now();
    let options = ImportOptions::default()
        .with_collections(arguments.collections.clone())
        .with_skip_existing(arguments.skip_existing)
        .with_duplicates(arguments.known.policy()?)
        .with_create_collections(arguments.create_collections)
        .with_encode_anew(arguments.encode_anew);
    let mut shown = Shown::bar(&context.output);
    let is_sealed = arguments.key.is_given() || transfer::is_bundle(&arguments.source);
    let key = if is_sealed { Some(arguments.key.needed()?) } else { None };
    let source = SourceOptions::default().with_named_ids(arguments.ids).with_key(key);
    let source = Source::open(&arguments.source, &source, &mut shown).map_err(|error| stopped(error, "0 people"))?;
    let vault = opened(arguments, context, &source)?;
    let total = source.people();
    let mut report = arguments.refusals.as_ref().map(Refusals::create).transpose()?;
    let (mut told, mut noted) = (Told::default(), Ok(()));
    let outcome = transfer::import(&vault, source, &options, &mut shown, |arrival| {
        let in_report = report.as_mut().map_or(Ok(()), |report| report.note(arrival));
        let now = in_report.map_err(Failure::from).and(told.note(arrival, context));
        if noted.is_ok() {
            noted = now;
        }
        if noted.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    drop(shown);
    let reported = report.map_or(Ok(()), Refusals::finish);
    let Told { added, passed_over, not_added, problems, code } = told;
    context.output.say(|text| {
        problems.iter().try_for_each(|problem| text.line(problem))?;
        if not_added > problems.len() as u64 {
            text.line(format!("and {} more; --refusals FILE names all", not_added - problems.len() as u64))?;
        }
        let mut line = format!("{} added", count(added, "person", "people"));
        if passed_over > 0 {
            line += &format!(", {passed_over} passed over");
        }
        if not_added > 0 {
            line += &format!(", {not_added} not added");
        }
        text.line(format!("{line} in {}", duration(started.elapsed())))
    })?;
    reported?;
    noted?;
    if outcome?.is_stopped {
        let sentence = format!(
            "interrupted; {added} of {} were added and stay: run it again with --skip-existing, which passes over \
             whoever has an id of yours",
            count(total as u64, "person", "people")
        );
        return Err(Failure::Interrupted(sentence));
    }
    code.map_or(Ok(()), |code| Err(Failure::Told(code)))
}

/// The vault, with an engine only if something has to be encoded.
fn opened(arguments: &Arguments, context: &Context, source: &Source) -> Result<Vault, Failure> {
    let min_liveness = arguments.liveness.min_liveness;
    let encode_anew = arguments.encode_anew || min_liveness.is_some();
    let vault = context.vault(&arguments.vault)?;
    match source.photos_to_encode(&vault, encode_anew)? {
        0 => {
            if let (None, Some(model)) = (vault.active_model()?, source.model()) {
                let sentence = format!(
                    "the vault takes over the model of the export, {} ({}); --encode-anew encodes the photos instead",
                    model.name, model.id
                );
                context.output.notice(&sentence);
            }
            Ok(vault)
        }
        _ => {
            drop(vault);
            Ok(context.vault_with_engine(&arguments.vault)?.with_min_liveness(min_liveness))
        }
    }
}

/// The error of work that was stopped before it began to write.
fn stopped(error: Error, added: &str) -> Failure {
    match error.kind() {
        ErrorKind::Cancelled if interrupt::requested() => {
            Failure::Interrupted(format!("interrupted; {added} were added"))
        }
        _ => error.into(),
    }
}

/// What became of the people so far.
#[derive(Default)]
struct Told {
    added: u64,
    passed_over: u64,
    not_added: u64,
    /// A line for each of the first people who were not added.
    problems: Vec<String>,
    /// The exit code for them.
    code: Option<u8>,
}

impl Told {
    fn note(&mut self, arrival: &Arrival<'_>, context: &Context) -> Outcome {
        let from = arrival.from;
        let line: Value = match &arrival.outcome {
            Ok(Arrived::Added { id, images, .. }) => {
                self.added += 1;
                json!({"from": from, "status": "added", "_id": id, "image_count": images})
            }
            Ok(_) => {
                self.passed_over += 1;
                json!({"from": from, "status": "exists"})
            }
            Err(error) => {
                self.not_added += 1;
                let code = exit_code(error.kind());
                self.code = Some(self.code.map_or(code, |told| if code == 1 { code } else { told }));
                if self.problems.len() < MOST_PROBLEMS {
                    self.problems.push(format!("{from}: {}", sentence(error, arrival.photos)));
                }
                json!({"from": from, "status": "not_added", "error": ErrorAnswer(error)})
            }
        };
        if context.output.is_json() { context.output.json_line(&line) } else { Ok(()) }
    }
}

/// The error, with the file of each photo that was refused.
fn sentence(error: &Error, photos: &[String]) -> String {
    let refusals: Vec<String> = error
        .images()
        .iter()
        .filter_map(|image| {
            let file = photos.get(image.index).map_or("", String::as_str);
            image.refusal.as_ref().map(|refusal| format!("{file}: {refusal}"))
        })
        .collect();
    if refusals.is_empty() { error.to_string() } else { refusals.join("; ") }
}
