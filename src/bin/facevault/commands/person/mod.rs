//! `facevault person`: add, update, show, list, remove, and its photos.

mod add;
mod card;
mod fields;
mod image;
mod known;
mod list;
mod remove;
mod show;
mod update;

use clap::Subcommand;
use facevault::PersonId;

use super::{Outcome, import};
use crate::context::Context;

pub(super) use known::Known;

const SAME: &str = "\
Examples:
  facevault person import people.vault people/                 the same as `facevault import`, which has more examples";

/// Add, change, show, list and remove people
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(add::Arguments),
    /// The older name of `facevault import`
    #[command(hide = true, after_help = SAME)]
    Import(import::Arguments),
    Update(update::Arguments),
    Show(show::Arguments),
    List(list::Arguments),
    Remove(remove::Arguments),
    #[command(subcommand)]
    Image(image::Command),
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Add(arguments) => add::run(&arguments, context),
        Command::Import(arguments) => import::run(&arguments, context),
        Command::Update(arguments) => update::run(&arguments, context),
        Command::Show(arguments) => show::run(&arguments, context),
        Command::List(arguments) => list::run(&arguments, context),
        Command::Remove(arguments) => remove::run(&arguments, context),
        Command::Image(command) => image::run(command, context),
    }
}

/// Prints a person that was written: the whole person, or with `--quiet` its id.
fn written(headline: &str, person: &facevault::Person, context: &Context) -> Outcome {
    context.output.answer(person, |text| {
        if context.output.is_quiet() {
            return text.line(person.id.as_str());
        }
        text.line(format!("{headline} {}, version {}", person.id, person.version))?;
        card::print(person, text)
    })
}

/// The argument that names a person.
#[derive(Debug, clap::Args)]
struct Subject {
    #[arg(help = crate::place::VAULT)]
    vault: std::path::PathBuf,

    /// The person's id
    id: PersonId,
}
