//! The verbs on collections. A collection is named by its id or its code.

use crate::error::Result;
use crate::person::{Collection, CollectionUpdate, NewCollection};

use super::Vault;

impl Vault {
    /// Creates a collection.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where the id is taken.
    pub fn create_collection(&self, new: &NewCollection) -> Result<Collection> {
        new.validate()?;
        self.store().insert_collection(&self.client, new)
    }

    /// Applies a partial update to a collection and, where it names `people`, to its membership.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown collection,
    /// [`Invalid`](crate::ErrorKind::Invalid) with every broken rule and every unknown person.
    pub fn update_collection(&self, id_or_code: &str, update: &CollectionUpdate) -> Result<Collection> {
        update.validate()?;
        let written = self.store().update_collection(&self.client, id_or_code, update)?;
        self.publish(written.gallery, |_| None);
        Ok(written.collection)
    }

    /// One collection.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown collection or another client's.
    pub fn collection(&self, id_or_code: &str) -> Result<Collection> {
        self.store().collection(&self.client, id_or_code)
    }

    /// All collections, oldest first.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) and [`Corrupt`](crate::ErrorKind::Corrupt).
    pub fn collections(&self) -> Result<Vec<Collection>> {
        self.store().collections(&self.client)
    }

    /// Removes a collection; its persons stay.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown collection or another client's.
    pub fn remove_collection(&self, id_or_code: &str) -> Result<()> {
        let effect = self.store().remove_collection(&self.client, id_or_code)?;
        self.publish(effect, |_| None);
        Ok(())
    }
}
