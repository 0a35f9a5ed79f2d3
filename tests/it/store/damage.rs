//! Flipped bits: an error that names the person, never a wrong answer.

use std::collections::BTreeMap;

use facevault::store::Store;
use facevault::{ErrorKind, ImageId, ImagesUpdate, Patch, Person, PersonQuery, PersonUpdate, Result};

use super::{MODEL, Vault, Writes, images, person};

/// A vault with two persons, the first of whom is to be damaged.
fn two() -> Result<(Vault, Person, Person)> {
    let vault = Vault::new();
    let first = vault.store.insert(&vault.client, &person("Ada", &[b"photo-of-ada", b"other"]))?.person;
    let second = vault.store.insert(&vault.client, &person("Bob", &[b"photo-of-bob"]))?.person;
    Ok((vault, first, second))
}

/// Ways in which one photo or encoding of the first person is not as it was written. Raw SQL, as a
/// flipped bit has no respect for references.
const DAMAGES: &[&str] = &[
    "UPDATE photos SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE image = 1",
    "UPDATE photos SET bytes = substr(bytes, 2) WHERE image = 1",
    "UPDATE photos SET crc32 = crc32 + (CASE crc32 & 1 WHEN 0 THEN 1 ELSE -1 END) WHERE image = 1",
    "DELETE FROM photos WHERE image = 1",
    "UPDATE images SET id = 'image_x' WHERE key = 1",
    "UPDATE encodings SET vector = CAST(substr(vector, 1, 15) || x'41' AS BLOB) WHERE image = 1",
    "UPDATE encodings SET vector = substr(vector, 1, 12) WHERE image = 1",
    "UPDATE encodings SET crc32 = 0 WHERE image = 1",
    "UPDATE encodings SET vector = (SELECT vector FROM encodings WHERE image = 3),
            crc32 = (SELECT crc32 FROM encodings WHERE image = 3) WHERE image = 1",
];

#[test]
fn flipped_bits_are_an_error_that_names_the_person() -> Result<()> {
    for damage in DAMAGES {
        let (vault, ada, bob) = two()?;
        let raw = vault.raw();
        raw.execute_batch("PRAGMA foreign_keys = OFF").expect("sets");
        assert_eq!(raw.execute(damage, []).expect(damage), 1, "{damage}");

        let corrupt = |error: facevault::Error| {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}: {error}");
            assert!(error.to_string().contains(ada.id.as_str()), "{damage}: {error}");
        };
        corrupt(vault.store.person(&vault.client, &ada.id).expect_err(damage));
        assert_eq!(vault.store.person(&vault.client, &bob.id)?, bob, "{damage}");
        if damage.contains("encodings") || damage.contains("images") {
            corrupt(vault.store.all_encodings(None, &MODEL, |_| Ok(())).expect_err(damage));
            let known = vault.store.snapshot(&vault.client, |now| now.known_encodings(&ada.id, &MODEL))?;
            assert_eq!(known.len(), 1, "{damage}: a damaged encoding is made anew");
            corrupt(vault.store.changes_since(&vault.client, 0, &MODEL, 9).expect_err(damage));
        } else {
            vault.store.all_encodings(None, &MODEL, |_| Ok(()))?;
        }
        let report = vault.store.check()?;
        assert!(report.problems.iter().any(|problem| problem.person.as_ref() == Some(&ada.id)), "{damage}: {report:?}");
        assert!(report.problems.iter().all(|problem| problem.person.as_ref() != Some(&bob.id)), "{damage}: {report:?}");

        // What keeps the photo is refused; what takes it away repairs the person.
        let rename = PersonUpdate { name: Some("Eve".into()), ..PersonUpdate::default() };
        corrupt(vault.store.update(&vault.client, &ada.id, &rename).expect_err(damage));
        let replace = ImagesUpdate::Replace(images(&[b"new"]));
        let repair = PersonUpdate { images: replace, notes: Patch::Clear, ..PersonUpdate::default() };
        let repaired = vault.store.update(&vault.client, &ada.id, &repair)?.person;
        assert_eq!((repaired.name.as_str(), repaired.version, repaired.images.len()), ("Ada", 2, 1), "{damage}");
        assert_eq!(vault.store.person(&vault.client, &ada.id)?, repaired, "{damage}");
        vault.store.remove_person(&vault.client, &ada.id, None)?;
    }
    Ok(())
}

#[test]
fn the_same_photos_again_repair_a_person() -> Result<()> {
    for damage in DAMAGES {
        let (vault, ada, bob) = two()?;
        let raw = vault.raw();
        raw.execute_batch("PRAGMA foreign_keys = OFF").expect("sets");
        assert_eq!(raw.execute(damage, []).expect(damage), 1, "{damage}");
        let again = ImagesUpdate::Replace(images(&[b"photo-of-ada", b"other"]));
        let repair = PersonUpdate { images: again, ..PersonUpdate::default() };
        let repaired = vault.store.update(&vault.client, &ada.id, &repair)?;
        let shown = |person: &Person| -> Vec<_> {
            person.images.iter().map(|image| (image.bytes.clone(), image.encoding.clone())).collect()
        };
        assert_eq!(shown(&repaired.person), shown(&ada), "{damage}");
        assert_eq!(repaired.person.images[1].id, ada.images[1].id, "{damage}: what is whole stays");
        assert!(repaired.gallery.changed, "{damage}");
        assert!(vault.store.check()?.is_clean(), "{damage}");
        assert_eq!(vault.store.person(&vault.client, &bob.id)?, bob);
    }
    Ok(())
}

#[test]
fn an_encoding_cannot_pass_for_another_persons() -> Result<()> {
    let (vault, _, bob) = two()?;
    vault.raw().execute("UPDATE images SET person = 2, position = 9 WHERE key = 1", []).expect("moves a photo");
    for error in [
        vault.store.person(&vault.client, &bob.id).expect_err("a stranger's photo"),
        vault.store.all_encodings(None, &MODEL, |_| Ok(())).map(drop).expect_err("a stranger's encoding"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(bob.id.as_str()), "{error}");
    }
    Ok(())
}

#[test]
fn fields_that_cannot_be_are_an_error_that_names_the_person() -> Result<()> {
    for damage in [
        "UPDATE persons SET date_of_birth = '2001-02-30' WHERE key = 1",
        "UPDATE persons SET created_at = -9000000000000000000 WHERE key = 1",
        "UPDATE persons SET name = CAST(x'ff41' AS TEXT) WHERE key = 1",
    ] {
        let (vault, ada, bob) = two()?;
        vault.raw().execute(damage, []).expect(damage);
        let error = vault.store.person(&vault.client, &ada.id).expect_err(damage);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}");
        assert!(error.to_string().contains(ada.id.as_str()), "{damage}: {error}");
        assert_eq!(vault.store.person(&vault.client, &bob.id)?, bob);
        let report = vault.store.check()?;
        assert!(report.problems.iter().any(|problem| problem.person.as_ref() == Some(&ada.id)), "{damage}: {report:?}");
    }
    Ok(())
}

#[test]
fn a_bit_that_flips_in_the_file_itself_is_noticed() -> Result<()> {
    // Looks for what people wrote in the file's bytes.
    if crate::data::vaults_are_encrypted() {
        return Ok(());
    }
    let (vault, ada, bob) = two()?;
    let vector = ada.images[0].encoding.as_ref().expect("an encoding").to_bytes();
    let path = vault.path();
    let Vault { folder, store, client } = vault;
    drop(store);
    let bytes = std::fs::read(&path).expect("a file");
    for marker in [b"photo-of-ada".as_slice(), &vector] {
        let place = bytes.windows(marker.len()).position(|window| window == marker).expect("what was written");
        for bit in [0, 5, 8 * marker.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[place + bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).expect("a file");
            let store = Store::open(&path)?;
            let error = store.person(&client, &ada.id).expect_err("a flipped bit");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(ada.id.as_str()), "{error}");
            assert_eq!(store.person(&client, &bob.id)?, bob);
        }
    }
    drop(folder);
    Ok(())
}

#[test]
fn no_damage_anywhere_gives_a_wrong_photo_or_a_panic() -> Result<()> {
    let vault = Vault::in_memory();
    let photos: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 200 + usize::from(n) * 300]).collect();
    for pair in photos.chunks(2) {
        let photos: Vec<&[u8]> = pair.iter().map(Vec::as_slice).collect();
        vault.store.insert(&vault.client, &person("P", &photos))?;
    }
    let query = PersonQuery::default().with_limit(100);
    let mut images: BTreeMap<ImageId, _> = BTreeMap::new();
    for item in vault.store.persons(&vault.client, &query)?.items {
        let person = vault.store.person(&vault.client, &item.id)?;
        images.extend(
            person.images.into_iter().map(|image| (image.id, (person.id.clone(), image.bytes, image.encoding))),
        );
    }
    let path = vault.path();
    let Vault { folder, store, client } = vault;
    drop(store);
    let bytes = std::fs::read(&path).expect("a file");

    let (mut noticed, mut random) = (0, 88_172_645_463_325_252_u64);
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for round in 0..150 {
        let mut damaged = bytes.clone();
        match round % 3 {
            0 => damaged[next(bytes.len())] ^= 1 << next(8),
            1 => {
                let start = next(bytes.len());
                damaged[start..(start + 200).min(bytes.len())].fill(next(256) as u8);
            }
            _ => damaged.truncate(next(bytes.len())),
        }
        std::fs::write(&path, &damaged).expect("a file");
        let _ = std::fs::remove_file(path.with_extension("facevault-wal"));
        let _ = std::fs::remove_file(path.with_extension("facevault-shm"));
        let store = match Store::open(&path) {
            Ok(store) => store,
            Err(error) => {
                let kind = error.kind();
                let told = matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Key);
                assert!(told, "round {round}: {error}");
                noticed += 1;
                continue;
            }
        };
        let mut wrong = !store.check()?.is_clean();
        for item in store.persons(&client, &query).map(|page| page.items).unwrap_or_default() {
            match store.person(&client, &item.id) {
                Ok(person) => {
                    for image in person.images {
                        let (owner, bytes, encoding) = images.get(&image.id).expect("a photo that was written");
                        assert!(*owner == person.id && *bytes == image.bytes, "round {round}: a wrong photo");
                        assert!(
                            image.encoding.is_none() || image.encoding == *encoding,
                            "round {round}: a wrong vector"
                        );
                    }
                }
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "round {round}: {error}");
                    wrong = true;
                }
            }
        }
        let scanned = store.all_encodings(None, &MODEL, |row| {
            let (owner, _, encoding) = images.get(row.image).expect("a photo that was written");
            let vector = encoding.as_ref().map(facevault::FaceEncoding::to_bytes);
            assert!(
                owner == row.person && vector.as_deref() == Some(row.vector.as_bytes()),
                "round {round}: a wrong vector"
            );
            Ok(())
        });
        if let Err(error) = scanned {
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "round {round}: {error}");
        }
        noticed += usize::from(wrong);
    }
    assert!(noticed > 75, "only {noticed} of 150 damages were noticed");
    drop(folder);
    Ok(())
}
