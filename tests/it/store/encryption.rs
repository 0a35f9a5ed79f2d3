//! Encrypted vaults: nothing of anybody is in any file, wrong keys and damage are told, and the key can be changed
//! at the cost of nothing.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use facevault::store::{CreateOptions, Erasure, ModelInfo, PreparedImages, Store};
use facevault::{
    ClientId, EncodingMode, ErrorKind, FaceEncoding, Metric, ModelId, NewCollection, NewPerson, Patch, PersonId,
    PersonQuery, PersonUpdate, Result, VaultKey,
};

use super::{MODEL, Writes, encoding, images, model_info, person};
use crate::data;

pub(super) fn key(fill: u8) -> VaultKey {
    VaultKey::raw([fill; 32])
}

pub(super) fn create(path: &Path, key: &VaultKey) -> Store {
    let options = CreateOptions::default().with_model(model_info(MODEL)).with_key(key.clone());
    Store::create(path, &options).expect("a vault")
}

/// These tests say themselves what is encrypted.
pub(super) fn left_out() -> bool {
    data::vaults_are_encrypted()
}

/// Numbers that look random and are the same each time.
fn noise(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

const WIDE: ModelId = ModelId::from_bytes([7; 16]);
const DIMENSION: usize = 128;

/// Somebody whose every field is a text, a photo or a vector that nobody else has.
fn marked(number: u64) -> (NewPerson, PreparedImages, Vec<Vec<u8>>) {
    let word =
        |what: &str| format!("{what}-{number:05}-{:016x}", noise(number + what.len() as u64).nth(3).expect("endless"));
    let photo: Vec<u8> = noise(number).take(256).flat_map(u64::to_le_bytes).collect();
    let vector: Vec<f32> = noise(number + 77).take(DIMENSION).map(|bits| (bits % 10_000) as f32 / 997.0).collect();
    let encoding = FaceEncoding::new(WIDE, vector).expect("finite");
    let notes = [word("notes"), word("more notes"), word("and still more notes")].join(" ");
    let new = NewPerson {
        id: Some(PersonId::new(word("id")).expect("an id")),
        name: word("Name"),
        notes: Some(notes.clone()),
        images: images(&[&photo]),
        ..NewPerson::default()
    };
    let markers = vec![
        new.id.as_ref().expect("given").as_str().into(),
        new.name.clone().into_bytes(),
        new.name.to_lowercase().into_bytes(),
        notes.into_bytes(),
        photo,
        encoding.to_bytes(),
    ];
    let mut prepared = super::without_encodings(&new.images);
    prepared.images[0].encoding = Some(encoding);
    (new, prepared, markers)
}

/// The pieces of 8 bytes that the markers consist of: whatever is left of one, 15 bytes suffice to find it.
fn pieces(markers: &[Vec<u8>], pieces: &mut HashSet<[u8; 8]>) {
    for marker in markers {
        pieces.extend(marker.chunks_exact(8).map(|piece| <[u8; 8]>::try_from(piece).expect("eight")));
    }
}

/// How many places of the files in the folder show a piece, and the names of the files.
fn traces(folder: &Path, pieces: &HashSet<[u8; 8]>) -> (usize, Vec<String>) {
    let (mut found, mut names) = (0, Vec::new());
    for file in data::files_below(folder) {
        names.push(file.file_name().expect("a name").to_string_lossy().into_owned());
        let bytes = fs::read(&file).expect("a file");
        found += bytes.windows(8).filter(|window| pieces.contains(*window)).count();
    }
    names.sort();
    (found, names)
}

/// A folder with a vault of so many people, and all that could betray them.
fn filled(people: u64, key: Option<&VaultKey>) -> (tempfile::TempDir, Store, ClientId, HashSet<[u8; 8]>) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = ModelInfo {
        id: WIDE,
        dimension: DIMENSION,
        name: "wide".into(),
        metric: Metric::Cosine,
        mode: Some(EncodingMode::Fast),
    };
    let options = CreateOptions::default().with_model(model).with_key(key.cloned());
    let store = Store::create(folder.path().join("v"), &options).expect("a vault");
    let client = store.default_client().expect("a client");
    let mut found = HashSet::new();
    for number in 0..people {
        let (new, prepared, markers) = marked(number);
        let id = new.id.clone().expect("given");
        store.insert_person(&client, &new, &prepared).expect("a person");
        pieces(&markers, &mut found);
        if number % 7 == 0 {
            let notes = format!("later notes {:016x} of {number:05}", noise(number + 5).next().expect("endless"));
            pieces(&[notes.clone().into_bytes()], &mut found);
            let update = PersonUpdate { notes: Patch::Set(notes), ..PersonUpdate::default() };
            store.update(&client, &id, &update).expect("an update");
        }
        if number % 11 == 0 {
            store.remove_person(&client, &id, None).expect("removed");
        }
    }
    let name = format!("Collection {:016x}", noise(99).next().expect("endless"));
    pieces(&[name.clone().into_bytes()], &mut found);
    store.insert_collection(&client, &NewCollection { name, ..NewCollection::default() }).expect("a collection");
    (folder, store, client, found)
}

#[test]
fn nothing_of_a_thousand_people_is_in_any_file() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let secret = key(1);
    let (folder, store, client, pieces) = filled(1000, Some(&secret));
    // While it is in use, with a log; with a backup beside it; and when all is closed.
    let (found, names) = traces(folder.path(), &pieces);
    assert_eq!((found, names), (0, vec!["v".into(), "v-shm".into(), "v-wal".into()]));
    assert!(fs::metadata(folder.path().join("v-wal")).expect("a log").len() > 0);
    store.backup(folder.path().join("backup"), &mut ())?;
    assert_eq!(traces(folder.path(), &pieces).0, 0);
    let settings = store.settings()?;
    assert!(settings.contains(&("temp_store", "2".into())), "{settings:?}");
    let total = store.persons(&client, &PersonQuery::default())?.total;
    drop(store);
    let (found, names) = traces(folder.path(), &pieces);
    assert_eq!((found, names), (0, vec!["backup".into(), "v".into()]));

    // The people are there, in the backup as well.
    for name in ["v", "backup"] {
        let store = Store::open_encrypted(folder.path().join(name), &secret)?;
        assert_eq!(store.persons(&client, &PersonQuery::default())?.total, total);
        assert!(store.check()?.is_clean());
    }

    // The same search finds people where nothing is encrypted, so it can fail; and nothing any more once it is.
    let (folder, store, _, pieces) = filled(50, None);
    drop(store);
    assert!(traces(folder.path(), &pieces).0 > 10_000);
    assert!(Store::recode(folder.path().join("v"), None, Some(&secret), &mut ())?);
    let (found, names) = traces(folder.path(), &pieces);
    assert_eq!((found, names), (0, vec!["v".into()]));
    assert!(Store::recode(folder.path().join("v"), Some(&secret), Some(&key(2)), &mut ())?);
    assert_eq!(traces(folder.path(), &pieces).0, 0);
    assert!(Store::recode(folder.path().join("v"), Some(&key(2)), None, &mut ())?);
    assert!(traces(folder.path(), &pieces).0 > 10_000);
    Ok(())
}

#[test]
fn each_wrong_key_is_told_as_what_it_is() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let phrase = VaultKey::passphrase("correct horse battery")?;
    drop(create(&at("raw"), &key(1)));
    drop(create(&at("phrase"), &phrase));
    drop(Store::create(at("plain"), &CreateOptions::default())?);
    fs::write(at("text"), "I am no vault, but long enough to be looked at. ".repeat(200)).expect("written");
    fs::write(at("short"), "short").expect("written");
    rusqlite::Connection::open(at("other")).expect("a file").execute_batch("CREATE TABLE t (x)").expect("a table");

    let files =
        |names: &[&str]| -> Vec<Vec<u8>> { names.iter().map(|name| fs::read(at(name)).expect("a file")).collect() };
    let all = ["raw", "phrase", "plain", "text", "short", "other"];
    let before = files(&all);
    for (name, given, kind, said) in [
        ("raw", Some(key(2)), ErrorKind::Key, "the key does not fit"),
        ("raw", None, ErrorKind::Key, "a key is needed"),
        ("raw", Some(phrase.clone()), ErrorKind::Key, "a passphrase was given"),
        ("phrase", Some(VaultKey::passphrase("correct horse batterz")?), ErrorKind::Key, "the key does not fit"),
        ("phrase", Some(key(1)), ErrorKind::Key, "the vault's key is a passphrase"),
        ("plain", Some(key(1)), ErrorKind::Key, "not encrypted"),
        ("text", Some(key(1)), ErrorKind::Unsupported, "no vault"),
        ("text", None, ErrorKind::Unsupported, "no vault"),
        ("short", Some(key(1)), ErrorKind::Unsupported, "no vault"),
        ("other", Some(key(1)), ErrorKind::Unsupported, "no vault"),
        ("none", Some(key(1)), ErrorKind::NotFound, "no such file"),
    ] {
        let open = |writing: bool| match (&given, writing) {
            (Some(key), true) => Store::open_encrypted(at(name), key),
            (Some(key), false) => Store::open_encrypted_read_only(at(name), key),
            (None, true) => Store::open(at(name)),
            (None, false) => Store::open_read_only(at(name)),
        };
        for writing in [true, false] {
            let error = open(writing).expect_err(said);
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(error.to_string().contains(said), "{name}: {error}");
            assert!(error.to_string().contains(name), "the error names the file: {error}");
        }
    }
    assert_eq!(files(&all), before, "a wrong key changes nothing");

    Store::open_encrypted(at("raw"), &key(1))?;
    Store::open_encrypted_read_only(at("phrase"), &phrase)?;
    Ok(())
}

#[test]
fn a_vault_in_memory_has_its_key_in_its_backups() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let options = CreateOptions::default().with_model(model_info(MODEL)).with_key(key(1));
    let store = Store::in_memory(&options)?;
    let client = store.default_client()?;
    let ada = store.insert(&client, &person("Ada", &[b"photo-of-ada"]))?.person;
    assert_eq!(store.person(&client, &ada.id)?, ada);
    store.backup(folder.path().join("copy"), &mut ())?;
    assert_eq!(Store::open(folder.path().join("copy")).expect_err("encrypted").kind(), ErrorKind::Key);
    assert_eq!(Store::open_encrypted(folder.path().join("copy"), &key(1))?.person(&client, &ada.id)?, ada);
    Ok(())
}

#[test]
fn cleaning_an_encrypted_vault_writes_it_anew() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let store = create(&path, &key(1));
    let client = store.default_client()?;
    let ids: Vec<_> = (0..100)
        .map(|n| store.insert(&client, &person(&format!("P{n}"), &[&[n; 9_000]])).map(|written| written.person.id))
        .collect::<Result<_>>()?;
    for id in &ids[10..] {
        store.remove_person(&client, id, None)?;
    }
    let before = fs::metadata(&path).expect("a file").len();
    assert_eq!(store.clean()?, Erasure::Done);
    assert!(fs::metadata(&path).expect("a file").len() < before / 2);
    assert!(store.check()?.is_clean());
    assert_eq!(store.persons(&client, &PersonQuery::default())?.total, 10);
    Ok(())
}

#[test]
fn a_flipped_bit_anywhere_is_told_and_stops_nobody_else() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let store = create(&path, &key(1));
    let client = store.default_client()?;
    let mut people = Vec::new();
    for number in 0..60u8 {
        let new = NewPerson {
            notes: Some(format!("notes {number} ").repeat(300)),
            ..person(&format!("Person {number}"), &[&vec![number; 5_000]])
        };
        people.push(store.insert(&client, &new)?.person);
    }
    drop(store);
    let whole = fs::read(&path).expect("a file");
    let (mut unread, mut wrong_key) = (0, 0);
    for (turn, page) in whole.chunks(8192).enumerate() {
        let place = turn * 8192 + noise(turn as u64).next().expect("endless") as usize % page.len();
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(&path, &damaged).expect("written");
        let store = match Store::open_encrypted(&path, &key(1)) {
            Ok(store) => store,
            Err(error) => {
                let told = matches!(error.kind(), ErrorKind::Key | ErrorKind::Corrupt | ErrorKind::Unsupported);
                assert!(told, "{error}");
                wrong_key += 1;
                continue;
            }
        };
        let (report, number) = (store.check()?, format!("page {}", turn + 1));
        let named = report.problems.iter().any(|problem| problem.what.ends_with(&number));
        assert!(named, "a flip in {number}: {:?}", report.problems);
        for person in &people {
            match store.person(&client, &person.id) {
                Ok(found) => assert_eq!(&found, person, "a flip in page {}", turn + 1),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "page {}: {error}", turn + 1);
                    unread += 1;
                }
            }
        }
        // Damage that a write meets does not stop later ones.
        for person in people.iter().take(3) {
            let update = PersonUpdate { name: Some("New".into()), ..PersonUpdate::default() };
            match store.update(&client, &person.id, &update) {
                Ok(_) => {
                    assert_eq!(store.person(&client, &person.id).map(|found| found.name).ok().as_deref(), Some("New"))
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "page {}: {error}", turn + 1),
            }
        }
    }
    let pages = whole.len() / 8192;
    let few = pages * people.len() / 4;
    assert!(pages > 100 && wrong_key < pages / 4, "{wrong_key} of {pages} flips shut the vault");
    assert!(unread > 0 && unread < few, "{unread} of {} reads failed", pages * people.len());
    eprintln!("{pages} pages, {wrong_key} flips by which the vault could not be opened, {unread} persons not read");
    Ok(())
}

#[test]
fn a_flipped_bit_in_the_log_gives_an_earlier_state() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let store = create(&path, &key(1));
    let client = store.default_client()?;
    let mut ids = Vec::new();
    for number in 0..20u8 {
        ids.push(store.insert(&client, &person(&format!("Person {number}"), &[&[number; 500]]))?.person.id);
    }
    let (file, log) = (fs::read(&path).expect("a file"), fs::read(folder.path().join("v-wal")).expect("a log"));
    drop(store);
    for place in (0..log.len()).step_by(log.len() / 40 + 1) {
        let mut flipped = log.clone();
        flipped[place] ^= 1 << (place % 8);
        let copy = folder.path().join("copy");
        fs::write(&copy, &file).expect("written");
        fs::write(folder.path().join("copy-wal"), flipped).expect("written");
        let _ = fs::remove_file(folder.path().join("copy-shm"));
        let store = Store::open_encrypted(&copy, &key(1))?;
        assert!(store.check()?.is_clean(), "place {place}");
        let known = ids.iter().take_while(|id| store.person(&client, id).is_ok()).count();
        let total = store.persons(&client, &PersonQuery::default())?.total;
        assert_eq!(total, known as u64, "place {place}: those who came first are there, the others are not");
    }
    Ok(())
}

#[test]
fn an_encoding_is_read_back_as_it_was_given() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = create(&folder.path().join("v"), &VaultKey::passphrase("correct horse battery")?);
    let client = store.default_client()?;
    let ada = store.insert(&client, &person("Ada", &[b"photo-of-ada"]))?.person;
    assert_eq!(ada.images[0].encoding, Some(encoding(MODEL, b"photo-of-ada")));
    drop(store);
    let again = Store::open_encrypted(folder.path().join("v"), &VaultKey::parse("correct horse battery")?)?;
    assert_eq!(again.person(&client, &ada.id)?, ada);
    Ok(())
}
