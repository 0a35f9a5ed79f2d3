//! What an update promises: all or nothing, every photo once, every broken rule named.

use facevault::{
    ClientId, ErrorKind, ImagesUpdate, NewCollection, NewPerson, Person, PersonId, PersonUpdate, Refusal, RefusalCode,
    Vault, VaultOptions,
};

use super::fakes::{engine, engine_of, photo, photo_of};

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("people.vault"), VaultOptions::default().with_engine(engine()))
        .expect("a vault");
    (folder, vault)
}

fn ada(vault: &Vault, photos: &[u32]) -> Person {
    let images = photos.iter().map(|seed| photo(*seed)).collect();
    vault.create_person(&NewPerson { name: "Ada".into(), images, ..NewPerson::default() }).expect("a person")
}

fn replace(seeds: &[u32]) -> PersonUpdate {
    let images = ImagesUpdate::Replace(seeds.iter().map(|seed| photo(*seed)).collect());
    PersonUpdate { images, ..PersonUpdate::default() }
}

#[test]
fn the_pages_partial_update_leaves_everything_else() {
    let (_folder, vault) = vault();
    let before = ada(&vault, &[1]);
    let body = br#"{"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"}"#;
    let after =
        vault.update_person(&before.id, &PersonUpdate::from_json(body).expect("the API's body")).expect("updated");
    let mut expected = before.clone();
    expected.name = "John Doe Updated".into();
    expected.gender = Some(facevault::Gender::Male);
    expected.notes = Some("Updated VIP customer".into());
    (expected.version, expected.updated_at) = (2, after.updated_at);
    assert_eq!(after, expected);
    assert!(after.updated_at >= before.updated_at);
    assert_eq!(vault.person(&before.id).expect("the person"), after);
}

#[test]
fn photos_are_replaced_with_their_encodings_in_order() {
    let (_folder, vault) = vault();
    let person = ada(&vault, &[1, 2]);
    let after = vault.update_person(&person.id, &replace(&[3, 1])).expect("updated");
    let bytes: Vec<_> = after.images.iter().filter_map(|image| image.bytes.clone()).collect();
    assert_eq!(bytes, [photo(3), photo(1)]);
    assert_eq!(after.images[1], person.images[0], "a photo that stays keeps its id and encoding");
    for image in &after.images {
        let encoded =
            vault.engine().expect("an engine").encode(image.bytes.as_deref().expect("a photo")).expect("a face");
        assert_eq!(image.encoding.as_ref(), Some(&encoded.encoding));
    }
}

#[test]
fn a_photo_that_is_known_is_not_encoded_again() {
    let (_folder, vault) = vault();
    let engine = vault.engine().expect("an engine").clone();
    let person = ada(&vault, &[1, 2]);
    assert_eq!(engine.encoded(), 2);
    vault.update_person(&person.id, &replace(&[2, 1])).expect("updated");
    assert_eq!(engine.encoded(), 2, "both photos were known");
    vault.update_person(&person.id, &replace(&[1, 7, 7, 2])).expect("updated");
    assert_eq!(engine.encoded(), 3, "one was new, and named twice");
    let edit = ImagesUpdate::Edit { remove: vec![], add: vec![photo(7)] };
    vault.update_person(&person.id, &PersonUpdate { images: edit, ..PersonUpdate::default() }).expect("updated");
    assert_eq!(engine.encoded(), 3);
}

#[test]
fn one_refused_photo_fails_the_whole_update_and_every_outcome_is_told() {
    let (_folder, vault) = vault();
    let before = ada(&vault, &[1]);
    let images = vec![photo(2), photo_of(3, 0), photo(1), photo_of(4, 2), vec![].into(), photo_of(3, 0)];
    let update =
        PersonUpdate { name: Some("Eve".into()), images: ImagesUpdate::Replace(images), ..PersonUpdate::default() };
    let error = vault.update_person(&before.id, &update).expect_err("three photos are bad");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let outcomes: Vec<Option<RefusalCode>> =
        error.images().iter().map(|image| image.refusal.as_ref().map(|refusal: &Refusal| refusal.code)).collect();
    assert_eq!(
        outcomes,
        [
            None,
            Some(RefusalCode::NoFaceDetected),
            None,
            Some(RefusalCode::MultipleFacesDetected),
            Some(RefusalCode::UndecodableImage),
            Some(RefusalCode::NoFaceDetected),
        ]
    );
    assert_eq!(vault.person(&before.id).expect("the person"), before);
}

#[test]
fn an_update_that_names_nothing_is_the_identity() {
    let (_folder, vault) = vault();
    let before = ada(&vault, &[1]);
    let after = vault.update_person(&before.id, &PersonUpdate::default()).expect("nothing to do");
    assert_eq!(after, before);
}

#[test]
fn a_stale_version_is_a_conflict() {
    let (_folder, vault) = vault();
    let person = ada(&vault, &[1]);
    let update = |name: &str, version| PersonUpdate {
        name: Some(name.into()),
        expected_version: Some(version),
        ..PersonUpdate::default()
    };
    vault.update_person(&person.id, &update("first", 1)).expect("current");
    let error = vault.update_person(&person.id, &update("second", 1)).expect_err("stale");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(vault.person(&person.id).expect("the person").name, "first");
}

#[test]
fn unknown_collections_are_all_named_before_a_photo_is_encoded() {
    let (_folder, vault) = vault();
    let person = ada(&vault, &[1]);
    let staff =
        vault.create_collection(&NewCollection { name: "staff".into(), ..Default::default() }).expect("created");
    let encoded = vault.engine().expect("an engine").encoded();
    let mut update = replace(&[9]);
    update.collections = Some(vec!["nowhere".into(), staff.code.clone(), "never".into()]);
    let error = vault.update_person(&person.id, &update).expect_err("two are unknown");
    let fields: Vec<&str> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["collections[0]", "collections[2]"]);
    assert_eq!(vault.engine().expect("an engine").encoded(), encoded);

    update.collections = Some(vec![staff.code]);
    assert_eq!(vault.update_person(&person.id, &update).expect("known").collections, [staff.id]);
}

#[test]
fn another_clients_person_does_not_exist() {
    let (_folder, vault) = vault();
    let person = ada(&vault, &[1]);
    let other = vault.add_client(&ClientId::new("client_other").expect("an id")).expect("a client");
    let unknown = PersonId::new("person_unknown").expect("an id");
    for id in [&person.id, &unknown] {
        let update = other.update_person(id, &PersonUpdate { name: Some("x".into()), ..Default::default() });
        assert_eq!(update.expect_err("not there").kind(), ErrorKind::NotFound);
        assert_eq!(other.person(id).expect_err("not there").kind(), ErrorKind::NotFound);
        assert_eq!(other.remove_person(id).expect_err("not there").kind(), ErrorKind::NotFound);
    }
    let told = |id: &PersonId| other.person(id).expect_err("not there").to_string().replace(id.as_str(), "");
    assert_eq!(told(&person.id), told(&unknown));
    assert_eq!(vault.person(&person.id).expect("still there"), person);
}

#[test]
fn without_an_engine_everything_but_new_photos_works() {
    let (_folder, vault) = vault();
    let person = ada(&vault, &[1, 2]);
    let plain = Vault::open(vault.path(), VaultOptions::default()).expect("opened");
    let renamed = PersonUpdate { name: Some("Grace".into()), ..PersonUpdate::default() };
    assert_eq!(plain.update_person(&person.id, &renamed).expect("no photo").name, "Grace");
    assert_eq!(plain.update_person(&person.id, &replace(&[2])).expect("a known photo").images.len(), 1);
    let error = plain.update_person(&person.id, &replace(&[3])).expect_err("a new photo");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
}

#[test]
fn encodings_of_another_model_are_not_mixed_in() {
    let (_folder, vault) = vault();
    let person = ada(&vault, &[1]);
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(2))).expect("opened");
    let error = other.update_person(&person.id, &replace(&[3])).expect_err("another model");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    assert_eq!(other.person(&person.id).expect("readable"), person);
}

#[test]
fn two_vaults_share_an_engine_across_threads() {
    let engine = engine();
    let folder = tempfile::tempdir().expect("a folder");
    let open = |name: &str| {
        Vault::create(folder.path().join(name), VaultOptions::default().with_engine(engine.clone())).expect("a vault")
    };
    let vaults = [open("a.vault"), open("b.vault")];
    std::thread::scope(|scope| {
        for (number, vault) in vaults.iter().enumerate() {
            scope.spawn(move || {
                for seed in 0..5 {
                    ada(vault, &[number as u32 * 100 + seed]);
                }
            });
        }
    });
    for vault in &vaults {
        assert_eq!(vault.persons(&Default::default()).expect("a list").total, 5);
        assert!(vault.check().expect("a report").is_clean());
    }
    assert_eq!(engine.encoded(), 10);
}
