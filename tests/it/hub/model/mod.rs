//! Three vaults and a hub against a plain model of them: whatever is done in whatever order, each holds what the model
//! says, and in the end all hold the same.

use std::collections::{BTreeMap, BTreeSet};

use facevault::{
    CollectionId, Gender, ImagesUpdate, NewCollection, NewPerson, Patch, PersonId, PersonQuery, PersonUpdate, Vault,
};

use super::super::fakes::photo;
use super::Fleet;

/// Items by their names; what is not there, the person does not have.
type Items = BTreeMap<String, String>;

/// A person in the model's hub.
struct Held {
    uid: u64,
    added: u64,
    items: Items,
    stamps: BTreeMap<String, u64>,
}

/// A person in a vault of the model.
#[derive(Clone)]
struct Local {
    uid: u64,
    is_shared: bool,
    items: Items,
    changed: BTreeSet<String>,
    met: u64,
}

#[derive(Default)]
struct Model {
    clock: u64,
    uids: u64,
    persons: BTreeMap<String, Held>,
    tombstones: BTreeSet<u64>,
    vaults: [BTreeMap<String, Local>; 3],
    gone: [BTreeSet<u64>; 3],
    lost: usize,
}

impl Model {
    fn create(&mut self, at: usize, id: &str, items: Items) {
        self.uids += 1;
        let local = Local { uid: self.uids, is_shared: false, items, changed: BTreeSet::new(), met: 0 };
        self.vaults[at].insert(id.to_owned(), local);
    }

    fn set(&mut self, at: usize, id: &str, item: &str, value: Option<String>) {
        let local = self.vaults[at].get_mut(id).expect("a person");
        if local.items.get(item) == value.as_ref() {
            return;
        }
        local.changed.insert(item.to_owned());
        match value {
            Some(value) => local.items.insert(item.to_owned(), value),
            None => local.items.remove(item),
        };
    }

    fn remove(&mut self, at: usize, id: &str) {
        let local = self.vaults[at].remove(id).expect("a person");
        if local.is_shared {
            self.gone[at].insert(local.uid);
        }
    }

    fn sync(&mut self, at: usize) {
        for uid in std::mem::take(&mut self.gone[at]) {
            self.persons.retain(|_, held| held.uid != uid);
            self.tombstones.insert(uid);
        }
        for (id, local) in self.vaults[at].clone() {
            if !local.is_shared || !local.changed.is_empty() {
                self.send(at, &id, local);
            }
        }
        let tombstones = &self.tombstones;
        self.vaults[at].retain(|_, local| !tombstones.contains(&local.uid));
        for (id, held) in &self.persons {
            let local = Local {
                uid: held.uid,
                is_shared: true,
                items: held.items.clone(),
                changed: BTreeSet::new(),
                met: self.clock,
            };
            self.vaults[at].insert(id.clone(), local);
        }
    }

    fn send(&mut self, at: usize, id: &str, local: Local) {
        self.clock += 1;
        if self.tombstones.contains(&local.uid) {
            self.vaults[at].remove(id);
            return;
        }
        let Some(held) = self.persons.get_mut(id) else {
            let held = Held { uid: local.uid, added: self.clock, items: local.items.clone(), stamps: BTreeMap::new() };
            self.persons.insert(id.to_owned(), held);
            return;
        };
        let same = held.uid == local.uid;
        let (changed, met) = match same {
            true => (local.changed.clone(), local.met),
            false => (held.items.keys().chain(local.items.keys()).cloned().collect(), 0),
        };
        for item in changed {
            let (theirs, ours) = (held.items.get(&item).cloned(), local.items.get(&item).cloned());
            if theirs == ours {
                continue;
            }
            let implied = if theirs.is_some() { held.added } else { 0 };
            if held.stamps.get(&item).copied().unwrap_or(implied) <= met {
                match ours {
                    Some(value) => held.items.insert(item.clone(), value),
                    None => held.items.remove(&item),
                };
                held.stamps.insert(item, self.clock);
            } else if ours.is_some() || same {
                self.lost += 1;
            }
        }
    }
}

/// What a vault holds, in the model's words.
fn held_by(vault: &Vault, seeds: &BTreeMap<Vec<u8>, u32>) -> BTreeMap<String, Items> {
    let page = vault.persons(&PersonQuery::default().with_limit(100)).expect("a page");
    let mut all = BTreeMap::new();
    for person in page.items {
        let whole = vault.person(&person.id).expect("a person");
        let mut items = Items::from([("name".to_owned(), whole.name.clone())]);
        let mut put = |item: &str, value: Option<String>| items.extend(value.map(|value| (item.to_owned(), value)));
        put("notes", whole.notes.clone());
        put("nationality", whole.nationality.clone());
        put("gender", whole.gender.map(|gender| gender.as_str().to_owned()));
        for (key, value) in &whole.attributes {
            put(&format!("attribute:{key}"), Some(value.clone()));
        }
        for id in &whole.collections {
            put(&format!("collection:{id}"), Some("in".into()));
        }
        for image in &whole.images {
            assert!(image.encoding.is_some(), "every photo has its encoding");
            let bytes = image.bytes.as_ref().expect("a photo").to_vec();
            put(&format!("photo:{}", seeds[&bytes]), Some("there".into()));
        }
        all.insert(person.id.to_string(), items);
    }
    all
}

/// A stream of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Play {
    fleet: Fleet,
    vaults: Vec<Vault>,
    model: Model,
    dice: Dice,
    seeds: BTreeMap<Vec<u8>, u32>,
    next_seed: u32,
}

impl Play {
    fn step(&mut self) {
        let at = self.dice.roll(3) as usize;
        let id = format!("p{}", self.dice.roll(6));
        let person = PersonId::new(&id).expect("an id");
        let is_there = self.model.vaults[at].contains_key(&id);
        let word = format!("w{}", self.dice.roll(1_000_000));
        match (self.dice.roll(20), is_there) {
            (0..=2, false) => {
                let seed = self.dice.roll(2) == 0;
                let mut new = NewPerson { id: Some(person), notes: Some(word.clone()), ..NewPerson::named("N") };
                let mut items = Items::from([("name".to_owned(), "N".to_owned()), ("notes".to_owned(), word)]);
                if seed {
                    let seed = self.photo();
                    new.images = vec![photo(seed)];
                    items.insert(format!("photo:{seed}"), "there".into());
                }
                self.vaults[at].create_person(&new).expect("a person");
                self.model.create(at, &id, items);
            }
            (3, true) => {
                self.vaults[at].remove_person(&person).expect("removed");
                self.model.remove(at, &id);
            }
            (4..=6, true) => {
                let seed = self.photo();
                let held = self.model.vaults[at][&id].items.keys().filter(|item| item.starts_with("photo:")).count();
                let is_full = held >= 6;
                let images = match self.dice.roll(3) {
                    0 if held > 0 => ImagesUpdate::Clear,
                    _ if is_full => ImagesUpdate::Replace(vec![photo(seed)]),
                    1 => ImagesUpdate::Replace(vec![photo(seed)]),
                    _ => ImagesUpdate::Edit { remove: Vec::new(), add: vec![photo(seed)] },
                };
                let old: Vec<String> = self.model.vaults[at][&id].items.keys().cloned().collect();
                if !matches!(images, ImagesUpdate::Edit { .. }) {
                    for item in old.iter().filter(|item| item.starts_with("photo:")) {
                        self.model.set(at, &id, item, None);
                    }
                }
                if !matches!(images, ImagesUpdate::Clear) {
                    self.model.set(at, &id, &format!("photo:{seed}"), Some("there".into()));
                }
                self.update(at, &person, PersonUpdate { images, ..PersonUpdate::default() });
            }
            (7..=13, true) => {
                let update = match self.dice.roll(6) {
                    0 => {
                        self.model.set(at, &id, "notes", Some(word.clone()));
                        PersonUpdate { notes: Patch::Set(word), ..PersonUpdate::default() }
                    }
                    1 => {
                        self.model.set(at, &id, "notes", None);
                        PersonUpdate { notes: Patch::Clear, ..PersonUpdate::default() }
                    }
                    2 => {
                        self.model.set(at, &id, "name", Some(word.clone()));
                        PersonUpdate { name: Some(word), ..PersonUpdate::default() }
                    }
                    3 => {
                        self.model.set(at, &id, "gender", Some("F".into()));
                        PersonUpdate { gender: Patch::Set(Gender::Female), ..PersonUpdate::default() }
                    }
                    4 => {
                        let is_in = self.dice.roll(2) == 0;
                        self.model.set(at, &id, "collection:c", is_in.then(|| "in".into()));
                        let collections = if is_in { vec!["c".to_owned()] } else { Vec::new() };
                        PersonUpdate { collections: Some(collections), ..PersonUpdate::default() }
                    }
                    _ => {
                        let (key, value) =
                            (["a", "b"][self.dice.roll(2) as usize], (self.dice.roll(3) > 0).then_some(word));
                        self.model.set(at, &id, &format!("attribute:{key}"), value.clone());
                        let attributes = BTreeMap::from([(key.to_owned(), value)]);
                        PersonUpdate { attributes: Patch::Set(attributes), ..PersonUpdate::default() }
                    }
                };
                self.update(at, &person, update);
            }
            (14..=19, _) => self.sync(at),
            _ => {}
        }
    }

    fn update(&self, at: usize, person: &PersonId, update: PersonUpdate) {
        self.vaults[at].update_person(person, &update).expect("updated");
    }

    fn photo(&mut self) -> u32 {
        self.next_seed += 1;
        self.seeds.insert(photo(self.next_seed).to_vec(), self.next_seed);
        self.next_seed
    }

    fn sync(&mut self, at: usize) {
        let lost = self.model.lost;
        let options = facevault::SyncOptions::default();
        let synced = self.vaults[at].sync(&mut self.fleet.hub(), &options, &mut ()).expect("synced");
        self.model.sync(at);
        assert_eq!(synced.conflicts.len(), self.model.lost - lost, "{:?}", synced.conflicts);
        assert_eq!(synced.unsent, 0);
        let expected: BTreeMap<String, Items> =
            self.model.vaults[at].iter().map(|(id, local)| (id.clone(), local.items.clone())).collect();
        assert_eq!(held_by(&self.vaults[at], &self.seeds), expected);
    }
}

#[test]
fn vaults_and_hub_hold_what_a_plain_model_holds() {
    let Some(fleet) = Fleet::new() else { return };
    let steps = std::env::var("FACEVAULT_FLEET").ok().map_or(1_200, |text| text.parse().expect("a number"));
    let vaults: Vec<Vault> = ["a", "b", "c"].map(|name| fleet.vault(name)).into();
    let collection = NewCollection { id: CollectionId::new("c").ok(), ..NewCollection::named("C") };
    vaults[0].create_collection(&collection).expect("a collection");
    for vault in &vaults {
        fleet.sync(vault);
    }
    let mut play =
        Play { fleet, vaults, model: Model::default(), dice: Dice(20_261_127), seeds: BTreeMap::new(), next_seed: 0 };
    for _ in 0..steps {
        play.step();
    }
    for at in [0, 1, 2, 0, 1, 2] {
        play.sync(at);
    }
    for vault in &play.vaults {
        assert!(vault.check().expect("checked").is_clean());
        assert_eq!(held_by(vault, &play.seeds), held_by(&play.vaults[0], &play.seeds));
    }
    assert!(play.model.lost > 0 && !play.model.tombstones.is_empty(), "the steps were too few");
}
