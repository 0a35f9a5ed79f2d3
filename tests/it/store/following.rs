//! Whoever follows the changes of persons has a copy of them, whatever was done between two questions.

use std::collections::BTreeMap;

use facevault::store::{CreateOptions, Store};
use facevault::{
    ChangesSince, ClientId, CollectionUpdate, ErrorKind, NewCollection, NewPerson, PersonChange, PersonId, PersonKey,
    PersonUpdate, Result, Status,
};
use proptest::prelude::*;

use super::{MODEL, Writes, model_info, person};

/// A copy of a client's persons: the version of each.
#[derive(Debug, Default)]
struct Copy {
    revision: u64,
    people: BTreeMap<PersonKey, (PersonId, u64)>,
}

impl Copy {
    /// Takes what happened; gives how many changes there were.
    fn follow(&mut self, store: &Store, client: &ClientId) -> usize {
        let answer = store.person_changes(client, self.revision).expect("an answer");
        let ChangesSince::Known(known) = answer else { panic!("nothing was forgotten") };
        let count = known.changes.len();
        for change in known.changes {
            let version = |person| store.person_summary(client, person).expect("there").version;
            match change {
                PersonChange::Added { key, person } => {
                    let version = version(&person);
                    assert_eq!(self.people.insert(key, (person, version)), None, "added twice");
                }
                PersonChange::Changed { key, person } => {
                    let after = version(&person);
                    let before = self.people.insert(key, (person.clone(), after)).expect("known");
                    assert!(before.0 == person && before.1 < after, "{before:?} {after}");
                }
                PersonChange::Removed { key } => drop(self.people.remove(&key).expect("known")),
                other => panic!("{other:?}"),
            }
        }
        self.revision = known.revision;
        count
    }

    fn versions(&self) -> BTreeMap<PersonId, u64> {
        self.people.values().cloned().collect()
    }
}

fn store() -> Store {
    Store::in_memory(&CreateOptions::default().with_model(model_info(MODEL))).expect("memory")
}

#[derive(Debug, Clone)]
enum Done {
    Add,
    Rename(usize),
    Photo(usize),
    Nothing(usize),
    Refused(usize),
    Remove(usize),
    AddAgain(usize),
    Members(usize),
    RemoveCollection,
    Follow,
}

fn done() -> impl Strategy<Value = Done> {
    let who = 0usize..50;
    prop_oneof![
        Just(Done::Add),
        who.clone().prop_map(Done::Rename),
        who.clone().prop_map(Done::Photo),
        who.clone().prop_map(Done::Nothing),
        who.clone().prop_map(Done::Refused),
        who.clone().prop_map(Done::Remove),
        who.clone().prop_map(Done::AddAgain),
        who.prop_map(Done::Members),
        Just(Done::RemoveCollection),
        Just(Done::Follow),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_copy_that_follows_is_what_the_vault_holds(all in prop::collection::vec((any::<bool>(), done()), 1..60)) {
        let store = store();
        let clients = [store.default_client().expect("a client"), ClientId::new("other").expect("an id")];
        store.insert_client(&clients[1]).expect("a client");
        let groups = [0, 1].map(|of| store.insert_collection(&clients[of], &NewCollection::named("G")).expect("one").code);
        let mut present: [BTreeMap<PersonId, u64>; 2] = Default::default();
        let mut copies = [Copy::default(), Copy::default()];
        let mut gone: [Vec<PersonId>; 2] = Default::default();
        for (first, done) in all {
            let of = usize::from(!first);
            let (client, people) = (&clients[of], &mut present[of]);
            let pick = |who: usize| people.keys().nth(who % people.len().max(1)).cloned();
            let update = |id: &PersonId, update: PersonUpdate| store.update(client, id, &update);
            match done {
                Done::Add => {
                    let id = store.insert(client, &person("P", &[b"photo"])).expect("added").person.id;
                    people.insert(id, 1);
                }
                Done::AddAgain(who) => {
                    if let Some(id) = gone[of].get(who % gone[of].len().max(1)).cloned()
                        && !people.contains_key(&id)
                    {
                        let new = NewPerson { id: Some(id.clone()), ..person("Again", &[]) };
                        store.insert(client, &new).expect("added");
                        people.insert(id, 1);
                    }
                }
                Done::Rename(who) => if let Some(id) = pick(who) {
                    let name = Some("Renamed".to_owned());
                    let after = update(&id, PersonUpdate { name, ..Default::default() }).expect("renamed");
                    people.insert(id, after.person.version);
                },
                Done::Photo(who) => if let Some(id) = pick(who) {
                    let images = facevault::ImagesUpdate::Replace(super::images(&[b"another"]));
                    let after = update(&id, PersonUpdate { images, ..Default::default() }).expect("replaced");
                    people.insert(id, after.person.version);
                },
                Done::Nothing(who) => if let Some(id) = pick(who) {
                    update(&id, PersonUpdate::default()).expect("nothing");
                },
                Done::Refused(who) => if let Some(id) = pick(who) {
                    let (status, expected_version) = (Some(Status::Inactive), Some(1_000));
                    update(&id, PersonUpdate { status, expected_version, ..Default::default() }).expect_err("a version");
                },
                Done::Remove(who) => if let Some(id) = pick(who) {
                    store.remove_person(client, &id, None).expect("removed");
                    people.remove(&id);
                    gone[of].push(id);
                },
                Done::Members(who) => {
                    let members: Vec<_> = people.keys().take(who % 4).cloned().collect();
                    let change = CollectionUpdate { people: Some(members), ..Default::default() };
                    if store.collection(client, &groups[of]).is_ok() {
                        store.update_collection(client, &groups[of], &change).expect("updated");
                    }
                    for (id, version) in people {
                        *version = store.person_summary(client, id).expect("there").version;
                    }
                }
                Done::RemoveCollection => {
                    let _ = store.remove_collection(client, &groups[of]);
                    for (id, version) in people {
                        *version = store.person_summary(client, id).expect("there").version;
                    }
                }
                Done::Follow => {
                    copies[of].follow(&store, client);
                    prop_assert_eq!(&copies[of].versions(), &present[of]);
                    prop_assert_eq!(copies[of].follow(&store, client), 0, "nothing more happened");
                }
            }
        }
        for of in [0, 1] {
            copies[of].follow(&store, &clients[of]);
            prop_assert_eq!(&copies[of].versions(), &present[of]);
            let mut fresh = Copy::default();
            fresh.follow(&store, &clients[of]);
            prop_assert_eq!(&fresh.versions(), &present[of]);
        }
        prop_assert!(store.check().expect("checked").is_clean());
    }
}

#[test]
fn other_clients_changes_do_not_appear_and_renames_do() -> Result<()> {
    let store = store();
    let (client, other) = (store.default_client()?, ClientId::new("other")?);
    store.insert_client(&other)?;
    let known = |client: &ClientId, since| match store.person_changes(client, since)? {
        ChangesSince::Known(known) => Ok((known.changes, known.revision)),
        other => panic!("{other:?}"),
    };
    let ada = store.insert(&client, &person("Ada", &[]))?.person.id;
    let (added, revision) = known(&client, 0)?;
    assert!(matches!(&added[..], [PersonChange::Added { person, .. }] if *person == ada), "{added:?}");
    let eve = store.insert(&other, &person("Eve", &[b"photo"]))?.person.id;
    store.update(&other, &eve, &PersonUpdate { name: Some("Eva".into()), ..PersonUpdate::default() })?;
    store.remove_person(&other, &eve, None)?;
    assert_eq!(known(&client, revision)?.0, []);
    let generation = store.generation()?;
    store.update(&client, &ada, &PersonUpdate { name: Some("Ada L".into()), ..PersonUpdate::default() })?;
    assert_eq!(store.generation()?, generation, "galleries need not know");
    let (changed, after) = known(&client, revision)?;
    assert!(matches!(&changed[..], [PersonChange::Changed { person, .. }] if *person == ada), "{changed:?}");
    assert!(after > revision);
    assert_eq!(known(&other, 0)?.0, [], "whoever came and went was never there");
    Ok(())
}

#[test]
fn what_cannot_be_answered_is_said() -> Result<()> {
    let store = store();
    let client = store.default_client()?;
    for since in [1, u64::MAX] {
        assert_eq!(store.person_changes(&client, since)?, ChangesSince::Gone, "a revision that is to come");
    }
    let error = store.person_changes(&ClientId::new("nobody")?, 0).expect_err("no such client");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    Ok(())
}
