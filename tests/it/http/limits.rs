//! How much a client may ask for, how slowly, and under which name.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use facevault::vision::{Detector, Face};
use facevault::{ErrorKind, VaultOptions};
use image::RgbImage;
use serde_json::json;

use super::{BASE, Service, photo};
use crate::fakes;
use crate::place::Place;

/// A detector that stands still until it is let go.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<(bool, usize)>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        self.0.0.lock().expect("a lock").0 = true;
        self.0.1.notify_all();
    }

    /// Waits until so many photos stand before it.
    pub(super) fn reached_by(&self, count: usize) {
        let state = self.0.0.lock().expect("a lock");
        let (_state, late) = self
            .0
            .1
            .wait_timeout_while(state, Duration::from_secs(30), |(_, waiting)| *waiting < count)
            .expect("a lock");
        assert!(!late.timed_out());
    }
}

impl Detector for Gate {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let mut state = self.0.0.lock().expect("a lock");
        state.1 += 1;
        self.0.1.notify_all();
        drop(self.0.1.wait_while(state, |(open, _)| !*open).expect("a lock"));
        fakes::CountingDetector.detect(picture)
    }
}

impl Service {
    /// Sends bytes as they are and reads what comes until the server closes or `wait` is over.
    pub(super) fn raw(&self, bytes: &[u8], wait: Duration) -> String {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).expect("a connection");
        stream.set_read_timeout(Some(wait)).expect("set");
        stream.write_all(bytes).expect("sent");
        let (mut answer, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(count) = stream.read(&mut part) {
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&part[..count]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[test]
fn a_full_queue_is_told_and_reading_goes_on() {
    let gate = Gate::default();
    let engine = fakes::engine_detecting(Box::new(gate.clone()), 1, 1);
    let service = Service::of(Some(engine), |options| options.queue = 1);
    let body = json!({"image": photo(1)});
    std::thread::scope(|scope| {
        let first = scope.spawn(|| service.post("/detect", &body));
        gate.reached_by(1);
        let second = scope.spawn(|| service.post("/detect", &body));
        let waits = || service.get("/metrics").text.contains("facevault_photo_queue 2");
        let began = Instant::now();
        while !waits() {
            assert!(began.elapsed() < Duration::from_secs(30), "the second request does not wait");
        }
        let third = service.post("/detect", &body);
        third.fails(503, "busy", "ERROR");
        assert_eq!(third.header("retry-after"), "1");
        assert_eq!(service.get("/persons").status, 200);
        gate.open();
        assert_eq!((first.join().expect("an answer").status, second.join().expect("an answer").status), (200, 200));
    });
    assert_eq!(service.post("/detect", &body).status, 200);
}

#[test]
fn stopping_finishes_what_is_under_way() {
    let gate = Gate::default();
    let service = Service::of(Some(fakes::engine_detecting(Box::new(gate.clone()), 1, 1)), |_| {});
    let body = json!({"_id": "ada", "name": "Ada", "images": [photo(1)]});
    std::thread::scope(|scope| {
        let under_way = scope.spawn(|| service.post("/persons", &body));
        gate.reached_by(1);
        service.stop.stop();
        let began = Instant::now();
        while TcpStream::connect(service.url.trim_start_matches("http://")).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(30), "new connections are taken");
        }
        gate.open();
        assert_eq!(under_way.join().expect("an answer").data()["_id"], "ada");
    });
    assert!(service.vault.person(&"ada".parse().expect("an id")).is_ok());
}

#[test]
fn bodies_are_bounded_singly_and_together() {
    let service = Service::with(|options| (options.max_body, options.max_bodies) = (20_000, 40_000));
    service
        .vault
        .create_person(&facevault::NewPerson { id: "ada".parse().ok(), name: "Ada".into(), ..Default::default() })
        .expect("ada");
    let notes = |length: usize| format!("{{\"notes\": \"{}\"}}", "x".repeat(length)).into_bytes();
    let put = |body: &[u8]| service.send("PUT", "/persons/ada", Some(body));
    assert_eq!(put(&notes(3_000)).status, 200);
    put(&notes(20_000)).fails(413, "body_too_large", "ERROR");
    let together = put(&notes(15_000));
    together.fails(503, "busy", "ERROR");
    assert_eq!(together.header("retry-after"), "1");
    // The bytes of those are not held any more.
    assert_eq!(put(&notes(4_000)).status, 200);

    // Without a length that is stated beforehand.
    let head = format!(
        "PUT {BASE}/persons/ada HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        service.token
    );
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1_000));
    let answer = service.raw(format!("{head}{}0\r\n\r\n", chunk.repeat(9)).as_bytes(), Duration::from_secs(5));
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    // A length that is a lie: nothing is allocated for it.
    let lie = head.replace("Transfer-Encoding: chunked", "Content-Length: 9000000000000000000");
    let answer = service.raw(lie.as_bytes(), Duration::from_secs(5));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn a_body_says_that_it_is_json() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let bearer = format!("Bearer {}", service.token);
    let put = |headers: &[(&str, &str)]| {
        let all: Vec<_> = [("Authorization", bearer.as_str())].iter().chain(headers).copied().collect();
        service.send_with(&all, "PUT", "/persons/ada", Some(b"{}"))
    };
    for kind in
        ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
    {
        assert_eq!(put(&[("Content-Type", kind)]).status, 200, "{kind}");
    }
    for headers in [
        &[][..],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
    ] {
        put(headers).fails(415, "unsupported_media_type", "ERROR");
    }
}

#[test]
fn slow_clients_are_not_waited_for() {
    let service = Service::with(|options| options.patience = Duration::from_millis(300));
    let began = Instant::now();
    for head in ["", "GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-"] {
        let answer = service.raw(head.as_bytes(), Duration::from_secs(10));
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    let head = format!(
        "POST {BASE}/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"image\"",
        service.token
    );
    let answer = service.raw(head.as_bytes(), Duration::from_secs(10));
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(service.get("/healthz").status, 200);
}

#[test]
fn a_deep_body_is_no_json() {
    let service = Service::new();
    for body in ["[".repeat(1_000_000), format!("{{\"a\":{}", "[".repeat(500_000)), "{\"a\":".repeat(100_000)] {
        let answer = service.send("POST", "/search", Some(body.as_bytes()));
        assert!(answer.status == 409 && answer.text.contains("must be JSON"), "{}", answer.status);
    }
}

#[test]
fn other_hosts_are_refused() {
    let service = Service::with(|options| options.hosts = vec!["kiosk.example".into()]);
    let ask = |host: &str| {
        service
            .raw(format!("GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes(), Duration::from_secs(5))
    };
    for host in ["Host: localhost\r\n", "Host: 127.0.0.1:1\r\n", "Host: kiosk.example\r\n"] {
        assert!(ask(host).starts_with("HTTP/1.1 200"), "{host}: {}", ask(host));
    }
    for host in ["Host: evil.example\r\n", "Host: localhost.evil.example\r\n", ""] {
        let answer = ask(host);
        assert!(answer.starts_with("HTTP/1.1 421") || answer.starts_with("HTTP/1.1 400"), "{host}: {answer}");
    }
}

/// A request whose answer is wanted on a connection of its own.
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn connections_with_requests_are_bounded() {
    for (all, of_one) in [(2, 100), (100, 2)] {
        let gate = Gate::default();
        let engine = fakes::engine_detecting(Box::new(gate.clone()), 1, 2);
        let service = Service::of(Some(engine), |options| {
            (options.max_connections, options.max_connections_per_address) = (all, of_one);
        });
        let (body, b) = (json!({"image": photo(1)}).to_string(), service.token_of_b());
        let post = |token: &str| service.send_as(token, "POST", "/detect", Some(body.as_bytes())).status;
        std::thread::scope(|scope| {
            let held = [scope.spawn(|| post(&service.token)), scope.spawn(|| post(&b))];
            gate.reached_by(2);
            let refused = service.raw(HEALTH, Duration::from_secs(5));
            gate.open();
            assert_eq!(refused, "");
            assert!(held.into_iter().all(|one| one.join().expect("an answer") == 200));
        });
        // Connections that are kept for later requests are idle.
        assert!(service.raw(HEALTH, Duration::from_secs(5)).contains("200 OK"));
    }
}

#[test]
fn idle_connections_make_room() {
    for (all, of_one) in [(8, 100), (100, 8)] {
        let service = Service::with(|options| {
            (options.max_connections, options.max_connections_per_address) = (all, of_one);
        });
        let address = service.url.trim_start_matches("http://").to_owned();
        let silent = || TcpStream::connect(&address).expect("a connection");
        let two = || {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            stream.write_all(HELLO).expect("sent");
            stream
        };
        let mut held: Vec<TcpStream> = (0..8).map(|i| if i % 2 == 0 { silent() } else { two() }).collect();
        for _ in 0..20 {
            assert!(service.raw(HEALTH, Duration::from_secs(5)).contains("200 OK"));
            held.push(silent());
        }
        // Those that were there first have gone.
        held[0].set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        assert_eq!(held[0].read(&mut [0; 9]).expect("an end"), 0);
    }
}

#[test]
fn one_client_cannot_have_all_requests() {
    let service = Service::with(|options| options.max_connections = 5);
    let b = service.token_of_b();
    let head = format!(
        "POST {BASE}/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"image\"",
        service.token
    );
    let slow: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(service.url.trim_start_matches("http://")).expect("a connection");
            stream.write_all(head.as_bytes()).expect("sent");
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    service.get("/persons").fails(503, "busy", "ERROR");
    assert_eq!(service.send_as(&b, "GET", "/persons", None).status, 200);
    drop(slow);
    let began = Instant::now();
    while service.get("/persons").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "their places are not given back");
    }
}

/// What a client of HTTP/2 sends first, and a request for `/healthz`.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\0\x04\0\0\0\0\0\
    \0\0\x17\x01\x05\0\0\0\x01\x82\x86\x04\x08/healthz\x01\x09localhost";
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08";

#[test]
fn a_connection_of_http_2_that_only_pings_is_idle() {
    let service = Service::with(|options| options.patience = Duration::from_secs(1));
    let mut stream = TcpStream::connect(service.url.trim_start_matches("http://")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    stream.write_all(HELLO).expect("sent");
    let began = Instant::now();
    let (mut part, mut answered) = ([0; 4096], 0);
    let ended = loop {
        if stream.write_all(PING).is_err() {
            break true;
        }
        match stream.read(&mut part) {
            Ok(0) => break true,
            Ok(length) => answered += length,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break true,
        }
        if began.elapsed() > Duration::from_secs(20) {
            break false;
        }
    };
    assert!(ended && answered > 100, "{answered} bytes after {:?}", began.elapsed());
}

#[test]
fn a_connection_is_not_idle_while_its_request_takes_long() {
    let gate = Gate::default();
    let engine = fakes::engine_detecting(Box::new(gate.clone()), 1, 1);
    let service = Service::of(Some(engine), |options| options.patience = Duration::from_millis(300));
    let body = json!({"image": photo(1)});
    std::thread::scope(|scope| {
        let held = scope.spawn(|| service.post("/detect", &body));
        gate.reached_by(1);
        std::thread::sleep(Duration::from_millis(1_200));
        gate.open();
        assert_eq!(held.join().expect("an answer").status, 200);
    });
}

#[test]
fn an_address_for_others_needs_a_word_and_certificates_are_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::new(folder.path().join("v"));
    let vault = place.create(VaultOptions::default());
    let bind = |set: &dyn Fn(&mut facevault::http::ServerOptions)| {
        let mut options = facevault::http::ServerOptions { listen: ([0, 0, 0, 0], 0).into(), ..Default::default() };
        set(&mut options);
        facevault::http::Server::bind(vault.clone(), options).map(|server| server.address())
    };
    let error = bind(&|_| {}).expect_err("not asked for");
    assert_eq!((error.kind(), error.violations()[0].field.as_str()), (ErrorKind::Invalid, "listen"));
    assert!(bind(&|options| options.allow_remote = true).is_ok());
    let files = super::page::certificate(folder.path());
    for (certificate, key) in
        [("none.pem", "key.pem"), ("key.pem", "key.pem"), ("cert.pem", "cert.pem"), ("v", "key.pem")]
    {
        let tls =
            facevault::http::TlsFiles { certificate: folder.path().join(certificate), key: folder.path().join(key) };
        let error =
            bind(&|options| (options.allow_remote, options.tls) = (true, Some(tls.clone()))).expect_err(certificate);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    assert!(bind(&|options| (options.allow_remote, options.tls) = (true, Some(files.clone()))).is_ok());
}
