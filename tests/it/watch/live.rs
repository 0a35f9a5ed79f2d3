//! Liveness of visits: what is said of faces that do not seem to be those of living people, and when.

use std::time::Duration;

use facevault::vision::QualityLimits;
use facevault::{
    Answer, ErrorKind, Event, LivenessCheck, LivenessPolicy, NewPerson, OperatingPoint, PhotoRules, RefusalCode,
    UnknownReason, Vault, VaultOptions, VisitLiveness, WatchOptions, Watcher,
};

use super::stage::{Actor, PACE, play, told, vault, vault_with_liveness};
use crate::{data, liveness, packs};

fn required() -> WatchOptions {
    WatchOptions::default().with_liveness(LivenessCheck::require(0.6))
}

fn watched(options: WatchOptions, frames: u32, film: impl Fn(u32) -> Vec<Actor>) -> Vec<Event> {
    play(&mut Watcher::new(&vault_with_liveness(&[1, 2]), options).expect("a watcher"), PACE, frames, film)
}

fn liveness_of(event: &Event) -> Option<VisitLiveness> {
    match event {
        Event::Recognized { liveness, .. }
        | Event::Unknown { liveness, .. }
        | Event::Updated { liveness, .. }
        | Event::Left { liveness, .. } => *liveness,
        _ => None,
    }
}

fn is_attack(answer: &Answer) -> bool {
    matches!(answer, Answer::Unknown(UnknownReason::Attack { .. }))
}

#[test]
fn whoever_is_live_is_recognized_after_enough_shots_and_a_picture_is_an_attack() {
    let film = |_| vec![Actor::new(1, 20.0), Actor { live: 40, ..Actor::new(2, 200.0) }];
    let events = watched(required(), 100, film);
    assert_eq!(told(&events), ["1 appeared", "2 appeared", "1 p1", "2 unknown", "1 left as p1", "2 left as unknown"]);
    // Two faces share the frames: a shot every 80 ms of each.
    let recognized = events.iter().find(|event| matches!(event, Event::Recognized { .. })).expect("recognized");
    assert!(recognized.time() >= PACE + Duration::from_millis(160), "{recognized:?}");
    let seen = liveness_of(recognized).expect("judged");
    assert!(seen.shots >= 3 && seen.score == 1.0, "{seen:?}");
    let Some(Event::Unknown {
        reason: UnknownReason::Attack { liveness, min_score, .. }, is_final: false, time, ..
    }) = events.iter().find(|event| matches!(event, Event::Unknown { .. }))
    else {
        panic!("{events:?}")
    };
    assert!((liveness.score - 0.2).abs() < 1e-9 && *min_score == 0.6, "{liveness:?}");
    assert!(*time >= PACE + Duration::from_secs(2), "there was time for better shots");
    // The shots go on, and the end is final.
    let Some(Event::Left { answer, liveness: Some(all), .. }) = events.last() else { panic!("{events:?}") };
    assert!(is_attack(answer) && all.shots > liveness.shots, "{all:?}");
}

#[test]
fn a_few_bad_shots_are_outweighed_and_a_few_good_ones_too() {
    let film = |bad: std::ops::Range<u32>| {
        move |frame: u32| vec![Actor { live: if bad.contains(&frame) { 20 } else { 200 }, ..Actor::new(1, 20.0) }]
    };
    // Bad ones at first: nobody is accused before there was time for others.
    let events = watched(required(), 100, film(0..6));
    assert_eq!(told(&events), ["1 appeared", "1 p1", "1 left as p1"]);
    // Bad ones for longer than it takes to decide: corrected by what follows.
    let events = watched(required(), 400, film(0..50));
    assert_eq!(told(&events), ["1 appeared", "1 unknown", "1 now p1", "1 left as p1"]);
    // Good ones in a picture's first moment are too few.
    let events = watched(required().with_live_shots(5), 100, film(4..100));
    assert_eq!(told(&events), ["1 appeared", "1 unknown", "1 left as unknown"]);
}

#[test]
fn whoever_leaves_before_enough_shots_is_not_recognized() {
    // A few frames that can be used, between others that are turned away.
    let film = |frame: u32| vec![Actor { is_turned: frame > 2, ..Actor::new(1, 20.0) }];
    let events = watched(required(), 40, film);
    let Some(Event::Left { answer: Answer::Unknown(UnknownReason::NotRecognizable { refusal, .. }), liveness, .. }) =
        events.last()
    else {
        panic!("{events:?}")
    };
    assert_eq!(refusal.as_ref().map(|refusal| refusal.code), Some(RefusalCode::LivenessFailed));
    assert!(liveness.is_some_and(|liveness| liveness.shots < 3), "{liveness:?}");
    assert!(events.iter().all(|event| event.person().is_none()), "{:?}", told(&events));
}

#[test]
fn a_report_has_the_score_and_refuses_nobody() {
    let options = WatchOptions::default().with_liveness(LivenessCheck::default().with_policy(LivenessPolicy::Report));
    let events = watched(options, 60, |_| vec![Actor { live: 50, ..Actor::new(1, 20.0) }]);
    assert_eq!(told(&events), ["1 appeared", "1 p1", "1 left as p1"]);
    assert_eq!(events[1].time(), PACE, "nothing waits for more shots");
    assert!(events[1..].iter().all(|event| liveness_of(event).is_some_and(|liveness| liveness.score == 0.25)));
    let events = watched(WatchOptions::default(), 60, |_| vec![Actor { live: 50, ..Actor::new(1, 20.0) }]);
    assert!(events.iter().all(|event| liveness_of(event).is_none()), "it is not judged where nobody asks");
}

#[test]
fn without_a_network_nothing_is_watched() {
    let error = Watcher::new(&vault(&[1]), required()).expect_err("no network");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    let wrong = WatchOptions::default().with_liveness(LivenessCheck::require(2.0));
    assert_eq!(Watcher::new(&vault_with_liveness(&[1]), wrong).expect_err("out of range").kind(), ErrorKind::Invalid);
}

#[test]
fn films_of_the_samples_are_told_apart() {
    let test = "liveness of films";
    let Some(pack) = packs::pack(test, "yunet_640", "espdl_mbf") else { return };
    let Some((folder, models)) = data::folder(test).zip(liveness::models(test, false)) else { return };
    // One of the samples is too blurred to be encoded otherwise.
    let rules = PhotoRules::default().with_quality(QualityLimits::off());
    let engine = liveness::engine(pack.path(), models.path()).with_rules(rules);
    let photo = |name: &str| data::read(&folder, &format!("faces/liveness/{name}"));
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    let known =
        vault.create_person(&NewPerson { images: vec![photo("image_T1.jpg").into()], ..NewPerson::named("Somebody") });
    let known = known.expect("a person").id;
    // The pack has no table.
    let similarity = OperatingPoint::similarity(0.3).expect("finite");
    let options = required().with_min_face(100.0).with_operating_point(similarity);
    for name in ["image_T1.jpg", "image_F1.jpg", "image_F2.jpg", "rgb_fake.jpg"] {
        let picture = engine.decode(&photo(name)).expect("a picture");
        let mut watcher = Watcher::new(&vault, options.clone()).expect("a watcher");
        let mut events = Vec::new();
        for frame in 0..8 {
            events.extend(watcher.push_picture(&picture, Duration::from_millis(100) * frame).expect("a frame"));
        }
        events.extend(watcher.finish().expect("the end"));
        let last = events.iter().filter_map(|event| match event {
            Event::Left { answer, .. } => Some(answer),
            _ => None,
        });
        let last: Vec<&Answer> = last.collect();
        match name {
            "image_T1.jpg" => assert!(last.iter().any(|answer| answer.person() == Some(&known)), "{last:?}"),
            _ => assert!(!last.is_empty() && last.iter().all(|answer| is_attack(answer)), "{name}: {last:?}"),
        }
    }
}
