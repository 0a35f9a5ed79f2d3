//! Watching a camera with the default pack: how many frames a second can be looked at, at 640 x 480 and at 1280 x 720
//! with three known faces in view, and how long it takes from the first good frame to the answer.
//!
//! Needs the test data and the pack. Frames are made beforehand, so that only the watcher's work is measured.

#[path = "../tests/it/watch/film.rs"]
#[allow(dead_code)]
mod film;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use facevault::{DuplicatePolicy, Engine, EngineOptions, Event, NewPerson, Vault, VaultOptions, WatchOptions, Watcher};
use film::{DAY, Head, Pose, frame};
use image::RgbImage;
use image::imageops::{FilterType, resize};

/// People who are known.
const KNOWN: usize = 100;
/// Frames of a film, and how many times it is played.
const FRAMES: u32 = 60;
const ROUNDS: usize = 5;

fn photos() -> Option<Vec<PathBuf>> {
    let named = std::env::var_os("FACEVAULT_TEST_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let mut people: Vec<PathBuf> =
        std::fs::read_dir(folder.join("faces/lfw-dev")).ok()?.flatten().map(|entry| entry.path()).collect();
    people.retain(|path| path.is_dir());
    people.sort();
    let first = |folder: &PathBuf| Some(std::fs::read_dir(folder).ok()?.flatten().next()?.path());
    Some(people.iter().take(KNOWN).filter_map(first).collect())
}

/// Three people who sway a little.
fn film_of(heads: &[Head], size: (u32, u32)) -> Vec<RgbImage> {
    let pose = |head: usize, number: u32| Pose {
        head,
        x: 110.0 + 210.0 * head as f32 + 6.0 * (number as f32 / 7.0 + head as f32).sin(),
        y: 220.0 + 30.0 * head as f32,
        size: 90.0,
        turned: 0.0,
    };
    let one = |number: u32| {
        let poses: Vec<Pose> = (0..3).map(|head| pose(head, number)).collect();
        frame(heads, &poses, DAY, &[], number)
    };
    let fit = |picture: RgbImage| match picture.dimensions() == size {
        true => picture,
        false => resize(&picture, size.0, size.1, FilterType::Triangle),
    };
    (0..FRAMES).map(one).map(fit).collect()
}

/// Plays a film as fast as can be: frames a second, and the times from the first frame to each answer.
fn play(vault: &Vault, frames: &[RgbImage], options: &WatchOptions) -> (f64, Vec<Duration>) {
    let mut watcher = Watcher::new(vault, options.clone()).expect("a watcher");
    let (start, mut answers) = (Instant::now(), Vec::new());
    for (number, picture) in frames.iter().enumerate() {
        // The times of a camera with 30 frames a second.
        let time = Duration::from_secs(1) * number as u32 / 30;
        for event in watcher.push_picture(picture, time).expect("a frame") {
            if let Event::Recognized { .. } = event {
                answers.push(start.elapsed().max(time));
            }
        }
    }
    (frames.len() as f64 / start.elapsed().as_secs_f64(), answers)
}

fn main() {
    let Some(photos) = photos() else { return eprintln!("left out: no test data") };
    let engine = match Engine::open(&EngineOptions::default()) {
        Ok(engine) => engine,
        Err(error) => return eprintln!("left out: {error}"),
    };
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine)).expect("a vault");
    let new = |photo: &PathBuf| NewPerson {
        images: vec![std::fs::read(photo).expect("a photo").into()],
        ..NewPerson::named("Somebody")
    };
    let people: Vec<NewPerson> = photos.iter().map(new).collect();
    for outcome in vault.create_persons(&people, &DuplicatePolicy::default(), &mut ()).expect("created") {
        outcome.expect("every photo is taken");
    }
    let heads: Vec<Head> = photos.iter().take(3).map(|photo| Head::read(photo)).collect();
    for (size, min_face) in [((640, 480), 60.0), ((1280, 720), 60.0), ((1280, 720), 100.0)] {
        let frames = film_of(&heads, size);
        let options = WatchOptions::default().with_min_face(min_face);
        let mut rates = Vec::new();
        let mut answers = Vec::new();
        for _ in 0..ROUNDS {
            let (rate, found) = play(&vault, &frames, &options);
            rates.push(rate);
            answers.extend(found);
        }
        rates.sort_by(f64::total_cmp);
        answers.sort();
        let median =
            answers.get(answers.len() / 2).map_or("nobody was recognized".to_owned(), |time| format!("{time:.0?}"));
        println!(
            "{} x {}, faces of {min_face} pixels or more: {:.1} frames a second (least {:.1}), {median} to the answer at \
             the median of {}",
            size.0,
            size.1,
            rates[ROUNDS / 2],
            rates[0],
            answers.len()
        );
    }
}
