//! Single requests: what is kept, what is answered, what is refused and how it is said.

use std::sync::Arc;

use facevault::store::{Erasure, ImagesChange, NewPersonRecord, PersonChange, Store};
use facevault::{
    ClientId, DateOfBirth, ErrorKind, Gender, ImageId, NewCollection, Patch, Person, PersonId, PersonQuery, Result,
    Rule, Status,
};

use super::{LIMITS, MODEL, OTHER_MODEL, Vault, encoding, image, person};

fn update(vault: &Vault, id: &PersonId, change: PersonChange) -> Result<Person> {
    vault.store.update_person(&vault.client, id, &change, &LIMITS).map(|written| written.person)
}

fn replace(photos: &[&[u8]]) -> PersonChange {
    let images = photos.iter().map(|photo| image(photo)).collect();
    PersonChange { images: ImagesChange::Replace(images), ..PersonChange::default() }
}

fn ids(person: &Person) -> Vec<ImageId> {
    person.images.iter().map(|image| image.id.clone()).collect()
}

#[test]
fn every_field_comes_back_as_it_was_given() -> Result<()> {
    let vault = Vault::new();
    let text = " \0 Ünï\u{202e}\u{1f600}\r\n\u{feff}\0".to_owned();
    let new = NewPersonRecord {
        id: Some(PersonId::new("person_123456789")?),
        name: text.clone(),
        gender: Some(Gender::Female),
        date_of_birth: Some(DateOfBirth::new(1, 1, 1)?),
        nationality: Some(text.clone()),
        notes: Some(text.clone()),
        status: Status::Inactive,
        collections: Vec::new(),
        images: vec![image(b"first"), image(b"\0second")],
        model: None,
    };
    let written = vault.store.insert_person(&vault.client, &new)?.person;
    drop(vault.store.clone());
    let found = Store::open(vault.path())?.person(&vault.client, &written.id)?;
    assert_eq!(found, written);
    assert_eq!(found.id.as_str(), "person_123456789");
    assert_eq!((&found.name, found.nationality.as_ref(), found.notes.as_ref()), (&text, Some(&text), Some(&text)));
    assert_eq!((found.gender, found.date_of_birth), (new.gender, new.date_of_birth));
    assert_eq!((found.status, found.version, &found.client), (Status::Inactive, 1, &vault.client));
    let photos: Vec<_> = found.images.iter().map(|image| image.bytes.as_slice()).collect();
    assert_eq!(photos, [b"first".as_slice(), b"\0second"]);
    assert_eq!(found.images[1].encoding, Some(encoding(MODEL, b"\0second")));

    let cleared = PersonChange {
        gender: Patch::Clear,
        date_of_birth: Patch::Clear,
        nationality: Patch::Clear,
        notes: Patch::Set(String::new()),
        images: ImagesChange::Clear,
        ..PersonChange::default()
    };
    let after = update(&vault, &written.id, cleared)?;
    assert_eq!((after.gender, after.date_of_birth, after.nationality, after.notes), (None, None, None, None));
    assert_eq!((after.name, after.images.len(), after.version), (text, 0, 2));
    Ok(())
}

#[test]
fn an_update_that_names_nothing_is_the_identity() -> Result<()> {
    let vault = Vault::new();
    let before = vault.store.insert_person(&vault.client, &person("Ada", &[b"a"]))?.person;
    for images in [ImagesChange::Keep, ImagesChange::Edit { remove: Vec::new(), add: Vec::new() }] {
        for expected_version in [None, Some(1)] {
            let change = PersonChange { images: images.clone(), expected_version, ..PersonChange::default() };
            assert_eq!(update(&vault, &before.id, change)?, before);
        }
        let stale = PersonChange { images, expected_version: Some(2), ..PersonChange::default() };
        assert_eq!(update(&vault, &before.id, stale).expect_err("a conflict").kind(), ErrorKind::Conflict);
    }
    Ok(())
}

#[test]
fn a_photo_that_the_person_has_keeps_its_id_and_each_counts_once() -> Result<()> {
    let vault = Vault::new();
    let first = vault.store.insert_person(&vault.client, &person("Ada", &[b"a", b"b", b"a"]))?;
    let id = first.person.id.clone();
    let [a1, b, a2] = ids(&first.person).try_into().expect("three photos");
    assert_ne!(a1, a2);

    let same = vault.store.update_person(&vault.client, &id, &replace(&[b"a", b"b", b"a"]), &LIMITS)?;
    assert_eq!(ids(&same.person), [a1.clone(), b.clone(), a2.clone()]);
    assert!(!same.gallery.changed && same.gallery.generation == first.gallery.generation);
    assert_eq!((same.person.version, same.erasure), (2, Erasure::Nothing));

    let turned = vault.store.update_person(&vault.client, &id, &replace(&[b"b", b"a", b"a"]), &LIMITS)?;
    assert_eq!(ids(&turned.person), [b.clone(), a1.clone(), a2.clone()]);
    assert!(!turned.gallery.changed);

    let fewer = vault.store.update_person(&vault.client, &id, &replace(&[b"c", b"a"]), &LIMITS)?;
    assert_eq!(ids(&fewer.person)[1], a1);
    assert!(fewer.gallery.changed);
    assert_eq!(fewer.erasure, Erasure::Done);

    let change = ImagesChange::Edit { remove: vec![a1.clone(), a1], add: vec![image(b"a"), image(b"d")] };
    let edited = update(&vault, &id, PersonChange { images: change, ..PersonChange::default() })?;
    let photos: Vec<_> = edited.images.iter().map(|image| image.bytes.as_slice()).collect();
    assert_eq!(photos, [b"c", b"a", b"d"]);
    assert!(!ids(&edited).contains(&a2));
    Ok(())
}

#[test]
fn known_photos_need_no_encoding() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert_person(&vault.client, &person("Ada", &[b"a", b"b"]))?.person.id;
    let known = vault.store.known_images(&vault.client, &id, &MODEL)?;
    assert_eq!(known.len(), 2);
    assert_eq!(known.get(image(b"a").sha256()), Some(&encoding(MODEL, b"a")));
    assert!(vault.store.known_images(&vault.client, &id, &OTHER_MODEL)?.is_empty());

    // One that came without an encoding takes it when it comes again.
    let mut bare = image(b"c");
    bare.encoding = None;
    let change = PersonChange { images: ImagesChange::Replace(vec![bare]), ..PersonChange::default() };
    assert_eq!(update(&vault, &id, change)?.images[0].encoding, None);
    let again = update(&vault, &id, replace(&[b"c"]))?;
    assert_eq!(again.images[0].encoding, Some(encoding(MODEL, b"c")));
    assert_eq!(vault.store.encodings(&vault.client, &id, &MODEL)?, [(ids(&again)[0].clone(), encoding(MODEL, b"c"))]);
    assert_eq!(vault.store.image(&vault.client, &id, &ids(&again)[0])?.as_slice(), b"c");
    Ok(())
}

#[test]
fn encodings_of_another_model_are_refused() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert_person(&vault.client, &person("Ada", &[b"a"]))?.person.id;
    let mut wrong = image(b"b");
    wrong.encoding = Some(encoding(OTHER_MODEL, b"b"));
    let mut short = image(b"b");
    short.encoding = Some(facevault::FaceEncoding::new(MODEL, vec![1.0; 3])?);
    for bad in [wrong, short] {
        let change = PersonChange { images: ImagesChange::Replace(vec![bad]), ..PersonChange::default() };
        assert_eq!(update(&vault, &id, change).expect_err("a mismatch").kind(), ErrorKind::ModelMismatch);
    }
    Ok(())
}

#[test]
fn every_unknown_collection_is_named() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert_person(&vault.client, &person("Ada", &[]))?.person.id;
    let staff = vault
        .store
        .insert_collection(&vault.client, &NewCollection { name: "Staff".into(), ..NewCollection::default() })?;
    let names = vec!["x".to_owned(), staff.code.clone(), "y\"\n".repeat(100)];
    let change = PersonChange { collections: Some(names), name: Some("B".into()), ..PersonChange::default() };
    let error = update(&vault, &id, change).expect_err("unknown collections");
    let fields: Vec<_> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["collections[0]", "collections[2]"]);
    assert_eq!(error.violations()[0].rule, Rule::Unknown("collection \"x\"".into()));
    assert!(error.violations()[1].to_string().len() < 300, "{error}");
    assert_eq!(vault.store.person(&vault.client, &id)?.name, "Ada");

    let names = Some(vec![staff.code, staff.id.to_string()]);
    let joined = update(&vault, &id, PersonChange { collections: names, ..PersonChange::default() })?;
    assert_eq!(joined.collections, [staff.id]);
    Ok(())
}

#[test]
fn limits_hold_inside_the_transaction() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert_person(&vault.client, &person("Ada", &[b"a", b"b", b"c"]))?.person.id;
    let add = |photos: &[&[u8]]| PersonChange {
        images: ImagesChange::Edit { remove: Vec::new(), add: photos.iter().map(|photo| image(photo)).collect() },
        ..PersonChange::default()
    };
    let error = update(&vault, &id, add(&[b"d", b"e"])).expect_err("five photos");
    assert_eq!(error.to_string(), "\"images\" must have 0 to 4 items");
    assert_eq!(update(&vault, &id, add(&[b"d"]))?.images.len(), 4);
    let error = update(&vault, &id, replace(&[])).expect_err("no photo");
    assert_eq!(error.to_string(), "\"images\" must have 1 to 4 items");

    let stranger = ImageId::new("image_unknown")?;
    let change = ImagesChange::Edit { remove: vec![stranger], add: Vec::new() };
    let error = update(&vault, &id, PersonChange { images: change, ..PersonChange::default() });
    assert_eq!(error.expect_err("no such photo").kind(), ErrorKind::NotFound);
    Ok(())
}

#[test]
fn what_belongs_to_another_client_answers_as_if_it_were_not_there() -> Result<()> {
    let vault = Vault::new();
    let (store, other) = (&vault.store, ClientId::new("other")?);
    store.insert_client(&other)?;
    let own = store.insert_person(&vault.client, &person("Ada", &[b"a"]))?.person;
    let group =
        store.insert_collection(&vault.client, &NewCollection { name: "Staff".into(), ..NewCollection::default() })?;
    let nobody = PersonId::new("x".repeat(own.id.as_str().len()))?;

    let answers = |id: &PersonId, image: &ImageId| -> Vec<String> {
        let change = PersonChange { name: Some("B".into()), ..PersonChange::default() };
        let errors = [
            store.person(&other, id).err(),
            store.person_summary(&other, id).err(),
            store.update_person(&other, id, &change, &LIMITS).err(),
            store.remove_person(&other, id, None).err(),
            store.known_images(&other, id, &MODEL).err(),
            store.encodings(&other, id, &MODEL).err(),
            store.image(&other, id, image).err(),
        ];
        let say = |error: facevault::Error| {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            error.to_string().replace(id.as_str(), "ID")
        };
        errors.into_iter().map(|error| say(error.expect("nothing there"))).collect()
    };
    assert_eq!(answers(&own.id, &own.images[0].id), answers(&nobody, &ImageId::generate()));

    for name in [group.id.as_str(), &group.code] {
        let error = store.collection(&other, name).expect_err("nothing there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(store.remove_collection(&other, name).expect_err("nothing there").kind(), ErrorKind::NotFound);
        let new = NewPersonRecord { collections: vec![name.to_owned()], ..person("Eve", &[]) };
        assert_eq!(store.insert_person(&other, &new).expect_err("nothing there").kind(), ErrorKind::Invalid);
    }
    // The same id is free for another client.
    let twin = NewPersonRecord { id: Some(own.id.clone()), ..person("Eve", &[]) };
    assert_eq!(store.insert_person(&other, &twin)?.person.name, "Eve");
    assert_eq!(store.person(&vault.client, &own.id)?, own);
    assert_eq!(store.insert_person(&other, &twin).expect_err("a second one").kind(), ErrorKind::AlreadyExists);
    let stranger = ClientId::new("stranger")?;
    assert_eq!(store.persons(&stranger, &PersonQuery::default()).expect_err("nobody").kind(), ErrorKind::NotFound);
    assert_eq!(store.insert_client(&other).expect_err("a second one").kind(), ErrorKind::AlreadyExists);
    Ok(())
}

#[test]
fn pages_out_of_range_are_refused() -> Result<()> {
    let vault = Vault::new();
    for (page, limit) in [(0, 10), (1, 0), (1, 1_001), (u64::MAX, 1_000)] {
        let query = PersonQuery { page, limit, ..PersonQuery::default() };
        let error = vault.store.persons(&vault.client, &query).expect_err("no such page");
        assert_eq!(error.kind(), ErrorKind::Invalid, "page {page}, limit {limit}");
    }
    let query = PersonQuery { collection: Some("none".into()), ..PersonQuery::default() };
    let error = vault.store.persons(&vault.client, &query).expect_err("no such collection");
    assert_eq!(error.violations()[0].field, "collection");
    Ok(())
}

#[test]
fn one_handle_serves_many_threads() -> Result<()> {
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let vault = Vault::new();
    shareable(&vault.store);
    let id = Arc::new(vault.store.insert_person(&vault.client, &person("Ada", &[b"a"]))?.person.id);
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (store, client, id) = (vault.store.clone(), vault.client.clone(), id.clone());
            std::thread::spawn(move || (0..50).try_for_each(|_| store.person(&client, &id).map(drop)))
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic")?;
    }
    Ok(())
}

#[test]
fn debug_shows_nothing_that_describes_a_person() -> Result<()> {
    let vault = Vault::new();
    let written = vault.store.insert_person(&vault.client, &person("Ada Secret", &[b"photo-secret"]))?;
    let change = PersonChange { name: Some("Ada Secret".into()), ..PersonChange::default() };
    let shown = format!("{:?} {written:?} {change:?} {:?}", vault.store, person("Ada Secret", &[b"photo-secret"]));
    assert!(!shown.contains("Secret") && !shown.contains("secret"), "{shown}");
    assert!(!shown.contains(&format!("{:?}", b"photo-secret")), "{shown}");
    Ok(())
}
