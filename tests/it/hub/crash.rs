//! Vaults and a hub whose processes are killed while they talk: they come together in the end, nothing that was
//! acknowledged is lost, nobody removed comes back, and nobody is ever seen in part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use facevault::{
    Hub, ImagesUpdate, NewPerson, Patch, PersonId, PersonQuery, PersonUpdate, SyncOptions, Vault, VaultOptions,
};

use super::super::children;
use super::super::fakes::{engine, photo};
use super::server::Server;
use super::{described, everybody};

const TEST: &str = "hub::crash::killed_vaults_and_a_killed_hub_come_together";

/// What the child does: syncs a vault once, and says how it ended.
pub(super) fn follow(part: &str) {
    let (address, path) = part.split_once(' ').expect("an address and a path");
    let vault = Vault::open(path, VaultOptions::default().with_engine(engine())).expect("opened");
    children::say("ready");
    let outcome =
        Hub::connect(address, None).and_then(|mut hub| vault.sync(&mut hub, &SyncOptions::default(), &mut ()));
    match outcome {
        Ok(_) => children::say("synced"),
        Err(error) => children::say(format!("failed: {error}")),
    }
}

/// A value that was acknowledged.
struct Written {
    step: usize,
    vault: usize,
    id: String,
    item: &'static str,
    value: String,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Everybody has notes, an attribute and at least two photos from the beginning, and keeps them.
fn is_whole(vault: &Vault, id: &PersonId) {
    let Ok(person) = vault.person(id) else { return };
    assert!(person.images.len() >= 2, "{id} has {} photos", person.images.len());
    assert!(person.images.iter().all(|image| image.bytes.is_some() && image.encoding.is_some()), "{id}");
    assert!(person.notes.is_some() && person.attributes.contains_key("a"), "{}", described(&person));
}

fn all_whole(vault: &Vault) {
    let page = vault.persons(&PersonQuery::default().with_limit(100)).expect("a page");
    page.items.iter().for_each(|person| is_whole(vault, &person.id));
}

/// Nobody in the hub is there in part.
fn hub_is_whole(server: &Server, database: &str) {
    let half = "SELECT p.id FROM facevault.persons p
         WHERE (SELECT COUNT(*) FROM facevault.images i WHERE i.person = p.key)
               <> (SELECT COUNT(*) FROM jsonb_object_keys(p.items) item WHERE item LIKE 'image:%')
            OR EXISTS (SELECT 1 FROM facevault.images i WHERE i.person = p.key AND NOT p.items ? ('image:' || i.id))
            OR EXISTS (SELECT 1 FROM facevault.images i LEFT JOIN facevault.photos f ON f.image = i.key
                       LEFT JOIN facevault.encodings e ON e.image = i.key
                       WHERE i.person = p.key AND (f.image IS NULL OR e.image IS NULL))";
    let rows = server.client(database).query(half, &[]).expect("reads");
    assert!(rows.is_empty(), "{} persons are there in part", rows.len());
}

#[test]
fn killed_vaults_and_a_killed_hub_come_together() {
    if let Some(part) = children::part() {
        return follow(&part);
    }
    let Some(server) = Server::start() else { return };
    let rounds: usize =
        std::env::var("FACEVAULT_FLEET_CRASHES").ok().map_or(40, |text| text.parse().expect("a number"));
    let database = server.database();
    let address = server.address(&database);
    Hub::init(&address).expect("a hub");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |at: usize| folder.path().join(format!("v{at}"));
    let vaults: Vec<Vault> =
        (0..3).map(|at| Vault::create(path(at), VaultOptions::default().with_engine(engine())).expect("one")).collect();
    let mut dice = Dice(7);
    let (mut written, mut removed, mut known) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let (mut step, mut kills, mut stops, mut failures) = (0, 0, 0, 0);
    for _ in 0..rounds {
        for _ in 0..4 {
            step += 1;
            let at = dice.roll(3) as usize;
            let word = format!("w{step}");
            let mut note = |id: &str, item, value: &str| {
                written.push(Written { step, vault: at, id: id.to_owned(), item, value: value.to_owned() });
            };
            let there: Vec<String> = vaults[at]
                .persons(&PersonQuery::default().with_limit(100))
                .expect("a page")
                .items
                .iter()
                .map(|person| person.id.to_string())
                .collect();
            if there.len() < 4 || dice.roll(6) == 0 {
                let id = format!("p{step}");
                let new = NewPerson {
                    id: PersonId::new(&id).ok(),
                    notes: Some(word.clone()),
                    attributes: BTreeMap::from([("a".to_owned(), word.clone())]),
                    images: vec![photo(2 * step as u32), photo(2 * step as u32 + 1)],
                    ..NewPerson::named("N")
                };
                vaults[at].create_person(&new).expect("a person");
                known.insert(id.clone());
                note(&id, "notes", &word);
                note(&id, "attribute:a", &word);
                continue;
            }
            let id = there[dice.roll(there.len() as u64) as usize].clone();
            let person = PersonId::new(&id).expect("an id");
            let mut update = PersonUpdate::default();
            match dice.roll(8) {
                0 => {
                    vaults[at].remove_person(&person).expect("removed");
                    removed.insert(id);
                    continue;
                }
                1 | 2 => {
                    update.images = ImagesUpdate::Replace(vec![photo(2 * step as u32), photo(2 * step as u32 + 1)])
                }
                3 | 4 => update.attributes = Patch::Set(BTreeMap::from([("a".to_owned(), Some(word.clone()))])),
                _ => update.notes = Patch::Set(word.clone()),
            }
            // Photos of both sides are kept, so that there may be too many for another edit: replacing is never refused.
            vaults[at].update_person(&person, &update).expect("updated");
            if !update.notes.is_keep() {
                note(&id, "notes", &word);
            }
            if !update.attributes.is_keep() {
                note(&id, "attribute:a", &word);
            }
        }
        let at = dice.roll(3) as usize;
        let mut child = children::start(TEST, &format!("{address} {}", path(at).display()));
        assert_eq!(child.line().as_deref(), Some("ready"));
        let fate = dice.roll(4);
        thread::sleep(Duration::from_millis(dice.roll(60)));
        match fate {
            0 | 1 => {
                let said = child.kill();
                kills += usize::from(!said.iter().any(|line| line == "synced"));
            }
            2 => {
                // As a crash of the server: it recovers from its log.
                server.tell("stop");
                server.tell("start");
                stops += 1;
                let said = child.rest();
                failures += usize::from(said.iter().any(|line| line.starts_with("failed")));
            }
            _ => {
                while let Some(line) = child.line() {
                    assert!(!line.starts_with("failed"), "{line}");
                    all_whole(&vaults[at]);
                }
            }
        }
        all_whole(&vaults[at]);
        hub_is_whole(&server, &database);
    }
    let mut hub = Hub::connect(&address, None).expect("connected");
    for vault in vaults.iter().chain(&vaults).chain(&vaults) {
        vault.sync(&mut hub, &SyncOptions::default(), &mut ()).expect("synced");
        assert!(vault.check().expect("checked").is_clean());
    }
    for vault in &vaults {
        assert_eq!(everybody(vault), everybody(&vaults[0]));
        all_whole(vault);
    }
    hub_is_whole(&server, &database);
    let mut lost: BTreeSet<(String, String, String)> = BTreeSet::new();
    for id in &known {
        let person = PersonId::new(id).expect("an id");
        if removed.contains(id) {
            assert!(vaults[0].person(&person).is_err(), "{id} came back");
            continue;
        }
        assert!(vaults[0].person(&person).is_ok(), "{id} was lost");
        for entry in hub.history(&person).expect("a history") {
            lost.insert((id.clone(), entry.item.clone(), entry.lost.as_str().unwrap_or_default().to_owned()));
        }
    }
    // The last acknowledged value of each vault is there, or was replaced elsewhere later, or is in the history.
    let mut checked = 0;
    for last in &written {
        let is_newer = |other: &&Written| other.id == last.id && other.item == last.item && other.step > last.step;
        if removed.contains(&last.id) || written.iter().filter(is_newer).any(|other| other.vault == last.vault) {
            continue;
        }
        let person = vaults[0].person(&PersonId::new(&last.id).expect("an id")).expect("there");
        let held = if last.item == "notes" { person.notes.clone() } else { person.attributes.get("a").cloned() };
        let is_there = held.as_ref() == Some(&last.value);
        let is_noted = lost.contains(&(last.id.clone(), last.item.to_owned(), last.value.clone()));
        let is_replaced = written.iter().filter(is_newer).any(|other| other.vault != last.vault);
        assert!(is_there || is_noted || is_replaced, "{} of {} by vault {} was lost", last.item, last.id, last.vault);
        checked += 1;
    }
    eprintln!(
        "{step} changes, {checked} values looked for, {} in the history, {} people removed; {kills} kills in the middle, \
         {stops} crashes of the hub, {failures} of them noticed by a vault",
        lost.len(),
        removed.len()
    );
    assert!(Path::new(&path(0)).exists() && checked > 0 && kills > 0 && stops > 0);
}
