//! A history of writes in which every state has a number: what a vault holds after the first `n`
//! writes follows from `n` alone. So whoever finds a vault can say which state it is in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use facevault::store::Store;
use facevault::{
    ClientId, CollectionId, ErrorKind, ImagesUpdate, NewCollection, NewPerson, Patch, PersonId, PersonQuery,
    PersonUpdate, Result, Status,
};

use super::{MODEL, Writes, encoding, images};

/// What is known of a person: all that the writes touch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    version: u64,
    name: String,
    notes: Option<String>,
    status: Status,
    pub(super) photos: Vec<Vec<u8>>,
    collections: Vec<CollectionId>,
}

pub(super) type State = BTreeMap<PersonId, Known>;

/// The bytes of the photo that write `n` brings: several pages of its name.
pub(super) fn photo(n: u64) -> Vec<u8> {
    format!("<photo {n:08}>").repeat(1_500).into_bytes()
}

fn id(n: u64) -> PersonId {
    PersonId::new(format!("person_{}", n / 9 % 3)).expect("an id")
}

fn group() -> CollectionId {
    CollectionId::new("collection_0").expect("an id")
}

/// The collection that the history needs.
pub(super) fn prepare(store: &Store, client: &ClientId) -> Result<()> {
    let new = NewCollection { id: Some(group()), name: "Group".into(), description: None };
    store.insert_collection(client, &new).map(drop)
}

/// Makes write `n`: nine writes take one of three persons from its removal to the next.
pub(super) fn write(store: &Store, client: &ClientId, n: u64) -> Result<()> {
    let id = id(n);
    let change = match n % 9 {
        0 => {
            return match store.remove_person(client, &id, None) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other.map(drop),
            };
        }
        1 => {
            let images = images(&[&photo(n), &photo(n + 1_000_000)]);
            let new = NewPerson { id: Some(id), name: format!("Person {n}"), images, ..NewPerson::default() };
            return store.insert(client, &new).map(drop);
        }
        2 => PersonUpdate { notes: Patch::Set(format!("note {n}")), ..PersonUpdate::default() },
        3 => PersonUpdate {
            images: ImagesUpdate::Replace(images(&[&photo(n - 2), &photo(n)])),
            name: Some(format!("Person {n}")),
            ..PersonUpdate::default()
        },
        4 => PersonUpdate {
            status: Some(Status::Inactive),
            collections: Some(vec![group().to_string()]),
            ..PersonUpdate::default()
        },
        5 => PersonUpdate {
            images: ImagesUpdate::Edit { remove: Vec::new(), add: images(&[&photo(n)]) },
            ..PersonUpdate::default()
        },
        6 => PersonUpdate { notes: Patch::Clear, status: Some(Status::Active), ..PersonUpdate::default() },
        7 => PersonUpdate { images: ImagesUpdate::Clear, ..PersonUpdate::default() },
        _ => PersonUpdate { collections: Some(Vec::new()), ..PersonUpdate::default() },
    };
    store.update(client, &id, &change).map(drop)
}

/// The state after the first `n` writes.
pub(super) fn state(n: u64) -> State {
    let mut state = State::new();
    // Only the last three turns matter: each one starts from nothing.
    for n in (n.saturating_sub(27) / 9 * 9)..n {
        if n % 9 == 0 {
            state.remove(&id(n));
            continue;
        }
        let person = state.entry(id(n)).or_insert_with(|| Known {
            version: 0,
            name: String::new(),
            notes: None,
            status: Status::Active,
            photos: Vec::new(),
            collections: Vec::new(),
        });
        person.version += 1;
        match n % 9 {
            1 => (person.name, person.photos) = (format!("Person {n}"), vec![photo(n), photo(n + 1_000_000)]),
            2 => person.notes = Some(format!("note {n}")),
            3 => (person.name, person.photos) = (format!("Person {n}"), vec![photo(n - 2), photo(n)]),
            4 => (person.status, person.collections) = (Status::Inactive, vec![group()]),
            5 => person.photos.push(photo(n)),
            6 => (person.notes, person.status) = (None, Status::Active),
            7 => person.photos.clear(),
            _ => person.collections.clear(),
        }
    }
    state
}

/// The state that a vault is in. Every photo has its own encoding, and everything can be read.
pub(super) fn read(store: &Store, client: &ClientId) -> State {
    let report = store.check().expect("a check");
    assert!(report.is_clean(), "{report:?}");
    let page = store.persons(client, &PersonQuery::default()).expect("a page");
    let known = |id: PersonId| {
        let person = store.person(client, &id).expect("a person");
        for image in &person.images {
            assert_eq!(image.encoding, Some(encoding(MODEL, image.bytes.as_deref().expect("a photo"))));
        }
        let known = Known {
            version: person.version,
            name: person.name,
            notes: person.notes,
            status: person.status,
            photos: person.images.iter().map(|image| image.bytes.as_deref().expect("a photo").to_vec()).collect(),
            collections: person.collections,
        };
        (id, known)
    };
    page.items.into_iter().map(|item| known(item.id)).collect()
}

/// The numbers of all photos of which the file at `path`, or the log beside it, holds any trace.
pub(super) fn traces(path: &Path) -> BTreeSet<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let mut found = BTreeSet::new();
    for bytes in [path.as_os_str(), &log].into_iter().filter_map(|path| std::fs::read(path).ok()) {
        let names = bytes.windows(15).filter(|window| window.starts_with(b"<photo "));
        found.extend(names.filter_map(|name| std::str::from_utf8(&name[7..]).ok()?.parse::<u64>().ok()));
    }
    found
}
