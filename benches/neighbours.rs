//! How a client that overloads a server affects another one: it floods the photo queue with large pictures, does not
//! read its answers, occupies all connections, or sends wrong tokens. Prints how long the other client waits, how often
//! it is refused, and the peak of memory.
//!
//! `cargo bench --bench neighbours -- [photos|memory|connections|tokens]`; without an argument, all four. Needs no data:
//! the networks are fakes, decoding is real. The peak of memory is measured on Linux only, and is 0 elsewhere.

use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use facevault::http::{Server, ServerOptions, StopHandle};
use facevault::vision::{AlignedFace, Detector, Embedder, Face, QualityLimits};
use facevault::wire::encode_base64;
use facevault::{
    AlignmentTemplate, ClientId, ColorOrder, EmbedderSpec, Engine, EngineParts, ImageBytes, Metric, ModelId, NewPerson,
    Normalization, PhotoRules, TokenSecret, Vault, VaultOptions,
};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use serde_json::json;

/// Requests at once of the client that floods the queue.
const FLOOD: usize = 68;
/// Connections whose answers are not read, and the photos of the person that they request.
const READERS: usize = 30;
const PHOTOS: usize = 10;
const PHOTO_BYTES: usize = 9 << 20;
/// Connections that a server takes in the measurement of connections.
const CONNECTIONS: usize = 256;
/// What a client of HTTP/2 sends first, a request for `/healthz` included.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\0\x04\0\0\0\0\0\
    \0\0\x17\x01\x05\0\0\0\x01\x82\x86\x04\x08/healthz\x01\x09localhost";
const BASE: &str = "/v2/face-recognition";

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in
        [("photos", photos as fn()), ("memory", memory), ("connections", connections), ("tokens", tokens)]
    {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            measure();
        }
    }
}

/// One client asks for faces in large pictures, many at a time; another sends a picture of one pixel now and then.
fn photos() {
    let service = Service::new(|_| {});
    let picture = RgbImage::new(10_000, 5_000);
    let mut large = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut large);
    encoder.write_image(&picture, 10_000, 5_000, ExtendedColorType::Rgb8).expect("a WebP in memory");
    drop(picture);
    let body = |photo: &[u8]| json!({"image": encode_base64(photo)}).to_string();
    let (large, small) = (body(&large), body(&png(1)));
    let ends = AtomicBool::new(false);
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..FLOOD {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let (status, retry) = service.post(&service.one, "/detect", &large);
                    match status {
                        200 => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        _ => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_secs(retry.max(1)).min(Duration::from_secs(5)));
                        }
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        let (mut longest, mut busy) = (Duration::ZERO, 0);
        for _ in 0..8 {
            let began = Instant::now();
            while service.post(&service.other, "/detect", &small).0 != 200 {
                busy += 1;
                std::thread::sleep(Duration::from_millis(500));
            }
            longest = longest.max(began.elapsed());
        }
        ends.store(true, Ordering::Relaxed);
        println!("photos: beside {FLOOD} detections of 50 megapixels at once, the other client's one pixel");
        println!("        took {:.2} s at most, and was answered 503 {busy} times", longest.as_secs_f64());
    });
    let (answered, refused) = (answered.into_inner(), refused.into_inner());
    println!("        the client who floods was answered 200 {answered} times, 503 {refused} times");
}

/// Many connections request a person with large photos and do not read the answer.
fn memory() {
    let service = Service::new(|_| {});
    let new = NewPerson {
        id: "ada".parse().ok(),
        name: "Ada".into(),
        images: (0..PHOTOS).map(|i| padded(i as u32)).collect(),
        ..NewPerson::default()
    };
    service.vault.create_person(&new).expect("a person");
    drop(new);
    let request =
        format!("GET {BASE}/persons/ada HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", service.one);
    // Resets the peak.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
    let before = peak();
    let streams: Vec<TcpStream> = (0..READERS)
        .map(|_| {
            let mut stream = TcpStream::connect(service.address()).expect("a connection");
            stream.write_all(request.as_bytes()).expect("sent");
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_secs(10));
    let taken = streams.iter().filter(|stream| begins(stream).contains(" 200 ")).count();
    let (after, began) = (peak(), Instant::now());
    let (status, _) = service.get(&service.other, "/persons");
    println!("memory: {READERS} readers of {PHOTOS} photos of 9 MiB, {taken} answered 200: peak {before} MB before,");
    println!("        {after} MB after; the other client was answered {status} in {:.2} s", seconds(began));
}

/// One address opens as many HTTP/2 connections as there may be, and keeps them alive with pings.
fn connections() {
    let service = Service::new(|options| {
        options.max_connections = CONNECTIONS;
        options.patience = Duration::from_secs(5);
    });
    let mut held: Vec<TcpStream> = (0..CONNECTIONS)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(service.address()).ok()?;
            stream.write_all(HELLO).ok()?;
            stream.set_nonblocking(true).ok()?;
            Some(stream)
        })
        .collect();
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut part = [0; 4_096];
            while !ends.load(Ordering::Relaxed) {
                held.retain_mut(|stream| {
                    // Acknowledges settings and every ping.
                    let mut alive = true;
                    match stream.read(&mut part) {
                        Ok(0) => alive = false,
                        Ok(length) => {
                            for frame in frames(&part[..length]) {
                                alive &= stream.write_all(&frame).is_ok();
                            }
                        }
                        Err(error) => alive = error.kind() == std::io::ErrorKind::WouldBlock,
                    }
                    alive && stream.write_all(b"\0\0\x08\x06\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08").is_ok()
                });
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        std::thread::sleep(Duration::from_secs(1));
        let (began, longest) = (Instant::now(), Duration::from_secs(30));
        let mut tries = 1;
        while !asks(&service) && began.elapsed() < longest {
            tries += 1;
            std::thread::sleep(Duration::from_millis(500));
        }
        let answered = if began.elapsed() < longest { "was answered" } else { "was NOT answered" };
        println!("connections: beside {CONNECTIONS} of HTTP/2 that have had their answer, another");
        println!("        {answered} within {:.2} s, at try {tries}", seconds(began));
        ends.store(true, Ordering::Relaxed);
    });
}

/// Whether a new connection is answered.
fn asks(service: &Service) -> bool {
    let Ok(mut stream) = TcpStream::connect(service.address()) else { return false };
    drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
    drop(stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    answer.contains("200 OK")
}

/// Acknowledgements for the settings and pings among some frames of HTTP/2.
fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some((payload, after)) = rest.split_at_checked(length) else { break };
        match (head[3], head[4]) {
            (4, 0) => answers.push(vec![0, 0, 0, 4, 1, 0, 0, 0, 0]),
            (6, 0) => answers.push([&[0, 0, 8, 6, 1, 0, 0, 0, 0], payload].concat()),
            _ => {}
        }
        bytes = after;
    }
    answers
}

/// One address sends wrong tokens without a pause, and then a valid token that the server has not seen before.
fn tokens() {
    let service = Service::new(|_| {});
    let ends = AtomicBool::new(false);
    let shown = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let wrong = TokenSecret::generate().expect("random").reveal();
                    service.get(&wrong, "/persons");
                    shown.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(2));
        let (began, mut refused) = (Instant::now(), 0);
        while service.get(&service.one, "/persons").0 != 200 && began.elapsed() < Duration::from_secs(20) {
            refused += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        ends.store(true, Ordering::Relaxed);
        let rate = shown.load(Ordering::Relaxed) as f64 / (2.0 + seconds(began));
        println!("tokens: beside {rate:.0} wrong ones a second, a good one was refused {refused} times");
        println!("        in {:.2} s", seconds(began));
    });
}

/// A server of a vault with two clients.
struct Service {
    url: String,
    vault: Vault,
    one: String,
    other: String,
    stop: StopHandle,
    running: Option<JoinHandle<facevault::Result<()>>>,
    agent: ureq::Agent,
    _folder: tempfile::TempDir,
}

impl Service {
    fn new(set: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let other = ClientId::new("other").expect("an id");
        let options = VaultOptions::default().with_engine(engine());
        let vault = Vault::create(folder.path().join("people.vault"), options).expect("a vault");
        vault.add_client(&other).expect("a client");
        let token = |vault: &Vault| vault.create_token(None).expect("a token").0.reveal();
        let (one, other) = (token(&vault), token(&vault.for_client(&other).expect("a client")));
        let mut options = ServerOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServerOptions::default() };
        set(&mut options);
        let server = Server::bind(vault.clone(), options).expect("a server");
        let (url, stop) = (server.url(), server.stop_handle());
        let running = Some(std::thread::spawn(move || server.run()));
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections_per_host(100);
        let agent = config.timeout_global(Some(Duration::from_secs(300))).build().new_agent();
        Self { url, vault, one, other, stop, running, agent, _folder: folder }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The status, and the seconds in `Retry-After`, or 0.
    fn post(&self, token: &str, path: &str, body: &str) -> (u16, u64) {
        let request =
            self.agent.post(format!("{}{BASE}{path}", self.url)).header("Authorization", format!("Bearer {token}"));
        status(request.header("Content-Type", "application/json").send(body))
    }

    fn get(&self, token: &str, path: &str) -> (u16, u64) {
        status(
            self.agent
                .get(format!("{}{BASE}{path}", self.url))
                .header("Authorization", format!("Bearer {token}"))
                .call(),
        )
    }
}

fn status(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, u64) {
    let mut answer = answer.expect("an answer");
    drop(answer.body_mut().read_to_vec());
    let retry = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    (answer.status().as_u16(), retry.unwrap_or(0))
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.stop();
        drop(self.running.take().map(JoinHandle::join));
    }
}

/// The first bytes of what was answered, if any came.
fn begins(mut stream: &TcpStream) -> String {
    drop(stream.set_read_timeout(Some(Duration::from_millis(200))));
    let mut part = [0; 64];
    let length = stream.read(&mut part).unwrap_or(0);
    String::from_utf8_lossy(&part[..length]).into_owned()
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// The peak of this process's memory in megabytes; 0 if the system does not report it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1_000
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into_inner()
}

/// A photo of a face that differs from the others, with bytes behind its end.
fn padded(number: u32) -> ImageBytes {
    let mut bytes = png(96 + number);
    bytes.resize(PHOTO_BYTES, 0);
    bytes.into()
}

/// Networks that find one face in pictures that are large enough, and see the same in all.
fn engine() -> Engine {
    let rules = PhotoRules::default().with_quality(QualityLimits::off());
    let parts = EngineParts::new("fake", Box::new(OneFace), Box::new(Same(spec()))).with_rules(rules);
    Engine::from_parts(parts.with_threads(2)).expect("threads")
}

struct OneFace;

impl Detector for OneFace {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
        if picture.width().min(picture.height()) < 96 {
            return Ok(Vec::new());
        }
        let points = [(28.0, 36.0), (52.0, 36.0), (40.0, 48.0), (30.0, 58.0), (50.0, 58.0)];
        let points = points.map(|(x, y)| Point::new(x, y));
        let landmarks = Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points };
        Ok(vec![Face { bounds: Rect { x: 20.0, y: 20.0, width: 40.0, height: 48.0 }, landmarks, score: 0.9 }])
    }
}

struct Same(EmbedderSpec);

fn spec() -> EmbedderSpec {
    let template = AlignmentTemplate {
        landmarks: facevault::geometry::LandmarkScheme::EyesNoseMouth,
        size: 24,
        points: [[6.0, 8.0], [18.0, 8.0], [12.0, 14.0], [7.0, 19.0], [17.0, 19.0]],
    };
    let normalization = Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
    EmbedderSpec::new(normalization, 4, Metric::Cosine, template)
}

impl Embedder for Same {
    fn spec(&self) -> &EmbedderSpec {
        &self.0
    }

    fn model(&self) -> ModelId {
        ModelId::from_bytes([1; 16])
    }

    fn embed(&self, faces: &[AlignedFace]) -> facevault::Result<Vec<Vec<f32>>> {
        Ok(faces.iter().map(|_| vec![1.0, 2.0, 3.0, 4.0]).collect())
    }
}
