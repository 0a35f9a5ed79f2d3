//! Photos as callers of the store name them.

use crate::person::{ClientId, ImageId, PersonId};

/// A photo somewhere in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    pub(super) key: i64,
    /// The tenant that the person belongs to.
    pub client: ClientId,
    /// The person who is in the photo.
    pub person: PersonId,
    /// Names the photo.
    pub image: ImageId,
}
