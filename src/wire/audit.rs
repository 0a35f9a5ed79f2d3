//! Entries of the audit trail as the command prints them.

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::audit::{AuditEntry, AuditHash, AuditHead};

#[derive(serde::Serialize)]
struct EntryAnswer<'a> {
    sequence: u64,
    at: String,
    kind: &'a str,
    client: Option<&'a str>,
    actor: Option<&'a str>,
    person: Option<i64>,
    detail: Value,
    hash: AuditHash,
}

impl<'a> EntryAnswer<'a> {
    fn new(entry: &'a AuditEntry) -> Self {
        Self {
            sequence: entry.sequence,
            at: entry.at.to_string(),
            kind: entry.event.kind(),
            client: entry.client.as_ref().map(|client| client.as_str()),
            actor: entry.actor.as_text(),
            person: entry.person.map(|key| key.number()),
            detail: detail(entry),
            hash: entry.hash,
        }
    }
}

/// The details as they are kept, whatever the kind.
fn detail(entry: &AuditEntry) -> Value {
    let text = entry.text.splitn(7, '\n').nth(6).unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

impl Serialize for AuditEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EntryAnswer::new(self).serialize(serializer)
    }
}

impl Serialize for AuditHead {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An entry as it is exported: with what its hash is made of.
#[derive(serde::Serialize)]
pub struct ExportedEntry<'a> {
    #[serde(flatten)]
    entry: EntryAnswer<'a>,
    /// The hash of the entry before it.
    previous: AuditHash,
    /// What was hashed behind the bytes of `previous`.
    text: &'a str,
}

impl<'a> ExportedEntry<'a> {
    /// The entry with all that it takes to verify it.
    #[must_use]
    pub fn new(entry: &'a AuditEntry) -> Self {
        Self { entry: EntryAnswer::new(entry), previous: entry.previous, text: &entry.text }
    }
}
