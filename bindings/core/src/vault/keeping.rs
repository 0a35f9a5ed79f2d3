//! Keeping a vault: what it is, checks, copies, erasure, clients, retention.

use facevault::store::{Erasure, Problem};
use facevault::{ChangesSince, PersonChange, PurgeOptions, PurgedPerson, Result, RetentionPolicy, Rule, Vault};
use serde_json::{Value, json};

use super::person_id;
use crate::answer::json_text;
use crate::engine::description;
use crate::request::{Call, Request};

pub(super) fn describe(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    let model = vault.active_model()?.map(|model| {
        json!({
            "id": model.id.to_string(),
            "name": model.name,
            "dimension": model.dimension,
            "metric": model.metric,
            "mode": model.mode,
        })
    });
    let limits = vault.limits();
    json_text(&json!({
        "path": vault.path(),
        "client": vault.client(),
        "read_only": vault.is_read_only(),
        "limits": {"max_images": limits.max_images, "max_image_bytes": limits.max_image_bytes},
        "min_liveness": vault.min_liveness(),
        "model": model,
        "encoding_mode": vault.encoding_mode()?,
        "engine": vault.engine().map(description),
    }))
}

pub(super) fn check(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    let report = vault.check()?;
    let problem = |problem: &Problem| json!({"person": problem.person, "message": problem.what});
    json_text(&json!({
        "clean": report.is_clean(),
        "persons": report.persons,
        "images": report.images,
        "without_photo": report.without_photo,
        "encodings": report.encodings,
        "erasure": if report.erasure_pending { Erasure::Pending.as_str() } else { Erasure::Done.as_str() },
        "audit_entries": report.audit_entries,
        "problems": report.problems.iter().map(problem).collect::<Vec<Value>>(),
    }))
}

/// That the vault's file is still where it was opened.
pub(super) fn require_in_place(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    vault.require_in_place()?;
    Ok("null".to_owned())
}

/// `path`, where no file may be.
pub(super) fn backup(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let path = call.request.required("path", |text| Ok(text.to_owned()));
    let path = call.request.finish_with(path)?;
    vault.backup(&path, call.progress)?;
    json_text(&json!({"path": path}))
}

fn erased(erasure: Result<Erasure>) -> Result<String> {
    json_text(&json!({"erasure": erasure?.as_str()}))
}

pub(super) fn erasure(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    erased(vault.erasure())
}

pub(super) fn finish_erasure(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    erased(vault.finish_erasure())
}

pub(super) fn clean(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    erased(vault.clean())
}

/// `since`, a revision; 0 by default.
pub(super) fn changes(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let since = call.request.whole("since").unwrap_or(0);
    call.request.finish()?;
    let change = |change: &PersonChange| match change {
        PersonChange::Added { key, person } => json!({"change": "added", "key": key.number(), "person": person}),
        PersonChange::Changed { key, person } => json!({"change": "changed", "key": key.number(), "person": person}),
        PersonChange::Removed { key } => json!({"change": "removed", "key": key.number(), "person": null}),
        _ => Value::Null,
    };
    match vault.changes(since)? {
        ChangesSince::Known(known) => json_text(&json!({
            "known": true,
            "changes": known.changes.iter().map(change).collect::<Vec<_>>(),
            "revision": known.revision,
        })),
        _ => json_text(&json!({"known": false, "changes": [], "revision": null})),
    }
}

pub(super) fn clients(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&vault.clients()?)
}

fn policy(request: &mut Request) -> RetentionPolicy {
    let days = request.whole("unseen_days").map(|days| days.min(u64::from(u32::MAX)) as u32);
    RetentionPolicy::default().with_expired(request.flag("expired").unwrap_or(false)).with_unseen_days(days)
}

pub(super) fn retention(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&vault.retention()?)
}

/// `expired`, `unseen_days`: the whole policy. One of them must be named: `{"expired": false}` keeps everybody.
pub(super) fn set_retention(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    if !call.request.names("expired") && !call.request.names("unseen_days") {
        let rule = r#"must name expired, unseen_days or both; {"expired": false} keeps everybody"#;
        call.request.broken("body", Rule::Other(rule.to_owned()));
    }
    let policy = policy(&mut call.request);
    call.request.finish()?;
    vault.set_retention(&policy)?;
    json_text(&policy)
}

/// `expired`, `unseen_days`, `dry_run`, `trust_clock`. Receipts are in the answer and nowhere else.
pub(super) fn purge(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let options = PurgeOptions::default()
        .with_policy(policy(request))
        .with_dry_run(request.flag("dry_run").unwrap_or(false))
        .with_trust_clock(request.flag("trust_clock").unwrap_or(false));
    request.finish()?;
    let purged = vault.purge(&options, call.progress)?;
    let person = |one: &PurgedPerson| {
        let receipt = one.receipt.map(|receipt| receipt.reveal());
        json!({"_id": one.person, "reason": one.reason, "receipt": receipt})
    };
    json_text(&json!({
        "removed": !options.dry_run,
        "persons": purged.persons.iter().map(person).collect::<Vec<_>>(),
        "erasure": if purged.is_erasure_pending { Erasure::Pending.as_str() } else { Erasure::Done.as_str() },
        "was_stopped": purged.was_stopped,
        "failure": purged.failure.as_ref().map(facevault::wire::ErrorAnswer),
    }))
}

pub(super) fn carry_out_retention(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&json!({"removed": vault.carry_out_retention(call.progress)?}))
}

pub(super) fn last_seen(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = person_id(&mut call.request);
    let id = call.request.finish_with(id)?;
    json_text(&json!({"last_seen": vault.last_seen(&id)?.map(|time| format!("{time:.3}"))}))
}
