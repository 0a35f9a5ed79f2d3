//! `facevault audit`: the audit trail of a vault.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use facevault::wire::ExportedEntry;
use facevault::{
    AuditEntry, AuditEvent, AuditHead, AuditPolicy, AuditQuery, AuditScope, ErrorKind, PersonId, PersonKey, Receipt,
    Vault,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::output::{Listing, Mark, Text, count, now, time};
use crate::photo;

/// Show, verify and export the audit trail: who changed what in a vault, and when
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Verify(Verify),
    Export(Export),
    Policy(Policy),
    Receipt(ReceiptArguments),
}

const LIST: &str = "\
Examples:
  facevault audit list people.vault
  facevault audit list people.vault --kind person_removed --since 30d
  facevault audit list people.vault --person person_123456789
  facevault audit list people.vault --json | jq -r '.data.entries[] | [.at, .kind, .actor] | @tsv'";

/// List entries, the newest first
///
/// An entry has the time, the client, who acted, and what was done. It never holds names, values of fields, photos
/// or vectors: a person is identified by a number that is used in this file only.
#[derive(Debug, Args)]
#[command(after_help = LIST)]
pub(crate) struct List {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    #[command(flatten)]
    wanted: Wanted,

    /// List at most this many entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,

    /// List entries older than this one: the number under which the previous page ended (`next` in JSON)
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

/// Which entries to show: those of every client unless --client names one.
#[derive(Debug, Args)]
struct Wanted {
    /// Only entries of this kind, such as person_removed; repeat it for more
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,

    /// Only entries of this person, who is in the vault
    #[arg(long, value_name = "ID", conflicts_with = "key")]
    person: Option<PersonId>,

    /// Only entries of the person with this number, who may have been removed
    #[arg(long, value_name = "NUMBER")]
    key: Option<i64>,

    /// Only entries from this time on: `7d`, `12h`, or a time such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = parse_past)]
    since: Option<Timestamp>,

    /// Only entries before this time
    #[arg(long, value_name = "WHEN", value_parser = parse_past)]
    until: Option<Timestamp>,
}

impl Wanted {
    fn query(&self, vault: &Vault, context: &Context) -> facevault::Result<AuditQuery> {
        let key = match &self.person {
            Some(id) => Some(vault.person_key(id)?),
            None => self.key.map(PersonKey::new),
        };
        Ok(AuditQuery::default()
            .with_client(context.client().cloned())
            .with_kinds(self.kinds.clone())
            .with_person(key)
            .with_since(self.since)
            .with_until(self.until))
    }
}

const VERIFY: &str = "\
Examples:
  facevault audit verify people.vault
  facevault audit verify people.vault --quiet >> /srv/elsewhere/heads
  facevault audit verify people.vault --head \"$(tail -1 /srv/elsewhere/heads)\"";

/// Follow the trail's chain of hashes from its start to its end
///
/// Every entry is hashed together with the one before it, so an entry that was changed, cut, inserted or moved is
/// found, and the exit code is 4. Somebody who can write the file can rebuild the whole chain; that is found only
/// with --head and a head that was stored elsewhere. The answer contains the current head.
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub(crate) struct Verify {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// A head that an earlier verification printed: the trail must still contain it
    #[arg(long, value_name = "HEAD")]
    head: Option<AuditHead>,
}

const EXPORT: &str = "\
Examples:
  facevault audit export people.vault > trail.jsonl
  facevault audit export people.vault --since 2026-01-01T00:00:00Z > year.jsonl";

/// Print entries as JSON, one a line, the oldest first
///
/// `hash` is the SHA-256 of the bytes of `previous` and of `text`, so that each line can be verified elsewhere.
#[derive(Debug, Args)]
#[command(after_help = EXPORT)]
pub(crate) struct Export {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    #[command(flatten)]
    wanted: Wanted,
}

const POLICY: &str = "\
Examples:
  facevault audit policy people.vault
  facevault audit policy people.vault --scope all --keep-days 730
  facevault audit policy people.vault --scope off";

/// Show or change which events the trail records and how long it keeps them
#[derive(Debug, Args)]
#[command(after_help = POLICY)]
pub(crate) struct Policy {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// Record nothing, all changes of the vault, or searches as well
    #[arg(long, value_name = "WHAT")]
    scope: Option<Scope>,

    /// Cut entries that are older than this many days; `ever` keeps them all
    #[arg(long, value_name = "DAYS", value_parser = parse_days)]
    keep_days: Option<Days>,

    /// Whether the entry of a search must be on the disk before the search is answered
    #[arg(long, value_name = "true|false")]
    searches_at_once: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scope {
    Off,
    Changes,
    All,
}

/// For how many days entries are kept.
#[derive(Debug, Clone, Copy)]
struct Days(Option<u32>);

const RECEIPT: &str = "\
Examples:
  facevault audit receipt people.vault RECEIPT
  facevault audit receipt people.vault - --person person_123456789 --image ada.jpg < receipt.txt";

/// Show the removal that a receipt belongs to, and check a person or photos against it
///
/// Shows the time of the removal, who removed the person, the reason, and how many photos, encodings, attributes and
/// collections were removed. The entry names nobody. With --person and --image the command checks whether the removed
/// person had this id (under --client, by default the vault's first client) and these photos; the exit code is 1 if
/// one of them does not match.
#[derive(Debug, Args)]
#[command(after_help = RECEIPT)]
pub(crate) struct ReceiptArguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The receipt, as `person remove` or `purge` printed it; `-` reads it from standard input
    receipt: String,

    /// Check whether this person was removed
    #[arg(long, value_name = "ID")]
    person: Option<PersonId>,

    /// Check whether this photo was removed; repeat it for more
    #[arg(long = "image", value_name = "FILE")]
    images: Vec<PathBuf>,
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::List(arguments) => list(&arguments, context),
        Command::Verify(arguments) => verify(&arguments, context),
        Command::Export(arguments) => export(&arguments, context),
        Command::Policy(arguments) => policy(&arguments, context),
        Command::Receipt(arguments) => receipt(&arguments, context),
    }
}

fn list(arguments: &List, context: &Context) -> Outcome {
    let vault = context.vault_for_reading(&arguments.vault)?;
    let query = arguments.wanted.query(&vault, context)?;
    let page = vault.audit(&query.with_newest_first(true).with_limit(arguments.limit).with_after(arguments.after))?;
    let data = json!({"entries": page.entries, "next": page.next, "head": page.head});
    context.output.answer(&data, |text| {
        let mut listing =
            Listing::new(&["NUMBER", "TIME", "WHAT", "CLIENT", "WHO", "PERSON", "DETAILS"]).numbers(&[0, 5]);
        for entry in &page.entries {
            listing.row([
                entry.sequence.to_string(),
                time(entry.at),
                entry.event.kind().to_owned(),
                entry.client.as_ref().map(ToString::to_string).unwrap_or_default(),
                entry.actor.to_string(),
                entry.person.map(|key| key.to_string()).unwrap_or_default(),
                details(entry),
            ]);
        }
        text.listing(&listing, "no entries")?;
        page.next.iter().try_for_each(|next| text.line(format!("older ones with --after {next}")))
    })
}

/// The details of an entry on one line, without hashes.
fn details(entry: &AuditEntry) -> String {
    let whole = serde_json::to_value(entry).unwrap_or_default();
    let Some(detail) = whole["detail"].as_object() else { return String::new() };
    let shown = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_hash = |name: &str, value: &Value| name == "images" || value.as_str().is_some_and(|text| text.len() == 64);
    let parts = detail.iter().filter(|(name, value)| !is_hash(name, value));
    parts.map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(" ")
}

fn verify(arguments: &Verify, context: &Context) -> Outcome {
    let report = context.vault_for_reading(&arguments.vault)?.audit_verify(arguments.head.as_ref())?;
    let problems: Vec<Value> =
        report.problems.iter().map(|problem| json!({"sequence": problem.sequence, "message": problem.what})).collect();
    let data = json!({
        "clean": report.is_clean(),
        "entries": report.entries,
        "cut_until": report.cut_until,
        "head": report.head,
        "problems": problems,
    });
    context.output.answer(&data, |text| {
        if context.output.is_quiet() && report.is_clean() {
            return text.line(report.head.to_string());
        }
        for problem in &report.problems {
            let entry = problem.sequence.map(|sequence| format!("entry {sequence}: ")).unwrap_or_default();
            text.check(Mark::Bad, format!("{entry}{}", problem.what))?;
        }
        let mark = if report.is_clean() { Mark::Good } else { Mark::Bad };
        let found = if report.is_clean() { "the chain is whole" } else { "the trail is not as it was written" };
        text.check(mark, format!("{found}, {}", count(report.entries, "entry", "entries")))?;
        if report.cut_until > 0 {
            text.line(format!("entries up to {} were cut because of their age", report.cut_until))?;
        }
        text.line(format!("head {}", report.head))
    })?;
    if report.is_clean() { Ok(()) } else { Err(Failure::Told(exit_code(ErrorKind::Corrupt))) }
}

fn export(arguments: &Export, context: &Context) -> Outcome {
    let vault = context.vault_for_reading(&arguments.vault)?;
    let query = arguments.wanted.query(&vault, context)?.with_limit(1_000);
    let mut after = None;
    loop {
        let page = vault.audit(&query.clone().with_after(after))?;
        page.entries.iter().try_for_each(|entry| context.output.json_line(&ExportedEntry::new(entry)))?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn policy(arguments: &Policy, context: &Context) -> Outcome {
    let Policy { vault, scope, keep_days, searches_at_once } = arguments;
    let is_changed = scope.is_some() || keep_days.is_some() || searches_at_once.is_some();
    let policy = match is_changed {
        false => context.vault_for_reading(vault)?.audit_policy()?,
        true => {
            let vault = context.vault(vault)?;
            let mut policy = vault.audit_policy()?;
            policy.scope = match scope {
                Some(Scope::Off) => AuditScope::Off,
                Some(Scope::Changes) => AuditScope::Changes,
                Some(Scope::All) => AuditScope::All,
                None => policy.scope,
            };
            policy.keep_days = keep_days.map_or(policy.keep_days, |days| days.0);
            policy.searches_at_once = searches_at_once.unwrap_or(policy.searches_at_once);
            vault.set_audit_policy(&policy)?;
            policy
        }
    };
    context.output.answer(&policy, |text| print_policy(&policy, text))
}

fn print_policy(policy: &AuditPolicy, text: &mut Text<'_>) -> std::io::Result<()> {
    let noted = match policy.scope {
        AuditScope::Off => "nothing",
        AuditScope::All => "whatever changes the vault, and searches",
        _ => "whatever changes the vault",
    };
    text.line(format!("noted     {noted}"))?;
    let kept = policy.keep_days.map_or("for ever".to_owned(), |days| count(u64::from(days), "day", "days"));
    text.line(format!("kept      {kept}"))?;
    let written = if policy.searches_at_once { "before their answer" } else { "together, within 2 seconds" };
    if policy.scope == AuditScope::All { text.line(format!("searches  written {written}")) } else { Ok(()) }
}

fn receipt(arguments: &ReceiptArguments, context: &Context) -> Outcome {
    let text = match arguments.receipt.as_str() {
        "-" => String::from_utf8_lossy(&photo::read_body(Path::new("-"), &context.limits())?).into_owned(),
        text => text.to_owned(),
    };
    let (head, opening) = Receipt::parse(&text)?;
    let photos = photo::read_all(&arguments.images, &context.limits())?;
    let vault = context.vault_for_reading(&arguments.vault)?;
    let entry = vault.audit_entry(&head)?;
    let AuditEvent::PersonRemoved(removal) = &entry.event else {
        let message = format!("entry {} of the audit trail is not of a removal", head.sequence);
        return Err(facevault::Error::new(ErrorKind::Invalid, message).into());
    };
    let is_person = arguments.person.as_ref().map(|id| removal.is_of(&opening, vault.client(), id));
    let images: Vec<(&PathBuf, bool)> =
        arguments.images.iter().zip(&photos).map(|(path, photo)| (path, removal.has_photo(&opening, photo))).collect();
    let data = json!({
        "entry": entry,
        "person": is_person,
        "images": images.iter().map(|(path, removed)| json!({"file": path.display().to_string(), "removed": removed}))
            .collect::<Vec<_>>(),
    });
    context.output.answer(&data, |text| {
        text.line(format!("removed {} by {}", time(entry.at), entry.actor.as_text().unwrap_or("the host program")))?;
        text.line(format!("  {}", details(&entry)))?;
        let mark = |is: bool| if is { Mark::Good } else { Mark::Bad };
        if let (Some(id), Some(is)) = (&arguments.person, is_person) {
            text.check(mark(is), format!("{id} {}", if is { "is the person" } else { "is not the person" }))?;
        }
        images.iter().try_for_each(|(path, is)| {
            let what = if *is { "is one of the photos" } else { "is none of the photos" };
            text.check(mark(*is), format!("{} {what}", path.display()))
        })
    })?;
    let fits = is_person.unwrap_or(true) && images.iter().all(|(_, removed)| *removed);
    if fits { Ok(()) } else { Err(Failure::Told(1)) }
}

/// A time ago, or a time of the calendar.
fn parse_past(text: &str) -> Result<Timestamp, String> {
    let wrong = || "expected a time such as 7d, 12h, 30m or 2026-01-31T00:00:00Z".to_owned();
    for (unit, seconds) in [('m', 60_u64), ('h', 3_600), ('d', 86_400), ('w', 604_800)] {
        if let Some(count) = text.strip_suffix(unit) {
            let count: u32 = count.parse().map_err(|_| wrong())?;
            return now().checked_sub(Duration::from_secs(u64::from(count) * seconds)).map_err(|_| wrong());
        }
    }
    text.parse().map_err(|_| wrong())
}

fn parse_days(text: &str) -> Result<Days, String> {
    match text {
        "ever" => Ok(Days(None)),
        text => {
            text.parse().map(|days| Days(Some(days))).map_err(|_| "expected a number of days, or `ever`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_ago_or_of_the_calendar() {
        for (text, hours) in [("30m", 0.5), ("12h", 12.0), ("7d", 168.0), ("1w", 168.0)] {
            let ago = Timestamp::now().duration_since(parse_past(text).expect(text)).as_secs_f64() / 3_600.0;
            assert!((ago - hours).abs() < 0.01, "{text}: {ago}");
        }
        assert!(parse_past("2026-01-31T00:00:00Z").is_ok());
        for wrong in ["", "d", "-1d", "yesterday", "99999999999d", "4294967295w"] {
            assert!(parse_past(wrong).is_err(), "{wrong}");
        }
    }
}
