//! Identification: every process finds at its next search whoever was committed before, and nobody else.

use facevault::store::{PreparedImage, PreparedImages, Store};
use facevault::{
    ClientId, CompareOptions, ErrorKind, FaceEncoding, IdentifyOptions, ImagesUpdate, NewCollection, NewPerson,
    OperatingPoint, Person, PersonId, PersonUpdate, ReencodeOptions, Status, Vault, VaultOptions,
};
use rayon::prelude::*;

use super::fakes::{DIMENSION, engine, engine_of, photo, photo_of};

/// The fake's encodings of different photos are far apart, those of equal ones are equal.
fn options() -> IdentifyOptions {
    let operating_point = OperatingPoint::similarity(0.99).expect("a similarity");
    IdentifyOptions::default().with_operating_point(operating_point)
}

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("people.vault"), VaultOptions::default().with_engine(engine()))
        .expect("a vault");
    (folder, vault)
}

fn enroll(vault: &Vault, seeds: &[u32]) -> Person {
    let images = seeds.iter().map(|seed| photo(*seed)).collect();
    vault.create_person(&NewPerson { name: format!("{seeds:?}"), images, ..NewPerson::default() }).expect("a person")
}

/// Who is found for the photo.
fn found(vault: &Vault, seed: u32) -> Vec<PersonId> {
    let answer = vault.identify(&[photo(seed)], &options()).expect("an answer");
    answer.candidates.into_iter().map(|candidate| candidate.person).collect()
}

#[test]
fn an_empty_vault_knows_nobody() {
    let (_folder, vault) = vault();
    let answer = vault.identify(&[photo(1)], &options()).expect("an answer");
    assert!(answer.candidates.is_empty());
    assert_eq!((answer.people_searched, answer.margin), (0, None));
}

#[test]
fn every_committed_change_is_seen_by_the_next_search() {
    let (_folder, vault) = vault();
    let (ada, bob) = (enroll(&vault, &[1, 2]), enroll(&vault, &[3]));
    assert_eq!(
        (found(&vault, 2), found(&vault, 3), found(&vault, 9)),
        (vec![ada.id.clone()], vec![bob.id.clone()], vec![])
    );

    let images = ImagesUpdate::Replace(vec![photo(1), photo(9)]);
    vault.update_person(&ada.id, &PersonUpdate { images, ..PersonUpdate::default() }).expect("updated");
    assert_eq!((found(&vault, 2), found(&vault, 9)), (vec![], vec![ada.id.clone()]));

    let inactive = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    vault.update_person(&ada.id, &inactive).expect("updated");
    assert_eq!(found(&vault, 9), []);
    let active = PersonUpdate { status: Some(Status::Active), ..PersonUpdate::default() };
    vault.update_person(&ada.id, &active).expect("updated");
    assert_eq!(found(&vault, 9), std::slice::from_ref(&ada.id));

    vault.remove_person(&ada.id).expect("removed");
    assert_eq!((found(&vault, 9), found(&vault, 3)), (vec![], vec![bob.id]));
}

#[test]
fn what_one_handle_writes_the_other_finds_at_its_next_call() {
    let (_folder, vault) = vault();
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine())).expect("opened");
    assert_eq!(found(&other, 1), []);
    let ada = enroll(&vault, &[1]);
    assert_eq!(found(&other, 1), std::slice::from_ref(&ada.id));
    let late = ImagesUpdate::Edit { remove: vec![], add: vec![photo(5)] };
    enroll(&vault, &[7]);
    vault.update_person(&ada.id, &PersonUpdate { images: late, ..PersonUpdate::default() }).expect("updated");
    assert_eq!(found(&other, 5), std::slice::from_ref(&ada.id));

    // A handle that loads everything finds encodings of one person that lie apart in the file.
    let third = Vault::open(vault.path(), VaultOptions::default().with_engine(engine())).expect("opened");
    assert_eq!((found(&third, 1), found(&third, 5)), (vec![ada.id.clone()], vec![ada.id.clone()]));

    other.remove_person(&ada.id).expect("removed");
    assert_eq!((found(&vault, 1), found(&third, 5)), (vec![], vec![]));
}

#[test]
fn collections_limit_who_is_searched() {
    let (_folder, vault) = vault();
    let staff =
        vault.create_collection(&NewCollection { name: "staff".into(), ..Default::default() }).expect("created");
    let (ada, _bob) = (enroll(&vault, &[1]), enroll(&vault, &[2]));
    let join = PersonUpdate { collections: Some(vec![staff.code.clone()]), ..PersonUpdate::default() };
    vault.update_person(&ada.id, &join).expect("updated");
    let search = |seed, collection: &str| {
        let options = options().with_collections(vec![collection.into()]);
        vault.identify(&[photo(seed)], &options).map(|answer| (answer.candidates.len(), answer.people_searched))
    };
    assert_eq!(search(1, staff.id.as_str()).expect("an answer"), (1, 1));
    assert_eq!(search(2, &staff.code).expect("an answer"), (0, 1));
    let error = search(1, "nowhere").expect_err("an unknown collection");
    assert_eq!(error.violations()[0].field, "collections[0]");
}

#[test]
fn candidates_are_ranked_and_the_runner_up_is_told() {
    let (_folder, vault) = vault();
    for seed in 1..=5 {
        enroll(&vault, &[seed]);
    }
    let everybody = IdentifyOptions::default()
        .with_operating_point(OperatingPoint::similarity(-1.0).expect("a similarity"))
        .with_max_results(3);
    let answer = vault.identify(&[photo(4)], &everybody).expect("an answer");
    let similarities: Vec<f64> = answer.candidates.iter().map(|candidate| candidate.similarity.get()).collect();
    assert_eq!(answer.candidates.iter().map(|candidate| candidate.rank).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(similarities.is_sorted_by(|a, b| a >= b) && similarities[0] > 0.999_999, "{similarities:?}");
    assert_eq!(answer.margin, Some(similarities[0] - similarities[1]));
    let one = everybody.with_max_results(1);
    assert_eq!(vault.identify(&[photo(4)], &one).expect("an answer").margin, answer.margin);
}

#[test]
fn the_most_similar_people_are_listed_below_the_threshold_too_where_that_is_asked_for() {
    let (_folder, vault) = vault();
    for seed in 1..=5 {
        enroll(&vault, &[seed]);
    }
    let accepted = |options: &IdentifyOptions, seed| {
        let answer = vault.identify(&[photo(seed)], options).expect("an answer");
        let recognized: Vec<_> = answer.recognized().cloned().collect();
        let accepted: Vec<bool> = answer.candidates.iter().map(|candidate| candidate.accepted).collect();
        assert_eq!(recognized[..], answer.candidates[..recognized.len()], "those who reach the threshold come first");
        assert!(answer.candidates.iter().all(|one| one.accepted == answer.threshold.accepts(one.similarity)));
        (accepted, answer)
    };
    let top = options().with_below_threshold(true);
    assert_eq!(accepted(&options(), 4).0, [true]);
    assert_eq!(accepted(&top.clone().with_max_results(3), 4).0, [true, false, false]);
    assert_eq!(accepted(&top, 4).0, [true, false, false, false, false], "there are no more people");
    assert_eq!(accepted(&top.clone().with_max_results(1), 9).0, [false], "the most similar one is not recognised");
    assert!(accepted(&options(), 9).0.is_empty());
    // The same people in the same order as without a threshold that matters.
    let everybody = options().with_operating_point(OperatingPoint::similarity(-1.0).expect("a similarity"));
    let people = |answer: facevault::Identification| -> Vec<_> {
        answer.candidates.into_iter().map(|candidate| (candidate.person, candidate.image, candidate.rank)).collect()
    };
    assert_eq!(people(accepted(&top, 9).1), people(accepted(&everybody, 9).1));
}

#[test]
fn every_face_of_a_group_is_identified() {
    let (_folder, vault) = vault();
    enroll(&vault, &[1]);
    let faces = vault.identify_faces(&photo_of(8, 3), &options()).expect("an answer");
    assert_eq!(faces.len(), 3);
    assert!(faces.iter().all(|face| face.outcome.as_ref().is_ok_and(|answer| answer.candidates.is_empty())));
    assert_eq!(vault.identify_faces(&photo_of(8, 0), &options()).expect("an answer"), []);
}

#[test]
fn verify_says_yes_and_no() {
    let (_folder, vault) = vault();
    let (ada, bob) = (enroll(&vault, &[1, 2]), enroll(&vault, &[3]));
    let compare = CompareOptions::default().with_operating_point(options().operating_point);
    let verify = |person: &Person, seed| vault.verify(&person.id, &[photo(seed)], &compare).expect("an answer");
    let yes = verify(&ada, 2);
    assert!(yes.decision.accepted);
    assert_eq!(yes.image, ada.images[1].id);
    assert!(!verify(&bob, 2).decision.accepted);
    let nobody = enroll(&vault, &[]);
    let error = vault.verify(&nobody.id, &[photo(1)], &compare).expect_err("no photo");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_model_without_a_table_refuses_to_guess() {
    let (_folder, vault) = vault();
    let ada = enroll(&vault, &[1]);
    let error = vault.identify(&[photo(1)], &IdentifyOptions::default()).expect_err("no table");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("calibrat"), "{error}");
    assert!(vault.verify(&ada.id, &[photo(1)], &CompareOptions::default()).is_err());
}

#[test]
fn another_model_finds_nobody_and_says_who_is_missing() {
    let (_folder, vault) = vault();
    let ada = enroll(&vault, &[1]);
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(2))).expect("opened");
    let error = other.identify(&[photo(1)], &options()).expect_err("\"unknown\" would say nothing of Ada");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    assert!(error.to_string().contains("fake-1"), "{error}");
    assert_eq!(other.people_without_encoding().expect("a list"), [ada.id]);
    let probe = engine().encode(&photo(1)).expect("a face").encoding;
    let error = other.identify_encoding(&probe, &options()).expect_err("another model's encoding");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
}

#[test]
fn a_probe_without_a_face_is_refused_and_none_at_all_is_invalid() {
    let (_folder, vault) = vault();
    let error = vault.identify(&[photo(1), photo_of(2, 0)], &options()).expect_err("no face");
    assert_eq!((error.kind(), error.images().len()), (ErrorKind::Refused, 2));
    assert_eq!(vault.identify(&[], &options()).expect_err("nothing").kind(), ErrorKind::Invalid);
}

#[test]
fn whom_one_client_removes_is_not_taken_from_another() {
    let (_folder, vault) = vault();
    let other = vault.add_client(&ClientId::new("other").expect("an id")).expect("a client");
    let id = PersonId::new("person_1").expect("an id");
    let new = |seed| NewPerson {
        id: Some(id.clone()),
        name: "One".into(),
        images: vec![photo(seed)],
        ..NewPerson::default()
    };
    vault.create_person(&new(1)).expect("a person");
    other.create_person(&new(2)).expect("another client's person of the same id");
    assert_eq!((found(&vault, 1), found(&other, 2)), (vec![id.clone()], vec![id.clone()]));
    vault.remove_person(&id).expect("removed");
    assert_eq!((found(&vault, 1), found(&other, 2)), (vec![], vec![id.clone()]));
    // The id may be given again.
    vault.create_person(&new(3)).expect("a person");
    assert_eq!((found(&vault, 1), found(&vault, 3), found(&other, 2)), (vec![], vec![id.clone()], vec![id]));
}

#[test]
fn a_refused_photo_does_not_decide_the_vaults_model() {
    let (_folder, vault) = vault();
    let new = |photos| NewPerson { name: "A".into(), images: photos, ..NewPerson::default() };
    let refused = vault.create_person(&new(vec![photo_of(1, 0)])).expect_err("no face");
    assert_eq!(refused.kind(), ErrorKind::Refused);
    let taken = NewPerson { collections: vec!["nowhere".into()], ..new(vec![photo(1)]) };
    assert_eq!(vault.create_person(&taken).expect_err("no such collection").kind(), ErrorKind::Invalid);
    let nobody = vault.create_person(&new(vec![])).expect("a person without photos");
    assert_eq!(found(&vault, 1), []);
    // Another engine may still be the first.
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(2))).expect("opened");
    let images = ImagesUpdate::Replace(vec![photo(1)]);
    let update = PersonUpdate { images, ..PersonUpdate::default() };
    other.update_person(&nobody.id, &update).expect("updated");
    assert_eq!(found(&other, 1), [nobody.id]);
    let late = vault.create_person(&new(vec![photo(2)])).expect_err("the model is decided");
    assert_eq!(late.kind(), ErrorKind::ModelMismatch);
}

#[test]
fn who_has_photos_but_no_encoding_is_counted_as_that_changes() {
    let (_folder, vault) = vault();
    let (ada, bob) = (enroll(&vault, &[1]), enroll(&vault, &[2, 3]));
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(2))).expect("opened");
    // Dora has encodings by both models.
    let dora = enroll(&vault, &[9]);
    let keep_old = ReencodeOptions::default().with_keep_old(true);
    for person in [&ada, &bob] {
        vault.remove_person(&person.id).expect("removed");
    }
    other.reencode(&keep_old, &mut ()).expect("re-encoded");
    vault.reencode(&keep_old, &mut ()).expect("back again");
    let missing = |vault: &Vault| vault.identify(&[photo(1)], &options()).expect("an answer").people_without_encoding;
    assert_eq!((missing(&vault), missing(&other)), (0, 0));
    let (ada, bob, carl) = (enroll(&vault, &[1]), enroll(&vault, &[2, 3]), enroll(&vault, &[4]));
    assert_eq!((missing(&vault), missing(&other)), (0, 3));
    let rest = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    vault.update_person(&ada.id, &rest).expect("updated");
    assert_eq!(missing(&other), 2);
    let clear = PersonUpdate { images: ImagesUpdate::Clear, ..PersonUpdate::default() };
    vault.update_person(&bob.id, &clear).expect("updated");
    assert_eq!(missing(&other), 1);
    vault.remove_person(&carl.id).expect("removed");
    assert_eq!(missing(&other), 0);
    assert_eq!(found(&other, 9), [dora.id]);
    assert_eq!(other.people_without_encoding().expect("a list"), []);
}

/// Workers of a pool that wait for a search must not hold up the search that they wait for.
#[test]
fn all_workers_of_a_pool_may_search_while_others_write() {
    let (_folder, vault) = vault();
    let ada = enroll(&vault, &[1]);
    // So many that making their codes is worth several threads.
    let store = Store::open(vault.path()).expect("opened");
    for number in 0..600_u32 {
        let vector: Vec<f32> = (0..DIMENSION as u32).map(|i| ((number * 31 + i * 17) % 97) as f32 - 48.5).collect();
        let images = vec![number.to_le_bytes().to_vec().into()];
        let new = NewPerson { name: "P".into(), images, ..NewPerson::default() };
        let mut image = PreparedImage::new(&new.images[0]);
        image.encoding = Some(FaceEncoding::new(engine().model(), vector).expect("an encoding"));
        let prepared = PreparedImages { images: vec![image], ..PreparedImages::default() };
        store.insert_person(vault.client(), &new, &prepared).expect("a person");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    for round in 2..6 {
        // Nobody has a gallery that is up to date.
        enroll(&vault, &[round]);
        let fresh = Vault::open(vault.path(), VaultOptions::default().with_engine(engine())).expect("opened");
        let answers: Vec<_> =
            pool.install(|| (0..32).into_par_iter().map(|_| (found(&vault, 1), found(&fresh, 1))).collect());
        assert!(answers.iter().all(|(a, b)| *a == [ada.id.clone()] && a == b));
    }
}
