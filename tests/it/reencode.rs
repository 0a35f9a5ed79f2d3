//! Changing a vault's model: everybody is found meanwhile, even if the process ends at any moment,
//! and photos that cannot be encoded are reported.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use facevault::vision::FacePolicy;
use facevault::{
    EngineOptions, ErrorKind, IdentifyOptions, ImagesUpdate, ModelId, NewPerson, OperatingPoint, PackSource, Person,
    PersonUpdate, ReencodeOptions, RefusalCode, Step, Vault, VaultOptions,
};

use super::fakes::{engine, engine_of, engine_with, photo, photo_of};
use super::{children, data};

const OLD: ModelId = ModelId::from_bytes([1; 16]);
const NEW: ModelId = ModelId::from_bytes([2; 16]);
fn keep_old() -> ReencodeOptions {
    ReencodeOptions::default().with_keep_old(true)
}

fn options(threshold: f64) -> IdentifyOptions {
    let operating_point = OperatingPoint::similarity(threshold).expect("a similarity");
    IdentifyOptions::default().with_operating_point(operating_point)
}

fn enroll(vault: &Vault, name: &str, seeds: &[u32]) -> Person {
    let images = seeds.iter().map(|seed| photo(*seed)).collect();
    vault.create_person(&NewPerson { name: name.into(), images, ..NewPerson::default() }).expect("a person")
}

/// A vault of the old model with so many people of two photos each.
fn vault(people: u32) -> (tempfile::TempDir, Vault, Vec<Person>) {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default().with_engine(engine())).expect("a vault");
    let people = (0..people).map(|n| enroll(&vault, "P", &[2 * n, 2 * n + 1])).collect();
    (folder, vault, people)
}

fn open(vault: &Vault, model: u8) -> Vault {
    Vault::open(vault.path(), VaultOptions::default().with_engine(engine_of(model))).expect("opened")
}

/// Whether each of these is found by the encoding of each of its photos.
fn everybody_is_found(vault: &Vault, people: &[Person]) -> bool {
    let probes: Vec<_> = people.iter().flat_map(|p| &p.images).filter_map(|image| image.encoding.clone()).collect();
    let owners = people.iter().flat_map(|person| person.images.iter().map(move |_| &person.id));
    let answers = vault.identify_encodings(&probes, &options(0.99)).expect("answers");
    assert_eq!(answers.len(), people.iter().map(|person| person.images.len()).sum::<usize>());
    answers.iter().zip(owners).all(|(answer, owner)| answer.candidates.first().is_some_and(|c| c.person == *owner))
}

#[test]
fn killed_at_any_moment_it_goes_on_and_everybody_is_found_all_the_time() {
    const PEOPLE: u32 = 60;
    if let Some(path) = children::part() {
        let vault = Vault::open(path, VaultOptions::default().with_engine(engine_of(2))).expect("opened");
        children::say("0");
        let mut progress = |step: Step<'_>| {
            children::say(step.done);
            std::thread::sleep(Duration::from_millis(2));
            ControlFlow::Continue(())
        };
        vault.reencode(&keep_old(), &mut progress).expect("re-encoded");
        children::say("done");
        return;
    }
    let test = "reencode::killed_at_any_moment_it_goes_on_and_everybody_is_found_all_the_time";
    let (_folder, vault, people) = vault(PEOPLE);
    let other = open(&vault, 2);
    let missing = || other.people_without_encoding().expect("a list").len();
    assert_eq!(missing(), PEOPLE as usize);
    let stop = AtomicBool::new(false);
    let half_way = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut searches = 0;
            while !stop.load(Ordering::Relaxed) || searches == 0 {
                assert!(everybody_is_found(&vault, &people), "somebody could not be found");
                searches += 1;
            }
            searches
        });
        let (mut half_way, mut last) = (0, PEOPLE as usize);
        for round in 0..200 {
            // A busy machine may take longer for the first photos.
            let longest = Duration::from_millis(25 + 5 * round);
            let said = children::killed_at_random(test, &vault.path().display().to_string(), longest);
            let now = missing();
            assert!(now <= last, "what was encoded was lost: {last}, then {now}");
            half_way += usize::from(now < last && now > 0);
            last = now;
            if said.last().is_some_and(|line| line == "done") {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        eprintln!("{} searches, {half_way} kills half-way", watching.join().expect("everybody was found"));
        half_way
    });
    assert!(half_way > 0, "no child was ever killed half-way");
    let finished = other.reencode(&keep_old(), &mut ()).expect("complete");
    assert!(finished.is_active && finished.unencoded.is_empty());
    assert_eq!(finished.model.id, NEW);
    assert_eq!(missing(), 0);
    let now: Vec<Person> = people.iter().map(|person| other.person(&person.id).expect("a person")).collect();
    for (before, after) in people.iter().zip(&now) {
        assert_eq!(after.version, before.version);
        for image in &after.images {
            let expected = engine_of(2).encode(image.bytes.as_deref().expect("a photo")).expect("a face").encoding;
            assert_eq!(image.encoding.as_ref(), Some(&expected));
        }
    }
    assert!(everybody_is_found(&other, &now) && everybody_is_found(&vault, &people));
    assert!(vault.check().expect("a report").is_clean());
}

#[test]
fn the_old_encodings_go_or_stay_and_the_way_back_is_free() {
    let (_folder, vault, people) = vault(5);
    let other = open(&vault, 2);
    let there = other.reencode(&keep_old(), &mut ()).expect("re-encoded");
    assert_eq!((there.encoded, there.is_active), (10, true));
    let back = vault.reencode(&ReencodeOptions::default(), &mut ()).expect("re-encoded");
    assert_eq!((back.encoded, back.is_active, back.model.id), (0, true, OLD));
    assert!(everybody_is_found(&vault, &people));
    // The second model's encodings are gone, and its engine says whom it cannot find.
    let error = other.identify(&[photo(1)], &options(0.99)).expect_err("nobody can be found");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    assert!(error.to_string().contains("none of the vault's 5 people"), "{error}");
    let again = vault.reencode(&ReencodeOptions::default(), &mut ()).expect("nothing to do");
    assert_eq!((again.encoded, again.is_active), (0, true));
}

#[test]
fn whoever_comes_meanwhile_is_encoded_too() {
    let (_folder, vault, people) = vault(20);
    let other = open(&vault, 2);
    let (mut came, mut seen) = (Vec::new(), Vec::new());
    let done = other
        .reencode(&ReencodeOptions::default(), &mut |_: Step<'_>| {
            if came.len() < 3 {
                came.push(enroll(&vault, "Late", &[500 + came.len() as u32]));
            }
            // The new model's gallery follows the re-encoding.
            let answer = other.identify(&[photo(0)], &options(0.99)).expect("an answer");
            assert_eq!(answer.people_searched + answer.people_without_encoding, (people.len() + came.len()) as u64);
            assert_eq!(answer.candidates.first().map(|best| &best.person), Some(&people[0].id));
            seen.push(answer.people_searched);
            ControlFlow::Continue(())
        })
        .expect("re-encoded");
    assert_eq!((done.encoded, done.is_active), (43, true));
    assert!(seen.len() > 3 && seen.is_sorted_by(|a, b| a <= b) && seen.first() < seen.last(), "{seen:?}");
    for person in people.iter().chain(&came) {
        let answer =
            other.identify(&[person.images[0].bytes.clone().expect("a photo")], &options(0.99)).expect("an answer");
        assert_eq!(answer.candidates.first().map(|best| &best.person), Some(&person.id));
    }
    let error = vault.create_person(&NewPerson { name: "x".into(), images: vec![photo(9)], ..Default::default() });
    assert_eq!(error.expect_err("the old model is no longer the vault's").kind(), ErrorKind::ModelMismatch);
}

#[test]
fn broken_off_it_keeps_what_it_has() {
    let (_folder, vault, people) = vault(10);
    let other = open(&vault, 2);
    let mut done = 0;
    let error = other.reencode(&ReencodeOptions::default(), &mut |step: Step<'_>| {
        assert_eq!(step.total, Some(20));
        done = step.done;
        if done >= 8 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(error.expect_err("broken off").kind(), ErrorKind::Cancelled);
    assert!(everybody_is_found(&vault, &people));
    let rest = other.reencode(&ReencodeOptions::default(), &mut ()).expect("continued");
    assert_eq!((rest.encoded, rest.is_active), (20 - done, true));
    assert_eq!(other.engine().expect("an engine").encoded(), 20, "no photo was encoded twice");
}

#[test]
fn photos_that_give_no_encoding_are_listed_and_the_old_model_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let lenient = VaultOptions::default().with_engine(engine_with(1, FacePolicy::Largest));
    let vault = Vault::create(folder.path().join("v"), lenient).expect("a vault");
    let group = |seed| photo_of(seed, 3);
    let add = |images| vault.create_person(&NewPerson { name: "P".into(), images, ..NewPerson::default() });
    let ada = add(vec![photo(1), group(2)]).expect("a person");
    let bob = add(vec![group(3)]).expect("a person");
    let other = open(&vault, 2);
    let tried = other.reencode(&ReencodeOptions::default(), &mut ()).expect("no error");
    assert_eq!((tried.encoded, tried.is_active), (1, false));
    let listed: Vec<_> =
        tried.unencoded.iter().map(|photo| (&photo.person, &photo.image, photo.refusal.code)).collect();
    let several = RefusalCode::MultipleFacesDetected;
    assert_eq!(listed, [(&ada.id, &ada.images[1].id, several), (&bob.id, &bob.images[0].id, several)]);
    assert!(everybody_is_found(&vault, &[ada.clone(), bob.clone()]), "the old encodings go on serving");

    // Ada's photo is replaced, Bob's is left out.
    let images = ImagesUpdate::Replace(vec![photo(1), photo(4)]);
    vault.update_person(&ada.id, &PersonUpdate { images, ..PersonUpdate::default() }).expect("updated");
    let leave_out = ReencodeOptions::default().with_leave_out(true);
    let done = other.reencode(&leave_out, &mut ()).expect("re-encoded");
    assert_eq!((done.encoded, done.is_active, done.unencoded.len()), (1, true, 1));
    assert_eq!(other.people_without_encoding().expect("a list"), std::slice::from_ref(&bob.id));
    let answer = other.identify(&[photo(4)], &options(0.99)).expect("an answer");
    assert_eq!((answer.people_searched, answer.people_without_encoding), (1, 1));
    assert_eq!(answer.candidates.first().map(|best| &best.person), Some(&ada.id));
    assert_eq!(other.person(&bob.id).expect("a person").images[0].encoding, None);
}

#[test]
fn without_an_engine_nothing_can_be_encoded() {
    let (_folder, vault, _) = vault(1);
    let plain = Vault::open(vault.path(), VaultOptions::default()).expect("opened");
    let error = plain.reencode(&ReencodeOptions::default(), &mut ()).expect_err("no engine");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
}

/// With real networks and the command: dlib's encodings, then those of the default pack.
#[cfg(feature = "cli")]
#[test]
fn a_vault_of_the_dlib_pack_is_taken_to_another_one() {
    use std::process::Stdio;

    use facevault::Engine;

    use super::harness::Facevault;

    const TEST: &str = "reencode::a_vault_of_the_dlib_pack_is_taken_to_another_one";
    const PEOPLE: usize = 24;
    let Some(data) = data::folder(TEST) else { return };
    let home = facevault::models::Home::from_env().expect("a data folder");
    let open = |pack| Engine::open(&EngineOptions::default().with_pack(pack).with_home(home.clone()));
    let (dlib, new) = match (open(PackSource::Named("dlib".into())), open(PackSource::default())) {
        (Ok(dlib), Ok(new)) => (dlib, new),
        (Err(error), _) | (_, Err(error)) => return data::skip(TEST, &error.to_string()),
    };
    let test = Facevault::new().with("FACEVAULT_HOME", home.path());
    let path = test.path().join("v");
    let vault = Vault::create(&path, VaultOptions::default().with_engine(dlib)).expect("a vault");
    let photos = data::files_below(&data.join("faces/lfw-dev")).into_iter();
    let photos = photos.filter(|path| path.to_string_lossy().ends_with("_0001.jpg"));
    let mut people: Vec<Person> = Vec::new();
    for path in photos {
        let new = NewPerson {
            name: "P".into(),
            images: vec![std::fs::read(&path).expect("a photo").into()],
            ..NewPerson::default()
        };
        match vault.create_person(&new) {
            Ok(person) => people.push(person),
            // Not every photo of this data shows a face that is good enough.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Refused, "{error}"),
        }
        if people.len() == PEOPLE {
            break;
        }
    }
    assert_eq!(people.len(), PEOPLE);

    let store = facevault::store::Store::open(&path).expect("opened");
    // The model is not known until the first run begins.
    let missing = || store.count_images_without(&new.model()).unwrap_or(PEOPLE as u64);
    let command = ["reencode", "v", "--pack", "standard", "--keep-old", "--json", "--threads", "1"];
    for most in [18, 12, 6] {
        let child = test.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("the command starts");
        while missing() > most {
            assert!(child.try_wait().expect("a child").is_none(), "the command ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("a child to end");
        child.wait().expect("a child that ended");
        assert!(missing() > 0, "killed too late");
        assert!(everybody_is_found(&vault, &people), "with {} photos to go", missing());
    }
    let last = missing();
    let answer = test.run(command).ok().json();
    assert_eq!((&answer["success"], &answer["data"]["is_active"]), (&true.into(), &true.into()), "{answer}");
    assert_eq!(answer["data"]["encoded"], last);

    assert!(everybody_is_found(&vault, &people), "the old encodings were kept");
    let other = Vault::open(&path, VaultOptions::default().with_engine(new)).expect("opened");
    let now: Vec<Person> = people.iter().map(|person| other.person(&person.id).expect("a person")).collect();
    assert!(now.iter().all(|person| person.images[0].encoding.as_ref().is_some_and(|e| e.dimension() == 192)));
    assert!(everybody_is_found(&other, &now));
    assert_eq!(other.people_without_encoding().expect("a list"), []);
    assert!(other.check().expect("a report").is_clean());
}
