//! From photos to encodings: each step, one thread and all, and the share of time that is not the
//! networks'.
//!
//! Measures the `dlib` pack, if it is installed, on the installed sample photos, and, if the test
//! data is there, YuNet with `espdl_mbf` on a part of LFW and SCRFD-500M with it on photos of 1 to 3
//! megapixels; says what it leaves out.

mod support;

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use facevault::models::Home;
use facevault::vision::{FacePolicy, align, main_face};
use facevault::{Engine, EngineOptions, PackSource, PhotoRules};

/// Photos of a batch.
const BATCH: usize = 64;

fn samples(home: &Home) -> Vec<Vec<u8>> {
    let names = ["obama.jpg", "obama2.jpg", "biden.jpg"];
    names.iter().filter_map(|name| fs::read(home.samples_dir().join(name)).ok()).collect()
}

fn open(pack: PackSource, threads: usize) -> Option<Engine> {
    let rules = PhotoRules { face: FacePolicy::Largest, ..PhotoRules::default() };
    match Engine::open(&EngineOptions { pack, threads, rules, ..EngineOptions::default() }) {
        Ok(engine) => Some(engine),
        Err(error) => {
            eprintln!("left out: {error}");
            None
        }
    }
}

fn steps(criterion: &mut Criterion, name: &str, engine: &Engine, photo: &[u8]) {
    let picture = engine.decode(photo).expect("a picture");
    let faces = engine.detect_in(&picture).expect("faces");
    let face = main_face(&faces, picture.dimensions(), FacePolicy::Largest).expect("a face");
    let template = &engine.embedder().template;
    let aligned = align(&picture, &face.landmarks, template).expect("a crop");
    let mut group = criterion.benchmark_group(format!("{name}, {} x {}", picture.width(), picture.height()));
    group.bench_function("decode", |bencher| bencher.iter(|| black_box(engine.decode(photo).expect("a picture"))));
    group.bench_function("detect", |bencher| bencher.iter(|| black_box(engine.detect_in(&picture).expect("faces"))));
    group.bench_function("align", |bencher| bencher.iter(|| black_box(align(&picture, &face.landmarks, template))));
    group.bench_function("embed", |bencher| bencher.iter(|| black_box(engine.embed(&aligned).expect("a vector"))));
    group.bench_function("photo to encoding", |bencher| {
        bencher.iter(|| black_box(engine.encode(photo).expect("an encoding")));
    });
    group.finish();
}

fn throughput(criterion: &mut Criterion, name: &str, engine: &Engine, photos: &[Vec<u8>]) {
    let mut group = criterion.benchmark_group(format!("{name}, photos to encodings"));
    group.throughput(Throughput::Elements(photos.len() as u64)).sample_size(10);
    let threads = engine.threads();
    group.bench_function(format!("{} photos, {threads} threads", photos.len()), |bencher| {
        bencher.iter(|| black_box(engine.encode_all(photos).expect("the networks run")));
    });
    group.finish();
}

/// One and all threads in turn, so that a drift of the machine's speed falls on both, and what is
/// outside the networks.
fn scaling(name: &str, one: &Engine, all: &Engine, photos: &[Vec<u8>]) {
    let time = |engine: &Engine| {
        let start = Instant::now();
        black_box(engine.encode_all(photos).expect("the networks run"));
        start.elapsed()
    };
    time(one);
    time(all);
    let before = one.timing();
    let mut ratios: Vec<f64> = (0..7).map(|_| time(one).as_secs_f64() / time(all).as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let after = one.timing();
    let total = after.total() - before.total();
    let share = |part: Duration| 100.0 * part.as_secs_f64() / total.as_secs_f64();
    println!(
        "{name}: {} threads over 1: median {:.2} times the photos a second ({:.2} to {:.2})",
        all.threads(),
        ratios[3],
        ratios[0],
        ratios[6]
    );
    println!(
        "{name}: decode {:.1} %, detect {:.1} %, align {:.1} %, embed {:.1} % of the time; outside the networks {:.1} %",
        share(after.decode - before.decode),
        share(after.detect - before.detect),
        share(after.align - before.align),
        share(after.embed - before.embed),
        share(total.saturating_sub(after.networks - before.networks))
    );
}

fn pack(criterion: &mut Criterion, name: &str, source: PackSource, photos: &[Vec<u8>]) {
    if photos.is_empty() {
        eprintln!("left out: {name}, there are no photos");
        return;
    }
    let (Some(one), Some(all)) = (open(source.clone(), 1), open(source, 0)) else { return };
    steps(criterion, name, &one, &photos[0]);
    let many: Vec<Vec<u8>> = photos.iter().cycle().take(BATCH.min(photos.len() * 8)).cloned().collect();
    throughput(criterion, name, &one, &many);
    throughput(criterion, name, &all, &many);
    scaling(name, &one, &all, &many);
}

fn encode(criterion: &mut Criterion) {
    match Home::from_env() {
        Ok(home) => pack(criterion, "dlib", PackSource::default(), &samples(&home)),
        Err(error) => eprintln!("left out: {error}"),
    }
    match support::data() {
        Some(data) => {
            let folder = support::yunet_espdl(&data);
            pack(criterion, "yunet + espdl_mbf", PackSource::Folder(folder.path().into()), &support::lfw(&data, BATCH));
            let folder = support::pack(&data, "scrfd_500m", "espdl_mbf");
            let (name, folder) = ("scrfd_500m + espdl_mbf", PackSource::Folder(folder.path().into()));
            pack(criterion, name, folder, &support::large(&data));
        }
        None => eprintln!("left out: what needs the test data, it is not there"),
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = encode
}
criterion_main!(benches);
