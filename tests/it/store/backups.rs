//! Copies of a vault that is in use.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use facevault::store::Store;
use facevault::{ErrorKind, Result, Step};

use super::history::{self, read, state};
use super::{Vault, Writes, person};

#[test]
fn a_copy_made_while_others_write_is_one_state() -> Result<()> {
    let vault = Vault::new();
    history::prepare(&vault.store, &vault.client)?;
    // Ballast, so that copying takes several steps.
    let ballast = vec![7; 6 << 20];
    let id = vault.store.insert(&vault.client, &person("P", &[&ballast[..]; 3]))?.person.id;
    vault.store.remove_person(&vault.client, &id, None)?;
    let done = AtomicBool::new(false);
    let target = vault.folder.path().join("copy.facevault");
    let mut reports: Vec<(u64, Option<u64>)> = Vec::new();
    let written = std::thread::scope(|scope| {
        let write = || {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) || n < 30 {
                history::write(&vault.store, &vault.client, n).expect("a write");
                n += 1;
            }
            n
        };
        let writer = scope.spawn(write);
        std::thread::sleep(std::time::Duration::from_millis(50));
        let copied = vault.store.backup(&target, &mut |step: Step<'_>| {
            reports.push((step.done, step.total));
            ControlFlow::Continue(())
        });
        done.store(true, Ordering::Relaxed);
        let written = writer.join().expect("no panic");
        copied.map(|()| written)
    })?;

    let copy = Store::open(&target)?;
    let found = read(&copy, &vault.client);
    let copied = (0..=written).find(|n| found == state(*n)).expect("the copy is a mixture");
    assert_eq!(read(&vault.store, &vault.client), state(written));
    assert!(reports.len() > 1 && reports.is_sorted_by_key(|(copied, _)| *copied), "{reports:?}");
    let (last, total) = *reports.last().expect("a report");
    assert_eq!(Some(last), total);
    assert_eq!(last, std::fs::metadata(&target).expect("a file").len());

    history::write(&copy, &vault.client, copied)?;
    drop(copy);
    let mut names: Vec<_> = std::fs::read_dir(vault.folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(names, ["copy.facevault", "v.facevault", "v.facevault-shm", "v.facevault-wal"]);
    Ok(())
}

#[test]
fn a_copy_never_replaces_a_file_and_needs_a_folder() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person.id;
    let target = vault.folder.path().join("copy");
    for there in [vault.path(), target.clone()] {
        if there == target {
            std::fs::write(&target, "a file").expect("a file");
        }
        let error = vault.store.backup(&there, &mut ()).expect_err("it is there");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(std::fs::read(&target).expect("the file"), b"a file");
    let error = vault.store.backup(vault.folder.path().join("none/copy"), &mut ()).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let fresh = vault.folder.path().join("fresh");
    Store::open_read_only(vault.path())?.backup(&fresh, &mut ())?;
    assert_eq!(Store::open_read_only(&fresh)?.person(&vault.client, &id)?, vault.store.person(&vault.client, &id)?);
    Ok(())
}
