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
use crate::person::{ClientId, PersonId, Status};
use crate::store::{GalleryChanges, ModelInfo, PersonKey};

use super::Vault;

/// Of more changed persons than this a gallery loads everything anew.
pub(super) const MOST_CHANGES: usize = 10_000;

/// The galleries of a vault, one for each client and model that was searched.
#[derive(Default)]
pub(super) struct Galleries {
    slots: Mutex<HashMap<(ClientId, ModelId), Arc<Slot>>>,
    /// Persons whom this process removed: the file forgets their ids, galleries need them.
    removed: Mutex<HashMap<PersonKey, PersonId>>,
}

#[derive(Default)]
struct Slot {
    current: ArcSwapOption<Gallery>,
    /// Held by the one thread that brings the gallery up to date.
    catching_up: Mutex<()>,
    compacting: AtomicBool,
    /// A generation, and how many people had no encoding by the model in it.
    without_encoding: Mutex<Option<(u64, u64)>>,
}

impl Galleries {
    fn slot(&self, client: &ClientId, model: ModelId) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        Arc::clone(slots.entry((client.clone(), model)).or_default())
    }

    pub(super) fn note_removed(&self, person: &PersonId, key: PersonKey) {
        if !lock(&self.slots).is_empty() {
            lock(&self.removed).insert(key, person.clone());
        }
    }
}

impl Vault {
    /// The gallery of this client's encodings by `model`, as the file is now.
    pub(super) fn gallery(&self, model: &ModelInfo) -> Result<Arc<Gallery>> {
        let slot = self.inner.galleries.slot(&self.client, model.id);
        let current = || -> Result<Option<Arc<Gallery>>> {
            let generation = self.store().generation()?;
            Ok(slot.current.load_full().filter(|gallery| gallery.generation() == generation))
        };
        if let Some(gallery) = current()? {
            return Ok(gallery);
        }
        let _one = lock(&slot.catching_up);
        if let Some(gallery) = current()? {
            return Ok(gallery);
        }
        let gallery = Arc::new(self.caught_up(slot.current.load_full(), model)?);
        slot.current.store(Some(Arc::clone(&gallery)));
        if gallery.wants_compaction() && !slot.compacting.swap(true, Ordering::AcqRel) {
            compact_aside(Arc::clone(&slot), Arc::clone(&gallery));
        }
        Ok(gallery)
    }

    /// How many people this gallery lacks, because none of their photos has an encoding by its
    /// model. It is counted once a generation: encodings come and go with generations.
    pub(super) fn count_without_encoding(&self, model: &ModelInfo, gallery: &Gallery) -> Result<u64> {
        let slot = self.inner.galleries.slot(&self.client, model.id);
        let generation = gallery.generation();
        if let Some((of, count)) = *lock(&slot.without_encoding)
            && of == generation
        {
            return Ok(count);
        }
        let count = self.store().count_without_encoding(&self.client, &model.id)?;
        // What was counted in a later generation is told, but not kept as this one's.
        if self.store().generation()? == generation {
            *lock(&slot.without_encoding) = Some((generation, count));
        }
        Ok(count)
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

    /// `old` with what it missed, or everything anew.
    fn caught_up(&self, old: Option<Arc<Gallery>>, model: &ModelInfo) -> Result<Gallery> {
        if let Some(old) = old
            && let Some(gallery) = self.with_missed(&old, model)?
        {
            return Ok(gallery);
        }
        loop {
            // The persons whose encodings lie apart are read after the scan and may be newer than
            // it; taking what changed since the scan makes the whole one committed state again.
            let scanned = self.scan(model)?;
            if let Some(gallery) = self.with_missed(&scanned, model)? {
                return Ok(gallery);
            }
        }
    }

    /// `None` where too much changed, or where the gallery holds somebody who is gone and whose id
    /// is not known: then everything is loaded anew.
    fn with_missed(&self, gallery: &Gallery, model: &ModelInfo) -> Result<Option<Gallery>> {
        let missed = self.store().changes_since(gallery.generation(), &model.id, MOST_CHANGES)?;
        let Some(GalleryChanges { generation, written, removed }) = missed else { return Ok(None) };
        let mut changes = Vec::with_capacity(removed.len() + written.len());
        {
            let known = lock(&self.inner.galleries.removed);
            for key in removed {
                let Some(person) = known.get(&key) else { return Ok(None) };
                changes.push(Change::Remove { person: person.clone() });
            }
        }
        // An id that was removed may have been given again: removals come first.
        changes.extend(written.into_iter().filter(|person| person.client == self.client).map(|person| {
            let (status, collections, encodings) = (person.status, person.collections, person.encodings);
            Change::Upsert { person: person.id, status, collections, encodings }
        }));
        gallery.with_changes(&changes, generation).map(Some)
    }

    /// Everything, in one sequential read of the encodings.
    fn scan(&self, model: &ModelInfo) -> Result<Gallery> {
        let mut builder = Gallery::builder(model.id, model.metric, model.dimension);
        let mut last: Option<PersonKey> = None;
        let mut done: HashSet<PersonKey> = HashSet::new();
        let mut apart: HashSet<PersonId> = HashSet::new();
        let mut vector = Vec::with_capacity(model.dimension);
        let scanned = self.store().all_encodings(Some(&self.client), &model.id, |row| {
            if row.status != Status::Active {
                return Ok(());
            }
            if last != Some(row.key) {
                done.extend(last);
                last = Some(row.key);
            }
            if done.contains(&row.key) {
                apart.insert(row.person.clone());
                return Ok(());
            }
            vector.clear();
            vector.extend(row.vector.components());
            builder.push(row.person, row.image, row.collections, &vector)
        });
        let generation = match scanned {
            Ok(generation) => generation,
            // A model that the vault has never seen has no encodings in it.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.knows(model)? => self.store().generation()?,
            Err(error) => return Err(error),
        };
        let gallery = builder.finish(generation)?;
        let mut changes = Vec::with_capacity(apart.len());
        for person in apart {
            match self.upsert(person, model) {
                Ok(change) => changes.push(change),
                // Gone since the scan: the changes since then will say so.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if changes.is_empty() { Ok(gallery) } else { gallery.with_changes(&changes, generation) }
    }

    fn upsert(&self, person: PersonId, model: &ModelInfo) -> Result<Change> {
        let summary = self.store().person_summary(&self.client, &person)?;
        let encodings = self.store().encodings(&self.client, &person, &model.id)?;
        Ok(Change::Upsert { person, status: summary.status, collections: summary.collections, encodings })
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

/// What a vault notes of an engine's model.
pub(super) fn engine_model(engine: &crate::engine::Engine) -> ModelInfo {
    let spec = engine.embedder();
    ModelInfo { id: engine.model(), name: engine.name().to_owned(), dimension: spec.dimension, metric: spec.metric }
}

/// Puts a gallery in order on a thread of its own, while searches go on; if the gallery has changed
/// meanwhile, the next change tries again.
fn compact_aside(slot: Arc<Slot>, gallery: Arc<Gallery>) {
    let work = move || {
        let compacted = Arc::new(gallery.compacted());
        let _one = lock(&slot.catching_up);
        if slot.current.load_full().is_some_and(|current| Arc::ptr_eq(&current, &gallery)) {
            slot.current.store(Some(compacted));
        }
        slot.compacting.store(false, Ordering::Release);
    };
    // Without a thread the gallery stays as it is: correct, only less tidy.
    drop(std::thread::Builder::new().name("facevault-compact".to_owned()).spawn(work));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
