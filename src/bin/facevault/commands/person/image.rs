//! `facevault person image`: some photos come, others go.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use facevault::{ImageId, ImagesUpdate, PersonUpdate};
use serde_json::{Value, json};

use super::{Outcome, Subject, written};
use crate::commands::matching::EnrolledLiveness;
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::output::{Listing, bytes};
use crate::photo;

/// Add and remove single photos of a person
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(Add),
    List(List),
    Remove(Remove),
}

const ADD: &str = "\
Examples:
  facevault person image add people.vault person_123456789 new.jpg
  facevault person image add people.vault person_123456789 left.jpg right.jpg";

/// Add photos to a person, after the existing ones
#[derive(Debug, Args)]
#[command(after_help = ADD)]
pub(crate) struct Add {
    #[command(flatten)]
    subject: Subject,

    /// The photos; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    images: Vec<PathBuf>,

    #[command(flatten)]
    liveness: EnrolledLiveness,
}

const LIST: &str = "\
Examples:
  facevault person image list people.vault person_123456789
  facevault person image list people.vault person_123456789 --json | jq -r '.data[]._id'";

/// List a person's photos with their ids
///
/// An encoding that was given without a photo is listed as such.
#[derive(Debug, Args)]
#[command(after_help = LIST)]
pub(crate) struct List {
    #[command(flatten)]
    subject: Subject,
}

const REMOVE: &str = "\
Examples:
  facevault person image list people.vault person_123456789
  facevault person image remove people.vault person_123456789 image_0199e5f0c2a47d1e8b3f6a5c4d3e2f10";

/// Remove photos of a person, by their ids
#[derive(Debug, Args)]
#[command(after_help = REMOVE)]
pub(crate) struct Remove {
    #[command(flatten)]
    subject: Subject,

    /// The photos' ids, as `person show` and `person image list` print them
    #[arg(required = true, value_name = "IMAGE_ID")]
    ids: Vec<ImageId>,
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Add(arguments) => add(&arguments, context),
        Command::List(arguments) => list(&arguments, context),
        Command::Remove(arguments) => remove(&arguments, context),
    }
}

fn add(arguments: &Add, context: &Context) -> Outcome {
    let add = photo::read_all(&arguments.images, &context.limits())?;
    let vault = context.vault_with_engine(&arguments.subject.vault)?;
    let vault = vault.with_min_liveness(arguments.liveness.min_liveness);
    let update = PersonUpdate { images: ImagesUpdate::Edit { remove: Vec::new(), add }, ..PersonUpdate::default() };
    let person = vault.update_person(&arguments.subject.id, &update).with_photos(&arguments.images)?;
    written("updated", &person, context)
}

fn list(arguments: &List, context: &Context) -> Outcome {
    let person = context.vault_for_reading(&arguments.subject.vault)?.person(&arguments.subject.id)?;
    let data: Value = person
        .images
        .iter()
        .map(|image| {
            let encoding = image.encoding.as_ref();
            json!({
                "_id": image.id,
                "photo": if image.bytes.is_some() { "kept" } else { "none" },
                "bytes": image.bytes.as_ref().map(|photo| photo.len()),
                "model": encoding.map(|encoding| encoding.model().to_string()),
                "dimension": encoding.map(facevault::FaceEncoding::dimension),
            })
        })
        .collect();
    context.output.answer(&data, |text| {
        let mut listing = Listing::new(&["ID", "SIZE", "COMPONENTS", "MODEL"]).numbers(&[1, 2]);
        for image in &person.images {
            let (dimension, model) = match &image.encoding {
                Some(encoding) => (encoding.dimension().to_string(), encoding.model().to_string()),
                None => (String::new(), String::new()),
            };
            let size = image.bytes.as_ref().map_or("no photo".to_owned(), |photo| bytes(photo.len() as u64));
            listing.row([image.id.as_str(), &size, &dimension, &model]);
        }
        text.listing(&listing, "no photos")
    })
}

fn remove(arguments: &Remove, context: &Context) -> Outcome {
    let images = ImagesUpdate::Edit { remove: arguments.ids.clone(), add: Vec::new() };
    let update = PersonUpdate { images, ..PersonUpdate::default() };
    let person = context.vault(&arguments.subject.vault)?.update_person(&arguments.subject.id, &update)?;
    written("updated", &person, context)
}
