//! Syncs and direct writes that are broken off: vaults that are killed, a hub that crashes, a network that is cut.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use facevault::{Error, ErrorKind, Hub, SyncOptions, Synced, Vault};

use super::super::super::children;
use super::acts::Act;
use super::plain::{HUB, Items, Model};
use super::{Play, TEST};

/// How a sync ended, as far as anybody knows.
enum Ended {
    Whole(Synced),
    /// It came to its end, but whoever knows what it did was killed.
    Unheard,
    Broken,
}

pub(super) fn sync(address: &str, vault: &Vault) -> facevault::Result<Synced> {
    vault.sync(&mut Hub::connect(address, None)?, &SyncOptions::default(), &mut ())
}

fn ended(outcome: facevault::Result<Synced>) -> Ended {
    match outcome {
        Ok(synced) => Ended::Whole(synced),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Busy), "{error}");
            Ended::Broken
        }
    }
}

impl Play {
    /// Syncs a vault whose network is cut, which is killed, or whose hub crashes meanwhile. Then each person in either is
    /// as before or as after the whole sync, and so it is after another one: nobody else did anything meanwhile.
    pub(super) fn broken_sync(&mut self, at: usize) {
        let outcome = match self.dice.roll(12) {
            0..=8 => self.cut_sync(at),
            9 | 10 => self.killed_sync(at),
            _ => self.sync_with_crash_of_hub(at),
        };
        let mut after = self.model.clone();
        after.sync(at);
        match outcome {
            Ended::Whole(synced) => {
                self.whole += 1;
                self.synced(at, &synced, false);
            }
            Ended::Unheard => {
                self.whole += 1;
                self.model = after;
            }
            Ended::Broken => {
                self.is_between(at, &after);
                let synced = sync(&self.address(), &self.vaults[at]).expect("synced");
                self.synced(at, &synced, true);
            }
        }
    }

    fn cut_sync(&mut self, at: usize) -> Ended {
        self.will_be_cut(80_000, 4);
        let outcome = ended(sync(&self.cut_address, &self.vaults[at]));
        self.cut.mend();
        self.cuts += usize::from(matches!(outcome, Ended::Broken));
        outcome
    }

    /// Cuts the network after some bytes, few or many, or when a change is confirmed.
    fn will_be_cut(&mut self, most_bytes: u64, most_confirmations: u64) {
        match self.dice.roll(3) {
            0 => self.cut.bytes.store(1 + self.dice.roll(most_bytes / 10) as usize, Ordering::Relaxed),
            1 => self.cut.bytes.store(1 + self.dice.roll(most_bytes) as usize, Ordering::Relaxed),
            _ => {
                let confirmation = 1 + self.dice.roll(most_confirmations) as usize;
                self.cut.confirmations.store(confirmation, Ordering::Relaxed);
            }
        }
    }

    fn killed_sync(&mut self, at: usize) -> Ended {
        let part = format!("{} {}", self.address(), self.vaults[at].path().display());
        let mut child = children::start(TEST, &part);
        assert_eq!(child.line().as_deref(), Some("ready"));
        thread::sleep(Duration::from_millis(self.dice.roll(80)));
        let said = child.kill();
        assert!(!said.iter().any(|line| line.starts_with("failed")), "{said:?}");
        if said.iter().any(|line| line == "synced") {
            return Ended::Unheard;
        }
        self.kills += 1;
        Ended::Broken
    }

    fn sync_with_crash_of_hub(&mut self, at: usize) -> Ended {
        let (address, pause) = (self.address(), Duration::from_millis(self.dice.roll(40)));
        let outcome = thread::scope(|scope| {
            let syncing = scope.spawn(|| sync(&address, &self.vaults[at]));
            thread::sleep(pause);
            self.server.tell("stop");
            self.server.tell("start");
            syncing.join().expect("no panic")
        });
        let outcome = ended(outcome);
        self.crashes += usize::from(matches!(outcome, Ended::Broken));
        outcome
    }

    /// The hub is as before a sync, as after it, or knows of the removals only. In the vault each person is as before or
    /// as after, and was not lost.
    fn is_between(&self, at: usize, after: &Model) {
        let mut told = self.model.clone();
        told.tell_removals(at);
        let seen = self.seen(HUB);
        assert!([&self.model, &told, after].iter().any(|model| model.state(HUB) == seen), "{seen:?}");
        // A collection that goes takes its memberships along before its members come.
        let without_memberships = |items: &Items| -> Items {
            let kept = items.iter().filter(|(item, _)| !item.starts_with("collection:"));
            kept.map(|(item, value)| (item.clone(), value.clone())).collect()
        };
        let (people, _) = self.seen(at);
        for (id, items) in &people {
            let states = [self.model.items(at, id), after.items(at, id)];
            let is_one = states.iter().flatten().any(|state| without_memberships(state) == without_memberships(items));
            assert!(is_one, "{id} is {items:?}, neither of {states:?}");
        }
        for id in self.model.people(at).into_keys() {
            let is_gone = self.model.uid(at, id) != after.uid(at, id);
            assert!(people.contains_key(id) || is_gone, "{id} was lost");
        }
    }

    /// Changes the hub directly through a network that is cut.
    pub(super) fn cut_write(&mut self, act: &Act) {
        self.will_be_cut(8_000, 1);
        let outcome = act.carry_out(&self.cut_hub);
        self.cut.mend();
        self.wrote(act, outcome.err());
    }

    /// Changes the hub directly until it crashes.
    pub(super) fn writes_until_crash(&mut self) {
        let mut acts = Vec::new();
        let mut model = self.model.clone();
        std::mem::swap(&mut model, &mut self.model);
        // What can be done next depends on what was done before: as if all of it were.
        for _ in 0..200 {
            if let Some(act) = self.choose_without_looking() {
                self.model.apply(HUB, &act);
                acts.push(act);
            }
        }
        self.model = model;
        let pause = Duration::from_millis(self.dice.roll(60));
        let (done, error) = thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for (done, act) in acts.iter().enumerate() {
                    if let Err(error) = act.carry_out(&self.hub) {
                        return (done, Some(error));
                    }
                }
                (acts.len(), None)
            });
            thread::sleep(pause);
            self.server.tell("stop");
            self.server.tell("start");
            writing.join().expect("no panic")
        });
        acts[..done].iter().for_each(|act| self.model.apply(HUB, act));
        if let Some(error) = error {
            self.crashes += 1;
            self.wrote(&acts[done], Some(error));
        }
    }

    /// After a direct write: where it failed, the hub is looked at.
    fn wrote(&mut self, act: &Act, error: Option<Error>) {
        let mut after = self.model.clone();
        after.apply(HUB, act);
        let Some(error) = error else {
            self.model = after;
            return;
        };
        let (seen, before) = (self.seen(HUB), self.model.state(HUB));
        let was_made = seen != before;
        match error.kind() {
            ErrorKind::Io | ErrorKind::Busy => assert!(!was_made, "{error}, but it was made"),
            ErrorKind::OutcomeUnknown => self.unknown += 1,
            _ => panic!("{error}"),
        }
        if was_made {
            assert_eq!(seen, after.state(HUB), "{error}");
            self.model = after;
        }
    }

    /// Something to be done to the hub that does not depend on ids of photos there.
    fn choose_without_looking(&mut self) -> Option<Act> {
        let id = format!("p{}", self.dice.roll(6));
        let value = format!("w{}", self.dice.roll(1_000_000));
        self.model.items(HUB, &id)?;
        let attributes = BTreeMap::from([("a".to_owned(), Some(value.clone()))]);
        let set = vec![("attribute:a".to_owned(), Some(value))];
        let attributes = facevault::Patch::Set(attributes);
        Some(Act::Update { id, update: facevault::PersonUpdate { attributes, ..Default::default() }, set })
    }
}
