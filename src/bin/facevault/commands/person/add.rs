//! `facevault person add`

use std::path::PathBuf;

use clap::Args;
use facevault::NewPerson;

use super::fields::{Body, Fields};
use super::known::Known;
use super::{Outcome, written};
use crate::commands::matching::EnrolledLiveness;
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault person add people.vault --name \"Ada Lovelace\" --image ada.jpg
  facevault person add people.vault --name \"Ada Lovelace\" --image ada.jpg --image ada-2.jpg \\
      --gender F --date-of-birth 1815-12-10 --nationality GB --collection collection_staff
  facevault person add people.vault --name \"Ada Lovelace\" --image ada.jpg --duplicates both
  facevault person add people.vault --json-file ada.json --json | jq -r .data._id
  curl -s https://intranet/ada.jpg | facevault person add people.vault --name Ada --image -";

/// Add a person
///
/// Every photo must show one face, or one that dominates: if a photo is refused, nothing is added
/// and every photo is reported. With --duplicates somebody who seems to be in the vault already is
/// not added a second time: the error names the person, and the exit code is 2. The answer is the
/// whole person; with --quiet its id.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The name, 1 to 100 characters of any script
    #[arg(long, value_name = "TEXT", required_unless_present = "json_file")]
    name: Option<String>,

    /// A photo of the person; repeat it for more, up to 10. `-` is standard input
    #[arg(long = "image", alias = "images", value_name = "FILE")]
    images: Vec<PathBuf>,

    #[command(flatten)]
    fields: Fields,

    /// An id of your own instead of a new one: 1 to 64 of A-Z a-z 0-9 _ -
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Take everything from a JSON object, the request body of the HTTP API, `_id` too; photos are
    /// base64. `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["name", "images", "id", "Fields"]
    )]
    json_file: Option<PathBuf>,

    #[command(flatten)]
    known: Known,

    #[command(flatten)]
    liveness: EnrolledLiveness,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let (limits, policy) = (context.limits(), arguments.known.policy()?);
    let new = match &arguments.json_file {
        Some(path) => NewPerson::from_json(&photo::read_body(path, &limits)?)?,
        None => {
            let mut body = Body::default();
            body.set("name", arguments.name.clone());
            body.set("_id", arguments.id.clone());
            body.describe(&arguments.fields);
            let mut new = NewPerson::from_json(&body.into_json())?;
            new.images = photo::read_all(&arguments.images, &limits)?;
            new
        }
    };
    // A broken rule is reported before models are loaded.
    new.validate(&limits)?;
    let vault = if new.images.is_empty() {
        context.vault(&arguments.vault)?
    } else {
        context.vault_with_engine(&arguments.vault)?.with_min_liveness(arguments.liveness.min_liveness)
    };
    let person = vault.create_person_unless_known(&new, &policy).with_photos(&arguments.images)?;
    written("added", &person, context)
}
