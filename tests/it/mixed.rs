//! Photos of two people where those of one are wanted.

use std::io::Cursor;

use facevault::{
    CompareOptions, Engine, Error, ErrorKind, IdentifyOptions, ImageBytes, ImagesUpdate, NewPerson, OperatingPoint,
    Person, PersonUpdate, RefusalCode, Vault, VaultOptions,
};

use super::fakes::{engine, engine_with_table, photo};

/// Another photo of the same face: other bytes, the same encoding.
fn again(seed: u32, number: u8) -> ImageBytes {
    let mut picture = image::load_from_memory(&photo(seed)).expect("a picture").to_rgb8();
    picture.put_pixel(95, 95, image::Rgb([number, 0, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into()
}

fn vault_of(engine: Engine) -> Vault {
    Vault::in_memory(VaultOptions::default().with_engine(engine)).expect("memory")
}

fn new(images: Vec<ImageBytes>) -> NewPerson {
    NewPerson { images, ..NewPerson::named("Ada") }
}

fn update(images: ImagesUpdate) -> PersonUpdate {
    PersonUpdate { images, ..PersonUpdate::default() }
}

/// Which photos are refused for showing somebody else.
#[track_caller]
fn strangers(error: &Error) -> Vec<usize> {
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let refused = error.images().iter().filter_map(|image| Some((image.index, image.refusal.clone()?)));
    let refused = refused.map(|(index, refusal)| {
        assert_eq!((refusal.code, refusal.limit), (RefusalCode::DifferentPerson, Some(0.5)));
        assert!(refusal.measured.is_some_and(|similarity| similarity < 0.5));
        index
    });
    refused.collect()
}

#[test]
fn a_person_of_two_faces_is_not_created() {
    let vault = vault_of(engine_with_table());
    let error = vault.create_person(&new(vec![photo(1), again(1, 1), photo(2)])).expect_err("two people");
    assert_eq!(strangers(&error), [2]);
    assert!(error.to_string().contains("image 2 and image "), "{error}");
    assert_eq!(error.images().len(), 3, "each photo has its outcome");
    assert_eq!(vault.persons(&Default::default()).expect("a list").total, 0);
    vault.create_person(&new(vec![photo(1), again(1, 1), again(1, 2)])).expect("one person");
    vault.create_person(&new(vec![photo(2)])).expect("one photo");
}

#[test]
fn photos_of_somebody_else_do_not_come_to_a_person() {
    let vault = vault_of(engine_with_table());
    let ada = vault.create_person(&new(vec![photo(1), again(1, 1)])).expect("a person");
    let edit = |remove: &[&Person], add: Vec<ImageBytes>| {
        let remove = remove.iter().flat_map(|person| person.images.iter().map(|image| image.id.clone())).collect();
        update(ImagesUpdate::Edit { remove, add })
    };
    let refused = |change: &PersonUpdate, expected: &[usize]| {
        let error = vault.update_person(&ada.id, change).expect_err("another person");
        assert_eq!(strangers(&error), expected);
        assert_eq!(vault.person(&ada.id).expect("a person"), ada, "nothing was written");
    };
    refused(&edit(&[], vec![photo(2)]), &[0]);
    refused(&edit(&[], vec![again(1, 2), photo(2), again(2, 1)]), &[1, 2]);
    refused(&update(ImagesUpdate::Replace(vec![photo(1), photo(2)])), &[1]);
    // Whoever replaces all photos says that they were of somebody else.
    let after = vault.update_person(&ada.id, &edit(&[&ada], vec![photo(2)])).expect("another face");
    let other = update(ImagesUpdate::Replace(vec![photo(3), again(3, 1)]));
    assert_eq!((after.images.len(), vault.update_person(&ada.id, &other).expect("updated").images.len()), (1, 2));
    let more = vault.update_person(&ada.id, &edit(&[], vec![again(3, 2)])).expect("the same face");
    assert_eq!(more.images.len(), 3);
}

#[test]
fn a_probe_of_two_faces_is_refused() {
    let vault = vault_of(engine_with_table());
    let ada = vault.create_person(&new(vec![photo(1)])).expect("a person");
    let point = OperatingPoint::similarity(0.9).expect("a similarity");
    let identify = IdentifyOptions::default().with_operating_point(point);
    let compare = CompareOptions::default().with_operating_point(point);
    let two = [again(1, 1), photo(2)];
    assert_eq!(strangers(&vault.identify(&two, &identify).expect_err("two people")), [1]);
    assert_eq!(strangers(&vault.verify(&ada.id, &two, &compare).expect_err("two people")), [1]);
    let one = [again(1, 1), again(1, 2)];
    assert_eq!(vault.identify(&one, &identify).expect("an answer").candidates.len(), 1);
    assert!(vault.verify(&ada.id, &one, &compare).expect("an answer").decision.accepted);
}

#[test]
fn who_knows_better_has_them_taken() {
    let vault = vault_of(engine_with_table()).with_mixed_photos(true);
    let both = vec![photo(1), photo(2)];
    let ada = vault.create_person(&new(both.clone())).expect("taken");
    let options = IdentifyOptions::default();
    vault.identify(&both, &options).expect("an answer");
    let strict = vault.with_mixed_photos(false);
    assert_eq!(strangers(&strict.identify(&both, &options).expect_err("two people")), [1]);
    assert_eq!(
        strangers(
            &strict.for_client(vault.client()).expect("a client").create_person(&new(both.clone())).expect_err("two")
        ),
        [1]
    );
    // What was taken stays what it is: photos that are all known are not asked about.
    let turned = update(ImagesUpdate::Replace(vec![photo(2), photo(1)]));
    strict.update_person(&ada.id, &turned).expect("the same photos in another order");
    let edit = update(ImagesUpdate::Edit { remove: vec![], add: vec![again(2, 1)] });
    strict.update_person(&ada.id, &edit).expect("it resembles a photo that the person has");
    let options = VaultOptions::default().with_engine(engine_with_table()).with_mixed_photos(true);
    Vault::in_memory(options).expect("memory").create_person(&new(both)).expect("taken");
}

#[test]
fn without_a_table_nobody_can_say() {
    let vault = vault_of(engine());
    vault.create_person(&new(vec![photo(1), photo(2)])).expect("taken");
}
