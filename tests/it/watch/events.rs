//! What is said of a visit, and when.

use std::time::Duration;

use facevault::geometry::Rect;
use facevault::{
    Answer, AuditPolicy, AuditQuery, AuditScope, ErrorKind, Event, Frame, OperatingPoint, PixelFormat, RefusalCode,
    UnknownReason, VaultOptions, WatchOptions, Watcher,
};

use super::stage::{Actor, PACE, events_of, person, picture, play, told, vault};

/// The time of the first event of this kind.
fn when(events: &[Event], what: &str) -> Duration {
    let at = (1..=events.len()).find(|end| told(&events[..*end]).iter().any(|told| told == what));
    events[at.unwrap_or_else(|| panic!("{what}: {:?}", told(events))) - 1].time()
}

#[test]
fn whoever_is_known_is_recognized_at_once_and_a_stranger_is_unknown_after_some_time() {
    let events =
        events_of(&[1, 2, 3], WatchOptions::default(), 100, |_| vec![Actor::new(2, 20.0), Actor::new(9, 200.0)]);
    assert_eq!(told(&events), ["1 appeared", "2 appeared", "1 p2", "2 unknown", "1 left as p2", "2 left as unknown"]);
    // A face is a track with its second frame; the first shots are taken then.
    assert_eq!(when(&events, "1 p2"), PACE);
    assert_eq!(when(&events, "2 unknown"), PACE + Duration::from_secs(2));
    // What is known of the first visit when time is up stays.
    let (confirmed, events): (Vec<Event>, Vec<Event>) =
        events.into_iter().partition(|event| matches!(event, Event::Updated { .. }));
    let [Event::Updated { visit: 1, time, is_final: true, answer, .. }] = &confirmed[..] else {
        panic!("{confirmed:?}")
    };
    assert!(*time <= PACE + Duration::from_secs(2) && answer.person() == Some(&person(2)));
    let Event::Recognized { recognition, shot, is_final, .. } = &events[2] else { panic!("{events:?}") };
    assert!(!is_final && recognition.shots == 1 && shot.time == PACE);
    assert!(recognition.similarity.get() > 0.9 && recognition.margin.is_some_and(|margin| margin > 0.3));
    assert_eq!(recognition.threshold.people_searched, 3);
    assert_eq!(shot.face.bounds, Rect { x: 20.0, y: 80.0, width: 80.0, height: 80.0 });
    let Event::Unknown { reason: UnknownReason::NobodySimilar { similarity: Some(similarity), threshold, .. }, .. } =
        &events[3]
    else {
        panic!("{events:?}")
    };
    assert!(*similarity < threshold.similarity);
    // The answer of a third look, which is the last, confirms the first.
    let Event::Left { answer: Answer::Recognized(last), .. } = &events[4] else { panic!("{events:?}") };
    assert!(last.shots > 1, "{last:?}");
}

#[test]
fn each_look_is_surer_than_the_visit() {
    let asked = OperatingPoint::fpir(0.03).expect("a rate");
    let options = WatchOptions::default().with_operating_point(asked).with_looks(3);
    let events = events_of(&[1, 2], options, 20, |_| vec![Actor::new(1, 20.0)]);
    let Event::Recognized { recognition, .. } = &events[1] else { panic!("{events:?}") };
    let OperatingPoint::Fpir(rate) = recognition.threshold.asked else { panic!("{recognition:?}") };
    assert!((1.0 - (1.0 - rate.get()).powi(3) - 0.03).abs() < 1e-12);
}

#[test]
fn whoever_shows_no_face_is_not_recognizable_until_there_is_a_good_shot() {
    let film = |turned: u32| move |frame: u32| vec![Actor { is_turned: frame < turned, ..Actor::new(1, 100.0) }];
    let events = events_of(&[1], WatchOptions::default(), 100, film(80));
    assert_eq!(told(&events), ["1 appeared", "1 unknown", "1 now p1", "1 left as p1"]);
    let Event::Unknown { reason: UnknownReason::NotRecognizable { refusal, .. }, shot: None, is_final: false, .. } =
        &events[1]
    else {
        panic!("{events:?}")
    };
    assert_eq!(refusal.as_ref().map(|refusal| refusal.code), Some(RefusalCode::FaceRotationTooLarge));
    let events = events_of(&[1], WatchOptions::default(), 20, film(20));
    assert_eq!(told(&events), ["1 appeared", "1 unknown", "1 left as unknown"]);
    assert!(matches!(events[1], Event::Unknown { is_final: true, .. }));
}

#[test]
fn whoever_comes_nearer_is_recognized_by_the_better_shots() {
    // Far away the vector is hardly that of the person.
    let film = |frame: u32| {
        let (noise, side) = if frame < 30 { (100, 48) } else { (5, 100) };
        vec![Actor { noise, side, x: 100.0, ..Actor::new(1, 0.0) }]
    };
    let similarity = OperatingPoint::similarity(0.7).expect("finite");
    let options = WatchOptions::default().with_operating_point(similarity).with_shots(1).with_min_face(40.0);
    let events = events_of(&[1, 2, 3], options, 80, film);
    assert_eq!(told(&events), ["1 appeared", "1 p1", "1 left as p1"]);
    assert!(when(&events, "1 p1") > PACE * 30);
}

#[test]
fn a_better_shot_changes_the_answer_until_it_is_final() {
    // A face that looks like somebody else's in a poor light, and then like itself: within what shots of one face may
    // differ by, since random vectors of one seed share nothing.
    let id = |frame: u32| if frame < 4 { 1 } else { 2 };
    let film = |frame: u32| vec![Actor { side: if frame < 4 { 60 } else { 96 }, ..Actor::new(id(frame), 100.0) }];
    let similarity = OperatingPoint::similarity(-1.0).expect("finite");
    let options = WatchOptions::default().with_operating_point(similarity).with_shots(1);
    let events = {
        // Without a table any two shots may be of one face.
        let vault = super::stage::vault_without_table(&[1, 2]);
        play(&mut Watcher::new(&vault, options).expect("a watcher"), PACE, 60, film)
    };
    assert_eq!(told(&events), ["1 appeared", "1 p1", "1 now p2", "1 left as p2"]);
}

#[test]
fn two_visits_of_one_person_are_two_unless_the_second_is_within_the_cool_down() {
    // In view for a second, away for three, in view again.
    let film = |frame: u32| if (25..100).contains(&frame) { vec![] } else { vec![Actor::new(1, 100.0)] };
    let twice = events_of(&[1], WatchOptions::default(), 125, film);
    assert_eq!(told(&twice), ["1 appeared", "1 p1", "1 left as p1", "2 appeared", "2 p1", "2 left as p1"]);
    let vault = vault(&[1]);
    let mut watcher =
        Watcher::new(&vault, WatchOptions::default().with_cool_down(Duration::from_secs(30))).expect("a watcher");
    let mut events = Vec::new();
    for frame in 0..125 {
        events.extend(watcher.push_picture(&picture(&film(frame)), PACE * frame).expect("a frame"));
    }
    assert_eq!(watcher.visits()[0].answer, None);
    events.extend(watcher.finish().expect("the end"));
    super::stage::assert_in_order(&events, false);
    assert_eq!(told(&events), ["1 appeared", "1 p1", "1 left as p1", "2 appeared", "2 left as p1"]);
}

#[test]
fn a_face_that_is_not_itself_for_a_moment_is_no_second_visit() {
    // Half hidden, say: a few frames in a row give a vector that is nobody's.
    let film = |frame: u32| {
        let id = if (60..66).contains(&frame) { 9 } else { 1 };
        vec![Actor::new(id, 20.0)]
    };
    let events = events_of(&[1, 2], WatchOptions::default(), 120, film);
    assert_eq!(told(&events), ["1 appeared", "1 p1", "1 left as p1"]);
    // Somebody else who stays is one.
    let film = |frame: u32| vec![Actor::new(if frame < 60 { 1 } else { 2 }, 20.0)];
    let events = events_of(&[1, 2], WatchOptions::default(), 160, film);
    assert_eq!(told(&events), ["1 appeared", "1 p1", "2 appeared", "2 p2", "1 left as p1", "2 left as p2"]);
}

#[test]
fn a_cool_down_keeps_no_correction_back() {
    // The second visit looks like person 1 first, and then like person 2, who was here a moment ago.
    let film = |frame: u32| match frame {
        0..25 => vec![Actor::new(2, 100.0)],
        25..100 => vec![],
        100..104 => vec![Actor { side: 60, ..Actor::new(1, 100.0) }],
        _ => vec![Actor { side: 96, ..Actor::new(2, 100.0) }],
    };
    let similarity = OperatingPoint::similarity(-1.0).expect("finite");
    let options = WatchOptions::default().with_operating_point(similarity).with_shots(1);
    let vault = super::stage::vault_without_table(&[1, 2]);
    let options = options.with_cool_down(Duration::from_secs(30));
    let events = play(&mut Watcher::new(&vault, options).expect("a watcher"), PACE, 160, film);
    assert_eq!(told(&events)[3..], ["2 appeared", "2 p1", "2 now p2", "2 left as p2"]);
}

#[test]
fn only_faces_in_the_region_and_of_some_size_count() {
    let region = Rect { x: 160.0, y: 0.0, width: 160.0, height: 240.0 };
    let film = |_| vec![Actor::new(1, 20.0), Actor::new(2, 200.0), Actor { side: 40, y: 0.0, ..Actor::new(3, 200.0) }];
    let events = events_of(&[1, 2, 3], WatchOptions::default().with_region(region), 20, film);
    assert_eq!(told(&events), ["1 appeared", "1 p2", "1 left as p2"]);
    let Event::Appeared { bounds, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!((bounds.x, bounds.width), (200.0, 80.0), "in pixels of the whole picture");
    let all = WatchOptions::default().with_min_face(30.0);
    assert_eq!(
        events_of(&[1, 2, 3], all, 20, film).iter().filter(|e| matches!(e, Event::Recognized { .. })).count(),
        3
    );
    let beside = WatchOptions::default().with_region(Rect { x: 400.0, ..region });
    assert_eq!(events_of(&[1, 2, 3], beside, 20, film), []);
    let one = WatchOptions::default().with_max_faces(1);
    assert_eq!(told(&events_of(&[1, 2, 3], one, 20, film)).len(), 3);
}

#[test]
fn frames_that_come_too_early_are_dropped() {
    let vault = vault(&[1]);
    let mut watcher = Watcher::new(&vault, WatchOptions::default()).expect("a watcher");
    let shown = picture(&[Actor::new(1, 100.0)]);
    let mut events = Vec::new();
    for frame in 0..10u32 {
        let time = PACE * frame;
        assert_eq!(watcher.wants(time), frame % 3 == 0);
        events.extend(watcher.push_picture(&shown, time).expect("a frame"));
        // Only the frame that was looked at has taken any time.
        if frame % 3 == 0 {
            watcher.busy_for(PACE * 5 / 2);
        }
    }
    assert_eq!(told(&events), ["1 appeared", "1 p1"]);
    assert_eq!((watcher.counts().frames, watcher.counts().dropped), (10, 6));
    let error = watcher.push_picture(&shown, PACE).expect_err("time does not go back");
    assert_eq!((error.kind(), error.violations()[0].field.as_str()), (ErrorKind::Invalid, "time"));
    watcher.push_picture(&shown, PACE * 12).expect("and goes on");
}

#[test]
fn a_frame_is_watched_as_its_picture_is() {
    let vault = vault(&[1]);
    let film = |frame: u32| picture(&[Actor::new(1, 4.0 * frame as f32)]);
    let mut by_picture = Watcher::new(&vault, WatchOptions::default()).expect("a watcher");
    let mut by_frame = Watcher::new(&vault, WatchOptions::default()).expect("a watcher");
    for number in 0..10 {
        let (shown, time) = (film(number), PACE * number);
        let mirrored = image::imageops::flip_horizontal(&shown);
        let frame = Frame::new(PixelFormat::Rgb8, shown.width(), shown.height(), &mirrored).expect("a frame");
        let events = by_frame.push(&frame.with_mirrored(true).with_time(time)).expect("a frame");
        assert_eq!(events, by_picture.push_picture(&shown, time).expect("a frame"));
    }
    let damaged = Frame::new(PixelFormat::Mjpeg, 320, 240, b"no JPEG").expect("any bytes");
    let error = by_frame.push(&damaged.with_time(PACE * 10)).expect_err("no picture");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let early = by_frame.push(&damaged.with_time(PACE * 10)).expect("a frame that is dropped is not decoded");
    assert_eq!(early, []);
    assert_eq!(told(&by_frame.finish().expect("the end")), ["1 left as p1"]);
}

#[test]
fn a_person_who_is_added_meanwhile_is_found_by_the_next_look() {
    let vault = vault(&[1]);
    let mut watcher = Watcher::new(&vault, WatchOptions::default()).expect("a watcher");
    let mut events = Vec::new();
    for frame in 0..40u32 {
        if frame == 30 {
            let new = facevault::NewPerson {
                id: Some(person(2)),
                images: vec![super::stage::photo(2)],
                ..facevault::NewPerson::named("Somebody")
            };
            vault.create_person(&new).expect("a person");
        }
        let side = if frame < 30 { 60 } else { 90 };
        let actor = Actor { side, ..Actor::new(2, 100.0) };
        events.extend(watcher.push_picture(&picture(&[actor]), PACE * frame).expect("a frame"));
    }
    events.extend(watcher.finish().expect("the end"));
    assert_eq!(told(&events), ["1 appeared", "1 p2", "1 left as p2"]);
}

#[test]
fn an_answer_has_its_entry_in_the_audit_trail_or_is_not_given() {
    let vault = vault(&[1]);
    vault.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All)).expect("a policy");
    let mut watcher = Watcher::new(&vault, WatchOptions::default()).expect("a watcher");
    let film = |_| vec![Actor::new(1, 20.0), Actor::new(9, 200.0)];
    play(&mut watcher, PACE, 100, film);
    vault.audit_flush().expect("written");
    let page = vault.audit(&AuditQuery::default().with_kinds(vec!["identified".into()])).expect("a page");
    assert_eq!(page.entries.len(), 2, "one entry a visit");
}

#[test]
fn what_cannot_be_watched_is_refused_at_once() {
    let known = vault(&[1]);
    let refused = |options| Watcher::new(&known, options).expect_err("refused");
    let unknown = refused(WatchOptions::default().with_collections(vec!["nowhere".into()]));
    assert_eq!(unknown.kind(), ErrorKind::Invalid);
    let rate = OperatingPoint::fpir(1e-12).expect("a rate");
    assert_eq!(refused(WatchOptions::default().with_operating_point(rate)).violations()[0].field, "fpir");
    assert_eq!(refused(WatchOptions::default().with_looks(99)).violations()[0].field, "looks");
    let blind = facevault::Vault::in_memory(VaultOptions::default()).expect("a vault");
    let error = Watcher::new(&blind, WatchOptions::default()).expect_err("no engine");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
}
