//! The audit trail: each change has its entry, nothing personal is in it, and whatever is done to it shows.

use std::time::Duration;

use facevault::store::{ModelInfo, PreparedImages, Store};
use facevault::{
    Actor, AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPolicy, AuditQuery, AuditScope, ClientId,
    CollectionUpdate, EncodingMode, ErrorKind, Gender, ImagesUpdate, Metric, NewCollection, NewPerson, Patch, PersonId,
    PersonKey, PersonUpdate, Receipt, Result, Status, Token, TokenId, TokenSecret,
};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::{Connection, params};
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

/// What a trail must say, as a plain list: kind, actor and person.
type Expected = Vec<(String, Option<String>, Option<PersonKey>)>;

#[derive(Debug, Clone)]
enum Op {
    Insert(Vec<u8>),
    Rename(u8, String),
    Notes(u8, Option<String>),
    Same(u8),
    Photos(u8, Vec<u8>),
    Inactive(u8),
    Remove(u8),
    Stale(u8),
    Collection,
    Members(u8, Vec<u8>),
    RemoveCollection(u8),
    Token,
    Revoke(u8),
    Policy(AuditScope),
}

fn op() -> impl Strategy<Value = (Op, u8)> {
    let photos = || proptest::collection::vec(0..6u8, 0..3);
    let op = prop_oneof![
        4 => photos().prop_map(Op::Insert),
        3 => (any::<u8>(), "[a-z]{1,9}").prop_map(|(person, name)| Op::Rename(person, name)),
        2 => (any::<u8>(), proptest::option::of("[a-z]{1,9}")).prop_map(|(person, notes)| Op::Notes(person, notes)),
        1 => any::<u8>().prop_map(Op::Same),
        2 => (any::<u8>(), photos()).prop_map(|(person, photos)| Op::Photos(person, photos)),
        1 => any::<u8>().prop_map(Op::Inactive),
        2 => any::<u8>().prop_map(Op::Remove),
        1 => any::<u8>().prop_map(Op::Stale),
        1 => Just(Op::Collection),
        1 => (any::<u8>(), photos()).prop_map(|(which, people)| Op::Members(which, people)),
        1 => any::<u8>().prop_map(Op::RemoveCollection),
        1 => Just(Op::Token),
        1 => any::<u8>().prop_map(Op::Revoke),
        1 => proptest::sample::select(vec![AuditScope::Off, AuditScope::Changes, AuditScope::All]).prop_map(Op::Policy),
    ];
    (op, 0..3u8)
}

/// The vault and what is known of it.
#[derive(Default)]
struct Known {
    persons: Vec<(PersonId, PersonKey)>,
    collections: Vec<String>,
    tokens: Vec<TokenId>,
    scope: AuditScope,
    expected: Expected,
}

impl Known {
    fn pick<T: Clone>(list: &[T], which: u8) -> Option<T> {
        (!list.is_empty()).then(|| list[usize::from(which) % list.len()].clone())
    }

    fn expect(&mut self, kind: &str, actor: &Actor, person: Option<PersonKey>) {
        if self.scope != AuditScope::Off {
            self.expected.push((kind.to_owned(), actor.as_text().map(str::to_owned), person));
        }
    }

    fn update(&mut self, vault: &Vault, store: &Store, which: u8, update: &PersonUpdate) -> Result<()> {
        let Some((id, key)) = Self::pick(&self.persons, which) else { return Ok(()) };
        store.update(&vault.client, &id, update)?;
        if !update.is_keep() {
            self.expect("person_updated", store.actor(), Some(key));
        }
        Ok(())
    }

    fn run(&mut self, vault: &Vault, op: &Op, actor: u8) -> Result<()> {
        let actor = [Actor::default(), Actor::named("kiosk")?, Actor::token(&TokenId::new("token_1")?)]
            [usize::from(actor)]
        .clone();
        let store = vault.store.acting_as(&actor);
        let photo = |n: &u8| vec![*n; 100];
        match op {
            Op::Insert(photos) => {
                let photos: Vec<_> = photos.iter().map(photo).collect();
                let photos: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
                let written = store.insert(&vault.client, &person("somebody", &photos))?;
                self.persons.push((written.person.id, written.key));
                self.expect("person_created", &actor, Some(written.key));
            }
            Op::Rename(which, name) => {
                self.update(vault, &store, *which, &PersonUpdate { name: Some(name.clone()), ..Default::default() })?;
            }
            Op::Notes(which, notes) => {
                let notes = notes.clone().map_or(Patch::Clear, Patch::Set);
                self.update(vault, &store, *which, &PersonUpdate { notes, ..Default::default() })?;
            }
            Op::Same(which) => self.update(vault, &store, *which, &PersonUpdate::default())?,
            Op::Photos(which, photos) => {
                let images = match photos.is_empty() {
                    true => ImagesUpdate::Clear,
                    false => ImagesUpdate::Replace(photos.iter().map(|n| photo(n).into()).collect()),
                };
                self.update(vault, &store, *which, &PersonUpdate { images, ..Default::default() })?;
            }
            Op::Inactive(which) => {
                self.update(
                    vault,
                    &store,
                    *which,
                    &PersonUpdate { status: Some(Status::Inactive), ..Default::default() },
                )?;
            }
            Op::Remove(which) => {
                if let Some((id, key)) = Self::pick(&self.persons, *which) {
                    let removed = store.remove_person(&vault.client, &id, None)?;
                    self.persons.retain(|(_, other)| *other != key);
                    self.expect("person_removed", &actor, Some(key));
                    assert_eq!(removed.receipt.is_some(), self.scope != AuditScope::Off);
                }
            }
            Op::Stale(which) => {
                if let Some((id, _)) = Self::pick(&self.persons, *which) {
                    let refused = store.remove_person(&vault.client, &id, Some(u64::MAX)).expect_err("another version");
                    assert_eq!(refused.kind(), ErrorKind::Conflict);
                }
            }
            Op::Collection => {
                self.collections.push(store.insert_collection(&vault.client, &NewCollection::named("c"))?.code);
                self.expect("collection_created", &actor, None);
            }
            Op::Members(which, people) => {
                if let Some(code) = Self::pick(&self.collections, *which) {
                    let people =
                        people.iter().filter_map(|n| Self::pick(&self.persons, *n)).map(|(id, _)| id).collect();
                    let update = CollectionUpdate { people: Some(people), ..Default::default() };
                    store.update_collection(&vault.client, &code, &update)?;
                    self.expect("collection_updated", &actor, None);
                }
            }
            Op::RemoveCollection(which) => {
                if let Some(code) = Self::pick(&self.collections, *which) {
                    store.remove_collection(&vault.client, &code)?;
                    self.collections.retain(|other| *other != code);
                    self.expect("collection_removed", &actor, None);
                }
            }
            Op::Token => {
                let secret = TokenSecret::generate()?;
                let (id, client, created_at) = (secret.id().clone(), vault.client.clone(), Timestamp::now());
                let token = Token { id: id.clone(), client, created_at, expires_at: None, revoked_at: None };
                store.insert_token(&token, &secret.sha256())?;
                self.tokens.push(id);
                self.expect("token_created", &actor, None);
            }
            Op::Revoke(which) => {
                if let Some(token) = Self::pick(&self.tokens, *which) {
                    store.revoke_token(&vault.client, &token)?;
                    self.expect("token_revoked", &actor, None);
                }
            }
            Op::Policy(scope) => {
                store.set_audit_policy(&store.audit_policy()?.with_scope(*scope))?;
                if *scope != self.scope {
                    let before = std::mem::replace(&mut self.scope, AuditScope::Changes);
                    self.expect("policy_changed", &actor, None);
                    assert!(before != *scope);
                    self.scope = *scope;
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn the_trail_says_what_was_done_in_its_order(ops in proptest::collection::vec(op(), 1..40)) {
        let vault = Vault::in_memory();
        let mut known = Known::default();
        for (op, actor) in &ops {
            known.run(&vault, op, *actor).map_err(|error| TestCaseError::fail(format!("{op:?}: {error}")))?;
        }
        let entries = trail(&vault.store);
        let said: Expected = entries
            .iter()
            .map(|entry| (entry.event.kind().to_owned(), entry.actor.as_text().map(str::to_owned), entry.person))
            .collect();
        prop_assert_eq!(&said, &known.expected);
        prop_assert!(entries.iter().zip(1..).all(|(entry, place)| entry.sequence == place));
        prop_assert_eq!(follow(&vault, &entries), entries.len());
        prop_assert_eq!(problems(&vault.store, None), Vec::<String>::new());
        // A head that was noted after any of them is still there.
        for entry in &entries {
            let head = AuditHead::new(entry.sequence, entry.hash);
            prop_assert_eq!(problems(&vault.store, Some(&head)), Vec::<String>::new());
        }
        prop_assert!(vault.store.check().map(|report| report.is_clean()).unwrap_or(false));
    }
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

/// A vault with twelve entries.
fn twelve() -> Result<Vault> {
    let vault = Vault::in_memory();
    for n in 0..4 {
        let id = vault.store.insert(&vault.client, &person("somebody", &[&[n; 9]]))?.person.id;
        let rename = PersonUpdate { name: Some("another".into()), ..PersonUpdate::default() };
        vault.store.update(&vault.client, &id, &rename)?;
        vault.store.remove_person(&vault.client, &id, None)?;
    }
    assert_eq!(trail(&vault.store).len(), 12);
    Ok(vault)
}

/// What keeps SQLite's own users from changing the trail.
const TRIGGERS: &str =
    "DROP TRIGGER audit_is_appended_to; DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_cut_at_its_start;";

#[test]
fn the_table_itself_refuses_changes() -> Result<()> {
    let vault = twelve()?;
    for statement in [
        "UPDATE audit SET detail = '{}' WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence = 12",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 3, at, kind, client, actor, person, detail, hash FROM audit WHERE sequence = 4",
    ] {
        assert!(vault.raw().execute_batch(statement).is_err(), "{statement}");
    }
    assert_eq!(problems(&vault.store, None), Vec::<String>::new());
    Ok(())
}

#[test]
fn every_way_of_tampering_is_noticed() -> Result<()> {
    for (statements, word) in [
        ("UPDATE audit SET detail = '{}' WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET at = at + 1 WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET kind = 'person_updated' WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET client = NULL WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET actor = 'host:other' WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET person = person + 1 WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 12", "not what was written"),
        ("UPDATE audit SET actor = 'nobody at all' WHERE sequence = 6", "not what was written"),
        ("DELETE FROM audit WHERE sequence = 6", "is missing"),
        ("DELETE FROM audit WHERE sequence BETWEEN 6 AND 8", "up to 8 are missing"),
        // Whoever closes the gap breaks the chain.
        (
            "DELETE FROM audit WHERE sequence = 6;
             UPDATE audit SET sequence = sequence - 1 WHERE sequence BETWEEN 7 AND 12;",
            "not what was written",
        ),
        ("DELETE FROM audit WHERE sequence > 9", "newest entries"),
        ("DELETE FROM audit WHERE sequence = 12", "newest entries"),
        ("DELETE FROM audit", "newest entries"),
        (
            "DELETE FROM audit WHERE sequence > 9;
             UPDATE audit_state SET last = 9, head = (SELECT hash FROM audit WHERE sequence = 9);",
            "is damaged",
        ),
        ("DELETE FROM audit WHERE sequence < 4", "up to 3 are missing"),
        (
            "UPDATE audit_state SET base = 3, anchor = (SELECT hash FROM audit WHERE sequence = 3);
             DELETE FROM audit WHERE sequence < 4;",
            "is damaged",
        ),
        (
            "UPDATE audit SET sequence = 100 WHERE sequence = 6; UPDATE audit SET sequence = 6 WHERE sequence = 7;
             UPDATE audit SET sequence = 7 WHERE sequence = 100;",
            "not what was written",
        ),
        (
            "INSERT INTO audit SELECT 13, at, kind, client, actor, person, detail, hash FROM audit WHERE sequence = 12",
            "not what was written",
        ),
        (
            "UPDATE audit SET sequence = sequence + 101 WHERE sequence > 5;
             UPDATE audit SET sequence = sequence - 100 WHERE sequence > 100;
             INSERT INTO audit SELECT 6, at, kind, client, actor, person, detail, hash FROM audit WHERE sequence = 5;",
            "not what was written",
        ),
        ("UPDATE audit_state SET scope = 'off'", "is damaged"),
        ("UPDATE audit_state SET keep_days = 1", "is damaged"),
    ] {
        let vault = twelve()?;
        vault.raw().execute_batch(&format!("{TRIGGERS} {statements};")).expect(statements);
        let found = problems(&vault.store, None);
        assert!(found.iter().any(|problem| problem.contains(word)), "{statements}: {found:?}");
        let checked = vault.store.check()?.problems;
        assert!(checked.iter().any(|problem| problem.what.contains(word)), "{statements}: {checked:?}");
    }
    // The trail of another vault begins with another id; the row that holds the id has a checksum of its own.
    let vault = twelve()?;
    vault.raw().execute_batch("UPDATE meta SET vault = '00000000-0000-0000-0000-000000000000'").expect("updates");
    assert_eq!(vault.store.verify_audit(None).expect_err("damaged").kind(), ErrorKind::Corrupt);
    let checked = vault.store.check()?.problems;
    assert!(checked.iter().any(|problem| problem.what.contains("meta")), "{checked:?}");
    Ok(())
}

/// Writes the whole chain anew, as somebody who knows how it is made can: `change` is applied to each entry,
/// `last` is the number of the last one that stays, and entries up to `base` go.
fn forge(vault: &Vault, base: i64, last: i64, change: impl Fn(i64, &mut i64)) {
    let raw = vault.raw();
    raw.execute_batch(TRIGGERS).expect("dropped");
    let id: String = raw.query_row("SELECT vault FROM meta", [], |row| row.get(0)).expect("an id");
    let mut hash: [u8; 32] = Sha256::digest(format!("facevault: audit trail\0{id}")).into();
    let mut anchor = hash;
    for sequence in 1..=last {
        let (mut at, kind, client, actor, person, detail) = raw
            .query_row(
                "SELECT at, kind, client, actor, person, detail FROM audit WHERE sequence = ?1",
                [sequence],
                |row| {
                    let text = |index: usize| row.get::<_, Option<String>>(index);
                    Ok((row.get(0)?, text(1)?, text(2)?, text(3)?, row.get::<_, Option<i64>>(4)?, text(5)?))
                },
            )
            .expect("an entry");
        change(sequence, &mut at);
        let part = |text: Option<String>| text.unwrap_or_default();
        let person = person.map(|key| key.to_string()).unwrap_or_default();
        let (kind, client, actor, detail) = (part(kind), part(client), part(actor), part(detail));
        let text = format!("{sequence}\n{at}\n{kind}\n{client}\n{actor}\n{person}\n{detail}");
        hash = Sha256::digest([&hash[..], text.as_bytes()].concat()).into();
        raw.execute("UPDATE audit SET at = ?2, hash = ?3 WHERE sequence = ?1", params![sequence, at, hash])
            .expect("forged");
        if sequence == base {
            anchor = hash;
        }
    }
    raw.execute("DELETE FROM audit WHERE sequence > ?1 OR sequence <= ?2", [last, base]).expect("cut");
    let head = |sequence: i64, hash: [u8; 32]| AuditHead::new(sequence.unsigned_abs(), AuditHash::from_bytes(hash));
    let text =
        format!("changes\n{:?}\nfalse\n{:?}\n{}\n{}", Some(365), None::<i64>, head(base, anchor), head(last, hash));
    raw.execute(
        "UPDATE audit_state SET base = ?1, anchor = ?2, last = ?3, head = ?4, crc32 = ?5",
        params![base, anchor, last, hash, crc32fast::hash(text.as_bytes())],
    )
    .expect("forged");
}

#[test]
fn a_trail_that_was_written_anew_shows_against_a_head_that_was_kept() -> Result<()> {
    let kept = |vault: &Vault| vault.store.verify_audit(None).map(|report| report.head);
    // A changed time, and the newest entries cut: the chain is whole, but the head that was kept is not in it.
    let (one, two) = (twelve()?, twelve()?);
    for (vault, last) in [(&one, 12), (&two, 9)] {
        let head = kept(vault)?;
        assert_eq!(problems(&vault.store, Some(&head)), Vec::<String>::new());
        forge(vault, 0, last, |sequence, at| *at += i64::from(sequence == 7 && last == 12));
        assert_eq!(problems(&vault.store, None), Vec::<String>::new());
        let found = problems(&vault.store, Some(&head));
        assert!(found.len() == 1 && found[0].contains("does not hold"), "{found:?}");
    }
    // The oldest entries cut by hand: the trail would have said so.
    let three = twelve()?;
    forge(&three, 3, 12, |_, _| {});
    let found = problems(&three.store, None);
    assert!(found.len() == 1 && found[0].contains("oldest entries were cut"), "{found:?}");
    Ok(())
}

/// Takes the entries up to `last` back by `days`.
fn age(vault: &Vault, last: i64, days: i64) {
    forge(vault, 0, 12, |sequence, at| *at -= if sequence <= last { days * 86_400_000_000 } else { 0 });
    vault
        .raw()
        .execute_batch(
            "CREATE TRIGGER audit_is_cut_at_its_start BEFORE DELETE ON audit
             WHEN OLD.sequence > (SELECT base FROM audit_state) BEGIN SELECT RAISE(ABORT, 'no'); END;",
        )
        .expect("the trigger");
}

#[test]
fn old_entries_are_cut_and_the_trail_says_so() -> Result<()> {
    let vault = twelve()?;
    let head = vault.store.verify_audit(None)?.head;
    assert_eq!(vault.store.cut_audit()?, 0);
    age(&vault, 5, 400);
    let aged = vault.store.verify_audit(None)?.head;
    assert_eq!(vault.store.acting_as(&Actor::named("timer")?).cut_audit()?, 5);
    assert_eq!(vault.store.cut_audit()?, 0);
    let entries = trail(&vault.store);
    assert_eq!((entries[0].sequence, entries.len()), (6, 8));
    let last = entries.last().expect("an entry");
    let AuditEvent::TrailCut { entries: cut, until, .. } = last.event else { panic!("{last:?}") };
    assert_eq!((cut, until, last.actor.name()), (5, 5, Some("timer")));
    assert_eq!(problems(&vault.store, Some(&aged)), Vec::<String>::new());
    let early = AuditHead::new(2, head.hash);
    assert!(problems(&vault.store, Some(&early))[0].contains("cut because of its age"));
    // What is cut next shows against what the trail says.
    vault
        .raw()
        .execute_batch("DROP TRIGGER audit_is_cut_at_its_start; DELETE FROM audit WHERE sequence = 6;")
        .expect("cut");
    assert!(problems(&vault.store, None)[0].contains("is missing"));
    Ok(())
}

#[test]
fn a_clock_that_was_set_back_cuts_nothing() -> Result<()> {
    let vault = twelve()?;
    // The newest entry is of tomorrow: the clock cannot be trusted.
    forge(&vault, 0, 12, |sequence, at| *at += if sequence == 12 { 86_400_000_000 } else { -500 * 86_400_000_000 });
    assert_eq!(vault.store.cut_audit()?, 0);
    Ok(())
}

#[test]
fn old_entries_are_cut_by_themselves() -> Result<()> {
    let vault = twelve()?;
    age(&vault, 12, 400);
    for _ in 12..256 {
        vault.store.insert(&vault.client, &person("somebody", &[]))?;
    }
    let report = vault.store.verify_audit(None)?;
    assert_eq!((report.cut_until, report.head.sequence, report.entries), (12, 257, 245));
    assert!(report.is_clean(), "{report:?}");
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
fn what_cannot_be_read_is_of_another_kind() -> Result<()> {
    let vault = twelve()?;
    vault
        .raw()
        .execute_batch(&format!("{TRIGGERS} UPDATE audit SET detail = '{{}}' WHERE sequence = 6;"))
        .expect("changed");
    let read = vault.store.audit(&AuditQuery::default()).map_err(|error| error.kind());
    assert_eq!(read.map(drop), Err(ErrorKind::Corrupt));
    assert_eq!(vault.store.audit(&AuditQuery::default().with_after(6))?.entries.len(), 6);
    Ok(())
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
