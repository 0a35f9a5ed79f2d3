//! Persons of a list: the API's person object without photos and encodings.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::json;

use crate::person::{ClientId, Collection, CollectionId, PersonSummary};

use super::answer::time;

/// What is answered in whole instead of by id.
#[derive(Debug)]
pub(crate) struct Names {
    /// Whose persons these are.
    pub(crate) client: ClientId,
    /// Whether the client is an object.
    pub(crate) whole_client: bool,
    /// The collections that are objects.
    pub(crate) collections: HashMap<CollectionId, Collection>,
}

/// A person of a list.
pub(crate) struct PersonItem<'a> {
    person: PersonSummary,
    names: &'a Names,
}

impl<'a> PersonItem<'a> {
    pub(crate) fn new(person: PersonSummary, names: &'a Names) -> Self {
        Self { person, names }
    }
}

impl Serialize for PersonItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (person, names) = (&self.person, self.names);
        let collections: Vec<_> = person
            .collections
            .iter()
            .map(|id| names.collections.get(id).map_or_else(|| json!(id), |whole| json!(whole)))
            .collect();
        let client = if names.whole_client { json!({"_id": names.client}) } else { json!(names.client) };
        let mut answer = serializer.serialize_struct("Person", 12)?;
        answer.serialize_field("_id", &person.id)?;
        answer.serialize_field("name", &person.name)?;
        answer.serialize_field("gender", &person.gender)?;
        answer.serialize_field("date_of_birth", &person.date_of_birth)?;
        answer.serialize_field("nationality", &person.nationality)?;
        answer.serialize_field("image_count", &person.image_count)?;
        answer.serialize_field("collections", &collections)?;
        answer.serialize_field("notes", &person.notes)?;
        answer.serialize_field("client", &client)?;
        answer.serialize_field("status", &person.status)?;
        answer.serialize_field("createdAt", &time(person.created_at))?;
        answer.serialize_field("updatedAt", &time(person.updated_at))?;
        answer.end()
    }
}
