//! A gallery after changes, and a gallery put in order.
//!
//! People who come are added to the tail, which becomes a small segment when it is full; people who
//! go are marked in their segment. Neither touches the encodings of anybody else, so that a change
//! costs the same in a gallery of a thousand and of a million. What this leaves behind, small
//! segments and rows of people who are gone, is put in order by compaction.

use std::sync::Arc;

use super::builder::directory;
use super::directory::Place;
use super::gallery::Gallery;
use super::segment::{Draft, Drafts, SEGMENT_ROWS, Segment};
use super::snapshot::Snapshot;
use super::tail::{Recent, Tail};
use crate::{CollectionId, FaceEncoding, ImageId, PersonId, PersonKey, Result, Status};

/// Share of rows without a person, and of rows in small segments, at which compaction pays.
const UNTIDY: f64 = 0.25;
/// Fewer rows of removed people than this, or fewer rows than twice this in small segments, are not worth a compaction.
const FEW: usize = SEGMENT_ROWS;

/// What a committed change of a person means for the gallery.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The person is new, or replaces what the gallery has of it. A person who is not active or has
    /// no encodings cannot be found afterwards.
    Upsert {
        /// The person's key in the vault's file.
        key: PersonKey,
        /// The person.
        person: PersonId,
        /// Whether the person is searched.
        status: Status,
        /// The collections that the person is in.
        collections: Vec<CollectionId>,
        /// The encodings of the person's images.
        encodings: Vec<(ImageId, FaceEncoding)>,
    },
    /// The person was removed; a person who is not in the gallery is ignored. The key is all that a file still knows of
    /// a removed person.
    Remove {
        /// The person's key in the vault's file.
        key: PersonKey,
    },
}

impl Gallery {
    /// This gallery after `changes`, in their order, which shows `generation` of the vault. What
    /// stays is shared with this one.
    ///
    /// # Errors
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) where another model made one of the
    /// encodings.
    pub fn with_changes(&self, changes: &[Change], generation: u64) -> Result<Self> {
        for change in changes {
            if let Change::Upsert { encodings, .. } = change {
                encodings.iter().try_for_each(|(_, encoding)| self.snapshot.check(encoding))?;
            }
        }
        let mut next = Snapshot { generation, ..Snapshot::clone(&self.snapshot) };
        for change in changes {
            match change {
                Change::Remove { key } => next.remove_key(*key),
                Change::Upsert { key, person, status, collections, encodings } => {
                    next.remove(person);
                    if *status == Status::Active && !encodings.is_empty() {
                        next.add(*key, person, collections, encodings);
                    }
                }
            }
        }
        Ok(Self { snapshot: Arc::new(next) })
    }

    /// Whether changes have left so much behind that [`Gallery::compacted`] pays.
    #[must_use]
    pub fn wants_compaction(&self) -> bool {
        let snapshot = &*self.snapshot;
        let rows: usize = snapshot.segments.iter().map(|segment| segment.rows()).sum();
        let small: usize = snapshot.segments.iter().map(|segment| segment.rows()).filter(|rows| is_small(*rows)).sum();
        let live = snapshot.encodings - snapshot.tail.rows();
        let limit = (UNTIDY * rows as f64) as usize;
        rows - live > limit.max(FEW) || small > limit.max(2 * FEW)
    }

    /// The same people in full segments, without what changes have left behind. Segments that are
    /// in order are shared with this gallery; the others are copied, which takes as long as
    /// reading them anew.
    #[must_use]
    pub fn compacted(&self) -> Self {
        let old = &*self.snapshot;
        let (mut segments, untidy): (Vec<_>, Vec<_>) =
            old.segments.iter().cloned().partition(|segment| is_tidy(segment));
        let mut drafts = Drafts::new(old.metric, old.dimension);
        for segment in &untidy {
            for person in segment.people() {
                let draft = drafts.for_person();
                let collections = segment.members.collections(person).unwrap_or_default();
                draft.add_person(segment.person_key(person), &segment.person(person), collections);
                for row in segment.rows_of(person) {
                    draft.add_encoding(&segment.image(row), segment.vector(row));
                }
            }
        }
        if old.tail.rows() > 0 {
            old.tail.write_to(drafts.for_person());
        }
        segments.extend(drafts.finish());
        let directory = directory(&segments);
        Self { snapshot: Arc::new(Snapshot { segments, directory, tail: Tail::default(), ..old.clone() }) }
    }
}

/// Whether a segment of so many rows is small.
fn is_small(rows: usize) -> bool {
    rows < SEGMENT_ROWS / 2
}

/// Whether compaction leaves a segment as it is.
fn is_tidy(segment: &Segment) -> bool {
    !is_small(segment.rows()) && segment.live_rows() as f64 >= (1.0 - UNTIDY) * segment.rows() as f64
}

impl Snapshot {
    fn remove(&mut self, person: &PersonId) {
        if self.remove_recent(|recent| recent.id == *person) {
            return;
        }
        if let Some(place) = self.place(person) {
            self.remove_at(place);
        }
    }

    fn remove_key(&mut self, key: PersonKey) {
        if self.remove_recent(|recent| recent.key == key) {
            return;
        }
        let find =
            |(segment, number): (&Arc<Segment>, u32)| segment.find(key).map(|person| Place { segment: number, person });
        if let Some(place) = self.segments.iter().zip(0..).find_map(find) {
            self.remove_at(place);
        }
    }

    fn remove_recent(&mut self, is: impl Fn(&Recent) -> bool) -> bool {
        let removed = self.tail.remove(is);
        if let Some(recent) = &removed {
            self.people -= 1;
            self.encodings -= recent.images.len();
        }
        removed.is_some()
    }

    fn remove_at(&mut self, place: Place) {
        let segment = Arc::make_mut(&mut self.segments[place.segment as usize]);
        segment.members.remove(place.person);
        self.directory.remove(segment.key(place.person), place);
        self.people -= 1;
        self.encodings -= segment.rows_of(place.person).len();
    }

    fn add(
        &mut self,
        key: PersonKey,
        person: &PersonId,
        collections: &[CollectionId],
        encodings: &[(ImageId, FaceEncoding)],
    ) {
        let collections = self.collections.intern(collections);
        self.people += 1;
        self.encodings += encodings.len();
        self.tail.push(Recent {
            key,
            id: person.clone(),
            collections,
            images: encodings.iter().map(|(image, _)| image.clone()).collect(),
            vectors: encodings.iter().flat_map(|(_, encoding)| encoding.vector()).copied().collect::<Vec<_>>().into(),
        });
        if self.tail.is_full() {
            self.seal();
        }
    }

    /// Makes a segment of the tail.
    fn seal(&mut self) {
        let mut draft = Draft::new(self.dimension, self.tail.rows());
        std::mem::take(&mut self.tail).write_to(&mut draft);
        let segment = draft.finish(self.metric);
        let number = self.segments.len() as u32;
        for person in segment.people() {
            self.directory.insert(segment.key(person), Place { segment: number, person });
        }
        self.segments.push(Arc::new(segment));
    }
}
