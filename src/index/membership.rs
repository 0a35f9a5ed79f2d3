//! Which collections the people of a segment are in, and which people a filter lets through.
//!
//! People share few distinct sets of collections, so each person has the number of a set. A filter
//! is tried on every set once, and a candidate costs one look into a table. A person who was taken
//! out of the gallery has no set.

use std::collections::HashMap;
use std::sync::Arc;

use crate::CollectionId;

/// Numbers that stand for collections, the same in all segments of a gallery and all its
/// snapshots.
#[derive(Clone, Default)]
pub(super) struct Collections {
    numbers: Arc<HashMap<CollectionId, u32>>,
}

impl Collections {
    /// The numbers of these collections, in order; new ones get a new number.
    pub(super) fn intern(&mut self, ids: &[CollectionId]) -> Arc<[u32]> {
        let mut set: Vec<u32> = ids
            .iter()
            .map(|id| match self.numbers.get(id) {
                Some(number) => *number,
                None => {
                    let numbers = Arc::make_mut(&mut self.numbers);
                    let next = u32::try_from(numbers.len()).expect("fewer than 2^32 collections");
                    numbers.insert(id.clone(), next);
                    next
                }
            })
            .collect();
        set.sort_unstable();
        set.dedup();
        set.into()
    }

    /// The filter for members of any of these collections.
    pub(super) fn filter(&self, ids: Option<&[CollectionId]>) -> Filter {
        Filter(ids.map(|ids| {
            let mut set: Vec<u32> = ids.iter().filter_map(|id| self.numbers.get(id)).copied().collect();
            set.sort_unstable();
            set
        }))
    }

    /// The bytes that the numbers take, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<(CollectionId, u32)>() + self.numbers.len() * 64
    }
}

/// Which sets of collections a search looks at; `None` for all.
pub(super) struct Filter(Option<Vec<u32>>);

impl Filter {
    /// Whether people in these collections are searched.
    pub(super) fn admits(&self, set: &[u32]) -> bool {
        self.0.as_ref().is_none_or(|wanted| set.iter().any(|number| wanted.binary_search(number).is_ok()))
    }
}

/// The number of no set: a person who was taken out.
const OUT: u16 = u16::MAX;

/// A distinct set of collections and how many people have it.
#[derive(Clone)]
struct Set {
    collections: Arc<[u32]>,
    people: u32,
}

/// The sets of a segment's people.
#[derive(Clone, Default)]
pub(super) struct Membership {
    of: Vec<u16>,
    sets: Vec<Set>,
    people: usize,
}

/// Which people of a segment a search looks at.
pub(super) enum Scope {
    /// All of them.
    Everybody,
    /// Those whose set is marked.
    Marked {
        /// By number of a set.
        sets: Vec<bool>,
        /// How many people that is.
        people: usize,
    },
    /// None of them.
    Nobody,
}

impl Membership {
    /// The membership of people with these sets; fewer than 65,535.
    pub(super) fn new(sets: Vec<Arc<[u32]>>) -> Self {
        let mut membership = Self { people: sets.len(), ..Self::default() };
        let mut numbers: HashMap<Arc<[u32]>, u16> = HashMap::new();
        for collections in sets {
            let number = match numbers.get(&collections) {
                Some(number) => *number,
                None => {
                    let number = u16::try_from(membership.sets.len()).expect("a segment has fewer than 65,535 people");
                    membership.sets.push(Set { collections: collections.clone(), people: 0 });
                    numbers.insert(collections, number);
                    number
                }
            };
            membership.sets[usize::from(number)].people += 1;
            membership.of.push(number);
        }
        membership
    }

    /// Whether a person is still there.
    pub(super) fn holds(&self, person: u16) -> bool {
        self.of[usize::from(person)] != OUT
    }

    /// The collections of a person; `None` for one who was taken out.
    pub(super) fn collections(&self, person: u16) -> Option<Arc<[u32]>> {
        self.sets.get(usize::from(self.of[usize::from(person)])).map(|set| set.collections.clone())
    }

    /// Takes out a person.
    pub(super) fn remove(&mut self, person: u16) {
        let number = std::mem::replace(&mut self.of[usize::from(person)], OUT);
        if let Some(set) = self.sets.get_mut(usize::from(number)) {
            set.people -= 1;
            self.people -= 1;
        }
    }

    /// Which of the people `filter` admits.
    pub(super) fn scope(&self, filter: &Filter) -> Scope {
        let admitted = |set: &Set| set.people > 0 && filter.admits(&set.collections);
        let sets: Vec<bool> = self.sets.iter().map(admitted).collect();
        let people =
            self.sets.iter().zip(&sets).filter(|(_, marked)| **marked).map(|(set, _)| set.people as usize).sum();
        match people {
            0 => Scope::Nobody,
            _ if people == self.of.len() => Scope::Everybody,
            _ => Scope::Marked { sets, people },
        }
    }

    /// Whether a person is in `scope`.
    #[inline]
    pub(super) fn is_in(&self, scope: &Scope, person: u16) -> bool {
        match scope {
            Scope::Everybody => true,
            Scope::Marked { sets, .. } => sets.get(usize::from(self.of[usize::from(person)])).copied().unwrap_or(false),
            Scope::Nobody => false,
        }
    }

    /// The bytes that the sets take.
    pub(super) fn memory_bytes(&self) -> usize {
        let set = |set: &Set| size_of::<Set>() + size_of_val(&*set.collections);
        size_of::<u16>() * self.of.capacity() + self.sets.iter().map(set).sum::<usize>()
    }
}

impl Scope {
    /// How many people that is, of `membership`.
    pub(super) fn people(&self, membership: &Membership) -> usize {
        match self {
            Self::Everybody => membership.people,
            Self::Marked { people, .. } => *people,
            Self::Nobody => 0,
        }
    }
}
