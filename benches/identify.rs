//! Exact search on random unit vectors: one core and all, with a collection filter, a change of a
//! large gallery, its memory, and the time from opening a vault to its first answer.
//!
//! Nobody in the gallery resembles the probe, which is the hardest case: no early find shortens the
//! search. The largest gallery takes about 3 GB of memory.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use facevault::index::{Change, Gallery, SearchOptions};
use facevault::store::{CreateOptions, ModelInfo, PreparedImage, PreparedImages, Store};
use facevault::{
    AuditPolicy, AuditScope, CollectionId, FaceEncoding, IdentifyOptions, ImageId, Metric, ModelId, NewPerson,
    OperatingPoint, PersonId, PersonKey, Status, Vault, VaultOptions,
};

const MODEL: ModelId = ModelId::from_bytes([1; 16]);
/// Components of an encoding.
const DIMENSION: usize = 512;
/// Encodings of the galleries.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// People of the vault that is opened.
const PEOPLE: usize = 100_000;
/// One in so many people is in the collection.
const MEMBERS: usize = 10;
/// Probes that are searched for in turn.
const PROBES: usize = 32;

/// Seeded numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Normally distributed (Irwin-Hall of four).
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        (0..4).map(|i| (bits >> (16 * i) & 0xffff) as f32 / 65_536.0 - 0.5).sum()
    }

    fn unit_vector(&mut self) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..DIMENSION).map(|_| self.normal()).collect();
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
        vector
    }

    fn encoding(&mut self) -> FaceEncoding {
        FaceEncoding::new(MODEL, self.unit_vector()).expect("finite")
    }
}

fn collection() -> CollectionId {
    CollectionId::new("collection_0").expect("an id")
}

fn gallery(people: usize, random: &mut Random) -> Gallery {
    let mut builder = Gallery::builder(MODEL, Metric::Cosine, DIMENSION);
    for number in 0..people {
        let person = PersonId::new(format!("person_{number:032x}")).expect("an id");
        let image = ImageId::new(format!("image_{number:032x}")).expect("an id");
        let member = [collection()];
        let collections = if number % MEMBERS == 0 { &member[..] } else { &[] };
        builder
            .push(PersonKey::new(number as i64), &person, &image, collections, &random.unit_vector())
            .expect("an encoding");
    }
    builder.finish(1).expect("people one after the other")
}

fn search(criterion: &mut Criterion) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let mut random = Random(7);
    let probes: Vec<FaceEncoding> = (0..PROBES).map(|_| random.encoding()).collect();
    let everybody = SearchOptions { max_results: 10, ..SearchOptions::default() };
    let members = SearchOptions { collections: Some(vec![collection()]), ..everybody.clone() };
    for size in SIZES {
        let gallery = gallery(size, &mut random);
        let vectors = size * DIMENSION * size_of::<f32>();
        println!(
            "{size} encodings: {:.3} times the memory of the vectors",
            gallery.memory_bytes() as f64 / vectors as f64
        );
        let mut group = criterion.benchmark_group(format!("identify, {DIMENSION} components"));
        for (threads, what, options) in [
            (1, "1 core", &everybody),
            (cores, "all cores", &everybody),
            (1, "1 core, a tenth in the collection", &members),
        ] {
            let (pool, mut turn) = (pool(threads), 0);
            group.bench_function(BenchmarkId::new(what, size), |bencher| {
                pool.install(|| {
                    bencher.iter(|| {
                        turn += 1;
                        black_box(gallery.search(&probes[turn % PROBES], options).expect("one model"))
                    });
                });
            });
        }
        group.finish();
        append(criterion, &gallery, &mut random);
    }
}

/// Measures adding one person to a gallery that keeps growing.
fn append(criterion: &mut Criterion, gallery: &Gallery, random: &mut Random) {
    let (mut grown, mut number) = (gallery.clone(), 0_i64);
    let vector = random.encoding();
    criterion.bench_function(&format!("append a person to {}", gallery.len_people()), |bencher| {
        bencher.iter(|| {
            number += 1;
            let change = Change::Upsert {
                key: PersonKey::new(-number),
                person: PersonId::new(format!("new_{number}")).expect("an id"),
                status: Status::Active,
                collections: Vec::new(),
                encodings: vec![(ImageId::new(format!("image_{number}")).expect("an id"), vector.clone())],
            };
            grown = grown.with_changes(&[change], grown.generation() + 1).expect("one model");
        });
    });
}

fn fill(path: &Path, random: &mut Random) {
    let model = ModelInfo { id: MODEL, name: "bench".into(), dimension: DIMENSION, metric: Metric::Cosine, mode: None };
    let store = Store::create(path, &CreateOptions::default().with_model(model));
    let store = store.expect("a vault");
    let client = store.default_client().expect("a client");
    for number in 0..PEOPLE {
        let images = vec![number.to_le_bytes().to_vec().into()];
        let new = NewPerson { name: format!("person {number}"), images, ..NewPerson::default() };
        let mut image = PreparedImage::new(&new.images[0]);
        image.encoding = Some(random.encoding());
        let prepared = PreparedImages { images: vec![image], ..PreparedImages::default() };
        store.insert_person(&client, &new, &prepared).expect("a person");
    }
}

fn open(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.vault");
    let mut random = Random(8);
    fill(&path, &mut random);
    let probe = random.encoding();
    let options =
        IdentifyOptions::default().with_operating_point(OperatingPoint::similarity(0.9).expect("a similarity"));
    let open = || Vault::open(&path, VaultOptions::default()).expect("opened");
    let identify = |vault: &Vault| vault.identify_encoding(&probe, &options).expect("an answer");
    criterion.bench_function(&format!("open a vault of {PEOPLE} people and identify"), |bencher| {
        bencher.iter(|| black_box(identify(&open())));
    });
    let vault = open();
    criterion.bench_function(&format!("identify in an open vault of {PEOPLE} people"), |bencher| {
        bencher.iter(|| black_box(identify(&vault)));
    });
    let all = AuditPolicy::default().with_scope(AuditScope::All);
    for (policy, what) in [(all, "noted"), (all.with_searches_at_once(true), "noted on the disk")] {
        vault.set_audit_policy(&policy).expect("set");
        criterion.bench_function(&format!("identify in an open vault of {PEOPLE} people, {what}"), |bencher| {
            bencher.iter(|| black_box(identify(&vault)));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = search, open
}
criterion_main!(benches);
