//! The audit trail: who did what in a vault, and when, as a chain of hashes that reveals tampering.
//!
//! Entries contain nothing personal. A person is identified by the [`PersonKey`], a number that is used in this file
//! only. The entry of an update has the names of the changed fields, never their values. The entry of a removal has
//! counts and commitments ([`Removal`]), which cannot be turned back into an id or a photo.

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
