//! Photos on which nobody can be recognised are refused, and others are not.

use std::fs;
use std::ops::ControlFlow;

use facevault::evaluation::damage::{Damage, DamagedEncodings, halves};
use facevault::evaluation::{self, Dataset, DatasetEncodings, RecognizabilityOptions};
use facevault::models::{Home, Manifest, calibration_section, recognizability_section};
use facevault::vision::{FacePolicy, QualityLimits, SeekOptions};
use facevault::{DamageMean, Engine, EngineOptions, ErrorKind, Metric, PhotoRules, Recognizability, RefusalCode, Step};

use crate::{data, packs};

/// All photos of the people at these places in the order of how many photos they have.
fn people(whole: &Dataset, range: std::ops::Range<usize>) -> Dataset {
    let count = |person: u32| whole.people.iter().filter(|other| **other == person).count();
    let mut order: Vec<u32> = whole.people.clone();
    order.dedup();
    order.sort_by_key(|person| std::cmp::Reverse(count(*person)));
    let chosen = &order[range];
    let places: Vec<usize> = (0..whole.photos.len()).filter(|place| chosen.contains(&whole.people[*place])).collect();
    let mut numbers: Vec<u32> = places.iter().map(|place| whole.people[*place]).collect();
    numbers.dedup();
    let number = |person: u32| numbers.iter().position(|other| *other == person).expect("a person") as u32;
    Dataset {
        photos: places.iter().map(|place| whole.photos[*place].clone()).collect(),
        people: places.iter().map(|place| number(whole.people[*place])).collect(),
        ..whole.clone()
    }
}

/// A limit that is learned on 100 people holds on others, in enrollment as in probes, and goes
/// through a manifest and the data folder.
#[test]
fn damaged_photos_are_refused_and_good_ones_are_taken() {
    const TEST: &str = "recognizability::damaged_photos_are_refused_and_good_ones_are_taken";
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::at(folder.path());
    let rules = PhotoRules::default().with_face(FacePolicy::Central);
    let mut options = EngineOptions::default().with_pack(pack.path()).with_rules(rules);
    let engine = Engine::open(&options).expect("an engine");
    assert_eq!(engine.recognizability(), None, "an old manifest has no such section");
    let whole = Dataset::open(&data::folder(TEST).expect("test data").join("faces/lfw-dev"), None).expect("people");
    let (known, others) = (people(&whole, 0..100), people(&whole, 200..240));

    let encoded = DatasetEncodings::compute(&engine, &known, None, &mut ()).expect("encodings");
    let hash = "0".repeat(64);
    let measure = RecognizabilityOptions { counted: &[Damage::Night, Damage::Mirrored], ..Default::default() };
    let mut told = Vec::new();
    let rule =
        Recognizability::measure(&engine, &known, &encoded.encodings, ("part", &hash), measure, &mut |step: Step<
            '_,
        >| {
            told.push((step.done, step.total));
            ControlFlow::Continue(())
        })
        .expect("a rule");
    assert_eq!((told.first(), told.last()), (Some(&(0, Some(100))), Some(&(100, Some(100)))));
    assert!(told.is_sorted());
    let measured = rule.measured_on().expect("what it was measured on");
    assert!(measured.refused <= 0.01 && measured.photos >= 100, "{measured:?}");
    let [night, mirrored] = measured.damage.as_slice() else { panic!("two kinds: {measured:?}") };
    assert!(night.photos == 50 && night.accepted < 25 && mirrored.accepted > 45, "{measured:?}");

    // On people who had no part in it.
    let table = evaluation::calibrate(&known, &encoded.encodings, Metric::Cosine, "part", &hash).expect("a table");
    let sections = format!("{}\n{}", calibration_section(&table, &[]), recognizability_section(&rule));
    home.save_measured(engine.model(), None, &sections).expect("written");
    options.home = Some(home);
    // The data folder of the test has no runtime of its own.
    if let Some(library) = Home::from_env().ok().and_then(|home| home.runtime_library()) {
        options.runtime = facevault::vision::RuntimeChoice::Library(library);
    }
    let guarded = Engine::open(&options).expect("an engine");
    assert_eq!(guarded.recognizability(), Some(&rule));
    let as_it_stands = guarded.with_rules(guarded.rules().clone().with_seek(SeekOptions::default().with_turn(false)));
    let open = guarded.with_rules(guarded.rules().clone().with_quality(QualityLimits::off()));
    let kinds = [
        (Damage::None, &guarded, 36..=40),
        (Damage::Mirrored, &guarded, 36..=40),
        (Damage::Jpeg(15), &guarded, 30..=40),
        (Damage::Turned(2), &guarded, 34..=40),
        (Damage::Turned(2), &as_it_stands, 0..=2),
        (Damage::Night, &guarded, 0..=20),
        (Damage::Blur(6), &guarded, 0..=1),
        (Damage::EyesBar, &guarded, 0..=30),
        (Damage::Mask, &guarded, 0..=30),
        (Damage::Mask, &open, 36..=40),
    ];
    let engines: Vec<(Damage, Engine)> = kinds.iter().map(|(damage, engine, _)| (*damage, (*engine).clone())).collect();
    let (mut places, half) = halves(&others);
    places.extend(half);
    let found = DamagedEncodings::compute(&open, &engines, &others, &places, &mut ()).expect("encodings");
    for ((damage, _, expected), (_, outcomes)) in kinds.iter().zip(&found.kinds) {
        let taken = outcomes.iter().flatten().count();
        assert!(expected.contains(&taken), "{damage}: {taken} of {}, expected {expected:?}", outcomes.len());
    }
    let refusals = found.kinds[8].1.iter().filter_map(|outcome| outcome.as_ref().err());
    let refusal = refusals.into_iter().find(|refusal| refusal.code == RefusalCode::NotRecognizable).expect("one");
    assert!(refusal.measured.is_some_and(|value| value < rule.limit()) && refusal.limit == Some(rule.limit()));
    let photo = fs::read(others.root.join(&others.photos[0])).expect("a photo");
    let encoded = open.encode(&photo).expect("a face");
    assert_eq!(encoded.recognizability, Some(rule.value(encoded.encoding.vector())));
    assert_eq!(engine.encode(&photo).expect("a face").recognizability, None);

    // The same sections in a manifest; one of other vectors is refused.
    let manifest = fs::read_to_string(pack.path().join("manifest.toml")).expect("a manifest");
    let with = Manifest::parse("test", &format!("{manifest}\n{sections}")).expect("a manifest");
    assert_eq!((with.recognizability.as_ref(), with.calibration.as_ref()), (Some(&rule), Some(&table)));
    let other = Recognizability::new(1.0, 1.0, vec![DamageMean::new("night", &[1.0, 2.0]).expect("a mean")]);
    let other = recognizability_section(&other.expect("a rule"));
    let error = Manifest::parse("test", &format!("{manifest}\n{other}")).expect_err("two components");
    assert!(error.to_string().contains("[recognizability]") && error.to_string().contains("has 2"), "{error}");
}

#[test]
fn what_was_measured_of_other_vectors_is_not_used() {
    const TEST: &str = "recognizability::what_was_measured_of_other_vectors_is_not_used";
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let rule = Recognizability::new(1.0, 1.0, vec![DamageMean::new("night", &[1.0, 2.0]).expect("a mean")]);
    let options = EngineOptions::default().with_pack(pack.path()).with_recognizability(rule.expect("a rule"));
    let error = Engine::open(&options).expect_err("two components");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    assert!(error.to_string().contains("must have 512 components"), "{error}");
}

#[test]
fn a_measurement_can_be_stopped_and_needs_people_enough() {
    const TEST: &str = "recognizability::a_measurement_can_be_stopped_and_needs_people_enough";
    let Some(shared) = data::folder(TEST) else { return };
    let whole = Dataset::open(&shared.join("faces/lfw-dev"), None).expect("people");
    let engine = crate::fakes::engine();
    let stopped = |dataset: &Dataset| {
        let encoding = engine.encode(crate::fakes::photo(1).as_slice()).expect("a face").encoding;
        let encodings = vec![Some(encoding); dataset.photos.len()];
        let options = RecognizabilityOptions::default();
        let data = ("data", "0");
        let mut stop = |_: Step<'_>| ControlFlow::Break(());
        Recognizability::measure(&engine, dataset, &encodings, data, options, &mut stop).expect_err("no rule")
    };
    assert_eq!(stopped(&people(&whole, 0..100)).kind(), ErrorKind::Cancelled);
    let few = stopped(&people(&whole, 0..99));
    assert!(few.kind() == ErrorKind::Invalid && few.to_string().contains("100 people or more"), "{few}");
    assert!(!Recognizability::can_be_measured_on(&people(&whole, 0..99)));
}
