//! A model as vaults and hubs know it.

use super::{EncodingMode, Metric};
use crate::encoding::ModelId;

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
