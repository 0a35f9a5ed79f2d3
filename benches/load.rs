//! A server under load: many clients at once read, search by photo, update with and without photos,
//! create people and remove them. Prints requests a second, and ends with an error if an acknowledged
//! change is lost, a search does not find the right person, anything but 200 or 503 is answered, or
//! memory grows.
//!
//! `cargo bench --bench load`; `FACEVAULT_LOAD_SECONDS` is how long the mixture lasts. Needs YuNet,
//! `espdl_mbf` and LFW in the test data; without test data it says so and ends.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use facevault::http::{Server, ServerOptions};
use facevault::store::{CreateOptions, ModelInfo, PreparedImage, PreparedImages, Store};
use facevault::vision::FacePolicy;
use facevault::wire::encode_base64;
use facevault::{
    CalibrationPoint, CalibrationTable, ClientId, Engine, EngineOptions, FaceEncoding, MeasuredOn, NewPerson,
    PackSource, PersonId, PhotoRules, Vault, VaultOptions,
};
use serde_json::{Value, json};

/// People in the gallery.
const PEOPLE: usize = 10_000;
/// Clients at once.
const CLIENTS: usize = 16;
/// Photos of LFW that are searched for and enrolled: the last people of the gallery have them.
const PHOTOS: usize = 32;
/// How long one kind of request is measured by itself, or less if the mixture lasts less.
const ALONE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Search,
    Update,
    UpdateWithPhoto,
    Create,
    Remove,
}

/// The kinds of twelve successive requests of the mixture.
const MIXTURE: [Kind; 12] = [
    Kind::Read,
    Kind::Update,
    Kind::Read,
    Kind::Search,
    Kind::Read,
    Kind::Update,
    Kind::Read,
    Kind::UpdateWithPhoto,
    Kind::Create,
    Kind::Read,
    Kind::Update,
    Kind::Remove,
];

fn main() {
    let Some(data) = support::data() else {
        eprintln!("left out: no test data");
        return;
    };
    let pack = support::pack(&data, "yunet_dynamic", "espdl_mbf");
    let pictures = support::lfw(&data, PHOTOS);
    let photos: Vec<String> = pictures.iter().map(|photo| encode_base64(photo)).collect();
    let rules = PhotoRules::default().with_face(FacePolicy::Largest);
    let source = PackSource::Folder(pack.path().to_owned());
    let engine = Engine::open(&EngineOptions::default().with_pack(source).with_rules(rules)).expect("an engine");
    println!("{:?}", engine.runtime().map(|runtime| &runtime.version));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("load.vault");
    fill(&path, &engine, &pictures);
    let vault = Vault::open(&path, VaultOptions::default().with_engine(engine)).expect("a vault");
    let token = vault.create_token(None).expect("a token").0.reveal();
    let options =
        ServerOptions { listen: ([127, 0, 0, 1], 0).into(), calibration: Some(table()), ..ServerOptions::default() };
    let server = Server::bind(vault.clone(), options).expect("a server");
    let (url, stop) = (server.url(), server.stop_handle());
    let running = std::thread::spawn(move || server.run());
    let load = Load { url, token, photos };

    let seconds = std::env::var("FACEVAULT_LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let lasting = Duration::from_secs(seconds);
    load.of(Duration::from_secs(2), |_| Kind::Search);
    for (kind, what) in [
        (Kind::Read, "reads of a person"),
        (Kind::Search, "searches by photo in 10,000 people"),
        (Kind::Update, "updates without photos, durable"),
    ] {
        let (done, busy, took) = load.of(ALONE.min(lasting), |_| kind);
        println!("{:>8.0} {what} a second, {CLIENTS} clients ({busy} answered 503)", done as f64 / took);
    }

    let half = lasting / 2;
    let mixed = |turn: usize| MIXTURE[turn % MIXTURE.len()];
    let (first, first_busy, _) = load.of(half, mixed);
    let early = memory();
    let (second, second_busy, _) = load.of(half, mixed);
    let late = memory();
    let (done, busy) = (first + second, first_busy + second_busy);
    println!("{:>8.0} requests of a mixture a second ({busy} of {done} answered 503)", done as f64 / seconds as f64);
    println!("         memory half-way {early} MB, at the end {late} MB");
    assert!(late < early + early / 4 + 64, "memory grows");

    stop.stop();
    running.join().expect("a server").expect("a server that ends well");
    assert!(vault.check().expect("checked").is_clean());
    println!("         no acknowledged change was lost, and the vault is whole");
}

/// Clients of a server.
struct Load {
    url: String,
    token: String,
    photos: Vec<String>,
}

impl Load {
    /// What all clients do for a while: requests answered 200, answered 503, and the seconds.
    fn of(&self, lasting: Duration, kind: impl Fn(usize) -> Kind + Sync) -> (u64, u64, f64) {
        let (done, busy) = (AtomicU64::new(0), AtomicU64::new(0));
        let barrier = Arc::new(Barrier::new(CLIENTS));
        let began = Instant::now();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (barrier, kind, done, busy) = (Arc::clone(&barrier), &kind, &done, &busy);
                scope.spawn(move || {
                    barrier.wait();
                    self.client(client, lasting, kind, done, busy);
                });
            }
        });
        (done.into_inner(), busy.into_inner(), began.elapsed().as_secs_f64())
    }

    fn client(
        &self,
        client: usize,
        lasting: Duration,
        kind: impl Fn(usize) -> Kind,
        done: &AtomicU64,
        busy: &AtomicU64,
    ) {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(60))).build().new_agent();
        // Each client has a person of its own, so that it knows what the last update was.
        let own = format!("/persons/p{client}");
        // And another one that comes and goes, so that it knows whether it is there.
        let (guest, mut guest_is_there) = (format!("guest{client}"), None);
        let (mut acknowledged, end) = (None, Instant::now() + lasting);
        for turn in 0.. {
            if Instant::now() >= end {
                break;
            }
            let photo = &self.photos[(turn * CLIENTS + client) % self.photos.len()];
            let notes = format!("{client}: {turn}");
            let kind = kind(turn + client);
            let (method, path, body) = match kind {
                Kind::Read => ("GET", format!("/persons/p{}", (turn * 37 + client) % PEOPLE), Value::Null),
                Kind::Search => {
                    let body = json!({"images": [photo], "min_score": 0.85, "search_mode": "FAST"});
                    ("POST", "/search".to_owned(), body)
                }
                Kind::Update => ("PUT", own.clone(), json!({"notes": notes})),
                Kind::UpdateWithPhoto => ("PUT", own.clone(), json!({"notes": notes, "images": [photo]})),
                Kind::Create => {
                    let body = json!({"_id": guest, "name": format!("Guest {client}"), "images": [photo]});
                    ("POST", "/persons".to_owned(), body)
                }
                Kind::Remove => ("DELETE", format!("/persons/{guest}"), Value::Null),
            };
            match (self.ask(&agent, method, &path, &body), kind) {
                ((200, answer), kind) => {
                    done.fetch_add(1, Ordering::Relaxed);
                    match kind {
                        Kind::Update | Kind::UpdateWithPhoto => acknowledged = Some(notes),
                        Kind::Create | Kind::Remove => guest_is_there = Some(kind == Kind::Create),
                        Kind::Search => assert!(answer.contains("\"thumbnail\":\""), "nobody was found: {answer:.300}"),
                        Kind::Read => {}
                    }
                }
                // As it was left by a turn before.
                ((412, _), Kind::Create) => assert_ne!(guest_is_there, Some(false), "a removal was lost"),
                ((404, _), Kind::Remove) => assert_ne!(guest_is_there, Some(true), "a new person was lost"),
                ((503, _), _) => drop(busy.fetch_add(1, Ordering::Relaxed)),
                ((status, text), _) => panic!("{method} {path}: {status} {:.300}", text),
            }
        }
        if let Some(notes) = acknowledged {
            let (_, text) = self.ask(&agent, "GET", &own, &Value::Null);
            let person: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(person["data"]["notes"], notes.as_str(), "an update was lost");
        }
        if let Some(there) = guest_is_there {
            let (status, _) = self.ask(&agent, "GET", &format!("/persons/{guest}"), &Value::Null);
            assert_eq!(status == 200, there, "a new person or a removal was lost");
        }
    }

    fn ask(&self, agent: &ureq::Agent, method: &str, path: &str, body: &Value) -> (u16, String) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/v2/face-recognition{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json");
        let answer = match body {
            Value::Null => agent.run(request.body(()).expect("a request")),
            body => agent.run(request.body(body.to_string()).expect("a request")),
        };
        let mut answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }
}

/// People whose encodings are random directions, and the last ones with real photos.
fn fill(path: &std::path::Path, engine: &Engine, photos: &[Vec<u8>]) {
    let mut real = photos.iter();
    let spec = engine.embedder();
    let (id, mode) = (engine.model(), Some(engine.mode()));
    let model = ModelInfo { id, name: "bench".into(), dimension: spec.dimension, metric: spec.metric, mode };
    let client = ClientId::new("load").expect("an id");
    let store =
        Store::create(path, &CreateOptions::default().with_client(client.clone()).with_model(model)).expect("a vault");
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    for number in 0..PEOPLE {
        let photo = if number + photos.len() >= PEOPLE { real.next() } else { None };
        let (bytes, encoding) = match photo {
            Some(photo) => (photo.clone(), engine.encode(photo).expect("a face").encoding),
            None => {
                let vector: Vec<f32> = (0..spec.dimension).map(|_| random()).collect();
                (vec![number as u8; 4_096], FaceEncoding::new(id, vector).expect("finite"))
            }
        };
        let new = NewPerson {
            id: Some(PersonId::new(format!("p{number}")).expect("an id")),
            name: format!("Person {number}"),
            images: vec![bytes.into()],
            ..NewPerson::default()
        };
        let mut image = PreparedImage::new(&new.images[0]);
        image.encoding = Some(encoding);
        let prepared = PreparedImages { images: vec![image], ..PreparedImages::default() };
        store.insert_person(&client, &new, &prepared).expect("a person");
    }
}

/// A table made up for the benchmark: the cost of a score does not depend on the table's values.
fn table() -> CalibrationTable {
    let measured_on = MeasuredOn {
        name: "made up".into(),
        sha256: "00".repeat(32),
        people: 1_000,
        mated_pairs: 1_000,
        non_mated_pairs: 1_000_000,
    };
    let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.01 };
    let points = vec![point(0.1, 0.1), point(0.01, 0.2), point(1e-3, 0.3), point(1e-4, 0.4)];
    CalibrationTable::new(measured_on, points).expect("a table")
}

/// Megabytes that this process holds; 0 where the system does not tell.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
