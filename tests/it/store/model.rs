//! What a vault is to do, in plain maps: the measure for the store.

use std::collections::{BTreeMap, BTreeSet};

use facevault::{
    ClientId, Collection, CollectionId, CollectionUpdate, DateOfBirth, ErrorKind, FaceEncoding, Gender, ImageId,
    ImagesUpdate, NewCollection, NewPerson, Patch, Person, PersonId, PersonUpdate, Status,
};

use super::{LIMITS, MODEL, encoding};

/// A photo of this first byte gets no encoding.
pub(super) const WITHOUT_ENCODING: u8 = 6;
/// A photo of this first byte gets another model's encoding.
pub(super) const OF_OTHER_MODEL: u8 = 7;

#[derive(Default)]
pub(super) struct Model {
    pub(super) tenants: BTreeMap<ClientId, Tenant>,
    pub(super) generation: u64,
    seen_images: BTreeSet<ImageId>,
}

#[derive(Default)]
pub(super) struct Tenant {
    pub(super) persons: BTreeMap<PersonId, Known>,
    /// In the order in which they came.
    pub(super) collections: Vec<Group>,
    collections_made: usize,
}

#[derive(Clone)]
pub(super) struct Group {
    serial: usize,
    pub(super) id: CollectionId,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
}

/// A person as the model knows it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) name: String,
    gender: Option<Gender>,
    pub(super) date_of_birth: Option<DateOfBirth>,
    nationality: Option<String>,
    notes: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) status: Status,
    expires_at: Option<jiff::Timestamp>,
    pub(super) version: u64,
    pub(super) photos: Vec<Photo>,
    /// Serials of collections.
    memberships: BTreeSet<usize>,
    times: Option<(jiff::Timestamp, jiff::Timestamp)>,
}

#[derive(Clone, PartialEq)]
pub(super) struct Photo {
    /// `None` until the store has named it.
    pub(super) id: Option<ImageId>,
    content: Content,
}

/// A photo, or an encoding that was given without one.
#[derive(Clone, PartialEq)]
enum Content {
    Bytes(Vec<u8>),
    Given(FaceEncoding),
}

impl Photo {
    fn new(bytes: &[u8]) -> Self {
        Self { id: None, content: Content::Bytes(bytes.to_vec()) }
    }

    fn given(encoding: &FaceEncoding) -> Self {
        Self { id: None, content: Content::Given(encoding.clone()) }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Given(_) => None,
        }
    }

    pub(super) fn encoding(&self) -> Option<FaceEncoding> {
        match &self.content {
            Content::Bytes(bytes) => (bytes[0] != WITHOUT_ENCODING).then(|| encoding(MODEL, bytes)),
            Content::Given(encoding) => Some(encoding.clone()),
        }
    }

    fn is_of_other_model(&self) -> bool {
        match &self.content {
            Content::Bytes(bytes) => bytes[0] == OF_OTHER_MODEL,
            Content::Given(encoding) => encoding.model() != MODEL,
        }
    }
}

/// A person to be, and whether galleries notice.
pub(super) type Expected = Result<(Known, bool), ErrorKind>;

impl Model {
    pub(super) fn insert(&self, client: &ClientId, new: &NewPerson) -> Expected {
        new.validate(&LIMITS).map_err(|error| error.kind())?;
        let tenant = self.tenants.get(client).ok_or(ErrorKind::NotFound)?;
        if new.id.as_ref().is_some_and(|id| tenant.persons.contains_key(id)) {
            return Err(ErrorKind::AlreadyExists);
        }
        let memberships = tenant.resolve(&new.collections)?;
        let given = new.encodings.iter().map(Photo::given);
        let photos: Vec<_> = new.images.iter().map(|bytes| Photo::new(bytes)).chain(given).collect();
        require_model(&photos)?;
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let searchable = !memberships.is_empty() || !photos.is_empty();
        let person = Known {
            name: new.name.clone(),
            gender: new.gender,
            date_of_birth: new.date_of_birth,
            nationality: text(&new.nationality),
            notes: text(&new.notes),
            attributes: new.attributes.clone(),
            status: new.status,
            expires_at: new.expires_at,
            version: 1,
            photos,
            memberships,
            times: None,
        };
        Ok((person, searchable))
    }

    pub(super) fn update(&self, client: &ClientId, id: &PersonId, update: &PersonUpdate) -> Expected {
        update.validate(&LIMITS).map_err(|error| error.kind())?;
        let tenant = self.tenants.get(client).ok_or(ErrorKind::NotFound)?;
        let old = tenant.persons.get(id).ok_or(ErrorKind::NotFound)?;
        if update.expected_version.is_some_and(|expected| expected != old.version) {
            return Err(ErrorKind::Conflict);
        }
        let keeps_images = match &update.images {
            ImagesUpdate::Keep => true,
            ImagesUpdate::Edit { remove, add } => remove.is_empty() && add.is_empty(),
            ImagesUpdate::AddEncodings(encodings) => encodings.is_empty(),
            _ => false,
        };
        let mut named = PersonUpdate { images: ImagesUpdate::Keep, expected_version: None, ..update.clone() };
        if named.attributes == Patch::Set(BTreeMap::new()) {
            named.attributes = Patch::Keep;
        }
        if keeps_images && named == PersonUpdate::default() {
            return Ok((old.clone(), false));
        }

        let mut new = old.clone();
        if let Some(names) = &update.collections {
            new.memberships = tenant.resolve(names)?;
        }
        new.photos = photos_after(&old.photos, &update.images)?;
        if let Some(name) = &update.name {
            new.name.clone_from(name);
        }
        if let Some(status) = update.status {
            new.status = status;
        }
        update.expires_at.clone().apply(&mut new.expires_at);
        update.gender.clone().apply(&mut new.gender);
        update.date_of_birth.clone().apply(&mut new.date_of_birth);
        update.nationality.clone().apply(&mut new.nationality);
        update.notes.clone().apply(&mut new.notes);
        new.notes = new.notes.filter(|notes| !notes.is_empty());
        match &update.attributes {
            Patch::Keep => {}
            Patch::Clear => new.attributes.clear(),
            Patch::Set(named) => {
                for (key, value) in named {
                    match value {
                        Some(value) => drop(new.attributes.insert(key.clone(), value.clone())),
                        None => drop(new.attributes.remove(key)),
                    }
                }
            }
        }
        new.version += 1;

        let shown = |photos: &[Photo]| -> Vec<_> {
            let mut ids: Vec<_> = photos.iter().map(|photo| (photo.id.clone(), photo.encoding().is_some())).collect();
            ids.sort();
            ids
        };
        let noticed =
            shown(&new.photos) != shown(&old.photos) || new.memberships != old.memberships || new.status != old.status;
        Ok((new, noticed))
    }

    pub(super) fn remove(&self, client: &ClientId, id: &PersonId, expected: Option<u64>) -> Result<(), ErrorKind> {
        let old = self.tenants.get(client).and_then(|tenant| tenant.persons.get(id)).ok_or(ErrorKind::NotFound)?;
        if expected.is_some_and(|expected| expected != old.version) { Err(ErrorKind::Conflict) } else { Ok(()) }
    }

    /// Takes what the store answered for what was expected, or says how they differ.
    pub(super) fn adopt(&mut self, client: &ClientId, expected: Known, answer: &Person) -> Result<(), String> {
        let tenant = self.tenants.get_mut(client).ok_or("an unknown client")?;
        let mut person = expected;
        if person.photos.len() != answer.images.len() {
            return Err(format!("{} photos expected, {} found", person.photos.len(), answer.images.len()));
        }
        for (photo, image) in person.photos.iter_mut().zip(&answer.images) {
            match &photo.id {
                Some(id) if *id != image.id => return Err("a photo that was kept has another id".into()),
                Some(_) => {}
                None if !self.seen_images.insert(image.id.clone()) => return Err("a photo's id came twice".into()),
                None => photo.id = Some(image.id.clone()),
            }
        }
        if answer.updated_at < answer.created_at {
            return Err("changed before it was created".into());
        }
        if let Some((created, updated)) = person.times {
            let moved = tenant.persons.get(&answer.id).is_none_or(|old| old.version != person.version);
            if answer.created_at != created || answer.updated_at < updated || (!moved && answer.updated_at != updated) {
                return Err("the times are wrong".into());
            }
        }
        person.times = Some((answer.created_at, answer.updated_at));
        tenant.same(&person, answer)?;
        tenant.persons.insert(answer.id.clone(), person);
        Ok(())
    }

    pub(super) fn insert_collection(&self, client: &ClientId, new: &NewCollection) -> Result<(), ErrorKind> {
        new.validate().map_err(|error| error.kind())?;
        let tenant = self.tenants.get(client).ok_or(ErrorKind::NotFound)?;
        let exists = new.id.as_ref().is_some_and(|id| tenant.collections.iter().any(|group| group.id == *id));
        if exists { Err(ErrorKind::AlreadyExists) } else { Ok(()) }
    }

    /// The group after the update, and who is in it if that was named.
    pub(super) fn update_collection(
        &self,
        client: &ClientId,
        name: &str,
        update: &CollectionUpdate,
    ) -> Result<(Group, Option<BTreeSet<PersonId>>), ErrorKind> {
        update.validate().map_err(|error| error.kind())?;
        let tenant = self.tenants.get(client).ok_or(ErrorKind::NotFound)?;
        let mut group = tenant.find(name).ok_or(ErrorKind::NotFound)?.clone();
        if let Some(name) = &update.name {
            group.name.clone_from(name);
        }
        update.description.clone().apply(&mut group.description);
        group.description = group.description.filter(|text| !text.is_empty());
        let people = match &update.people {
            Some(people) if people.iter().any(|id| !tenant.persons.contains_key(id)) => {
                return Err(ErrorKind::Invalid);
            }
            Some(people) => Some(people.iter().cloned().collect()),
            None => None,
        };
        Ok((group, people))
    }

    pub(super) fn adopt_collection(&mut self, client: &ClientId, answer: &Collection) {
        let tenant = self.tenants.get_mut(client).expect("a client");
        let serial = tenant.collections_made;
        tenant.collections_made += 1;
        tenant.collections.push(Group {
            serial,
            id: answer.id.clone(),
            code: answer.code.clone(),
            name: answer.name.clone(),
            description: answer.description.clone(),
        });
    }

    /// Writes a group and its members. Says whether anybody came or went.
    pub(super) fn change_collection(
        &mut self,
        client: &ClientId,
        group: Group,
        people: Option<BTreeSet<PersonId>>,
    ) -> bool {
        let tenant = self.tenants.get_mut(client).expect("a client");
        let serial = group.serial;
        *tenant.collections.iter_mut().find(|old| old.serial == serial).expect("a collection") = group;
        people.is_some_and(|people| tenant.set_members(serial, &people))
    }

    /// Removes a group. Says whether anybody was in it.
    pub(super) fn remove_collection(&mut self, client: &ClientId, name: &str) -> Result<bool, ErrorKind> {
        let tenant = self.tenants.get_mut(client).ok_or(ErrorKind::NotFound)?;
        let serial = tenant.find(name).ok_or(ErrorKind::NotFound)?.serial;
        tenant.collections.retain(|group| group.serial != serial);
        Ok(tenant.set_members(serial, &BTreeSet::new()))
    }
}

impl Tenant {
    pub(super) fn find(&self, name: &str) -> Option<&Group> {
        let by_id = self.collections.iter().find(|group| group.id.as_str() == name);
        by_id.or_else(|| self.collections.iter().find(|group| group.code == name))
    }

    /// The ids of a person's collections, oldest first.
    pub(super) fn collections_of(&self, person: &Known) -> Vec<CollectionId> {
        let groups = self.collections.iter().filter(|group| person.memberships.contains(&group.serial));
        groups.map(|group| group.id.clone()).collect()
    }

    /// Says how a person that the store answered differs from the one that is known.
    pub(super) fn same(&self, person: &Known, answer: &Person) -> Result<(), String> {
        let photos = person.photos.len() == answer.images.len()
            && person.photos.iter().zip(&answer.images).all(|(photo, image)| {
                photo.id.as_ref() == Some(&image.id)
                    && photo.bytes() == image.bytes.as_deref()
                    && photo.encoding() == image.encoding
            });
        for (what, same) in [
            ("name", person.name == answer.name),
            ("gender", person.gender == answer.gender),
            ("date of birth", person.date_of_birth == answer.date_of_birth),
            ("nationality", person.nationality == answer.nationality),
            ("notes", person.notes == answer.notes),
            ("attributes", person.attributes == answer.attributes),
            ("status", person.status == answer.status),
            ("time of removal", person.expires_at == answer.expires_at),
            ("version", person.version == answer.version),
            ("photos", photos),
            ("collections", self.collections_of(person) == answer.collections),
        ] {
            if !same {
                return Err(format!("{} has another {what}", answer.id));
            }
        }
        Ok(())
    }

    fn resolve(&self, names: &[String]) -> Result<BTreeSet<usize>, ErrorKind> {
        names.iter().map(|name| self.find(name).map(|group| group.serial).ok_or(ErrorKind::Invalid)).collect()
    }

    fn set_members(&mut self, serial: usize, people: &BTreeSet<PersonId>) -> bool {
        let mut changed = false;
        for (id, person) in &mut self.persons {
            let moved = match people.contains(id) {
                true => person.memberships.insert(serial),
                false => person.memberships.remove(&serial),
            };
            if moved {
                person.version += 1;
                person.times = None;
                changed = true;
            }
        }
        changed
    }
}

fn photos_after(old: &[Photo], update: &ImagesUpdate) -> Result<Vec<Photo>, ErrorKind> {
    match update {
        ImagesUpdate::Keep => Ok(old.to_vec()),
        ImagesUpdate::Clear => Ok(Vec::new()),
        ImagesUpdate::Replace(images) => replaced(old, images.iter().map(|bytes| Photo::new(bytes))),
        ImagesUpdate::ReplaceWithEncodings(encodings) => replaced(old, encodings.iter().map(Photo::given)),
        ImagesUpdate::AddEncodings(encodings) => {
            let photos: Vec<_> = old.iter().cloned().chain(encodings.iter().map(Photo::given)).collect();
            if photos.len() > LIMITS.max_images {
                return Err(ErrorKind::Invalid);
            }
            require_model(&photos)?;
            Ok(photos)
        }
        ImagesUpdate::Edit { remove, add } => {
            let known = |id| old.iter().any(|photo| photo.id.as_ref() == Some(id));
            if !remove.iter().all(known) {
                return Err(ErrorKind::NotFound);
            }
            let gone = |photo: &&Photo| photo.id.as_ref().is_some_and(|id| remove.contains(id));
            let mut photos: Vec<_> = old.iter().filter(|photo| !gone(photo)).cloned().collect();
            photos.extend(add.iter().map(|bytes| Photo::new(bytes)));
            if photos.len() > LIMITS.max_images {
                return Err(ErrorKind::Invalid);
            }
            require_model(&photos)?;
            Ok(photos)
        }
    }
}

/// What there is already stays, whatever comes beside it.
fn replaced(old: &[Photo], new: impl Iterator<Item = Photo>) -> Result<Vec<Photo>, ErrorKind> {
    let mut spare = old.to_vec();
    let new: Vec<_> = new
        .map(|new| match spare.iter().position(|photo| photo.content == new.content) {
            Some(place) => spare.remove(place),
            None => new,
        })
        .collect();
    require_model(&new)?;
    Ok(new)
}

fn require_model(photos: &[Photo]) -> Result<(), ErrorKind> {
    match photos.iter().any(Photo::is_of_other_model) {
        true => Err(ErrorKind::ModelMismatch),
        false => Ok(()),
    }
}
