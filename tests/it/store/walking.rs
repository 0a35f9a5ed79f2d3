//! Lists read by cursor while persons come and go.

use std::collections::BTreeSet;

use facevault::store::{CreateOptions, Store};
use facevault::{ClientId, ErrorKind, NewCollection, PersonId, PersonQuery, Result};
use proptest::prelude::*;

use super::{Writes, person};

/// What happens between two pages.
#[derive(Debug, Clone)]
enum Meanwhile {
    Add,
    /// One of those who are there.
    Remove(usize),
    /// Whoever was listed last: the cursor stands behind somebody who is gone.
    RemoveLast,
    Rename(usize),
}

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    prop_oneof![
        Just(Meanwhile::Add),
        (0usize..100).prop_map(Meanwhile::Remove),
        Just(Meanwhile::RemoveLast),
        (0usize..100).prop_map(Meanwhile::Rename),
    ]
}

fn store() -> (Store, ClientId) {
    let store = Store::in_memory(&CreateOptions::default()).expect("memory");
    let client = store.default_client().expect("a client");
    (store, client)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whoever_is_there_all_the_time_is_listed_once(
        there in 0usize..25,
        limit in 1u64..6,
        in_collection in any::<bool>(),
        events in prop::collection::vec(prop::collection::vec(meanwhile(), 0..4), 0..40),
    ) {
        let (store, client) = store();
        let group = store.insert_collection(&client, &NewCollection::named("Staff")).expect("a collection");
        let add = || {
            let mut new = person("P", &[]);
            new.collections = vec![group.code.clone()];
            store.insert(&client, &new).expect("a person").person.id
        };
        // Somebody who is not asked for is on no page.
        let stranger = store.insert(&client, &person("Stranger", &[])).expect("a person").person.id;
        let mut present: Vec<PersonId> = (0..there).map(|_| add()).collect();
        let mut all_the_time: BTreeSet<PersonId> = present.iter().cloned().collect();
        let base = match in_collection {
            true => PersonQuery::default().with_collection(group.code.clone()),
            false => PersonQuery::default().with_name_contains("p".to_owned()),
        };
        let mut query = base.with_limit(limit);
        let mut listed: Vec<PersonId> = Vec::new();
        let mut events = events.into_iter();
        loop {
            let page = store.persons(&client, &query).expect("a page");
            prop_assert!(page.items.len() as u64 <= limit);
            prop_assert_eq!(page.next.is_some(), page.items.len() as u64 == limit && {
                let last = &page.items.last().expect("a full page").id;
                present.iter().position(|id| id == last).expect("listed") + 1 < present.len()
            });
            listed.extend(page.items.into_iter().map(|item| item.id));
            let Some(next) = page.next else { break };
            query = query.with_after(next);
            for event in events.next().unwrap_or_default() {
                let gone = match event {
                    Meanwhile::Add => {
                        present.push(add());
                        None
                    }
                    Meanwhile::Rename(index) => {
                        if let Some(id) = present.get(index % present.len().max(1)) {
                            let name = Some("Person".to_owned());
                            let update = facevault::PersonUpdate { name, ..Default::default() };
                            store.update(&client, id, &update).expect("renamed");
                        }
                        None
                    }
                    Meanwhile::Remove(index) => present.get(index % present.len().max(1)).cloned(),
                    Meanwhile::RemoveLast => listed.last().filter(|id| present.contains(id)).cloned(),
                };
                if let Some(gone) = gone {
                    store.remove_person(&client, &gone, None).expect("removed");
                    present.retain(|id| *id != gone);
                    all_the_time.remove(&gone);
                }
            }
        }
        let once: BTreeSet<PersonId> = listed.iter().cloned().collect();
        prop_assert_eq!(once.len(), listed.len(), "somebody is listed twice");
        prop_assert!(all_the_time.is_subset(&once), "somebody who was there is missing");
        prop_assert!(!once.contains(&stranger));
    }
}

#[test]
fn persons_of_the_same_microsecond_are_listed_by_id() -> Result<()> {
    let vault = super::Vault::new();
    for id in ["c", "a", "b"] {
        let new = facevault::NewPerson { id: Some(PersonId::new(id)?), ..person("P", &[]) };
        vault.store.insert(&vault.client, &new)?;
    }
    let raw = vault.raw();
    raw.execute_batch("UPDATE persons SET created_at = 7, updated_at = 7").expect("set");
    let columns = "key, id, client, created_at, updated_at, version, generation, status, is_pending, expires_at, gender, date_of_birth, name, \
                   folded_name, nationality, notes";
    crate::rows::seal(&raw, "persons", columns);
    let mut query = PersonQuery::default().with_limit(1);
    let mut listed = Vec::new();
    loop {
        let page = vault.store.persons(&vault.client, &query)?;
        assert_eq!((page.page, page.total), (listed.is_empty().then_some(1), 3));
        listed.extend(page.items.iter().map(|item| item.id.to_string()));
        let Some(next) = page.next else { break };
        query = query.with_after(next.to_string().parse::<facevault::Cursor>()?);
    }
    assert_eq!(listed, ["a", "b", "c"]);
    Ok(())
}

#[test]
fn a_cursor_and_a_page_are_not_mixed() -> Result<()> {
    let (store, client) = store();
    for _ in 0..3 {
        store.insert(&client, &person("P", &[]))?;
    }
    let first = store.persons(&client, &PersonQuery::default().with_limit(1))?;
    let query = PersonQuery::default().with_after(first.next).with_page(2);
    let error = store.persons(&client, &query).expect_err("two places");
    assert_eq!((error.kind(), error.violations()[0].field.as_str()), (ErrorKind::Invalid, "after"));
    // A cursor of another client leads nowhere else.
    let other = ClientId::new("other")?;
    store.insert_client(&other)?;
    let page = store.persons(&other, &query.with_page(1))?;
    assert!(page.items.is_empty() && page.next.is_none() && page.total == 0);
    Ok(())
}
