//! Thousands of random requests: the store answers as the model does, and a request that it
//! refuses changes nothing at all.

mod comparing;
mod requests;

use std::collections::BTreeMap;

use facevault::store::{GalleryEffect, Written};
use facevault::{
    ClientId, CollectionId, CollectionUpdate, Error, ErrorKind, FaceEncoding, ImageId, ImagesUpdate, NewCollection,
    NewPerson, Patch, PersonId, PersonKey, PersonUpdate, Status,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use self::requests::{Fields, Images, Op, Version, given_encodings, named, ops, photo, prepared};
use super::model::{Known, Model, Tenant};
use super::{LIMITS, MODEL, Vault, dump};

/// What a gallery holds of a person.
type Row = (ClientId, PersonId, Status, Vec<CollectionId>, BTreeMap<ImageId, FaceEncoding>);

/// The store and its model side by side.
struct Pair {
    vault: Vault,
    raw: rusqlite::Connection,
    model: Model,
    clients: [ClientId; 3],
    gallery: BTreeMap<PersonKey, Row>,
    gallery_generation: u64,
}

impl Pair {
    fn new() -> Self {
        let vault = Vault::in_memory();
        let second = ClientId::new("second").expect("an id");
        vault.store.insert_client(&second).expect("a client");
        let clients = [vault.client.clone(), second, ClientId::new("unknown").expect("an id")];
        let mut model = Model::default();
        for client in &clients[..2] {
            model.tenants.insert(client.clone(), Tenant::default());
        }
        let raw = vault.raw();
        Self { vault, raw, model, clients, gallery: BTreeMap::new(), gallery_generation: 0 }
    }

    /// A person by number: mostly one of the client's, now and then another's or nobody's.
    fn person(&self, client: &ClientId, number: u8) -> PersonId {
        let own = |client: &ClientId| -> Vec<PersonId> {
            self.model.tenants.get(client).map(|tenant| tenant.persons.keys().cloned().collect()).unwrap_or_default()
        };
        let foreign = self.clients[..2].iter().filter(|other| *other != client).flat_map(own).collect();
        let candidates = if number % 8 == 7 { foreign } else { own(client) };
        match candidates.len() {
            0 => PersonId::new("nobody").expect("an id"),
            many => candidates[usize::from(number / 8) % many].clone(),
        }
    }

    /// A collection by number, by id or code; now and then another client's or none.
    fn collection(&self, client: &ClientId, number: u8) -> String {
        let of = |client: &ClientId| -> Vec<String> {
            let tenant = self.model.tenants.get(client);
            let groups = tenant.into_iter().flat_map(|tenant| &tenant.collections);
            groups
                .map(|group| if number.is_multiple_of(2) { group.id.to_string() } else { group.code.clone() })
                .collect()
        };
        let owner = if number % 16 == 15 { &self.clients[1] } else { client };
        let candidates = of(owner);
        match candidates.len() {
            0 => "nothing".into(),
            many => candidates[usize::from(number / 16) % many].clone(),
        }
    }

    fn version(&self, client: &ClientId, id: &PersonId, version: Version) -> Option<u64> {
        let person = self.model.tenants.get(client).and_then(|tenant| tenant.persons.get(id));
        let current = person.map_or(1, |person| person.version);
        match version {
            Version::Any => None,
            Version::Current => Some(current),
            Version::Wrong => Some(current + 1),
        }
    }

    fn run(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let before = dump(&self.raw);
        let refused = match op {
            Op::Insert { client, id, fields, photos, given } => self.insert(*client, *id, fields, photos, given)?,
            Op::Update { client, person, fields, images, version } => {
                self.update(*client, *person, fields, images, *version)?
            }
            Op::Remove { client, person, version } => self.remove(*client, *person, *version)?,
            Op::InsertCollection { client, id, name, description } => {
                self.insert_collection(*client, *id, name, description)?
            }
            Op::UpdateCollection { client, which, name, description, people } => {
                self.update_collection(*client, *which, name, description, people)?
            }
            Op::RemoveCollection { client, which } => self.remove_collection(*client, *which)?,
            Op::CatchUp => {
                self.catch_up()?;
                true
            }
        };
        if refused {
            prop_assert!(dump(&self.raw) == before, "a refused request left a trace");
        }
        prop_assert_eq!(self.vault.store.generation().expect("a generation"), self.model.generation);
        Ok(())
    }

    fn names(&self, client: &ClientId, collections: &Option<Vec<u8>>) -> Option<Vec<String>> {
        let numbers = collections.as_ref()?;
        Some(numbers.iter().map(|number| self.collection(client, *number)).collect())
    }

    fn insert(
        &mut self,
        client: u8,
        id: Option<u8>,
        fields: &Fields,
        photos: &[u8],
        given: &[u8],
    ) -> Result<bool, TestCaseError> {
        let client = self.clients[usize::from(client)].clone();
        let new = NewPerson {
            id: id.map(|id| PersonId::new(format!("p{id}")).expect("an id")),
            name: fields.name.clone().unwrap_or_else(|| "Somebody".into()),
            images: photos.iter().map(|number| photo(*number)).collect(),
            encodings: given_encodings(given),
            gender: fields.gender.clone().set(),
            date_of_birth: fields.date_of_birth.clone().set(),
            nationality: fields.nationality.clone().set(),
            collections: self.names(&client, &fields.collections).unwrap_or_default(),
            notes: fields.notes.clone().set(),
            attributes: named(&fields.attributes),
            status: fields.status.unwrap_or_default(),
            expires_at: fields.expires_at.clone().set(),
        };
        let expected = self.model.insert(&client, &new);
        let prepared = prepared(&new.images, &new.encodings);
        let answer = new.validate(&LIMITS).and_then(|()| self.vault.store.insert_person(&client, &new, &prepared));
        let Some(((person, noticed), answer)) = agree(expected, answer)? else { return Ok(true) };
        self.effect(answer.gallery, noticed)?;
        self.searched(&client, &answer)?;
        self.adopt(&client, person, &answer.person)?;
        Ok(false)
    }

    fn update(
        &mut self,
        client: u8,
        person: u8,
        fields: &Fields,
        images: &Images,
        version: Version,
    ) -> Result<bool, TestCaseError> {
        let client = self.clients[usize::from(client)].clone();
        let id = self.person(&client, person);
        let all = |numbers: &[u8]| numbers.iter().map(|number| photo(*number)).collect();
        let images = match images {
            Images::Keep => ImagesUpdate::Keep,
            Images::Clear => ImagesUpdate::Clear,
            Images::Replace(photos) => ImagesUpdate::Replace(all(photos)),
            Images::Add(given) => ImagesUpdate::AddEncodings(given_encodings(given)),
            Images::ReplaceWith(given) => ImagesUpdate::ReplaceWithEncodings(given_encodings(given)),
            Images::Edit(remove, add) => {
                let person = self.model.tenants.get(&client).and_then(|tenant| tenant.persons.get(&id));
                let photos = person.map(|person| person.photos.as_slice()).unwrap_or_default();
                let pick = |number: &u8| match photos.get(usize::from(*number) % (photos.len() + 1)) {
                    Some(photo) if *number < 240 => photo.id.clone().expect("a named photo"),
                    _ => ImageId::generate(),
                };
                ImagesUpdate::Edit { remove: remove.iter().map(pick).collect(), add: all(add) }
            }
        };
        let update = PersonUpdate {
            name: fields.name.clone(),
            images,
            gender: fields.gender.clone(),
            date_of_birth: fields.date_of_birth.clone(),
            nationality: fields.nationality.clone(),
            collections: self.names(&client, &fields.collections),
            notes: fields.notes.clone(),
            attributes: fields.attributes.clone(),
            status: fields.status,
            expires_at: fields.expires_at.clone(),
            expected_version: self.version(&client, &id, version),
        };
        let expected = self.model.update(&client, &id, &update);
        let prepared = prepared(update.images.photos(), update.images.encodings());
        let answer =
            update.validate(&LIMITS).and_then(|()| self.vault.store.update_person(&client, &id, &update, &prepared));
        let Some(((person, noticed), answer)) = agree(expected, answer)? else { return Ok(true) };
        self.effect(answer.gallery, noticed)?;
        self.searched(&client, &answer)?;
        self.adopt(&client, person, &answer.person)?;
        Ok(false)
    }

    fn remove(&mut self, client: u8, person: u8, version: Version) -> Result<bool, TestCaseError> {
        let client = self.clients[usize::from(client)].clone();
        let id = self.person(&client, person);
        let version = self.version(&client, &id, version);
        let expected = self.model.remove(&client, &id, version);
        let answer = self.vault.store.remove_person(&client, &id, version);
        let Some(((), answer)) = agree(expected, answer)? else { return Ok(true) };
        self.effect(answer.gallery, true)?;
        self.model.tenants.get_mut(&client).expect("a client").persons.remove(&id);
        Ok(false)
    }

    fn insert_collection(
        &mut self,
        client: u8,
        id: Option<u8>,
        name: &str,
        description: &Patch<String>,
    ) -> Result<bool, TestCaseError> {
        let client = self.clients[usize::from(client)].clone();
        let mut new = NewCollection { name: name.into(), ..NewCollection::default() };
        new.id = id.map(|id| CollectionId::new(format!("c{id}")).expect("an id"));
        description.clone().apply(&mut new.description);
        let expected = self.model.insert_collection(&client, &new);
        let answer = new.validate().and_then(|()| self.vault.store.insert_collection(&client, &new));
        let Some(((), answer)) = agree(expected, answer)? else { return Ok(true) };
        prop_assert_eq!(&answer.name, &new.name);
        prop_assert_eq!(&answer.description, &new.description.filter(|text| !text.is_empty()));
        self.model.adopt_collection(&client, &answer);
        Ok(false)
    }

    fn update_collection(
        &mut self,
        client: u8,
        which: u8,
        name: &Option<String>,
        description: &Patch<String>,
        people: &Option<Vec<u8>>,
    ) -> Result<bool, TestCaseError> {
        let client = self.clients[usize::from(client)].clone();
        let which = self.collection(&client, which);
        let update = CollectionUpdate {
            name: name.clone(),
            description: description.clone(),
            people: people.as_ref().map(|numbers| numbers.iter().map(|number| self.person(&client, *number)).collect()),
        };
        let expected = self.model.update_collection(&client, &which, &update);
        let answer = update.validate().and_then(|()| self.vault.store.update_collection(&client, &which, &update));
        let Some(((group, people), answer)) = agree(expected, answer)? else { return Ok(true) };
        prop_assert_eq!(&answer.collection.name, &group.name);
        prop_assert_eq!(&answer.collection.description, &group.description);
        prop_assert_eq!((&answer.collection.id, &answer.collection.code), (&group.id, &group.code));
        let noticed = self.model.change_collection(&client, group, people);
        self.effect(answer.gallery, noticed)?;
        Ok(false)
    }

    fn remove_collection(&mut self, client: u8, which: u8) -> Result<bool, TestCaseError> {
        let client = self.clients[usize::from(client)].clone();
        let which = self.collection(&client, which);
        let expected = self.model.remove_collection(&client, &which);
        let answer = self.vault.store.remove_collection(&client, &which);
        let Some((noticed, answer)) = agree(expected, answer)? else { return Ok(true) };
        self.effect(answer, noticed)?;
        Ok(false)
    }

    /// What a write says of a person is what a gallery would read.
    fn searched(&self, client: &ClientId, answer: &Written) -> Result<(), TestCaseError> {
        let since = answer.gallery.generation - u64::from(answer.gallery.changed);
        let missed = self.vault.store.changes_since(client, since, &MODEL, 10).expect("changes");
        let read = missed.expect("nothing was forgotten").written.pop().map(|person| (MODEL, person));
        prop_assert_eq!(&answer.searched, &read);
        Ok(())
    }

    fn effect(&mut self, effect: GalleryEffect, noticed: bool) -> Result<(), TestCaseError> {
        self.model.generation += u64::from(noticed);
        prop_assert_eq!((effect.generation, effect.changed), (self.model.generation, noticed));
        Ok(())
    }

    fn adopt(&mut self, client: &ClientId, expected: Known, answer: &facevault::Person) -> Result<(), TestCaseError> {
        self.model.adopt(client, expected, answer).map_err(TestCaseError::fail)
    }
}

/// Both answers where they agree that there is one, `None` where both refuse in the same way.
fn agree<A, B>(expected: Result<A, ErrorKind>, answer: Result<B, Error>) -> Result<Option<(A, B)>, TestCaseError> {
    match (expected, answer) {
        (Ok(expected), Ok(answer)) => Ok(Some((expected, answer))),
        (Err(kind), Err(error)) if error.kind() == kind => Ok(None),
        (Err(kind), Err(error)) => {
            Err(TestCaseError::fail(format!("{kind} expected, found {}: {error}", error.kind())))
        }
        (Ok(_), Err(error)) => Err(TestCaseError::fail(format!("refused: {error}"))),
        (Err(kind), Ok(_)) => Err(TestCaseError::fail(format!("taken where {kind} was expected"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_model_does(ops in proptest::collection::vec(ops(), 40..130)) {
        let mut pair = Pair::new();
        for (number, op) in ops.iter().enumerate() {
            pair.run(op)?;
            if number % 32 == 31 {
                pair.compare()?;
            }
        }
        pair.catch_up()?;
        pair.compare()?;
    }
}
