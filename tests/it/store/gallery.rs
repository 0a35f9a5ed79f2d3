//! What a gallery reads: everything at once, or what it missed.

use facevault::{ClientId, ErrorKind, ImagesUpdate, NewCollection, NewPerson, Patch, PersonUpdate, Result, Status};

use super::{MODEL, OTHER_MODEL, Vault, Writes, images, person};

#[test]
fn all_encodings_come_in_one_pass_with_whom_they_belong_to() -> Result<()> {
    let vault = Vault::new();
    let (store, other) = (&vault.store, ClientId::new("other")?);
    store.insert_client(&other)?;
    let group = |name: &str| NewCollection { name: name.into(), ..NewCollection::default() };
    let (old, new) = (
        store.insert_collection(&vault.client, &group("old"))?,
        store.insert_collection(&vault.client, &group("new"))?,
    );
    let member = |name: &str, photos: &[&[u8]]| NewPerson {
        collections: vec![new.code.clone(), old.code.clone()],
        ..person(name, photos)
    };
    let ada = store.insert(&vault.client, &member("Ada", &[b"a", b"b"]))?;
    store.insert(&other, &person("Eve", &[b"e"]))?;
    let bob = store.insert(&vault.client, &NewPerson { status: Status::Inactive, ..person("Bob", &[b"c"]) })?;
    // Ada's third photo is written behind Bob's.
    let change = ImagesUpdate::Edit { remove: Vec::new(), add: images(&[b"d"]) };
    let ada =
        store.update(&vault.client, &ada.person.id, &PersonUpdate { images: change, ..PersonUpdate::default() })?;

    let scan = |client: Option<&ClientId>| -> Result<Vec<_>> {
        let mut rows = Vec::new();
        let generation = store.all_encodings(client, &MODEL, |row| {
            let vector: Vec<f32> = row.vector.components().collect();
            assert_eq!(row.vector.as_bytes().len(), 16);
            let owner = (row.key, row.client.clone(), row.person.clone(), row.status, row.collections.to_vec());
            rows.push((owner, row.image.clone(), vector));
            Ok(())
        })?;
        assert_eq!(generation, store.generation()?);
        Ok(rows)
    };
    let own = scan(Some(&vault.client))?;
    let expected: Vec<_> = [(&ada, 0), (&ada, 1), (&bob, 0), (&ada, 2)]
        .map(|(written, index): (&facevault::store::Written, usize)| {
            let person = &written.person;
            let owner =
                (written.key, vault.client.clone(), person.id.clone(), person.status, person.collections.clone());
            let image = &person.images[index];
            (owner, image.id.clone(), image.encoding.as_ref().expect("an encoding").vector().to_vec())
        })
        .into();
    assert_eq!(own, expected);
    assert_eq!(ada.person.collections, [old.id, new.id]);
    assert_eq!(scan(None)?.len(), 5);
    assert_eq!(scan(Some(&other))?.len(), 1);
    assert_eq!(store.encoding_count(&MODEL)?, 5);

    let error = scan(Some(&ClientId::new("nobody")?)).expect_err("no such client");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let none = store.all_encodings(None, &OTHER_MODEL, |_| panic!("an encoding by a model that is not there"))?;
    assert_eq!(none, store.generation()?);
    let stop = || facevault::Error::new(ErrorKind::Conflict, "enough");
    let error = store.all_encodings(None, &MODEL, |_| Err(stop())).expect_err("the caller's error");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    Ok(())
}

#[test]
fn who_missed_too_much_loads_everything_anew() -> Result<()> {
    let vault = Vault::new();
    let store = &vault.store;
    let ids: Vec<_> = (0..3)
        .map(|number| store.insert(&vault.client, &person("P", &[&[number]])).map(|written| written.person.id))
        .collect::<Result<_>>()?;
    assert_eq!(store.generation()?, 3);
    let written = |since, most| -> Result<_> {
        Ok(store.changes_since(&vault.client, since, &MODEL, most)?.map(|changes| changes.written.len()))
    };
    assert_eq!((written(0, 3)?, written(0, 2)?, written(1, 2)?), (Some(3), None, Some(2)));
    assert_eq!((written(3, 0)?, written(4, 9)?), (Some(0), None));

    // What galleries do not hold does not concern them.
    let rename = PersonUpdate { name: Some("Q".into()), notes: Patch::Set("n".into()), ..PersonUpdate::default() };
    assert!(!store.update(&vault.client, &ids[0], &rename)?.gallery.changed);
    assert_eq!(written(3, 9)?, Some(0));
    let rest = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    assert!(store.update(&vault.client, &ids[0], &rest)?.gallery.changed);
    assert_eq!(written(3, 9)?, Some(1));
    Ok(())
}
