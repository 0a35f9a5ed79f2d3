//! The audit trail.

use facevault::jiff::Timestamp;
use facevault::{
    AuditEvent, AuditHead, AuditPolicy, AuditQuery, AuditScope, ClientId, Error, ErrorKind, PersonId, PersonKey,
    Receipt, Result, Rule, Vault,
};
use serde_json::{Value, json};

use super::person_id;
use crate::answer::json_text;
use crate::request::Call;

pub(super) fn policy(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&vault.audit_policy()?)
}

/// `scope`, `keep_days` (0 for ever), `searches_at_once`; what is absent stays.
pub(super) fn set_policy(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    const SCOPES: [(&str, AuditScope); 3] =
        [("off", AuditScope::Off), ("changes", AuditScope::Changes), ("all", AuditScope::All)];
    let request = &mut call.request;
    let mut policy: AuditPolicy = vault.audit_policy()?;
    policy = policy.with_scope(request.one_of("scope", &SCOPES).unwrap_or(policy.scope));
    if let Some(days) = request.whole("keep_days") {
        policy = policy.with_keep_days(Some(days.min(u64::from(u32::MAX)) as u32).filter(|days| *days > 0));
    }
    policy = policy.with_searches_at_once(request.flag("searches_at_once").unwrap_or(policy.searches_at_once));
    request.finish()?;
    vault.set_audit_policy(&policy)?;
    json_text(&policy)
}

fn time(text: &str) -> Result<Timestamp> {
    let rule = "must be a time such as 2030-01-31T00:00:00Z";
    text.parse().map_err(|_| Error::invalid("time", Rule::Other(rule.to_owned())))
}

/// `client`, `kinds`, `person` (a number), `since`, `until`, `after` (a number), `newest_first`, `limit`.
pub(super) fn list(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let default = AuditQuery::default();
    let key = request.whole("person").map(|number| PersonKey::new(i64::try_from(number).unwrap_or(i64::MAX)));
    let query = AuditQuery::default()
        .with_client(request.parsed("client", |text| ClientId::new(text)))
        .with_kinds(request.texts("kinds", |text| Ok(text.to_owned())).unwrap_or_default())
        .with_person(key)
        .with_since(request.parsed("since", time))
        .with_until(request.parsed("until", time))
        .with_after(request.whole("after"))
        .with_newest_first(request.flag("newest_first").unwrap_or(false))
        .with_limit(request.whole("limit").unwrap_or(default.limit));
    request.finish()?;
    let page = vault.audit(&query)?;
    json_text(&json!({"entries": page.entries, "next": page.next, "head": page.head}))
}

/// `head`, as an earlier answer gave it.
pub(super) fn verify(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let head = call.request.parsed("head", |text| text.parse::<AuditHead>());
    call.request.finish()?;
    let report = vault.audit_verify(head.as_ref())?;
    let problem = |problem: &facevault::AuditProblem| json!({"sequence": problem.sequence, "message": problem.what});
    json_text(&json!({
        "clean": report.is_clean(),
        "entries": report.entries,
        "cut_until": report.cut_until,
        "head": report.head,
        "problems": report.problems.iter().map(problem).collect::<Vec<Value>>(),
    }))
}

/// The removal that `receipt` is of, whether it was that of the person `id` where one is named, and whether each of the
/// photos was among those that were removed.
pub(super) fn check_receipt(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let receipt = request.required("receipt", Receipt::parse);
    let id = request.parsed("id", |text| PersonId::new(text));
    let (head, opening) = request.finish_with(receipt)?;
    let entry = vault.audit_entry(&head)?;
    let AuditEvent::PersonRemoved(removal) = &entry.event else {
        let message = format!("entry {} of the audit trail is not of a removal", head.sequence);
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    json_text(&json!({
        "entry": entry,
        "person": id.map(|id| removal.is_of(&opening, vault.client(), &id)),
        "photos": call.photos.iter().map(|photo| removal.has_photo(&opening, photo)).collect::<Vec<bool>>(),
    }))
}

pub(super) fn cut(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&json!({"cut": vault.audit_cut()?}))
}

pub(super) fn flush(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    vault.audit_flush()?;
    Ok("null".to_owned())
}

/// The number by which the trail names the person `id`.
pub(super) fn person_key(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = person_id(&mut call.request);
    let id = call.request.finish_with(id)?;
    json_text(&json!({"key": vault.person_key(&id)?.number()}))
}
