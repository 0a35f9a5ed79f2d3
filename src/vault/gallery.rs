//! Galleries: what is searched, kept in step with the file.
//!
//! A gallery shows one committed state of the vault, that of its generation. Before each search the
//! generation in the file is read; a gallery that is behind, because this process or another one
//! has written, first takes what it missed. So the order of writing to the file and to memory does
//! not matter, and no gallery can stay wrong.
//!
//! A gallery is made when it is first searched. One that nobody has searched for half an hour is let
//! go when another one of the vault is searched; searching it again loads it anew.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Change, Gallery};
use crate::person::{ClientId, PersonKey};
use crate::store::{GalleryChanges, GalleryEffect, GalleryPerson, ModelInfo, Removed, Written};

use super::Vault;

/// Of more changed persons than this a gallery loads everything anew.
pub(super) const MOST_CHANGES: usize = 10_000;

/// A gallery that nobody has searched for so long is let go when another one is searched.
const LET_GO_AFTER: Duration = Duration::from_secs(30 * 60);

/// The galleries of a vault, one for each client and model that was searched.
#[derive(Default)]
pub(super) struct Galleries {
    slots: Mutex<HashMap<(ClientId, ModelId), Held>>,
}

/// A gallery's slot and when the gallery was last searched.
struct Held {
    slot: Arc<Slot>,
    searched_at: Instant,
}

/// The place of one gallery.
struct Slot {
    model: ModelInfo,
    current: ArcSwapOption<Searched>,
    /// Held by the one thread that brings the gallery up to date. Whoever holds it waits for no pool
    /// of threads: its workers may be waiting for this.
    catching_up: Mutex<()>,
    /// What was put in order while the current one changed; the next change goes on from it.
    compacted: Mutex<Option<Arc<Searched>>>,
    compacting: AtomicBool,
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
    /// The slot of a gallery that is searched now. Lets go of those that were not for a long time.
    fn slot(&self, client: &ClientId, model: &ModelInfo, now: Instant) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        let held = slots
            .entry((client.clone(), model.id))
            .or_insert_with(|| Held { slot: Arc::new(Slot::new(model)), searched_at: now });
        held.searched_at = now;
        let slot = Arc::clone(&held.slot);
        slots.retain(|_, held| now.saturating_duration_since(held.searched_at) < LET_GO_AFTER);
        slot
    }

    /// The slots of a client's galleries that are in memory.
    fn loaded(&self, client: &ClientId) -> Vec<Arc<Slot>> {
        let slots = lock(&self.slots);
        let own = slots.iter().filter(|((owner, _), _)| owner == client).map(|(_, held)| &held.slot);
        own.filter(|slot| slot.current.load().is_some()).map(Arc::clone).collect()
    }
}

impl Slot {
    fn new(model: &ModelInfo) -> Self {
        Self {
            model: model.clone(),
            current: ArcSwapOption::empty(),
            catching_up: Mutex::default(),
            compacted: Mutex::default(),
            compacting: AtomicBool::new(false),
        }
    }

    /// Makes `searched` what is searched from now on.
    fn show(self: &Arc<Self>, searched: &Arc<Searched>) {
        self.current.store(Some(Arc::clone(searched)));
        if searched.gallery.wants_compaction() {
            compact_aside(self, Arc::clone(searched));
        }
    }
}

impl Vault {
    /// The gallery of this client's encodings by `model`, as the file is now.
    pub(super) fn gallery(&self, model: &ModelInfo) -> Result<Gallery> {
        Ok(self.searched(model)?.gallery.clone())
    }

    /// As [`Self::gallery`], with those that it lacks.
    pub(super) fn searched(&self, model: &ModelInfo) -> Result<Arc<Searched>> {
        let slot = self.inner.galleries.slot(&self.client, model, Instant::now());
        let generation = self.store().generation()?;
        let current = slot.current.load_full();
        if let Some(searched) = current.filter(|searched| searched.gallery.generation() == generation) {
            return Ok(searched);
        }
        let _one = lock(&slot.catching_up);
        self.catch_up(&slot)
    }

    /// As [`Self::searched`]; an error where there are people but nobody has an encoding by `model`:
    /// then "unknown" would be an answer about the model.
    pub(super) fn searched_by(&self, model: &ModelInfo) -> Result<Arc<Searched>> {
        let searched = self.searched(model)?;
        if !searched.gallery.is_empty() || searched.without_encoding.is_empty() {
            return Ok(searched);
        }
        Err(self.nobody_by(model, searched.without_encoding.len() as u64)?)
    }

    /// The error where `people` people are there and none of them has an encoding by `model`.
    pub(super) fn nobody_by(&self, model: &ModelInfo, people: u64) -> Result<Error> {
        let by = match self.store().active_model()? {
            Some(active) if active.id != model.id => {
                format!("open it with the pack of its model, {} ({}), or re-encode it", active.name, active.id)
            }
            _ => "re-encode it".to_owned(),
        };
        let message =
            format!("none of the vault's {people} people has an encoding by {} ({}): {by}", model.name, model.id);
        Ok(Error::new(ErrorKind::ModelMismatch, message))
    }

    /// Step 4 of an update: the galleries in memory take what a write did to a person, without reading
    /// it.
    pub(super) fn publish_written<P>(&self, written: &Written<P>) {
        let generation = written.gallery.generation;
        self.publish(written.gallery, |model| match &written.searched {
            Some((by, person)) if *by == model => {
                Some(GalleryChanges { generation, written: vec![person.clone()], removed: Vec::new() })
            }
            _ => None,
        });
    }

    /// As [`Self::publish_written`], of a person who was removed.
    pub(super) fn publish_removed(&self, removed: &Removed) {
        let generation = removed.gallery.generation;
        self.publish(removed.gallery, |_| {
            Some(GalleryChanges { generation, written: Vec::new(), removed: vec![removed.key] })
        });
    }

    /// Has this client's galleries in memory follow a write. `changes` is what it did to a gallery by
    /// a model, where that is known; otherwise the gallery reads what it missed, as it does where
    /// somebody else has written meanwhile.
    ///
    /// A failure is not reported: the write is done, and the next search will find the gallery behind
    /// its file.
    pub(super) fn publish(&self, effect: GalleryEffect, changes: impl Fn(ModelId) -> Option<GalleryChanges>) {
        if effect.changed {
            self.each_loaded(|slot, current| {
                let generation = current.gallery.generation();
                if generation >= effect.generation {
                    return Ok(());
                }
                let follows = generation + 1 == effect.generation && lock(&slot.compacted).is_none();
                match changes(slot.model.id).filter(|_| follows) {
                    Some(changes) => slot.show(&Arc::new(current.with(changes)?)),
                    None => drop(self.catch_up(slot)?),
                }
                Ok(())
            });
        }
    }

    /// Has this client's galleries in memory read what they missed.
    pub(super) fn refresh(&self) {
        self.each_loaded(|slot, _| self.catch_up(slot).map(drop));
    }

    fn each_loaded(&self, follow: impl Fn(&Arc<Slot>, &Searched) -> Result<()>) {
        for slot in self.inner.galleries.loaded(&self.client) {
            let _one = lock(&slot.catching_up);
            let current = slot.current.load_full();
            if let Some(Err(error)) = current.map(|current| follow(&slot, &current)) {
                let kind = error.kind();
                tracing::warn!(%kind, "a gallery is behind the vault; it will catch up before the next search");
            }
        }
    }

    /// Brings a gallery to the file's state: what there was with what it missed, or everything anew.
    /// The caller holds [`Slot::catching_up`].
    fn catch_up(&self, slot: &Arc<Slot>) -> Result<Arc<Searched>> {
        let known = [lock(&slot.compacted).take(), slot.current.load_full()];
        for old in known.into_iter().flatten() {
            if let Some(searched) = self.with_missed(&old, &slot.model, MOST_CHANGES)? {
                slot.show(&searched);
                return Ok(searched);
            }
        }
        loop {
            // What is read after the scan may be newer than it; taking what changed since the scan
            // makes the whole one committed state again.
            let scanned = Arc::new(self.scan(&slot.model)?);
            if let Some(searched) = self.with_missed(&scanned, &slot.model, usize::MAX)? {
                slot.show(&searched);
                return Ok(searched);
            }
        }
    }

    /// `None` where more than `most` persons changed or too much was forgotten: then everything is
    /// loaded anew.
    fn with_missed(&self, old: &Arc<Searched>, model: &ModelInfo, most: usize) -> Result<Option<Arc<Searched>>> {
        let generation = old.gallery.generation();
        match self.store().changes_since(&self.client, generation, &model.id, most)? {
            Some(missed) if missed.generation == generation => Ok(Some(Arc::clone(old))),
            Some(missed) => Ok(Some(Arc::new(old.with(missed)?))),
            None => Ok(None),
        }
    }
}

impl Searched {
    /// The same state with these changes.
    fn with(&self, changes: GalleryChanges) -> Result<Self> {
        let GalleryChanges { generation, written, removed } = changes;
        let mut without_encoding = Arc::clone(&self.without_encoding);
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
        for person in written {
            note(person.key, person.is_without_encoding());
            let GalleryPerson { key, id, status, collections, encodings, .. } = person;
            changes.push(Change::Upsert { key, person: id, status, collections, encodings });
        }
        let gallery = self.gallery.with_changes(&changes, generation)?;
        Ok(Self { gallery, without_encoding })
    }
}

/// Puts a gallery in order on a thread of its own, while searches go on. One that has changed
/// meanwhile is not thrown away: the next change goes on from what is in order.
fn compact_aside(slot: &Arc<Slot>, searched: Arc<Searched>) {
    /// Ends with the work, whether it was done, failed or never began.
    struct Under(Arc<Slot>);
    impl Drop for Under {
        fn drop(&mut self) {
            self.0.compacting.store(false, Ordering::Release);
        }
    }
    if slot.compacting.swap(true, Ordering::AcqRel) {
        return;
    }
    let under = Under(Arc::clone(slot));
    let work = move || {
        let slot = &under.0;
        let without_encoding = Arc::clone(&searched.without_encoding);
        let compacted = Arc::new(Searched { gallery: searched.gallery.compacted(), without_encoding });
        let _one = lock(&slot.catching_up);
        if slot.current.load_full().is_some_and(|current| Arc::ptr_eq(&current, &searched)) {
            slot.current.store(Some(compacted));
        } else {
            *lock(&slot.compacted) = Some(compacted);
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
    use super::*;
    use crate::spec::Metric;

    #[test]
    fn a_gallery_that_nobody_searches_is_let_go_when_another_one_is_searched() {
        let (galleries, start) = (Galleries::default(), Instant::now());
        let id = ModelId::from_bytes([1; 16]);
        let model = ModelInfo { id, name: "m".into(), dimension: 4, metric: Metric::Cosine, mode: None };
        let clients = ["a", "b"].map(|id| ClientId::new(id).expect("an id"));
        let slot = |client: usize, minutes: u64| {
            let now = start + Duration::from_secs(60 * minutes);
            Arc::as_ptr(&galleries.slot(&clients[client], &model, now))
        };
        let first = slot(0, 0);
        assert_eq!(slot(0, 29), first);
        slot(1, 58);
        assert_eq!(slot(0, 58), first, "searched 29 minutes ago");
        assert_eq!(slot(0, 200), first, "nothing else was searched");
        slot(1, 230);
        assert_eq!(lock(&galleries.slots).len(), 1);
    }
}
