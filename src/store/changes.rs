//! What happened to persons, for whoever keeps a copy of them elsewhere.

use crate::person::{PersonId, PersonKey};

/// What became of a person since a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PersonChange {
    /// The person was added since then, and may have been changed after that.
    Added {
        /// The person's number in this file, which no other person of it ever has.
        key: PersonKey,
        /// The person's id.
        person: PersonId,
    },
    /// The person was there and has another version now: a field, photo or collection is another.
    Changed {
        /// The person's number in this file.
        key: PersonKey,
        /// The person's id.
        person: PersonId,
    },
    /// The person was there and is gone. The vault knows nothing of the person any more, not even the id.
    Removed {
        /// The number that the person had in this file.
        key: PersonKey,
    },
}

/// What happened to a client's persons since a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonChanges {
    /// Each person once, with what became of the person in the end, in the order of the last changes.
    pub changes: Vec<PersonChange>,
    /// The revision up to which these are all changes: the next question is about what came since then.
    pub revision: u64,
}

/// The answer to "what happened since?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangesSince {
    /// All that happened.
    Known(PersonChanges),
    /// It cannot be said: removals were forgotten, or the vault is an older copy of what it was. The copy has
    /// to be made anew, from the changes since 0.
    Gone,
}
