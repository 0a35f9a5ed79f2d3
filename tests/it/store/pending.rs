//! What a reader keeps in the log is noted in the file, and whoever writes next erases it.

use facevault::store::{Erasure, Store};
use facevault::{NewPerson, Patch, PersonUpdate, Result};

use super::{Vault, Writes, person};

fn log(vault: &Vault) -> u64 {
    std::fs::metadata(vault.path().with_extension("facevault-wal")).map_or(0, |log| log.len())
}

#[test]
fn every_process_knows_what_is_still_to_be_erased_and_finishes_it() -> Result<()> {
    let vault = Vault::new();
    let other = Store::open(vault.path())?;
    let watching = Store::open_read_only(vault.path())?;
    for finish in 0..3 {
        let id = vault.store.insert(&vault.client, &person("A", &[b"a photo"]))?.person.id;
        let removed = watching.snapshot(&vault.client, |_| vault.store.remove_person(&vault.client, &id, None))?;
        assert_eq!(removed.erasure, Erasure::Pending);
        for store in [&vault.store, &other, &watching] {
            assert_eq!(store.erasure()?, Erasure::Pending);
            assert!(store.check()?.erasure_pending && store.check()?.is_clean());
        }
        assert_eq!(watching.finish_erasure()?, Erasure::Pending, "it only reads");
        match finish {
            0 => assert_eq!(other.finish_erasure()?, Erasure::Done),
            // Any write of another process: it knows by the file.
            1 => {
                std::thread::sleep(std::time::Duration::from_millis(1_100));
                other.insert(&vault.client, &person("B", &[]))?;
            }
            // Whoever opens the vault.
            _ => drop(Store::open(vault.path())?),
        }
        assert_eq!(log(&vault), 0);
        for store in [&vault.store, &other, &watching] {
            assert_eq!(store.erasure()?, Erasure::Nothing);
            assert!(!store.check()?.erasure_pending);
        }
        assert_eq!(vault.store.finish_erasure()?, Erasure::Nothing);
    }
    Ok(())
}

#[test]
fn a_removal_is_pending_while_the_file_is_still_to_be_cleaned() -> Result<()> {
    // An encrypted file is written anew in one step.
    if crate::data::vaults_are_encrypted() {
        return Ok(());
    }
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("A", &[]))?.person.id;
    let watching = Store::open_read_only(vault.path())?;
    assert_eq!(watching.snapshot(&vault.client, |_| vault.store.clean())?, Erasure::Pending);
    let removed = vault.store.remove_person(&vault.client, &id, None)?;
    assert_eq!((removed.erasure, vault.store.erasure()?, log(&vault)), (Erasure::Pending, Erasure::Pending, 0));
    assert_eq!(vault.store.finish_erasure()?, Erasure::Done);
    assert_eq!(vault.store.erasure()?, Erasure::Nothing);
    Ok(())
}

#[test]
fn replaced_and_cleared_fields_count_as_removed() -> Result<()> {
    let vault = Vault::new();
    let new = NewPerson { notes: Some("notes".into()), ..person("A", &[]) };
    let id = vault.store.insert(&vault.client, &new)?.person.id;
    let update = |update: PersonUpdate| Ok(vault.store.update(&vault.client, &id, &update)?.erasure);
    // What only adds takes nothing away.
    let adds = PersonUpdate { nationality: Patch::Set("x".into()), ..PersonUpdate::default() };
    assert_eq!(update(adds.clone())?, Erasure::Nothing);
    assert_eq!(update(adds)?, Erasure::Nothing);
    assert_eq!(vault.store.erasure()?, Erasure::Nothing);

    let renamed = |name: &str| PersonUpdate { name: Some(name.into()), ..PersonUpdate::default() };
    assert_eq!(update(renamed("B"))?, Erasure::Done);
    assert_eq!(log(&vault), 0);
    // The next ones follow too soon.
    assert_eq!(update(PersonUpdate { notes: Patch::Clear, ..PersonUpdate::default() })?, Erasure::Pending);
    assert_eq!(update(renamed("C"))?, Erasure::Pending);
    assert!(log(&vault) > 0);
    assert_eq!(vault.store.erasure()?, Erasure::Pending);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(update(renamed("D"))?, Erasure::Done);
    assert_eq!(update(renamed("E"))?, Erasure::Pending);
    // Nobody else has it open: closing it empties the log.
    let path = vault.path();
    let folder = vault.folder;
    drop(vault.store);
    assert_eq!(Store::open_read_only(&path)?.erasure()?, Erasure::Nothing);
    drop(folder);
    Ok(())
}
