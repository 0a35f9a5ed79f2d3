//! `facevault person import`

mod source;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::wire::ErrorAnswer;
use facevault::{DuplicatePolicy, Error, ErrorKind, NewPerson, Person, Progress, Step, Vault};
use serde_json::{Value, json};

use super::Outcome;
use super::known::Known;
use crate::commands::matching::EnrolledLiveness;
use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::interrupt;
use crate::output::{count, duration};
use crate::photo;
use crate::progress::Shown;
use source::{Entry, Origin};

const EXAMPLES: &str = "\
Examples:
  facevault person import people.vault people/                 one folder of photos for each person
  facevault person import people.vault people/ --ids --skip-existing
  facevault person import people.vault staff.csv --collection collection_staff
  facevault person import people.vault staff.csv --json | jq -r 'select(.status != \"added\") | .from'

A CSV file names its columns in the first line: name, and any of _id, images, gender, date_of_birth,
nationality, collections, notes, status, attribute.KEY. Several photos or collections in a cell are separated by `;`.

Exit codes: 0 everybody was added or was there before; 1 photos were refused; 2 to 4 somebody was not
added for another reason. All others were added.";

/// Add many people at once, from a folder of photos or a CSV file
///
/// A folder holds one folder for each person, with the person's photos; its name is the person's name.
/// A photo beside these folders is a person with that photo, named by the file. Photos of all people are
/// encoded in parallel, and people are written as they are ready: whoever was added stays, whatever
/// happens to the others. After Ctrl-C, run it again with --skip-existing: with ids of your own (a column
/// `_id`, or --ids) whoever was added is passed over. With --json each person is a line, in the order
/// of the import.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The vault's file
    vault: PathBuf,

    /// The folder or the CSV file
    #[arg(value_name = "FOLDER|CSV")]
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

    #[command(flatten)]
    known: Known,

    #[command(flatten)]
    liveness: EnrolledLiveness,
}

/// The most people of one call, and the most bytes of photos: as much is in memory.
const MOST_PEOPLE: usize = 500;
const MOST_BYTES: usize = 64 << 20;

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let started = Instant::now();
    let policy = arguments.known.policy()?;
    let entries = source::read(&arguments.source, arguments.ids)?;
    let vault = match entries.iter().all(|entry| entry.origin.photos.is_empty()) {
        true => context.vault(&arguments.vault)?,
        false => context.vault_with_engine(&arguments.vault)?.with_min_liveness(arguments.liveness.min_liveness),
    };
    for name in &arguments.collections {
        vault.collection(name)?;
    }
    let total = entries.len();
    let photos = entries.iter().map(|entry| entry.origin.photos.len()).sum();
    let mut import = Import {
        arguments,
        context,
        vault: &vault,
        policy,
        shown: Shown::bar(&context.output),
        photos,
        photos_done: 0,
        told: Told::default(),
    };
    let outcome = import.go(entries);
    let Import { told, shown, .. } = import;
    drop(shown);
    let Told { added, skipped, problems, code } = told;
    context.output.say(|text| {
        problems.iter().try_for_each(|problem| text.line(problem))?;
        let mut line = format!("{} added", count(added, "person", "people"));
        if skipped > 0 {
            line += &format!(", {skipped} passed over");
        }
        if !problems.is_empty() {
            line += &format!(", {} not added", problems.len());
        }
        text.line(format!("{line} in {}", duration(started.elapsed())))
    })?;
    if !outcome? {
        let sentence = format!(
            "interrupted; {added} of {} were added and stay: run it again with --skip-existing, which passes over \
             whoever has an id of yours",
            count(total as u64, "person", "people")
        );
        return Err(Failure::Interrupted(sentence));
    }
    code.map_or(Ok(()), |code| Err(Failure::Told(code)))
}

struct Import<'a> {
    arguments: &'a Arguments,
    context: &'a Context,
    vault: &'a Vault,
    policy: DuplicatePolicy,
    shown: Shown<'a>,
    photos: usize,
    photos_done: usize,
    told: Told,
}

/// What became of the people so far.
#[derive(Default)]
struct Told {
    added: u64,
    skipped: u64,
    /// A line for each person who was not added.
    problems: Vec<String>,
    /// The exit code for them.
    code: Option<u8>,
}

impl Import<'_> {
    /// Adds people, as many at a time as fit into memory. Returns whether nobody stopped it.
    fn go(&mut self, entries: Vec<Entry>) -> Result<bool, Failure> {
        let mut entries = entries.into_iter().peekable();
        while entries.peek().is_some() {
            let (mut group, mut bytes) = (Vec::new(), 0);
            while group.len() < MOST_PEOPLE && bytes < MOST_BYTES {
                let Some(Entry { origin, new }) = entries.next() else { break };
                if interrupt::requested() {
                    return Ok(false);
                }
                let read = new.and_then(|new| self.with_photos(new, &origin.photos));
                bytes += read.as_ref().map_or(0, |new| new.images.iter().map(|photo| photo.len()).sum());
                group.push((origin, read));
            }
            if !self.add(group)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The person with the photos that these files hold.
    fn with_photos(&self, mut new: NewPerson, photos: &[PathBuf]) -> Result<NewPerson, Error> {
        new.collections.extend(self.arguments.collections.iter().cloned());
        new.images = photo::read_files(photos, &self.context.limits()).map_err(|failure| match failure {
            Failure::Error { error, .. } => error,
            _ => Error::new(ErrorKind::Io, "the photos cannot be read"),
        })?;
        Ok(new)
    }

    fn add(&mut self, group: Vec<(Origin, Result<NewPerson, Error>)>) -> Result<bool, Failure> {
        let (origins, read): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let mut people = Vec::new();
        let mut unread: Vec<Option<Error>> = Vec::with_capacity(read.len());
        for new in read {
            unread.push(new.map(|new| people.push(new)).err());
        }
        let (shown, done, photos) = (&mut self.shown, self.photos_done, self.photos);
        let mut watch = |step: Step<'_>| match photos {
            0 => shown.report(step),
            _ => shown.report(Step::items("encoding photos", done + step.done as usize, photos)),
        };
        let mut outcomes = self.vault.create_persons(&people, &self.policy, &mut watch)?.into_iter();
        drop(people);
        let mut is_whole = true;
        for (origin, unread) in origins.iter().zip(unread) {
            let outcome = match unread {
                Some(error) => Err(error),
                None => {
                    outcomes.next().unwrap_or_else(|| Err(Error::new(ErrorKind::Runtime, "a person has no outcome")))
                }
            };
            match outcome {
                Err(error) if error.kind() == ErrorKind::Cancelled => is_whole = false,
                outcome => self.tell(origin, outcome)?,
            }
            self.photos_done += origin.photos.len();
        }
        Ok(is_whole)
    }

    fn tell(&mut self, origin: &Origin, outcome: Result<Person, Error>) -> Outcome {
        let line: Value = match outcome {
            Ok(person) => {
                self.told.added += 1;
                json!({"from": origin.from, "status": "added", "_id": person.id, "image_count": person.images.len()})
            }
            Err(error) if self.passes_over(&error) => {
                self.told.skipped += 1;
                json!({"from": origin.from, "status": "exists"})
            }
            Err(error) => {
                let code = exit_code(error.kind());
                self.told.code = Some(self.told.code.map_or(code, |told| if code == 1 { code } else { told }));
                self.told.problems.push(format!("{}: {}", origin.from, sentence(&error, origin)));
                json!({"from": origin.from, "status": "not_added", "error": ErrorAnswer(&error)})
            }
        };
        if self.context.output.is_json() { self.context.output.json_line(&line) } else { Ok(()) }
    }

    /// Whether it is the id that is in the vault, and that is no problem.
    fn passes_over(&self, error: &Error) -> bool {
        self.arguments.skip_existing && error.kind() == ErrorKind::AlreadyExists && error.duplicate().is_none()
    }
}

/// The error, with the file of each photo that was refused.
fn sentence(error: &Error, origin: &Origin) -> String {
    let refusals: Vec<String> = error
        .images()
        .iter()
        .filter_map(|image| {
            let file = origin.photos.get(image.index).and_then(|path| path.file_name()).unwrap_or_default();
            image.refusal.as_ref().map(|refusal| format!("{}: {refusal}", file.to_string_lossy()))
        })
        .collect();
    if refusals.is_empty() { error.to_string() } else { refusals.join("; ") }
}
