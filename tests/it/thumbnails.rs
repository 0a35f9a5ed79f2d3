//! Thumbnails are made once, kept, and gone with their photos.

use std::io::Cursor;

use facevault::{
    DuplicatePolicy, ErrorKind, ImageBytes, ImageId, ImagesUpdate, NewPerson, PersonUpdate, Vault, VaultOptions,
};
use image::{Rgb, RgbImage};

use super::fakes::engine;

/// A photo of 400 by 300 pixels in which the fake detector finds a face.
fn photo(seed: u8) -> ImageBytes {
    let mut picture = RgbImage::from_fn(400, 300, |x, y| Rgb([x as u8 ^ seed, y as u8, seed]));
    picture.put_pixel(0, 0, Rgb([1, 0, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into()
}

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = VaultOptions::default().with_engine(engine());
    let vault = Vault::create(folder.path().join("v"), options).expect("a vault");
    (folder, vault)
}

fn new(name: &str, seeds: &[u8]) -> NewPerson {
    NewPerson { images: seeds.iter().map(|seed| photo(*seed)).collect(), ..NewPerson::named(name) }
}

fn count(vault: &Vault) -> i64 {
    let raw = crate::data::database(vault.path());
    raw.query_row("SELECT COUNT(*) FROM thumbnails", [], |row| row.get(0)).expect("counted")
}

fn size(thumbnail: &[u8]) -> (u32, u32) {
    assert!(thumbnail.starts_with(&[0xff, 0xd8]), "a JPEG");
    image::load_from_memory(thumbnail).expect("a JPEG").to_rgb8().dimensions()
}

#[test]
fn they_are_made_when_a_photo_is_enrolled_and_no_photo_is_decoded_for_them_again() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&new("Ada", &[1])).expect("a person");
    let many = vault.create_persons(&[new("Bob", &[2, 3])], &DuplicatePolicy::default(), &mut ()).expect("it began");
    let bob = many.into_iter().next().expect("one").expect("a person");
    let images = ImagesUpdate::Edit { remove: Vec::new(), add: vec![photo(4)] };
    let update = PersonUpdate { images, ..PersonUpdate::default() };
    let ada = vault.update_person(&ada.id, &update).expect("updated");
    assert_eq!(count(&vault), 4);
    let before = vault.engine().expect("an engine").timing().decode;
    let without_engine = Vault::open_read_only(vault.path(), VaultOptions::default()).expect("opened");
    for person in [&ada, &bob] {
        for image in &person.images {
            let small = vault.thumbnail(&person.id, &image.id).expect("a thumbnail");
            assert_eq!(size(&small), (160, 120));
            assert_eq!(without_engine.thumbnail(&person.id, &image.id).expect("a thumbnail"), small);
        }
    }
    assert_eq!(vault.engine().expect("an engine").timing().decode, before);
    assert!(vault.check().expect("a check").is_clean());
}

#[test]
fn they_go_with_their_photos() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&new("Ada", &[1, 2])).expect("a person");
    let remove = vec![ada.images[0].id.clone()];
    let images = ImagesUpdate::Edit { remove, add: Vec::new() };
    vault.update_person(&ada.id, &PersonUpdate { images, ..PersonUpdate::default() }).expect("updated");
    assert_eq!(count(&vault), 1);
    let error = vault.thumbnail(&ada.id, &ada.images[0].id).expect_err("the photo is gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    vault.remove_person(&ada.id).expect("removed");
    assert_eq!(count(&vault), 0);
}

#[test]
fn photos_of_older_vaults_get_theirs_when_they_are_asked_for() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&new("Ada", &[1])).expect("a person");
    let image = &ada.images[0].id;
    let enrolled = vault.thumbnail(&ada.id, image).expect("a thumbnail");
    let raw = crate::data::database(vault.path());
    raw.execute("DELETE FROM thumbnails", []).expect("forgotten");
    // Shown, but not kept, by whoever may only read.
    let reader = Vault::open_read_only(vault.path(), VaultOptions::default()).expect("opened");
    assert_eq!(reader.thumbnail(&ada.id, image).expect("a thumbnail"), enrolled);
    assert_eq!(count(&vault), 0);
    let made: Vec<ImageBytes> = std::thread::scope(|scope| {
        let ask = || vault.thumbnail(&ada.id, image).expect("a thumbnail");
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(made.iter().all(|made| *made == enrolled));
    assert_eq!(count(&vault), 1);
    assert!(vault.check().expect("a check").is_clean());
}

#[test]
fn damaged_ones_are_told_and_strangers_are_not_found() {
    let (_folder, vault) = vault();
    let ada = vault.create_person(&new("Ada", &[1])).expect("a person");
    let raw = crate::data::database(vault.path());
    raw.execute("UPDATE thumbnails SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB)", []).expect("damaged");
    let error = vault.thumbnail(&ada.id, &ada.images[0].id).expect_err("damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(ada.id.as_str()), "{error}");
    let report = vault.check().expect("a check");
    assert!(report.problems.iter().any(|problem| problem.person.as_ref() == Some(&ada.id)), "{report:?}");
    let error = vault.thumbnail(&ada.id, &ImageId::generate()).expect_err("no such photo");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
