//! The verbs on persons. An update goes in steps: validate, encode, write, publish.

use crate::error::{Error, ErrorKind, Result, Rule, Violation};
use crate::patch::Patch;
use crate::person::{
    ImageBytes, ImageId, ImagesUpdate, NewPerson, Page, Person, PersonId, PersonQuery, PersonSummary, PersonUpdate,
};
use crate::store::{ImagesChange, PersonChange, Removed};

use super::photos::Prepared;
use super::{DuplicatePolicy, Vault};

/// What became of a person who left a collection.
#[derive(Debug, Clone, PartialEq)]
pub enum Departure {
    /// The person is in other collections still.
    Stays(Box<Person>),
    /// It was the last one: the person is removed.
    Removed,
}

impl Vault {
    /// Creates a person: the photos are encoded in parallel, then everything is written in one
    /// atomic step.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where the id is taken,
    /// [`Refused`](crate::ErrorKind::Refused) with the outcome of every photo if one gives no
    /// encoding, [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) for photos without an
    /// engine, [`ModelMismatch`](crate::ErrorKind::ModelMismatch) where the engine's model is not
    /// the vault's, or another process enrolled the first photo meanwhile in another mode.
    pub fn create_person(&self, new: &NewPerson) -> Result<Person> {
        self.create_person_unless_known(new, &DuplicatePolicy::default())
    }

    /// Applies a partial update in one atomic, durable step and gives the whole person after it.
    /// New photos are encoded in parallel before anything is written; photos that the person has
    /// already are not encoded again. An update that names nothing changes nothing.
    ///
    /// # Errors
    /// As for [`Self::create_person`]; [`NotFound`](crate::ErrorKind::NotFound) for an unknown
    /// person, [`Conflict`](crate::ErrorKind::Conflict) where `expected_version` is not current.
    /// After an error the person is as before.
    pub fn update_person(&self, id: &PersonId, update: &PersonUpdate) -> Result<Person> {
        update.validate(self.limits())?;
        if let Patch::Set(collections) = &update.collections {
            self.collections_exist(collections)?;
        }
        let (images, model) = match &update.images {
            ImagesUpdate::Keep => (ImagesChange::Keep, None),
            ImagesUpdate::Clear => (ImagesChange::Clear, None),
            ImagesUpdate::Replace(photos) => {
                let Prepared { images, model } = self.prepare(photos, Some(id))?;
                (ImagesChange::Replace(images), model)
            }
            ImagesUpdate::Edit { remove, add } => {
                let Prepared { images, model } = self.prepare(add, Some(id))?;
                (ImagesChange::Edit { remove: remove.clone(), add: images }, model)
            }
        };
        let change = PersonChange { model, ..PersonChange::new(update, images) };
        let written = self.store().update_person(&self.client, id, &change, self.limits())?;
        self.publish();
        Ok(written.person)
    }

    /// The whole person, photos and encodings included.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where stored bytes are not what was written.
    pub fn person(&self, id: &PersonId) -> Result<Person> {
        self.store().person(&self.client, id)
    }

    /// The person without photos and encodings.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's.
    pub fn person_summary(&self, id: &PersonId) -> Result<PersonSummary> {
        self.store().person_summary(&self.client, id)
    }

    /// One photo of a person, as it was handed in.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or photo,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where its bytes are not what was written.
    pub fn photo(&self, id: &PersonId, image: &ImageId) -> Result<ImageBytes> {
        self.store().image(&self.client, id, image)
    }

    /// One page of the persons, oldest first, without photos and encodings.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a page or limit out of range or an unknown
    /// collection.
    pub fn persons(&self, query: &PersonQuery) -> Result<Page<PersonSummary>> {
        self.store().persons(&self.client, query)
    }

    /// Removes a person; no byte of the person stays in the file or its log.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's.
    pub fn remove_person(&self, id: &PersonId) -> Result<Removed> {
        let removed = self.store().remove_person(&self.client, id, None)?;
        self.publish();
        Ok(removed)
    }

    /// Takes a person out of a collection; one who is in no other is removed.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person, [`Invalid`](crate::ErrorKind::Invalid)
    /// for a collection that is unknown or that the person is not in.
    pub fn remove_from_collection(&self, id: &PersonId, id_or_code: &str) -> Result<Departure> {
        loop {
            let person = self.person_summary(id)?;
            let collection = found(self.collection(id_or_code))?;
            let rest: Vec<String> = match collection.filter(|found| person.collections.contains(&found.id)) {
                Some(left) => person.collections.iter().filter(|id| **id != left.id).map(ToString::to_string).collect(),
                None => {
                    let rule = Rule::Other("must be one of the person's collections".to_owned());
                    return Err(Error::invalid("collection", rule));
                }
            };
            let departure = if rest.is_empty() {
                let removed = self.store().remove_person(&self.client, id, Some(person.version));
                removed.map(|_| Departure::Removed)
            } else {
                let change = PersonChange {
                    collections: Some(rest),
                    expected_version: Some(person.version),
                    ..PersonChange::default()
                };
                let written = self.store().update_person(&self.client, id, &change, self.limits());
                written.map(|written| Departure::Stays(Box::new(written.person)))
            };
            match departure {
                // Changed since it was read: look again.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                departure => {
                    self.publish();
                    return departure;
                }
            }
        }
    }

    /// An early word on unknown collections, before photos are encoded; the transaction looks
    /// again.
    pub(super) fn collections_exist(&self, named: &[String]) -> Result<()> {
        if named.is_empty() {
            return Ok(());
        }
        let known = self.collections()?;
        let unknown = |name: &str| !known.iter().any(|c| c.id.as_str() == name || c.code == name);
        let violations: Vec<Violation> = named
            .iter()
            .enumerate()
            .filter(|(_, name)| unknown(name))
            .map(|(i, name)| Violation {
                field: format!("collections[{i}]"),
                rule: Rule::Unknown(format!("collection {name:?}")),
            })
            .collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::violated(violations)) }
    }
}

/// `None` for somebody or something that is not there.
fn found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
