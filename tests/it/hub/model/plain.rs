//! The plain model of three vaults and a hub, and what is done to either.

use std::collections::{BTreeMap, BTreeSet};

use super::acts::Act;

/// The place of the hub beside the vaults 0 to 2.
pub(super) const HUB: usize = 3;

/// Items by their names; what is not there, the person does not have.
pub(super) type Items = BTreeMap<String, String>;

/// Who is somewhere, and the names of the collections there by their ids.
pub(super) type State = (BTreeMap<String, Items>, BTreeMap<String, String>);

/// A person in the model's hub.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) uid: u64,
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

/// A value of a vault that was not kept.
#[derive(Clone)]
pub(super) struct Lost {
    pub(super) uid: u64,
    pub(super) item: String,
    pub(super) value: Option<String>,
}

#[derive(Clone, Default)]
pub(super) struct Model {
    clock: u64,
    uids: u64,
    pub(super) persons: BTreeMap<String, Held>,
    pub(super) tombstones: BTreeSet<u64>,
    vaults: [BTreeMap<String, Local>; 3],
    gone: [BTreeSet<u64>; 3],
    /// Of the vaults and the hub.
    collections: [BTreeMap<String, String>; 4],
    pub(super) lost: Vec<Lost>,
}

impl Model {
    /// Vaults and a hub without people, that know one collection.
    pub(super) fn new(collection: &str, name: &str) -> Self {
        let collections = BTreeMap::from([(collection.to_owned(), name.to_owned())]);
        Self { collections: [(); 4].map(|()| collections.clone()), ..Self::default() }
    }

    /// Everybody at a place.
    pub(super) fn people(&self, at: usize) -> BTreeMap<&str, &Items> {
        match self.vaults.get(at) {
            Some(vault) => vault.iter().map(|(id, local)| (id.as_str(), &local.items)).collect(),
            None => self.persons.iter().map(|(id, held)| (id.as_str(), &held.items)).collect(),
        }
    }

    /// What a person at a place has, and nothing where there is no such person.
    pub(super) fn items(&self, at: usize, id: &str) -> Option<&Items> {
        match self.vaults.get(at) {
            Some(vault) => vault.get(id).map(|local| &local.items),
            None => self.persons.get(id).map(|held| &held.items),
        }
    }

    pub(super) fn uid(&self, at: usize, id: &str) -> Option<u64> {
        self.vaults[at].get(id).map(|local| local.uid)
    }

    pub(super) fn collections(&self, at: usize) -> &BTreeMap<String, String> {
        &self.collections[at]
    }

    pub(super) fn state(&self, at: usize) -> State {
        let people = self.people(at).into_iter().map(|(id, items)| (id.to_owned(), items.clone()));
        (people.collect(), self.collections[at].clone())
    }

    /// Does something at a place. In the hub it has a number, which what differs from before is stamped with.
    pub(super) fn apply(&mut self, at: usize, act: &Act) {
        self.clock += 1;
        match act {
            Act::Create { id, items, .. } => self.create(at, id, items.clone()),
            Act::Update { id, set, .. } => {
                set.iter().for_each(|(item, value)| self.set(at, id, item, value.clone()));
            }
            Act::Remove { id } => self.remove(at, id),
            Act::Members { collection, people } => {
                let all: Vec<String> = self.people(at).into_keys().map(str::to_owned).collect();
                for id in all {
                    self.clock += 1;
                    let is_in = people.contains(&id).then(|| "in".to_owned());
                    self.set(at, &id, &format!("collection:{collection}"), is_in);
                }
            }
            Act::Make { collection, name } | Act::Rename { collection, name } => {
                self.collections[at].insert(collection.clone(), name.clone());
            }
            Act::Drop { collection } => {
                self.collections[at].remove(collection);
                let all: Vec<String> = self.people(at).into_keys().map(str::to_owned).collect();
                for id in all {
                    self.clock += 1;
                    self.set(at, &id, &format!("collection:{collection}"), None);
                }
            }
        }
    }

    fn create(&mut self, at: usize, id: &str, items: Items) {
        self.uids += 1;
        let uid = self.uids;
        match self.vaults.get_mut(at) {
            Some(vault) => {
                let local = Local { uid, is_shared: false, items, changed: BTreeSet::new(), met: 0 };
                vault.insert(id.to_owned(), local);
            }
            None => {
                let held = Held { uid, added: self.clock, items, stamps: BTreeMap::new() };
                self.persons.insert(id.to_owned(), held);
            }
        }
    }

    fn set(&mut self, at: usize, id: &str, item: &str, value: Option<String>) {
        let items = match self.vaults.get_mut(at) {
            Some(vault) => {
                let local = vault.get_mut(id).expect("a person");
                if local.items.get(item) != value.as_ref() {
                    local.changed.insert(item.to_owned());
                }
                &mut local.items
            }
            None => {
                let held = self.persons.get_mut(id).expect("a person");
                if held.items.get(item) != value.as_ref() {
                    held.stamps.insert(item.to_owned(), self.clock);
                }
                &mut held.items
            }
        };
        match value {
            Some(value) => items.insert(item.to_owned(), value),
            None => items.remove(item),
        };
    }

    fn remove(&mut self, at: usize, id: &str) {
        match self.vaults.get_mut(at) {
            Some(vault) => {
                let local = vault.remove(id).expect("a person");
                if local.is_shared {
                    self.gone[at].insert(local.uid);
                }
            }
            None => {
                let held = self.persons.remove(id).expect("a person");
                self.tombstones.insert(held.uid);
            }
        }
    }

    /// The first step of a sync.
    pub(super) fn tell_removals(&mut self, at: usize) {
        for uid in std::mem::take(&mut self.gone[at]) {
            self.persons.retain(|_, held| held.uid != uid);
            self.tombstones.insert(uid);
        }
    }

    pub(super) fn sync(&mut self, at: usize) {
        self.tell_removals(at);
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
        self.collections[at] = self.collections[HUB].clone();
    }

    fn send(&mut self, at: usize, id: &str, mut local: Local) {
        self.clock += 1;
        if self.tombstones.contains(&local.uid) {
            self.vaults[at].remove(id);
            return;
        }
        // A membership in a collection that the hub does not have is none.
        let known = &self.collections[HUB];
        local.items.retain(|item, _| item.strip_prefix("collection:").is_none_or(|id| known.contains_key(id)));
        let Some(held) = self.persons.get_mut(id) else {
            let held = Held { uid: local.uid, added: self.clock, items: local.items, stamps: BTreeMap::new() };
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
                self.lost.push(Lost { uid: held.uid, item, value: ours });
            }
        }
    }
}
