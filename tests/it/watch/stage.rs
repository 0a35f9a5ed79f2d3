//! A camera without networks: pictures that say themselves which faces they show.
//!
//! A face is a rectangle of one colour. Its first pixels are marks that the detector reads; the colour says whose face
//! it is and how noisy, which is all that the embedder sees, and how live it is. Where faces overlap, the one that is painted later hides
//! the other.

use std::time::Duration;

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::vision::{AlignedFace, Detector, Embedder, Face, LivenessModel, QualityLimits};
use facevault::{
    AlignmentTemplate, Answer, CalibrationPoint, CalibrationTable, ColorOrder, EmbedderSpec, Engine, EngineParts,
    Event, ImageBytes, MeasuredOn, Metric, ModelId, NewPerson, Normalization, PersonId, PhotoRules, Vault,
    VaultOptions, WatchOptions, Watcher,
};
use image::{Rgb, RgbImage};

/// Components of a vector. Two random ones have a similarity with a deviation of 1/8.
const DIMENSION: usize = 64;
/// Faces stand on a grid of so many pixels, so that marks are found quickly.
const GRID: u32 = 4;
/// The size of the pictures.
pub(super) const WIDTH: u32 = 320;
pub(super) const HEIGHT: u32 = 240;
const MARK: Rgb<u8> = Rgb([255, 0, 255]);

/// A face of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Actor {
    /// Whose face it is.
    pub(super) id: u8,
    /// How far the vector is from that of the clear face: 0 not at all, 64 as far as a random one is long.
    pub(super) noise: u8,
    /// The left upper corner and the side, in pixels.
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) side: u32,
    /// The detector's score in parts of 255.
    pub(super) score: u8,
    /// How live the face is, in parts of 200.
    pub(super) live: u8,
    /// Whether the head is turned so far that the face is refused.
    pub(super) is_turned: bool,
}

impl Actor {
    pub(super) fn new(id: u8, x: f32) -> Self {
        Self { id, noise: 10, x, y: 80.0, side: 80, score: 230, live: 200, is_turned: false }
    }
}

/// The picture of these faces, the last one in front.
pub(super) fn picture(actors: &[Actor]) -> RgbImage {
    let mut picture = RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([128, 128, 128]));
    for actor in actors {
        let on_grid = |at: f32, most: u32| ((at.max(0.0) as u32).min(most) / GRID) * GRID;
        let (x, y) = (on_grid(actor.x, WIDTH - actor.side), on_grid(actor.y, HEIGHT - actor.side));
        let color = Rgb([actor.id, actor.live, actor.noise]);
        for (dx, dy) in (0..actor.side).flat_map(|dy| (0..actor.side).map(move |dx| (dx, dy))) {
            picture.put_pixel(x + dx, y + dy, color);
        }
        let marks = [MARK, Rgb([actor.side as u8, actor.score, u8::from(actor.is_turned)])];
        for (mark, dx) in marks.into_iter().zip(0..) {
            picture.put_pixel(x + dx, y, mark);
        }
    }
    picture
}

struct MarkDetector;

impl Detector for MarkDetector {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let (width, height) = picture.dimensions();
        let places =
            (0..height).step_by(GRID as usize).flat_map(|y| (0..width).step_by(GRID as usize).map(move |x| (x, y)));
        let mut faces = Vec::new();
        for (x, y) in places.filter(|(x, y)| x + 1 < width && *picture.get_pixel(*x, *y) == MARK) {
            let Rgb([side, score, is_turned]) = *picture.get_pixel(x + 1, y);
            let side = f32::from(side);
            let at = |right: f32, down: f32| Point::new(x as f32 + right * side, y as f32 + down * side);
            let nose = if is_turned == 1 { 0.95 } else { 0.5 };
            let points = [at(0.3, 0.35), at(0.7, 0.35), at(nose, 0.56), at(0.34, 0.74), at(0.66, 0.74)];
            faces.push(Face {
                bounds: Rect { x: x as f32, y: y as f32, width: side, height: side },
                landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
                score: f32::from(score) / 255.0,
            });
        }
        faces.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(faces)
    }
}

struct ColorLiveness;

impl LivenessModel for ColorLiveness {
    fn name(&self) -> &str {
        "colours"
    }

    fn judge(&self, picture: &RgbImage, bounds: Rect) -> facevault::Result<Vec<f64>> {
        let middle = bounds.center();
        let Rgb([_, live, _]) = *picture.get_pixel(middle.x as u32, middle.y as u32);
        Ok(vec![f64::from(live) / 200.0])
    }
}

struct ColorEmbedder(EmbedderSpec);

/// Normally distributed numbers that follow from a seed.
fn vector(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..DIMENSION).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect()
}

impl Embedder for ColorEmbedder {
    fn spec(&self) -> &EmbedderSpec {
        &self.0
    }

    fn model(&self) -> ModelId {
        ModelId::from_bytes([9; 16])
    }

    fn embed(&self, faces: &[AlignedFace]) -> facevault::Result<Vec<Vec<f32>>> {
        let embed = |face: &AlignedFace| {
            let Rgb([id, _, noise]) = *face.pixels.get_pixel(12, 14);
            let other = vector(1_000 + 256 * u64::from(id) + u64::from(noise));
            let strength = f32::from(noise) / 64.0;
            vector(u64::from(id)).iter().zip(other).map(|(own, other)| own + strength * other).collect()
        };
        Ok(faces.iter().map(embed).collect())
    }
}

/// An engine of both, with a table that says how similar random vectors are.
pub(super) fn engine() -> Engine {
    Engine::from_parts(parts().with_calibration(table())).expect("threads")
}

fn parts() -> EngineParts {
    let template = AlignmentTemplate {
        landmarks: LandmarkScheme::EyesNoseMouth,
        size: 24,
        points: [[6.0, 8.0], [18.0, 8.0], [12.0, 14.0], [7.0, 19.0], [17.0, 19.0]],
    };
    let normalization = Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
    let embedder = ColorEmbedder(EmbedderSpec::new(normalization, DIMENSION, Metric::Cosine, template));
    let mut limits = QualityLimits::off();
    limits.max_yaw = 40.0;
    EngineParts::new("colours", Box::new(MarkDetector), Box::new(embedder))
        .with_rules(PhotoRules::default().with_quality(limits))
        .with_threads(1)
}

fn table() -> CalibrationTable {
    let (name, sha256) = ("random vectors".to_owned(), "ab".repeat(32));
    let measured_on = MeasuredOn { name, sha256, people: 10, mated_pairs: 10, non_mated_pairs: 100_000_000 };
    let point = |fmr, deviations: f64| CalibrationPoint {
        fmr,
        similarity: deviations / 8.0,
        fnmr: 0.0,
        fnmr_low: 0.0,
        fnmr_high: 0.1,
    };
    let points = [(0.1, 1.282), (0.01, 2.326), (1e-3, 3.090), (1e-4, 3.719), (1e-5, 4.265), (1e-6, 4.753)];
    let points = points.map(|(fmr, deviations)| point(fmr, deviations)).to_vec();
    CalibrationTable::new(measured_on, points).expect("a table")
}

/// A photo of somebody.
pub(super) fn photo(id: u8) -> ImageBytes {
    let mut bytes = Vec::new();
    let picture = picture(&[Actor { noise: 0, ..Actor::new(id, 120.0) }]);
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into()
}

/// The id of the person whose face this is.
pub(super) fn person(id: u8) -> PersonId {
    PersonId::new(format!("p{id}")).expect("an id")
}

/// A vault that knows these people.
pub(super) fn vault(known: &[u8]) -> Vault {
    vault_of(engine(), known)
}

/// The same, with a model that nobody measured.
pub(super) fn vault_without_table(known: &[u8]) -> Vault {
    vault_of(Engine::from_parts(parts()).expect("threads"), known)
}

/// The same, with a network for liveness.
pub(super) fn vault_with_liveness(known: &[u8]) -> Vault {
    let model: Box<dyn LivenessModel> = Box::new(ColorLiveness);
    vault_of(Engine::from_parts(parts().with_calibration(table()).with_liveness(model)).expect("threads"), known)
}

fn vault_of(engine: Engine, known: &[u8]) -> Vault {
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine)).expect("a vault");
    for id in known {
        let new = NewPerson { id: Some(person(*id)), images: vec![photo(*id)], ..NewPerson::named("Somebody") };
        vault.create_person(&new).expect("a person");
    }
    vault
}

/// Plays a film of so many frames, `pace` apart, to a watcher: the events of all frames and of its end.
pub(super) fn play(watcher: &mut Watcher, pace: Duration, frames: u32, film: impl Fn(u32) -> Vec<Actor>) -> Vec<Event> {
    let mut events = Vec::new();
    for frame in 0..frames {
        events.extend(watcher.push_picture(&picture(&film(frame)), pace * frame).expect("a frame"));
    }
    events.extend(watcher.finish().expect("the end"));
    assert_in_order(&events, true);
    events
}

/// 25 frames a second.
pub(super) const PACE: Duration = Duration::from_millis(40);

/// The events of a film before a camera that knows these people.
pub(super) fn events_of(
    known: &[u8],
    options: WatchOptions,
    frames: u32,
    film: impl Fn(u32) -> Vec<Actor>,
) -> Vec<Event> {
    play(&mut Watcher::new(&vault(known), options).expect("a watcher"), PACE, frames, film)
}

/// Every visit appears, then has one answer and changes of it until one is final, then leaves; times do not go back.
/// `is_whole` where each visit must have an answer.
pub(super) fn assert_in_order(events: &[Event], is_whole: bool) {
    let mut visits: Vec<(u64, u32, u32)> = Vec::new();
    let mut time = Duration::ZERO;
    let mut finals: Vec<u64> = Vec::new();
    for event in events {
        assert!(event.time() >= time, "{event:?} after {time:?}");
        time = event.time();
        if let Event::Recognized { is_final, .. } | Event::Unknown { is_final, .. } | Event::Updated { is_final, .. } =
            event
        {
            assert!(!finals.contains(&event.visit()), "{event:?} follows a final answer");
            finals.extend(is_final.then_some(event.visit()));
        }
        let known = visits.iter_mut().find(|(visit, _, _)| *visit == event.visit());
        match (event, known) {
            (Event::Appeared { visit, .. }, None) => visits.push((*visit, 0, 0)),
            (Event::Recognized { .. } | Event::Unknown { .. }, Some((_, answers @ 0, 0))) => *answers += 1,
            (Event::Updated { .. }, Some((_, 1, 0))) => {}
            (Event::Left { last_seen, .. }, Some((_, answers, left @ 0))) => {
                assert!(*last_seen <= time && (*answers == 1 || !is_whole), "{event:?}");
                *left += 1;
            }
            (event, known) => panic!("{event:?} of {known:?}"),
        }
    }
    assert!(visits.iter().all(|(_, _, left)| *left == 1), "somebody has not left: {visits:?}");
}

/// Events in short: `1 appeared`, `1 p3`, `1 unknown`, `1 now p4`, `1 left as p4`. That an answer is final is left out.
pub(super) fn told(events: &[Event]) -> Vec<String> {
    let mut given: Vec<(u64, Option<PersonId>)> = Vec::new();
    let mut confirms = |event: &Event| {
        let now = (event.visit(), event.person().cloned());
        let before = given.iter().rfind(|(visit, _)| *visit == now.0).cloned();
        given.push(now.clone());
        matches!(event, Event::Updated { is_final: true, .. }) && before == Some(now)
    };
    let events = events.iter().filter(|event| !confirms(event));
    let answer = |answer: &Answer| answer.person().map_or("unknown".to_owned(), ToString::to_string);
    let tell = |event: &Event| match event {
        Event::Appeared { visit, .. } => format!("{visit} appeared"),
        Event::Recognized { visit, recognition, .. } => format!("{visit} {}", recognition.person),
        Event::Unknown { visit, .. } => format!("{visit} unknown"),
        Event::Updated { visit, answer: now, .. } => format!("{visit} now {}", answer(now)),
        Event::Left { visit, answer: last, .. } => format!("{visit} left as {}", answer(last)),
        _ => panic!("an event that this test does not know"),
    };
    events.map(tell).collect()
}
