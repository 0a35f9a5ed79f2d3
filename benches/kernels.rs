//! The work around the networks, a kernel at a time, for counting instructions.
//!
//! `benches/kernels.sh` runs each kernel under callgrind, which counts what happens inside
//! [`counted`] and nothing else: counts do not depend on the machine's load or clock, so that a
//! change of a few per cent shows. `kernels NAME` runs one kernel; without a name they are listed.

use std::hint::black_box;

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::index::{Gallery, SearchOptions};
use facevault::vision::{DecodeLimits, Face, Quality, align, decode};
use facevault::wire::{decode_base64, encode_base64};
use facevault::{AlignmentTemplate, FaceEncoding, ImageId, Metric, ModelId, PersonId, PersonKey};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

const MODEL: ModelId = ModelId::from_bytes([1; 16]);
const DIMENSION: usize = 512;
const PEOPLE: usize = 10_000;

/// Runs the work whose instructions callgrind counts.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

fn count<T>(work: impl Fn() -> T) {
    counted(&mut || {
        black_box(work());
    });
}

/// Numbers that are always the same: a linear congruential generator (Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    /// Roughly normal components.
    fn vector(&mut self) -> Vec<f32> {
        let mut normal = || (0..4).map(|_| self.next() as f32 / (1u32 << 31) as f32 - 0.5).sum::<f32>();
        (0..DIMENSION).map(|_| normal()).collect()
    }
}

/// A picture with smooth parts, edges and a little noise.
fn picture(width: u32, height: u32) -> RgbImage {
    let mut numbers = Numbers(1);
    RgbImage::from_fn(width, height, |x, y| {
        let noise = numbers.next() % 8;
        let edge = if (x / 40 + y / 56) % 2 == 0 { 60 } else { 0 };
        image::Rgb([
            (x * 150 / width + edge + noise) as u8,
            (y * 150 / height + edge + noise) as u8,
            (96 + noise) as u8,
        ])
    })
}

fn face() -> Face {
    let points = [(250.0, 200.0), (390.0, 206.0), (320.0, 280.0), (262.0, 350.0), (376.0, 354.0)];
    Face {
        bounds: Rect { x: 200.0, y: 110.0, width: 240.0, height: 310.0 },
        landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: points.map(|(x, y)| Point::new(x, y)) },
        score: 1.0,
    }
}

/// ArcFace's template.
fn template() -> AlignmentTemplate {
    let text = "landmarks = \"eyes-nose-mouth\"\nsize = 112\npoints = [[38.2946, 51.6963], [73.5318, 51.5014], \
                [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]";
    toml::from_str(text).expect("a template")
}

fn gallery(numbers: &mut Numbers) -> Gallery {
    let mut builder = Gallery::builder(MODEL, Metric::Cosine, DIMENSION);
    for i in 0..PEOPLE {
        let (person, image): (PersonId, ImageId) =
            (format!("person_{i:06}").parse().expect("an id"), format!("image_{i:06}").parse().expect("an id"));
        builder.push(PersonKey::new(i as i64), &person, &image, &[], &numbers.vector()).expect("a vector");
    }
    builder.finish(1).expect("a gallery")
}

const KERNELS: [&str; 6] = ["decode_jpeg", "align", "quality", "search", "append", "base64"];

fn run(kernel: &str) {
    match kernel {
        "decode_jpeg" => {
            let mut jpeg = Vec::new();
            JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&picture(640, 480)).expect("encoded");
            count(|| decode(black_box(&jpeg), &DecodeLimits::default()).expect("a picture"));
        }
        "align" => {
            let (picture, face, template) = (picture(640, 480), face(), template());
            count(|| align(black_box(&picture), &face.landmarks, &template).expect("a crop"));
        }
        "quality" => {
            let (picture, face) = (picture(640, 480), face());
            count(|| Quality::measure(black_box(&picture), &face));
        }
        "search" => {
            let mut numbers = Numbers(2);
            let gallery = gallery(&mut numbers);
            let probe = FaceEncoding::new(MODEL, numbers.vector()).expect("a vector");
            let options = SearchOptions { max_results: 10, ..SearchOptions::default() };
            count(|| gallery.search(black_box(&probe), &options).expect("an answer"));
        }
        "append" => {
            let mut numbers = Numbers(3);
            let gallery = gallery(&mut numbers);
            let encoding = FaceEncoding::new(MODEL, numbers.vector()).expect("a vector");
            let change = facevault::index::Change::Upsert {
                key: PersonKey::new(-1),
                person: "person_new".parse().expect("an id"),
                status: facevault::Status::Active,
                collections: Vec::new(),
                encodings: vec![("image_new".parse().expect("an id"), encoding)],
            };
            count(|| gallery.with_changes(black_box(std::slice::from_ref(&change)), 2));
        }
        "base64" => {
            let mut numbers = Numbers(4);
            let bytes: Vec<u8> = (0..1 << 20).map(|_| numbers.next() as u8).collect();
            let text = encode_base64(&bytes);
            count(|| decode_base64(black_box(&text)).expect("base64"));
        }
        unknown => panic!("there is no kernel {unknown}"),
    }
}

fn main() {
    // Everything in the thread that is counted.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    pool.expect("no other pool");
    match std::env::args().skip(1).find(|word| !word.starts_with("--")) {
        Some(kernel) => run(&kernel),
        None => KERNELS.iter().for_each(|kernel| println!("{kernel}")),
    }
}
