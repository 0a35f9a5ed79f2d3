//! Whatever moment a process ends at, the vault holds the state before a write or the one behind
//! it, and every write that was acknowledged.

use std::fs;
use std::time::Duration;

use facevault::Result;
use facevault::store::Store;

use super::Vault;
use super::history::{self, state};
use crate::children;

/// The child's part is a path and the number of the next write.
fn write_until_killed(part: &str) {
    let (path, first) = part.rsplit_once(' ').expect("a path and a number");
    let store = Store::open(path).expect("a vault");
    let client = store.default_client().expect("a client");
    for n in first.parse().expect("a number").. {
        children::say(n);
        history::write(&store, &client, n).expect("a write");
    }
}

#[test]
fn killed_at_any_moment_a_vault_holds_what_was_acknowledged() -> Result<()> {
    if let Some(part) = children::part() {
        write_until_killed(&part);
        return Ok(());
    }
    let test = "store::crashes::killed_at_any_moment_a_vault_holds_what_was_acknowledged";
    let vault = Vault::new();
    history::prepare(&vault.store, &vault.client)?;
    let (path, client) = (vault.path(), vault.client.clone());
    let Vault { folder, store, .. } = vault;
    drop(store);

    let (mut next, mut both) = (0, [0, 0]);
    for round in 0..children::kills(200) {
        let part = format!("{} {next}", path.display());
        let said = children::killed_at_random(test, &part, Duration::from_millis(40));
        // Before each write the child says its number: all before the last one are acknowledged.
        let last: u64 = said.last().expect("a first line").parse().expect("a number");
        let store = Store::open(&path)?;
        let found = history::read(&store, &client);
        let behind = found == state(last + 1);
        assert!(behind || found == state(last), "round {round}: neither the state before nor behind write {last}");
        both[usize::from(behind)] += 1;
        drop(store);

        // What had been removed by then is gone, even if the removal was never acknowledged.
        next = last + u64::from(behind);
        let mut kept: Vec<_> = found.values().flat_map(|person| &person.photos).collect();
        let traces = history::traces(&path);
        if crate::data::vaults_are_encrypted() {
            kept.clear();
        }
        for photo in &kept {
            assert!(traces.iter().any(|n| history::photo(*n) == **photo), "round {round}: a photo without a trace");
        }
        assert_eq!(traces.len(), kept.len(), "round {round}: traces of {traces:?} after {next} writes");
    }
    assert!(next > 0, "no write was ever acknowledged");
    eprintln!("{next} writes, {} kills before and {} behind a write took hold", both[0], both[1]);
    drop(folder);
    Ok(())
}

/// A vault with a log of several writes, copied while it was open, and the number of writes.
fn unfolded() -> Result<(Vec<u8>, Vec<u8>, u64)> {
    let vault = Vault::new();
    history::prepare(&vault.store, &vault.client)?;
    for n in 0..27 {
        history::write(&vault.store, &vault.client, n)?;
    }
    // Write 27 removes a person and empties the log; write 30 replaces photos and empties it again; what
    // follows stays in it.
    for n in 27..34 {
        history::write(&vault.store, &vault.client, n)?;
    }
    let log = vault.path().with_extension("facevault-wal");
    Ok((fs::read(vault.path()).expect("a file"), fs::read(log).expect("a log"), 34))
}

#[test]
fn a_torn_log_gives_an_earlier_state_never_a_mixture() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, log, writes) = unfolded()?;
    assert!(log.len() > 50_000, "the log has only {} bytes", log.len());
    let path = folder.path().join("v");
    let open = |log: &[u8]| -> Result<Option<u64>> {
        fs::write(&path, &file).expect("a file");
        fs::write(folder.path().join("v-wal"), log).expect("a log");
        let _ = fs::remove_file(folder.path().join("v-shm"));
        let store = Store::open(&path)?;
        let found = history::read(&store, &store.default_client()?);
        Ok((0..=writes).rev().find(|n| found == state(*n)))
    };
    assert_eq!(open(&log)?, Some(writes));
    let mut last = writes;
    for cut in (0..log.len()).rev().step_by(log.len() / 60 + 1) {
        let found = open(&log[..cut])?.unwrap_or_else(|| panic!("a mixture after {cut} bytes"));
        assert!(found <= last, "a longer log gave an earlier state");
        last = found;
    }
    assert!(last < writes);
    for place in (0..log.len()).step_by(log.len() / 60 + 1) {
        let mut flipped = log.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(open(&flipped)?.is_some(), "a mixture with a flipped bit at {place}");
    }
    Ok(())
}
