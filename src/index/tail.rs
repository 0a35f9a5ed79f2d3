//! The people who came last, before they become a segment.
//!
//! Each is a list of vectors of its own, so that adding one copies nothing but a list of pointers.
//! They have no codes and are compared in full.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::membership::Filter;
use super::segment::Draft;
use crate::{ImageId, PersonId, PersonKey};

/// Encodings at which the tail becomes a segment: few enough that a search hardly notices them and
/// that encoding them takes less than a millisecond.
const TAIL_ROWS: usize = 128;

/// A person of the tail.
pub(super) struct Recent {
    pub(super) key: PersonKey,
    pub(super) id: PersonId,
    pub(super) collections: Arc<[u32]>,
    pub(super) images: Box<[ImageId]>,
    /// One vector after the other.
    pub(super) vectors: Zeroizing<Vec<f32>>,
}

impl Recent {
    /// The person's vectors.
    pub(super) fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        self.vectors.chunks_exact(self.vectors.len() / self.images.len())
    }
}

/// The people who came last, in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Tail {
    people: Vec<Arc<Recent>>,
    rows: usize,
}

impl Tail {
    /// The people.
    pub(super) fn people(&self) -> &[Arc<Recent>] {
        &self.people
    }

    /// Their encodings.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether it is time for a segment.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= TAIL_ROWS
    }

    /// The person with this id.
    pub(super) fn find(&self, id: &PersonId) -> Option<&Arc<Recent>> {
        self.people.iter().find(|person| person.id == *id)
    }

    /// Adds a person who is not there.
    pub(super) fn push(&mut self, person: Recent) {
        self.rows += person.images.len();
        self.people.push(Arc::new(person));
    }

    /// Takes out the person for which `is` is true, if there is one.
    pub(super) fn remove(&mut self, is: impl Fn(&Recent) -> bool) -> Option<Arc<Recent>> {
        let at = self.people.iter().position(|person| is(person))?;
        let person = self.people.remove(at);
        self.rows -= person.images.len();
        Some(person)
    }

    /// Adds all people to `draft`.
    pub(super) fn write_to(&self, draft: &mut Draft) {
        for person in &self.people {
            draft.add_person(person.key, person.id.as_str(), person.collections.clone());
            for (image, vector) in person.images.iter().zip(person.vectors()) {
                draft.add_encoding(image.as_str(), vector);
            }
        }
    }

    /// How many people `filter` admits.
    pub(super) fn count(&self, filter: &Filter) -> usize {
        self.people.iter().filter(|person| filter.admits(&person.collections)).count()
    }

    /// The bytes that the tail takes, about.
    pub(super) fn memory_bytes(&self) -> usize {
        let person = |p: &Arc<Recent>| {
            size_of::<Recent>() + 64 + size_of_val(p.vectors.as_slice()) + p.images.len() * (size_of::<ImageId>() + 64)
        };
        self.people.iter().map(person).sum()
    }
}
