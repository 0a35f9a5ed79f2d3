//! Scripts: operations made at random from a number.

use std::collections::{BTreeMap, BTreeSet};

use facevault::{Patch, Status};

use super::Numbers;
use super::script::{Fields, NewOne, Op, Photos};

/// The most persons at a time: small vaults are opened quickly.
const MOST_PERSONS: usize = 7;
const MOST_PHOTOS: usize = 4;

/// What the author of a script has to keep in mind.
struct Author {
    numbers: Numbers,
    /// How many images each person has; by number.
    persons: BTreeMap<usize, usize>,
    next_person: usize,
    groups: BTreeSet<usize>,
    next_group: usize,
    next_photo: u32,
    tokens: usize,
    step: usize,
    /// Encodings are given by the first model alone.
    is_first_model: bool,
    reading: usize,
}

/// So many random operations. The same number gives the same script.
pub(super) fn script(seed: u64, length: usize) -> Vec<Op> {
    let mut author = Author {
        numbers: Numbers(seed),
        persons: BTreeMap::new(),
        next_person: 0,
        groups: BTreeSet::new(),
        next_group: 0,
        next_photo: u32::try_from(seed % 1000).expect("small") * 1000,
        tokens: 0,
        step: 0,
        is_first_model: true,
        reading: 0,
    };
    (0..length).map(|step| author.next(step, length)).collect()
}

impl Author {
    fn next(&mut self, step: usize, length: usize) -> Op {
        self.step = step;
        if self.reading > 0 {
            self.reading -= 1;
            if self.reading == 0 {
                return Op::Read(false);
            }
        }
        if step == length * 3 / 4 {
            self.is_first_model = false;
            return Op::Reencode;
        }
        loop {
            let op = match self.numbers.below(20) {
                0..3 if self.persons.len() < MOST_PERSONS => Op::Create(self.new_one()),
                3 if self.persons.len() + 3 <= MOST_PERSONS => {
                    let mut all: Vec<_> = (0..3).map(|_| self.new_one()).collect();
                    // Those without photos would be written before the others.
                    for new in all.iter_mut().filter(|new| new.photos.is_empty()) {
                        new.photos = self.photos(1);
                        *self.persons.get_mut(&new.person).expect("new") += 1;
                    }
                    Op::CreateMany(all)
                }
                4..12 => match self.person() {
                    Some(person) => self.update(person),
                    None => continue,
                },
                // A removal waits for whoever reads: that happens once in a while.
                12..14 if self.persons.len() > 2 && (self.reading == 0 || self.numbers.one_in(10)) => {
                    let person = self.person().expect("a person");
                    self.persons.remove(&person);
                    Op::Remove(person)
                }
                14 if self.groups.len() < 3 => {
                    self.next_group += 1;
                    self.groups.insert(self.next_group);
                    Op::CreateGroup(self.next_group)
                }
                15 => match self.some_groups().first() {
                    Some(group) if self.numbers.one_in(4) => {
                        self.groups.remove(group);
                        Op::RemoveGroup(*group)
                    }
                    Some(group) => {
                        let people = self.persons.keys().copied().collect::<Vec<_>>();
                        let people: Vec<_> = people.into_iter().filter(|_| self.numbers.one_in(2)).collect();
                        let people = (!self.numbers.one_in(3)).then_some(people);
                        Op::UpdateGroup { group: *group, name: format!("Group {step}"), people }
                    }
                    None => continue,
                },
                16 if self.tokens > 0 && self.numbers.one_in(2) => {
                    self.tokens -= 1;
                    Op::RevokeToken
                }
                16 => {
                    self.tokens += 1;
                    Op::CreateToken
                }
                17 if self.numbers.one_in(2) => Op::Backup(format!("copy-{step}")),
                18 if self.reading == 0 => Op::Reopen,
                19 if self.reading == 0 && step + 12 < length * 3 / 4 => {
                    self.reading = 8;
                    Op::Read(true)
                }
                _ => continue,
            };
            return op;
        }
    }

    fn person(&mut self) -> Option<usize> {
        let people: Vec<usize> = self.persons.keys().copied().collect();
        (!people.is_empty()).then(|| *self.numbers.pick(&people))
    }

    fn some_groups(&mut self) -> Vec<usize> {
        let groups: Vec<usize> = self.groups.iter().copied().collect();
        groups.into_iter().filter(|_| self.numbers.one_in(2)).collect()
    }

    fn photos(&mut self, most: usize) -> Vec<u32> {
        let count = 1 + self.numbers.below(most);
        let first = self.next_photo;
        self.next_photo += count as u32;
        (first..self.next_photo).collect()
    }

    fn text(&mut self, most: usize) -> String {
        let words = 1 + self.numbers.below(most);
        (0..words).map(|word| format!("word-{}-{word} ", self.step)).collect::<String>().trim_end().to_owned()
    }

    fn new_one(&mut self) -> NewOne {
        let person = self.next_person;
        self.next_person += 1;
        let photos = if self.numbers.one_in(4) { Vec::new() } else { self.photos(2) };
        let given = match self.is_first_model && self.numbers.one_in(3) {
            true => self.photos(2),
            false => Vec::new(),
        };
        self.persons.insert(person, photos.len() + given.len());
        let notes = (!self.numbers.one_in(3)).then(|| self.text(60));
        NewOne { person, name: format!("Person {}", self.step), notes, photos, given, groups: self.some_groups() }
    }

    fn update(&mut self, person: usize) -> Op {
        let has = self.persons[&person];
        let photos = match self.numbers.below(10) {
            0..2 => Photos::Replace(self.photos(3)),
            2 if has > 0 && has < MOST_PHOTOS => Photos::Edit(1 + self.numbers.below(has), self.photos(1)),
            3 if has < MOST_PHOTOS => Photos::Edit(0, self.photos(1)),
            4 if self.is_first_model && has < MOST_PHOTOS => Photos::AddGiven(self.photos(1)[0]),
            5 if has > 0 => Photos::Clear,
            _ => Photos::Keep,
        };
        let left = match &photos {
            Photos::Keep => has,
            Photos::Replace(new) => new.len(),
            Photos::Edit(gone, new) => has - gone + new.len(),
            Photos::AddGiven(_) => has + 1,
            Photos::Clear => 0,
        };
        self.persons.insert(person, left);
        // An update that brings no photos changes a field in any case.
        let must = matches!(photos, Photos::Keep);
        let mut fields = Fields::default();
        if must || self.numbers.one_in(2) {
            fields.name = Some(format!("Person {}", self.step));
        }
        if self.numbers.one_in(2) {
            let text = self.text(120);
            fields.notes = if self.numbers.one_in(5) { Patch::Clear } else { Patch::Set(text) };
        }
        if self.numbers.one_in(4) {
            fields.nationality = Patch::Set(self.text(3));
        }
        if self.numbers.one_in(3) {
            let value = (!self.numbers.one_in(4)).then(|| self.text(20));
            fields.attributes = [(format!("key.{}", self.numbers.below(3)), value)].into();
        }
        if self.numbers.one_in(4) {
            fields.status = Some(*self.numbers.pick(&[Status::Active, Status::Inactive]));
        }
        if self.numbers.one_in(4) {
            fields.groups = Some(self.some_groups());
        }
        Op::Update { person, fields, photos }
    }
}
