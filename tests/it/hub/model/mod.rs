//! Three vaults and a hub against a plain model of them: whatever is done in whatever order, to the vaults or to the hub
//! directly, and whatever breaks off meanwhile, each holds and finds what the model says, and in the end all hold the
//! same. FACEVAULT_FLEET is the number of steps, FACEVAULT_FLEET_SEED makes them others.

mod acts;
mod broken;
mod plain;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use facevault::{CollectionId, Hub, NewCollection, PersonId, Synced, Vault, VaultOptions};
use serde_json::Value;

use super::super::children;
use super::super::fakes::engine;
use super::crash::follow;
use super::cutting::{Cut, cutting};
use super::server::Server;
use plain::{HUB, Model};

const TEST: &str = "hub::model::vaults_and_hub_hold_what_a_plain_model_holds";

/// A stream of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Play {
    /// Of this test alone, since it crashes.
    server: Server,
    database: String,
    vaults: Vec<Vault>,
    hub: Vault,
    /// The hub through a network that can be cut.
    cut_hub: Vault,
    cut_address: String,
    cut: Arc<Cut>,
    model: Model,
    dice: Dice,
    seeds: BTreeMap<Vec<u8>, u32>,
    /// The ids of those who ever had a photo.
    given: BTreeMap<u32, BTreeSet<String>>,
    cuts: usize,
    kills: usize,
    crashes: usize,
    /// Syncs that went through before they could be broken off.
    whole: usize,
    /// Direct writes whose outcome was unknown.
    unknown: usize,
}

impl Play {
    fn new(folder: &std::path::Path) -> Option<Self> {
        let server = Server::start()?;
        let database = server.database();
        let address = server.address(&database);
        Hub::init(&address).expect("a hub");
        let options = || VaultOptions::default().with_engine(engine());
        let vaults: Vec<Vault> =
            ["a", "b", "c"].map(|name| Vault::create(folder.join(name), options()).expect("a vault")).into();
        let collection = NewCollection { id: CollectionId::new("c").ok(), ..NewCollection::named("C") };
        vaults[0].create_collection(&collection).expect("a collection");
        for vault in &vaults {
            broken::sync(&address, vault).expect("synced");
        }
        let cut = Cut::never();
        let port = cutting(server.port(), Arc::clone(&cut));
        let cut_address = format!("postgres://owner:secret@127.0.0.1:{port}/{database}");
        Some(Self {
            hub: Vault::open_hub(&address, options()).expect("the hub"),
            cut_hub: Vault::open_hub(&cut_address, options()).expect("the hub"),
            server,
            database,
            vaults,
            cut_address,
            cut,
            model: Model::new("c", "C"),
            dice: Dice(0),
            seeds: BTreeMap::new(),
            given: BTreeMap::new(),
            cuts: 0,
            kills: 0,
            crashes: 0,
            whole: 0,
            unknown: 0,
        })
    }

    fn address(&self) -> String {
        self.server.address(&self.database)
    }

    fn step(&mut self) {
        let at = self.dice.roll(4) as usize;
        if at == HUB {
            return self.write_directly();
        }
        if self.dice.roll(10) >= 3 {
            if let Some(act) = self.choose(at) {
                act.carry_out(&self.vaults[at]).expect("done");
                self.model.apply(at, &act);
            }
            return;
        }
        match self.dice.roll(5) {
            0 => self.broken_sync(at),
            _ => self.sync(at),
        }
        self.compare(at);
        self.compare(HUB);
        self.search();
    }

    fn write_directly(&mut self) {
        if self.dice.roll(120) == 0 {
            self.writes_until_crash();
        } else if let Some(act) = self.choose(HUB) {
            if self.dice.roll(6) == 0 {
                self.cut_write(&act);
            } else {
                act.carry_out(&self.hub).expect("done");
                self.model.apply(HUB, &act);
            }
        }
        self.compare(HUB);
        self.search();
    }

    fn sync(&mut self, at: usize) {
        let synced = broken::sync(&self.address(), &self.vaults[at]).expect("synced");
        self.synced(at, &synced, false);
    }

    /// Has the model do the same. What a sync told the hub before it was broken off, the next one does not find again,
    /// so that it has fewer conflicts to report.
    fn synced(&mut self, at: usize, synced: &Synced, is_again: bool) {
        let lost = self.model.lost.len();
        self.model.sync(at);
        let (found, expected) = (synced.conflicts.len(), self.model.lost.len() - lost);
        let is_right = if is_again { found <= expected } else { found == expected };
        assert!(is_right, "{found} conflicts instead of {expected}: {:?}", synced.conflicts);
        assert_eq!(synced.unsent, 0);
    }

    /// The hub's history has each value that was not kept, of those who are there, and no other.
    fn look_into_history(&self) {
        let mut hub = Hub::connect(&self.address(), None).expect("connected");
        for (id, held) in &self.model.persons {
            let of_person = self.model.lost.iter().filter(|lost| lost.uid == held.uid);
            let value = |lost: &plain::Lost| match &lost.value {
                Some(_) if lost.item.starts_with("collection:") => Value::Bool(true),
                value => value.clone().map_or(Value::Null, Value::String),
            };
            let expected: BTreeSet<(String, String)> = of_person
                .filter(|lost| !lost.item.starts_with("photo:"))
                .map(|lost| (lost.item.clone(), value(lost).to_string()))
                .collect();
            let history = hub.history(&PersonId::new(id).expect("an id")).expect("a history");
            let noted: BTreeSet<(String, String)> = history
                .into_iter()
                .filter(|entry| !entry.item.starts_with("image:"))
                .map(|entry| (entry.item, entry.lost.to_string()))
                .collect();
            assert_eq!(noted, expected, "{id}");
        }
    }
}

#[test]
fn vaults_and_hub_hold_what_a_plain_model_holds() {
    if let Some(part) = children::part() {
        return follow(&part);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut play) = Play::new(folder.path()) else { return };
    let number = |name, usual| std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"));
    let steps: u64 = number("FACEVAULT_FLEET", 1_000);
    play.dice = Dice(number("FACEVAULT_FLEET_SEED", 20_261_127));
    for _ in 0..steps {
        play.step();
    }
    for at in [0, 1, 2, 0, 1, 2] {
        play.sync(at);
    }
    for at in 0..=HUB {
        let report = play.place(at).check().expect("checked");
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(play.seen(at), play.model.state(HUB));
    }
    play.look_into_history();
    let Play { model, cuts, kills, crashes, whole, unknown, .. } = &play;
    eprintln!(
        "{steps} steps, {} values not kept, {} people removed; syncs that were broken off: {cuts} by the network, {kills} \
         by a kill, {crashes} crashes of the hub, {whole} went through; {unknown} direct writes of unknown outcome",
        model.lost.len(),
        model.tombstones.len()
    );
    assert!(!model.lost.is_empty() && !model.tombstones.is_empty(), "the steps were too few");
    assert!(*cuts > 0 && *unknown > 0 && kills + crashes > 0, "the steps were too few");
}
