//! Collections: groups of persons of one client.

use std::fmt;

use jiff::Timestamp;

use crate::patch::Patch;

use super::{CollectionId, PersonId};

/// A group of persons of one client.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Collection {
    /// Names the collection.
    pub id: CollectionId,
    /// A second name, a UUID; accepted wherever the id is.
    pub code: String,
    /// 1 to 100 characters.
    pub name: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
    /// When the collection was created.
    pub created_at: Timestamp,
    /// When the collection was last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection").field("id", &self.id).field("code", &self.code).finish_non_exhaustive()
    }
}

/// A collection to be created.
#[derive(Clone, Default)]
pub struct NewCollection {
    /// The id, where the caller brings one of its own.
    pub id: Option<CollectionId>,
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
}

impl NewCollection {
    /// A collection of which only the name is given.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A partial update of a collection: what is not named stays as it is.
#[derive(Clone, Default)]
pub struct CollectionUpdate {
    /// A new name: 1 to 100 characters after trimming.
    pub name: Option<String>,
    /// Up to 4,000 characters.
    pub description: Patch<String>,
    /// The ids of all its persons, replacing the membership.
    pub people: Option<Vec<PersonId>>,
}

impl CollectionUpdate {
    /// Whether nothing is named, so that the update is the identity.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        self.name.is_none() && self.description.is_keep() && self.people.is_none()
    }

    /// The fields that are named, in alphabetical order.
    pub(crate) fn named(&self) -> Vec<String> {
        let fields = [
            ("description", !self.description.is_keep()),
            ("name", self.name.is_some()),
            ("people", self.people.is_some()),
        ];
        fields.into_iter().filter(|(_, is_named)| *is_named).map(|(name, _)| name.to_owned()).collect()
    }

    /// Takes over name and description.
    pub(crate) fn apply(&self, collection: &mut Collection) {
        if let Some(name) = &self.name {
            collection.name.clone_from(name);
        }
        self.description.apply_text(&mut collection.description);
    }
}

/// A collection as an error names it, however long its text.
pub(crate) fn described(name: &str) -> String {
    let cut: String = name.chars().take(64).collect();
    format!("collection {cut:?}")
}
