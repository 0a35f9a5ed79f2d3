//! Everybody out of a vault into a hub and back, by export and import.

use std::collections::BTreeMap;

use facevault::{CollectionId, Gender, NewCollection, NewPerson, PersonId, PersonQuery, Status, Vault, VaultOptions};

use super::super::fakes::{engine, photo};
use super::described;
use crate::harness::Facevault;

/// Everybody as exports keep them: photos get new ids where they come to.
fn everybody(vault: &Vault) -> BTreeMap<String, String> {
    let page = vault.persons(&PersonQuery::default().with_limit(100)).expect("a page");
    let one = |id: &PersonId| {
        let person = vault.person(id).expect("there");
        let ids = person.images.iter().map(|image| image.id.as_str());
        ids.fold(described(&person), |text, id| text.replace(id, "a photo"))
    };
    page.items.iter().map(|person| (person.id.to_string(), one(&person.id))).collect()
}

#[test]
fn everybody_moves_from_a_vault_to_a_hub_and_back() {
    let (Some(one), Some(two)) = (Facevault::in_a_hub(), Facevault::in_a_hub()) else { return };
    let file = one.path().join("file");
    let vault = Vault::create(&file, VaultOptions::default().with_engine(engine())).expect("a vault");
    let staff = NewCollection { id: CollectionId::new("staff").ok(), ..NewCollection::named("Staff") };
    vault.create_collection(&staff).expect("a collection");
    for n in 0..7u32 {
        let new = NewPerson {
            id: PersonId::new(format!("p{n}")).ok(),
            gender: (n % 2 == 0).then_some(Gender::Female),
            notes: (n % 3 == 0).then(|| format!("\"two\",\nlines {n}")),
            images: (0..n % 4).map(|at| photo(10 * n + at)).collect(),
            attributes: BTreeMap::from([("badge".to_owned(), n.to_string())]),
            collections: if n % 2 == 0 { vec!["staff".to_owned()] } else { Vec::new() },
            status: if n == 5 { Status::Pending } else { Status::Active },
            ..NewPerson::named(format!("Person {n}"))
        };
        vault.with_mixed_photos(true).create_person(&new).expect("added");
    }
    let expected = everybody(&vault);
    let hub =
        |test: &Facevault| Vault::open_hub(test.vault(), VaultOptions::default().with_engine(engine())).expect("a hub");
    one.run(["key", "bundle.key"]).ok();
    one.run(["export", "file", "out"]).ok();
    one.run(["import", one.vault(), "out", "--create-collections"]).ok();
    assert_eq!(everybody(&hub(&one)), expected);
    one.run(["export", one.vault(), "people.bundle", "--bundle-key-file", "bundle.key"]).ok();
    let bundle = one.path().join("people.bundle").display().to_string();
    let key = one.path().join("bundle.key").display().to_string();
    two.run(["import", two.vault(), &bundle, "--bundle-key-file", &key, "--create-collections"]).ok();
    assert_eq!(everybody(&hub(&two)), expected);
    // Once more: everybody is there, and nothing is lost.
    let again = two.run(["import", two.vault(), &bundle, "--bundle-key-file", &key]).fails(2, "");
    assert!(again.stdout.contains("p0 exists"), "{again:#?}");
    assert_eq!(everybody(&hub(&two)), expected);
    two.run(["init", "back"]).ok();
    two.run(["export", two.vault(), "out"]).ok();
    two.run(["import", "back", "out", "--create-collections"]).ok();
    let back = Vault::open(two.path().join("back"), VaultOptions::default().with_engine(engine())).expect("a vault");
    assert_eq!(everybody(&back), expected);
    assert!(hub(&two).check().expect("checked").is_clean());
}
