//! A vault's file has one name and stays in its place.
#![cfg(unix)]

use std::fs;

use facevault::store::Store;
use facevault::{ErrorKind, Result};

use super::{Vault, Writes, person};

#[test]
fn a_file_with_two_names_is_refused() -> Result<()> {
    let vault = Vault::new();
    let second = vault.folder.path().join("second");
    fs::hard_link(vault.path(), &second).expect("linked");
    for opened in [Store::open(&second), Store::open(vault.path()), Store::open_read_only(&second)] {
        let error = opened.expect_err("two names");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("2 names (hard links)"), "{error}");
    }
    let refused = vault.store.insert(&vault.client, &person("A", &[]));
    let error = refused.map(drop).expect_err("two names");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(error.to_string().matches("v.facevault").count(), 1, "{error}");
    fs::remove_file(&second).expect("removed");
    vault.store.insert(&vault.client, &person("A", &[]))?;
    assert_eq!(Store::open(vault.path())?.clients()?.len(), 1);
    Ok(())
}

#[test]
fn nothing_is_written_to_a_file_that_was_moved_or_replaced() -> Result<()> {
    let vault = Vault::new();
    let (path, away) = (vault.path(), vault.folder.path().join("away"));
    vault.store.backup(vault.folder.path().join("copy"), &mut ())?;
    let write = || vault.store.insert(&vault.client, &person("A", &[]));
    let refused = |said: &str| {
        for error in [write().map(drop), vault.store.require_in_place()].map(|refused| refused.expect_err(said)) {
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert!(error.to_string().contains(said), "{error}");
        }
        assert_eq!(vault.total(), 0);
    };
    vault.store.require_in_place()?;
    fs::rename(&path, &away).expect("moved");
    refused("moved or removed");
    fs::copy(vault.folder.path().join("copy"), &path).expect("replaced");
    refused("another file");
    fs::rename(&away, &path).expect("moved back");
    write()?;
    assert_eq!(vault.total(), 1);
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_mounted_by_itself_is_refused() {
    use std::process::Command;
    let vault = Vault::new();
    let place = vault.folder.path().join("mounted here");
    fs::write(&place, "").expect("a place");
    let mounted = Command::new("mount").arg("--bind").arg(vault.path()).arg(&place).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("not tried: this system does not let the test mount a file");
        return;
    }
    let opened = Store::open(&place).map(drop);
    let unmounted = Command::new("umount").arg(&place).status().expect("umount");
    assert!(unmounted.success());
    let error = opened.expect_err("mounted by itself");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("mount the folder"), "{error}");
}
