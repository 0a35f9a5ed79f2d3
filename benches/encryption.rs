//! What encryption costs: a vault in plain and an encrypted one with the same people take turns.
//!
//! `cargo bench --features encryption --bench encryption -- [PEOPLE] [ROUNDS]`

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use facevault::store::{CreateOptions, ModelInfo, PreparedImage, PreparedImages, Store};
use facevault::{
    FaceEncoding, IdentifyOptions, ImagesUpdate, Metric, ModelId, NewPerson, OperatingPoint, Patch, PersonId,
    PersonUpdate, Vault, VaultKey, VaultOptions,
};

const MODEL: ModelId = ModelId::from_bytes([1; 16]);
const DIMENSION: usize = 512;
/// Bytes of a photo.
const PHOTO: usize = 100_000;
/// Probes, reads and updates a round.
const TIMES: u32 = 20;

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn encoding(seed: u64) -> FaceEncoding {
    let components: Vec<f32> = bytes(seed, DIMENSION).into_iter().map(|byte| f32::from(byte) - 127.5).collect();
    FaceEncoding::new(MODEL, components).expect("finite")
}

fn prepared(seed: u64) -> (Vec<facevault::ImageBytes>, PreparedImages) {
    let photo = facevault::ImageBytes::from(bytes(seed, PHOTO));
    let mut image = PreparedImage::new(&photo);
    image.encoding = Some(encoding(seed));
    (vec![photo], PreparedImages { images: vec![image], ..PreparedImages::default() })
}

fn id(number: u64) -> PersonId {
    PersonId::new(format!("person_{number}")).expect("an id")
}

fn fill(path: &Path, people: u64, key: Option<VaultKey>) {
    let model = ModelInfo { id: MODEL, name: "bench".into(), dimension: DIMENSION, metric: Metric::Cosine, mode: None };
    let store = Store::create(path, &CreateOptions::default().with_model(model).with_key(key)).expect("a vault");
    let client = store.default_client().expect("a client");
    for number in 0..people {
        let (images, prepared) = prepared(number);
        let name = format!("Person {number}");
        let new = NewPerson { id: Some(id(number)), name, images, ..NewPerson::default() };
        store.insert_person(&client, &new, &prepared).expect("a person");
    }
}

/// What is measured, and the time that one took.
fn round(path: &Path, key: Option<&VaultKey>, people: u64, turn: u64) -> Vec<(&'static str, Duration)> {
    let mut times = Vec::new();
    let mut measure = |what, count: u32, work: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..count).for_each(|_| work());
        times.push((what, started.elapsed() / count));
    };
    let options = VaultOptions::default().with_key(key.cloned());
    measure("open", 5, &mut || drop(black_box(Vault::open(path, options.clone()).expect("opened"))));
    let vault = Vault::open(path, options.clone()).expect("opened");
    let similarity = facevault::Similarity::new(0.9).expect("a similarity");
    let search = IdentifyOptions::default().with_operating_point(OperatingPoint::Similarity(similarity));
    let mut seed = turn * 1_000_000;
    let mut identify = || {
        seed += 1;
        black_box(vault.identify_encoding(&encoding(seed), &search).expect("an answer"));
    };
    measure("first search, which reads all encodings", 1, &mut identify);
    measure("search", TIMES, &mut identify);
    let mut number = turn;
    measure("read a person with a photo of 100 kB", TIMES, &mut || {
        number = (number + 7919) % people;
        black_box(vault.person(&id(number)).expect("a person"));
    });
    measure("update notes, durable", TIMES, &mut || {
        number = (number + 7919) % people;
        let update = PersonUpdate { notes: Patch::Set(format!("notes {turn} {number}")), ..PersonUpdate::default() };
        black_box(vault.update_person_summary(&id(number), &update).expect("updated"));
    });
    drop(vault);
    let store = match key {
        Some(key) => Store::open_encrypted(path, key),
        None => Store::open(path),
    };
    let store = store.expect("opened");
    let client = store.default_client().expect("a client");
    measure("replace a photo of 100 kB, durable", TIMES, &mut || {
        number = (number + 7919) % people;
        let (images, prepared) = prepared(turn * 31 + number + 500_000);
        let update = PersonUpdate { images: ImagesUpdate::Replace(images), ..PersonUpdate::default() };
        black_box(store.update_person(&client, &id(number), &update, &prepared).expect("updated"));
    });
    let copy = path.with_extension("copy");
    measure("backup", 1, &mut || {
        store.backup(&copy, &mut ()).expect("copied");
        std::fs::remove_file(&copy).expect("removed");
    });
    measure("check", 1, &mut || assert!(store.check().expect("checked").is_clean()));
    times
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let (people, rounds) = (numbers.first().copied().unwrap_or(1_000), numbers.get(1).copied().unwrap_or(9));
    let folder = tempfile::tempdir().expect("a folder");
    let key = VaultKey::generate().expect("random");
    let (plain, encrypted) = (folder.path().join("plain"), folder.path().join("encrypted"));
    fill(&plain, people, None);
    fill(&encrypted, people, Some(key.clone()));
    let size = |path: &Path| std::fs::metadata(path).expect("a file").len();
    println!("{people} people with a photo of {PHOTO} bytes and {DIMENSION} components; medians of {rounds} rounds\n");
    println!("| | plain | encrypted | ratio |\n|---|---|---|---|");

    let (mut of_plain, mut of_encrypted) = (Vec::new(), Vec::new());
    for turn in 0..rounds {
        of_plain.push(round(&plain, None, people, turn));
        of_encrypted.push(round(&encrypted, Some(&key), people, turn));
    }
    let median = |rounds: &[Vec<(&'static str, Duration)>], row: usize| {
        let mut times: Vec<Duration> = rounds.iter().map(|round| round[row].1).collect();
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    for row in 0..of_plain[0].len() {
        let (one, other) = (median(&of_plain, row), median(&of_encrypted, row));
        println!("| {} | {one:.3} ms | {other:.3} ms | {:.2} |", of_plain[0][row].0, other / one);
    }
    println!(
        "| size | {} | {} | {:.3} |",
        size(&plain),
        size(&encrypted),
        size(&encrypted) as f64 / size(&plain) as f64
    );

    let phrase = VaultKey::passphrase("correct horse battery staple").expect("a passphrase");
    let path = folder.path().join("phrase");
    fill(&path, 1, Some(phrase.clone()));
    let started = Instant::now();
    drop(Vault::open(&path, VaultOptions::default().with_key(phrase)).expect("opened"));
    println!("\nopening with a passphrase (Argon2id): {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    for (what, from, to) in [("encrypt", None, Some(&key)), ("decrypt", Some(&key), None)] {
        let started = Instant::now();
        assert!(Store::recode(&plain, from, to, &mut ()).expect("done"));
        println!("{what} {} MB: {:.1} s", size(&plain) / 1_000_000, started.elapsed().as_secs_f64());
    }
}
