//! With a duplicate policy nobody is added twice, even if others add people at the same time. People
//! who were added twice are listed.

use std::ops::ControlFlow;
use std::sync::Barrier;

use facevault::index::similarity;
use facevault::{
    DateOfBirth, DuplicatePolicy, DuplicateReason, DuplicatesOptions, Error, ErrorKind, IdentifyOptions, ImagesUpdate,
    Metric, NewCollection, NewPerson, OperatingPoint, Person, PersonUpdate, Status, Step, Vault, VaultOptions,
};

use super::fakes::{engine, photo};

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("people.vault"), VaultOptions::default().with_engine(engine()))
        .expect("a vault");
    (folder, vault)
}

fn new(name: &str, seeds: &[u32]) -> NewPerson {
    let images = seeds.iter().map(|seed| photo(*seed)).collect();
    NewPerson { name: name.into(), images, ..NewPerson::default() }
}

fn born(name: &str, day: i8) -> NewPerson {
    NewPerson { date_of_birth: Some(DateOfBirth::new(1990, 1, day).expect("a date")), ..new(name, &[]) }
}

/// The fake's encodings of different photos are far apart, those of equal ones are equal.
fn same_face() -> Option<OperatingPoint> {
    Some(OperatingPoint::similarity(0.99).expect("a similarity"))
}

fn by_face() -> DuplicatePolicy {
    DuplicatePolicy::default().with_face(same_face())
}

fn by_name() -> DuplicatePolicy {
    DuplicatePolicy::default().with_name_and_birth(true)
}

fn total(vault: &Vault) -> u64 {
    vault.persons(&Default::default()).expect("a list").total
}

/// Who stood in the way.
#[track_caller]
fn in_the_way(refused: Result<Person, Error>) -> (String, DuplicateReason) {
    let error = refused.expect_err("a duplicate");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let duplicate = error.duplicate().expect("a person who is there").clone();
    assert!(error.to_string().starts_with(duplicate.person.as_str()), "{error}");
    (duplicate.person.to_string(), duplicate.reason)
}

#[test]
fn a_namesake_born_on_the_same_day_is_refused() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&born("Ada Lovelace", 15)).expect("a person");
    let inactive = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    vault.update_person(&ada.id, &inactive).expect("updated");
    for name in ["Ada Lovelace", " ADA lovelace "] {
        let (person, reason) = in_the_way(vault.create_person_unless_known(&born(name, 15), &by_name()));
        assert_eq!((person.as_str(), reason), (ada.id.as_str(), DuplicateReason::NameAndBirth));
    }
    assert_eq!(total(&vault), 1);
    let both = by_face().with_name_and_birth(true);
    let with_photo = NewPerson { images: vec![photo(1)], ..born("ada lovelace", 15) };
    in_the_way(vault.create_person_unless_known(&with_photo, &both));
    assert_eq!(vault.engine().expect("an engine").encoded(), 0, "refused before a photo was encoded");

    for (other, policy) in [
        (born("Ada Lovelace", 16), by_name()),
        (born("Ada Byron", 15), by_name()),
        (new("Ada Lovelace", &[]), by_name()),
        (born("Ada Lovelace", 15), by_face()),
        (born("Ada Lovelace", 15), DuplicatePolicy::default()),
    ] {
        vault.create_person_unless_known(&other, &policy).expect("somebody else");
    }
}

#[test]
fn a_known_face_is_refused_and_nothing_is_written() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&new("Ada", &[1, 2])).expect("a person");
    let before = vault.person(&ada.id).expect("the person");
    let generation = |vault: &Vault| {
        let options = IdentifyOptions::default().with_operating_point(same_face().expect("a point"));
        vault.identify(&[photo(9)], &options).expect("an answer").generation
    };
    let seen = generation(&vault);
    let (person, reason) = in_the_way(vault.create_person_unless_known(&new("Eve", &[2]), &by_face()));
    let DuplicateReason::Face { image, decision } = reason else { panic!("{reason:?}") };
    assert_eq!((person.as_str(), &image), (ada.id.as_str(), &ada.images[1].id));
    assert!(decision.accepted && decision.similarity.get() > 0.999_999);
    assert_eq!((total(&vault), generation(&vault)), (1, seen));
    assert_eq!(vault.person(&ada.id).expect("the person"), before);

    vault.create_person_unless_known(&new("Eve", &[3]), &by_face()).expect("another face");
    vault.create_person_unless_known(&new("Nobody", &[]), &by_face()).expect("no face at all");
    vault.create_person_unless_known(&new("Twin", &[1]), &by_name()).expect("faces were not asked about");
    let inactive = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    vault.update_person(&vault.persons(&Default::default()).expect("a list").items[1].id, &inactive).expect("updated");
    vault.create_person_unless_known(&new("Eve", &[3]), &by_face()).expect("an inactive person is never matched");
}

#[test]
fn only_members_of_named_collections_are_in_the_way() {
    let (_folder, vault) = vault();
    let [staff, guests] = ["staff", "guests"].map(|name| {
        vault.create_collection(&NewCollection { name: name.into(), ..NewCollection::default() }).expect("created")
    });
    let ada = NewPerson { collections: vec![staff.code.clone()], images: vec![photo(1)], ..born("Ada", 15) };
    vault.create_person(&ada).expect("a person");
    let both = |collection: &str| {
        DuplicatePolicy::default()
            .with_name_and_birth(true)
            .with_face(same_face())
            .with_collections(vec![collection.into()])
    };
    in_the_way(vault.create_person_unless_known(&born("Ada", 15), &both(&staff.code)));
    in_the_way(vault.create_person_unless_known(&new("Eve", &[1]), &both(staff.id.as_str())));
    vault.create_person_unless_known(&ada, &both(&guests.code)).expect("nobody among the guests");
    let error = vault.create_person_unless_known(&ada, &both("nowhere")).expect_err("no such collection");
    assert_eq!(error.violations()[0].field, "collections[0]");
}

#[test]
fn a_rate_needs_a_table_and_is_asked_about_before_photos_are_encoded() {
    let (_folder, vault) = vault();
    let policy = DuplicatePolicy::default().with_face(OperatingPoint::fpir(0.01).ok());
    let error = vault.create_person_unless_known(&new("Ada", &[1]), &policy).expect_err("no table");
    assert_eq!(error.violations()[0].field, "fpir");
    assert_eq!((total(&vault), vault.engine().expect("an engine").encoded()), (0, 0));
}

/// Handles of their own have connections and galleries of their own, as processes do.
#[test]
fn of_many_who_add_the_same_person_at_once_one_succeeds() {
    const THREADS: usize = 6;
    let (_folder, vault) = vault();
    let handles: Vec<Vault> = (0..THREADS)
        .map(|_| Vault::open(vault.path(), VaultOptions::default().with_engine(engine())).expect("opened"))
        .collect();
    for round in 0..20 {
        let (person, policy) = match round % 2 {
            0 => (new("Ada", &[100 + round]), by_face()),
            _ => (born(&format!("Ada {round}"), 15), by_name()),
        };
        let start = Barrier::new(THREADS);
        let added: Vec<Result<Person, Error>> = std::thread::scope(|scope| {
            let add = |vault: &Vault| {
                start.wait();
                vault.create_person_unless_known(&person, &policy)
            };
            let running: Vec<_> = handles.iter().map(|vault| scope.spawn(move || add(vault))).collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let (passed, refused): (Vec<_>, Vec<_>) = added.into_iter().partition(Result::is_ok);
        assert_eq!(passed.len(), 1, "round {round}");
        let winner = passed.into_iter().flatten().next().expect("one").id;
        for refused in refused {
            assert_eq!(in_the_way(refused).0, winner.as_str(), "round {round}");
        }
    }
    assert_eq!(total(&vault), 20);
}

#[test]
fn pairs_are_those_of_comparing_everybody_with_everybody() {
    let (_folder, vault) = vault();
    let staff =
        vault.create_collection(&NewCollection { name: "staff".into(), ..Default::default() }).expect("created");
    let mut people = Vec::new();
    for number in 0..24u32 {
        // Photos 0, 3 and 6 are those of several people.
        let seeds: Vec<u32> = if number % 3 == 0 { vec![number % 9, 50 + number] } else { vec![number + 200] };
        let collections = if number % 2 == 0 { vec![staff.code.clone()] } else { vec![] };
        let person = NewPerson { collections, ..new("P", &seeds) };
        people.push(vault.create_person(&person).expect("a person"));
    }
    let gone = PersonUpdate { images: ImagesUpdate::Clear, ..PersonUpdate::default() };
    people[4] = vault.update_person(&people[4].id, &gone).expect("updated");
    let inactive = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    people[5] = vault.update_person(&people[5].id, &inactive).expect("updated");

    let vectors = |person: &Person| -> Vec<Vec<f32>> {
        let active = person.status == Status::Active;
        let encodings = person.images.iter().filter(|_| active).filter_map(|image| image.encoding.as_ref());
        encodings.map(|encoding| encoding.vector().to_vec()).collect()
    };
    let expected = |threshold: f64, members: bool| {
        let mut pairs = Vec::new();
        let counted: Vec<&Person> = people.iter().filter(|p| !members || !p.collections.is_empty()).collect();
        for (i, a) in counted.iter().enumerate() {
            for b in &counted[i + 1..] {
                let all = vectors(a)
                    .into_iter()
                    .flat_map(|x| vectors(b).into_iter().map(move |y| similarity(Metric::Cosine, &x, &y)));
                let best = all.fold(f64::NEG_INFINITY, f64::max);
                if best >= threshold {
                    let mut ids = [a.id.clone(), b.id.clone()];
                    ids.sort();
                    pairs.push((best, ids));
                }
            }
        }
        pairs.sort_by(|(x, a), (y, b)| y.total_cmp(x).then_with(|| a.cmp(b)));
        pairs
    };
    for (threshold, members, max_pairs) in
        [(0.99, false, 1000), (0.3, false, 1000), (-1.0, false, 1000), (0.3, true, 1000), (-1.0, false, 7)]
    {
        let options = DuplicatesOptions::default()
            .with_collections(members.then(|| vec![staff.code.clone()]))
            .with_operating_point(OperatingPoint::similarity(threshold).expect("a similarity"))
            .with_max_pairs(max_pairs);
        let mut told = Vec::new();
        let found = vault
            .duplicates(&options, &mut |step: Step<'_>| {
                told.push((Some(step.done), step.total));
                ControlFlow::Continue(())
            })
            .expect("an answer");
        let mut all = expected(threshold, members);
        assert!(all.len() > 2, "{threshold}: {} pairs", all.len());
        assert_eq!(found.is_cut, all.len() > max_pairs);
        all.truncate(max_pairs);
        let pairs: Vec<_> = found.pairs.iter().map(|pair| (pair.similarity.get(), pair.people.clone())).collect();
        assert_eq!(pairs, all, "{threshold} {members} {max_pairs}");
        for pair in &found.pairs {
            for (person, image) in pair.people.iter().zip(&pair.images) {
                let person = people.iter().find(|p| p.id == *person).expect("one of them");
                assert!(person.images.iter().any(|i| i.id == *image));
            }
        }
        assert_eq!(told.last().map(|(done, total)| done == total), Some(true));
        assert_eq!(found.people_searched, if members { 11 } else { 22 });
    }
}

#[test]
fn a_search_for_pairs_can_be_broken_off_and_needs_sensible_numbers() {
    let (_folder, vault) = vault();
    let options = |max_pairs| {
        DuplicatesOptions::default().with_operating_point(same_face().expect("a point")).with_max_pairs(max_pairs)
    };
    assert_eq!(vault.duplicates(&options(5), &mut ()).expect("nobody").pairs, []);
    for seed in 0..3 {
        vault.create_person(&new("P", &[seed])).expect("a person");
    }
    let error = vault.duplicates(&options(5), &mut |_: Step<'_>| ControlFlow::Break(())).expect_err("broken off");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(vault.duplicates(&options(0), &mut ()).expect_err("none").violations()[0].field, "max_pairs");
    let error = vault.duplicates(&DuplicatesOptions::default(), &mut ()).expect_err("no table");
    assert_eq!(error.violations()[0].field, "fpir");
}
