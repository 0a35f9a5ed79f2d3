//! From photos to encodings: the time of each step, throughput with one thread and with all, and the
//! share of time outside the networks.
//!
//! Measures the `dlib` pack, if it is installed, on the installed sample photos, and, if the test
//! data is there, the packs `standard` and `espdl` on a part of LFW and on photos of 1 to 3
//! megapixels, YuNet with `espdl_mbf` on the former and SCRFD-500M with it on the latter; prints what
//! it skips. Then it measures alternatives behind design decisions: all threads for a single photo,
//! faces in batches, and JPEGs decoded at reduced size.

mod support;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use facevault::models::Home;
use facevault::onnx::rewrite::{RewritingRules, rewrite};
use facevault::vision::{FacePolicy, Network, NetworkOptions, Runtime, RuntimeOptions, align, main_face};
use facevault::{Engine, EngineOptions, PackSource, PhotoRules};
use libjpeg_turbo_rs::{Decoder, PixelFormat, ScalingFactor};

/// Photos of a batch.
const BATCH: usize = 64;

fn samples(home: &Home) -> Vec<Vec<u8>> {
    let names = ["obama.jpg", "obama2.jpg", "biden.jpg"];
    names.iter().filter_map(|name| fs::read(home.samples_dir().join(name)).ok()).collect()
}

fn open(pack: PackSource, threads: usize) -> Option<Engine> {
    let rules = PhotoRules::default().with_face(FacePolicy::Largest);
    match Engine::open(&EngineOptions::default().with_pack(pack).with_threads(threads).with_rules(rules)) {
        Ok(engine) => Some(engine),
        Err(error) => {
            eprintln!("left out: {error}");
            None
        }
    }
}

fn steps(criterion: &mut Criterion, name: &str, engine: &Engine, photo: &[u8]) {
    let picture = engine.decode(photo).expect("a picture");
    let faces = engine.detect_in(&picture).expect("faces").1.faces;
    let face = main_face(&faces, picture.dimensions(), FacePolicy::Largest).expect("a face").face;
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

/// Measures one thread and all threads in turn, so that a drift of the machine's speed affects both,
/// and the share of time outside the networks.
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

/// One photo at a time: an engine that uses all threads for a single photo, in turn with an engine of
/// one thread.
fn alone(name: &str, one: &Engine, all: &Engine, photos: &[Vec<u8>]) {
    let time = |engine: &Engine| {
        let start = Instant::now();
        photos.iter().for_each(|photo| drop(black_box(engine.encode(photo))));
        start.elapsed().as_secs_f64() / photos.len() as f64
    };
    for engine in [one, all, one, all, one, all] {
        time(engine);
    }
    let times: Vec<(f64, f64)> = (0..7).map(|_| (time(one), time(all))).collect();
    let (alone, wide) = (median(times.iter().map(|time| time.0)), median(times.iter().map(|time| time.1)));
    println!(
        "{name}: a photo alone takes {:.1} ms with one thread, {:.1} ms with {}; {:.2} times as fast",
        1e3 * alone,
        1e3 * wide,
        all.threads(),
        median(times.iter().map(|(one, all)| one / all))
    );
}

/// Eight faces in one run of an embedder's network, in turn with eight runs.
fn batches(data: &Path) {
    const FACES: usize = 8;
    let installed = Home::from_env().ok().and_then(|home| home.runtime_library());
    let runtime = Runtime::select(&RuntimeOptions::default().with_installed(installed)).expect("a runtime");
    let stock = fs::read(data.join("models/espdl_mbf.onnx")).expect("a model");
    let onnx = rewrite(&stock, &RewritingRules::default()).expect("a network").onnx;
    let network = Network::load(&runtime, NetworkOptions::new("espdl_mbf.onnx"), onnx).expect("a network");
    const PICTURE: usize = 3 * 112 * 112;
    let batch: Vec<f32> = (0..FACES * PICTURE).map(|at| (at % 17) as f32 / 17.0).collect();
    let single = &batch[..PICTURE];
    let time = |input: &[f32], times: usize| {
        let shape = [input.len() / PICTURE, 3, 112, 112];
        let start = Instant::now();
        for _ in 0..times {
            network.run(shape, input, |outputs| Ok(black_box(outputs.len()))).expect("a run");
        }
        start.elapsed().as_secs_f64()
    };
    let ratios = (0..21).map(|_| time(&batch, 1) / time(single, FACES));
    println!("espdl_mbf: {FACES} faces in one run take {:.2} times as long as {FACES} runs", median(ratios));
}

/// JPEGs decoded at full and at reduced size: how much time that saves.
fn scales(photos: &[Vec<u8>]) {
    let time = |photo: &[u8], denominator: u32| {
        let start = Instant::now();
        let mut decoder = Decoder::new(photo).expect("a JPEG");
        decoder.set_output_format(PixelFormat::Rgb);
        decoder.set_scale(ScalingFactor::try_new(1, denominator).expect("a scale"));
        black_box(decoder.decode_image().expect("a picture"));
        start.elapsed().as_secs_f64()
    };
    let mut sums = [0.0; 4];
    for photo in photos {
        for (sum, denominator) in sums.iter_mut().zip([1, 2, 4, 8]) {
            *sum += median((0..7).map(|_| time(photo, denominator)));
        }
    }
    let [full, half, quarter, eighth] = sums.map(|sum| 1e3 * sum / photos.len() as f64);
    println!(
        "JPEGs of 1 to 3 megapixels: decoded in {full:.1} ms, at half the size in {half:.1}, at a quarter in {quarter:.1}, at an eighth in {eighth:.1}"
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
    alone(name, &one, &all, photos);
}

fn encode(criterion: &mut Criterion) {
    match Home::from_env() {
        Ok(home) => pack(criterion, "dlib", PackSource::Named("dlib".into()), &samples(&home)),
        Err(error) => eprintln!("left out: {error}"),
    }
    match support::data() {
        Some(data) => {
            let (small, large) = (support::lfw(&data, BATCH), support::large(&data));
            for name in ["standard", "espdl"] {
                let source = || PackSource::Named(name.into());
                pack(criterion, &format!("{name}, LFW"), source(), &small);
                pack(criterion, &format!("{name}, 1 to 3 megapixels"), source(), &large);
            }
            let folder = support::pack(&data, "yunet_dynamic", "espdl_mbf");
            pack(criterion, "yunet + espdl_mbf", PackSource::Folder(folder.path().into()), &small);
            let folder = support::pack(&data, "scrfd_500m", "espdl_mbf");
            let (name, folder) = ("scrfd_500m + espdl_mbf", PackSource::Folder(folder.path().into()));
            pack(criterion, name, folder, &large);
            batches(&data);
            scales(&large);
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
