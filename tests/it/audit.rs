//! The audit trail of a vault's verbs: who searched whom, with what decision, and when that is on the disk.

use std::path::Path;
use std::time::{Duration, Instant};

use facevault::{
    Actor, AuditEntry, AuditEvent, AuditPolicy, AuditQuery, AuditScope, CompareOptions, Departure, ErrorKind,
    IdentifyOptions, NewCollection, NewPerson, OperatingPoint, Person, RemovalReason, Result, Vault, VaultOptions,
};

use super::{children, fakes};

fn trail(vault: &Vault) -> Vec<AuditEntry> {
    vault.audit(&AuditQuery::default().with_limit(10_000)).expect("a page").entries
}

fn kinds(vault: &Vault) -> Vec<String> {
    trail(vault).iter().map(|entry| entry.event.kind().to_owned()).collect()
}

/// A vault with an engine of fakes, which notes searches, and two people in it.
fn vault(path: &Path, policy: &AuditPolicy) -> Result<(Vault, Person, Person)> {
    let vault = Vault::create(path, VaultOptions::default().with_engine(fakes::engine()))?;
    let add = |name: &str, seed| {
        vault.create_person(&NewPerson { images: vec![fakes::photo(seed)], ..NewPerson::named(name) })
    };
    let (ada, bob) = (add("Ada", 1)?, add("Bob", 2)?);
    vault.set_audit_policy(policy)?;
    Ok((vault, ada, bob))
}

fn all() -> AuditPolicy {
    AuditPolicy::default().with_scope(AuditScope::All)
}

fn point() -> OperatingPoint {
    OperatingPoint::similarity(0.99).expect("a similarity")
}

fn identify() -> IdentifyOptions {
    IdentifyOptions::default().with_operating_point(point())
}

#[test]
fn searches_are_noted_with_who_asked_and_what_was_decided() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, ada, _) = vault(&folder.path().join("v"), &all())?;
    let key = vault.person_key(&ada.id)?;
    let kiosk = vault.acting_as(&Actor::named("kiosk-3")?);
    kiosk.identify(&[fakes::photo(1)], &identify())?;
    kiosk.identify(&[fakes::photo(9)], &identify())?;
    let compare = CompareOptions::default().with_operating_point(point());
    vault.verify(&ada.id, &[fakes::photo(1)], &compare)?;
    vault.verify(&ada.id, &[fakes::photo(9)], &compare)?;
    // A search that was refused has no answer and no entry.
    assert!(vault.identify(&[], &identify()).is_err());
    vault.audit_flush()?;

    let entries: Vec<AuditEntry> = trail(&vault).into_iter().filter(|entry| entry.event.is_search()).collect();
    let said: Vec<_> = entries.iter().map(|entry| (entry.actor.name(), entry.person)).collect();
    assert_eq!(said, [(Some("kiosk-3"), Some(key)), (Some("kiosk-3"), None), (None, Some(key)), (None, Some(key))]);
    assert!(entries.iter().all(|entry| entry.client.as_ref() == Some(vault.client())));
    let found = entries.iter().map(|entry| match &entry.event {
        AuditEvent::Identified { threshold, people_searched, recognized, .. } => {
            (threshold.clone(), *people_searched, *recognized)
        }
        AuditEvent::Verified { threshold, accepted, .. } => (threshold.clone(), 1, u64::from(*accepted)),
        other => panic!("{other:?}"),
    });
    let found: Vec<_> = found.collect();
    assert_eq!(
        found.iter().map(|(_, people, decided)| (*people, *decided)).collect::<Vec<_>>(),
        [(2, 1), (2, 0), (1, 1), (1, 0)]
    );
    assert!(found.iter().all(|(threshold, ..)| threshold.starts_with("0.9900 (similarity=0.99")), "{found:?}");
    assert!(vault.audit_verify(None)?.is_clean());
    Ok(())
}

#[test]
fn searches_are_not_noted_unless_the_policy_says_so() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, ..) = vault(&folder.path().join("v"), &AuditPolicy::default())?;
    vault.identify(&[fakes::photo(1)], &identify())?;
    vault.audit_flush()?;
    assert_eq!(kinds(&vault), ["model_added", "person_created", "person_created"]);
    Ok(())
}

#[test]
fn entries_of_searches_come_with_the_next_change_before_it() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, ..) = vault(&folder.path().join("v"), &all())?;
    vault.identify(&[fakes::photo(1)], &identify())?;
    vault.create_person(&NewPerson::named("Eve"))?;
    assert_eq!(kinds(&vault)[4..], ["identified", "person_created"]);
    Ok(())
}

#[test]
fn entries_of_searches_are_written_within_two_seconds() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, ..) = vault(&folder.path().join("v"), &all())?;
    for round in 1..=2 {
        vault.identify(&[fakes::photo(1)], &identify())?;
        let begun = Instant::now();
        while trail(&vault).len() < 4 + round {
            assert!(begun.elapsed() < Duration::from_secs(20), "round {round}: {:?}", kinds(&vault));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

#[test]
fn entries_of_searches_are_written_when_the_vault_is_closed() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let (open, ..) = vault(&path, &all())?;
    open.identify(&[fakes::photo(1)], &identify())?;
    let clone = open.clone();
    drop(open);
    clone.identify(&[fakes::photo(9)], &identify())?;
    drop(clone);
    let vault = Vault::open_read_only(&path, VaultOptions::default())?;
    assert_eq!(kinds(&vault)[4..], ["identified", "identified"]);
    Ok(())
}

#[test]
fn entries_may_be_on_the_disk_before_the_answer_is_given() -> Result<()> {
    if let Some(path) = children::part() {
        let vault = Vault::open(&path, VaultOptions::default().with_engine(fakes::engine()))?;
        for n in 1.. {
            vault.identify(&[fakes::photo(1)], &identify())?;
            children::say(n);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    drop(vault(&path, &all().with_searches_at_once(true))?);
    let test = "audit::entries_may_be_on_the_disk_before_the_answer_is_given";
    let mut child = children::start(test, &path.display().to_string());
    for _ in 0..5 {
        child.line().expect("an answer");
    }
    let answered = 5 + child.kill().len();
    let vault = Vault::open(&path, VaultOptions::default())?;
    let noted = kinds(&vault).iter().filter(|kind| *kind == "identified").count();
    assert!(noted == answered || noted == answered + 1, "{noted} entries of {answered} answers");
    Ok(())
}

#[test]
fn a_vault_that_notes_searches_gives_no_answer_that_it_cannot_note() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    drop(vault(&path, &all())?);
    let reader = Vault::open_read_only(&path, VaultOptions::default().with_engine(fakes::engine()))?;
    let refused = reader.identify(&[fakes::photo(1)], &identify()).map_err(|error| error.kind());
    assert_eq!(refused.map(drop), Err(ErrorKind::Unsupported));
    Ok(())
}

#[test]
fn whoever_leaves_the_last_collection_has_a_receipt_too() -> Result<()> {
    let vault = Vault::in_memory(VaultOptions::default())?;
    let staff = vault.create_collection(&NewCollection::named("Staff"))?;
    let ada = vault.create_person(&NewPerson { collections: vec![staff.code.clone()], ..NewPerson::named("Ada") })?;
    let Departure::Removed(removed) = vault.remove_from_collection(&ada.id, &staff.code)? else { panic!("it stays") };
    let receipt = removed.receipt.expect("a receipt");
    let entry = vault.audit_entry(&receipt.entry)?;
    let AuditEvent::PersonRemoved(removal) = &entry.event else { panic!("{entry:?}") };
    assert_eq!(removal.reason, RemovalReason::LeftCollections);
    assert!(removal.is_of(&receipt.opening, vault.client(), &ada.id));
    let other = facevault::AuditHead::new(1, receipt.entry.hash);
    assert_eq!(vault.audit_entry(&other).map_err(|error| error.kind()).map(drop), Err(ErrorKind::NotFound));
    Ok(())
}
