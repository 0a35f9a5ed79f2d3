//! The way from one model to the next.

use facevault::store::{CreateOptions, Erasure, ModelInfo, PreparedImages, Store};
use facevault::{EncodingMode, ErrorKind, FaceEncoding, Metric, Result};

use super::{MODEL, OTHER_MODEL, Vault, Writes, encoding, model_info, person, prepared};

#[test]
fn a_vault_changes_its_model_when_every_photo_has_been_encoded_anew() -> Result<()> {
    for keep_old in [false, true] {
        let vault = Vault::new();
        let store = &vault.store;
        let photos: Vec<[u8; 3]> = (0..7).map(|number| [number; 3]).collect();
        let people: Vec<_> = photos
            .chunks(3)
            .map(|photos| {
                let photos: Vec<&[u8]> = photos.iter().map(<[u8; 3]>::as_slice).collect();
                store.insert(&vault.client, &person("P", &photos)).map(|written| written.person)
            })
            .collect::<Result<_>>()?;

        let refuse = |kind| {
            let error = store.switch_model(&MODEL, &OTHER_MODEL, keep_old, &[]).expect_err("too early");
            assert_eq!(error.kind(), kind, "{error}");
        };
        refuse(ErrorKind::NotFound);
        store.add_model(&model_info(OTHER_MODEL))?;
        assert_eq!(store.active_model()?, Some(model_info(MODEL)));
        refuse(ErrorKind::ModelMismatch);

        let generation = store.generation()?;
        let (mut last, mut rounds) = (None, 0);
        loop {
            let batch = store.images_without(&OTHER_MODEL, last.as_ref(), 3)?;
            let Some(end) = batch.last().cloned() else { break };
            let encoded: Vec<_> = batch
                .into_iter()
                .map(|image| {
                    let bytes = store.photo(&image)?.expect("nobody removed it");
                    Ok((image, encoding(OTHER_MODEL, &bytes)))
                })
                .collect::<Result<_>>()?;
            let (added, effect) = store.add_encodings(&OTHER_MODEL, &encoded)?;
            // Galleries of either model notice.
            assert_eq!((added, effect.changed), (encoded.len(), true));
            // The same ones again are passed over.
            let (again, effect) = store.add_encodings(&OTHER_MODEL, &encoded)?;
            assert_eq!((again, effect.changed), (0, false));
            (last, rounds) = (Some(end), rounds + 1);
            if rounds == 1 {
                refuse(ErrorKind::ModelMismatch);
            }
        }
        assert_eq!(rounds, 3);
        assert_eq!(store.generation()?, generation + rounds);
        let generation = store.generation()?;
        assert_eq!(store.person(&vault.client, &people[0].id)?, people[0]);

        let (effect, erasure) = store.switch_model(&MODEL, &OTHER_MODEL, keep_old, &[])?;
        assert_eq!((effect.generation, effect.changed), (generation + 1, true));
        assert_eq!(erasure, if keep_old { Erasure::Nothing } else { Erasure::Done });
        assert_eq!(store.changes_since(&vault.client, generation, &OTHER_MODEL, 1_000)?, None);
        assert_eq!(store.active_model()?, Some(model_info(OTHER_MODEL)));
        assert_eq!(store.models()?.len(), if keep_old { 2 } else { 1 });
        assert_eq!(store.encoding_count(&MODEL)?, if keep_old { 7 } else { 0 });
        for before in &people {
            let after = store.person(&vault.client, &before.id)?;
            assert_eq!((after.version, after.updated_at), (before.version, before.updated_at));
            for (image, old) in after.images.iter().zip(&before.images) {
                assert_eq!(image.encoding, Some(encoding(OTHER_MODEL, old.bytes.as_deref().expect("a photo"))));
            }
        }
        let error = store.switch_model(&MODEL, &OTHER_MODEL, keep_old, &[]).expect_err("it has been done");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(store.check()?.is_clean());
    }
    Ok(())
}

#[test]
fn gaps_of_the_active_model_are_filled_and_galleries_notice() -> Result<()> {
    let vault = Vault::new();
    let store = &vault.store;
    let new = person("P", &[b"a", b"b"]);
    let mut prepared = prepared(&new.images);
    prepared.images[1].encoding = None;
    let before = store.insert_person(&vault.client, &new, &prepared)?;
    let gaps = store.images_without(&MODEL, None, 10)?;
    assert_eq!(gaps.len(), 1);
    assert_eq!((&gaps[0].person, &gaps[0].image), (&before.person.id, &before.person.images[1].id));
    let (added, effect) = store.add_encodings(&MODEL, &[(gaps[0].clone(), encoding(MODEL, b"b"))])?;
    assert_eq!((added, effect.changed), (1, true));
    let missed = store.changes_since(&vault.client, before.gallery.generation, &MODEL, 10)?.expect("few changes");
    assert_eq!(missed.written[0].encodings.len(), 2);

    store.remove_person(&vault.client, &before.person.id, None)?;
    assert_eq!(store.photo(&gaps[0])?, None);
    assert_eq!(store.add_encodings(&MODEL, &[(gaps[0].clone(), encoding(MODEL, b"b"))])?.0, 0);
    Ok(())
}

#[test]
fn models_are_held_to_what_is_known_of_them() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path().join("v"), &CreateOptions::default())?;
    let client = store.default_client()?;
    assert_eq!(store.active_model()?, None);
    let error = store.insert(&client, &person("P", &[b"a"])).expect_err("no model yet");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    store.add_model(&model_info(MODEL))?;
    assert_eq!(store.active_model()?, Some(model_info(MODEL)));
    store.insert(&client, &person("P", &[b"a"]))?;

    store.add_model(&model_info(MODEL))?;
    for other in
        [ModelInfo { dimension: 5, ..model_info(MODEL) }, ModelInfo { metric: Metric::Euclidean, ..model_info(MODEL) }]
    {
        assert_eq!(store.add_model(&other).expect_err("another one").kind(), ErrorKind::ModelMismatch);
    }
    // A model that is known keeps its mode, and takes no encodings of the other one.
    let fast = ModelInfo { mode: Some(EncodingMode::Fast), ..model_info(MODEL) };
    store.add_model(&fast)?;
    assert_eq!(store.models()?, [model_info(MODEL)]);
    for (mode, is_taken) in [(Some(EncodingMode::Accurate), true), (None, true), (Some(EncodingMode::Fast), false)] {
        let model = Some(ModelInfo { mode, ..model_info(MODEL) });
        let new = person("P", &[b"b"]);
        let written = store.insert_person(&client, &new, &PreparedImages { model, ..prepared(&new.images) });
        match written {
            Ok(_) => assert!(is_taken, "{mode:?}"),
            Err(error) => assert_eq!((error.kind(), is_taken), (ErrorKind::ModelMismatch, false), "{error}"),
        }
    }
    let endless = ModelInfo { dimension: 65_537, ..model_info(OTHER_MODEL) };
    assert_eq!(store.add_model(&endless).expect_err("too long").kind(), ErrorKind::Invalid);

    store.add_model(&model_info(OTHER_MODEL))?;
    let gap = store.images_without(&OTHER_MODEL, None, 1)?.remove(0);
    assert_eq!(store.models()?, [model_info(MODEL), model_info(OTHER_MODEL)]);
    for wrong in [encoding(MODEL, b"a"), FaceEncoding::new(OTHER_MODEL, vec![1.0; 4])?] {
        let error = store.add_encodings(&OTHER_MODEL, &[(gap.clone(), wrong)]).expect_err("a mismatch");
        assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    }
    assert_eq!(store.encoding_count(&OTHER_MODEL)?, 0);
    Ok(())
}

#[test]
fn only_photos_that_are_named_may_be_left_out() -> Result<()> {
    let vault = Vault::new();
    let store = &vault.store;
    let id = store.insert(&vault.client, &person("P", &[b"a", b"b", b"c"]))?.person.id;
    store.add_model(&model_info(OTHER_MODEL))?;
    assert_eq!(store.count_images_without(&OTHER_MODEL)?, 3);
    let gaps = store.images_without(&OTHER_MODEL, None, 10)?;
    store.add_encodings(&OTHER_MODEL, &[(gaps[0].clone(), encoding(OTHER_MODEL, b"a"))])?;
    for named in [&gaps[..1], &gaps[..2], &gaps[2..]] {
        let error = store.switch_model(&MODEL, &OTHER_MODEL, false, named).expect_err("one is not named");
        assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    }
    store.switch_model(&MODEL, &OTHER_MODEL, false, &gaps[1..])?;
    let encoded: Vec<bool> =
        store.person(&vault.client, &id)?.images.iter().map(|image| image.encoding.is_some()).collect();
    assert_eq!((encoded, store.count_images_without(&OTHER_MODEL)?), (vec![true, false, false], 2));
    assert!(store.keys_without_encoding(&vault.client, &OTHER_MODEL)?.is_empty(), "one photo is enough to be found");
    Ok(())
}
