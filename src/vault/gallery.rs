//! Galleries: what is searched, kept in step with the file.
//!
//! A gallery shows one committed state of the vault, that of its generation. Before each search the
//! generation in the file is read; a gallery that is behind, because this process or another one
//! has written, first takes what it missed. So the order of writing to the file and to memory does
//! not matter, and no gallery can stay wrong.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Change, Gallery};
use crate::person::{ClientId, PersonId, PersonKey, Status};
use crate::store::{GalleryChanges, GalleryPerson, ModelInfo};

use super::Vault;

/// Of more changed persons than this a gallery loads everything anew.
pub(super) const MOST_CHANGES: usize = 10_000;

/// The galleries of a vault, one for each client and model that was searched.
#[derive(Default)]
pub(super) struct Galleries {
    slots: Mutex<HashMap<(ClientId, ModelId), Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    current: ArcSwapOption<Searched>,
    /// Held by the one thread that brings the gallery up to date. Whoever holds it waits for no pool
    /// of threads: its workers may be waiting for this.
    catching_up: Mutex<()>,
    /// What was put in order while the current one changed; the next change goes on from it.
    in_order: Mutex<Option<Arc<Searched>>>,
    putting_in_order: AtomicBool,
}

/// What a search looks at: one committed state.
#[derive(Clone)]
pub(super) struct Searched {
    /// Who can be found.
    pub(super) gallery: Gallery,
    /// Who is active and has photos, but no encoding by the gallery's model.
    pub(super) without_encoding: Arc<HashSet<PersonKey>>,
}

impl Galleries {
    fn slot(&self, client: &ClientId, model: ModelId) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        Arc::clone(slots.entry((client.clone(), model)).or_default())
    }
}

impl Vault {
    /// The gallery of this client's encodings by `model`, as the file is now.
    pub(super) fn gallery(&self, model: &ModelInfo) -> Result<Gallery> {
        Ok(self.searched(model)?.gallery.clone())
    }

    /// As [`Self::gallery`], with whom it lacks.
    pub(super) fn searched(&self, model: &ModelInfo) -> Result<Arc<Searched>> {
        let slot = self.inner.galleries.slot(&self.client, model.id);
        let current = || -> Result<Option<Arc<Searched>>> {
            let generation = self.store().generation()?;
            Ok(slot.current.load_full().filter(|searched| searched.gallery.generation() == generation))
        };
        if let Some(searched) = current()? {
            return Ok(searched);
        }
        let _one = lock(&slot.catching_up);
        if let Some(searched) = current()? {
            return Ok(searched);
        }
        let searched = Arc::new(self.caught_up(&slot, model)?);
        slot.current.store(Some(Arc::clone(&searched)));
        if searched.gallery.wants_compaction() {
            put_in_order_aside(&slot, Arc::clone(&searched));
        }
        Ok(searched)
    }

    /// As [`Self::searched`]; an error where there are people but nobody has an encoding by `model`:
    /// then "unknown" would be an answer about the model.
    pub(super) fn searched_by(&self, model: &ModelInfo) -> Result<Arc<Searched>> {
        let searched = self.searched(model)?;
        if !searched.gallery.is_empty() || searched.without_encoding.is_empty() {
            return Ok(searched);
        }
        let by = match self.store().active_model()? {
            Some(active) if active.id != model.id => {
                format!("open it with the pack of its model, {} ({}), or re-encode it", active.name, active.id)
            }
            _ => "re-encode it".to_owned(),
        };
        let people = searched.without_encoding.len();
        let message =
            format!("none of the vault's {people} people has an encoding by {} ({}): {by}", model.name, model.id);
        Err(Error::new(ErrorKind::ModelMismatch, message))
    }

    /// Step 4 of an update: a gallery that is in memory learns of the write. A failure is not told:
    /// the write is done, and the next search will find the gallery behind its file.
    pub(super) fn publish(&self) {
        let loaded: Vec<ModelId> = lock(&self.inner.galleries.slots)
            .iter()
            .filter(|((client, _), slot)| *client == self.client && slot.current.load().is_some())
            .map(|((_, model), _)| *model)
            .collect();
        if loaded.is_empty() {
            return;
        }
        let published = self.store().models().and_then(|models| {
            models.iter().filter(|model| loaded.contains(&model.id)).try_for_each(|model| self.gallery(model).map(drop))
        });
        if let Err(error) = published {
            tracing::warn!(kind = %error.kind(), "a gallery is behind the vault; it will catch up before the next search");
        }
    }

    /// What there was with what it missed, or everything anew.
    fn caught_up(&self, slot: &Slot, model: &ModelInfo) -> Result<Searched> {
        let known = [lock(&slot.in_order).take(), slot.current.load_full()];
        for old in known.into_iter().flatten() {
            if let Some(searched) = self.with_missed(&old, model, MOST_CHANGES)? {
                return Ok(searched);
            }
        }
        loop {
            // What is read after the scan may be newer than it; taking what changed since the scan
            // makes the whole one committed state again.
            let scanned = self.scan(model)?;
            if let Some(searched) = self.with_missed(&scanned, model, usize::MAX)? {
                return Ok(searched);
            }
        }
    }

    /// `None` where more than `most` persons changed or too much was forgotten: then everything is
    /// loaded anew.
    fn with_missed(&self, old: &Searched, model: &ModelInfo, most: usize) -> Result<Option<Searched>> {
        let missed = self.store().changes_since(old.gallery.generation(), &model.id, most)?;
        let Some(GalleryChanges { generation, written, removed }) = missed else { return Ok(None) };
        let mut without_encoding = Arc::clone(&old.without_encoding);
        let mut note = |key: PersonKey, is_without: bool| {
            if without_encoding.contains(&key) != is_without {
                let keys = Arc::make_mut(&mut without_encoding);
                if is_without {
                    keys.insert(key)
                } else {
                    keys.remove(&key)
                };
            }
        };
        let mut changes = Vec::with_capacity(removed.len() + written.len());
        // An id that was removed may have been given again: removals come first.
        for key in removed {
            note(key, false);
            changes.push(Change::Remove { key });
        }
        for person in written.into_iter().filter(|person| person.client == self.client) {
            note(person.key, person.is_without_encoding());
            let GalleryPerson { key, id, status, collections, encodings, .. } = person;
            changes.push(Change::Upsert { key, person: id, status, collections, encodings });
        }
        let gallery = old.gallery.with_changes(&changes, generation)?;
        Ok(Some(Searched { gallery, without_encoding }))
    }

    /// Everything, in one sequential read of the encodings.
    fn scan(&self, model: &ModelInfo) -> Result<Searched> {
        let mut builder = Gallery::builder(model.id, model.metric, model.dimension);
        let mut last: Option<PersonKey> = None;
        let mut done = Done::default();
        // Persons whose encodings do not follow one another.
        let mut apart: HashMap<PersonKey, PersonId> = HashMap::new();
        let mut vector = Vec::with_capacity(model.dimension);
        let before = self.store().generation()?;
        let scanned = self.store().all_encodings(Some(&self.client), &model.id, |row| {
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
        });
        let generation = match scanned {
            Ok(generation) => generation,
            // A model that the vault does not know has no encodings in it; it may come to know it.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.knows(model)? => before,
            Err(error) => return Err(error),
        };
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

    fn knows(&self, model: &ModelInfo) -> Result<bool> {
        Ok(self.store().models()?.iter().any(|known| known.id == model.id))
    }

    /// The model whose encodings are searched: the engine's, else the vault's.
    pub(super) fn searched_model(&self) -> Result<ModelInfo> {
        match self.engine() {
            Some(engine) => Ok(engine_model(engine)),
            None => self.store().active_model()?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "the vault holds no face encoding yet: there is nobody to be found")
            }),
        }
    }
}

/// Persons who were seen. Keys nearly always rise, as persons were written one after the other.
#[derive(Default)]
struct Done {
    rising: Vec<PersonKey>,
    others: HashSet<PersonKey>,
}

impl Done {
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

/// What a vault notes of an engine's model.
pub(super) fn engine_model(engine: &crate::engine::Engine) -> ModelInfo {
    let spec = engine.embedder();
    ModelInfo {
        id: engine.model(),
        name: engine.name().to_owned(),
        dimension: spec.dimension,
        metric: spec.metric,
        mode: Some(engine.mode()),
    }
}

/// Puts a gallery in order on a thread of its own, while searches go on. One that has changed
/// meanwhile is not thrown away: the next change goes on from what is in order.
fn put_in_order_aside(slot: &Arc<Slot>, searched: Arc<Searched>) {
    /// Ends with the work, whether it was done, failed or never began.
    struct Under(Arc<Slot>);
    impl Drop for Under {
        fn drop(&mut self) {
            self.0.putting_in_order.store(false, Ordering::Release);
        }
    }
    if slot.putting_in_order.swap(true, Ordering::AcqRel) {
        return;
    }
    let under = Under(Arc::clone(slot));
    let work = move || {
        let slot = &under.0;
        let without_encoding = Arc::clone(&searched.without_encoding);
        let in_order = Arc::new(Searched { gallery: searched.gallery.compacted(), without_encoding });
        let _one = lock(&slot.catching_up);
        if slot.current.load_full().is_some_and(|current| Arc::ptr_eq(&current, &searched)) {
            slot.current.store(Some(in_order));
        } else {
            *lock(&slot.in_order) = Some(in_order);
        }
    };
    // Without a thread the gallery stays as it is: correct, only less tidy.
    drop(std::thread::Builder::new().name("facevault-compact".to_owned()).spawn(work));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whoever_was_seen_is_known(keys in proptest::collection::vec(0i64..40, 0..60)) {
            let (mut done, mut plain) = (Done::default(), HashSet::new());
            for key in keys.into_iter().map(PersonKey::new) {
                prop_assert_eq!(done.contains(key), plain.contains(&key));
                done.insert(key);
                plain.insert(key);
            }
        }
    }
}
