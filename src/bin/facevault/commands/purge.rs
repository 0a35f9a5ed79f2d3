//! `facevault purge`: removes people who have expired or were not seen for long.

use std::path::PathBuf;

use clap::Args;
use facevault::{PurgeOptions, Purged, RetentionPolicy, Vault};
use serde_json::{Value, json};

use super::{Outcome, confirm};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Listing, count};
use crate::progress::watched;

const EXAMPLES: &str = "\
Examples:
  facevault purge people.vault --expired --dry-run
  facevault purge people.vault --expired --unseen 730 --yes
  facevault purge people.vault                         by the vault's policy
  facevault purge people.vault --policy --expired      set the policy: `serve` carries it out each hour
  facevault purge people.vault --policy                show the policy
  facevault purge people.vault --policy --nobody       remove nobody from now on";

/// Remove people who have expired or were not seen for long
///
/// --expired removes those whose `expires_at` has come, --unseen those who are active and were neither recognised nor
/// verified for so many days, which needs a trail that notes searches (`facevault audit policy --scope all`). Without
/// either, the vault's own policy decides. People of every client are removed unless --client names one. Each removal
/// has an entry in the audit trail and a receipt, which is printed here once. Nobody is removed while the clock is
/// obviously wrong.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// People whose `expires_at` has come
    #[arg(long)]
    expired: bool,

    /// People who were not seen for this many days
    #[arg(long, value_name = "DAYS")]
    unseen: Option<u32>,

    /// Show the vault's policy, or with --expired, --unseen or --nobody set it; nobody is removed now
    #[arg(long, conflicts_with_all = ["dry_run", "yes", "trust_clock"])]
    policy: bool,

    /// As the policy: nobody is removed because of time
    #[arg(long, requires = "policy", conflicts_with_all = ["expired", "unseen"])]
    nobody: bool,

    /// Remove nobody, only list who would be removed
    #[arg(long)]
    dry_run: bool,

    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,

    /// Believe a clock that stands more than five years after the vault's last change
    #[arg(long)]
    trust_clock: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let asked = RetentionPolicy::default().with_expired(arguments.expired).with_unseen_days(arguments.unseen);
    if arguments.policy {
        return policy(arguments, asked, context);
    }
    let vault = match arguments.dry_run {
        true => context.vault_for_reading(&arguments.vault)?,
        false => context.vault(&arguments.vault)?,
    };
    let policy = if asked.is_empty() { vault.retention()? } else { asked };
    let options = PurgeOptions::default().with_policy(policy).with_trust_clock(arguments.trust_clock);
    let vaults = vaults(&vault, context)?;
    let question = || {
        let mut people = 0;
        for vault in &vaults {
            people += vault.purge(&options.with_dry_run(true), &mut ())?.persons.len() as u64;
        }
        Ok(format!("remove {} for good?", count(people, "person", "people")))
    };
    if !arguments.dry_run {
        confirm::removal(arguments.yes, question, context)?;
    }
    let options = options.with_dry_run(arguments.dry_run);
    let (purged, failure) = watched(&context.output, |progress| {
        let mut purged: Vec<Purged> = Vec::new();
        for vault in &vaults {
            let failure = match vault.purge(&options, progress) {
                Ok(mut one) => {
                    let failure = one.failure.take();
                    purged.push(one);
                    failure
                }
                Err(error) if purged.iter().all(|one| one.persons.is_empty()) => return Err(error),
                Err(error) => Some(error),
            };
            if failure.is_some() {
                return Ok((purged, failure));
            }
        }
        Ok((purged, None))
    })?;
    // Whatever failed: the receipts cannot be asked for again.
    print(arguments, &vaults, &purged, context)?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    if !arguments.dry_run {
        context.notice_pending_erasure(&vault)?;
    }
    match purged.iter().any(|purged| purged.was_stopped) || interrupt::requested() {
        true => Err(Failure::Interrupted("the purge was stopped; whoever was removed stays removed".to_owned())),
        false => Ok(()),
    }
}

/// The vault as seen by each client whose people are concerned.
fn vaults(vault: &Vault, context: &Context) -> facevault::Result<Vec<Vault>> {
    match context.client() {
        Some(_) => Ok(vec![vault.clone()]),
        None => vault.clients()?.iter().map(|client| vault.for_client(client)).collect(),
    }
}

fn print(arguments: &Arguments, vaults: &[Vault], purged: &[Purged], context: &Context) -> Outcome {
    let each =
        || vaults.iter().zip(purged).flat_map(|(vault, purged)| purged.persons.iter().map(move |one| (vault, one)));
    let persons: Vec<Value> = each()
        .map(|(vault, one)| {
            let receipt = one.receipt.map(|receipt| receipt.reveal());
            json!({"_id": one.person, "client": vault.client(), "reason": one.reason, "receipt": receipt})
        })
        .collect();
    let is_pending = purged.iter().any(|purged| purged.is_erasure_pending);
    let erasure = if is_pending { "pending" } else { "done" };
    let data = json!({"removed": !arguments.dry_run, "persons": persons, "erasure": erasure});
    context.output.answer(&data, |text| {
        let mut listing = Listing::new(&["PERSON", "CLIENT", "REASON", "RECEIPT"]);
        for (vault, one) in each() {
            let reason = serde_json::to_value(one.reason).unwrap_or_default();
            let receipt = one.receipt.map(|receipt| receipt.reveal()).unwrap_or_default();
            listing.row([one.person.as_str(), vault.client().as_str(), reason.as_str().unwrap_or_default(), &receipt]);
        }
        text.listing(&listing, "nobody is to be removed")?;
        let what = if arguments.dry_run { "would be removed" } else { "removed" };
        text.line(format!("{} {what}", count(persons.len() as u64, "person", "people")))
    })
}

fn policy(arguments: &Arguments, asked: RetentionPolicy, context: &Context) -> Outcome {
    let policy = match asked.is_empty() && !arguments.nobody {
        true => context.vault_for_reading(&arguments.vault)?.retention()?,
        false => {
            context.vault(&arguments.vault)?.set_retention(&asked)?;
            asked
        }
    };
    context.output.answer(&policy, |text| {
        if policy.is_empty() {
            return text.line("nobody is removed because of time");
        }
        if policy.expired {
            text.line("removed: people whose expires_at has come")?;
        }
        policy.unseen_days.iter().try_for_each(|days| {
            text.line(format!("removed: people who were not seen for {}", count(u64::from(*days), "day", "days")))
        })
    })
}
