//! Where each person is, for changes and for comparing with one person.
//!
//! A map in 1,024 shards by hash, each a sorted list behind an `Arc`, so that a snapshot with one
//! change shares all shards but one. An entry is one `u64`, 8 bytes a person:
//!
//! ```text
//! bits 40..64  further bits of the hash of the id's key
//! bits 16..40  the segment
//! bits  0..16  the person's number in the segment
//! ```
//!
//! People with equal hashes are told apart by the segment, which has their keys.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

const SHARDS: usize = 1024;
const TAG: u32 = 40;
const SEGMENT: u32 = 16;

/// Where a person is: a segment and the person's number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) person: u16,
}

impl Place {
    fn entry(self, tag: u64) -> u64 {
        debug_assert!(self.segment < 1 << (TAG - SEGMENT));
        tag << TAG | u64::from(self.segment) << SEGMENT | u64::from(self.person)
    }

    fn of(entry: u64) -> Self {
        Self { segment: (entry >> SEGMENT) as u32 & ((1 << (TAG - SEGMENT)) - 1), person: entry as u16 }
    }
}

/// The places of all people.
#[derive(Clone)]
pub(super) struct Directory {
    shards: Vec<Arc<Vec<u64>>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self { shards: vec![Arc::default(); SHARDS] }
    }
}

impl Directory {
    /// The directory of the people with these keys.
    pub(super) fn new<'a>(places: impl Iterator<Item = (&'a [u8], Place)>) -> Self {
        let mut shards = vec![Vec::new(); SHARDS];
        for (key, place) in places {
            let (shard, tag) = hash(key);
            shards[shard].push(place.entry(tag));
        }
        let finished = |mut shard: Vec<u64>| {
            shard.sort_unstable();
            shard.shrink_to_fit();
            Arc::new(shard)
        };
        Self { shards: shards.into_iter().map(finished).collect() }
    }

    /// Whether two people have the same key, as `same` says of those with the same hash.
    pub(super) fn has_twins(&self, same: impl Fn(Place, Place) -> bool) -> bool {
        self.shards.iter().any(|shard| {
            shard.chunk_by(|a, b| a >> TAG == b >> TAG).filter(|twins| twins.len() > 1).any(|twins| {
                let places = || twins.iter().map(|entry| Place::of(*entry));
                places().enumerate().any(|(i, a)| places().skip(i + 1).any(|b| same(a, b)))
            })
        })
    }

    /// The place of the person with this key: the first for which `is` says so.
    pub(super) fn find(&self, key: &[u8], is: impl Fn(Place) -> bool) -> Option<Place> {
        let (shard, tag) = hash(key);
        let shard = &self.shards[shard];
        let start = shard.partition_point(|entry| entry >> TAG < tag);
        shard[start..].iter().take_while(|entry| **entry >> TAG == tag).map(|e| Place::of(*e)).find(|p| is(*p))
    }

    /// Adds a person.
    pub(super) fn insert(&mut self, key: &[u8], place: Place) {
        let (shard, tag) = hash(key);
        let shard = Arc::make_mut(&mut self.shards[shard]);
        let entry = place.entry(tag);
        let at = shard.partition_point(|other| *other < entry);
        shard.insert(at, entry);
    }

    /// Takes out a person.
    pub(super) fn remove(&mut self, key: &[u8], place: Place) {
        let (shard, tag) = hash(key);
        let entry = place.entry(tag);
        if let Ok(at) = self.shards[shard].binary_search(&entry) {
            Arc::make_mut(&mut self.shards[shard]).remove(at);
        }
    }

    /// The bytes that the directory takes.
    pub(super) fn memory_bytes(&self) -> usize {
        let shard = |shard: &Arc<Vec<u64>>| size_of::<[usize; 6]>() + size_of::<u64>() * shard.capacity();
        self.shards.iter().map(shard).sum()
    }
}

/// The shard and the tag of a key. The hash is the same in every process, so that a gallery is.
fn hash(key: &[u8]) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let hash = hasher.finish();
    (hash as usize % SHARDS, hash >> TAG)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0u16..60, any::<bool>()), 1..200)) {
            let mut model = BTreeMap::new();
            let mut directory = Directory::default();
            for (n, insert) in steps {
                let id = format!("p{n}");
                let id = id.as_bytes();
                let place = Place { segment: u32::from(n) % 7, person: n };
                if insert && !model.contains_key(&n) {
                    directory.insert(id, place);
                    model.insert(n, place);
                } else {
                    directory.remove(id, place);
                    model.remove(&n);
                }
            }
            for n in 0..60 {
                prop_assert_eq!(directory.find(format!("p{n}").as_bytes(), |p| p.person == n), model.get(&n).copied());
            }
            let keys: Vec<(String, Place)> = model.iter().map(|(n, place)| (format!("p{n}"), *place)).collect();
            let again = Directory::new(keys.iter().map(|(key, place)| (key.as_bytes(), *place)));
            prop_assert!(again.shards == directory.shards);
        }
    }

    #[test]
    fn equal_hashes_are_told_apart() {
        let mut directory = Directory::default();
        let places = [3u32, 1, 2].map(|segment| Place { segment, person: 9 });
        places.iter().for_each(|place| directory.insert(b"same", *place));
        for place in places {
            assert_eq!(directory.find(b"same", |p| p == place), Some(place));
        }
        assert!(directory.has_twins(|a, b| a.person == b.person) && !directory.has_twins(|a, b| a == b));
        directory.remove(b"same", places[1]);
        assert_eq!(directory.find(b"same", |p| p == places[1]), None);
        assert_eq!(directory.find(b"same", |_| true), Some(places[2]));
    }
}
