//! Single requests: what is kept, what is answered, what is refused and how it is said.

use std::sync::Arc;

use facevault::store::{Erasure, PreparedImages, Store};
use facevault::{
    ClientId, DateOfBirth, ErrorKind, FaceEncoding, Gender, ImageId, ImagesUpdate, NewCollection, NewPerson, Patch,
    Person, PersonId, PersonQuery, PersonUpdate, Result, Rule, Status,
};

use super::{LIMITS, MODEL, OTHER_MODEL, Vault, Writes, encoding, images, person, prepared, without_encodings};

fn update(vault: &Vault, id: &PersonId, change: PersonUpdate) -> Result<Person> {
    vault.store.update(&vault.client, id, &change).map(|written| written.person)
}

fn replace(photos: &[&[u8]]) -> PersonUpdate {
    PersonUpdate { images: ImagesUpdate::Replace(images(photos)), ..PersonUpdate::default() }
}

fn ids(person: &Person) -> Vec<ImageId> {
    person.images.iter().map(|image| image.id.clone()).collect()
}

#[test]
fn every_field_comes_back_as_it_was_given() -> Result<()> {
    let vault = Vault::new();
    let text = " \0 Ünï\u{202e}\u{1f600}\r\n\u{feff}\0".to_owned();
    let new = NewPerson {
        id: Some(PersonId::new("person_123456789")?),
        name: text.clone(),
        gender: Some(Gender::Female),
        date_of_birth: Some(DateOfBirth::new(1, 1, 1)?),
        nationality: Some(text.clone()),
        notes: Some(text.clone()),
        status: Status::Inactive,
        expires_at: Some("9999-12-30T21:59:59.123456Z".parse().expect("a time")),
        collections: Vec::new(),
        images: images(&[b"first", b"\0second"]),
        encodings: Vec::new(),
        attributes: [("key".to_owned(), text.clone())].into(),
    };
    let written = vault.store.insert(&vault.client, &new)?.person;
    drop(vault.store.clone());
    let found = Store::open(vault.path())?.person(&vault.client, &written.id)?;
    assert_eq!(found, written);
    assert_eq!(found.id.as_str(), "person_123456789");
    assert_eq!((&found.name, found.nationality.as_ref(), found.notes.as_ref()), (&text, Some(&text), Some(&text)));
    assert_eq!((found.gender, found.date_of_birth), (new.gender, new.date_of_birth));
    assert_eq!((&found.attributes, found.expires_at), (&new.attributes, new.expires_at));
    assert_eq!((found.status, found.version, &found.client), (Status::Inactive, 1, &vault.client));
    let photos: Vec<_> = found.images.iter().filter_map(|image| image.bytes.as_deref()).collect();
    assert_eq!(photos, [b"first".as_slice(), b"\0second"]);
    assert_eq!(found.images[1].encoding, Some(encoding(MODEL, b"\0second")));

    let cleared = PersonUpdate {
        gender: Patch::Clear,
        date_of_birth: Patch::Clear,
        nationality: Patch::Clear,
        notes: Patch::Set(String::new()),
        images: ImagesUpdate::Clear,
        ..PersonUpdate::default()
    };
    let after = update(&vault, &written.id, cleared)?;
    assert_eq!((after.gender, after.date_of_birth, after.nationality, after.notes), (None, None, None, None));
    assert_eq!((after.name, after.images.len(), after.version), (text, 0, 2));
    Ok(())
}

#[test]
fn an_update_that_names_nothing_is_the_identity() -> Result<()> {
    let vault = Vault::new();
    let before = vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person;
    for images in [ImagesUpdate::Keep, ImagesUpdate::Edit { remove: Vec::new(), add: Vec::new() }] {
        for expected_version in [None, Some(1)] {
            let change = PersonUpdate { images: images.clone(), expected_version, ..PersonUpdate::default() };
            assert_eq!(update(&vault, &before.id, change)?, before);
        }
        let stale = PersonUpdate { images, expected_version: Some(2), ..PersonUpdate::default() };
        assert_eq!(update(&vault, &before.id, stale).expect_err("a conflict").kind(), ErrorKind::Conflict);
    }
    Ok(())
}

#[test]
fn a_photo_that_the_person_has_keeps_its_id_and_each_counts_once() -> Result<()> {
    let vault = Vault::new();
    let first = vault.store.insert(&vault.client, &person("Ada", &[b"a", b"b", b"a"]))?;
    let id = first.person.id.clone();
    let [a1, b, a2] = ids(&first.person).try_into().expect("three photos");
    assert_ne!(a1, a2);

    let same = vault.store.update(&vault.client, &id, &replace(&[b"a", b"b", b"a"]))?;
    assert_eq!(ids(&same.person), [a1.clone(), b.clone(), a2.clone()]);
    assert!(!same.gallery.changed && same.gallery.generation == first.gallery.generation);
    assert_eq!((same.person.version, same.erasure), (2, Erasure::Nothing));

    let turned = vault.store.update(&vault.client, &id, &replace(&[b"b", b"a", b"a"]))?;
    assert_eq!(ids(&turned.person), [b.clone(), a1.clone(), a2.clone()]);
    assert!(!turned.gallery.changed);

    let fewer = vault.store.update(&vault.client, &id, &replace(&[b"c", b"a"]))?;
    assert_eq!(ids(&fewer.person)[1], a1);
    assert!(fewer.gallery.changed);
    assert_eq!(fewer.erasure, Erasure::Done);

    let change = ImagesUpdate::Edit { remove: vec![a1.clone(), a1], add: images(&[b"a", b"d"]) };
    let edited = update(&vault, &id, PersonUpdate { images: change, ..PersonUpdate::default() })?;
    let photos: Vec<_> = edited.images.iter().filter_map(|image| image.bytes.as_deref()).collect();
    assert_eq!(photos, [b"c", b"a", b"d"]);
    assert!(!ids(&edited).contains(&a2));
    Ok(())
}

#[test]
fn known_photos_need_no_encoding() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a", b"b"]))?.person.id;
    let known = |model| vault.store.snapshot(&vault.client, |now| now.known_encodings(&id, &model));
    assert_eq!(known(MODEL)?.len(), 2);
    let hash = *prepared(&images(&[b"a"])).images[0].sha256();
    assert_eq!(known(MODEL)?.get(&hash), Some(&encoding(MODEL, b"a")));
    assert!(known(OTHER_MODEL)?.is_empty());

    // One that came without an encoding takes it when it comes again.
    let (bare, prepared) = (replace(&[b"c"]), without_encodings(&images(&[b"c"])));
    let written = vault.store.update_person(&vault.client, &id, &bare, &prepared)?;
    assert_eq!(written.person.images[0].encoding, None);
    let again = update(&vault, &id, replace(&[b"c"]))?;
    assert_eq!(again.images[0].encoding, Some(encoding(MODEL, b"c")));
    assert_eq!(vault.store.encodings(&vault.client, &id, &MODEL)?, [(ids(&again)[0].clone(), encoding(MODEL, b"c"))]);
    assert_eq!(vault.store.image(&vault.client, &id, &ids(&again)[0])?.as_slice(), b"c");
    Ok(())
}

#[test]
fn encodings_of_another_model_are_refused() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person.id;
    for bad in [encoding(OTHER_MODEL, b"b"), FaceEncoding::new(MODEL, vec![1.0; 3])?] {
        let mut prepared = without_encodings(&images(&[b"b"]));
        prepared.images[0].encoding = Some(bad);
        let error = vault.store.update_person(&vault.client, &id, &replace(&[b"b"]), &prepared);
        assert_eq!(error.expect_err("a mismatch").kind(), ErrorKind::ModelMismatch);
    }
    Ok(())
}

#[test]
fn every_unknown_collection_is_named() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[]))?.person.id;
    let staff = vault
        .store
        .insert_collection(&vault.client, &NewCollection { name: "Staff".into(), ..NewCollection::default() })?;
    let names = vec!["x".to_owned(), staff.code.clone(), "y\"\n".repeat(100)];
    let change = PersonUpdate { collections: Some(names), name: Some("B".into()), ..PersonUpdate::default() };
    let error = update(&vault, &id, change).expect_err("unknown collections");
    let fields: Vec<_> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["collections[0]", "collections[2]"]);
    assert_eq!(error.violations()[0].rule, Rule::Unknown("collection \"x\"".into()));
    assert!(error.violations()[1].to_string().len() < 300, "{error}");
    assert_eq!(vault.store.person(&vault.client, &id)?.name, "Ada");

    let names = Some(vec![staff.code, staff.id.to_string()]);
    let joined = update(&vault, &id, PersonUpdate { collections: names, ..PersonUpdate::default() })?;
    assert_eq!(joined.collections, [staff.id]);
    Ok(())
}

#[test]
fn limits_hold_inside_the_transaction() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a", b"b", b"c"]))?.person.id;
    let add = |photos: &[&[u8]]| PersonUpdate {
        images: ImagesUpdate::Edit { remove: Vec::new(), add: images(photos) },
        ..PersonUpdate::default()
    };
    let error = update(&vault, &id, add(&[b"d", b"e"])).expect_err("five photos");
    assert_eq!(error.to_string(), "\"images\" must have 0 to 4 items");
    assert_eq!(update(&vault, &id, add(&[b"d"]))?.images.len(), 4);
    let error = update(&vault, &id, replace(&[])).expect_err("no photo");
    assert_eq!(error.to_string(), "\"images\" must have 1 to 4 items");

    let stranger = ImageId::new("image_unknown")?;
    let change = ImagesUpdate::Edit { remove: vec![stranger], add: Vec::new() };
    let error = update(&vault, &id, PersonUpdate { images: change, ..PersonUpdate::default() });
    assert_eq!(error.expect_err("no such photo").kind(), ErrorKind::NotFound);
    Ok(())
}

#[test]
fn what_belongs_to_another_client_answers_as_if_it_were_not_there() -> Result<()> {
    let vault = Vault::new();
    let (store, other) = (&vault.store, ClientId::new("other")?);
    store.insert_client(&other)?;
    let own = store.insert(&vault.client, &person("Ada", &[b"a"]))?.person;
    let group =
        store.insert_collection(&vault.client, &NewCollection { name: "Staff".into(), ..NewCollection::default() })?;
    let nobody = PersonId::new("x".repeat(own.id.as_str().len()))?;

    let answers = |id: &PersonId, image: &ImageId| -> Vec<String> {
        let change = PersonUpdate { name: Some("B".into()), ..PersonUpdate::default() };
        let errors = [
            store.person(&other, id).err(),
            store.person_summary(&other, id).err(),
            store.update(&other, id, &change).err(),
            store.remove_person(&other, id, None).err(),
            store.update_person_summary(&other, id, &change, &PreparedImages::none(&LIMITS)).err(),
            store.snapshot(&other, |now| now.known_encodings(id, &MODEL)).err(),
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
        let new = NewPerson { collections: vec![name.to_owned()], ..person("Eve", &[]) };
        assert_eq!(store.insert(&other, &new).expect_err("nothing there").kind(), ErrorKind::Invalid);
    }
    // The same id is free for another client.
    let twin = NewPerson { id: Some(own.id.clone()), ..person("Eve", &[]) };
    assert_eq!(store.insert(&other, &twin)?.person.name, "Eve");
    assert_eq!(store.person(&vault.client, &own.id)?, own);
    assert_eq!(store.insert(&other, &twin).expect_err("a second one").kind(), ErrorKind::AlreadyExists);
    let stranger = ClientId::new("stranger")?;
    assert_eq!(store.persons(&stranger, &PersonQuery::default()).expect_err("nobody").kind(), ErrorKind::NotFound);
    assert_eq!(store.insert_client(&other).expect_err("a second one").kind(), ErrorKind::AlreadyExists);
    Ok(())
}

#[test]
fn pages_out_of_range_are_refused() -> Result<()> {
    let vault = Vault::new();
    for (page, limit) in [(0, 10), (1, 0), (1, 1_001), (u64::MAX, 1_000)] {
        let query = PersonQuery::default().with_page(page).with_limit(limit);
        let error = vault.store.persons(&vault.client, &query).expect_err("no such page");
        assert_eq!(error.kind(), ErrorKind::Invalid, "page {page}, limit {limit}");
    }
    let query = PersonQuery::default().with_collection("none".to_owned());
    let error = vault.store.persons(&vault.client, &query).expect_err("no such collection");
    assert_eq!(error.violations()[0].field, "collection");
    Ok(())
}

#[test]
fn one_handle_serves_many_threads() -> Result<()> {
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let vault = Vault::new();
    shareable(&vault.store);
    let id = Arc::new(vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person.id);
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
    let written = vault.store.insert(&vault.client, &person("Ada Secret", &[b"photo-secret"]))?;
    let change = PersonUpdate { name: Some("Ada Secret".into()), ..PersonUpdate::default() };
    let shown = format!("{:?} {written:?} {change:?} {:?}", vault.store, person("Ada Secret", &[b"photo-secret"]));
    assert!(!shown.contains("Secret") && !shown.contains("secret"), "{shown}");
    assert!(!shown.contains(&format!("{:?}", b"photo-secret")), "{shown}");
    Ok(())
}

#[test]
fn an_answer_without_photos_reads_none() -> Result<()> {
    let vault = Vault::new();
    let before = vault.store.insert(&vault.client, &person("Ada", &[b"a", b"b"]))?.person;
    vault.raw().execute("UPDATE photos SET crc32 = 0", []).expect("damaged");
    let rename = PersonUpdate { name: Some("Eve".into()), ..PersonUpdate::default() };
    let none = PreparedImages::none(&LIMITS);
    let written = vault.store.update_person_summary(&vault.client, &before.id, &rename, &none)?;
    assert_eq!((written.person.name.as_str(), written.person.image_count, written.person.version), ("Eve", 2, 2));
    assert_eq!((written.gallery.changed, written.searched), (false, None));
    assert_eq!(vault.store.person_summary(&vault.client, &before.id)?, written.person);
    let error = vault.store.update_person(&vault.client, &before.id, &rename, &none).expect_err("photos are damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);

    // What the write hands to a gallery equals what the gallery would read from the vault.
    let hide = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    let written = vault.store.update_person_summary(&vault.client, &before.id, &hide, &none)?;
    let since = written.gallery.generation - 1;
    let missed = vault.store.changes_since(&vault.client, since, &MODEL, 9)?.expect("few changes");
    assert_eq!(written.searched, Some((MODEL, missed.written[0].clone())));
    Ok(())
}

#[test]
fn one_clients_changes_are_not_read_for_another() -> Result<()> {
    let vault = Vault::new();
    let other = ClientId::new("other")?;
    vault.store.insert_client(&other)?;
    for photo in [b"a", b"b", b"c"] {
        vault.store.insert(&other, &person("Eve", &[photo]))?;
    }
    vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?;
    // Three changes of others do not count as too many, nor does damage in them matter.
    vault.raw().execute("UPDATE encodings SET crc32 = 0 WHERE key = 1", []).expect("damaged");
    let missed = vault.store.changes_since(&vault.client, 0, &MODEL, 1)?.expect("few changes");
    assert_eq!((missed.generation, missed.written.len()), (4, 1));
    let error = vault.store.changes_since(&other, 0, &MODEL, 9).expect_err("one is damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    Ok(())
}

#[test]
fn names_are_found_however_they_are_written_and_are_kept_as_given() -> Result<()> {
    let vault = Vault::new();
    let names = ["Straße", "STRASSE", "E\u{301}mile", "\u{c9}MILE", "Emile", "Οδυσσεύς"];
    for name in names {
        vault.store.insert(&vault.client, &person(name, &[]))?;
    }
    let found = |text: &str| -> Result<Vec<String>> {
        let query = PersonQuery::default().with_name_contains(Some(text.into()));
        Ok(vault.store.persons(&vault.client, &query)?.items.into_iter().map(|person| person.name).collect())
    };
    assert_eq!(found("strasse")?, names[..2]);
    assert_eq!(found("traß")?, names[..2]);
    assert_eq!(found("\u{e9}mi")?, names[2..4]);
    assert_eq!(found("e\u{301}MI")?, names[2..4]);
    assert_eq!(found("emi")?, names[4..5]);
    assert_eq!(found("ΣΕΥ\u{301}Σ")?, names[5..]);
    // A new name is folded as well.
    let id = vault.store.insert(&vault.client, &person("x", &[]))?.person.id;
    let rename = PersonUpdate { name: Some("A\u{30a}ngstro\u{308}m".into()), ..PersonUpdate::default() };
    vault.store.update(&vault.client, &id, &rename)?;
    assert_eq!(found("\u{e5}NGSTR\u{d6}M")?, ["A\u{30a}ngstro\u{308}m"]);
    Ok(())
}
