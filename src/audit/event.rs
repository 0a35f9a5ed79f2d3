//! What an entry says.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::policy::AuditPolicy;
use super::receipt::Removal;
use crate::person::{RetentionPolicy, TokenId};

/// What happened. The person, client and actor concerned stand beside it in the
/// [`AuditEntry`](super::AuditEntry).
///
/// Collections are named by their numbers in this file, models by their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditEvent {
    /// A person was added.
    #[non_exhaustive]
    PersonCreated {
        /// Photos.
        photos: u64,
        /// Encodings that came without a photo.
        encodings: u64,
    },
    /// A person was changed.
    #[non_exhaustive]
    PersonUpdated {
        /// The fields that changed, by their names in requests, in alphabetical order. Of attributes only that
        /// some were named.
        fields: Vec<String>,
        /// Photos, and encodings without one, that came.
        photos_added: u64,
        /// Photos, and encodings without one, that went.
        photos_removed: u64,
    },
    /// A person was removed.
    PersonRemoved(Removal),
    /// A collection was added.
    #[non_exhaustive]
    CollectionCreated {
        /// Its number in this file.
        collection: u64,
    },
    /// A collection was changed.
    #[non_exhaustive]
    CollectionUpdated {
        /// Its number in this file.
        collection: u64,
        /// The fields that the request named, in alphabetical order.
        fields: Vec<String>,
        /// Persons who came.
        members_added: u64,
        /// Persons who went.
        members_removed: u64,
    },
    /// A collection was removed; its members stay.
    #[non_exhaustive]
    CollectionRemoved {
        /// The number that it had in this file.
        collection: u64,
        /// How many members it had.
        members: u64,
    },
    /// A client was added.
    #[non_exhaustive]
    ClientAdded {},
    /// A token was made.
    #[non_exhaustive]
    TokenCreated {
        /// The token.
        token: TokenId,
        /// Whether it expires.
        expires: bool,
    },
    /// Somebody revoked a token. Each request has an entry, also for a token that was revoked before.
    #[non_exhaustive]
    TokenRevoked {
        /// The token.
        token: TokenId,
    },
    /// The vault learned of a model.
    #[non_exhaustive]
    ModelAdded {
        /// The model.
        model: String,
    },
    /// Encodings by a model were made of photos that were there.
    #[non_exhaustive]
    EncodingsAdded {
        /// The model.
        model: String,
        /// How many.
        encodings: u64,
    },
    /// Another model became the vault's.
    #[non_exhaustive]
    ModelSwitched {
        /// The model before.
        from: String,
        /// The model since then.
        to: String,
        /// Whether the encodings by the old one were kept.
        kept_old: bool,
        /// Photos that are without an encoding by the new one.
        left_out: u64,
    },
    /// Somebody asked who this is. [`AuditEntry::person`](super::AuditEntry::person) is the most similar person
    /// who was recognised; nobody where it is `None`.
    #[non_exhaustive]
    Identified {
        /// What a person had to reach, and what that follows from.
        threshold: String,
        /// How many people were searched.
        people_searched: u64,
        /// How many of them were recognised, of those who were listed.
        recognized: u64,
    },
    /// Somebody asked whether this is the person of the entry.
    #[non_exhaustive]
    Verified {
        /// What had to be reached, and what that follows from.
        threshold: String,
        /// Whether it was.
        accepted: bool,
    },
    /// Somebody compared photos with photos, of nobody in the vault.
    #[non_exhaustive]
    Compared {
        /// What had to be reached.
        threshold: String,
        /// Whether it was.
        accepted: bool,
    },
    /// Somebody began to export people, or all of them: their number when it began. The entry stays where the export
    /// was broken off.
    #[non_exhaustive]
    Exported {
        /// People.
        people: u64,
        /// Whether their photos were asked for.
        photos: bool,
        /// Whether their face encodings were asked for.
        encodings: bool,
    },
    /// What the trail notes and how long was changed to this.
    PolicyChanged(AuditPolicy),
    /// Who is removed because of time was changed to this.
    RetentionChanged(RetentionPolicy),
    /// The oldest entries were cut.
    #[non_exhaustive]
    TrailCut {
        /// How many.
        entries: u64,
        /// The number of the last one that was cut.
        until: u64,
        /// Its hash.
        hash: super::AuditHash,
    },
    /// The whole vault was encrypted, decrypted, or encrypted with another key.
    #[non_exhaustive]
    EncryptionChanged {
        /// Whether it is encrypted since then.
        encrypted: bool,
    },
    /// An entry of a kind that this version does not know, or whose details it cannot read.
    #[serde(skip)]
    #[non_exhaustive]
    Other {
        /// Its kind.
        kind: String,
    },
}

/// All kinds, as queries take them.
const KINDS: [&str; 20] = [
    "person_created",
    "person_updated",
    "person_removed",
    "collection_created",
    "collection_updated",
    "collection_removed",
    "client_added",
    "token_created",
    "token_revoked",
    "model_added",
    "encodings_added",
    "model_switched",
    "identified",
    "verified",
    "compared",
    "exported",
    "policy_changed",
    "retention_changed",
    "trail_cut",
    "encryption_changed",
];

impl AuditEvent {
    /// The kinds of events, as [`Self::kind`] gives them and [`AuditQuery::kinds`](super::AuditQuery::kinds)
    /// takes them.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.into_iter()
    }

    /// What happened, in one word.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::PersonCreated { .. } => "person_created",
            Self::PersonUpdated { .. } => "person_updated",
            Self::PersonRemoved(_) => "person_removed",
            Self::CollectionCreated { .. } => "collection_created",
            Self::CollectionUpdated { .. } => "collection_updated",
            Self::CollectionRemoved { .. } => "collection_removed",
            Self::ClientAdded {} => "client_added",
            Self::TokenCreated { .. } => "token_created",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::ModelAdded { .. } => "model_added",
            Self::EncodingsAdded { .. } => "encodings_added",
            Self::ModelSwitched { .. } => "model_switched",
            Self::Identified { .. } => "identified",
            Self::Verified { .. } => "verified",
            Self::Compared { .. } => "compared",
            Self::Exported { .. } => "exported",
            Self::PolicyChanged(_) => "policy_changed",
            Self::RetentionChanged(_) => "retention_changed",
            Self::TrailCut { .. } => "trail_cut",
            Self::EncryptionChanged { .. } => "encryption_changed",
            Self::Other { kind } => kind,
        }
    }

    /// Whether it is a search, which changes nothing.
    #[must_use]
    pub fn is_search(&self) -> bool {
        matches!(self, Self::Identified { .. } | Self::Verified { .. } | Self::Compared { .. })
    }

    /// Its details as JSON on one line.
    pub(crate) fn detail(&self) -> String {
        // Texts, numbers and lists always have a JSON form.
        let mut whole = serde_json::to_value(self).unwrap_or_default();
        whole.get_mut("detail").map(Value::take).unwrap_or_else(|| json!({})).to_string()
    }

    /// The event of this kind with these details.
    pub(crate) fn read(kind: &str, detail: &str) -> Self {
        let parsed = serde_json::from_str::<Value>(detail);
        let read = parsed.and_then(|detail| serde_json::from_value(json!({"kind": kind, "detail": detail})));
        read.unwrap_or_else(|_| Self::Other { kind: kind.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditHash, Opening};

    #[test]
    fn every_event_is_read_as_it_is_written() {
        let token = TokenId::generate();
        let hash = AuditHash::from_bytes([7; 32]);
        let client = crate::ClientId::generate();
        let person = crate::PersonId::generate();
        let opening = Opening::generate().expect("random bits");
        let text = || "x".to_owned();
        let events = [
            AuditEvent::PersonCreated { photos: 1, encodings: 2 },
            AuditEvent::PersonUpdated { fields: vec![text()], photos_added: 1, photos_removed: 0 },
            AuditEvent::PersonRemoved(Removal::new(&opening, &client, &person, &[[3; 32]])),
            AuditEvent::CollectionCreated { collection: 1 },
            AuditEvent::CollectionUpdated { collection: 1, fields: vec![], members_added: 1, members_removed: 2 },
            AuditEvent::CollectionRemoved { collection: 1, members: 0 },
            AuditEvent::ClientAdded {},
            AuditEvent::TokenCreated { token: token.clone(), expires: true },
            AuditEvent::TokenRevoked { token },
            AuditEvent::ModelAdded { model: text() },
            AuditEvent::EncodingsAdded { model: text(), encodings: 3 },
            AuditEvent::ModelSwitched { from: text(), to: text(), kept_old: true, left_out: 0 },
            AuditEvent::Identified { threshold: text(), people_searched: 9, recognized: 1 },
            AuditEvent::Verified { threshold: text(), accepted: true },
            AuditEvent::Compared { threshold: text(), accepted: false },
            AuditEvent::Exported { people: 3, photos: true, encodings: false },
            AuditEvent::PolicyChanged(AuditPolicy::default()),
            AuditEvent::RetentionChanged(RetentionPolicy::default().with_unseen_days(3)),
            AuditEvent::TrailCut { entries: 1, until: 1, hash },
            AuditEvent::EncryptionChanged { encrypted: true },
        ];
        let kinds: Vec<&str> = events.iter().map(AuditEvent::kind).collect();
        assert_eq!(kinds, AuditEvent::kinds().collect::<Vec<_>>());
        for event in &events {
            let detail = event.detail();
            assert!(!detail.contains('\n'), "{detail}");
            assert_eq!(&AuditEvent::read(event.kind(), &detail), event, "{detail}");
        }
        for (kind, detail) in [("person_created", "{}"), ("later", "{\"a\":1}"), ("trail_cut", "no JSON")] {
            assert_eq!(AuditEvent::read(kind, detail), AuditEvent::Other { kind: kind.to_owned() });
        }
    }
}
