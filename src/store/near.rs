//! People who are near a probe, as a store that searches by itself finds them.

use crate::encoding::FaceEncoding;
use crate::person::{ImageId, PersonId};

/// What a search by the store found. Scores are for the caller to compute: the encodings are those that were written.
#[derive(Debug)]
pub(crate) struct Near {
    /// The generation that was searched.
    pub(crate) generation: u64,
    /// The people who can be found at all, and how many encodings they have together.
    pub(crate) people: u64,
    pub(crate) encodings: u64,
    /// Of those, the people who were searched.
    pub(crate) people_searched: u64,
    /// The people who should be searched and have no encoding by the model.
    pub(crate) without_encoding: u64,
    /// For each probe: photos near it, the nearest first, of as many different people as were asked for, or of all.
    pub(crate) found: Vec<Vec<(PersonId, ImageId, FaceEncoding)>>,
}
