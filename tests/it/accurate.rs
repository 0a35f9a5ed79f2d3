//! Encodings of a face together with its mirror image, beside those of the face alone.

use facevault::{
    CompareOptions, EncodingMode, Engine, IdentifyOptions, ImagesUpdate, NewPerson, OperatingPoint, PersonUpdate,
    Vault, VaultOptions,
};

use super::fakes::{DIMENSION, engine, photo};

/// What the fake embedder of model 1 gives for the mirror image: left and right parts change places.
fn mirrored(vector: &[f32]) -> Vec<f32> {
    let mut vector = vector.to_vec();
    vector.rotate_right(1);
    let parts: Vec<&[f32]> = vector.chunks(DIMENSION / 4).collect();
    let mut mirrored = [parts[1], parts[0], parts[3], parts[2]].concat();
    mirrored.rotate_left(1);
    mirrored
}

fn accurate(engine: &Engine) -> Engine {
    engine.in_mode(EncodingMode::Accurate)
}

#[test]
fn an_accurate_encoding_is_the_mean_of_both_vectors() {
    let engine = engine();
    assert_eq!((engine.mode(), accurate(&engine).mode()), (EncodingMode::Fast, EncodingMode::Accurate));
    let fast = engine.encode(&photo(1)).expect("a face").encoding;
    let both = accurate(&engine).encode(&photo(1)).expect("a face").encoding;
    assert_eq!(fast.model(), both.model());
    let views = [fast.vector().to_vec(), mirrored(fast.vector())];
    for (i, component) in both.vector().iter().enumerate() {
        let expected: f64 = views.iter().map(|view| f64::from(view[i]) / 2.0).sum();
        assert!((f64::from(*component) - expected).abs() < 1e-6, "component {i}: {component}, expected {expected}");
    }
    assert_ne!(fast.vector(), views[1], "the fake's photos are not symmetric");
    assert_eq!(engine.encoded(), 2, "a photo counts once, however many views");
}

#[test]
fn both_modes_are_found_by_each_other_and_known_photos_keep_their_encodings() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let fast = Vault::create(&path, VaultOptions::with_engine(engine())).expect("a vault");
    let slow = Vault::open(&path, VaultOptions::with_engine(accurate(&engine()))).expect("opened");
    let new = |name: &str, seed| NewPerson { name: name.into(), images: vec![photo(seed)], ..NewPerson::default() };
    let ada = fast.create_person(&new("Ada", 1)).expect("a person");
    let bob = slow.create_person(&new("Bob", 2)).expect("a person");
    assert_ne!(
        bob.images[0].encoding,
        Some(engine().encode(&photo(2)).expect("a face").encoding),
        "he was enrolled with both views"
    );
    let operating_point = OperatingPoint::similarity(0.5).expect("a similarity");
    for (vault, mode, seed, person) in [
        (&fast, Some(EncodingMode::Accurate), 1, &ada),
        (&fast, None, 2, &bob),
        (&slow, None, 1, &ada),
        (&slow, Some(EncodingMode::Fast), 2, &bob),
        (&slow, None, 2, &bob),
    ] {
        let options = IdentifyOptions { operating_point, mode, ..IdentifyOptions::default() };
        let answer = vault.identify(&[photo(seed)], &options).expect("an answer");
        assert_eq!(answer.candidates.first().map(|best| &best.person), Some(&person.id), "{mode:?} {seed}");
        let options = CompareOptions { operating_point, mode };
        let answer = vault.verify(&person.id, &[photo(seed)], &options).expect("an answer");
        assert!(answer.decision.accepted);
        // A photo is the same as itself exactly when it is encoded as the enrolled one was.
        let same = vault.engine().map(Engine::mode).filter(|_| mode.is_none()).or(mode)
            == Some(if seed == 1 { EncodingMode::Fast } else { EncodingMode::Accurate });
        assert_eq!(answer.decision.similarity.get() > 0.999_999, same, "{mode:?} {seed}");
    }

    let images = ImagesUpdate::Replace(vec![photo(1), photo(3)]);
    let update = PersonUpdate { images, ..PersonUpdate::default() };
    let after = slow.update_person(&ada.id, &update).expect("updated");
    assert_eq!(after.images[0].encoding, ada.images[0].encoding);
    let options = CompareOptions { operating_point, mode: Some(EncodingMode::Accurate) };
    let decision = engine().compare(&[photo(3)], &[photo(3)], &options).expect("a decision");
    assert!(decision.accepted && decision.similarity.get() > 0.999_999);
}
