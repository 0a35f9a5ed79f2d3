//! What a hub keeps beside people: who is removed because of time, the audit trail, and what a check finds.

use std::time::Duration;

use facevault::{
    AuditPolicy, AuditQuery, AuditScope, ErrorKind, NewPerson, PersonId, PurgeOptions, RetentionPolicy, Vault,
    VaultOptions,
};
use jiff::Timestamp;

use super::super::fakes::{engine, photo};
use super::Fleet;

fn open(fleet: &Fleet) -> Vault {
    Vault::open_hub(&fleet.address(), VaultOptions::default().with_engine(engine())).expect("a hub")
}

fn add(vault: &Vault, id: &str, seed: u32, expires_at: Option<Timestamp>) -> PersonId {
    let id = PersonId::new(id).expect("an id");
    let new = NewPerson { id: Some(id.clone()), images: vec![photo(seed)], expires_at, ..NewPerson::named("N") };
    vault.create_person(&new).expect("added");
    id
}

#[test]
fn those_whose_time_has_come_are_removed_and_who_was_seen_is_noted() {
    let Some(fleet) = Fleet::new() else { return };
    let vault = open(&fleet);
    let now = Timestamp::now();
    let gone = add(&vault, "gone", 1, Some(now - Duration::from_secs(60)));
    let later = add(&vault, "later", 2, Some(now + Duration::from_secs(86_400)));
    let expired = PurgeOptions::default().with_policy(RetentionPolicy::default().with_expired(true));
    let purged = vault.purge(&expired, &mut ()).expect("purged");
    assert_eq!(purged.persons.iter().map(|one| &one.person).collect::<Vec<_>>(), [&gone]);
    let receipt = purged.persons[0].receipt.as_ref().expect("a receipt");
    assert_eq!(vault.audit_entry(&receipt.entry).expect("an entry").event.kind(), "person_removed");

    // Nobody knows who was seen before searches are noted, and whoever was seen is known then.
    let unseen = PurgeOptions::default().with_policy(RetentionPolicy::default().with_unseen_days(1));
    assert_eq!(vault.purge(&unseen, &mut ()).expect_err("not noted").kind(), ErrorKind::Unsupported);
    vault.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All)).expect("noted");
    assert_eq!(vault.last_seen(&later).expect("read"), None);
    let sight = facevault::OperatingPoint::similarity(0.999).expect("a similarity");
    let options = facevault::CompareOptions::default().with_operating_point(sight);
    let own = vault.person(&later).expect("there").images[0].encoding.clone().expect("an encoding");
    assert!(vault.verify_encoding(&later, &own, &options).expect("compared").decision.accepted);
    assert!(vault.last_seen(&later).expect("read").is_some_and(|seen| seen >= now));
    assert!(vault.purge(&unseen, &mut ()).expect("nobody is due").persons.is_empty());
    // Two days later nobody was seen; but once a kiosk follows, only the kiosk knows.
    let days = "UPDATE facevault.seen SET at = at - 3::bigint * 86400000000;
                UPDATE facevault.persons SET created_at = created_at - 3::bigint * 86400000000;
                UPDATE facevault.audit_state SET searches_since = searches_since - 3::bigint * 86400000000";
    fleet.server.run(&fleet.database, days);
    let dry = unseen.with_dry_run(true);
    assert_eq!(vault.purge(&dry, &mut ()).expect("due").persons[0].person, later);
    fleet.sync(&fleet.vault("kiosk"));
    let error = vault.purge(&unseen, &mut ()).expect_err("a kiosk may have seen somebody");
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("kiosks follow"), "{error}");
    assert!(vault.person_summary(&later).is_ok() && vault.check().expect("checked").is_clean());
}

#[test]
fn an_entry_that_somebody_changes_is_found() {
    let Some(fleet) = Fleet::new() else { return };
    let vault = open(&fleet);
    (0..3).for_each(|n| drop(add(&vault, &format!("p{n}"), n, None)));
    let head = vault.audit(&AuditQuery::default()).expect("a trail").head;
    assert!(vault.audit_verify(Some(&head)).expect("verified").is_clean());
    let refused = "DO $$ BEGIN UPDATE facevault.audit SET actor = 'x'; RAISE 'not refused';
                   EXCEPTION WHEN raise_exception THEN
                       IF SQLERRM = 'not refused' THEN RAISE; END IF; END $$";
    fleet.server.run(&fleet.database, refused);
    for tampering in [
        "UPDATE facevault.audit SET at = at + 1 WHERE sequence = 2",
        "DELETE FROM facevault.audit WHERE sequence = 3",
        "UPDATE facevault.audit_state SET last = last + 1",
    ] {
        let copy = format!("{}_copy", fleet.database);
        fleet.server.copy(&fleet.database, &copy);
        let around = "ALTER TABLE facevault.audit DISABLE TRIGGER audit_is_kept";
        fleet.server.run(&fleet.database, &format!("{around}; {tampering}"));
        assert!(!vault.audit_verify(Some(&head)).expect("verified").is_clean(), "{tampering}");
        assert!(!vault.check().expect("checked").is_clean(), "{tampering}");
        fleet.server.restore(&fleet.database, &copy);
        assert!(vault.audit_verify(Some(&head)).expect("verified").is_clean());
    }
}

#[test]
fn a_check_finds_what_no_facevault_wrote() {
    let Some(fleet) = Fleet::new() else { return };
    let vault = open(&fleet);
    (0..3).for_each(|n| drop(add(&vault, &format!("p{n}"), n, None)));
    let copy = format!("{}_copy", fleet.database);
    for damage in [
        "UPDATE facevault.photos SET bytes = '\\x00' WHERE image = (SELECT MIN(image) FROM facevault.photos)",
        "DELETE FROM facevault.photos WHERE image = (SELECT MAX(image) FROM facevault.photos)",
        "UPDATE facevault.persons SET folded_name = 'x' WHERE id = 'p1'",
        "UPDATE facevault.persons SET items = items || '{\"collection:nowhere\": true}' WHERE id = 'p1'",
        "UPDATE facevault.persons SET items = items || '{\"image:nothing\": true}' WHERE id = 'p1'",
        "UPDATE facevault.persons SET items = items || '{\"gender\": 3}' WHERE id = 'p2'",
        "UPDATE facevault.persons SET changed = 100000 WHERE id = 'p0'",
        "UPDATE facevault.images SET id = 'other' WHERE key = (SELECT MAX(key) FROM facevault.images)",
        "UPDATE facevault.encodings SET vector = '[1,2,3]' WHERE image = (SELECT MAX(image) FROM facevault.encodings)",
        "UPDATE facevault.models SET metric = 'euclidean', dimension = 11",
        "DELETE FROM facevault.retention",
    ] {
        assert!(vault.check().expect("checked").is_clean());
        fleet.server.copy(&fleet.database, &copy);
        fleet.server.run(&fleet.database, damage);
        assert!(!vault.check().expect("checked").is_clean(), "{damage}");
        fleet.server.restore(&fleet.database, &copy);
    }
}
