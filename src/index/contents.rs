//! What a gallery holds, one encoding after the other.

use super::gallery::Gallery;
use crate::{CollectionId, FaceEncoding, ImageId, PersonId};

/// An encoding of a gallery.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The person.
    pub person: PersonId,
    /// The image.
    pub image: ImageId,
    /// The encoding as it was added.
    pub encoding: FaceEncoding,
}

impl Gallery {
    /// The encodings of everybody that a search among members of any of these collections looks
    /// at; `None` for everybody. Those of a person follow one another.
    pub fn entries(&self, collections: Option<&[CollectionId]>) -> impl Iterator<Item = Entry> {
        let snapshot = &*self.snapshot;
        let filter = snapshot.collections.filter(collections);
        let encoding =
            |vector: &[f32]| FaceEncoding::new(snapshot.model, vector).expect("it was an encoding when it was added");
        let scopes: Vec<_> = snapshot.segments.iter().map(|segment| segment.members.scope(&filter)).collect();
        let full = snapshot.segments.iter().zip(scopes).flat_map(move |(segment, scope)| {
            let people: Vec<u16> = segment.people().filter(|person| segment.members.is_in(&scope, *person)).collect();
            people.into_iter().flat_map(move |person| {
                let id = segment.person_id(person);
                segment.rows_of(person).map(move |row| Entry {
                    person: id.clone(),
                    image: segment.image_id(row),
                    encoding: encoding(segment.vector(row)),
                })
            })
        });
        let recent = snapshot.tail.people().iter().filter(move |person| filter.admits(&person.collections));
        full.chain(recent.flat_map(move |person| {
            person.images.iter().zip(person.vectors()).map(move |(image, vector)| Entry {
                person: person.id.clone(),
                image: image.clone(),
                encoding: encoding(vector),
            })
        }))
    }
}
