//! Encodings that are given without a photo: found like others, and honest about what cannot be done.

use facevault::{
    DuplicatePolicy, ErrorKind, FaceEncoding, IdentifyOptions, ImagesUpdate, ModelId, NewPerson, OperatingPoint,
    Person, PersonUpdate, ReencodeOptions, RefusalCode, Vault, VaultOptions,
};

use super::fakes::{DIMENSION, engine, engine_of, photo};

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = VaultOptions::default().with_engine(engine());
    let vault = Vault::create(folder.path().join("people.vault"), options).expect("a vault");
    (folder, vault)
}

fn without_engine(vault: &Vault) -> Vault {
    Vault::open(vault.path(), VaultOptions::default()).expect("opened")
}

/// The encoding that the engine makes of this photo.
fn encoding(seed: u32) -> FaceEncoding {
    engine().encode(&photo(seed)).expect("a face").encoding
}

fn given(name: &str, seeds: &[u32]) -> NewPerson {
    NewPerson {
        name: name.into(),
        encodings: seeds.iter().map(|seed| encoding(*seed)).collect(),
        ..NewPerson::default()
    }
}

fn images(images: ImagesUpdate) -> PersonUpdate {
    PersonUpdate { images, ..PersonUpdate::default() }
}

fn same_face() -> OperatingPoint {
    OperatingPoint::similarity(0.99).expect("a similarity")
}

/// Who is found by the encoding of a photo.
fn found(vault: &Vault, probe: &FaceEncoding) -> Option<String> {
    let options = IdentifyOptions::default().with_operating_point(same_face());
    let answer = vault.identify_encoding(probe, &options).expect("a search");
    answer.candidates.first().map(|candidate| candidate.person.to_string())
}

fn encodings(person: &Person) -> Vec<FaceEncoding> {
    person.images.iter().map(|image| image.encoding.clone().expect("an encoding")).collect()
}

#[test]
fn a_person_without_photos_is_found_shown_and_checked() {
    let (_folder, vault) = vault();
    let new = NewPerson { images: vec![photo(1)], ..given("Ada", &[2, 3]) };
    let ada = vault.create_person(&new).expect("a person");
    assert_eq!(vault.engine().expect("an engine").encoded(), 1, "given encodings are taken as they are");
    assert_eq!(encodings(&ada), [encoding(1), encoding(2), encoding(3)]);
    let has_photo: Vec<_> = ada.images.iter().map(|image| image.bytes.is_some()).collect();
    assert_eq!(has_photo, [true, false, false]);
    let other = without_engine(&vault);
    for vault in [&vault, &other] {
        assert_eq!(vault.person(&ada.id).expect("the person"), ada);
        assert_eq!(found(vault, &encoding(3)).as_deref(), Some(ada.id.as_str()));
    }
    let report = vault.check().expect("a check");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.images, report.without_photo, report.encodings), (1, 2, 3));
    let error = vault.photo(&ada.id, &ada.images[1].id).expect_err("there is no photo");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("given without a photo"), "{error}");
    let json = serde_json::to_value(&ada).expect("JSON");
    assert!(json["images"][0].is_string() && json["images"][1].is_null() && json["faceEncodings"][1].is_string());
    let shown = format!("{new:?} {ada:?}");
    assert!(!shown.contains("vector") && shown.contains("encodings: 2"), "{shown}");
}

#[test]
fn encodings_that_are_not_the_vaults_are_refused_and_nothing_is_written() {
    let (_folder, vault) = vault();
    let other_model = FaceEncoding::new(ModelId::from_bytes([9; 16]), vec![1.0; DIMENSION]).expect("finite");
    let own = encoding(1).model();
    let other_dimension = FaceEncoding::new(own, vec![1.0; DIMENSION - 1]).expect("finite");
    let too_long = FaceEncoding::new(own, vec![1e30; DIMENSION]).expect("finite");
    let too_short = FaceEncoding::new(own, vec![1e-30; DIMENSION]).expect("finite");
    let ada = vault.create_person(&given("Ada", &[1])).expect("a person");
    let unengined = without_engine(&vault);
    for (wrong, kind, said) in [
        (other_model, ErrorKind::ModelMismatch, "encodings[1] has 12 components by model 09090909"),
        (other_dimension, ErrorKind::ModelMismatch, "encodings[1] has 11 components"),
        (too_long, ErrorKind::Invalid, "\"encodings[1]\" must have a length from 1e-15 to 1e15"),
        (too_short, ErrorKind::Invalid, "\"encodings[1]\" must have a length"),
    ] {
        for vault in [&vault, &unengined] {
            let both = vec![encoding(2), wrong.clone()];
            let new = NewPerson { encodings: both.clone(), ..given("Eve", &[]) };
            let errors = [
                vault.create_person(&new).expect_err("refused"),
                vault.update_person(&ada.id, &images(ImagesUpdate::AddEncodings(both.clone()))).expect_err("refused"),
                vault.update_person(&ada.id, &images(ImagesUpdate::ReplaceWithEncodings(both))).expect_err("refused"),
                vault
                    .create_persons(&[new], &DuplicatePolicy::default(), &mut ())
                    .expect("it began")
                    .remove(0)
                    .expect_err("refused"),
            ];
            for error in errors {
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().starts_with(said), "{error}");
            }
        }
    }
    assert_eq!(vault.person(&ada.id).expect("the person"), ada);
    assert_eq!(vault.persons(&Default::default()).expect("a list").total, 1);
}

#[test]
fn the_first_encoding_of_a_vault_needs_an_engine_that_says_what_its_model_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default()).expect("a vault");
    let error = vault.create_person(&given("Ada", &[1])).expect_err("no model");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}");
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(2))).expect("opened");
    assert_eq!(other.create_person(&given("Ada", &[1])).expect_err("another").kind(), ErrorKind::ModelMismatch);
    let own = Vault::open(vault.path(), VaultOptions::default().with_engine(engine())).expect("opened");
    own.create_person(&given("Ada", &[1])).expect("a person");
    let model = vault.active_model().expect("a vault").expect("a model");
    assert_eq!((model.id, model.mode), (encoding(1).model(), Some(own.engine().expect("an engine").mode())));
    vault.create_person(&given("Bob", &[2])).expect("the vault knows its model now");
}

#[test]
fn updates_add_and_replace_encodings_and_keep_what_is_known() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&NewPerson { images: vec![photo(1)], ..given("Ada", &[2]) }).expect("a person");
    let vault = without_engine(&vault);
    let update = |update: ImagesUpdate| vault.update_person(&ada.id, &images(update));
    let more = update(ImagesUpdate::AddEncodings(vec![encoding(3)])).expect("updated");
    assert_eq!(&more.images[..2], &ada.images[..]);
    assert_eq!(found(&vault, &encoding(3)).as_deref(), Some(ada.id.as_str()));
    assert_eq!(update(ImagesUpdate::AddEncodings(Vec::new())).expect("nothing to do"), more);

    let replaced = update(ImagesUpdate::ReplaceWithEncodings(vec![encoding(3), encoding(2)])).expect("updated");
    let ids = |person: &Person, at: &[usize]| at.iter().map(|at| person.images[*at].id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&replaced, &[0, 1]), ids(&more, &[2, 1]), "an encoding that stays keeps its id");
    assert_eq!(found(&vault, &encoding(1)), None);
    let again = update(ImagesUpdate::ReplaceWithEncodings(vec![encoding(3), encoding(2)])).expect("updated");
    assert_eq!(again.images, replaced.images);

    let most = vault.limits().max_images;
    let many = |count| (0..count as u32).map(|seed| encoding(10 + seed)).collect::<Vec<_>>();
    for refused in [
        ImagesUpdate::ReplaceWithEncodings(Vec::new()),
        ImagesUpdate::ReplaceWithEncodings(many(most + 1)),
        ImagesUpdate::AddEncodings(many(most - 1)),
    ] {
        assert_eq!(update(refused).expect_err("too few or too many").kind(), ErrorKind::Invalid);
    }
    let gone = ImagesUpdate::Edit { remove: ids(&replaced, &[0]), add: Vec::new() };
    assert_eq!(encodings(&update(gone).expect("updated")), [encoding(2)]);
    assert!(vault.check().expect("a check").is_clean());
}

#[test]
fn many_people_come_without_photos_and_without_an_engine() {
    let (_folder, first) = vault();
    first.create_person(&given("First", &[1_000])).expect("a person");
    let vault = without_engine(&first);
    let people: Vec<_> = (0..120).map(|seed| given("P", &[seed])).collect();
    let outcomes = vault.create_persons(&people, &DuplicatePolicy::default(), &mut ()).expect("it began");
    assert!(outcomes.iter().all(Result::is_ok));
    for (seed, outcome) in (0..120).zip(&outcomes) {
        let person = outcome.as_ref().expect("added");
        assert_eq!(found(&vault, &encoding(seed)).as_deref(), Some(person.id.as_str()));
    }
    let policy = DuplicatePolicy::default().with_face(same_face());
    let again = [given("Q", &[7]), given("R", &[2_000]), given("S", &[2_000])];
    let outcomes = vault.create_persons(&again, &policy, &mut ()).expect("it began");
    let refused: Vec<_> = outcomes.iter().map(Result::is_err).collect();
    assert_eq!(refused, [true, false, true]);
    let error = vault.create_person_unless_known(&given("Q", &[7]), &policy).expect_err("a duplicate");
    assert!(error.duplicate().is_some(), "{error}");
}

#[test]
fn what_has_no_photo_is_named_by_a_reencoding_and_its_encoding_is_never_lost() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&NewPerson { images: vec![photo(1)], ..given("Ada", &[2]) }).expect("a person");
    let bob = vault.create_person(&given("Bob", &[3])).expect("a person");
    let other = Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(2))).expect("opened");

    let kept = other.reencode(&ReencodeOptions::default(), &mut ()).expect("a result");
    assert_eq!((kept.encoded, kept.is_active, kept.without_photo()), (1, false, 2));
    let named: Vec<_> = kept.unencoded.iter().map(|image| (&image.person, image.refusal.code)).collect();
    assert_eq!(named, [(&ada.id, RefusalCode::NoPhoto), (&bob.id, RefusalCode::NoPhoto)]);
    assert_eq!(found(&vault, &encoding(3)).as_deref(), Some(bob.id.as_str()));

    let leave_out = ReencodeOptions::default().with_leave_out(true);
    let changed = other.reencode(&leave_out, &mut ()).expect("a result");
    assert!(changed.is_active && changed.without_photo() == 2);
    assert_eq!(other.people_without_encoding().expect("a list"), std::slice::from_ref(&bob.id));
    let shown = other.person(&bob.id).expect("the person");
    assert_eq!((shown.images[0].bytes.clone(), shown.images[0].encoding.clone()), (None, None));
    assert!(other.check().expect("a check").is_clean());

    // The way back: the photo is encoded anew, the given encodings are there still.
    let vault = Vault::open(vault.path(), VaultOptions::default().with_engine(engine())).expect("opened");
    let back = vault.reencode(&ReencodeOptions::default(), &mut ()).expect("a result");
    assert_eq!((back.encoded, back.is_active, back.unencoded.len()), (1, true, 0));
    assert_eq!(vault.person(&ada.id).expect("the person"), ada);
    assert_eq!(found(&vault, &encoding(3)).as_deref(), Some(bob.id.as_str()));
}
