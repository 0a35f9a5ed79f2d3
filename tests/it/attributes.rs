//! What a host notes of a person by keys of its own.

use std::collections::BTreeMap;

use facevault::{
    ClientId, Error, ErrorKind, MAX_ATTRIBUTES, NewCollection, NewPerson, Patch, Person, PersonId, PersonQuery,
    PersonUpdate, Vault, VaultOptions,
};

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default()).expect("a vault");
    (folder, vault)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn create(vault: &Vault, id: &str, attributes: &[(&str, &str)]) -> Result<Person, Error> {
    let id = Some(PersonId::new(id).expect("an id"));
    vault.create_person(&NewPerson { id, name: "N".into(), attributes: map(attributes), ..NewPerson::default() })
}

/// An update of attributes: `None` removes one.
fn merge(pairs: &[(&str, Option<&str>)]) -> PersonUpdate {
    let named = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
    PersonUpdate { attributes: Patch::Set(named), ..PersonUpdate::default() }
}

fn found(vault: &Vault, query: PersonQuery) -> Vec<String> {
    let page = vault.persons(&query.with_limit(100)).expect("a page");
    assert_eq!(page.total, page.items.len() as u64);
    page.items.iter().map(|person| person.id.to_string()).collect()
}

fn by(pairs: &[(&str, &str)]) -> PersonQuery {
    PersonQuery::default().with_attributes(map(pairs))
}

#[test]
fn attributes_are_kept_merged_removed_and_cleared() {
    let (_folder, vault) = vault();
    let ada = create(&vault, "ada", &[("badge", "4711"), ("a.b-c_d9", ""), ("z", "Zo\u{eb}\0\n")]).expect("a person");
    assert_eq!(vault.person(&ada.id).expect("the person"), ada);
    assert_eq!(ada.attributes["z"], "Zo\u{eb}\0\n");
    let update = |update: PersonUpdate| vault.update_person(&ada.id, &update).expect("updated");

    let same = update(merge(&[]));
    assert_eq!(same, ada, "an update that names no attribute is the identity");
    let renamed = update(PersonUpdate { name: Some("M".into()), ..PersonUpdate::default() });
    assert_eq!(renamed.attributes, ada.attributes);
    let merged = update(merge(&[("badge", Some("12")), ("z", None), ("new", Some("1")), ("unknown", None)]));
    assert_eq!(
        (merged.attributes.clone(), merged.version),
        (map(&[("a.b-c_d9", ""), ("badge", "12"), ("new", "1")]), 3)
    );
    assert_eq!(vault.person_summary(&ada.id).expect("a summary").attributes, merged.attributes);
    let cleared = update(PersonUpdate { attributes: Patch::Clear, ..PersonUpdate::default() });
    assert!(cleared.attributes.is_empty());
    assert_eq!(vault.person(&ada.id).expect("the person"), cleared);
}

#[test]
fn people_are_listed_by_attributes() {
    let (_folder, vault) = vault();
    let staff = vault.create_collection(&NewCollection { name: "S".into(), ..Default::default() }).expect("created");
    let other = vault.add_client(&ClientId::new("other").expect("an id")).expect("a client");
    create(&other, "stranger", &[("floor", "2")]).expect("a person");
    create(&vault, "a", &[("floor", "2"), ("team", "red")]).expect("a person");
    create(&vault, "b", &[("floor", "2"), ("team", "blue")]).expect("a person");
    create(&vault, "c", &[("floor", "3"), ("team", "red")]).expect("a person");
    create(&vault, "d", &[("floor", "2 ")]).expect("a person");
    let b = PersonId::new("b").expect("an id");
    let join = PersonUpdate { collections: Some(vec![staff.code.clone()]), ..PersonUpdate::default() };
    vault.update_person(&b, &join).expect("updated");
    assert_eq!(found(&vault, by(&[("floor", "2")])), ["a", "b"]);
    assert_eq!(found(&vault, by(&[("floor", "2"), ("team", "red")])), ["a"]);
    assert_eq!(found(&vault, by(&[("team", "2")])), [""; 0]);
    assert_eq!(found(&vault, by(&[("nothing", "")])), [""; 0]);
    let members = by(&[("floor", "2")]).with_collection(staff.code);
    assert_eq!(found(&vault, members), ["b"]);
    assert_eq!(found(&other, by(&[("floor", "2")])), ["stranger"]);
    vault.update_person(&b, &merge(&[("floor", Some("9"))])).expect("updated");
    assert_eq!(found(&vault, by(&[("floor", "2")])), ["a"]);
    vault.remove_person(&PersonId::new("a").expect("an id")).expect("removed");
    assert_eq!(found(&vault, by(&[("floor", "2")])), [""; 0]);
    let page = PersonQuery::default().with_limit(1).with_page(2);
    assert_eq!(vault.persons(&page).expect("a page").items[0].attributes, map(&[("floor", "3"), ("team", "red")]));
}

#[test]
fn broken_rules_are_named_and_nothing_is_written() {
    let (_folder, vault) = vault();
    let ada = create(&vault, "ada", &[("badge", "1")]).expect("a person");
    let long = "x".repeat(65);
    let most = "語".repeat(1_000);
    let too_long = "語".repeat(1_001);
    for (key, value, said) in [
        ("", "x", "\"attributes.\" must have a key of 1 to 64 of a-z 0-9 _ . -"),
        ("Badge", "x", "\"attributes.Badge\" must have a key"),
        ("a b", "x", "must have a key"),
        ("\u{e9}", "x", "must have a key"),
        (long.as_str(), "x", "must have a key"),
        ("badge", too_long.as_str(), "\"attributes.badge\" must have 0 to 1000 characters"),
    ] {
        let errors = [
            create(&vault, "eve", &[(key, value)]).expect_err("refused"),
            vault.update_person(&ada.id, &merge(&[("fine", Some("1")), (key, Some(value))])).expect_err("refused"),
            vault.persons(&by(&[(key, value)])).expect_err("refused"),
        ];
        for error in errors {
            assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(said), "{error}");
        }
    }
    vault.update_person(&ada.id, &merge(&[("badge", Some(&most)), (&long[..64], Some("x"))])).expect("just fits");

    let many = |from: usize, to: usize| (from..to).map(|n| format!("k{n}")).collect::<Vec<_>>();
    let named = many(0, MAX_ATTRIBUTES + 1);
    let all: Vec<(&str, &str)> = named.iter().map(|key| (key.as_str(), "x")).collect();
    create(&vault, "full", &all[..MAX_ATTRIBUTES]).expect("as many as there may be");
    let error = create(&vault, "fuller", &all).expect_err("one too many");
    assert_eq!(error.to_string(), "\"attributes\" must have 0 to 64 items");
    let full = PersonId::new("full").expect("an id");
    let before = vault.person(&full).expect("the person");
    let error = vault.update_person(&full, &merge(&[("k64", Some("x"))])).expect_err("one too many");
    assert_eq!(error.to_string(), "\"attributes\" must have 0 to 64 items");
    assert_eq!(vault.person(&full).expect("the person"), before);
    vault.update_person(&full, &merge(&[("k64", Some("x")), ("k0", None)])).expect("one comes and one goes");
}

#[test]
fn they_are_in_json_where_there_are_any() {
    let body = br#"{"name": "Ada", "attributes": {"badge": "4711", "desk": null}}"#;
    let new = NewPerson::from_json(body).expect("a person");
    assert_eq!(new.attributes, map(&[("badge", "4711")]));
    let update = PersonUpdate::from_json(br#"{"attributes": {"badge": null, "desk": "7"}}"#).expect("an update");
    assert_eq!(update, merge(&[("badge", None), ("desk", Some("7"))]));
    let clear = PersonUpdate::from_json(br#"{"attributes": null}"#).expect("an update");
    assert_eq!(clear.attributes, Patch::Clear);
    assert!(PersonUpdate::from_json(br#"{"name": "x"}"#).expect("an update").attributes.is_keep());
    for (body, said) in [
        (&br#"{"attributes": []}"#[..], "\"attributes\" must be an object"),
        (br#"{"attributes": {"badge": 4711}}"#, "\"attributes.badge\" must be a string or null"),
    ] {
        assert_eq!(PersonUpdate::from_json(body).expect_err("refused").to_string(), said);
    }
    let (_folder, vault) = vault();
    let bare = create(&vault, "bare", &[]).expect("a person");
    let ada = create(&vault, "ada", &[("badge", "4711")]).expect("a person");
    let shown = |person: &Person| serde_json::to_value(person).expect("JSON");
    assert!(shown(&bare).get("attributes").is_none());
    assert_eq!(shown(&ada)["attributes"], serde_json::json!({"badge": "4711"}));
    let listed = serde_json::to_value(vault.person_summary(&ada.id).expect("a summary")).expect("JSON");
    assert_eq!(listed["attributes"], serde_json::json!({"badge": "4711"}));
}

#[test]
fn a_removed_persons_attributes_leave_no_byte() {
    let (folder, vault) = vault();
    let secret = "an attribute that nobody may find again";
    let ada = create(&vault, "ada", &[("badge", secret)]).expect("a person");
    create(&vault, "bob", &[("badge", "else")]).expect("a person");
    let holds = || {
        std::fs::read_dir(folder.path()).expect("a folder").any(|file| {
            let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
            bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
        })
    };
    assert!(holds());
    vault.remove_person(&ada.id).expect("removed");
    assert!(!holds());
    assert!(vault.check().expect("a check").is_clean());
}
