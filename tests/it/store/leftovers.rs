//! What SQLite kept beside another file of the same name is never taken for a part of a new one.

use std::fs;

use facevault::store::{CreateOptions, Store};
use facevault::{ErrorKind, PersonQuery, Result};

use super::{Vault, Writes, person};

#[test]
fn nothing_is_made_beside_the_log_of_another_vault() -> Result<()> {
    let vault = Vault::new();
    vault.store.insert(&vault.client, &person("P", &[]))?;
    // The log of a vault in use, as it stays when a vault is moved or deleted under a running program.
    let log = fs::read(vault.folder.path().join("v.facevault-wal")).expect("a log");
    assert!(!log.is_empty());
    for ending in ["-wal", "-shm", "-journal"] {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("new");
        let leftover = folder.path().join(format!("new{ending}"));
        fs::write(&leftover, &log).expect("written");
        for made in [
            Store::create(&target, &CreateOptions::default()).map(drop),
            Store::open_or_create(&target, &CreateOptions::default()).map(drop),
            vault.store.backup(&target, &mut ()),
        ] {
            let error = made.expect_err(ending);
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            assert!(error.to_string().contains(&format!("new{ending}")), "{error}");
        }
        assert_eq!(fs::read(&leftover).expect("still there"), log);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        fs::remove_file(&leftover).expect("removed");
        vault.store.backup(&target, &mut ())?;
        assert!(Store::open(&target)?.check()?.is_clean());
    }
    Ok(())
}

#[test]
fn a_log_that_is_not_the_files_own_is_refused_and_nothing_is_changed() -> Result<()> {
    let vault = Vault::new();
    vault.store.insert(&vault.client, &person("P", &[]))?;
    let log = |vault: &Vault| fs::read(vault.path().with_extension("facevault-wal")).expect("a log");
    let older = log(&vault);
    for n in 0..5 {
        vault.store.insert(&vault.client, &person(&format!("Q{n}"), &[]))?;
    }
    let copy = vault.folder.path().join("copy");
    vault.store.backup(&copy, &mut ())?;
    let stranger = Vault::new();
    stranger.store.insert(&stranger.client, &person("stranger", &[]))?;

    let folder = tempfile::tempdir().expect("a folder");
    let [path, beside] = ["restored", "restored-wal"].map(|name| folder.path().join(name));
    for foreign in [log(&stranger), older] {
        fs::copy(&copy, &path).expect("restored");
        fs::write(&beside, &foreign).expect("a log");
        for opened in [Store::open(&path), Store::open_read_only(&path), Store::open(&path)] {
            let error = opened.expect_err("the log is not its own");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("restored-wal"), "{error}");
        }
        assert_eq!(fs::read(&path).expect("the file"), fs::read(&copy).expect("the copy"));
        assert_eq!(fs::read(&beside).expect("the log"), foreign);
        for name in ["restored-wal", "restored-shm"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        let store = Store::open(&path)?;
        assert!(store.check()?.is_clean());
        assert_eq!(store.persons(&vault.client, &PersonQuery::default())?.total, 6);
    }
    Ok(())
}

#[test]
fn the_log_of_a_crash_is_the_files_own() -> Result<()> {
    let vault = Vault::new();
    for n in 0..5 {
        vault.store.insert(&vault.client, &person(&format!("Q{n}"), &[]))?;
        let crashed = tempfile::tempdir().expect("a folder");
        for name in ["v.facevault", "v.facevault-wal"] {
            fs::copy(vault.folder.path().join(name), crashed.path().join(name)).expect("copied");
        }
        let store = Store::open(crashed.path().join("v.facevault"))?;
        assert_eq!(store.persons(&vault.client, &PersonQuery::default())?.total, n + 1);
    }
    Ok(())
}
