//! Watching films of real faces with the default pack: a few scenes. Those of `visits` are played here too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use facevault::{
    Answer, DuplicatePolicy, Engine, EngineOptions, Event, NewPerson, PersonId, Vault, VaultOptions, WatchOptions,
    Watcher,
};
use image::RgbImage;

use super::film::{Act, DAY, Head, Pose, RATE, SIZE, frame, time};
use super::h264;
use super::stage::{assert_in_order, told};
use crate::data;

/// A person and the photos.
pub(super) struct Somebody {
    pub(super) id: PersonId,
    pub(super) photos: Vec<Photo>,
}

/// A photo of one face.
pub(super) enum Photo {
    File(PathBuf),
    /// Cut out of another one.
    Made(Vec<u8>),
}

impl Photo {
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::File(path) => std::fs::read(path).expect("a photo").into(),
            Self::Made(bytes) => bytes.into(),
        }
    }

    pub(super) fn head(&self) -> Head {
        Head::decode(&self.bytes())
    }
}

/// The people of a folder of LFW, those with most photos first.
pub(super) fn people(test: &str) -> Option<Vec<Somebody>> {
    let folder = data::folder(test)?.join("faces/lfw-dev");
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.retain(|path| path.is_dir());
    names.sort();
    let read = |(number, folder): (usize, PathBuf)| Somebody {
        id: PersonId::new(format!("p{number}")).expect("an id"),
        photos: data::files_below(&folder).into_iter().map(Photo::File).collect(),
    };
    let mut people: Vec<Somebody> = names.into_iter().enumerate().map(read).collect();
    people.sort_by_key(|person| std::cmp::Reverse(person.photos.len()));
    Some(people)
}

/// A vault that knows the first photo of each of these people.
pub(super) fn vault<'a>(engine: &Engine, people: impl IntoIterator<Item = &'a Somebody>) -> Vault {
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    let new = |person: &Somebody| NewPerson {
        id: Some(person.id.clone()),
        images: vec![person.photos[0].bytes().into_owned().into()],
        ..NewPerson::named("Somebody")
    };
    let all: Vec<NewPerson> = people.into_iter().map(new).collect();
    for outcome in vault.create_persons(&all, &DuplicatePolicy::default(), &mut ()).expect("created") {
        outcome.expect("every photo is taken");
    }
    vault
}

pub(super) fn engine(test: &str) -> Option<Engine> {
    match Engine::open(&EngineOptions::default()) {
        Ok(engine) => Some(engine),
        Err(error) => {
            data::skip(test, &error.to_string());
            None
        }
    }
}

/// What became of the visits of a film.
pub(super) struct Outcome {
    /// By the head that each visit showed, all last answers.
    pub(super) answers: BTreeMap<usize, Vec<Option<PersonId>>>,
    /// How many visits showed one head for half a second and another one for half a second.
    pub(super) swapped: usize,
    pub(super) events: Vec<Event>,
}

impl Outcome {
    /// Whether the visits of this head were one, with this answer.
    pub(super) fn is(&self, head: usize, answer: Option<&PersonId>) -> bool {
        matches!(self.answers.get(&head).map(Vec::as_slice), Some([only]) if only.as_ref() == answer)
    }

    pub(super) fn told(&self) -> Vec<String> {
        told(&self.events)
    }
}

/// Plays a film and says what became of the people in it. A visit is of the head that it showed most, frame by frame;
/// where heads are so near to each other that a box may be of either, a frame does not count.
fn watch(vault: &Vault, frames: u32, film: impl Fn(u32) -> (Vec<Pose>, RgbImage)) -> Outcome {
    let mut watcher = Watcher::new(vault, WatchOptions::default()).expect("a watcher");
    let mut events = Vec::new();
    let mut shown: BTreeMap<u64, BTreeMap<usize, u32>> = BTreeMap::new();
    let mut seen = |watcher: &Watcher, new: Vec<Event>, poses: &[Pose]| {
        events.extend(new);
        for visit in watcher.visits().iter().filter(|visit| visit.is_seen) {
            let middle = visit.bounds.center();
            let away = |pose: &Pose| (pose.x - middle.x).hypot(pose.y - middle.y) / pose.size;
            let mut near: Vec<(f32, usize)> = poses.iter().map(|pose| (away(pose), pose.head)).collect();
            near.sort_by(|one, other| one.0.total_cmp(&other.0));
            let is_clear = near.get(1).is_none_or(|(away, _)| *away > 1.0);
            if let Some((_, head)) = near.first().filter(|(away, _)| is_clear && *away < 0.5) {
                *shown.entry(visit.visit).or_default().entry(*head).or_default() += 1;
            }
        }
    };
    match h264::is_asked() {
        true => h264::through_ffmpeg((0..frames).map(|number| film(number).1), |number, frame| {
            let new = watcher.push(&frame).expect("a frame");
            seen(&watcher, new, &film(number).0);
        }),
        false => (0..frames).for_each(|number| {
            let (poses, picture) = film(number);
            let new = watcher.push_picture(&picture, time(number)).expect("a frame");
            seen(&watcher, new, &poses);
        }),
    }
    events.extend(watcher.finish().expect("the end"));
    assert_in_order(&events, true);
    let mut answers: BTreeMap<usize, Vec<Option<PersonId>>> = BTreeMap::new();
    for event in &events {
        if let Event::Left { visit, answer, .. } = event {
            let person = match answer {
                Answer::Recognized(recognition) => Some(recognition.person.clone()),
                _ => None,
            };
            let most = shown.get(visit).and_then(|heads| heads.iter().max_by_key(|(_, frames)| **frames));
            // A visit of no head is one too many.
            answers.entry(most.map_or(usize::MAX, |(head, _)| *head)).or_default().push(person);
        }
    }
    let is_both = |heads: &&BTreeMap<usize, u32>| heads.values().filter(|frames| **frames >= RATE / 2).count() > 1;
    Outcome { answers, swapped: shown.values().filter(is_both).count(), events }
}

/// Two people at once, each with an action of their own. Both have the light that the first one asks for.
pub(super) fn pair(vault: &Vault, heads: &[Head], acts: [Act; 2], seed: u32) -> Outcome {
    watch(vault, Act::FRAMES, |number| {
        let pose = |place: usize| acts[place].pose(place, number, place == 1);
        let poses: Vec<Pose> = (0..heads.len()).filter_map(pose).collect();
        let pillars: Vec<(f32, f32)> = (0..2).filter_map(|place| acts[place].pillar(place == 1)).collect();
        let picture = frame(heads, &poses, acts[0].light(number), &pillars, seed + number);
        (poses, picture)
    })
}

/// Two people who cross each other: how fast, at which height, who is in front, whether they turn back.
pub(super) fn crossing(vault: &Vault, heads: &[Head], seed: u32) -> Outcome {
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
    if h264::is_asked() && !data::has_ffmpeg(test) {
        return;
    }
    let known = &people[..12];
    let vault = vault(&engine, known);
    // A known person by another photo, and a stranger.
    let heads = [known[0].photos[1].head(), people[400].photos[0].head()];
    let outcome = pair(&vault, &heads, [Act::Hide, Act::Turn], 1);
    assert!(outcome.is(0, Some(&known[0].id)) && outcome.is(1, None), "{:?}", outcome.told());
    let heads = [known[1].photos[1].head(), known[2].photos[1].head()];
    let outcome = crossing(&vault, &heads, 3);
    assert!(outcome.is(0, Some(&known[1].id)) && outcome.is(1, Some(&known[2].id)), "{:?}", outcome.told());
    assert_eq!((outcome.answers.len(), outcome.swapped), (2, 0), "{:?}", outcome.told());
}
