//! The long form: FACEVAULT_VISITS=all plays 200 visits of people who are known, 200 of strangers and 50 crossings, made
//! of `faces/lfw-dev` and `faces/group`, which takes minutes:
//! `FACEVAULT_VISITS=all cargo test --release --test it -- --nocapture watch::visits`. With `known`, `strangers` or
//! `crossings` instead of `all` it plays that part. With FACEVAULT_FILMS=h264 each film is compressed by ffmpeg first.

use facevault::vision::FacePolicy;
use facevault::{Engine, PersonId, PhotoRules};
use image::imageops::{FilterType, resize};
use image::{ImageFormat, RgbImage};

use super::film::{ACTS, Act, Head, is_seen};
use super::h264;
use super::people::{Photo, Somebody, crossing, engine, pair, people, vault};
use crate::data;

/// How many visits there are of known people, and of strangers; how many of these, at most, by faces of groups.
const VISITS: usize = 200;
const OF_GROUPS: usize = 20;
const CROSSINGS: usize = 50;
/// Side and width of the face of LFW's photos, and the least width of a face in a photo of a group.
const SIDE: u32 = 250;
const FACE: f32 = 92.0;
const LEAST: f32 = 50.0;

/// The faces of photos of groups, each cut out as LFW's photos are.
fn of_groups(test: &str, engine: &Engine) -> Option<Vec<Somebody>> {
    let folder = data::folder(test)?.join("faces/group/dlib");
    let mut photos = data::files_below(&folder);
    photos.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("20")));
    let mut faces = Vec::new();
    for path in photos {
        let picture = engine.decode(&std::fs::read(path).expect("a photo")).expect("a picture");
        let (upright, found) = engine.detect_in(&picture).expect("a detector");
        let mut bounds: Vec<_> = found.faces.iter().map(|face| face.bounds).collect();
        bounds.retain(|bounds| bounds.width >= LEAST);
        for bounds in bounds {
            let (middle, scale) = (bounds.center(), bounds.width / FACE);
            let at = |from: f32, place: u32| from + (place as f32 - SIDE as f32 / 2.0) * scale;
            let inside = |at: f32, side: u32| (at.max(0.0) as u32).min(side - 1);
            let pixel = |x: u32, y: u32| {
                let (x, y) = (at(middle.x, x), at(middle.y, y));
                *upright.get_pixel(inside(x, upright.width()), inside(y, upright.height()))
            };
            let mut bytes = std::io::Cursor::new(Vec::new());
            let cut = RgbImage::from_fn(SIDE, SIDE, pixel);
            // Smooth where it was enlarged.
            let smooth =
                resize(&resize(&cut, SIDE / 2, SIDE / 2, FilterType::Triangle), SIDE, SIDE, FilterType::Triangle);
            let photo = if scale < 0.7 { smooth } else { cut };
            photo.write_to(&mut bytes, ImageFormat::Png).expect("a PNG in memory");
            let id = PersonId::new(format!("group{}", faces.len())).expect("an id");
            faces.push(Somebody { id, photos: vec![Photo::Made(bytes.into_inner())] });
        }
    }
    Some(faces)
}

/// Whether a film of this photo shows one face.
fn is_alone(engine: &Engine, photo: &Photo) -> bool {
    let picture = engine.decode(&photo.bytes()).expect("a picture");
    let (_, found) = engine.detect_in(&picture).expect("a detector");
    found.faces.iter().map(|face| face.bounds.center()).filter(|middle| is_seen(middle.x, middle.y)).count() == 1
}

/// A line of the result.
fn share(what: &str, count: usize, of: usize) -> f64 {
    let share = 100.0 * count as f64 / of as f64;
    println!("{what}: {count} of {of} ({share:.1} %)");
    share
}

/// A person and the enrolled photo.
fn first(person: &Somebody) -> (&PersonId, &Photo) {
    (&person.id, &person.photos[0])
}

fn acts(number: usize) -> [Act; 2] {
    [ACTS[number % 6], ACTS[(number / 6 + number + 1) % 6]]
}

#[test]
fn two_hundred_visits_two_hundred_strangers_and_fifty_crossings() {
    let test = "watch::visits";
    let Some(parts) = std::env::var("FACEVAULT_VISITS").ok() else {
        return eprintln!("skipped: {test}: FACEVAULT_VISITS=all plays them");
    };
    let plays = |part: &str| parts == "all" || parts == part;
    let Some((mut people, engine)) = people(test).zip(engine(test)) else { return };
    if h264::is_asked() && !data::has_ffmpeg(test) {
        return;
    }
    let engine = engine.with_rules(PhotoRules::default().with_face(FacePolicy::Central));
    let is_alone = |photo: &Photo| is_alone(&engine, photo);
    let enrolls =
        |person: &Somebody| is_alone(&person.photos[0]) && engine.encode(&person.photos[0].bytes()[..]).is_ok();
    // Two hundred whose first photo can be enrolled, and others.
    let mut count = 0;
    people.retain(|person| {
        let stays = count >= VISITS || enrolls(person);
        count += usize::from(stays);
        stays
    });
    let Some(mut groups) = of_groups(test, &engine) else { return };
    groups.retain(enrolls);
    let strange = groups.split_off(groups.len() / 2);
    println!("{} faces of groups are known, {} are strangers", groups.len(), strange.len());
    // Visits by photos other than the enrolled one, as far as there are any, then by faces of groups, then by the
    // enrolled photo in another light.
    let (known, strangers) = people.split_at(VISITS);
    let others: Vec<(&PersonId, &Photo)> =
        known.iter().flat_map(|person| person.photos[1..].iter().map(|photo| (&person.id, photo))).collect();
    let others: Vec<(&PersonId, &Photo)> = others.into_iter().filter(|(_, photo)| is_alone(photo)).collect();
    let by_other = others.len();
    let of_groups = groups.iter().take(OF_GROUPS).map(first);
    let visits: Vec<(&PersonId, &Photo)> =
        others.into_iter().chain(of_groups).chain(known.iter().rev().map(first)).take(VISITS).collect();
    let strangers = strange.iter().take(OF_GROUPS).chain(strangers).map(|person| &person.photos[0]);
    let strangers: Vec<&Photo> = strangers.filter(|photo| is_alone(photo)).take(VISITS).collect();
    let vault = vault(&engine, known.iter().chain(&groups));
    let mut misses = Vec::new();
    let mut require = |what: &str, is_met: bool| misses.extend((!is_met).then(|| what.to_owned()));

    if plays("known") {
        let (mut right, mut right_by_other, mut wrong, mut several) = (0, 0, 0, 0);
        for (number, both) in visits.chunks(2).enumerate() {
            let heads: Vec<Head> = both.iter().map(|(_, photo)| photo.head()).collect();
            let outcome = pair(&vault, &heads, acts(number), 1_000 * number as u32);
            for (place, (id, _)) in both.iter().enumerate() {
                let is_right = outcome.is(place, Some(id));
                let answers = outcome.answers.get(&place).map_or(&[][..], Vec::as_slice);
                several += usize::from(answers.len() != 1);
                right += usize::from(is_right);
                right_by_other += usize::from(is_right && 2 * number + place < by_other);
                wrong += answers.iter().flatten().filter(|answer| *answer != *id).count();
                if !is_right {
                    println!("visit {}: {:?}, place {place}: {:?}", 2 * number + place, acts(number), outcome.told());
                }
            }
            several += outcome.answers.get(&usize::MAX).map_or(0, Vec::len);
        }
        require("names", share("recognized with the right name", right, visits.len()) >= 97.0);
        share("of these, by another photo than the enrolled one", right_by_other, by_other);
        share("recognized as somebody else", wrong, visits.len());
        require("decisions", share("visits without exactly one decision", several, visits.len()) == 0.0);
    }

    if plays("strangers") {
        let (mut named, mut several) = (0, 0);
        for (number, both) in strangers.chunks(2).enumerate() {
            let heads: Vec<Head> = both.iter().map(|photo| photo.head()).collect();
            let outcome = pair(&vault, &heads, acts(number), 1_000 * number as u32);
            let is_named = |answers: &&Vec<Option<PersonId>>| answers.iter().any(Option::is_some);
            named += outcome.answers.values().filter(is_named).count();
            let decisions = (0..both.len()).filter(|place| outcome.answers.get(place).map_or(0, Vec::len) != 1).count();
            several += decisions + outcome.answers.get(&usize::MAX).map_or(0, Vec::len);
            if !(0..both.len()).all(|place| outcome.is(place, None)) {
                println!("strangers {number}: {:?}: {:?}", acts(number), outcome.told());
            }
        }
        require("strangers", share("strangers with a name", named, strangers.len()) <= 1.0);
        require("decisions", share("strangers without exactly one decision", several, strangers.len()) == 0.0);
    }

    if plays("crossings") {
        let (mut wrong, mut swapped) = (0, 0);
        for scene in 0..CROSSINGS {
            // People who are recognised by their enrolled photo: what is tried is who is who.
            let who = [100 + 2 * scene, 101 + 2 * scene];
            let heads = who.map(|who| known[who].photos[0].head());
            let outcome = crossing(&vault, &heads, scene as u32);
            let is_right =
                (0..2).all(|head| outcome.is(head, Some(&known[who[head]].id))) && outcome.answers.len() == 2;
            swapped += usize::from(outcome.swapped > 0);
            wrong += usize::from(!is_right);
            if !is_right || outcome.swapped > 0 {
                println!("crossing {scene}, {} swapped: {:?}", outcome.swapped, outcome.told());
            }
        }
        share("crossings with a visit that went over to another face", swapped, CROSSINGS);
        share("crossings without two right visits", wrong, CROSSINGS);
        require("crossings", wrong == 0 && swapped == 0);
    }
    assert!(misses.is_empty(), "not met: {misses:?}");
}
