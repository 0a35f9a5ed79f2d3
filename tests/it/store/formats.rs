//! Vaults of every published schema version open and hold what was written into them.
//!
//! `tests/data/vault-v*.gz` were made by this file's own `write`, with nothing but synthetic
//! content, each when its version was the present one: `FACEVAULT_WRITE_FORMATS=1 cargo test
//! store::formats`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use facevault::store::{CreateOptions, Erasure, ModelInfo, PreparedImages, Store};
use facevault::{
    AuditQuery, ChangesSince, ClientId, CollectionId, DateOfBirth, EncodingMode, ErrorKind, Gender, NewCollection,
    NewPerson, PersonChange, PersonId, PersonQuery, Result, RetentionPolicy, Status, Token, TokenId,
};
use jiff::Timestamp;

use super::{MODEL, Writes, encoding, model_info, person, prepared};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

/// A vault with one of everything.
fn write(path: &Path) -> Result<()> {
    let options = CreateOptions::default().with_client(ClientId::new("client_1")?).with_model(model_info(MODEL));
    let store = Store::create(path, &options)?;
    let client = store.default_client()?;
    let other = ClientId::new("client_2")?;
    store.insert_client(&other)?;
    for name in ["Staff", "Visitors"] {
        let id = CollectionId::new(format!("collection_{name}"))?;
        let description = Some(format!("{name} of the house"));
        store.insert_collection(&client, &NewCollection { id: Some(id), name: name.into(), description })?;
    }
    let full = NewPerson {
        id: Some(PersonId::new("person_full")?),
        gender: Some(Gender::Female),
        date_of_birth: Some(DateOfBirth::new(1990, 1, 15)?),
        nationality: Some("Ελληνική".into()),
        notes: Some("n\0ul".into()),
        status: Status::Inactive,
        collections: vec!["collection_Staff".into()],
        attributes: [("badge".to_owned(), "4711".to_owned())].into(),
        encodings: vec![encoding(MODEL, b"given")],
        ..person("Οδυσσεύς \u{1f600}", &[b"a synthetic photo", b"another one"])
    };
    store.insert(&client, &full)?;
    let bare = NewPerson { id: Some(PersonId::new("person_bare")?), ..person("Bare", &[]) };
    store.insert(&client, &bare)?;
    store.insert(&other, &NewPerson { id: Some(PersonId::new("person_full")?), ..person("Other", &[]) })?;
    let gone = store.insert(&client, &person("Gone", &[b"gone"]))?.person.id;
    store.remove_person(&client, &gone, None)?;
    store.insert_token(&token()?, &[7; 32])
}

fn token() -> Result<Token> {
    let time = |second| Timestamp::from_second(second).expect("a time");
    Ok(Token {
        id: TokenId::new("token_1")?,
        client: ClientId::new("client_1")?,
        created_at: time(1_700_000_000),
        expires_at: Some(time(1_800_000_000)),
        revoked_at: None,
    })
}

/// The vault of a version, unpacked into `folder`.
fn vault_of(version: u32, folder: &Path) -> PathBuf {
    let path = folder.join(format!("v{version}"));
    let mut bytes = Vec::new();
    let packed = std::fs::File::open(data(&format!("vault-v{version}.gz"))).expect("a file of the repository");
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("unpacks");
    std::fs::write(&path, bytes).expect("writes");
    path
}

/// Every version's file holds this; versions before 3 do not know the model's mode.
fn holds_what_was_written(store: &Store, mode: Option<EncodingMode>) -> Result<()> {
    let client = ClientId::new("client_1")?;
    assert_eq!(store.default_client()?, client);
    assert_eq!(store.clients()?, [client.clone(), ClientId::new("client_2")?]);
    let model = ModelInfo { mode, ..model_info(MODEL) };
    assert_eq!(store.active_model()?, Some(model.clone()));
    // A model whose mode is unknown stays so, whoever adds it again.
    store.add_model(&model_info(MODEL))?;
    assert_eq!(store.models()?, [model]);
    let groups = store.collections(&client)?;
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["Staff", "Visitors"]);
    assert_eq!(groups[0].description.as_deref(), Some("Staff of the house"));

    let full = store.person(&client, &PersonId::new("person_full")?)?;
    assert_eq!((full.name.as_str(), full.version, full.status), ("Οδυσσεύς \u{1f600}", 1, Status::Inactive));
    assert_eq!((full.gender, full.notes.as_deref()), (Some(Gender::Female), Some("n\0ul")));
    assert_eq!(full.date_of_birth, Some(DateOfBirth::new(1990, 1, 15)?));
    assert_eq!((full.nationality.as_deref(), &full.collections[..]), (Some("Ελληνική"), &[groups[0].id.clone()][..]));
    let photos: Vec<_> = full.images.iter().filter_map(|image| image.bytes.as_deref()).collect();
    assert_eq!(photos, [b"a synthetic photo".as_slice(), b"another one"]);
    assert_eq!(full.images[0].encoding, Some(encoding(MODEL, b"a synthetic photo")));
    let query = PersonQuery::default().with_name_contains("ΔΥΣ".to_owned());
    assert_eq!(store.persons(&client, &query)?.total, 1);
    assert_eq!(store.persons(&client, &PersonQuery::default())?.total, 2);

    let missed = store.changes_since(&client, 0, &MODEL, 100)?.expect("nothing was forgotten");
    assert_eq!((missed.generation, missed.written.len(), missed.removed.len()), (3, 1, 1));
    let new = person("New", &[b"new"]);
    let made_by = PreparedImages { model: Some(model_info(MODEL)), ..prepared(&new.images) };
    store.insert_person(&client, &new, &made_by)?;
    assert_eq!(store.active_model()?.and_then(|model| model.mode), mode);
    let report = store.check()?;
    assert!(report.is_clean(), "{report:?}");
    Ok(())
}

/// Whoever was there before version 4 is there for those who follow changes.
fn follows_from_the_start(store: &Store) -> Result<()> {
    let answer = store.person_changes(&ClientId::new("client_1")?, 0)?;
    let ChangesSince::Known(known) = answer else { panic!("0 is always known") };
    let added = |change: &PersonChange| match change {
        PersonChange::Added { person, .. } => person.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(known.changes.iter().map(added).collect::<Vec<_>>(), ["person_full", "person_bare"]);
    let answer = store.person_changes(&ClientId::new("client_1")?, known.revision)?;
    assert!(matches!(answer, ChangesSince::Known(since) if since.changes.is_empty()));
    Ok(())
}

/// What became of tokens: version 1 has none.
fn has_the_token(store: &Store) -> Result<()> {
    assert_eq!(store.tokens(&ClientId::new("client_1")?)?, [token()?]);
    assert_eq!(store.tokens(&ClientId::new("client_2")?)?, []);
    assert_eq!(store.token(&token()?.id)?, Some((token()?, [7; 32])));
    Ok(())
}

#[test]
fn older_versions_are_taken_to_the_present_version_and_hold_what_was_written() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for version in [1, 2, 3, 4] {
        let path = vault_of(version, folder.path());
        let error = Store::open_read_only(&path).expect_err("an older version is opened for writing once");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let store = Store::open(&path)?;
        match version {
            1 => assert_eq!(store.tokens(&ClientId::new("client_1")?)?, []),
            _ => has_the_token(&store)?,
        }
        follows_from_the_start(&store)?;
        holds_what_was_written(&store, model_info(MODEL).mode.filter(|_| version >= 3))?;
        drop(store);
        assert!(Store::open_read_only(&path)?.check()?.is_clean());
    }
    Ok(())
}

#[test]
fn what_version_4_added_is_there() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    has_what_version_4_added(&Store::open(vault_of(4, folder.path()))?)
}

fn has_what_version_4_added(store: &Store) -> Result<()> {
    let full = store.person(&ClientId::new("client_1")?, &PersonId::new("person_full")?)?;
    assert_eq!(full.attributes.get("badge").map(String::as_str), Some("4711"));
    let (given, photos) = full.images.split_last().expect("images");
    assert!(given.bytes.is_none() && photos.iter().all(|photo| photo.bytes.is_some()));
    assert_eq!(given.encoding, Some(encoding(MODEL, b"given")));
    Ok(())
}

#[test]
fn what_version_5_added_is_there() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = vault_of(5, folder.path());
    has_what_version_5_added(&path)
}

#[test]
fn what_version_6_added_is_there() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = vault_of(6, folder.path());
    assert!(Store::open_read_only(&path)?.check()?.is_clean());
    has_what_version_5_added(&path)
}

fn has_what_version_5_added(path: &Path) -> Result<()> {
    let store = Store::open(path)?;
    assert!(store.check()?.is_clean());
    let removals = store.audit(&AuditQuery::default().with_kinds(vec!["person_removed".into()]))?;
    assert_eq!(removals.entries.len(), 1);
    let report = store.verify_audit(None)?;
    assert!(report.problems.is_empty() && report.entries > 6, "{report:?}");
    assert_eq!(store.retention()?, RetentionPolicy::default());
    has_the_token(&store)?;
    has_what_version_4_added(&store)?;
    follows_from_the_start(&store)?;
    holds_what_was_written(&store, model_info(MODEL).mode)
}

#[test]
fn the_present_version_holds_what_was_written() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("written");
    write(&path)?;
    if std::env::var_os("FACEVAULT_WRITE_FORMATS").is_some() {
        let file = std::fs::File::create(data("vault-v6.gz")).expect("a file");
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        packed.write_all(&std::fs::read(&path).expect("the vault")).expect("writes");
        packed.finish().expect("writes");
    }
    assert!(Store::open_read_only(&path)?.check()?.is_clean());
    let store = Store::open(&path)?;
    has_the_token(&store)?;
    has_what_version_4_added(&store)?;
    holds_what_was_written(&store, model_info(MODEL).mode)
}

#[test]
fn what_older_versions_left_in_unused_bytes_goes_when_a_vault_is_opened() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = vault_of(4, folder.path());
    let word = |person: usize, n: usize| format!("word{person:05}of{n:05} ");
    {
        // As facevault 0.1 wrote: SQLite overwrites rows, not the copies that it leaves in other pages.
        let old = rusqlite::Connection::open(&path).expect("a vault");
        old.execute_batch("PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON").expect("sets");
        let mut write = old
            .prepare(
                "INSERT INTO persons
                     (client, id, status, version, generation, created_at, updated_at, name, folded_name, notes)
                 VALUES (1, ?1, 'active', 1, 0, 0, 0, 'a', 'a', ?2)
                 ON CONFLICT (client, id) DO UPDATE SET notes = ?2",
            )
            .expect("a statement");
        for round in 0..4 {
            for person in 0..200 {
                let notes: String = (0..1 + (person * 7 + round * 13) % 60).map(|n| word(person, n)).collect();
                write.execute(rusqlite::params![format!("old{person:05}"), notes]).expect("written");
            }
        }
        old.execute("UPDATE persons SET notes = 'x' WHERE id LIKE 'old%'", []).expect("replaced");
    }
    let left = || {
        let bytes = std::fs::read(&path).expect("a file");
        let is_word = |piece: &&[u8]| piece.starts_with(b"word") && piece[4..].iter().all(u8::is_ascii_digit);
        bytes.windows(9).filter(is_word).count()
    };
    assert!(left() > 10, "only {} words were left by the old version", left());
    let store = Store::open(&path)?;
    assert_eq!(store.erasure()?, Erasure::Nothing);
    assert_eq!(left(), 0);
    assert!(store.check()?.is_clean());
    Ok(())
}

#[test]
fn what_other_programs_left_goes_when_the_vault_is_cleaned() -> Result<()> {
    // Looks for what people wrote in the file's bytes.
    if crate::data::vaults_are_encrypted() {
        return Ok(());
    }
    let vault = super::Vault::new();
    for n in 0..200 {
        vault.store.insert(&vault.client, &person(&format!("somebody{n:05}").repeat(10), &[]))?;
    }
    let left = || {
        let bytes = std::fs::read(vault.path()).expect("a file");
        bytes.windows(6).filter(|piece| piece == b"marker").count()
    };
    let other = vault.raw();
    other.execute_batch("PRAGMA secure_delete = ON").expect("sets");
    // How much is left depends on where rows lie, and that on random ids.
    for round in 0..20 {
        for n in 0..200 {
            let name = format!("marker{n:05}").repeat(1 + (n + 7 * round) % 40);
            other
                .execute("UPDATE persons SET name = ?2 WHERE key = ?1", rusqlite::params![n as i64 + 1, name])
                .expect("changed");
        }
        // Such a program folds the log into the file as it is.
        other.execute_batch("UPDATE persons SET name = 'x'; PRAGMA wal_checkpoint(TRUNCATE)").expect("changed");
        if left() > 10 {
            break;
        }
    }
    drop(other);
    assert!(left() > 10, "only {} names were left by the other program", left());
    assert_eq!(vault.store.clean()?, Erasure::Done);
    assert_eq!(left(), 0);
    Ok(())
}
