//! What SQLite kept beside another file of the same name is never taken for a part of a new one.

use std::fs;

use facevault::store::{CreateOptions, Store};
use facevault::{ErrorKind, Result};

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
