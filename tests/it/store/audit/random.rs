//! Random changes, and a trail that says of each what a plain list says.

use facevault::store::Store;
use facevault::{
    Actor, AuditHead, AuditScope, CollectionUpdate, ErrorKind, ImagesUpdate, NewCollection, Patch, PersonId, PersonKey,
    PersonUpdate, Result, Status, Token, TokenId, TokenSecret,
};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::{Vault, Writes, person};
use super::{follow, problems, trail};

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
