//! `facevault collection`: groups of people.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use facevault::{Collection, CollectionId, CollectionUpdate, NewCollection, Patch, PersonId};
use serde_json::json;

use super::{Outcome, confirm};
use crate::context::Context;
use crate::output::{Listing, time};
use crate::photo;

/// Group people in collections
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(Add),
    Update(Update),
    List(List),
    Remove(Remove),
}

const ADD: &str = "\
Examples:
  facevault collection add people.vault --name Staff
  facevault collection add people.vault --name Staff --id collection_staff --description \"all of us\"";

/// Add a collection
#[derive(Debug, Args)]
#[command(after_help = ADD)]
pub(crate) struct Add {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The name, 1 to 100 characters
    #[arg(long, value_name = "TEXT")]
    name: String,

    /// What it is for, up to 4,000 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// An id of your own instead of a new one: 1 to 64 of A-Z a-z 0-9 _ -
    #[arg(long, value_name = "ID")]
    id: Option<CollectionId>,
}

const UPDATE: &str = "\
Examples:
  facevault collection update people.vault collection_staff --name \"Staff and guests\"
  facevault collection update people.vault collection_staff --people person_1 person_2
  facevault collection update people.vault collection_staff --clear people
  facevault collection update people.vault collection_staff --json-file staff.json";

/// Change a collection's name, description or members
#[derive(Debug, Args)]
#[command(after_help = UPDATE)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,

    /// A new name, 1 to 100 characters
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// What it is for, up to 4,000 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// The ids of all its members, replacing those that it has
    #[arg(long, value_name = "ID", num_args = 1..)]
    people: Vec<PersonId>,

    /// Empty a field; repeat it for more
    #[arg(long, value_name = "FIELD")]
    clear: Vec<Clearable>,

    /// Take the update from a JSON object with `name`, `description`, `people`; `-` is standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "description", "people", "clear"])]
    json_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Clearable {
    Description,
    People,
}

const LIST: &str = "\
Examples:
  facevault collection list people.vault
  facevault collection list people.vault --json | jq -r '.data[].name'";

/// List all collections
#[derive(Debug, Args)]
#[command(after_help = LIST)]
pub(crate) struct List {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,
}

const REMOVE: &str = "\
Examples:
  facevault collection remove people.vault collection_staff
  facevault collection remove people.vault collection_staff --yes";

/// Remove a collection; the people in it stay
#[derive(Debug, Args)]
#[command(after_help = REMOVE)]
pub(crate) struct Remove {
    #[command(flatten)]
    which: Which,

    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

/// The arguments that name a collection.
#[derive(Debug, Args)]
struct Which {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The collection's id or code
    collection: String,
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Add(arguments) => add(arguments, context),
        Command::Update(arguments) => update(arguments, context),
        Command::List(arguments) => list(&arguments, context),
        Command::Remove(arguments) => remove(&arguments, context),
    }
}

fn add(arguments: Add, context: &Context) -> Outcome {
    let Add { vault, name, description, id } = arguments;
    let collection = context.vault(&vault)?.create_collection(&NewCollection { id, name, description })?;
    written("added", &collection, context)
}

fn update(arguments: Update, context: &Context) -> Outcome {
    let Update { which, name, description, people, clear, json_file } = arguments;
    let update = match json_file {
        Some(path) => CollectionUpdate::from_json(&photo::read_body(&path, &context.limits())?)?,
        None => CollectionUpdate {
            name,
            description: match description {
                Some(text) => Patch::Set(text),
                None if clear.contains(&Clearable::Description) => Patch::Clear,
                None => Patch::Keep,
            },
            people: (!people.is_empty() || clear.contains(&Clearable::People)).then_some(people),
        },
    };
    let vault = context.vault(&which.vault)?;
    let collection = vault.update_collection(&which.collection, &update)?;
    written("updated", &collection, context)?;
    Ok(context.notice_pending_erasure(&vault)?)
}

fn list(arguments: &List, context: &Context) -> Outcome {
    let collections = context.vault_for_reading(&arguments.vault)?.collections()?;
    context.output.answer(&collections, |text| {
        let mut listing = Listing::new(&["ID", "NAME", "DESCRIPTION", "UPDATED"]);
        for collection in &collections {
            let description = collection.description.as_deref().unwrap_or_default();
            let updated = time(collection.updated_at);
            listing.row([collection.id.as_str(), &collection.name, description, &updated]);
        }
        text.listing(&listing, "no collections")
    })
}

fn remove(arguments: &Remove, context: &Context) -> Outcome {
    let vault = context.vault(&arguments.which.vault)?;
    let collection = vault.collection(&arguments.which.collection)?;
    let question = || Ok(format!("remove {}, {:?}? The people in it stay.", collection.id, collection.name));
    confirm::removal(arguments.yes, question, context)?;
    vault.remove_collection(collection.id.as_str())?;
    context.output.answer(&json!({"_id": collection.id}), |text| text.line(format!("removed {}", collection.id)))?;
    Ok(context.notice_pending_erasure(&vault)?)
}

fn written(headline: &str, collection: &Collection, context: &Context) -> Outcome {
    context.output.answer(collection, |text| {
        if context.output.is_quiet() {
            return text.line(collection.id.as_str());
        }
        text.line(format!("{headline} {}", collection.id))?;
        text.heading(&collection.name)?;
        text.line(format!("  code          {}", collection.code))?;
        match &collection.description {
            Some(description) => text.line(format!("  description   {description}")),
            None => Ok(()),
        }
    })
}
