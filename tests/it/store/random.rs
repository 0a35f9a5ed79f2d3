//! Thousands of random requests: the store answers as the model does, and a request that it
//! refuses changes nothing at all.

use std::collections::BTreeMap;

use facevault::store::{GalleryEffect, PreparedImage, PreparedImages, Written};
use facevault::{
    ClientId, CollectionId, CollectionUpdate, DateOfBirth, Error, ErrorKind, FaceEncoding, Gender, ImageBytes, ImageId,
    ImagesUpdate, NewCollection, NewPerson, Patch, PersonId, PersonKey, PersonQuery, PersonUpdate, Status,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use super::model::{Model, OF_OTHER_MODEL, Tenant, WITHOUT_ENCODING};
use super::{LIMITS, MODEL, OTHER_MODEL, Vault, dump, encoding, without_encodings};

/// A request whose persons, photos and collections are numbers that are resolved when it is made.
#[derive(Debug, Clone)]
enum Op {
    Insert {
        client: u8,
        id: Option<u8>,
        fields: Box<Fields>,
        photos: Vec<u8>,
        given: Vec<u8>,
    },
    Update {
        client: u8,
        person: u8,
        fields: Box<Fields>,
        images: Images,
        version: Version,
    },
    Remove {
        client: u8,
        person: u8,
        version: Version,
    },
    InsertCollection {
        client: u8,
        id: Option<u8>,
        name: String,
        description: Patch<String>,
    },
    UpdateCollection {
        client: u8,
        which: u8,
        name: Option<String>,
        description: Patch<String>,
        people: Option<Vec<u8>>,
    },
    RemoveCollection {
        client: u8,
        which: u8,
    },
    CatchUp,
}

#[derive(Debug, Clone)]
struct Fields {
    name: Option<String>,
    gender: Patch<Gender>,
    date_of_birth: Patch<DateOfBirth>,
    nationality: Patch<String>,
    collections: Option<Vec<u8>>,
    notes: Patch<String>,
    attributes: Patch<BTreeMap<String, Option<String>>>,
    status: Option<Status>,
    expires_at: Patch<jiff::Timestamp>,
}

#[derive(Debug, Clone)]
enum Images {
    Keep,
    Replace(Vec<u8>),
    Edit(Vec<u8>, Vec<u8>),
    Add(Vec<u8>),
    ReplaceWith(Vec<u8>),
    Clear,
}

#[derive(Debug, Clone, Copy)]
enum Version {
    Any,
    Current,
    Wrong,
}

fn patch<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Patch<T>> {
    prop_oneof![5 => Just(Patch::Keep), 1 => Just(Patch::Clear), 4 => value.prop_map(Patch::Set)]
}

fn option<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![6 => Just(None), 4 => value.prop_map(Some)]
}

fn names() -> impl Strategy<Value = String> {
    let good = select(vec!["Ada", " Bob ", "王小明", "\u{202e}נועם", "a\0b", "Zoë \u{1f600}", "STRASSE", "Straße"]);
    prop_oneof![9 => good.prop_map(String::from), 1 => select(vec![String::new(), " \t".into(), "x".repeat(101)])]
}

fn texts() -> impl Strategy<Value = String> {
    let good = select(vec!["x", "", "two\nlines", "n\0ul", "  ", "ελ"]);
    prop_oneof![12 => good.prop_map(String::from), 1 => Just("n".repeat(4_001))]
}

/// Changes of attributes, now and then with a key that is none.
fn attributes() -> impl Strategy<Value = BTreeMap<String, Option<String>>> {
    let key = prop_oneof![20 => select(vec!["a", "b", "c.d-e_9"]), 1 => Just("A")];
    let value = proptest::option::weighted(0.7, select(vec!["", "1", "2", "ελ\0"]));
    proptest::collection::btree_map(key.prop_map(String::from), value.prop_map(|value| value.map(String::from)), 0..3)
}

fn fields() -> impl Strategy<Value = Box<Fields>> {
    let dates = select(vec![(1990, 1, 15), (1, 1, 1), (2000, 2, 29)]);
    let instant = |micros| jiff::Timestamp::from_microsecond(micros).expect("a time");
    let instants = vec![instant(0), instant(-1), instant(4_102_444_800_123_456)];
    (
        option(names()),
        patch(select(vec![Gender::Male, Gender::Female])),
        patch(dates.prop_map(|(year, month, day)| DateOfBirth::new(year, month, day).expect("a date"))),
        patch(names()),
        option(proptest::collection::vec(any::<u8>(), 0..4)),
        patch(texts()),
        patch(attributes()),
        (option(select(vec![Status::Active, Status::Inactive])), patch(select(instants))),
    )
        .prop_map(
            |(name, gender, date_of_birth, nationality, collections, notes, attributes, (status, expires_at))| {
                Box::new(Fields {
                    name,
                    gender,
                    date_of_birth,
                    nationality,
                    collections,
                    notes,
                    attributes,
                    status,
                    expires_at,
                })
            },
        )
}

/// Numbers of photos: often the same ones, now and then one without or with a wrong encoding.
fn photos(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![12 => 0..5u8, 1 => Just(WITHOUT_ENCODING), 1 => Just(OF_OTHER_MODEL), 1 => Just(255)];
    proptest::collection::vec(one, 0..=most)
}

/// Numbers of encodings that come without a photo, now and then one of another model or without a length.
fn given(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![12 => 0..5u8, 1 => Just(OF_OTHER_MODEL), 1 => Just(255)];
    prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::vec(one, 0..=most)]
}

fn ops() -> impl Strategy<Value = Op> {
    let client = || prop_oneof![6 => Just(0u8), 3 => Just(1), 1 => Just(2)];
    let version = || select(vec![Version::Any, Version::Any, Version::Current, Version::Wrong]);
    let images = prop_oneof![
        3 => Just(Images::Keep),
        3 => photos(5).prop_map(Images::Replace),
        2 => (proptest::collection::vec(any::<u8>(), 0..3), photos(3)).prop_map(|(remove, add)| Images::Edit(remove, add)),
        1 => given(3).prop_map(Images::Add),
        1 => given(5).prop_map(Images::ReplaceWith),
        1 => Just(Images::Clear),
    ];
    let people = proptest::collection::vec(any::<u8>(), 0..5);
    prop_oneof![
        6 => (client(), proptest::option::of(0..6u8), fields(), photos(4), given(2))
            .prop_map(|(client, id, fields, photos, given)| Op::Insert { client, id, fields, photos, given }),
        16 => (client(), any::<u8>(), fields(), images, version())
            .prop_map(|(client, person, fields, images, version)| Op::Update { client, person, fields, images, version }),
        2 => (client(), any::<u8>(), version())
            .prop_map(|(client, person, version)| Op::Remove { client, person, version }),
        2 => (client(), proptest::option::of(0..3u8), names(), patch(texts()))
            .prop_map(|(client, id, name, description)| Op::InsertCollection { client, id, name, description }),
        2 => (client(), any::<u8>(), option(names()), patch(texts()), option(people))
            .prop_map(|(client, which, name, description, people)|
                Op::UpdateCollection { client, which, name, description, people }),
        1 => (client(), any::<u8>()).prop_map(|(client, which)| Op::RemoveCollection { client, which }),
        2 => Just(Op::CatchUp),
    ]
}

/// The bytes of a photo by number; 255 is one that is too large.
fn photo(number: u8) -> ImageBytes {
    match number {
        255 => vec![255; LIMITS.max_image_bytes as usize + 1].into(),
        _ => vec![number; 3 + usize::from(number) * 3_000].into(),
    }
}

/// An encoding by number; 255 is one that is too long to be compared.
fn given_encoding(number: u8) -> FaceEncoding {
    match number {
        255 => FaceEncoding::new(MODEL, vec![1e30, 0.0, 0.0, 0.0]).expect("finite"),
        OF_OTHER_MODEL => encoding(OTHER_MODEL, &[number]),
        _ => encoding(MODEL, &[number]),
    }
}

fn given_encodings(numbers: &[u8]) -> Vec<FaceEncoding> {
    numbers.iter().map(|number| given_encoding(*number)).collect()
}

fn prepared(photos: &[ImageBytes], given: &[FaceEncoding]) -> PreparedImages {
    let mut prepared = without_encodings(photos);
    for (image, bytes) in prepared.images.iter_mut().zip(photos) {
        image.encoding = match bytes[0] {
            WITHOUT_ENCODING => None,
            OF_OTHER_MODEL => Some(encoding(OTHER_MODEL, bytes)),
            _ => Some(encoding(MODEL, bytes)),
        };
    }
    prepared.images.extend(given.iter().map(PreparedImage::given));
    prepared
}

/// The attributes that are named with a value.
fn named(attributes: &Patch<BTreeMap<String, Option<String>>>) -> BTreeMap<String, String> {
    let all = attributes.clone().set().into_iter().flatten();
    all.filter_map(|(key, value)| Some((key, value?))).collect()
}

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

    fn adopt(
        &mut self,
        client: &ClientId,
        expected: super::model::Known,
        answer: &facevault::Person,
    ) -> Result<(), TestCaseError> {
        self.model.adopt(client, expected, answer).map_err(TestCaseError::fail)
    }

    /// Brings the gallery up to date by what it missed, and holds it against one loaded anew.
    fn catch_up(&mut self) -> Result<(), TestCaseError> {
        let store = &self.vault.store;
        let since = self.gallery_generation;
        for client in &self.clients[..2] {
            let missed = store.changes_since(client, since, &MODEL, 1_000).expect("changes");
            let missed = missed.expect("nothing was forgotten");
            for key in &missed.removed {
                self.gallery.remove(key);
            }
            for person in missed.written {
                let encodings = person.encodings.into_iter().collect();
                let row = (client.clone(), person.id, person.status, person.collections, encodings);
                self.gallery.insert(person.key, row);
            }
            self.gallery_generation = missed.generation;
        }
        self.gallery.retain(|_, person| !person.4.is_empty());

        let mut anew: BTreeMap<PersonKey, Row> = BTreeMap::new();
        let take = |row: facevault::store::EncodingRow<'_>| {
            let person = anew.entry(row.key).or_insert_with(|| {
                (row.client.clone(), row.person.clone(), row.status, row.collections.to_vec(), BTreeMap::new())
            });
            let vector: Vec<f32> = row.vector.components().collect();
            person.4.insert(row.image.clone(), FaceEncoding::new(MODEL, vector)?);
            Ok(())
        };
        prop_assert_eq!(store.all_encodings(None, &MODEL, take).expect("encodings"), self.gallery_generation);
        prop_assert!(self.gallery == anew, "a gallery that caught up differs from one loaded anew");

        let expected: Vec<_> = self
            .model
            .tenants
            .values()
            .flat_map(|tenant| tenant.persons.values())
            .flat_map(|person| person.photos.iter().filter_map(|photo| photo.id.clone().zip(photo.encoding())))
            .collect();
        let found: BTreeMap<_, _> = anew.into_values().flat_map(|person| person.4).collect();
        prop_assert!(found == expected.into_iter().collect(), "the encodings are others");
        Ok(())
    }

    /// Everything that can be read, against the model.
    fn compare(&self) -> Result<(), TestCaseError> {
        let store = &self.vault.store;
        let mut mine: Vec<_> = self.model.tenants.keys().collect();
        let mut theirs = store.clients().expect("clients");
        mine.sort();
        theirs.sort();
        prop_assert_eq!(theirs.iter().collect::<Vec<_>>(), mine);
        for (client, tenant) in &self.model.tenants {
            let groups = store.collections(client).expect("collections");
            prop_assert_eq!(groups.len(), tenant.collections.len());
            for (group, known) in groups.iter().zip(&tenant.collections) {
                prop_assert_eq!((&group.id, &group.code, &group.name), (&known.id, &known.code, &known.name));
                prop_assert_eq!(&group.description, &known.description);
                prop_assert_eq!(&store.collection(client, &group.code).expect("a collection"), group);
            }
            for (id, person) in &tenant.persons {
                let answer = store.person(client, id).expect("a person");
                tenant.same(person, &answer).map_err(TestCaseError::fail)?;
            }
            self.compare_lists(client, tenant)?;
        }
        let report = store.check().expect("a check");
        prop_assert!(report.is_clean(), "{report:?}");
        Ok(())
    }

    fn compare_lists(&self, client: &ClientId, tenant: &Tenant) -> Result<(), TestCaseError> {
        let born = DateOfBirth::new(2000, 2, 29).expect("a date");
        let mut queries: Vec<PersonQuery> = vec![
            PersonQuery::default(),
            PersonQuery::default().with_status(Status::Inactive),
            PersonQuery::default().with_name_contains("sS".to_owned()),
            PersonQuery::default().with_date_of_birth(born),
            PersonQuery::default().with_attributes(BTreeMap::from([("a".into(), "1".into())])),
            PersonQuery::default()
                .with_status(Status::Active)
                .with_attributes(BTreeMap::from([("a".into(), "1".into()), ("c.d-e_9".into(), "ελ\0".into())])),
        ];
        queries
            .extend(tenant.collections.iter().map(|group| PersonQuery::default().with_collection(group.code.clone())));
        for query in queries {
            let wanted = |person: &super::model::Known| {
                let named = query.name_contains.is_none() || person.name.to_uppercase().contains("SS");
                let member = query.collection.as_ref().is_none_or(|code| {
                    let group = tenant.find(code).expect("a collection");
                    tenant.collections_of(person).contains(&group.id)
                });
                let status = query.status.is_none_or(|status| status == person.status);
                let noted = query.attributes.iter().all(|(key, value)| person.attributes.get(key) == Some(value));
                noted
                    && named
                    && member
                    && status
                    && (query.date_of_birth.is_none() || person.date_of_birth == Some(born))
            };
            let expected: Vec<&PersonId> =
                tenant.persons.iter().filter(|(_, person)| wanted(person)).map(|(id, _)| id).collect();
            let mut found = Vec::new();
            let mut last = None;
            for number in 1.. {
                let page = query.clone().with_page(number).with_limit(2);
                let page = self.vault.store.persons(client, &page).expect("a page");
                prop_assert_eq!(page.total, expected.len() as u64);
                for item in &page.items {
                    let place = Some((item.created_at, item.id.clone()));
                    prop_assert!(last < place, "the order is not that of age");
                    last = place;
                    let person = &tenant.persons[&item.id];
                    prop_assert_eq!((&item.name, item.version), (&person.name, person.version));
                    prop_assert_eq!(item.image_count, person.photos.len() as u64);
                    prop_assert_eq!(&item.collections, &tenant.collections_of(person));
                }
                if page.items.is_empty() {
                    break;
                }
                found.extend(page.items.into_iter().map(|item| item.id));
            }
            found.sort();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
        Ok(())
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
