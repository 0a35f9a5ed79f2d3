//! The audit trail: each change has its entry, nothing personal is in it, and whatever is done to it shows.

mod random;
mod tampering;

use std::time::Duration;

use facevault::store::{ModelInfo, PreparedImages, Store};
use facevault::{
    AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPolicy, AuditQuery, AuditScope, ClientId, EncodingMode,
    ErrorKind, Gender, ImagesUpdate, Metric, NewCollection, NewPerson, Patch, PersonId, PersonUpdate, Receipt, Result,
};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{MODEL, OTHER_MODEL, Vault, Writes, model_info, person, prepared};
use crate::children;

/// The whole trail.
fn trail(store: &Store) -> Vec<AuditEntry> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let page = store.audit(&AuditQuery::default().with_limit(7).with_after(after)).expect("a page");
        entries.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return entries;
        }
    }
}

fn problems(store: &Store, head: Option<&AuditHead>) -> Vec<String> {
    let report = store.verify_audit(head).expect("verified");
    report.problems.iter().map(|problem| format!("{:?}: {}", problem.sequence, problem.what)).collect()
}

/// Hashes the chain by its description alone; says how many entries fit.
fn follow(vault: &Vault, entries: &[AuditEntry]) -> usize {
    let id: String = vault.raw().query_row("SELECT vault FROM meta", [], |row| row.get(0)).expect("an id");
    let mut hash: [u8; 32] = Sha256::digest(format!("facevault: audit trail\0{id}")).into();
    for (place, entry) in entries.iter().enumerate() {
        let text = entry.text.clone();
        hash = Sha256::digest([&hash[..], text.as_bytes()].concat()).into();
        let mut lines = text.splitn(7, '\n');
        let client = entry.client.as_ref().map_or("", |client| client.as_str()).to_owned();
        let actor = entry.actor.as_text().unwrap_or_default().to_owned();
        let person = entry.person.map(|key| key.to_string()).unwrap_or_default();
        let said = [
            entry.sequence.to_string(),
            entry.at.as_microsecond().to_string(),
            entry.event.kind().to_owned(),
            client,
            actor,
            person,
        ];
        if said.iter().any(|said| lines.next() != Some(said)) || entry.hash != AuditHash::from_bytes(hash) {
            return place;
        }
    }
    entries.len()
}

#[test]
fn an_update_names_its_fields_and_counts_its_photos() -> Result<()> {
    let vault = Vault::new();
    let ada = vault.store.insert(&vault.client, &person("Ada", &[b"one", b"two"]))?;
    let staff = vault.store.insert_collection(&vault.client, &NewCollection::named("Staff"))?;
    let update = PersonUpdate {
        // The same name again is no change.
        name: Some("Ada".into()),
        gender: Patch::Set(Gender::Female),
        notes: Patch::Set("secret".into()),
        attributes: Patch::Set([("badge".to_owned(), Some("4711".to_owned()))].into()),
        collections: Some(vec![staff.code]),
        images: ImagesUpdate::Replace(super::images(&[b"two", b"three", b"four"])),
        ..PersonUpdate::default()
    };
    vault.store.update(&vault.client, &ada.person.id, &update)?;
    let removed = vault.store.remove_person(&vault.client, &ada.person.id, None)?;
    let entries = trail(&vault.store);
    let AuditEvent::PersonUpdated { fields, photos_added, photos_removed, .. } = &entries[2].event else {
        panic!("{:?}", entries[2]);
    };
    assert_eq!(fields, &["attributes", "collections", "gender", "images", "notes"]);
    assert_eq!((*photos_added, *photos_removed), (2, 1));
    let AuditEvent::PersonRemoved(removal) = &entries[3].event else { panic!("{:?}", entries[3]) };
    assert_eq!((removal.photos, removal.encodings, removal.attributes, removal.collections), (3, 3, 1, 1));
    assert_eq!((removal.version, entries[3].person), (2, Some(removed.key)));

    // The receipt opens what the entry commits to; nothing else does.
    let receipt = removed.receipt.expect("a receipt");
    assert_eq!((receipt.entry, receipt.at), (AuditHead::new(4, entries[3].hash), entries[3].at));
    let (_, opening) = Receipt::parse(&receipt.reveal())?;
    assert!(removal.is_of(&opening, &vault.client, &ada.person.id));
    for (photo, was_removed) in [(&b"two"[..], true), (b"three", true), (b"one", false)] {
        assert_eq!(removal.has_photo(&opening, photo), was_removed);
    }
    assert!(!removal.is_of(&opening, &vault.client, &PersonId::new("ada")?));
    Ok(())
}

#[test]
fn entries_are_found_by_client_kind_person_and_time() -> Result<()> {
    let vault = Vault::new();
    let other = ClientId::new("other")?;
    vault.store.insert_client(&other)?;
    let ada = vault.store.insert(&vault.client, &person("Ada", &[]))?;
    vault.store.insert(&other, &person("Bob", &[]))?;
    let middle = trail(&vault.store)[2].at;
    let rename = PersonUpdate { name: Some("Eve".into()), ..PersonUpdate::default() };
    vault.store.update(&vault.client, &ada.person.id, &rename)?;

    let found = |query: AuditQuery| -> Result<Vec<u64>> {
        Ok(vault.store.audit(&query)?.entries.iter().map(|entry| entry.sequence).collect())
    };
    let query = AuditQuery::default;
    assert_eq!(found(query())?, [1, 2, 3, 4]);
    assert_eq!(found(query().with_newest_first(true).with_limit(2))?, [4, 3]);
    assert_eq!(found(query().with_newest_first(true).with_after(3))?, [2, 1]);
    assert_eq!(found(query().with_client(other.clone()))?, [1, 3]);
    assert_eq!(found(query().with_kinds(vec!["person_created".into(), "client_added".into()]))?, [1, 2, 3]);
    assert_eq!(found(query().with_person(ada.key))?, [2, 4]);
    assert_eq!(vault.store.person_key(&vault.client, &ada.person.id)?, ada.key);
    assert_eq!(found(query().with_since(middle))?, [3, 4]);
    assert_eq!(found(query().with_until(middle))?, [1, 2]);
    for wrong in [query().with_limit(0), query().with_limit(10_001), query().with_kinds(vec!["gossip".into()])] {
        assert_eq!(vault.store.audit(&wrong).map_err(|error| error.kind()), Err(ErrorKind::Invalid));
    }
    Ok(())
}

#[test]
fn a_policy_is_kept_and_noted() -> Result<()> {
    let vault = Vault::new();
    assert_eq!(vault.store.audit_policy()?, AuditPolicy::default());
    let all = AuditPolicy::default().with_scope(AuditScope::All).with_keep_days(None).with_searches_at_once(true);
    vault.store.set_audit_policy(&all)?;
    vault.store.set_audit_policy(&all)?;
    assert_eq!(Store::open(vault.path())?.audit_policy()?, all);
    for days in [0, 36_526] {
        let refused = vault.store.set_audit_policy(&all.with_keep_days(days)).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::Invalid));
    }
    vault.store.set_audit_policy(&all.with_scope(AuditScope::Off))?;
    let id = vault.store.insert(&vault.client, &person("Ada", &[]))?.person.id;
    assert_eq!(vault.store.remove_person(&vault.client, &id, None)?.receipt, None);
    let kinds: Vec<String> = trail(&vault.store).iter().map(|entry| entry.event.kind().to_owned()).collect();
    assert_eq!(kinds, ["policy_changed", "policy_changed"]);
    Ok(())
}

#[test]
fn models_and_encodings_are_noted() -> Result<()> {
    let vault = Vault::new();
    let photos = super::images(&[b"one"]);
    let new = NewPerson { name: "Ada".into(), images: photos.clone(), ..NewPerson::default() };
    vault.store.insert_person(&vault.client, &new, &prepared(&photos))?;
    vault.store.add_model(&model_info(OTHER_MODEL))?;
    vault.store.add_model(&model_info(OTHER_MODEL))?;
    let images = vault.store.images_without(&OTHER_MODEL, None, 10)?;
    let made = [(images[0].clone(), super::encoding(OTHER_MODEL, b"one"))];
    vault.store.add_encodings(&OTHER_MODEL, &made)?;
    vault.store.add_encodings(&OTHER_MODEL, &made)?;
    vault.store.switch_model(&MODEL, &OTHER_MODEL, false, &[])?;
    let entries = trail(&vault.store);
    let events: Vec<&AuditEvent> = entries.iter().map(|entry| &entry.event).skip(1).collect();
    let [
        AuditEvent::ModelAdded { model, .. },
        AuditEvent::EncodingsAdded { encodings: 1, .. },
        AuditEvent::ModelSwitched { from, to, .. },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((model, from, to), (&OTHER_MODEL.to_string(), &MODEL.to_string(), &OTHER_MODEL.to_string()));
    Ok(())
}

#[test]
fn nothing_personal_is_in_the_trail() -> Result<()> {
    let vault = Vault::new();
    let mut markers: Vec<Vec<u8>> = Vec::new();
    for n in 0..40u8 {
        let id = PersonId::new(format!("badge-{n:03}"))?;
        let photo = format!("photo of {n}").into_bytes();
        let new = NewPerson {
            id: Some(id.clone()),
            notes: Some(format!("note on {n:03}")),
            nationality: Some(format!("land {n:03}")),
            attributes: [(format!("key{n:03}"), format!("value {n:03}"))].into(),
            ..person(&format!("name {n:03}"), &[&photo])
        };
        vault.store.insert(&vault.client, &new)?;
        let rename = PersonUpdate { name: Some(format!("other {n:03}")), ..PersonUpdate::default() };
        vault.store.update(&vault.client, &id, &rename)?;
        vault.store.remove_person(&vault.client, &id, None)?;
        let digest = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes)).to_vec();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
        for text in ["badge-", "note on ", "land ", "key", "value ", "name ", "other "] {
            markers.push(format!("{text}{n:03}").into_bytes());
        }
        for bytes in [id.as_str().as_bytes(), &photo] {
            markers.extend([digest(bytes), hex(&digest(bytes))]);
        }
        markers.push(super::encoding(MODEL, &photo).to_bytes());
        markers.push(photo);
    }
    let mut bytes = Vec::new();
    for (table, rows) in super::dump(&vault.raw()).into_iter().filter(|(table, _)| table.starts_with("audit")) {
        for value in rows.into_iter().flatten() {
            match value {
                rusqlite::types::Value::Text(text) => bytes.extend(text.into_bytes()),
                rusqlite::types::Value::Blob(blob) => bytes.extend(blob),
                _ => {}
            }
            bytes.push(b'|');
        }
        assert!(!bytes.is_empty(), "{table} is empty");
    }
    let found: Vec<_> =
        markers.iter().filter(|marker| bytes.windows(marker.len()).any(|part| part == &marker[..])).collect();
    assert!(found.is_empty(), "{} of {} markers", found.len(), markers.len());
    Ok(())
}

/// The child's part is the vault's path.
fn change_until_killed(path: &str) {
    let store = Store::open(path).expect("a vault");
    let client = store.default_client().expect("a client");
    children::say("open");
    for n in 0.. {
        let id = store.insert_person(&client, &person("a", &[]), &PreparedImages::default()).expect("added").person.id;
        let rename = PersonUpdate { name: Some("b".into()), ..PersonUpdate::default() };
        store.update(&client, &id, &rename).expect("updated");
        if n % 3 == 0 {
            store.remove_person(&client, &id, None).expect("removed");
        }
    }
}

#[test]
fn a_change_and_its_entry_are_both_there_or_neither() -> Result<()> {
    if let Some(part) = children::part() {
        change_until_killed(&part);
        return Ok(());
    }
    let test = "store::audit::a_change_and_its_entry_are_both_there_or_neither";
    let vault = Vault::new();
    let (path, folder) = (vault.path(), vault.folder);
    drop(vault.store);
    for round in 0..children::kills(40) {
        children::killed_at_random(test, &path.display().to_string(), Duration::from_millis(60));
        let store = Store::open(&path)?;
        assert_eq!(problems(&store, None), Vec::<String>::new(), "round {round}");
        drop(store);
        assert_eq!(unmatched(&crate::data::database(&path)), 0, "round {round}");
    }
    drop(folder);
    Ok(())
}

/// How many changes have no entry, or entries no change: each version of a person has one, and so has each removal.
fn unmatched(raw: &Connection) -> i64 {
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("counted");
    let versions = count(
        "SELECT COUNT(*) FROM persons p WHERE version <> (SELECT COUNT(*) FROM audit WHERE person = p.key
         AND kind IN ('person_created', 'person_updated'))",
    );
    let removals = count(
        "SELECT COUNT(*) FROM changes c WHERE removed <> (SELECT COUNT(*) FROM audit WHERE person = c.person
         AND kind = 'person_removed')",
    );
    let strangers = count("SELECT COUNT(*) FROM audit WHERE person NOT IN (SELECT person FROM changes)");
    versions + removals + strangers
}

#[test]
fn the_first_model_is_noted_with_the_person_who_brings_it() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path().join("v"), &Default::default())?;
    let client = store.default_client()?;
    let photos = super::images(&[b"one"]);
    let model =
        ModelInfo { id: MODEL, name: "m".into(), dimension: 4, metric: Metric::Cosine, mode: Some(EncodingMode::Fast) };
    let prepared = PreparedImages { model: Some(model), ..prepared(&photos) };
    let new = NewPerson { name: "Ada".into(), images: photos, ..NewPerson::default() };
    store.insert_person(&client, &new, &prepared)?;
    let kinds: Vec<String> = trail(&store).iter().map(|entry| entry.event.kind().to_owned()).collect();
    assert_eq!(kinds, ["model_added", "person_created"]);
    Ok(())
}
