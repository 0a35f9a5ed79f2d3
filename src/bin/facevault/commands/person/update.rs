//! `facevault person update`

use std::path::PathBuf;

use clap::Args;
use facevault::{Error, ImagesUpdate, PersonUpdate, Rule};

use super::fields::{Body, Clearable, Fields};
use super::{Outcome, Subject, written};
use crate::commands::matching::EnrolledLiveness;
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault person update people.vault person_123456789 --name \"John Doe Updated\" --gender M
  facevault person update people.vault person_123456789 --clear notes --clear nationality
  facevault person update people.vault person_123456789 --images new-1.jpg new-2.jpg
  facevault person update people.vault person_123456789 --attribute badge=4711 --remove-attribute desk
  facevault person update people.vault person_123456789 --status inactive --expect-version 3
  echo '{\"notes\": \"Updated VIP customer\", \"nationality\": null}' |
      facevault person update people.vault person_123456789 --json-file -

In a JSON body an absent field is kept, null clears it, `images` replaces all photos.";

/// Change some of a person's fields or photos
///
/// Fields that are not named keep their values. --images replaces all photos; photos that the
/// person already has keep their face encodings, and only new ones are encoded. The update is one
/// atomic step: if a rule is broken or a photo is refused, nothing changes. The answer is the whole
/// person after the update. Models are loaded only if there are photos.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    subject: Subject,

    /// A new name, 1 to 100 characters of any script
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// Photos that replace all that the person has, in this order
    #[arg(long, alias = "image", value_name = "FILE", num_args = 1..)]
    images: Vec<PathBuf>,

    #[command(flatten)]
    fields: Fields,

    /// Empty a field; repeat it for more
    #[arg(long, value_name = "FIELD")]
    clear: Vec<Clearable>,

    /// Remove an attribute of your own, by its key; repeat it for more
    #[arg(long, value_name = "KEY")]
    remove_attribute: Vec<String>,

    /// Refuse unless the person is at this version, so that nobody else's change is overwritten
    #[arg(long, value_name = "N")]
    expect_version: Option<u64>,

    /// Take the update from a JSON object, the request body of the HTTP API; photos are base64.
    /// `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["name", "images", "clear", "remove_attribute", "Fields"]
    )]
    json_file: Option<PathBuf>,

    #[command(flatten)]
    liveness: EnrolledLiveness,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let limits = context.limits();
    let mut update = match &arguments.json_file {
        Some(path) => PersonUpdate::from_json(&photo::read_body(path, &limits)?)?,
        None => from_options(arguments, context)?,
    };
    update.expected_version = arguments.expect_version;
    // A broken rule is reported before models are loaded.
    update.validate(&limits)?;
    let vault = match &update.images {
        ImagesUpdate::Keep | ImagesUpdate::Clear => context.vault(&arguments.subject.vault)?,
        _ => context.vault_with_engine(&arguments.subject.vault)?.with_min_liveness(arguments.liveness.min_liveness),
    };
    let person = vault.update_person(&arguments.subject.id, &update).with_photos(&arguments.images)?;
    written("updated", &person, context)?;
    Ok(context.notice_pending_erasure(&vault)?)
}

fn from_options(arguments: &Arguments, context: &Context) -> Result<PersonUpdate, crate::failure::Failure> {
    let mut body = Body::default();
    body.set("name", arguments.name.clone());
    arguments.clear.iter().for_each(|field| body.clear(*field));
    if arguments.clear.contains(&Clearable::Attributes)
        && !(arguments.fields.attributes.is_empty() && arguments.remove_attribute.is_empty())
    {
        let rule = "can be emptied or changed, not both: leave out --clear attributes, or --attribute";
        return Err(Error::invalid("attributes", Rule::Other(rule.to_owned())).into());
    }
    body.describe(&arguments.fields);
    body.set_attributes(&[], &arguments.remove_attribute);
    let mut update = PersonUpdate::from_json(&body.into_json())?;
    if arguments.clear.contains(&Clearable::Collections) && arguments.fields.collections.is_empty() {
        update.collections = Some(Vec::new());
    }
    if !arguments.images.is_empty() {
        update.images = ImagesUpdate::Replace(photo::read_all(&arguments.images, &context.limits())?);
    } else if arguments.clear.contains(&Clearable::Images) {
        update.images = ImagesUpdate::Clear;
    }
    Ok(update)
}
