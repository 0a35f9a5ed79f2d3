//! What a vault and a hub tell each other.

use std::collections::BTreeMap;

use facevault::{
    AuditPolicy, AuditScope, CollectionId, CollectionUpdate, ErrorKind, Gender, Hub, IdentifyOptions, ImagesUpdate,
    NewCollection, NewPerson, OperatingPoint, Patch, PersonId, PersonUpdate, Status, SyncOptions, Vault, VaultOptions,
};

use super::super::fakes::{engine, photo};
use super::{Fleet, everybody};

fn id(text: &str) -> PersonId {
    PersonId::new(text).expect("an id")
}

fn person(name: &str, photos: &[u32]) -> NewPerson {
    NewPerson {
        id: Some(id(&name.to_lowercase())),
        images: photos.iter().map(|seed| photo(*seed)).collect(),
        ..NewPerson::named(name)
    }
}

fn update(vault: &Vault, who: &str, update: PersonUpdate) {
    vault.update_person(&id(who), &update).expect("updated");
}

fn notes(text: &str) -> PersonUpdate {
    PersonUpdate { notes: Patch::Set(text.into()), ..PersonUpdate::default() }
}

/// Who is found by the encoding of a photo.
fn found(vault: &Vault, seed: u32) -> Option<String> {
    let probe = engine().encode(&photo(seed)).expect("a face").encoding;
    let point = OperatingPoint::similarity(0.99).expect("a similarity");
    let answer = vault.identify_encoding(&probe, &IdentifyOptions::default().with_operating_point(point));
    answer.expect("a search").candidates.first().map(|candidate| candidate.person.to_string())
}

#[test]
fn everybody_travels_whole_and_is_found_without_encoding_again() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault_with("b", VaultOptions::default()));
    a.create_collection(&NewCollection { id: CollectionId::new("staff").ok(), ..NewCollection::named("Staff") })
        .expect("a collection");
    let ada = NewPerson {
        gender: Some(Gender::Female),
        notes: Some("two\nlines".into()),
        attributes: BTreeMap::from([("badge".to_owned(), "4711".to_owned())]),
        collections: vec!["staff".into()],
        ..person("Ada", &[1, 2])
    };
    a.create_person(&ada).expect("a person");
    a.create_person(&NewPerson { status: Status::Pending, ..person("Bob", &[3]) }).expect("a person");
    a.create_person(&person("Eve", &[])).expect("a person");
    let sent = fleet.sync(&a);
    assert_eq!((sent.sent, sent.added, sent.changed, sent.unsent), (3, 0, 0, 0));
    let taken = fleet.sync(&b);
    assert_eq!((taken.sent, taken.added, taken.changed, taken.unencoded), (0, 3, 0, 0));
    assert_eq!(everybody(&a), everybody(&b));
    assert_eq!((found(&b, 2).as_deref(), found(&b, 3)), (Some("ada"), None));
    assert_eq!(b.collection("staff").expect("it came along").name, "Staff");
    // Nothing to do is nothing done: no version moves.
    let before: Vec<u64> = ["ada", "bob", "eve"].map(|who| b.person(&id(who)).expect("there").version).to_vec();
    for vault in [&a, &b] {
        let again = fleet.sync(vault);
        assert_eq!((again.sent, again.added, again.changed, again.conflicts.len()), (0, 0, 0, 0));
    }
    assert_eq!(before, ["ada", "bob", "eve"].map(|who| b.person(&id(who)).expect("there").version));
    // Every kind of change.
    let attributes = BTreeMap::from([("badge".to_owned(), None), ("desk".to_owned(), Some("9".to_owned()))]);
    let change = PersonUpdate {
        name: Some("Ada L".into()),
        gender: Patch::Clear,
        attributes: Patch::Set(attributes),
        collections: Some(Vec::new()),
        images: ImagesUpdate::Replace(vec![photo(4), photo(2)]),
        status: Some(Status::Inactive),
        ..PersonUpdate::default()
    };
    let b = Vault::open(b.path(), VaultOptions::default().with_engine(engine())).expect("opened");
    update(&b, "ada", change);
    b.update_collection("staff", &CollectionUpdate { name: Some("All staff".into()), ..CollectionUpdate::default() })
        .expect("renamed");
    fleet.sync(&b);
    let taken = fleet.sync(&a);
    assert_eq!((taken.changed, taken.conflicts.len()), (1, 0));
    assert_eq!(everybody(&a), everybody(&b));
    assert_eq!(a.collection("staff").expect("there").name, "All staff");
    let status = fleet.hub().status().expect("a status");
    assert_eq!((status.persons, status.images, status.encodings, status.kiosks.len()), (3, 3, 3, 2));
}

#[test]
fn what_was_changed_on_both_sides_is_settled_item_by_item() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    a.create_person(&person("Ada", &[1])).expect("a person");
    fleet.sync(&a);
    fleet.sync(&b);
    update(&a, "ada", notes("from a"));
    update(
        &a,
        "ada",
        PersonUpdate { images: ImagesUpdate::Edit { remove: vec![], add: vec![photo(2)] }, ..PersonUpdate::default() },
    );
    update(&b, "ada", PersonUpdate { gender: Patch::Set(Gender::Female), ..notes("from b") });
    update(
        &b,
        "ada",
        PersonUpdate { images: ImagesUpdate::Edit { remove: vec![], add: vec![photo(3)] }, ..PersonUpdate::default() },
    );
    assert!(fleet.sync(&a).conflicts.is_empty());
    let settled = fleet.sync(&b);
    let [conflict] = &settled.conflicts[..] else { panic!("one conflict: {:?}", settled.conflicts) };
    assert_eq!((conflict.person.as_str(), conflict.item.as_str()), ("ada", "notes"));
    assert_eq!((&conflict.kept, &conflict.lost), (&"from a".into(), &"from b".into()));
    assert!(!format!("{conflict:?}").contains("from"));
    fleet.sync(&a);
    assert_eq!(everybody(&a), everybody(&b));
    let ada = a.person(&id("ada")).expect("there");
    assert_eq!((ada.notes.as_deref(), ada.gender, ada.images.len()), (Some("from a"), Some(Gender::Female), 3));
    let history = fleet.hub().history(&id("ada")).expect("a history");
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].item.as_str(), &history[0].lost), ("notes", &"from b".into()));
    // Whoever was told may change it again.
    update(&b, "ada", notes("again"));
    assert!(fleet.sync(&b).conflicts.is_empty());
    fleet.sync(&a);
    assert_eq!(a.person(&id("ada")).expect("there").notes.as_deref(), Some("again"));
}

#[test]
fn the_same_id_on_two_vaults_is_one_person() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    a.create_person(&NewPerson { notes: Some("a".into()), ..person("Ada", &[1]) }).expect("a person");
    b.create_person(&NewPerson { nationality: Some("GB".into()), notes: Some("b".into()), ..person("Ada", &[2]) })
        .expect("a person");
    fleet.sync(&a);
    let synced = fleet.sync(&b);
    assert_eq!(synced.conflicts.iter().map(|conflict| conflict.item.as_str()).collect::<Vec<_>>(), ["notes"]);
    fleet.sync(&a);
    assert_eq!(everybody(&a), everybody(&b));
    let ada = a.person(&id("ada")).expect("there");
    assert_eq!((ada.images.len(), ada.nationality.as_deref()), (2, Some("GB")));
}

#[test]
fn removals_win_are_carried_out_everywhere_and_have_a_receipt_each() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    b.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::Changes)).expect("a policy");
    for name in ["Ada", "Bob"] {
        a.create_person(&person(name, &[name.len() as u32])).expect("a person");
    }
    fleet.sync(&a);
    fleet.sync(&b);
    a.remove_person(&id("ada")).expect("removed");
    update(&b, "ada", notes("still here"));
    assert_eq!(fleet.sync(&a).removals_sent, 1);
    let synced = fleet.sync(&b);
    let [removed] = &synced.removed[..] else { panic!("one: {:?}", synced.removed) };
    assert_eq!(removed.person, id("ada"));
    assert!(removed.receipt.is_some());
    assert_eq!(b.person(&id("ada")).expect_err("gone").kind(), ErrorKind::NotFound);
    // The id is free again, for somebody else.
    b.create_person(&person("Ada", &[7])).expect("a new person");
    fleet.sync(&b);
    fleet.sync(&a);
    assert_eq!(everybody(&a), everybody(&b));
    assert_eq!(everybody(&a).len(), 2);
    // A collection that is removed lets its members go.
    a.create_collection(&NewCollection { id: CollectionId::new("c").ok(), ..NewCollection::named("C") }).expect("one");
    update(&a, "bob", PersonUpdate { collections: Some(vec!["c".into()]), ..PersonUpdate::default() });
    fleet.sync(&a);
    fleet.sync(&b);
    assert_eq!(b.person(&id("bob")).expect("there").collections.len(), 1);
    b.remove_collection("c").expect("removed");
    fleet.sync(&b);
    fleet.sync(&a);
    assert!(a.person(&id("bob")).expect("there").collections.is_empty());
    assert!(a.collections().expect("a list").is_empty());
}

#[test]
fn a_share_is_the_members_of_some_collections_and_may_be_without_photos() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault_with("b", VaultOptions::default()));
    let staff = CollectionId::new("staff").expect("an id");
    a.create_collection(&NewCollection { id: Some(staff.clone()), ..NewCollection::named("Staff") }).expect("one");
    a.create_person(&NewPerson { collections: vec!["staff".into()], ..person("Ada", &[1]) }).expect("a person");
    a.create_person(&person("Bob", &[2])).expect("a person");
    fleet.sync(&a);
    b.create_person(&person("Own", &[])).expect("a person");
    let share = SyncOptions::default().with_collections(Patch::Set(vec![staff])).with_photos(false);
    let synced = fleet.sync_with(&b, &share);
    assert_eq!((synced.sent, synced.added), (1, 1));
    let ada = b.person(&id("ada")).expect("there");
    assert!(ada.images[0].bytes.is_none() && ada.images[0].encoding.is_some());
    assert_eq!(found(&b, 1).as_deref(), Some("ada"));
    // Whoever leaves the collection leaves the vault; whoever came from it stays.
    update(&a, "ada", PersonUpdate { collections: Some(Vec::new()), ..PersonUpdate::default() });
    update(&a, "bob", PersonUpdate { collections: Some(vec!["staff".into()]), ..PersonUpdate::default() });
    fleet.sync(&a);
    let synced = fleet.sync(&b);
    assert_eq!((synced.left, synced.added, synced.removals_sent), (1, 1, 0));
    assert_eq!(b.person(&id("ada")).expect_err("left").kind(), ErrorKind::NotFound);
    assert!(b.person(&id("own")).is_ok() && b.person(&id("bob")).is_ok());
    fleet.sync(&a);
    assert!(a.person(&id("ada")).is_ok());
    // With everybody and with photos, both hold the same again.
    let all = SyncOptions::default().with_collections(Patch::Clear).with_photos(true);
    fleet.sync_with(&b, &all);
    fleet.sync(&a);
    assert_eq!(everybody(&a), everybody(&b));
}

#[test]
fn a_hub_that_was_restored_from_a_backup_gets_back_what_it_lost() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b, c) = (fleet.vault("a"), fleet.vault("b"), fleet.vault("c"));
    for name in ["Ada", "Bob", "Eve", "Zoe"] {
        a.create_person(&person(name, &[1])).expect("a person");
    }
    fleet.sync(&a);
    fleet.sync(&b);
    fleet.sync(&c);
    let yesterday = format!("{}_yesterday", fleet.database);
    fleet.server.copy(&fleet.database, &yesterday);
    // What the hub will forget: a change, a removal, somebody new.
    update(&a, "ada", notes("today"));
    a.remove_person(&id("bob")).expect("removed");
    a.create_person(&person("New", &[5])).expect("a person");
    fleet.sync(&a);
    fleet.sync(&b);
    fleet.server.restore(&fleet.database, &yesterday);
    // Somebody who was not there that day goes on first.
    update(&c, "eve", notes("from c"));
    assert!(!fleet.sync(&c).restored);
    update(&b, "zoe", notes("from b"));
    let synced = fleet.sync(&b);
    assert!(synced.restored && synced.conflicts.is_empty(), "{synced:?}");
    assert!(fleet.sync(&a).restored);
    for vault in [&b, &c, &a] {
        let synced = fleet.sync(vault);
        assert!(!synced.restored && synced.conflicts.is_empty(), "{synced:?}");
    }
    assert_eq!(everybody(&a), everybody(&b));
    assert_eq!(everybody(&a), everybody(&c));
    assert_eq!(everybody(&a).len(), 4);
    for (who, text) in [("ada", "today"), ("eve", "from c"), ("zoe", "from b")] {
        assert_eq!(c.person(&id(who)).expect("there").notes.as_deref(), Some(text));
    }
    assert_eq!(c.person(&id("bob")).expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(fleet.hub().status().expect("a status").restorations, 1);
}

#[test]
fn a_vault_that_is_an_older_copy_loses_nothing_and_takes_nothing_back() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    a.create_person(&person("Ada", &[1])).expect("a person");
    fleet.sync(&a);
    let copy = fleet.folder.path().join("copy");
    a.backup(&copy, &mut ()).expect("a copy");
    update(&a, "ada", notes("newer"));
    fleet.sync(&a);
    let old = Vault::open(&copy, VaultOptions::default().with_engine(engine())).expect("opened");
    assert!(!fleet.sync(&old).restored);
    assert_eq!(old.person(&id("ada")).expect("there").notes.as_deref(), Some("newer"));
    fleet.sync(&b);
    assert_eq!(everybody(&a), everybody(&b));
}

#[test]
fn one_vault_may_be_followed_up_by_two_at_once_and_changed_meanwhile() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    for number in 0..30 {
        a.create_person(&person(&format!("P{number}"), &[number])).expect("a person");
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..4).for_each(|_| drop(fleet.hub_synced(&a))));
        }
        scope.spawn(|| {
            for round in 0..60 {
                update(&a, &format!("p{}", round % 30), notes(&format!("round {round}")));
            }
        });
    });
    assert!(fleet.sync(&a).conflicts.is_empty());
    fleet.sync(&b);
    assert_eq!(everybody(&a), everybody(&b));
    assert!(fleet.hub().history(&id("p7")).expect("a history").is_empty());
    assert_eq!(b.person(&id("p7")).expect("there").notes.as_deref(), Some("round 37"));
}

#[test]
fn a_vault_follows_one_hub_for_one_client() {
    let (Some(fleet), Some(other)) = (Fleet::new(), Fleet::new()) else { return };
    let a = fleet.vault("a");
    fleet.sync(&a);
    let error = a.sync(&mut other.hub(), &SyncOptions::default(), &mut ()).expect_err("another hub");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("follows another hub"), "{error}");
    let second = a.add_client(&facevault::ClientId::new("second").expect("an id")).expect("a client");
    let error = second.sync(&mut fleet.hub(), &SyncOptions::default(), &mut ()).expect_err("another client");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn clients_of_a_hub_do_not_see_each_other() {
    let Some(fleet) = Fleet::new() else { return };
    let mut owner = fleet.hub();
    let user = |name: &str| format!("{}_{name}", fleet.database);
    let (one, two) = (facevault::ClientId::new("one").expect("an id"), facevault::ClientId::new("two").expect("an id"));
    let addresses: Vec<String> = [("k1", &one), ("k2", &two)]
        .map(|(name, client)| {
            let made = owner.add_kiosk(&user(name), client).expect("a user");
            assert!(!format!("{made:?}").contains(&made.password));
            fleet.address().replace("owner:secret", &format!("{}:{}", made.user, made.password))
        })
        .to_vec();
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    a.create_person(&person("Ada", &[1])).expect("a person");
    b.create_person(&person("Bob", &[2])).expect("a person");
    for (vault, address) in [(&a, &addresses[0]), (&b, &addresses[1])] {
        let mut hub = Hub::connect(address, None).expect("connected");
        vault.sync(&mut hub, &SyncOptions::default(), &mut ()).expect("synced");
        assert_eq!(hub.status().expect("a status").persons, 1);
        assert!(Hub::connect(address, Some(&facevault::ClientId::new("default").expect("an id"))).is_err());
    }
    assert_eq!((everybody(&a).len(), everybody(&b).len()), (1, 1));
    // Not even by asking PostgreSQL itself.
    let mut raw = postgres::Client::connect(&addresses[0], postgres::NoTls).expect("connects");
    for table in ["persons", "images", "photos", "encodings", "kiosks", "attempts", "clients"] {
        let count: i64 = raw.query_one(&format!("SELECT COUNT(*) FROM facevault.{table}"), &[]).expect("reads").get(0);
        assert!(count <= 1, "{table}");
    }
    assert!(raw.execute("UPDATE facevault.persons SET client = client + 1", &[]).is_err());
    assert!(raw.query("SELECT * FROM facevault.members", &[]).is_err());
    assert!(raw.batch_execute("DROP TABLE facevault.persons").is_err());
    // A stolen kiosk's user is shut out at once.
    assert!(owner.revoke_kiosk(&user("k1")).expect("revoked"));
    assert!(raw.query("SELECT 1", &[]).is_err());
    let error = Hub::connect(&addresses[0], None).expect_err("shut out");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!owner.revoke_kiosk(&user("k1")).expect("revoked before"));
}
