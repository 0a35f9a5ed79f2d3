//! What may be done to a vault, or to the hub directly.

use std::collections::{BTreeMap, BTreeSet};

use facevault::{
    CollectionId, CollectionUpdate, Gender, ImagesUpdate, NewCollection, NewPerson, Patch, PersonId, PersonUpdate,
    Result, Status, Vault,
};

use super::super::super::fakes::photo;
use super::Play;
use super::plain::{HUB, Items};

/// One change, as the program's and as the model's.
pub(super) enum Act {
    Create { id: String, new: NewPerson, items: Items },
    Update { id: String, update: PersonUpdate, set: Vec<(String, Option<String>)> },
    Remove { id: String },
    Members { collection: String, people: Vec<String> },
    Make { collection: String, name: String },
    Rename { collection: String, name: String },
    Drop { collection: String },
}

fn person(id: &str) -> PersonId {
    PersonId::new(id).expect("an id")
}

impl Act {
    pub(super) fn carry_out(&self, vault: &Vault) -> Result<()> {
        match self {
            Self::Create { new, .. } => vault.create_person(new).map(drop),
            Self::Update { id, update, .. } => vault.update_person(&person(id), update).map(drop),
            Self::Remove { id } => vault.remove_person(&person(id)).map(drop),
            Self::Members { collection, people } => {
                let people = Some(people.iter().map(|id| person(id)).collect());
                vault.update_collection(collection, &CollectionUpdate { people, ..Default::default() }).map(drop)
            }
            Self::Make { collection, name } => {
                let id = CollectionId::new(collection).ok();
                vault.create_collection(&NewCollection { id, ..NewCollection::named(name) }).map(drop)
            }
            Self::Rename { collection, name } => {
                let update = CollectionUpdate { name: Some(name.clone()), ..Default::default() };
                vault.update_collection(collection, &update).map(drop)
            }
            Self::Drop { collection } => vault.remove_collection(collection),
        }
    }
}

impl Play {
    /// Something that can be done at a place as the model has it, at random.
    pub(super) fn choose(&mut self, at: usize) -> Option<Act> {
        let id = format!("p{}", self.dice.roll(6));
        let word = format!("w{}", self.dice.roll(1_000_000));
        let is_there = self.model.items(at, &id).is_some();
        match (self.dice.roll(16), is_there) {
            (0..=3, false) => Some(self.create(id, word)),
            (3, true) => Some(Act::Remove { id }),
            (4..=6, true) => Some(self.photos(at, id)),
            (7..=13, true) => Some(self.fields(at, id, word)),
            (14, _) => {
                let collection = self.collection(at);
                let people: Vec<String> = self.model.people(at).into_keys().map(str::to_owned).collect();
                let people = people.into_iter().filter(|_| self.dice.roll(2) == 0).collect();
                Some(Act::Members { collection, people })
            }
            (15, _) if at == HUB => {
                let (has_second, collection) = (self.model.collections(HUB).contains_key("d"), "d".to_owned());
                Some(match (self.dice.roll(2), has_second) {
                    (_, false) => Act::Make { collection, name: word },
                    (0, true) => Act::Drop { collection },
                    _ => Act::Rename { collection: self.collection(at), name: word },
                })
            }
            _ => None,
        }
    }

    fn create(&mut self, id: String, word: String) -> Act {
        let mut new = NewPerson { id: Some(person(&id)), notes: Some(word.clone()), ..NewPerson::named("N") };
        let fields = [("name", "N"), ("notes", &word), ("status", "active")];
        let mut items: Items = fields.map(|(item, value)| (item.to_owned(), value.to_owned())).into();
        if self.dice.roll(3) > 0 {
            let seed = self.photo_for(&id);
            new.images = vec![photo(seed)];
            items.insert(format!("photo:{seed}"), "there".into());
        }
        Act::Create { id, new, items }
    }

    fn photos(&mut self, at: usize, id: String) -> Act {
        let items = self.model.items(at, &id).expect("a person").keys();
        let held: Vec<String> = items.filter(|item| item.starts_with("photo:")).cloned().collect();
        let seed = self.photo_for(&id);
        let mut gone = held.clone();
        let images = match self.dice.roll(4) {
            0 if !held.is_empty() => ImagesUpdate::Clear,
            1 if !held.is_empty() && held.len() < 9 => {
                gone = vec![held[self.dice.roll(held.len() as u64) as usize].clone()];
                let whole = self.place(at).person(&person(&id)).expect("a person");
                let is_it = |bytes: &[u8]| self.seeds.get(bytes).is_some_and(|seed| gone[0] == format!("photo:{seed}"));
                let image = whole.images.iter().find(|image| image.bytes.as_ref().is_some_and(|bytes| is_it(bytes)));
                let remove = vec![image.expect("the photo").id.clone()];
                ImagesUpdate::Edit { remove, add: vec![photo(seed)] }
            }
            2 if held.len() < 6 => {
                gone.clear();
                ImagesUpdate::Edit { remove: Vec::new(), add: vec![photo(seed)] }
            }
            _ => ImagesUpdate::Replace(vec![photo(seed)]),
        };
        let mut set: Vec<(String, Option<String>)> = gone.into_iter().map(|item| (item, None)).collect();
        if !matches!(images, ImagesUpdate::Clear) {
            set.push((format!("photo:{seed}"), Some("there".into())));
        }
        Act::Update { id, update: PersonUpdate { images, ..PersonUpdate::default() }, set }
    }

    fn fields(&mut self, at: usize, id: String, word: String) -> Act {
        let mut update = PersonUpdate::default();
        let mut set = Vec::new();
        let mut will = |item: &str, value: Option<&str>| set.push((item.to_owned(), value.map(str::to_owned)));
        match self.dice.roll(7) {
            0 => {
                will("notes", Some(&word));
                update.notes = Patch::Set(word);
            }
            1 => {
                will("notes", None);
                update.notes = Patch::Clear;
            }
            2 => {
                will("name", Some(&word));
                update.name = Some(word);
            }
            3 => {
                will("gender", Some("F"));
                update.gender = Patch::Set(Gender::Female);
            }
            4 => {
                let all: Vec<String> = self.model.collections(at).keys().cloned().collect();
                let chosen: BTreeSet<String> = all.into_iter().filter(|_| self.dice.roll(2) == 0).collect();
                for collection in ["c", "d"] {
                    let is_in = chosen.contains(collection).then_some("in");
                    will(&format!("collection:{collection}"), is_in);
                }
                update.collections = Some(chosen.into_iter().collect());
            }
            5 => {
                let is_active = self.dice.roll(3) > 0;
                will("status", Some(if is_active { "active" } else { "inactive" }));
                update.status = Some(if is_active { Status::Active } else { Status::Inactive });
            }
            _ => {
                let (key, value) = (["a", "b"][self.dice.roll(2) as usize], (self.dice.roll(3) > 0).then_some(word));
                will(&format!("attribute:{key}"), value.as_deref());
                update.attributes = Patch::Set(BTreeMap::from([(key.to_owned(), value)]));
            }
        }
        Act::Update { id, update, set }
    }

    /// One of the collections at a place.
    fn collection(&mut self, at: usize) -> String {
        let all: Vec<String> = self.model.collections(at).keys().cloned().collect();
        all[self.dice.roll(all.len() as u64) as usize].clone()
    }

    /// A photo that nobody of this id ever had; now and then one that somebody else has.
    fn photo_for(&mut self, id: &str) -> u32 {
        if !self.given.is_empty() && self.dice.roll(6) == 0 {
            let seed = 1 + self.dice.roll(self.given.len() as u64) as u32;
            if self.given.get_mut(&seed).expect("a photo").insert(id.to_owned()) {
                return seed;
            }
        }
        let seed = self.given.len() as u32 + 1;
        self.given.insert(seed, BTreeSet::from([id.to_owned()]));
        self.seeds.insert(photo(seed).to_vec(), seed);
        seed
    }
}
