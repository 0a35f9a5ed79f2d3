//! Threads and processes that write the same vault at once.

use std::collections::BTreeSet;

use facevault::store::Store;
use facevault::{ClientId, ErrorKind, Patch, PersonId, PersonUpdate, Result};

use super::{Vault, Writes, person};
use crate::children;

const THREADS: usize = 8;
const UPDATES: usize = 20;

/// Adds one to the number in a person's notes, starting over whenever another one was faster.
/// Returns the version that this led to.
fn add_one(store: &Store, client: &ClientId, id: &PersonId) -> Result<u64> {
    loop {
        let person = store.person(client, id)?;
        let number: u64 = person.notes.as_deref().map_or(0, |notes| notes.parse().expect("a number"));
        let change = PersonUpdate {
            notes: Patch::Set((number + 1).to_string()),
            expected_version: Some(person.version),
            ..PersonUpdate::default()
        };
        match store.update(client, id, &change) {
            Ok(written) => return Ok(written.person.version),
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
}

/// Threads that each add one many times, every other time through a store of their own.
fn add_many(path: &std::path::Path, id: &PersonId, threads: usize) -> Vec<u64> {
    let shared = Store::open(path).expect("a vault");
    let client = shared.default_client().expect("a client");
    let work = || {
        let mut versions = Vec::new();
        for round in 0..UPDATES {
            let store = if round % 2 == 0 { shared.clone() } else { Store::open(path).expect("a vault") };
            versions.push(add_one(&store, &client, id).expect("an update"));
        }
        versions
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn no_update_of_many_threads_and_processes_is_lost() -> Result<()> {
    if let Some(part) = children::part() {
        let (path, id) = part.rsplit_once(' ').expect("a path and an id");
        for version in add_many(path.as_ref(), &PersonId::new(id)?, 2) {
            children::say(version);
        }
        return Ok(());
    }
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person.id;
    let part = format!("{} {id}", vault.path().display());
    let test = "store::concurrency::no_update_of_many_threads_and_processes_is_lost";
    let children = [children::start(test, &part), children::start(test, &part)];
    let mut versions = add_many(&vault.path(), &id, THREADS);
    for child in children {
        let (lines, passed) = child.finish();
        assert!(passed, "a child failed: its output says why");
        versions.extend(lines.iter().map(|line| line.parse::<u64>().expect("a version")));
    }

    let accepted = (THREADS + 2 * 2) * UPDATES;
    assert_eq!(versions.len(), accepted);
    let versions: BTreeSet<u64> = versions.into_iter().collect();
    assert_eq!(versions, (2..=accepted as u64 + 1).collect());
    let after = vault.store.person(&vault.client, &id)?;
    assert_eq!((after.version, after.notes), (accepted as u64 + 1, Some(accepted.to_string())));
    assert!(vault.store.check()?.is_clean());
    Ok(())
}

#[test]
fn a_vault_can_be_opened_and_closed_by_many_at_once() -> Result<()> {
    if let Some(path) = children::part() {
        for round in 0..15 {
            let store = Store::open(&path).expect("opens");
            let client = store.default_client().expect("reads");
            store.insert(&client, &person("P", &[&[round]])).expect("writes");
            let reader = Store::open_read_only(&path).expect("opens for reading");
            reader.persons(&client, &facevault::PersonQuery::default()).expect("reads");
        }
        children::say("done");
        return Ok(());
    }
    let vault = Vault::new();
    let path = vault.path();
    let Vault { folder, store, client } = vault;
    drop(store);
    let test = "store::concurrency::a_vault_can_be_opened_and_closed_by_many_at_once";
    let children: Vec<_> = (0..4).map(|_| children::start(test, &path.display().to_string())).collect();
    for child in children {
        let (lines, passed) = child.finish();
        assert!(passed && lines == ["done"], "a child failed: its output says why");
    }
    let store = Store::open(&path)?;
    assert_eq!(store.persons(&client, &facevault::PersonQuery::default())?.total, 60);
    assert!(store.check()?.is_clean());
    drop((store, folder));
    Ok(())
}

#[test]
fn a_vault_that_is_held_for_too_long_is_busy() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person.id;
    let raw = vault.raw();
    raw.execute_batch("BEGIN IMMEDIATE").expect("the vault's lock");
    let change = PersonUpdate { notes: Patch::Set("n".into()), ..PersonUpdate::default() };
    let started = std::time::Instant::now();
    let error = vault.store.update(&vault.client, &id, &change).expect_err("somebody holds it");
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(started.elapsed().as_secs() >= 4, "it gave up after {:?}", started.elapsed());
    // Readers do not wait.
    assert_eq!(vault.store.person(&vault.client, &id)?.version, 1);
    raw.execute_batch("ROLLBACK").expect("the vault's lock");
    assert_eq!(vault.store.update(&vault.client, &id, &change)?.person.version, 2);
    Ok(())
}
