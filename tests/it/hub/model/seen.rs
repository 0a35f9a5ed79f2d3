//! Reads what vaults and the hub hold and whom they find, to be compared with the model.

use std::collections::{BTreeMap, BTreeSet};

use facevault::{IdentifyOptions, OperatingPoint, PersonQuery, Vault};

use super::super::super::fakes::photo;
use super::Play;
use super::plain::{HUB, Items, State};

/// What a vault holds, in the model's words.
fn held_by(vault: &Vault, seeds: &BTreeMap<Vec<u8>, u32>) -> State {
    let page = vault.persons(&PersonQuery::default().with_limit(100)).expect("a page");
    let mut all = BTreeMap::new();
    for person in page.items {
        let whole = vault.person(&person.id).expect("a person");
        let mut items = Items::from([("name".to_owned(), whole.name.clone())]);
        let mut put = |item: &str, value: Option<String>| items.extend(value.map(|value| (item.to_owned(), value)));
        put("status", Some(whole.status.as_str().to_owned()));
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
    let collections = vault.collections().expect("collections");
    (all, collections.into_iter().map(|collection| (collection.id.to_string(), collection.name)).collect())
}

impl Play {
    /// A vault, or the hub as one.
    pub(super) fn place(&self, at: usize) -> &Vault {
        self.vaults.get(at).unwrap_or(&self.hub)
    }

    pub(super) fn seen(&self, at: usize) -> State {
        held_by(self.place(at), &self.seeds)
    }

    /// A place is as the model has it.
    pub(super) fn compare(&self, at: usize) {
        assert_eq!(self.seen(at), self.model.state(at), "place {at}");
    }

    /// Everywhere a search for one photo finds exactly those who have it, also among the members of a collection.
    pub(super) fn search(&mut self) {
        let mut all: BTreeSet<u32> = BTreeSet::new();
        for at in 0..=HUB {
            let people = self.model.people(at);
            let items = people.values().flat_map(|items| items.keys());
            all.extend(items.filter_map(|item| item.strip_prefix("photo:")?.parse::<u32>().ok()));
        }
        // Nobody has this one, if nobody has any.
        let seeds: Vec<u32> = if all.is_empty() { vec![0] } else { all.into_iter().collect() };
        let seed = seeds[self.dice.roll(seeds.len() as u64) as usize];
        let engine = self.hub.engine().expect("an engine");
        let probe = engine.encode(&photo(seed).to_vec()).expect("a face").encoding;
        let within = ["c", "d"].get(self.dice.roll(4) as usize).copied();
        for at in 0..=HUB {
            let within = within.filter(|id| self.model.collections(at).contains_key(*id));
            let has = |items: &Items| {
                items["status"] == "active"
                    && items.contains_key(&format!("photo:{seed}"))
                    && within.is_none_or(|id| items.contains_key(&format!("collection:{id}")))
            };
            let people = self.model.people(at);
            let expected: BTreeSet<String> =
                people.into_iter().filter(|(_, items)| has(items)).map(|(id, _)| id.to_owned()).collect();
            let options = IdentifyOptions::default()
                .with_operating_point(OperatingPoint::similarity(0.9999).expect("a similarity"))
                .with_collections(within.map(|id| vec![id.to_owned()]));
            let found = self.place(at).identify_encoding(&probe, &options).expect("searched").candidates;
            let found: BTreeSet<String> = found.iter().map(|candidate| candidate.person.to_string()).collect();
            assert_eq!(found, expected, "place {at}, photo {seed} within {within:?}");
        }
    }
}
