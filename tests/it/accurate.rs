//! The two encoding modes, a face with its mirror image (accurate) and without it (fast), and vaults
//! that keep to the mode of their first encodings.

use std::ops::ControlFlow;

use facevault::{
    CompareOptions, EncodingMode, Engine, ErrorKind, FaceEncoding, IdentifyOptions, ImagesUpdate, NewPerson,
    OperatingPoint, Person, PersonUpdate, ReencodeOptions, Step, Vault, VaultOptions,
};

use super::fakes::{DIMENSION, engine, engine_of, photo};

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

/// Ways to ask a vault about photos: a mode that is asked for, or none.
const ASKED: [Option<EncodingMode>; 3] = [None, Some(EncodingMode::Fast), Some(EncodingMode::Accurate)];

fn new(seeds: &[u32]) -> NewPerson {
    let images = seeds.iter().map(|seed| photo(*seed)).collect();
    NewPerson { name: "P".into(), images, ..NewPerson::default() }
}

fn encoding(engine: &Engine, seed: u32) -> FaceEncoding {
    engine.encode(&photo(seed)).expect("a face").encoding
}

fn noted(vault: &Vault) -> Option<EncodingMode> {
    vault.active_model().expect("a read").expect("a model").mode
}

/// Whether the probe is encoded as the person's photo was: then it is the same as itself.
fn is_encoded_alike(vault: &Vault, person: &Person, seed: u32, mode: Option<EncodingMode>) -> bool {
    let operating_point = OperatingPoint::similarity(0.5).expect("a similarity");
    let options = IdentifyOptions::default().with_operating_point(operating_point).with_mode(mode);
    let answer = vault.identify(&[photo(seed)], &options).expect("an answer");
    assert_eq!(answer.candidates.first().map(|best| &best.person), Some(&person.id), "{mode:?} {seed}");
    let similarity = answer.candidates[0].similarity.get();
    let options = CompareOptions::default().with_operating_point(operating_point).with_mode(mode);
    let decision = vault.verify(&person.id, &[photo(seed)], &options).expect("an answer").decision;
    assert!(decision.accepted && (decision.similarity.get() - similarity).abs() < 1e-9);
    similarity > 0.999_999
}

#[test]
fn a_vault_keeps_to_the_mode_of_its_first_encodings() {
    for (mode, other) in [(EncodingMode::Fast, EncodingMode::Accurate), (EncodingMode::Accurate, EncodingMode::Fast)] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v");
        let open =
            |mode| Vault::open(&path, VaultOptions::default().with_engine(engine().in_mode(mode))).expect("opened");
        drop(Vault::create(&path, VaultOptions::default()).expect("a vault"));
        // Both are open before anything is noted.
        let (first, second) = (open(mode), open(other));
        assert_eq!(second.encoding_mode().expect("a read"), Some(other));
        assert_eq!(first.active_model().expect("a read"), None);
        let ada = first.create_person(&new(&[1])).expect("a person");
        assert_eq!((noted(&second), second.encoding_mode().expect("a read")), (Some(mode), Some(mode)));

        for vault in [second, open(other)] {
            assert_eq!(vault.engine().expect("an engine").mode(), other, "the engine itself is as it was");
            let bob = vault.create_person(&new(&[2])).expect("a person");
            let expected = encoding(&engine().in_mode(mode), 2);
            assert_eq!(bob.images[0].encoding.as_ref(), Some(&expected));
            assert_ne!(expected, encoding(&engine().in_mode(other), 2));
            let images = ImagesUpdate::Edit { remove: vec![], add: vec![photo(3)] };
            let update = PersonUpdate { images, ..PersonUpdate::default() };
            let bob = vault.update_person(&bob.id, &update).expect("updated");
            assert_eq!(bob.images[1].encoding.as_ref(), Some(&encoding(&engine().in_mode(mode), 3)));
            vault.remove_person(&bob.id).expect("removed");
            for asked in ASKED {
                assert_eq!(is_encoded_alike(&vault, &ada, 1, asked), asked.is_none_or(|asked| asked == mode));
            }
            let faces = vault.identify_faces(
                &photo(1),
                &IdentifyOptions::default()
                    .with_operating_point(OperatingPoint::similarity(0.999_999).expect("a similarity")),
            );
            let found = faces.expect("faces").remove(0).outcome.expect("an answer");
            assert_eq!(found.candidates.len(), 1, "it is encoded as Ada was");
        }
    }
}

#[test]
fn re_encoding_notes_the_mode_of_a_new_model_and_keeps_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let fast = Vault::create(&path, VaultOptions::default().with_engine(engine())).expect("a vault");
    let ada = fast.create_person(&new(&[1])).expect("a person");
    let bob = fast.create_person(&new(&[2])).expect("a person");
    let open = |engine| Vault::open(&path, VaultOptions::default().with_engine(engine)).expect("opened");
    let broken_off = open(accurate(&engine_of(2)))
        .reencode(&ReencodeOptions::default(), &mut |_: Step<'_>| ControlFlow::Break(()))
        .expect_err("broken off");
    assert_eq!(broken_off.kind(), ErrorKind::Cancelled);
    let other = open(engine_of(2));
    assert_eq!(noted(&other), Some(EncodingMode::Fast), "the old model is the active one");
    assert_eq!(other.encoding_mode().expect("a read"), Some(EncodingMode::Accurate));
    fast.create_person(&new(&[3])).expect("a person");
    let done = other.reencode(&ReencodeOptions::default(), &mut ()).expect("re-encoded");
    assert_eq!((done.is_active, done.model.mode), (true, Some(EncodingMode::Accurate)));
    assert_eq!(noted(&other), Some(EncodingMode::Accurate));
    for (person, seed) in [(&ada, 1), (&bob, 2)] {
        let after = other.person(&person.id).expect("a person");
        assert_eq!(after.images[0].encoding, Some(encoding(&accurate(&engine_of(2)), seed)));
    }
    // The old model is gone; whoever brings it back says in which mode.
    let back = open(accurate(&engine())).reencode(&ReencodeOptions::default(), &mut ());
    assert!(back.expect("re-encoded").is_active);
    assert_eq!(noted(&fast), Some(EncodingMode::Accurate));
    assert_eq!(fast.encoding_mode().expect("a read"), Some(EncodingMode::Accurate));
}

/// In a vault from before vaults noted the mode, each engine goes on in its own.
#[test]
fn where_the_mode_is_unknown_both_are_found_by_each_other_and_known_photos_keep_their_encodings() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let fast = Vault::create(&path, VaultOptions::default().with_engine(engine())).expect("a vault");
    let slow = Vault::open(&path, VaultOptions::default().with_engine(accurate(&engine()))).expect("opened");
    let ada = fast.create_person(&new(&[1])).expect("a person");
    let connection = crate::data::database(&path);
    connection.execute("UPDATE models SET mode = NULL", []).expect("forgotten");
    super::rows::seal(&connection, "models", "key, id, name, dimension, metric, mode");
    drop(connection);
    let bob = slow.create_person(&new(&[2])).expect("a person");
    assert_eq!(noted(&slow), None);
    assert_ne!(bob.images[0].encoding, Some(encoding(&engine(), 2)), "he was enrolled with both views");
    for (vault, own) in [(&fast, EncodingMode::Fast), (&slow, EncodingMode::Accurate)] {
        for asked in ASKED {
            let mode = asked.unwrap_or(own);
            assert_eq!(is_encoded_alike(vault, &ada, 1, asked), mode == EncodingMode::Fast);
            assert_eq!(is_encoded_alike(vault, &bob, 2, asked), mode == EncodingMode::Accurate);
        }
    }

    let images = ImagesUpdate::Replace(vec![photo(1), photo(3)]);
    let update = PersonUpdate { images, ..PersonUpdate::default() };
    let after = slow.update_person(&ada.id, &update).expect("updated");
    assert_eq!(after.images[0].encoding, ada.images[0].encoding);
    assert_eq!(after.images[1].encoding, Some(encoding(&accurate(&engine()), 3)));
    let operating_point = OperatingPoint::similarity(0.5).expect("a similarity");
    let options = CompareOptions::default().with_operating_point(operating_point).with_mode(EncodingMode::Accurate);
    let decision = engine().compare(&[photo(3)], &[photo(3)], &options).expect("a decision");
    assert!(decision.accepted && decision.similarity.get() > 0.999_999);
}

/// With real networks and the command: what is printed, and where tables are kept.
#[cfg(feature = "cli")]
#[test]
fn the_command_tells_what_the_vault_keeps_to_and_keeps_a_table_for_each_mode() {
    use std::fs;

    use super::harness::Facevault;
    use super::{data, packs};

    const TEST: &str = "accurate::the_command_tells_what_the_vault_keeps_to_and_keeps_a_table_for_each_mode";
    let Some(shared) = data::folder(TEST) else { return };
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let test = Facevault::new().with_runtime();
    let run = |arguments: &[&str]| {
        let pack = pack.path().display().to_string();
        test.run([arguments, &["--pack", &pack]].concat())
    };
    let mut people: Vec<_> =
        fs::read_dir(shared.join("faces/lfw-dev")).expect("people").flatten().map(|entry| entry.path()).collect();
    people.retain(|path| path.is_dir() && fs::read_dir(path).is_ok_and(|photos| photos.count() > 1));
    // With YuNet's landmarks one of these photos is not sharp enough.
    people.retain(|path| !path.ends_with("Abdullatif_Sener"));
    people.sort();
    for person in people.iter().take(24) {
        let to = test.path().join("people").join(person.file_name().expect("a name"));
        fs::create_dir_all(&to).expect("a folder");
        for photo in fs::read_dir(person).expect("photos").flatten().take(2) {
            fs::copy(photo.path(), to.join(photo.file_name())).expect("copied");
        }
    }
    let photo = data::files_below(&test.path().join("people")).remove(0).display().to_string();

    test.run(["init", "v"]).ok();
    assert!(run(&["person", "add", "v", "--name", "A", "--image", &photo, "--accurate"]).ok().stderr.is_empty());
    let told = test.run(["check", "v"]).ok().stdout;
    assert!(told.contains("\nmodel test (") && told.contains("), encoding mode accurate\n"), "{told}");
    assert_eq!(test.run(["check", "v", "--json"]).ok().json()["data"]["model"]["mode"], "accurate");
    let search = ["identify", "v", &photo, "--similarity", "0.999"];
    assert!(run(&search).ok().stderr.is_empty(), "the pack's own mode is no wish");
    let notice = "--fast is not used: the vault's encodings are of the accurate mode";
    assert!(run(&[&search[..], &["--fast"]].concat()).ok().stderr.contains(notice));

    let table = |mode: &[&str]| {
        let doctor = run(&[&["doctor", "--json"], mode].concat()).ok().json();
        let checks = doctor["data"]["checks"].as_array().expect("checks").clone();
        let told = checks.iter().filter(|check| check["check"] == "table").map(|check| check["message"].to_string());
        told.collect::<Vec<_>>().join("; ")
    };
    let calibrate = ["calibrate", "people", "--table-only", "--save", "--json"];
    let saved = run(&[&calibrate[..], &["--name", "both views", "--accurate"]].concat()).ok().json();
    let (model, file) = (saved["data"]["model"].as_str().expect("an id"), saved["data"]["saved"].as_str());
    assert!(file.is_some_and(|file| file.ends_with(&format!("{model}-accurate.toml"))), "{saved}");
    assert_eq!(saved["data"]["mode"], "accurate");
    assert!(table(&[]).contains("none: thresholds cannot be asked for as a rate"), "{}", table(&[]));
    assert!(table(&["--accurate"]).contains("measured on both views"), "{}", table(&["--accurate"]));
    assert!(!table(&["--accurate"]).contains("of the fast mode"));
    // The vault's thresholds are of its mode, whatever the command was told.
    for mode in [&[][..], &["--fast"], &["--accurate"]] {
        let answer = run(&[&["identify", "v", &photo, "--fmr", "0.1", "--json"], mode].concat()).ok().json();
        assert_eq!(answer["data"]["candidates"].as_array().map(Vec::len), Some(1), "{answer}");
    }
    run(&["compare", &photo, &photo, "--fmr", "0.1", "--accurate"]).ok();
    run(&["compare", &photo, &photo, "--fmr", "0.1"]).fails(2, "facevault calibrate");

    let saved = run(&[&calibrate[..], &["--name", "one view"]].concat()).ok().json();
    let file = saved["data"]["saved"].as_str();
    assert!(file.is_some_and(|file| file.ends_with(&format!("{model}.toml"))), "{saved}");
    assert!(table(&[]).contains("measured on one view") && table(&["--accurate"]).contains("measured on both views"));
    fs::remove_file(test.path().join(format!("home/calibrations/{model}-accurate.toml"))).expect("removed");
    let stands_in = table(&["--accurate"]);
    assert!(stands_in.contains("measured on one view") && stands_in.contains("of the fast mode"), "{stands_in}");
}
