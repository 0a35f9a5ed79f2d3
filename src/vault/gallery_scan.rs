//! Loading a gallery anew, in one sequential read of the encodings.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::{ErrorKind, Result};
use crate::index::{Change, Gallery};
use crate::person::{PersonId, PersonKey, Status};
use crate::store::ModelInfo;

use super::Vault;
use super::gallery::Searched;

impl Vault {
    /// All of this client's encodings by `model`. What is read behind the encodings may be newer than
    /// they are: the changes since the gallery's generation make the whole one committed state.
    pub(super) fn scan(&self, model: &ModelInfo) -> Result<Searched> {
        let mut builder = Gallery::builder(model.id, model.metric, model.dimension);
        let mut last: Option<PersonKey> = None;
        let mut done = SeenPersons::default();
        // Persons whose encodings do not follow one another.
        let mut apart: HashMap<PersonKey, PersonId> = HashMap::new();
        let mut vector = Vec::with_capacity(model.dimension);
        let generation = self.store().all_encodings(Some(&self.client), &model.id, &mut |row| {
            if row.status != Status::Active {
                return Ok(());
            }
            if last != Some(row.key) {
                last.into_iter().for_each(|key| done.insert(key));
                last = Some(row.key);
            }
            if done.contains(row.key) {
                apart.insert(row.key, row.person.clone());
                return Ok(());
            }
            vector.clear();
            vector.extend(row.vector.components());
            builder.push(row.key, row.person, row.image, row.collections, &vector)
        })?;
        let mut gallery = builder.finish(generation)?;
        let mut changes = Vec::with_capacity(apart.len());
        for (key, person) in apart {
            match self.upsert(key, person, model) {
                Ok(change) => changes.push(change),
                // Gone since the scan: the changes since then will say so.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if !changes.is_empty() {
            gallery = gallery.with_changes(&changes, generation)?;
        }
        let without_encoding = Arc::new(self.store().keys_without_encoding(&self.client, &model.id)?);
        Ok(Searched { gallery, without_encoding })
    }

    fn upsert(&self, key: PersonKey, person: PersonId, model: &ModelInfo) -> Result<Change> {
        let summary = self.store().person_summary(&self.client, &person)?;
        let encodings = self.store().encodings(&self.client, &person, &model.id)?;
        Ok(Change::Upsert { key, person, status: summary.status, collections: summary.collections, encodings })
    }
}

/// Persons who were seen. Keys nearly always rise, as persons were written one after the other.
#[derive(Default)]
struct SeenPersons {
    rising: Vec<PersonKey>,
    others: HashSet<PersonKey>,
}

impl SeenPersons {
    fn insert(&mut self, key: PersonKey) {
        if self.is_beyond(key) {
            self.rising.push(key);
        } else if self.rising.binary_search(&key).is_err() {
            self.others.insert(key);
        }
    }

    fn contains(&self, key: PersonKey) -> bool {
        !self.is_beyond(key) && (self.rising.binary_search(&key).is_ok() || self.others.contains(&key))
    }

    fn is_beyond(&self, key: PersonKey) -> bool {
        self.rising.last().is_none_or(|last| key > *last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whoever_was_seen_is_known(keys in proptest::collection::vec(0i64..40, 0..60)) {
            let (mut done, mut plain) = (SeenPersons::default(), HashSet::new());
            for key in keys.into_iter().map(PersonKey::new) {
                prop_assert_eq!(done.contains(key), plain.contains(&key));
                done.insert(key);
                plain.insert(key);
            }
        }
    }
}
