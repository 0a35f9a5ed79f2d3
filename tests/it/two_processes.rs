//! What one process enrolls, changes or removes, the other knows at its next call.

use std::path::Path;
use std::time::{Duration, Instant};

use facevault::{
    ClientId, IdentifyOptions, NewPerson, OperatingPoint, PersonId, PersonUpdate, Status, Vault, VaultOptions,
};

use super::children;
use super::fakes::{engine, photo};

const ROUNDS: u32 = 12;

fn open(path: &Path) -> Vault {
    Vault::open(path, VaultOptions::default().with_engine(engine())).expect("opened")
}

fn enroll(vault: &Vault, seed: u32) -> PersonId {
    let new = NewPerson { name: format!("{seed}"), images: vec![photo(seed)], ..NewPerson::default() };
    vault.create_person(&new).expect("a person").id
}

fn found(vault: &Vault, seed: u32) -> Option<PersonId> {
    let operating_point = OperatingPoint::similarity(0.99).expect("a similarity");
    let options = IdentifyOptions::default().with_operating_point(operating_point);
    let answer = vault.identify(&[photo(seed)], &options).expect("an answer");
    answer.candidates.into_iter().next().map(|best| best.person)
}

fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "the other process has gone");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The child's turn of a round: it looks for the parent's person, and enrolls, hides or removes its
/// own.
fn child(folder: &Path) {
    let vault = open(&folder.join("v"));
    let mut own: Vec<PersonId> = Vec::new();
    for round in 0..ROUNDS {
        wait_for(&folder.join(format!("turn-{round}")));
        let parents = found(&vault, 1000 + round).map_or("nobody".to_owned(), |id| id.to_string());
        let last = own.last().cloned();
        match (round % 3, last) {
            (1, Some(last)) => {
                let hide = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
                vault.update_person(&last, &hide).expect("updated");
            }
            (2, Some(last)) => drop(vault.remove_person(&last).expect("removed")),
            _ => own.push(enroll(&vault, round)),
        }
        children::say(format!("{parents} {}", own.last().expect("somebody")));
    }
}

#[test]
fn what_one_enrolls_the_other_finds_at_its_next_call() {
    if let Some(folder) = children::part() {
        return child(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let options = VaultOptions::default().with_client(ClientId::new("tenant").expect("an id"));
    drop(Vault::create(&path, options).expect("a vault"));
    let vault = open(&path);
    assert_eq!(found(&vault, 0), None, "the gallery is in memory before anybody comes");
    let test = "two_processes::what_one_enrolls_the_other_finds_at_its_next_call";
    let mut child = children::start(test, &folder.path().display().to_string());
    for round in 0..ROUNDS {
        let own = enroll(&vault, 1000 + round);
        std::fs::write(folder.path().join(format!("turn-{round}")), "").expect("written");
        let line = child.line().expect("the child's turn");
        let (parents, childs) = line.split_once(' ').expect("two ids");
        assert_eq!(parents, own.as_str(), "round {round}: the child finds the person that the parent enrolled");
        // Enrolled, hidden, removed, by turns.
        let expected = (round % 3 == 0).then(|| PersonId::new(childs).expect("an id"));
        assert_eq!(found(&vault, round - round % 3), expected, "round {round}");
        assert_eq!(found(&vault, 1000), found(&open(&path), 1000));
    }
    let (_, passed) = child.finish();
    assert!(passed, "the child failed: its output says why");
}
