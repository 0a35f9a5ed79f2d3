//! Models and photos as callers of the store name them.

use crate::encoding::ModelId;
use crate::person::{ClientId, ImageId, PersonId};
use crate::spec::{EncodingMode, Metric};

/// A model as a vault knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// What encodings are marked with.
    pub id: ModelId,
    /// A name for people.
    pub name: String,
    /// Components of a vector, 1 to 65,536.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// The mode in which photos are encoded; `None` where it is unknown, as in a vault that was made
    /// before vaults noted it. It is noted when the model becomes known and then never changes.
    pub mode: Option<EncodingMode>,
}

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
