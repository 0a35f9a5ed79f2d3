//! Operations of every kind, done to a vault and to a model of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use facevault::store::Store;
use facevault::{
    CollectionId, CollectionUpdate, DuplicatePolicy, Engine, FaceEncoding, ImageBytes, ImageId, ImagesUpdate, ModelId,
    NewCollection, NewPerson, Patch, PersonId, PersonUpdate, ReencodeOptions, Result, Status, Vault, VaultOptions,
};
use image::{Rgb, RgbImage};

use super::Numbers;
use super::state::{self, Image, Known, State};
use crate::fakes;

/// One operation on a vault. Persons, collections and photos are numbers.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Create(NewOne),
    /// Several persons in one call, and in one transaction.
    CreateMany(Vec<NewOne>),
    Update {
        person: usize,
        fields: Fields,
        photos: Photos,
    },
    Remove(usize),
    CreateGroup(usize),
    UpdateGroup {
        group: usize,
        name: String,
        people: Option<Vec<usize>>,
    },
    RemoveGroup(usize),
    CreateToken,
    /// The oldest token that is accepted.
    RevokeToken,
    /// To the next model.
    Reencode,
    /// To a file of this name.
    Backup(String),
    /// Close the vault and open it again.
    Reopen,
    /// Another program begins to read, or ends: meanwhile the log cannot be folded in beyond what it reads.
    Read(bool),
}

#[derive(Debug, Clone)]
pub(super) struct NewOne {
    pub(super) person: usize,
    pub(super) name: String,
    pub(super) notes: Option<String>,
    pub(super) photos: Vec<u32>,
    pub(super) given: Vec<u32>,
    pub(super) groups: Vec<usize>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) name: Option<String>,
    pub(super) notes: Patch<String>,
    pub(super) nationality: Patch<String>,
    pub(super) attributes: BTreeMap<String, Option<String>>,
    pub(super) status: Option<Status>,
    pub(super) groups: Option<Vec<usize>>,
}

#[derive(Debug, Clone)]
pub(super) enum Photos {
    Keep,
    Replace(Vec<u32>),
    /// So many from the front go, these come.
    Edit(usize, Vec<u32>),
    AddGiven(u32),
    Clear,
}

/// The photo of a number; every fifth fills several pages of the file.
pub(super) fn photo(number: u32) -> ImageBytes {
    if number.is_multiple_of(5) {
        return fakes::photo(number);
    }
    let mut numbers = Numbers(u64::from(number));
    let colours: Vec<[u8; 3]> = (0..144).map(|_| [(); 3].map(|()| numbers.below(256) as u8)).collect();
    let mut picture = RgbImage::from_fn(96, 96, |x, y| Rgb(colours[(x / 8 + y / 8 * 12) as usize]));
    picture.put_pixel(0, 0, Rgb([1, 0, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into()
}

fn given(number: u32) -> FaceEncoding {
    let components: Vec<f32> = (1..=fakes::DIMENSION as u32).map(|i| (number * i % 1009) as f32 + 0.5).collect();
    FaceEncoding::new(ModelId::from_bytes([1; 16]), components).expect("finite")
}

fn person_id(number: usize) -> PersonId {
    PersonId::new(format!("person_{number}")).expect("an id")
}

fn group_id(number: usize) -> CollectionId {
    CollectionId::new(format!("collection_{number}")).expect("an id")
}

fn group_ids(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| group_id(*number).to_string()).collect()
}

/// A vault that a script is done to, through two handles by turns.
pub(super) struct Subject {
    path: PathBuf,
    engine: Engine,
    handles: Vec<Vault>,
    turn: usize,
    reading: Option<(mpsc::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Subject {
    pub(super) fn create(path: &Path) -> Result<Self> {
        drop(Vault::create(path, VaultOptions::default())?);
        Self::open(path)
    }

    pub(super) fn open(path: &Path) -> Result<Self> {
        let (path, engine) = (path.to_owned(), fakes::engine_of(1));
        let mut subject = Self { path, engine, handles: Vec::new(), turn: 0, reading: None };
        subject.reopen()?;
        Ok(subject)
    }

    /// Opens the vault again where an operation closed it and could not.
    pub(super) fn revive(&mut self) -> Result<()> {
        if self.handles.is_empty() { self.reopen() } else { Ok(()) }
    }

    fn reopen(&mut self) -> Result<()> {
        self.handles.clear();
        for _ in 0..2 {
            let options = VaultOptions::default().with_engine(self.engine.clone());
            self.handles.push(Vault::open(&self.path, options)?);
        }
        Ok(())
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.handles[self.turn % self.handles.len()]
    }

    pub(super) fn perform(&mut self, op: &Op) -> Result<()> {
        self.turn += 1;
        let vault = self.vault().clone();
        match op {
            Op::Create(new) => vault.create_person(&new.request()).map(drop),
            Op::CreateMany(all) => {
                let requests: Vec<_> = all.iter().map(NewOne::request).collect();
                let outcomes = vault.create_persons(&requests, &DuplicatePolicy::default(), &mut ())?;
                outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
            }
            Op::Update { person, fields, photos } => {
                let id = person_id(*person);
                let images = match photos {
                    Photos::Keep => ImagesUpdate::Keep,
                    Photos::Clear => ImagesUpdate::Clear,
                    Photos::Replace(photos) => ImagesUpdate::Replace(photos.iter().map(|n| photo(*n)).collect()),
                    Photos::AddGiven(number) => ImagesUpdate::AddEncodings(vec![given(*number)]),
                    Photos::Edit(remove, add) => {
                        let ids = vault.person(&id)?.images.into_iter().map(|image| image.id);
                        let remove: Vec<ImageId> = ids.take(*remove).collect();
                        ImagesUpdate::Edit { remove, add: add.iter().map(|n| photo(*n)).collect() }
                    }
                };
                let attributes = match fields.attributes.is_empty() {
                    true => Patch::Keep,
                    false => Patch::Set(fields.attributes.clone()),
                };
                let update = PersonUpdate {
                    name: fields.name.clone(),
                    notes: fields.notes.clone(),
                    nationality: fields.nationality.clone(),
                    attributes,
                    status: fields.status,
                    collections: fields.groups.as_deref().map(group_ids),
                    images,
                    ..PersonUpdate::default()
                };
                vault.update_person(&id, &update).map(drop)
            }
            Op::Remove(person) => vault.remove_person(&person_id(*person)).map(drop),
            Op::CreateGroup(group) => {
                let new = NewCollection { id: Some(group_id(*group)), ..NewCollection::named(group_name(*group)) };
                vault.create_collection(&new).map(drop)
            }
            Op::UpdateGroup { group, name, people } => {
                let people = people.as_ref().map(|people| people.iter().map(|person| person_id(*person)).collect());
                let update = CollectionUpdate { name: Some(name.clone()), people, ..CollectionUpdate::default() };
                vault.update_collection(group_id(*group).as_str(), &update).map(drop)
            }
            Op::RemoveGroup(group) => vault.remove_collection(group_id(*group).as_str()),
            Op::CreateToken => vault.create_token(None).map(drop),
            Op::RevokeToken => {
                let accepted = vault.tokens()?.into_iter().filter(|token| token.revoked_at.is_none());
                let oldest = accepted.min_by_key(|token| (token.created_at, token.id.to_string())).expect("a token");
                vault.revoke_token(&oldest.id)
            }
            Op::Reencode => {
                let engine = fakes::engine_of(2);
                let vault = Vault::open(&self.path, VaultOptions::default().with_engine(engine.clone()))?;
                let done = vault.reencode(&ReencodeOptions::default().with_leave_out(true), &mut ())?;
                assert!(done.is_active, "the model is the vault's");
                (self.engine, self.handles) = (engine, vec![vault]);
                Ok(())
            }
            Op::Backup(name) => vault.backup(self.path.with_file_name(name), &mut ()),
            Op::Reopen => {
                // Clones hold the file open as the handles do.
                drop(vault);
                self.reopen()
            }
            Op::Read(true) => {
                let (end, ended) = mpsc::channel();
                let (begin, begun) = mpsc::channel();
                let store = Store::open(&self.path)?;
                let read = move || {
                    let client = store.default_client().expect("a client");
                    let wait = |_: &facevault::store::Snapshot<'_>| {
                        begin.send(()).expect("somebody waits");
                        // Ends when the other end is dropped too.
                        let _ = ended.recv();
                        Ok(())
                    };
                    store.snapshot(&client, wait).expect("a snapshot");
                };
                let thread = std::thread::spawn(read);
                begun.recv().expect("it reads");
                self.reading = Some((end, thread));
                Ok(())
            }
            Op::Read(false) => {
                let (end, thread) = self.reading.take().expect("somebody reads");
                drop(end);
                thread.join().expect("it ends");
                Ok(())
            }
        }
    }
}

impl NewOne {
    fn request(&self) -> NewPerson {
        NewPerson {
            id: Some(person_id(self.person)),
            images: self.photos.iter().map(|n| photo(*n)).collect(),
            encodings: self.given.iter().map(|n| given(*n)).collect(),
            notes: self.notes.clone(),
            collections: group_ids(&self.groups),
            ..NewPerson::named(self.name.clone())
        }
    }
}

fn group_name(group: usize) -> String {
    format!("Group {group}")
}

/// What a vault should hold: each operation is done to plain maps.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) state: State,
    engine: Engine,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { state: State::default(), engine: fakes::engine_of(1) }
    }

    fn images(&self, photos: &[u32]) -> Vec<Image> {
        photos.iter().map(|n| state::image(&self.engine, &photo(*n))).collect()
    }

    pub(super) fn perform(&mut self, op: &Op) {
        match op {
            Op::Create(new) => self.add(new),
            Op::CreateMany(all) => all.iter().for_each(|new| self.add(new)),
            Op::Update { person, fields, photos } => self.update(*person, fields, photos),
            Op::Remove(person) => drop(self.state.persons.remove(person_id(*person).as_str()).expect("a person")),
            Op::CreateGroup(group) => {
                self.state.collections.insert(group_id(*group).to_string(), (group_name(*group), None));
            }
            Op::UpdateGroup { group, name, people } => {
                let id = group_id(*group).to_string();
                self.state.collections.get_mut(&id).expect("a collection").0.clone_from(name);
                if let Some(people) = people {
                    self.set_members(&id, &people.iter().map(|person| person_id(*person).to_string()).collect());
                }
            }
            Op::RemoveGroup(group) => {
                let id = group_id(*group).to_string();
                self.set_members(&id, &BTreeSet::new());
                self.state.collections.remove(&id);
            }
            Op::CreateToken => self.state.tokens.0 += 1,
            Op::RevokeToken => {
                self.state.tokens.0 -= 1;
                self.state.tokens.1 += 1;
            }
            Op::Reencode => {
                self.engine = fakes::engine_of(2);
                self.state.reencode(&self.engine);
            }
            Op::Backup(_) | Op::Reopen | Op::Read(_) => {}
        }
    }

    fn add(&mut self, new: &NewOne) {
        let mut images = self.images(&new.photos);
        let vectors = new.given.iter().map(|n| Some(given(*n).vector().to_vec()));
        images.extend(vectors.map(|vector| Image { bytes: None, vector }));
        let known = Known {
            version: 1,
            name: new.name.clone(),
            notes: new.notes.clone(),
            collections: group_ids(&new.groups).into_iter().collect(),
            images,
            ..Known::default()
        };
        self.state.persons.insert(person_id(new.person).to_string(), known);
    }

    fn update(&mut self, person: usize, fields: &Fields, photos: &Photos) {
        let new = match photos {
            Photos::Replace(photos) | Photos::Edit(_, photos) => self.images(photos),
            Photos::AddGiven(n) => vec![Image { bytes: None, vector: Some(given(*n).vector().to_vec()) }],
            Photos::Keep | Photos::Clear => Vec::new(),
        };
        let known = self.state.persons.get_mut(person_id(person).as_str()).expect("a person");
        known.version += 1;
        match photos {
            Photos::Keep => {}
            Photos::Replace(_) | Photos::Clear => known.images = new,
            Photos::Edit(remove, _) => {
                known.images.drain(..*remove);
                known.images.extend(new);
            }
            Photos::AddGiven(_) => known.images.extend(new),
        }
        if let Some(name) = &fields.name {
            known.name.clone_from(name);
        }
        fields.notes.clone().apply(&mut known.notes);
        fields.nationality.clone().apply(&mut known.nationality);
        known.status = fields.status.unwrap_or(known.status);
        for (key, value) in &fields.attributes {
            match value {
                Some(value) => drop(known.attributes.insert(key.clone(), value.clone())),
                None => drop(known.attributes.remove(key)),
            }
        }
        if let Some(groups) = &fields.groups {
            known.collections = group_ids(groups).into_iter().collect();
        }
    }

    fn set_members(&mut self, group: &str, people: &BTreeSet<String>) {
        for (id, person) in &mut self.state.persons {
            let moved = match people.contains(id) {
                true => person.collections.insert(group.to_owned()),
                false => person.collections.remove(group),
            };
            person.version += u64::from(moved);
        }
    }
}
