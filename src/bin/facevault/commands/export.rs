//! `facevault export`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use facevault::transfer::{self, ExportOptions, Form};
use facevault::{AuditScope, Error, Rule};
use serde_json::json;

use super::Outcome;
use super::key::BundleKey;
use crate::context::Context;
use crate::interrupt::Guard;
use crate::output::{count, duration, path};
use crate::progress::watched;

const EXAMPLES: &str = "\
Examples:
  facevault export people.vault exported                       a folder that `facevault import` takes back
  facevault export people.vault staff.csv --collection staff   a table, without photos and encodings
  facevault key people.key
  facevault export people.vault people.bundle --bundle-key-file people.key
  facevault export people.vault numbers --without-photos       the fields, and encodings.bin for NumPy
  facevault import other.vault exported --skip-existing

In the folder: people.csv and collections.csv; encodings.bin with the face encodings; people/ with a folder of photos
for each person; facevault-export.json, by which `facevault import` knows it. A text that a spreadsheet would take for a
formula (it begins with = + - or @) has a ' before it, which `facevault import` takes off again.";

/// Write people to a folder, a CSV file or an encrypted bundle
///
/// A folder has everything that `facevault import` needs to make the same people again: ids, fields, attributes,
/// collections, photos in their order, and face encodings, so that nothing has to be encoded again. A CSV file has the
/// fields alone. A bundle is one file with everything that the folder has, encrypted with the key of a key file, as
/// vaults are (`facevault key`): 256 bits, or a passphrase of at least 12 characters. All files can be read by you only. The destination gets its name when it is complete and on disk;
/// until then it is called .NAME.partial, and if the command is killed, running it again clears that away.
///
/// Each person is as at one moment, others may use the vault meanwhile. For everybody at one moment, export a copy
/// (`facevault backup`), which also keeps what an export does not hold: ids of photos, versions and the audit trail.
/// Where the vault's audit trail notes searches, it notes the export too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The folder, or a file whose name ends with .csv or .bundle; it must not be there yet
    destination: PathBuf,

    /// What to write, whatever the name ends with
    #[arg(long = "as", value_name = "FORM")]
    form: Option<Wanted>,

    #[command(flatten)]
    key: BundleKey,

    /// Leave out the photos; each encoding is then exported as one that was given without a photo
    #[arg(long)]
    without_photos: bool,

    /// Leave out the face encodings
    #[arg(long)]
    without_encodings: bool,

    /// Only members of this collection, by id or code
    #[arg(long, value_name = "ID")]
    collection: Option<String>,

    /// Replace an earlier export of that name; nothing else is ever replaced
    #[arg(long)]
    force: bool,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Folder,
    Csv,
    Bundle,
}

impl Wanted {
    fn of(destination: &Path) -> Self {
        let end = destination.extension().map(|end| end.to_string_lossy().to_lowercase());
        match end.as_deref() {
            Some("csv") => Self::Csv,
            Some("bundle") => Self::Bundle,
            _ => Self::Folder,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // Ctrl-C before the end leaves nothing; after it, the export is there and is answered.
    let _whole = Guard::new();
    let started = Instant::now();
    let wanted = arguments.form.unwrap_or_else(|| Wanted::of(&arguments.destination));
    if arguments.key.is_given() && wanted != Wanted::Bundle {
        let rule = "is for bundles: choose a name that ends with .bundle, or say --as bundle".to_owned();
        return Err(Error::invalid("bundle-key-file", Rule::Other(rule)).into());
    }
    let form = match wanted {
        Wanted::Bundle => Form::Bundle(arguments.key.needed()?),
        Wanted::Folder => Form::Folder,
        Wanted::Csv => Form::Csv,
    };
    let options = ExportOptions::default()
        .with_photos(!arguments.without_photos)
        .with_encodings(!arguments.without_encodings)
        .with_collection(arguments.collection.clone())
        .with_replace(arguments.force);
    let vault = context.vault_for_reading(&arguments.vault)?;
    let vault = match vault.audit_policy()?.scope {
        AuditScope::All if vault.is_read_only() => context.vault(&arguments.vault)?,
        _ => vault,
    };
    if context.has_key() && wanted != Wanted::Bundle {
        context.output.notice("the export is in plain: everybody who can read it can read what the vault encrypts");
    }
    let destination = &arguments.destination;
    let exported =
        watched(&context.output, |progress| transfer::export(&vault, destination, &form, &options, progress))?;
    let answer = json!({
        "destination": path(destination),
        "people": exported.people,
        "photos": exported.photos,
        "encodings": exported.encodings,
    });
    context.output.answer(&answer, |text| {
        let people = count(exported.people, "person", "people");
        let photos = count(exported.photos, "photo", "photos");
        let encodings = count(exported.encodings, "face encoding", "face encodings");
        let took = duration(started.elapsed());
        text.line(format!("exported {people} with {photos} and {encodings} to {} in {took}", destination.display()))
    })
}
