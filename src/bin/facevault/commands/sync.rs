//! `facevault sync`: a vault follows a hub.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use facevault::{ClientId, CollectionId, ErrorKind, Hub, Patch, SyncOptions, Synced, Vault};
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::interrupt::{self, Guard};
use crate::output::{Text, count};
use crate::place;
use crate::progress::watched;

/// The longest pause after a hub could not be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

const EXAMPLES: &str = "\
Examples:
  facevault sync kiosk.vault 'postgres://lobby@hub.example/facevault?sslmode=verify-full'
  facevault sync kiosk.vault postgres://lobby@hub.example/facevault --collection staff --without-photos
  facevault sync kiosk.vault postgres://lobby@hub.example/facevault --watch";

/// Tell a hub what was changed in a vault, and take what was changed elsewhere
///
/// Everybody moves whole. It can be broken off at any moment, by a cut network or a pulled plug too, and goes on where it
/// was. What was changed in two places at once is settled field by field: whoever reached the hub first is kept, and the
/// other value is shown here and in `facevault hub history`. Removals win over changes.
///
/// A vault follows one hub for its life. Encodings travel with photos, so nothing is encoded again where the models are
/// the same.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The vault's file
    vault: PathBuf,

    /// The hub's address, as PostgreSQL's programs take it; the password may stand in PGPASSWORD or ~/.pgpass
    #[arg(value_name = "ADDRESS")]
    hub: String,

    /// Take only members of this collection of the hub; may be repeated. It is remembered. Whoever is in none of them any
    /// more leaves this vault, unless the person was added here
    #[arg(long = "collection", value_name = "ID", conflicts_with = "everybody")]
    collections: Vec<CollectionId>,

    /// Take everybody again
    #[arg(long)]
    everybody: bool,

    /// Leave the photos in the hub: only fields and encodings come. It is remembered
    #[arg(long, conflicts_with = "with_photos")]
    without_photos: bool,

    /// Take photos again
    #[arg(long)]
    with_photos: bool,

    /// What the hub calls this vault; by default the machine's name and the file's
    #[arg(long)]
    name: Option<String>,

    /// Go on until Ctrl-C, and look again after this many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,

    /// The client of the hub, where the user belongs to none; `default` if this is left out
    #[arg(long, value_name = "ID")]
    hub_client: Option<ClientId>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let _guard = Guard::new();
    place::require_file(&arguments.vault, "only a vault's file follows a hub")?;
    let vault = context.vault(&arguments.vault)?;
    let options = options(arguments);
    match arguments.watch {
        None => {
            let mut hub = Hub::connect(&arguments.hub, arguments.hub_client.as_ref())?;
            let started = Instant::now();
            let synced = watched(&context.output, |progress| vault.sync(&mut hub, &options, progress))?;
            let took = crate::output::duration(started.elapsed());
            context.output.answer(&shown(&synced, Values::Shown), |text| {
                tell(&synced, Values::Shown, text)?;
                text.line(format!("up to change {} of the hub in {took}", synced.place))?;
                advise(&synced, &arguments.vault, text)
            })
        }
        Some(every) => follow(&vault, arguments, options, Duration::from_secs(every), context),
    }
}

fn options(arguments: &Arguments) -> SyncOptions {
    let collections = match (arguments.everybody, arguments.collections.is_empty()) {
        (true, _) => Patch::Clear,
        (false, true) => Patch::Keep,
        (false, false) => Patch::Set(arguments.collections.clone()),
    };
    let photos = match (arguments.without_photos, arguments.with_photos) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => None,
    };
    let name = arguments.name.clone().unwrap_or_else(|| usual_name(&arguments.vault));
    SyncOptions::default().with_collections(collections).with_photos(photos).with_name(name)
}

/// The machine's name and the vault's file.
fn usual_name(vault: &Path) -> String {
    let file = vault.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    match machine.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()) {
        Some(machine) => format!("{machine}:{file}"),
        None => file,
    }
}

/// Syncs again and again. A hub that is away is waited for, and so is one that was there before and is not to be used
/// now, as while it is put back from a backup or gets a new password; any other error ends it.
fn follow(vault: &Vault, arguments: &Arguments, options: SyncOptions, every: Duration, context: &Context) -> Outcome {
    let (mut hub, mut pause, mut away, mut was_there) = (None, every, None, false);
    let mut options = options;
    while !interrupt::requested() {
        let attempt = match hub.take() {
            Some(hub) => Ok(hub),
            None => Hub::connect(&arguments.hub, arguments.hub_client.as_ref()),
        };
        let outcome = attempt.and_then(|mut connected| {
            let synced = vault.sync(&mut connected, &options, &mut |_: facevault::Step<'_>| stopping())?;
            Ok((connected, synced))
        });
        match outcome {
            Ok((connected, synced)) => {
                if away.take().is_some() {
                    context.output.status("the hub is back");
                }
                (hub, pause, was_there) = (Some(connected), every, true);
                // What was asked for is remembered in the vault by now.
                (options.collections, options.photos) = (Patch::Keep, None);
                if has_moved(&synced) {
                    match context.output.is_json() {
                        true => context.output.json_line(&shown(&synced, Values::Left))?,
                        false => context.output.say(|text| tell(&synced, Values::Left, text))?,
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::Cancelled => break,
            Err(error) if passes(error.kind(), was_there) => {
                let said = error.to_string();
                if away.as_ref() != Some(&said) {
                    context.output.notice(&format!("{said}; trying again"));
                }
                away = Some(said);
                pause = (pause * 2).min(LONGEST_PAUSE.max(every));
            }
            Err(error) => return Err(error.into()),
        }
        wait(scattered(pause));
    }
    Ok(())
}

/// Whether it may be otherwise later.
fn passes(kind: ErrorKind, was_there: bool) -> bool {
    match kind {
        ErrorKind::Io | ErrorKind::Busy => true,
        ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Unsupported => was_there,
        _ => false,
    }
}

/// About as long, so that kiosks that began at once do not all come at once for ever.
fn scattered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause.mul_f64(0.9 + 0.2 * (random as f64 / u64::MAX as f64))
}

fn stopping() -> std::ops::ControlFlow<()> {
    if interrupt::requested() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
}

/// Waits, but not longer than until Ctrl-C.
fn wait(pause: Duration) {
    let end = Instant::now() + pause;
    while !interrupt::requested() && Instant::now() < end {
        thread::sleep(Duration::from_millis(50).min(end.saturating_duration_since(Instant::now())));
    }
}

fn has_moved(synced: &Synced) -> bool {
    synced.sent + synced.removals_sent + synced.added + synced.changed + synced.left > 0
        || !synced.removed.is_empty()
        || !synced.conflicts.is_empty()
        || synced.restored
}

/// Whether the values of conflicts are shown. With `--watch` they are not, since a service's output ends in the system's
/// log, where nothing of people belongs; `facevault hub history` has them.
#[derive(Clone, Copy)]
enum Values {
    Shown,
    Left,
}

fn shown(synced: &Synced, values: Values) -> Value {
    let removed = synced.removed.iter().map(
        |removed| json!({"_id": removed.person, "receipt": removed.receipt.as_ref().map(|receipt| receipt.reveal())}),
    );
    let conflicts = synced.conflicts.iter().map(|conflict| match values {
        Values::Shown => {
            json!({"_id": conflict.person, "item": conflict.item, "kept": conflict.kept, "lost": conflict.lost})
        }
        Values::Left => json!({"_id": conflict.person, "item": conflict.item}),
    });
    json!({
        "sent": synced.sent,
        "removalsSent": synced.removals_sent,
        "added": synced.added,
        "changed": synced.changed,
        "removed": removed.collect::<Vec<_>>(),
        "left": synced.left,
        "conflicts": conflicts.collect::<Vec<_>>(),
        "restored": synced.restored,
        "encoded": synced.encoded,
        "unencoded": synced.unencoded,
        "unsent": synced.unsent,
        "place": synced.place,
    })
}

fn tell(synced: &Synced, values: Values, text: &mut Text<'_>) -> std::io::Result<()> {
    if synced.restored {
        text.line("the hub was restored from a backup: everything was compared with it")?;
    }
    let people = |number| count(number, "person", "people");
    text.line(format!(
        "sent {}, told {}; took {} new, {} changed",
        people(synced.sent),
        count(synced.removals_sent, "removal", "removals"),
        people(synced.added),
        people(synced.changed),
    ))?;
    for removed in &synced.removed {
        let receipt = removed.receipt.as_ref().map(|receipt| format!(", receipt {}", receipt.reveal()));
        text.line(format!("removed {}, as elsewhere{}", removed.person, receipt.unwrap_or_default()))?;
    }
    if synced.left > 0 {
        text.line(format!("{} left the collections that this vault follows", people(synced.left)))?;
    }
    for conflict in &synced.conflicts {
        let what = format!("{} of {} was changed elsewhere too: kept", conflict.item, conflict.person);
        text.line(match values {
            Values::Shown => format!("{what} {}, not {}", conflict.kept, conflict.lost),
            Values::Left => format!("{what} the hub's value; facevault hub history shows both"),
        })?;
    }
    Ok(())
}

fn advise(synced: &Synced, vault: &Path, text: &mut Text<'_>) -> std::io::Result<()> {
    if synced.unencoded > 0 {
        let photos = count(synced.unencoded, "photo has", "photos have");
        text.line(format!("{photos} no encoding by this vault's model: facevault reencode {}", vault.display()))?;
    }
    if synced.unsent > 0 {
        text.line(format!(
            "{} changed meanwhile and will be sent the next time",
            count(synced.unsent, "person", "people")
        ))?;
    }
    Ok(())
}
