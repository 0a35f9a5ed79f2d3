//! A gallery from scratch: one sequential read of the encodings.

use std::sync::Arc;

use super::directory::{Directory, Place};
use super::gallery::Gallery;
use super::membership::Collections;
use super::segment::{Drafts, Segment};
use super::snapshot::Snapshot;
use super::tail::Tail;
use crate::{CollectionId, Error, ErrorKind, ImageId, Metric, ModelId, PersonId, PersonKey, Result};

/// Takes encodings and makes a [`Gallery`] of them.
///
/// The encodings of a person are pushed one after the other. Only people who may be found are
/// pushed: no inactive ones.
pub struct GalleryBuilder {
    model: ModelId,
    metric: Metric,
    dimension: usize,
    drafts: Drafts,
    collections: Collections,
    /// The person pushed last.
    last: Option<PersonId>,
    people: usize,
    encodings: usize,
}

impl GalleryBuilder {
    pub(super) fn new(model: ModelId, metric: Metric, dimension: usize) -> Self {
        Self {
            model,
            metric,
            dimension,
            drafts: Drafts::new(metric, dimension),
            collections: Collections::default(),
            last: None,
            people: 0,
            encodings: 0,
        }
    }

    /// Adds an encoding of `person`, who has `key` in the vault's file and is in `collections`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where `vector` has not the gallery's dimension or is no encoding: not
    /// finite, or all zero.
    pub fn push(
        &mut self,
        key: PersonKey,
        person: &PersonId,
        image: &ImageId,
        collections: &[CollectionId],
        vector: &[f32],
    ) -> Result<()> {
        if vector.len() != self.dimension {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("an encoding of {} components is expected, found {}", self.dimension, vector.len()),
            ));
        }
        // The bits of magnitudes are in the order of the magnitudes, and infinity is 255 << 23.
        let largest = vector.iter().fold(0, |largest, v| (v.abs().to_bits() as i32).max(largest));
        if largest == 0 || largest >= 255 << 23 {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a face encoding needs at least one number, all of them finite and not all of them zero",
            ));
        }
        if self.last.as_ref() != Some(person) {
            let collections = self.collections.intern(collections);
            self.drafts.for_person().add_person(key, person.as_str(), collections);
            self.last = Some(person.clone());
            self.people += 1;
        }
        if let Some(draft) = self.drafts.current() {
            draft.add_encoding(image.as_str(), vector);
        }
        self.encodings += 1;
        Ok(())
    }

    /// The gallery of what was pushed, which shows `generation` of the vault.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where a person's encodings were not pushed one after the other.
    pub fn finish(self, generation: u64) -> Result<Gallery> {
        let segments = self.drafts.finish();
        let directory = directory(&segments);
        let key = |place: Place| segments[place.segment as usize].key(place.person);
        if directory.has_twins(|a, b| key(a) == key(b)) {
            return Err(Error::new(ErrorKind::Invalid, "the encodings of a person are not one after the other"));
        }
        let snapshot = Snapshot {
            model: self.model,
            metric: self.metric,
            dimension: self.dimension,
            generation,
            segments,
            tail: Tail::default(),
            directory,
            collections: self.collections,
            people: self.people,
            encodings: self.encodings,
        };
        Ok(Gallery { snapshot: Arc::new(snapshot) })
    }
}

/// The directory of all people in `segments`.
pub(super) fn directory(segments: &[Arc<Segment>]) -> Directory {
    Directory::new(segments.iter().zip(0u32..).flat_map(|(segment, number)| {
        segment.people().map(move |person| (segment.key(person), Place { segment: number, person }))
    }))
}
