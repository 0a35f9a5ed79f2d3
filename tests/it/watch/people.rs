//! Watching films of real faces with the default pack. A few scenes here; FACEVAULT_VISITS=all plays 200 visits of
//! people who are known, 200 of strangers and 50 crossings, which takes minutes:
//! `FACEVAULT_VISITS=all cargo test --release --test it -- --nocapture watch::people`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use facevault::vision::FacePolicy;
use facevault::{
    Answer, DuplicatePolicy, Engine, EngineOptions, Event, NewPerson, PersonId, PhotoRules, Vault, VaultOptions,
    WatchOptions, Watcher,
};

use super::film::{ACTS, Act, DAY, Head, Pose, RATE, SIZE, frame, time};
use super::stage::{assert_in_order, told};
use crate::data;

/// A person and the photos.
struct Somebody {
    id: PersonId,
    photos: Vec<PathBuf>,
}

fn is_long() -> bool {
    std::env::var_os("FACEVAULT_VISITS").is_some_and(|value| value == "all")
}

/// The people of a folder of LFW, those with most photos first.
fn people(test: &str) -> Option<Vec<Somebody>> {
    let folder = data::folder(test)?.join("faces/lfw-dev");
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.retain(|path| path.is_dir());
    names.sort();
    let read = |(number, folder): (usize, PathBuf)| Somebody {
        id: PersonId::new(format!("p{number}")).expect("an id"),
        photos: data::files_below(&folder),
    };
    let mut people: Vec<Somebody> = names.into_iter().enumerate().map(read).collect();
    people.sort_by_key(|person| std::cmp::Reverse(person.photos.len()));
    Some(people)
}

/// A vault that knows the first photo of each of these people.
fn vault(engine: &Engine, people: &[Somebody]) -> Vault {
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    let new = |person: &Somebody| NewPerson {
        id: Some(person.id.clone()),
        images: vec![std::fs::read(&person.photos[0]).expect("a photo").into()],
        ..NewPerson::named("Somebody")
    };
    let all: Vec<NewPerson> = people.iter().map(new).collect();
    for outcome in vault.create_persons(&all, &DuplicatePolicy::default(), &mut ()).expect("created") {
        outcome.expect("every photo of LFW is taken");
    }
    vault
}

fn engine(test: &str) -> Option<Engine> {
    match Engine::open(&EngineOptions::default()) {
        Ok(engine) => Some(engine),
        Err(error) => {
            data::skip(test, &error.to_string());
            None
        }
    }
}

/// What became of the visits of a film: by the head that each one showed, all last answers.
type Outcome = BTreeMap<usize, Vec<Option<PersonId>>>;

/// Plays a film and says what became of the people in it. A visit is of the head that is nearest to its box when it
/// appears.
fn watch(vault: &Vault, frames: u32, film: impl Fn(u32) -> (Vec<Pose>, image::RgbImage)) -> (Outcome, Vec<Event>) {
    let mut watcher = Watcher::new(vault, WatchOptions::default()).expect("a watcher");
    let mut events = Vec::new();
    let mut heads: BTreeMap<u64, usize> = BTreeMap::new();
    for number in 0..frames {
        let (poses, picture) = film(number);
        for event in watcher.push_picture(&picture, time(number)).expect("a frame") {
            if let Event::Appeared { visit, bounds, .. } = &event {
                let away = |pose: &&Pose| (pose.x - bounds.center().x).hypot(pose.y - bounds.center().y);
                let nearest = poses.iter().min_by(|a, b| away(a).total_cmp(&away(b))).expect("somebody is there");
                heads.insert(*visit, nearest.head);
            }
            events.push(event);
        }
    }
    events.extend(watcher.finish().expect("the end"));
    assert_in_order(&events, true);
    let mut outcome = Outcome::new();
    for event in &events {
        if let Event::Left { visit, answer, .. } = event {
            let person = match answer {
                Answer::Recognized(recognition) => Some(recognition.person.clone()),
                _ => None,
            };
            outcome.entry(heads[visit]).or_default().push(person);
        }
    }
    (outcome, events)
}

/// Two people at once, each with an action of their own. Both have the light that the first one asks for.
fn pair(vault: &Vault, heads: &[Head], acts: [Act; 2], seed: u32) -> (Outcome, Vec<Event>) {
    watch(vault, Act::FRAMES, |number| {
        let pose = |place: usize| acts[place].pose(place, number, place == 1);
        let poses: Vec<Pose> = (0..heads.len()).filter_map(pose).collect();
        let pillars: Vec<(f32, f32)> = (0..2).filter_map(|place| acts[place].pillar(place == 1)).collect();
        let picture = frame(heads, &poses, acts[0].light(number), &pillars, seed + number);
        (poses, picture)
    })
}

/// Two people who cross each other: how fast, at which height, who is in front, whether they turn back.
fn crossing(vault: &Vault, heads: &[Head], seed: u32) -> (Outcome, Vec<Event>) {
    let chance = |what: u32, of: u32| (seed.wrapping_mul(2_654_435_761).rotate_left(what * 7) >> 8) % of;
    let frames = 5 * RATE;
    let (turns, front) = (chance(1, 3) == 0, chance(2, 2) as usize);
    let (meet, stays) = (1.6 + chance(3, 8) as f32 / 10.0, chance(4, 8) as f32 / 10.0);
    watch(vault, frames, |number| {
        let seconds = number as f32 / RATE as f32;
        // From -1 to 0 at the moment when they meet, and then on or back.
        let on = ((seconds - meet - stays).max(0.0) / meet).min(1.0);
        let along = (seconds / meet - 1.0).min(0.0) + if turns { -on } else { on };
        let pose = |head: usize| {
            let side = if head == 0 { 1.0 } else { -1.0 };
            Pose {
                head,
                x: SIZE.0 as f32 / 2.0 + side * along * 220.0,
                y: 220.0 + chance(5 + head as u32, 24) as f32,
                size: 100.0 + if head == front { 14.0 } else { 0.0 },
                turned: 0.0,
            }
        };
        let poses: Vec<Pose> = [1 - front, front].into_iter().map(pose).collect();
        let picture = frame(heads, &poses, DAY, &[], seed * 1_000 + number);
        (poses, picture)
    })
}

#[test]
fn a_few_films_of_real_faces() {
    let test = "watch::people";
    let Some((people, engine)) = people(test).zip(engine(test)) else { return };
    let known = &people[..12];
    let vault = vault(&engine, known);
    // A known person by another photo, and a stranger.
    let heads = [Head::read(&known[0].photos[1]), Head::read(&people[400].photos[0])];
    let (outcome, events) = pair(&vault, &heads, [Act::Hide, Act::Turn], 1);
    assert_eq!(outcome[&0], [Some(known[0].id.clone())], "{:?}", told(&events));
    assert_eq!(outcome[&1], [None], "{:?}", told(&events));
    let heads = [Head::read(&known[1].photos[1]), Head::read(&known[2].photos[1])];
    let (outcome, events) = crossing(&vault, &heads, 3);
    for (head, answers) in &outcome {
        assert_eq!(*answers, [Some(known[1 + head].id.clone())], "{:?}", told(&events));
    }
    assert_eq!(outcome.len(), 2);
}

/// A line of the long form's result.
fn share(what: &str, count: usize, of: usize) -> f64 {
    let share = 100.0 * count as f64 / of as f64;
    println!("{what}: {count} of {of} ({share:.1} %)");
    share
}

#[test]
fn two_hundred_visits_two_hundred_strangers_and_fifty_crossings() {
    let test = "watch::people, long";
    if !is_long() {
        return eprintln!("skipped: {test}: FACEVAULT_VISITS=all plays them");
    }
    let Some((mut people, engine)) = people(test).zip(engine(test)) else { return };
    let engine = engine.with_rules(PhotoRules::default().with_face(FacePolicy::Central));
    // Two hundred whose first photo can be enrolled, and others.
    let enrolls = |person: &Somebody| engine.encode(&std::fs::read(&person.photos[0]).expect("a photo")).is_ok();
    let mut count = 0;
    people.retain(|person| {
        let stays = count >= 200 || enrolls(person);
        count += usize::from(stays);
        stays
    });
    // Visits by photos other than the enrolled one, as far as there are any, then by the same photo in another light.
    let (known, strangers) = people.split_at(200);
    let others =
        known.iter().enumerate().flat_map(|(who, person)| person.photos[1..].iter().map(move |photo| (who, photo)));
    let others: Vec<(usize, &PathBuf)> = others.collect();
    let by_other = others.len();
    let same = known.iter().enumerate().rev().map(|(who, person)| (who, &person.photos[0])).take(200 - by_other);
    let visits: Vec<(usize, &PathBuf)> = others.into_iter().chain(same).collect();
    let vault = vault(&engine, known);
    let acts = |number: usize| [ACTS[number % 6], ACTS[(number / 6 + number + 1) % 6]];

    let (mut right, mut right_by_other, mut wrong, mut several) = (0, 0, 0, 0);
    for (number, both) in visits.chunks(2).enumerate() {
        let heads: Vec<Head> = both.iter().map(|(_, photo)| Head::read(photo)).collect();
        let (outcome, events) = pair(&vault, &heads, acts(number), 1_000 * number as u32);
        for (place, (who, _)) in both.iter().enumerate() {
            let answers = outcome.get(&place).cloned().unwrap_or_default();
            several += usize::from(answers.len() != 1);
            let is_right = answers.iter().all(|answer| answer.as_ref() == Some(&known[*who].id)) && answers.len() == 1;
            right += usize::from(is_right);
            right_by_other += usize::from(is_right && 2 * number + place < by_other);
            wrong += answers.iter().flatten().filter(|answer| **answer != known[*who].id).count();
            if !is_right {
                println!("visit {}: {:?}, place {place}: {:?}", 2 * number + place, acts(number), told(&events));
            }
        }
    }
    let recognized = share("recognized with the right name", right, visits.len());
    share("of these, by another photo than the enrolled one", right_by_other, by_other);
    share("recognized as somebody else", wrong, visits.len());
    share("visits without exactly one decision", several, visits.len());

    let (mut named, mut unknown_several) = (0, 0);
    for (number, both) in strangers[..200].chunks(2).enumerate() {
        let heads: Vec<Head> = both.iter().map(|person| Head::read(&person.photos[0])).collect();
        let (outcome, events) = pair(&vault, &heads, acts(number), 1_000 * number as u32);
        let is_named = |answers: &Vec<Option<PersonId>>| answers.iter().any(Option::is_some);
        named += outcome.values().filter(|answers| is_named(answers)).count();
        unknown_several += (0..2).filter(|place| outcome.get(place).map_or(0, Vec::len) != 1).count();
        if outcome.values().any(|answers| answers.len() != 1 || answers[0].is_some()) {
            println!("strangers {number}: {:?}: {:?}", acts(number), told(&events));
        }
    }
    let named = share("strangers with a name", named, 200);
    share("strangers without exactly one decision", unknown_several, 200);

    let mut swapped = 0;
    for scene in 0..50 {
        // People who are recognised by their enrolled photo: what is tried is who is who.
        let who = [100 + 2 * scene, 101 + 2 * scene];
        let heads = who.map(|who| Head::read(&known[who].photos[0]));
        let (outcome, events) = crossing(&vault, &heads, scene as u32);
        let right =
            |head: usize| outcome.get(&head).is_some_and(|answers| *answers == [Some(known[who[head]].id.clone())]);
        if !(right(0) && right(1)) {
            swapped += 1;
            println!("crossing {scene}: {:?}", told(&events));
        }
    }
    share("crossings without two right visits", swapped, 50);
    assert!(recognized >= 97.0 && named <= 1.0 && swapped == 0 && several == 0 && unknown_several == 0);
}
