//! Watching a camera with the default pack: whether the machine keeps up with 640 x 480 at 30 frames a second and
//! 1280 x 720 at 15, with three known faces in view, and how long it takes from the first frame that shows a face to
//! the answer.
//!
//! Frames arrive by the clock, as a camera's do, in the camera's format (I420): a thread hands them over when they are
//! due, and a frame that has not been taken when the next one comes is dropped, as `facevault watch` does. The films
//! are made beforehand: an empty room for some frames, and then three people at once who stay and sway a little, each
//! of their photos one that is enrolled. The networks run once before the first round.
//!
//! Needs the test data and the pack: `cargo bench --bench watch`.

#[path = "../tests/it/watch/film.rs"]
#[allow(dead_code)]
mod film;
mod support;

use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use facevault::vision::FacePolicy;
use facevault::{
    DuplicatePolicy, Engine, EngineOptions, Event, Frame, NewPerson, PhotoRules, PixelFormat, Vault, VaultOptions,
    WatchOptions, Watcher,
};
use film::{DAY, Head, Pose, frame_of};
use image::RgbImage;

/// People who are known.
const KNOWN: usize = 100;
/// Frames of an empty room, and seconds of people, of each round.
const EMPTY: u32 = 15;
const SECONDS: u32 = 4;
const ROUNDS: usize = 5;
/// Width of the faces, in pixels.
const FACE: f32 = 100.0;
const SIZES: [((u32, u32), u32); 2] = [((640, 480), 30), ((1280, 720), 15)];

/// An empty room, and then three people who sway a little, as planes of I420.
fn film_of(heads: &[Head], size: (u32, u32), rate: u32) -> Vec<Vec<u8>> {
    let one = |number: u32| {
        let pose = |head: usize| Pose {
            head,
            x: size.0 as f32 * (0.18 + 0.32 * head as f32) + 6.0 * (number as f32 / 7.0 + head as f32).sin(),
            y: size.1 as f32 * (0.45 + 0.06 * head as f32),
            size: FACE,
            turned: 0.0,
        };
        let poses: Vec<Pose> = (0..heads.len()).map(pose).filter(|_| number >= EMPTY).collect();
        i420(&frame_of(size, heads, &poses, DAY, &[], number))
    };
    (0..EMPTY + SECONDS * rate).map(one).collect()
}

/// Full range, BT.601, as cameras with JPEG's colours give it.
fn i420(picture: &RgbImage) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let plane = |step: usize, weights: [f32; 3], offset: f32| {
        let places = (0..height).step_by(step).flat_map(move |y| (0..width).step_by(step).map(move |x| (x, y)));
        places.map(move |(x, y)| {
            let sum: f32 = picture.get_pixel(x, y).0.iter().zip(weights).map(|(v, w)| f32::from(*v) * w).sum();
            (sum + offset).round() as u8
        })
    };
    plane(1, [0.299, 0.587, 0.114], 0.0)
        .chain(plane(2, [-0.1687, -0.3313, 0.5], 128.0))
        .chain(plane(2, [0.5, -0.4187, -0.0813], 128.0))
        .collect()
}

/// What a round gave.
struct Round {
    /// Frames that arrived, and those of them that were looked at.
    frames: u64,
    looked_at: u64,
    /// Frames that were looked at and showed three visits.
    three: u64,
    /// From the arrival of the first frame with people to each answer.
    answers: Vec<Duration>,
    /// The time of each frame that was looked at.
    work: Vec<Duration>,
}

/// Hands frames over when they are due; which ones came.
fn camera(film: &[Vec<u8>], rate: u32, began: Instant) -> Receiver<(u32, Instant)> {
    let (count, (sender, receiver)) = (film.len() as u32, sync_channel(1));
    std::thread::spawn(move || {
        for number in 0..count {
            std::thread::sleep(
                (began + Duration::from_secs(1) * number / rate).saturating_duration_since(Instant::now()),
            );
            // A frame for which there is no room is lost.
            if let Err(TrySendError::Disconnected(_)) = sender.try_send((number, Instant::now())) {
                return;
            }
        }
    });
    receiver
}

fn play(vault: &Vault, film: &[Vec<u8>], size: (u32, u32), rate: u32) -> Round {
    let mut watcher = Watcher::new(vault, WatchOptions::default()).expect("a watcher");
    let mut round = Round { frames: film.len() as u64, looked_at: 0, three: 0, answers: Vec::new(), work: Vec::new() };
    let began = Instant::now() + Duration::from_millis(50);
    let shown = began + Duration::from_secs(1) * EMPTY / rate;
    for (number, arrived) in camera(film, rate, began) {
        let time = arrived.saturating_duration_since(began);
        let frame = Frame::new(PixelFormat::I420, size.0, size.1, &film[number as usize]).expect("a frame");
        let (start, before) = (Instant::now(), watcher.counts());
        for event in watcher.push(&frame.with_time(time)).expect("a frame") {
            if let Event::Recognized { .. } = event {
                round.answers.push(shown.elapsed());
            }
        }
        if watcher.counts().dropped == before.dropped {
            round.looked_at += 1;
            round.work.push(start.elapsed());
            round.three += u64::from(watcher.visits().iter().filter(|visit| visit.is_seen).count() == 3);
        }
    }
    round
}

fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn main() {
    let Some(data) = support::data() else { return eprintln!("left out: no test data") };
    let engine = match Engine::open(&EngineOptions::default()) {
        // Some of the photos show people in the background.
        Ok(engine) => engine.with_rules(PhotoRules::default().with_face(FacePolicy::Central)),
        Err(error) => return eprintln!("left out: {error}"),
    };
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    let photos = support::lfw(&data, KNOWN);
    let new = |photo: &Vec<u8>| NewPerson { images: vec![photo.clone().into()], ..NewPerson::named("Somebody") };
    let people: Vec<NewPerson> = photos.iter().map(new).collect();
    for outcome in vault.create_persons(&people, &DuplicatePolicy::default(), &mut ()).expect("created") {
        outcome.expect("every photo is taken");
    }
    let heads: Vec<Head> = photos[..3].iter().map(|photo| Head::decode(photo)).collect();
    for (size, rate) in SIZES {
        let film = film_of(&heads, size, rate);
        play(&vault, &film, size, rate);
        let before = engine.timing();
        let rounds: Vec<Round> = (0..ROUNDS).map(|_| play(&vault, &film, size, rate)).collect();
        let spent = engine.timing().since(&before);
        let sum = |of: fn(&Round) -> u64| rounds.iter().map(of).sum::<u64>();
        let (frames, looked_at, three) = (sum(|r| r.frames), sum(|r| r.looked_at), sum(|r| r.three));
        let seconds = frames as f64 / f64::from(rate);
        let mut work: Vec<Duration> = rounds.iter().flat_map(|round| round.work.clone()).collect();
        let mut answers: Vec<Duration> = rounds.iter().flat_map(|round| round.answers.clone()).collect();
        let usual = median(&mut work).unwrap_or_default();
        let slowest = work.last().copied().unwrap_or_default();
        println!(
            "{} x {} at {rate} frames a second: {frames} frames came, {looked_at} were looked at ({:.1} a second), {three} \
             of these with three visits; {usual:.1?} a frame at the median, {slowest:.1?} at most",
            size.0,
            size.1,
            looked_at as f64 / seconds
        );
        let (count, most) = (answers.len(), answers.iter().max().copied().unwrap_or_default());
        match median(&mut answers) {
            Some(median) => println!("    {median:.0?} to the answer at the median of {count}, {most:.0?} at most"),
            None => println!("    nobody was recognised"),
        }
        let each = |step: Duration| step / u32::try_from(looked_at.max(1)).unwrap_or(u32::MAX);
        println!("    a frame: {:.1?} detecting, {:.1?} embedding", each(spent.detect), each(spent.embed));
    }
}
