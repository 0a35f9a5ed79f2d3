//! How often the verbs read and write the file.

use super::*;
use crate::comparison::OperatingPoint;
use crate::encoding::{FaceEncoding, ModelId};
use crate::person::{ImagesUpdate, NewCollection, NewPerson, Person, PersonUpdate, Status};
use crate::spec::Metric;
use crate::store::{ModelInfo, PreparedImage, PreparedImages};

const MODEL: ModelId = ModelId::from_bytes([1; 16]);

fn probe() -> FaceEncoding {
    FaceEncoding::new(MODEL, vec![1.0, 2.0, 3.0, 4.0]).expect("finite")
}

/// A vault without an engine and a person in it with one photo.
fn vault(folder: &tempfile::TempDir) -> Result<(Vault, Person)> {
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default())?;
    let ada = enroll(&vault)?;
    Ok((vault, ada))
}

fn enroll(vault: &Vault) -> Result<Person> {
    let new = NewPerson { name: "Ada".into(), images: vec![b"photo".to_vec().into()], ..NewPerson::default() };
    let model = ModelInfo { id: MODEL, name: "m".into(), dimension: 4, metric: Metric::Cosine, mode: None };
    let mut image = PreparedImage::new(b"photo");
    image.encoding = Some(probe());
    let prepared = PreparedImages { images: vec![image], model: Some(model), ..PreparedImages::default() };
    Ok(vault.file()?.insert_person(&vault.client, &new, &prepared)?.person)
}

/// How many people are found, in the gallery of the file's present generation.
fn found(vault: &Vault) -> Result<usize> {
    let operating_point = OperatingPoint::similarity(0.9)?;
    let answer = vault.identify_encoding(&probe(), &IdentifyOptions { operating_point, ..Default::default() })?;
    assert_eq!(answer.generation, vault.store().generation()?);
    Ok(answer.candidates.len())
}

/// What `verb` gives, and how many transactions read and wrote meanwhile.
fn counted<T>(vault: &Vault, verb: impl FnOnce() -> Result<T>) -> Result<(T, (u64, u64))> {
    let before = vault.file().expect("a file").transactions();
    let value = verb()?;
    let after = vault.file().expect("a file").transactions();
    Ok((value, (after.0 - before.0, after.1 - before.1)))
}

#[test]
fn an_update_is_one_write_and_at_most_one_read() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, ada) = vault(&folder)?;
    let group = |name: &str| vault.create_collection(&NewCollection { name: name.into(), ..NewCollection::default() });
    let (staff, visitors) = (group("Staff")?, group("Visitors")?);
    assert_eq!(found(&vault)?, 1);
    let update = |update: PersonUpdate| counted(&vault, || vault.update_person(&ada.id, &update));

    let rename = PersonUpdate { name: Some("Eve".into()), ..PersonUpdate::default() };
    assert_eq!(counted(&vault, || vault.update_person_summary(&ada.id, &rename))?.1, (0, 1));
    assert_eq!(update(rename)?.1, (0, 1));
    let join = PersonUpdate { collections: Some(vec![staff.code.clone(), visitors.code]), ..PersonUpdate::default() };
    assert_eq!(update(join)?.1, (0, 1));
    assert_eq!(counted(&vault, || vault.remove_from_collection(&ada.id, &staff.code))?.1, (1, 1));
    let new = NewPerson { name: "Bob".into(), ..NewPerson::default() };
    let (bob, transactions) = counted(&vault, || vault.create_person(&new))?;
    assert_eq!(transactions, (1, 1));
    // The same photo again is known: it is not encoded, and needs no engine.
    let images = ImagesUpdate::Replace(vec![b"photo".to_vec().into()]);
    assert_eq!(update(PersonUpdate { images, ..PersonUpdate::default() })?.1, (1, 1));
    assert_eq!(counted(&vault, || vault.remove_person(&bob.id))?.1, (0, 1));
    Ok(())
}

#[test]
fn many_people_are_one_read_and_one_write_for_each_hundred() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, _) = vault(&folder)?;
    let new = NewPerson { name: "Bob".into(), ..NewPerson::default() };
    let policy = DuplicatePolicy::default();
    for (people, transactions) in [(0, (1, 0)), (1, (1, 1)), (100, (1, 1)), (250, (1, 3))] {
        let new = vec![new.clone(); people];
        let (outcomes, counted) = counted(&vault, || vault.create_persons(&new, &policy, &mut ()))?;
        assert!(outcomes.len() == people && outcomes.iter().all(Result::is_ok));
        assert_eq!(counted, transactions, "{people} people");
    }
    Ok(())
}

#[test]
fn galleries_take_what_a_write_did_without_reading_it() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, ada) = vault(&folder)?;
    assert_eq!(found(&vault)?, 1);
    let status = |status| PersonUpdate { status: Some(status), ..PersonUpdate::default() };
    for (status, people) in [(status(Status::Inactive), 0), (status(Status::Active), 1)] {
        assert_eq!(counted(&vault, || vault.update_person_summary(&ada.id, &status))?.1, (0, 1));
        // The model, the generation, whether searches are noted, and the generation once more for the test.
        assert_eq!(counted(&vault, || found(&vault))?, (people, (4, 0)));
    }
    vault.remove_person(&ada.id)?;
    assert_eq!(counted(&vault, || found(&vault))?, (0, (4, 0)));

    // What somebody else has written is read, once.
    enroll(&vault)?;
    assert_eq!(counted(&vault, || found(&vault))?, (1, (5, 0)));
    // A write that follows one that was missed makes the gallery read both.
    let ada = enroll(&vault)?;
    let (_, transactions) = counted(&vault, || vault.update_person_summary(&ada.id, &status(Status::Inactive)))?;
    assert_eq!(transactions, (1, 1));
    assert_eq!(counted(&vault, || found(&vault))?, (1, (4, 0)));
    Ok(())
}

#[test]
fn a_clients_gallery_follows_its_own_writes_alone() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, _) = vault(&folder)?;
    let other = vault.add_client(&ClientId::new("other")?)?;
    assert_eq!((found(&vault)?, found(&other)?), (1, 0));
    enroll(&other)?;
    // The other's write moves the generation; nobody has to be loaded for it.
    assert_eq!(counted(&vault, || found(&vault))?, (1, (5, 0)));
    assert_eq!(found(&other)?, 1);
    Ok(())
}
