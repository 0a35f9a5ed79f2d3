//! Clients that ask for more than their share: threads and places are divided, and `Retry-After` is right.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use facevault::vision::{Detector, Face};
use image::RgbImage;
use serde_json::{Value, json};

use super::Service;
use crate::fakes;

/// A detector that lets as many photos pass as were allowed, and remembers their widths.
#[derive(Clone, Default)]
struct Turnstile(Arc<(Mutex<Passed>, Condvar)>);

#[derive(Default)]
struct Passed {
    allowed: usize,
    waiting: usize,
    widths: Vec<u32>,
}

impl Turnstile {
    /// Lets so many more pass.
    fn allow(&self, count: usize) {
        self.0.0.lock().expect("a lock").allowed += count;
        self.0.1.notify_all();
    }

    fn widths(&self) -> Vec<u32> {
        self.0.0.lock().expect("a lock").widths.clone()
    }

    /// Waits until a photo stands before it.
    fn is_reached(&self) {
        let state = self.0.0.lock().expect("a lock");
        let waits = |state: &mut Passed| state.waiting == 0;
        let (_state, late) = self.0.1.wait_timeout_while(state, Duration::from_secs(30), waits).expect("a lock");
        assert!(!late.timed_out());
    }
}

impl Detector for Turnstile {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let mut state = self.0.0.lock().expect("a lock");
        state.waiting += 1;
        self.0.1.notify_all();
        let mut state = self.0.1.wait_while(state, |state| state.allowed == 0).expect("a lock");
        state.allowed -= 1;
        state.waiting -= 1;
        state.widths.push(picture.width());
        drop(state);
        fakes::CountingDetector.detect(picture)
    }
}

/// A request about a photo with one face, of this width.
fn detection(width: u32, height: u32) -> Value {
    let mut picture = RgbImage::new(width, height);
    picture.put_pixel(0, 0, image::Rgb([1, 0, 0]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG in memory");
    json!({"image": facevault::wire::encode_base64(&bytes.into_inner())})
}

/// Waits until so many requests with photos run or wait.
#[track_caller]
fn until_there_are(service: &Service, count: usize) {
    let line = format!("facevault_photo_queue {count}");
    let began = Instant::now();
    while !service.process_metrics().lines().any(|found| found == line) {
        assert!(began.elapsed() < Duration::from_secs(30), "there are never {count}: {}", service.process_metrics());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Where the process's metrics are served.
const METRICS: Option<std::net::SocketAddr> =
    Some(std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0));

#[test]
fn another_client_is_next_however_many_requests_of_the_first_wait() {
    let gate = Turnstile::default();
    let engine = fakes::engine_detecting(Box::new(gate.clone()), 1, 1);
    let service = Service::of(Some(engine), |options| (options.queue, options.metrics) = (10, METRICS));
    let b = service.token_of_b();
    let (large, small) = (detection(2_000, 1_000), detection(96, 96).to_string());
    std::thread::scope(|scope| {
        for count in 1..=11 {
            scope.spawn(|| assert_eq!(service.post("/detect", &large).status, 200));
            until_there_are(&service, count);
        }
        gate.is_reached();
        // The queue is full for this client, and for this client alone.
        let refused = service.post("/detect", &large);
        refused.fails(503, "busy", "ERROR");
        assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{refused:?}");
        let others: Vec<_> = (1..=5)
            .map(|count| {
                let other = scope.spawn(|| service.send_as(&b, "POST", "/detect", Some(small.as_bytes())));
                until_there_are(&service, 11 + count);
                other
            })
            .collect();
        // Half of the queue is this client's.
        assert_eq!(service.send_as(&b, "POST", "/detect", Some(small.as_bytes())).status, 503);
        gate.allow(16);
        assert!(others.into_iter().all(|other| other.join().expect("an answer").status == 200));
    });
    // One was under way; a photo of two megapixels costs as much as a few small ones.
    let widths = gate.widths();
    assert_eq!((widths[0], widths[1], widths.len()), (2_000, 96, 16));
    assert!(widths[1..8].iter().filter(|width| **width == 96).count() >= 3, "{widths:?}");
}

#[test]
fn a_request_that_is_sent_again_after_its_retry_time_is_served() {
    /// Takes a while for each photo.
    struct Slow;
    impl Detector for Slow {
        fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
            std::thread::sleep(Duration::from_millis(700));
            fakes::CountingDetector.detect(picture)
        }
    }
    let service = Service::of(Some(fakes::engine_detecting(Box::new(Slow), 1, 1)), |options| options.queue = 2);
    let body = detection(96, 96);
    // The server measures how long a job takes.
    assert_eq!(service.post("/detect", &body).status, 200);
    let answers: Vec<(u64, u16)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let first = service.post("/detect", &body);
                    if first.status == 200 {
                        return (0, 200);
                    }
                    first.fails(503, "busy", "ERROR");
                    let seconds = first.header("retry-after").parse().expect("seconds");
                    std::thread::sleep(Duration::from_secs(seconds));
                    (seconds, service.post("/detect", &body).status)
                })
            })
            .collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let refused: Vec<_> = answers.iter().filter(|(seconds, _)| *seconds > 0).collect();
    assert!(refused.len() >= 4, "{answers:?}");
    assert!(refused.iter().all(|(_, status)| *status == 200), "{answers:?}");
    // Five wait for places that become free one by one, so their times differ, and none is far too long.
    let latest = refused.iter().map(|(seconds, _)| *seconds).max().expect("some");
    assert!((2..=10).contains(&latest), "{answers:?}");
}

#[test]
fn a_request_is_bounded_in_megapixels() {
    let service = Service::with(|options| options.max_megapixels = 2);
    let photo = |width, height| detection(width, height)["image"].clone();
    assert_eq!(service.post("/detect", &detection(2_000, 1_000)).status, 200);
    let refused = service.post("/detect", &detection(2_000, 1_001));
    refused.fails(413, "too_many_pixels", "ERROR");
    assert!(refused.text.contains("3 megapixels, at most 2"), "{refused:?}");
    let one = photo(1_000, 600);
    for (path, body) in [
        ("/compare", json!({"probe": [one, one], "gallery": [one, one], "search_mode": "FAST"})),
        ("/persons", json!({"name": "Ada", "images": [photo(1_000, 700), photo(1_001, 700), photo(1_002, 700)]})),
        ("/search", json!({"images": [photo(1, 1), photo(2_000, 1_000)], "min_score": 0.5, "search_mode": "FAST"})),
    ] {
        service.post(path, &body).fails(413, "too_many_pixels", "ERROR");
    }
    assert_eq!(service.post("/compare", &json!({"probe": [one], "gallery": [one], "search_mode": "FAST"})).status, 200);
    assert_eq!(service.get("/persons").json()["pagination"]["total"], 0);
}

#[test]
fn a_client_that_disconnects_while_waiting_keeps_no_place() {
    let gate = Turnstile::default();
    let engine = fakes::engine_detecting(Box::new(gate.clone()), 1, 1);
    let service = Service::of(Some(engine), |options| (options.queue, options.metrics) = (1, METRICS));
    let body = detection(96, 96);
    let impatient = super::agent(|config| config.timeout_global(Some(Duration::from_millis(300))));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| service.post("/detect", &body).status);
        gate.is_reached();
        let request = impatient.post(format!("{}{}/detect", service.url, super::BASE));
        let request = request.header("Authorization", format!("Bearer {}", service.token));
        assert!(request.header("Content-Type", "application/json").send(body.to_string()).is_err());
        drop(impatient);
        until_there_are(&service, 1);
        let second = scope.spawn(|| service.post("/detect", &body).status);
        until_there_are(&service, 2);
        gate.allow(2);
        assert_eq!((first.join().expect("an answer"), second.join().expect("an answer")), (200, 200));
    });
    assert_eq!(gate.widths().len(), 2);
}
