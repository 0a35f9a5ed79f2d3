//! The verbs on persons. An update goes in steps: validate, encode, write, publish.

use crate::audit::RemovalReason;
use crate::error::{Error, ErrorKind, Result, Rule};
#[cfg(feature = "transfer")]
use crate::person::PersonImage;
use crate::person::{ImageBytes, ImageId, NewPerson, Page, Person, PersonId, PersonQuery, PersonSummary, PersonUpdate};
use crate::store::Removed;

use super::{DuplicatePolicy, Vault};

/// What became of a person who left a collection.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Departure {
    /// The person is in other collections still.
    Stays(Box<PersonSummary>),
    /// It was the last one: the person is removed.
    Removed(Removed),
}

impl Vault {
    /// Creates a person: the photos are encoded in parallel, then everything is written in one
    /// atomic step.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where the id is taken,
    /// [`Refused`](crate::ErrorKind::Refused) with the outcome of every photo if one gives no
    /// encoding, or they seem to show two people and
    /// [`mixed photos`](crate::VaultOptions::mixed_photos) are not taken, [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) for photos without an
    /// engine, [`ModelMismatch`](crate::ErrorKind::ModelMismatch) where the engine's model is not
    /// the vault's, or another process enrolled the first photo meanwhile in another mode.
    pub fn create_person(&self, new: &NewPerson) -> Result<Person> {
        self.create_person_unless_known(new, &DuplicatePolicy::default())
    }

    /// Applies a partial update in one atomic, durable step and gives the whole person after it.
    /// New photos are encoded in parallel before anything is written; photos that the person has
    /// already are not encoded again. An update that names nothing changes nothing.
    ///
    /// The answer has all photos of the person, so they are read. Where they are not wanted,
    /// [`Self::update_person_summary`] reads none.
    ///
    /// # Errors
    /// As for [`Self::create_person`]; [`NotFound`](crate::ErrorKind::NotFound) for an unknown
    /// person, [`Conflict`](crate::ErrorKind::Conflict) where `expected_version` is not current.
    /// After an error the person is as before.
    pub fn update_person(&self, id: &PersonId, update: &PersonUpdate) -> Result<Person> {
        let prepared = self.prepare_update(id, update)?;
        let written = self.store().update_person(&self.client, id, update, &prepared)?;
        self.publish_written(&written);
        Ok(written.person)
    }

    /// As [`Self::update_person`], with an answer without photos and encodings: an update of fields
    /// alone is one transaction that reads no photo.
    ///
    /// # Errors
    /// As for [`Self::update_person`], but a stored photo that is damaged goes unnoticed.
    pub fn update_person_summary(&self, id: &PersonId, update: &PersonUpdate) -> Result<PersonSummary> {
        let prepared = self.prepare_update(id, update)?;
        let written = self.store().update_person_summary(&self.client, id, update, &prepared)?;
        self.publish_written(&written);
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

    /// The person with encodings and without photos, none of which is read: as if every encoding had been given without
    /// one.
    #[cfg(feature = "transfer")]
    pub(crate) fn person_without_photos(&self, id: &PersonId) -> Result<Person> {
        self.store().snapshot(&self.client, |now| {
            let encodings = match now.active_model()? {
                Some(model) => now.encodings(id, &model.id)?,
                None => Vec::new(),
            };
            let image = |(id, encoding)| PersonImage { id, bytes: None, encoding: Some(encoding) };
            Ok(now.person_summary(id)?.with_images(self.client.clone(), encodings.into_iter().map(image).collect()))
        })
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
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or photo, and where an encoding was
    /// given without a photo,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where its bytes are not what was written.
    pub fn photo(&self, id: &PersonId, image: &ImageId) -> Result<ImageBytes> {
        self.store().image(&self.client, id, image)
    }

    /// How many bytes the photos of a person have together.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's.
    #[cfg(feature = "http")]
    pub(crate) fn photo_bytes(&self, id: &PersonId) -> Result<u64> {
        self.store().photo_bytes(&self.client, id)
    }

    /// The id of a person's photo by its place, from 0; `None` where there are fewer.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's.
    #[cfg(feature = "http")]
    pub(crate) fn image_at(&self, id: &PersonId, place: usize) -> Result<Option<ImageId>> {
        self.store().image_at(&self.client, id, place)
    }

    /// One page of the persons, oldest first, without photos and encodings.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a page or limit out of range or an unknown
    /// collection.
    pub fn persons(&self, query: &PersonQuery) -> Result<Page<PersonSummary>> {
        self.store().persons(&self.client, query)
    }

    /// Removes a person for good: nothing of the person stays in the file, nor, once the answer's
    /// [`erasure`](Removed::erasure) is [`Done`](crate::store::Erasure::Done), in the log beside it.
    /// The answer has the receipt too, if the vault keeps an audit trail.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's.
    pub fn remove_person(&self, id: &PersonId) -> Result<Removed> {
        let removed = self.store().remove_person_because(&self.client, id, None, RemovalReason::Asked)?;
        self.publish_removed(&removed);
        Ok(removed)
    }

    /// Takes a person out of a collection; one who is in no other is removed.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person, [`Invalid`](crate::ErrorKind::Invalid)
    /// for a collection that is unknown or that the person is not in.
    pub fn remove_from_collection(&self, id: &PersonId, id_or_code: &str) -> Result<Departure> {
        loop {
            let (person, collection) = self
                .store()
                .snapshot(&self.client, |vault| Ok((vault.person_summary(id)?, vault.find_collection(id_or_code)?)))?;
            let Some(left) = collection.filter(|found| person.collections.contains(&found.id)) else {
                let rule = Rule::Other("must be one of the person's collections".to_owned());
                return Err(Error::invalid("collection", rule));
            };
            let rest: Vec<String> =
                person.collections.iter().filter(|id| **id != left.id).map(ToString::to_string).collect();
            let departure = match rest.is_empty() {
                true => self.remove_at_version(id, person.version).map(Departure::Removed),
                false => {
                    let update = PersonUpdate {
                        collections: Some(rest),
                        expected_version: Some(person.version),
                        ..PersonUpdate::default()
                    };
                    self.update_person_summary(id, &update).map(|person| Departure::Stays(Box::new(person)))
                }
            };
            match departure {
                // Changed since it was read: look again.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                departure => return departure,
            }
        }
    }

    fn remove_at_version(&self, id: &PersonId, version: u64) -> Result<Removed> {
        let reason = RemovalReason::LeftCollections;
        let removed = self.store().remove_person_because(&self.client, id, Some(version), reason)?;
        self.publish_removed(&removed);
        Ok(removed)
    }
}
