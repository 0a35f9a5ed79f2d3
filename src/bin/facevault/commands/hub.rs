//! `facevault hub`: a database of PostgreSQL in which everybody of a fleet is.

use clap::{Args, Subcommand};
use facevault::{ClientId, Hub, HubIndexOptions, PersonId};
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::output::{Listing, bytes, count, time};
use crate::progress::watched;

/// The hub of a fleet: make it, look at it, say who may follow it
///
/// A hub is a database of PostgreSQL 15 or later with the extension pgvector 0.8 or later. It holds everybody; each
/// kiosk has a vault that follows it (`facevault sync`) and works for weeks without it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Status(Status),
    AddKiosk(AddKiosk),
    RevokeKiosk(RevokeKiosk),
    History(History),
    Index(Index),
}

/// Where a hub is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The hub's address, as PostgreSQL's programs take it: `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`.
    /// The password may stand in it, in PGPASSWORD, or in the file ~/.pgpass
    #[arg(value_name = "ADDRESS")]
    address: String,
}

const INIT: &str = "\
Examples:
  createdb facevault && facevault hub init postgres:///facevault
  facevault hub init 'postgres://owner@hub.example/facevault?sslmode=verify-full'";

/// Make a database a hub, or bring a hub to the present version
///
/// The user must own the database, and be allowed to add the extension pgvector where it is not there yet. What the
/// database holds already is left alone: the hub is in a schema of its own, `facevault`.
#[derive(Debug, Args)]
#[command(after_help = INIT)]
pub(crate) struct Init {
    #[command(flatten)]
    place: Place,
}

const STATUS: &str = "\
Examples:
  facevault hub status postgres://owner@hub.example/facevault
  facevault hub status postgres://owner@hub.example/facevault --json | jq '.data.kiosks[] | select(.behind > 0)'";

/// Show what a hub holds, and which kiosks follow it and how far
#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,

    /// The client to look at, where the user belongs to none; `default` if this is left out
    #[arg(long, value_name = "ID")]
    hub_client: Option<ClientId>,
}

const ADD: &str = "\
Examples:
  facevault hub add-kiosk postgres://owner@hub.example/facevault lobby
  facevault hub add-kiosk postgres://owner@hub.example/facevault lobby --hub-client hotel-one --quiet";

/// Make a user of the server who may follow the hub
///
/// The user sees the people of one client and nobody else's. The password is shown now and never again; for a user who
/// is there already, a new one replaces the old. A kiosk keeps it in ~/.pgpass (mode 0600), never on a command line.
#[derive(Debug, Args)]
#[command(after_help = ADD)]
pub(crate) struct AddKiosk {
    #[command(flatten)]
    place: Place,

    /// The user's name: 1 to 63 of the characters A-Z a-z 0-9 _ -
    user: String,

    /// The client whose people the kiosk follows; added if the hub has it not
    #[arg(long, value_name = "ID", default_value = "default")]
    hub_client: ClientId,
}

const REVOKE: &str = "\
Examples:
  facevault hub revoke-kiosk postgres://owner@hub.example/facevault lobby";

/// Shut a user out, at once: for a kiosk that was stolen or taken down
///
/// What the kiosk's vault holds is on the kiosk and cannot be called back: encrypt vaults of kiosks in public places.
#[derive(Debug, Args)]
#[command(after_help = REVOKE)]
pub(crate) struct RevokeKiosk {
    #[command(flatten)]
    place: Place,

    /// The user's name
    user: String,
}

const HISTORY: &str = "\
Examples:
  facevault hub history postgres://owner@hub.example/facevault person_123";

/// Show values of a person that were not kept, since they were changed in two places at once
#[derive(Debug, Args)]
#[command(after_help = HISTORY)]
pub(crate) struct History {
    #[command(flatten)]
    place: Place,

    /// The person's id
    person: PersonId,

    /// The person's client, where the user belongs to none; `default` if this is left out
    #[arg(long, value_name = "ID")]
    hub_client: Option<ClientId>,
}

const INDEX: &str = "\
Examples:
  facevault hub index postgres://owner@hub.example/facevault --memory 4096
  facevault hub index postgres://owner@hub.example/facevault --drop";

/// Build the index by which a hub finds people without comparing a photo with everybody
///
/// It is for hubs of more people than fit into a server's memory, and for `facevault identify` on hubs of more than
/// about 100,000 people: `facevault serve` and `watch` search in their own memory, exactly and faster, as long as there
/// is enough of it. By an index nearly all of the most similar people are found (docs/fleet.md says how many), and it
/// makes adding people slower. The hub is used as ever while it is built; Ctrl-C leaves nothing behind.
#[derive(Debug, Args)]
#[command(after_help = INDEX)]
pub(crate) struct Index {
    #[command(flatten)]
    place: Place,

    /// Memory of the server for the build in megabytes, more than the index will have (1.6 kB for an encoding of 512
    /// components); as the server is set if left out
    #[arg(long, value_name = "MEGABYTES")]
    memory: Option<u32>,

    /// Processes of the server that build beside the first; as the server is set if left out
    #[arg(long, value_name = "N")]
    workers: Option<u32>,

    /// Neighbours of each encoding in the graph, 2 to 100: more find more and take more memory and time
    #[arg(long, value_name = "N", default_value_t = 24)]
    neighbors: u32,

    /// Candidates looked at for each encoding while the graph is built, from twice the neighbours to 1,000
    #[arg(long, value_name = "N", default_value_t = 200)]
    candidates: u32,

    /// Remove the index
    #[arg(long, conflicts_with_all = ["memory", "workers", "neighbors", "candidates"])]
    drop: bool,
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Init(arguments) => init(&arguments, context),
        Command::Status(arguments) => status(&arguments, context),
        Command::AddKiosk(arguments) => add_kiosk(&arguments, context),
        Command::RevokeKiosk(arguments) => revoke_kiosk(&arguments, context),
        Command::History(arguments) => history(&arguments, context),
        Command::Index(arguments) => index(&arguments, context),
    }
}

fn init(arguments: &Init, context: &Context) -> Outcome {
    let (hub, is_new) = Hub::init(&arguments.place.address)?;
    context.output.answer(&json!({"hub": hub.id(), "address": hub.address(), "isNew": is_new}), |text| {
        let done = if is_new { "is a hub now" } else { "was a hub before; its schema is the present one" };
        text.line(format!("{} {done}", hub.address()))?;
        text.line("next: facevault hub add-kiosk ADDRESS NAME, then on the kiosk facevault sync VAULT ADDRESS")
    })
}

fn status(arguments: &Status, context: &Context) -> Outcome {
    let mut hub = Hub::connect(&arguments.place.address, arguments.hub_client.as_ref())?;
    let status = hub.status()?;
    let kiosks = status.kiosks.iter().map(|kiosk| {
        json!({
            "_id": kiosk.id,
            "name": kiosk.name,
            "user": kiosk.role,
            "place": kiosk.place,
            "behind": status.sequence.saturating_sub(kiosk.place),
            "unsent": kiosk.unsent,
            "firstAt": kiosk.first_at.to_string(),
            "lastAt": kiosk.last_at.to_string(),
        })
    });
    let data = json!({
        "hub": hub.id(),
        "address": hub.address(),
        "client": hub.client(),
        "sequence": status.sequence,
        "persons": status.persons,
        "images": status.images,
        "encodings": status.encodings,
        "conflicts": status.conflicts,
        "restorations": status.restorations,
        "bytes": status.bytes,
        "indexBytes": status.index_bytes,
        "kiosks": kiosks.collect::<Vec<_>>(),
    });
    context.output.answer(&data, |text| {
        text.heading(format!("hub {} for client {}", hub.address(), hub.client()))?;
        text.line(format!("  people      {}", status.persons))?;
        text.line(format!("  photos      {}", status.images))?;
        text.line(format!("  encodings   {}", status.encodings))?;
        text.line(format!("  database    {}", bytes(status.bytes)))?;
        if let Some(size) = status.index_bytes {
            text.line(format!("  index       {}", bytes(size)))?;
        }
        text.line(format!("  last change {}", status.sequence))?;
        if status.conflicts > 0 {
            text.line(format!("  not kept    {}", count(status.conflicts, "value", "values")))?;
        }
        if status.restorations > 0 {
            text.line(format!("  restored    {}", count(status.restorations, "time", "times")))?;
        }
        let mut listing = Listing::new(&["KIOSK", "USER", "CAME LAST", "BEHIND", "UNSENT"]).numbers(&[3, 4]);
        for kiosk in &status.kiosks {
            listing.row([
                &kiosk.name,
                &kiosk.role,
                &time(kiosk.last_at),
                &status.sequence.saturating_sub(kiosk.place).to_string(),
                &kiosk.unsent.to_string(),
            ]);
        }
        text.listing(&listing, "no kiosk has come yet")
    })
}

fn add_kiosk(arguments: &AddKiosk, context: &Context) -> Outcome {
    let mut hub = Hub::connect(&arguments.place.address, None)?;
    let made = hub.add_kiosk(&arguments.user, &arguments.hub_client)?;
    let data = json!({"user": made.user, "client": made.client, "password": made.password});
    context.output.answer(&data, |text| {
        if context.output.is_quiet() {
            return text.line(&made.password);
        }
        text.heading(&made.password)?;
        text.line(format!("  user      {}", made.user))?;
        text.line(format!("  acts for  {}", made.client))?;
        text.line("Put it into the kiosk's ~/.pgpass now: it is shown this once.")
    })
}

fn revoke_kiosk(arguments: &RevokeKiosk, context: &Context) -> Outcome {
    let mut hub = Hub::connect(&arguments.place.address, None)?;
    let was_known = hub.revoke_kiosk(&arguments.user)?;
    context.output.answer(&json!({"user": arguments.user, "wasKnown": was_known}), |text| {
        text.line(match was_known {
            true => format!("{} is shut out of the hub", arguments.user),
            false => format!("{} was no user of this hub", arguments.user),
        })
    })
}

fn history(arguments: &History, context: &Context) -> Outcome {
    let mut hub = Hub::connect(&arguments.place.address, arguments.hub_client.as_ref())?;
    let entries = hub.history(&arguments.person)?;
    let data: Vec<_> = entries
        .iter()
        .map(|entry| {
            json!({
                "sequence": entry.sequence,
                "at": entry.at.to_string(),
                "kiosk": entry.kiosk,
                "item": entry.item,
                "kept": entry.kept,
                "lost": entry.lost,
            })
        })
        .collect();
    context.output.answer(&data, |text| {
        let mut listing = Listing::new(&["CHANGE", "AT", "ITEM", "KEPT", "NOT KEPT", "KIOSK"]).numbers(&[0]);
        for entry in &entries {
            listing.row([
                &entry.sequence.to_string(),
                &time(entry.at),
                &entry.item,
                &entry.kept.to_string(),
                &entry.lost.to_string(),
                &entry.kiosk,
            ]);
        }
        text.listing(&listing, "every value of this person was kept")
    })
}

fn index(arguments: &Index, context: &Context) -> Outcome {
    let mut hub = Hub::connect(&arguments.place.address, None)?;
    if arguments.drop {
        let was_there = hub.drop_index()?;
        return context.output.answer(&json!({"dropped": was_there}), |text| {
            text.line(if was_there { "the index is gone" } else { "there was no index" })
        });
    }
    let options = HubIndexOptions::default()
        .with_neighbors(arguments.neighbors)
        .with_candidates(arguments.candidates)
        .with_megabytes(arguments.memory)
        .with_workers(arguments.workers);
    let built = watched(&context.output, |progress| hub.build_index(&options, progress))?;
    let data = json!({"model": {"id": built.model.id.to_string(), "name": built.model.name}, "bytes": built.bytes});
    context.output.answer(&data, |text| {
        text.line(format!("the encodings by {} are indexed: {}", built.model.name, bytes(built.bytes)))
    })
}
