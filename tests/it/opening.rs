//! Opening or making a vault in one step, and vaults in memory.

use std::collections::BTreeMap;
use std::sync::Barrier;

use facevault::store::{CreateOptions, Store};
use facevault::{
    ClientId, ErrorKind, IdentifyOptions, NewPerson, OperatingPoint, PersonQuery, PersonUpdate, Vault, VaultOptions,
};

use super::children;
use super::fakes::{engine, photo};

fn named(name: impl Into<String>) -> NewPerson {
    NewPerson::named(name)
}

fn names(vault: &Vault) -> Vec<String> {
    let page = vault.persons(&PersonQuery::default().with_limit(1_000)).expect("a list");
    assert_eq!(page.total, page.items.len() as u64);
    page.items.into_iter().map(|person| person.name).collect()
}

#[test]
fn a_vault_is_made_once_and_opened_after_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let client = |name| VaultOptions::default().with_client(ClientId::new(name).expect("an id"));
    let first = Vault::open_or_create(&path, client("a")).expect("made");
    first.create_person(&named("Ada")).expect("a person");
    let again = Vault::open_or_create(&path, VaultOptions::default()).expect("opened");
    assert_eq!((names(&again), again.client().as_str()), (vec!["Ada".to_owned()], "a"));
    let error = Vault::open_or_create(&path, client("b")).expect_err("no such client");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(names(&first), ["Ada"]);
}

#[test]
fn what_is_no_vault_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("empty"), "").expect("written");
    std::fs::write(at("text"), "not a vault, but somebody's only copy of a text".repeat(40)).expect("written");
    rusqlite::Connection::open(at("other")).expect("a database").execute_batch("CREATE TABLE t (x)").expect("a table");
    std::fs::create_dir(at("folder")).expect("a folder");
    for name in ["empty", "text", "other", "folder"] {
        let before = std::fs::read(at(name)).ok();
        let error = Vault::open_or_create(at(name), VaultOptions::default()).expect_err("no vault");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
        assert_eq!(std::fs::read(at(name)).ok(), before, "{name}");
    }
    let error = Vault::open_or_create(at("nowhere").join("v"), VaultOptions::default()).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("a file").file_name()).collect();
    left.sort();
    assert_eq!(left, ["empty", "folder", "other", "text"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_is_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(folder.path().join("gone"), folder.path().join("v")).expect("a link");
    Vault::open_or_create(folder.path().join("v"), VaultOptions::default()).expect_err("there is no file behind it");
    assert!(!folder.path().join("gone").exists());
}

/// Each of several processes, and each of several threads in them, does it for one path after the other.
#[test]
fn of_many_who_open_or_create_at_once_one_creates_and_all_open() {
    const PATHS: usize = 20;
    const THREADS: usize = 3;
    let work = |folder: &std::path::Path, who: &str| {
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let barrier = &barrier;
                scope.spawn(move || {
                    for number in 0..PATHS {
                        barrier.wait();
                        let path = folder.join(format!("v{number}"));
                        let vault = Vault::open_or_create(path, VaultOptions::default()).expect("opened");
                        vault.create_person(&named(format!("{who} {thread}"))).expect("a person");
                    }
                });
            }
        });
    };
    if let Some(part) = children::part() {
        let (folder, who) = part.split_once('|').expect("two parts");
        return work(std::path::Path::new(folder), who);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let test = "opening::of_many_who_open_or_create_at_once_one_creates_and_all_open";
    let start = |who: &str| children::start(test, &format!("{}|{who}", folder.path().display()));
    let others = [start("first"), start("second")];
    work(folder.path(), "parent");
    for child in others {
        assert!(child.finish().1, "a child failed: its output says why");
    }
    for number in 0..PATHS {
        let vault = Vault::open(folder.path().join(format!("v{number}")), VaultOptions::default()).expect("a vault");
        let mut found = names(&vault);
        found.sort();
        let expected: Vec<_> = ["first", "parent", "second"]
            .into_iter()
            .flat_map(|who| (0..THREADS).map(move |thread| format!("{who} {thread}")))
            .collect();
        assert_eq!(found, expected, "a person who is missing was written to a vault that was replaced");
    }
    let files = std::fs::read_dir(folder.path()).expect("listed").count();
    assert_eq!(files, PATHS, "nothing but the vaults is left");
}

#[test]
fn a_vault_in_memory_does_what_one_in_a_file_does() {
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine())).expect("memory");
    let other = Vault::in_memory(VaultOptions::default()).expect("memory");
    let ada = vault.create_person(&NewPerson { images: vec![photo(1), photo(2)], ..named("Ada") }).expect("a person");
    let point = OperatingPoint::similarity(0.99).expect("a similarity");
    let options = IdentifyOptions::default().with_operating_point(point);
    let found = |vault: &Vault| {
        let answer = vault.identify(&[photo(2)], &options).expect("an answer");
        answer.candidates.into_iter().map(|found| found.person).collect::<Vec<_>>()
    };
    assert_eq!(found(&vault), std::slice::from_ref(&ada.id));
    let error = vault.update_person(&ada.id, &PersonUpdate { name: Some(String::new()), ..Default::default() });
    assert_eq!(error.map_err(|error| error.kind()), Err(ErrorKind::Invalid));
    let clone = vault.add_client(&ClientId::new("tenant").expect("an id")).expect("a client");
    assert_eq!((found(&clone), names(&clone).len(), names(&other).len()), (vec![], 0, 0));
    assert!(vault.check().expect("checked").is_clean());
    assert_eq!(vault.path(), std::path::Path::new(":memory:"));
    assert!(Store::in_memory(&CreateOptions::default()).expect("memory").settings().is_ok());

    // What is in memory can be kept: the copy is a vault like any other.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kept");
    vault.backup(&path, &mut ()).expect("copied");
    let files = std::fs::read_dir(folder.path()).expect("listed").count();
    assert_eq!(files, 1, "the copy is whole without a log");
    for open in [Vault::open_read_only, Vault::open] {
        let kept = open(&path, VaultOptions::default().with_engine(engine())).expect("opened");
        assert_eq!((found(&kept), kept.check().expect("checked").is_clean()), (vec![ada.id.clone()], true));
    }

    vault.remove_person(&ada.id).expect("removed");
    assert_eq!((found(&vault).len(), names(&vault).len()), (0, 0));
}

/// Threads write, read, search and fail; at the end the vault holds what succeeded.
#[test]
fn threads_share_one_vault_in_memory() {
    const ROUNDS: u32 = 25;
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine())).expect("memory");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let written: BTreeMap<String, u64> = std::thread::scope(|scope| {
        let (vault, stop) = (&vault, &stop);
        let watch = |_| {
            scope.spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    for person in vault.persons(&PersonQuery::default().with_limit(1_000)).expect("a list").items {
                        assert_eq!(person.notes.is_some(), person.version > 1, "half an update was read");
                    }
                    let point = OperatingPoint::similarity(0.99).expect("a similarity");
                    let options = IdentifyOptions::default().with_operating_point(point);
                    vault.identify(&[photo(1)], &options).expect("an answer");
                }
            })
        };
        let readers: Vec<_> = (0..2).map(watch).collect();
        let write = |thread: u32| {
            scope.spawn(move || {
                let mut own = BTreeMap::new();
                for round in 0..ROUNDS {
                    let name = format!("{thread}-{round}");
                    let images = if round % 5 == 0 { vec![photo(100 * thread + round)] } else { Vec::new() };
                    let person = vault.create_person(&NewPerson { images, ..named(&name) }).expect("a person");
                    if round % 3 == 0 {
                        vault.remove_person(&person.id).expect("removed");
                        continue;
                    }
                    let notes = facevault::Patch::Set("seen".into());
                    let update = PersonUpdate { notes, expected_version: Some(1), ..PersonUpdate::default() };
                    own.insert(name, vault.update_person(&person.id, &update).expect("updated").version);
                    let again = vault.update_person(&person.id, &update).expect_err("an old version");
                    assert_eq!(again.kind(), ErrorKind::Conflict);
                }
                own
            })
        };
        let writers: Vec<_> = (1..=3).map(write).collect();
        let written = writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
        written
    });
    let page = vault.persons(&PersonQuery::default().with_limit(1_000)).expect("a list");
    let found: BTreeMap<String, u64> = page.items.into_iter().map(|person| (person.name, person.version)).collect();
    assert_eq!(found, written);
    assert!(vault.check().expect("checked").is_clean());
}

#[test]
fn sqlites_name_for_memory_is_no_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default()).expect("a vault");
    for error in [
        Vault::create(":memory:", VaultOptions::default()).expect_err("no file"),
        Vault::open(":memory:", VaultOptions::default()).expect_err("no file"),
        Vault::open_or_create(":memory:", VaultOptions::default()).expect_err("no file"),
        Vault::open_read_only(":memory:", VaultOptions::default()).expect_err("no file"),
        vault.backup(":memory:", &mut ()).expect_err("no file"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.violations()[0].field, "path");
        assert!(error.to_string().contains("Vault::in_memory"), "{error}");
    }
    assert!(!std::path::Path::new(":memory:").exists());
}
