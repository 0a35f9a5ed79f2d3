//! Who is to be removed because of time.

use crate::audit::RemovalReason;
use crate::person::PersonId;

/// A person whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// The person.
    pub person: PersonId,
    /// The version that the person has.
    pub version: u64,
    /// Why the person is to be removed.
    pub reason: RemovalReason,
}
