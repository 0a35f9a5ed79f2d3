//! The audit trail: what happened to a vault, who did it, and the chain of hashes that shows a change.
//!
//! An entry says nothing personal. A person is named by the [`PersonKey`], a number of this file alone; of a
//! change the names of the fields are kept, never their values; of a removal counts and commitments are kept
//! ([`Removal`]), which nobody can turn back into an id or a photo.

mod actor;
mod chain;
mod event;
mod policy;
mod query;
mod receipt;

use jiff::Timestamp;

use crate::person::{ClientId, PersonKey};

pub use actor::Actor;
pub use chain::{AuditHash, AuditHead};
pub(crate) use chain::{begin, canonical, link};
pub use event::AuditEvent;
pub use policy::{AuditPolicy, AuditScope};
pub use query::{AuditPage, AuditProblem, AuditQuery, AuditReport};
pub use receipt::{Opening, Receipt, Removal, RemovalReason};

/// One entry of the trail.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// The place in the trail, from 1, without gaps.
    pub sequence: u64,
    /// When it happened, by the clock of the machine that wrote it. The order of the entries does not depend
    /// on it.
    pub at: Timestamp,
    /// The tenant concerned, where it is one.
    pub client: Option<ClientId>,
    /// Who did it.
    pub actor: Actor,
    /// The person concerned, by the number that the person has or had in this file.
    pub person: Option<PersonKey>,
    /// What happened.
    pub event: AuditEvent,
    /// The hash of the entry before it, or what the trail begins with.
    pub previous: AuditHash,
    /// The SHA-256 of [`Self::previous`] and [`Self::text`].
    pub hash: AuditHash,
    /// What was hashed: seven lines with sequence, microseconds since 1970, kind, client, actor, person and, as
    /// JSON, details. What is absent is an empty line.
    pub text: String,
}
