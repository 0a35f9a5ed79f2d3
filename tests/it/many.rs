//! Many people at once: each has an outcome, none stops the others, and what was answered is on the disk.

use std::ops::ControlFlow;

use facevault::{
    DateOfBirth, DuplicatePolicy, Error, ErrorKind, IdentifyOptions, NewPerson, OperatingPoint, Person, PersonId,
    PersonQuery, Step, Vault, VaultOptions,
};
use proptest::prelude::*;

use super::fakes::{engine, engine_of, photo, photo_of};

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = VaultOptions::default().with_engine(engine());
    let vault = Vault::create(folder.path().join("people.vault"), options).expect("a vault");
    (folder, vault)
}

/// A person of this id with the photos of these seeds.
fn person(id: &str, seeds: &[u32]) -> NewPerson {
    NewPerson {
        id: Some(PersonId::new(id).expect("an id")),
        name: format!("Name of {id}"),
        images: seeds.iter().map(|seed| photo(*seed)).collect(),
        ..NewPerson::default()
    }
}

fn create(vault: &Vault, people: &[NewPerson]) -> Vec<Result<Person, Error>> {
    vault.create_persons(people, &DuplicatePolicy::default(), &mut ()).expect("the work begins")
}

fn total(vault: &Vault) -> u64 {
    vault.persons(&PersonQuery::default()).expect("a list").total
}

/// What became of each: the kind of error, or `None` for somebody who was added.
fn kinds(outcomes: &[Result<Person, Error>]) -> Vec<Option<ErrorKind>> {
    outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect()
}

#[test]
fn everybody_has_an_outcome_and_nobody_stops_the_others() {
    let (_folder, vault) = vault();
    vault.create_person(&person("taken", &[])).expect("a person");
    let mut faceless = person("faceless", &[1]);
    faceless.images.extend([photo_of(2, 0), photo_of(3, 2)]);
    let stranger = NewPerson { collections: vec!["nowhere".into()], ..person("stranger", &[4]) };
    let nameless = NewPerson { name: " ".into(), ..person("nameless", &[5]) };
    let people = [
        person("one", &[10, 11, 10]),
        faceless,
        nameless,
        person("taken", &[12]),
        stranger,
        person("bare", &[]),
        person("one", &[13]),
        person("two", &[14]),
    ];
    let outcomes = create(&vault, &people);
    use ErrorKind::{AlreadyExists, Invalid, Refused};
    let expected =
        [None, Some(Refused), Some(Invalid), Some(AlreadyExists), Some(Invalid), None, Some(AlreadyExists), None];
    assert_eq!(kinds(&outcomes), expected);
    let refused = outcomes[1].as_ref().expect_err("two photos are refused");
    let codes: Vec<_> = refused.images().iter().map(|image| image.refusal.as_ref().map(|r| r.code.as_str())).collect();
    assert_eq!(codes, [None, Some("no_face_detected"), Some("multiple_faces_detected")]);
    // The person who was refused for the id of somebody of the same call was encoded, those refused before were not.
    assert_eq!(vault.engine().expect("an engine").encoded(), 2 + 1 + 1 + 1, "equal photos of a person count once");
    assert_eq!(total(&vault), 4);
    for (new, outcome) in people.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()) {
        let added = outcome.as_ref().expect("added");
        assert_eq!(vault.person(&added.id).expect("the person"), *added);
        assert_eq!(added.images.iter().filter_map(|image| image.bytes.clone()).collect::<Vec<_>>(), new.images);
        assert!(added.images.iter().all(|image| image.encoding.is_some()));
    }
}

#[test]
fn whoever_was_added_is_found_at_once() {
    let (_folder, vault) = vault();
    vault.create_person(&person("first", &[0])).expect("a person");
    let options =
        IdentifyOptions::default().with_operating_point(OperatingPoint::similarity(0.99).expect("a similarity"));
    let found =
        |seed| vault.identify(&[photo(seed)], &options).expect("a search").candidates.first().map(|c| c.person.clone());
    assert_eq!(found(150), None);
    let people: Vec<_> = (1..=250).map(|seed| person(&format!("p{seed}"), &[seed])).collect();
    assert!(create(&vault, &people).iter().all(Result::is_ok));
    for seed in [0, 1, 100, 101, 150, 250] {
        let id = if seed == 0 { "first".to_owned() } else { format!("p{seed}") };
        assert_eq!(found(seed).map(|id| id.to_string()), Some(id));
    }
    assert!(vault.check().expect("a check").is_clean());
}

#[test]
fn work_that_is_stopped_keeps_what_it_answered_and_goes_on_later() {
    let (folder, vault) = vault();
    let people: Vec<_> = (0..60).map(|seed| person(&format!("p{seed}"), &[seed, 1_000 + seed])).collect();
    let mut photos = 0;
    let mut watch = |step: Step<'_>| {
        photos = step.done;
        assert_eq!(step.total, Some(120));
        if step.done < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let outcomes = vault.create_persons(&people, &DuplicatePolicy::default(), &mut watch).expect("it began");
    assert_eq!(photos, 50, "nothing is asked after the stop");
    let added = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((20..=25).contains(&added), "{added} of 50 photos");
    let others = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(others.into_iter().all(|error| error.kind() == ErrorKind::Cancelled));
    drop(vault);

    let engine = engine();
    let vault = Vault::open(folder.path().join("people.vault"), VaultOptions::default().with_engine(engine.clone()))
        .expect("open");
    assert_eq!(total(&vault), added as u64);
    let again = create(&vault, &people);
    for (before, after) in outcomes.iter().zip(&again) {
        assert_eq!(before.is_ok(), after.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists));
    }
    assert_eq!(engine.encoded(), 2 * (60 - added as u64), "who is there is not encoded again");
    assert_eq!(total(&vault), 60);
}

#[test]
fn people_without_photos_need_no_engine_and_can_be_stopped_between_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default()).expect("a vault");
    let people: Vec<_> = (0..250).map(|index| person(&format!("p{index}"), &[])).collect();
    let mut steps = Vec::new();
    let mut watch = |step: Step<'_>| {
        steps.push((step.done, step.total));
        if step.done < 200 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let outcomes = vault.create_persons(&people, &DuplicatePolicy::default(), &mut watch).expect("it began");
    assert_eq!(steps, [(100, Some(250)), (200, Some(250))]);
    assert_eq!(kinds(&outcomes)[199..=200], [None, Some(ErrorKind::Cancelled)]);
    assert_eq!(total(&vault), 200);
    assert!(create(&vault, &people[200..]).iter().all(Result::is_ok));
    assert!(create(&vault, &[]).is_empty());

    let error = vault
        .create_persons(&[person("new", &[]), person("other", &[1])], &DuplicatePolicy::default(), &mut ())
        .expect_err("photos without an engine");
    assert_eq!((error.kind(), total(&vault)), (ErrorKind::ModelUnavailable, 250));
}

#[test]
fn photos_for_another_model_are_refused_before_anything_is_written() {
    let (folder, vault) = vault();
    vault.create_person(&person("first", &[1])).expect("a person");
    let other = VaultOptions::default().with_engine(engine_of(2));
    let other = Vault::open(folder.path().join("people.vault"), other).expect("the vault");
    let error = other
        .create_persons(&[person("bare", &[]), person("new", &[2])], &DuplicatePolicy::default(), &mut ())
        .expect_err("another model");
    assert_eq!((error.kind(), total(&vault)), (ErrorKind::ModelMismatch, 1));
}

#[test]
fn duplicates_are_found_among_the_new_ones_too() {
    let (_folder, vault) = vault();
    let day = DateOfBirth::new(1990, 1, 15).expect("a date");
    let born = |id: &str, name: &str| NewPerson { name: name.into(), date_of_birth: Some(day), ..person(id, &[]) };
    vault.create_person(&born("ada", "Ada")).expect("a person");
    vault.create_person(&person("bob", &[1])).expect("a person");
    let point = OperatingPoint::similarity(0.99).expect("a similarity");
    let policy = DuplicatePolicy::default().with_name_and_birth(true).with_face(point);
    // More than a batch, so that a face is looked for in the gallery and among those of the same batch.
    let mut people: Vec<_> = (100..250).map(|seed| person(&format!("p{seed}"), &[seed])).collect();
    people.extend([born("a", "ADA"), person("b", &[1]), born("e", "Eve"), born("e2", "eve"), person("q", &[500])]);
    people.push(person("q2", &[500]));
    let outcomes = vault.create_persons(&people, &policy, &mut ()).expect("it began");
    let refused: Vec<_> = people
        .iter()
        .zip(&outcomes)
        .filter_map(|(new, outcome)| Some((new.id.as_ref()?.as_str(), outcome.as_ref().err()?)))
        .collect();
    let ids: Vec<_> = refused.iter().map(|(id, _)| *id).collect();
    assert!(ids.starts_with(&["a", "b", "e2"]) && ids.len() == 4, "{ids:?}");
    for (id, by) in [("a", "ada"), ("b", "bob"), ("e2", "e")] {
        let error = refused.iter().find(|(refused, _)| *refused == id).expect("refused").1;
        let duplicate = error.duplicate().expect("somebody who is in the vault");
        assert_eq!(duplicate.person.as_str(), by);
    }
    // Whichever of the two was ready first.
    assert!(["q", "q2"].contains(&ids[3]), "{ids:?}");
    assert_eq!(total(&vault), 2 + 150 + 2);
}

#[test]
fn a_wrong_policy_is_an_error_of_the_whole_call() {
    let (_folder, vault) = vault();
    let policy = DuplicatePolicy::default().with_collections(vec!["nowhere".into()]);
    let error = vault.create_persons(&[person("new", &[])], &policy, &mut ()).expect_err("no such collection");
    assert_eq!((error.kind(), total(&vault)), (ErrorKind::Invalid, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// One call answers what calls for one person after the other answer.
    #[test]
    fn many_at_once_are_as_one_after_the_other(
        people in proptest::collection::vec((0u8..6, prop::bool::weighted(0.9), prop::collection::vec((0u32..8, 0u8..4), 0..4)), 0..12),
    ) {
        let people: Vec<NewPerson> = people
            .into_iter()
            .map(|(id, named, photos)| NewPerson {
                id: Some(PersonId::new(format!("p{id}")).expect("an id")),
                name: if named { "x".into() } else { String::new() },
                images: photos.into_iter().map(|(seed, faces)| photo_of(seed, if faces > 1 { 1 } else { faces })).collect(),
                ..NewPerson::default()
            })
            // Which of two with the same id comes first is not promised: only the first keeps it.
            .scan(std::collections::BTreeSet::new(), |seen, mut new| {
                let usable = new.validate(&facevault::Limits::default()).is_ok();
                if usable && !seen.insert(new.id.clone()) {
                    new.id = Some(PersonId::generate());
                }
                Some(new)
            })
            .collect();
        let ((_one, together), (_other, apart)) = (vault(), vault());
        let outcomes = create(&together, &people);
        let expected: Vec<_> = people.iter().map(|new| apart.create_person(new)).collect();
        prop_assert_eq!(kinds(&outcomes), kinds(&expected));
        for (found, expected) in outcomes.iter().zip(&expected) {
            let (Ok(found), Ok(expected)) = (found, expected) else { continue };
            let shown = |person: &Person| -> Vec<_> {
                person.images.iter().map(|image| (image.bytes.clone(), image.encoding.clone())).collect()
            };
            prop_assert_eq!(shown(found), shown(expected));
            prop_assert_eq!((&found.id, found.version), (&expected.id, expected.version));
        }
        prop_assert_eq!(total(&together), total(&apart));
    }
}
