//! What a vault holds, in plain maps: as a model says it should be, and as a vault says it is.

use std::collections::{BTreeMap, BTreeSet};

use facevault::{Engine, ImageBytes, PersonQuery, Result, Status, Vault};

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct State {
    pub(super) persons: BTreeMap<String, Known>,
    pub(super) collections: BTreeMap<String, (String, Option<String>)>,
    /// Tokens that are accepted, and those that are revoked.
    pub(super) tokens: (usize, usize),
}

#[derive(Clone, PartialEq, Default)]
pub(super) struct Known {
    pub(super) version: u64,
    pub(super) name: String,
    pub(super) notes: Option<String>,
    pub(super) nationality: Option<String>,
    pub(super) status: Status,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) collections: BTreeSet<String>,
    pub(super) images: Vec<Image>,
}

/// A photo with its encoding by the vault's model, or an encoding that was given without one.
#[derive(Clone, PartialEq)]
pub(super) struct Image {
    pub(super) bytes: Option<ImageBytes>,
    pub(super) vector: Option<Vec<f32>>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { version, name, notes, status, attributes, collections, images, .. } = self;
        let notes = notes.as_ref().map_or(0, String::len);
        let images: Vec<_> = images
            .iter()
            .map(|image| (image.bytes.as_ref().map_or(0, |bytes| bytes.len()), image.vector.as_ref().map(|v| v[0])))
            .collect();
        write!(f, "{name} v{version} {status:?} notes({notes}) {attributes:?} {collections:?} {images:?}")
    }
}

impl State {
    /// What the vault says, all of it read.
    pub(super) fn read(vault: &Vault) -> Result<Self> {
        let mut state = Self::default();
        for collection in vault.collections()? {
            state.collections.insert(collection.id.to_string(), (collection.name, collection.description));
        }
        for token in vault.tokens()? {
            match token.revoked_at {
                None => state.tokens.0 += 1,
                Some(_) => state.tokens.1 += 1,
            }
        }
        for summary in vault.persons(&PersonQuery::default().with_limit(100))?.items {
            let person = vault.person(&summary.id)?;
            let images = person.images.into_iter().map(|image| Image {
                bytes: image.bytes,
                vector: image.encoding.map(|encoding| encoding.vector().to_vec()),
            });
            let known = Known {
                version: person.version,
                name: person.name,
                notes: person.notes,
                nationality: person.nationality,
                status: person.status,
                attributes: person.attributes,
                collections: person.collections.iter().map(ToString::to_string).collect(),
                images: images.collect(),
            };
            state.persons.insert(person.id.to_string(), known);
        }
        Ok(state)
    }

    /// In what way another state differs, in a few words.
    pub(super) fn difference(&self, other: &Self) -> String {
        if self.collections != other.collections {
            return format!("collections {:?}, not {:?}", other.collections, self.collections);
        }
        if self.tokens != other.tokens {
            return format!("tokens {:?}, not {:?}", other.tokens, self.tokens);
        }
        let ids: BTreeSet<_> = self.persons.keys().chain(other.persons.keys()).collect();
        let differs = |id: &&&String| self.persons.get(**id) != other.persons.get(**id);
        match ids.iter().find(differs) {
            Some(id) => format!("{id} is {:?}, not {:?}", other.persons.get(*id), self.persons.get(*id)),
            None => "nothing".to_owned(),
        }
    }

    /// Gives every photo the encoding by this engine; those without a photo have none by another model.
    pub(super) fn reencode(&mut self, engine: &Engine) {
        for image in self.persons.values_mut().flat_map(|person| &mut person.images) {
            image.vector = image.bytes.as_ref().map(|bytes| encoded(engine, bytes));
        }
    }
}

/// A photo with the vector that the engine gives it.
pub(super) fn image(engine: &Engine, photo: &ImageBytes) -> Image {
    Image { bytes: Some(photo.clone()), vector: Some(encoded(engine, photo)) }
}

fn encoded(engine: &Engine, photo: &[u8]) -> Vec<f32> {
    engine.encode(photo).expect("a face").encoding.vector().to_vec()
}
