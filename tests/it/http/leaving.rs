//! Clients that do not take their answers, leave before them, or still send when they are answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use facevault::{ImageBytes, NewPerson};
use serde_json::json;

use super::limits::Gate;
use super::{BASE, Service, photo};
use crate::fakes;

/// Waits until the process's numbers have a line that passes.
#[track_caller]
fn until(service: &Service, what: &str, passes: impl Fn(&str) -> bool) {
    let began = Instant::now();
    while !service.process_metrics().lines().any(&passes) {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}: {}", service.process_metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn held(line: &str) -> Option<u64> {
    line.strip_prefix("facevault_held_bytes ")?.parse().ok()
}

fn connect(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.url.trim_start_matches("http://")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream
}

/// Everything that comes until the server closes.
fn rest(mut stream: TcpStream) -> usize {
    let (mut count, mut part) = (0, vec![0; 1 << 16]);
    while let Ok(length @ 1..) = stream.read(&mut part) {
        count += length;
    }
    count
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header whose name has this number in HPACK's table, below 15 + 128, and a plain value.
fn header(name: u8, value: &str) -> Vec<u8> {
    let mut bytes = if name < 15 { vec![name] } else { vec![15, name - 15] };
    match value.len() {
        length @ ..127 => bytes.push(length as u8),
        length => bytes.extend([127, (length - 127) as u8]),
    }
    [&bytes, value.as_bytes()].concat()
}

/// A request of HTTP/2 by a client that lets nothing come back.
fn without_window(path: &str, token: &str) -> Vec<u8> {
    const INITIAL_WINDOW_SIZE: [u8; 6] = [0, 4, 0, 0, 0, 0];
    const GET_OVER_HTTP: [u8; 2] = [0x82, 0x86];
    let bearer = header(23, &format!("Bearer {token}"));
    let head = [&GET_OVER_HTTP[..], &header(4, path), &header(1, "localhost"), &bearer].concat();
    let (settings, headers) = (frame(4, 0, 0, &INITIAL_WINDOW_SIZE), frame(1, 5, 1, &head));
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings, &headers].concat()
}

#[test]
fn an_answer_that_nobody_takes_is_counted_and_goes_in_time_and_others_are_served() {
    const LARGE: usize = 12 << 20;
    let service = Service::with(|options| {
        options.max_bodies = 8 << 20;
        options.longest = Duration::from_secs(3);
        options.metrics = Some(([127, 0, 0, 1], 0).into());
    });
    let large: ImageBytes = [fakes::photo(1).as_slice(), &vec![0; LARGE]].concat().into();
    let new = NewPerson { id: "ada".parse().ok(), name: "Ada".into(), images: vec![large], ..NewPerson::default() };
    service.vault.create_person(&new).expect("ada");
    let path = format!("{BASE}/persons/ada");
    let one = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", service.token);
    let b = service.token_of_b();
    for request in [one.into_bytes(), without_window(&path, &service.token)] {
        let mut stream = connect(&service);
        stream.write_all(&request).expect("sent");
        until(&service, "the answer is counted", |line| held(line).is_some_and(|held| held > LARGE as u64));
        // Its client has to take it first; others are not concerned.
        service.get("/persons").fails(503, "busy", "ERROR");
        let began = Instant::now();
        let other = service.send_as(&b, "GET", "/persons", None);
        assert_eq!(other.status, 200, "{other:?}");
        let body = format!("{{\"name\": \"{}\"}}", "x".repeat(100_000));
        assert_eq!(service.send_as(&b, "POST", "/collections", Some(body.as_bytes())).status, 409);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());

        until(&service, "the answer goes", |line| held(line) == Some(0));
        let came = rest(stream);
        assert!(came < LARGE, "{came} bytes came after all");
        assert_eq!(service.get("/persons").status, 200);
    }
    // Who takes it has it whole.
    assert!(service.get("/persons/ada").text.len() > LARGE);
}

#[test]
fn answers_that_are_not_read_stay_within_the_memory_limit() {
    const LARGE: usize = 12 << 20;
    const MOST: u64 = 80 << 20;
    let service = Service::with(|options| {
        options.max_bodies = MOST;
        options.longest = Duration::from_secs(8);
        options.metrics = Some(([127, 0, 0, 1], 0).into());
    });
    let large: ImageBytes = [fakes::photo(1).as_slice(), &vec![0; LARGE]].concat().into();
    let new = NewPerson { id: "ada".parse().ok(), name: "Ada".into(), images: vec![large], ..NewPerson::default() };
    service.vault.create_person(&new).expect("ada");
    let version = || service.vault.person_summary(&"ada".parse().expect("an id")).expect("ada").version;
    let request = format!(
        "GET {BASE}/persons/ada HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        service.token
    );
    let mut readers: Vec<TcpStream> = (0..8).map(|_| connect(&service)).collect();
    readers.iter_mut().for_each(|stream| stream.write_all(request.as_bytes()).expect("sent"));
    let status = |stream: &mut TcpStream| {
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        String::from_utf8_lossy(&head[9..]).into_owned()
    };
    let mut statuses: Vec<String> = readers.iter_mut().map(status).collect();
    statuses.sort();
    // Three quarters of the memory are for what is held: one client may hold half of that.
    assert_eq!(statuses, ["200", "200", "503", "503", "503", "503", "503", "503"]);
    until(&service, "two are held", |line| held(line).is_some_and(|held| held > 2 * LARGE as u64 && held < MOST / 2));
    // An update whose answer has no room is not made.
    service.put("/persons/ada", &json!({"name": "Other"})).fails(503, "busy", "ERROR");
    assert_eq!(version(), 1);
    let b = service.token_of_b();
    assert_eq!(service.send_as(&b, "GET", "/persons", None).status, 200);
    drop(readers);
    until(&service, "they go", |line| held(line) == Some(0));
    assert_eq!(service.put("/persons/ada", &json!({"name": "Other"})).data()["name"], "Other");
    assert_eq!(version(), 2);
}

#[test]
fn an_answer_that_is_not_read_counts_as_an_open_request() {
    const LARGE: usize = 12 << 20;
    let service = Service::with(|options| {
        options.max_connections = 4;
        options.metrics = Some(([127, 0, 0, 1], 0).into());
    });
    let large: ImageBytes = [fakes::photo(1).as_slice(), &vec![0; LARGE]].concat().into();
    let new = NewPerson { id: "ada".parse().ok(), name: "Ada".into(), images: vec![large], ..NewPerson::default() };
    service.vault.create_person(&new).expect("ada");
    let b = service.token_of_b();
    let request = format!(
        "GET {BASE}/persons/ada HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        service.token
    );
    // Half as many requests as connections.
    let mut readers: Vec<TcpStream> = (0..2).map(|_| connect(&service)).collect();
    readers.iter_mut().for_each(|stream| stream.write_all(request.as_bytes()).expect("sent"));
    until(&service, "both answers are held", |line| held(line).is_some_and(|held| held > 2 * LARGE as u64));
    service.get("/persons").fails(503, "busy", "ERROR");
    assert_eq!(service.send_as(&b, "GET", "/persons", None).status, 200);
    drop(readers);
    until(&service, "the answers are dropped", |line| held(line) == Some(0));
    assert_eq!(service.get("/persons").status, 200);
}

#[test]
fn who_leaves_before_the_answer_is_counted() {
    let gate = Gate::default();
    let engine = fakes::engine_detecting(Box::new(gate.clone()), 1, 1);
    let service = Service::of(Some(engine), |options| options.metrics = Some(([127, 0, 0, 1], 0).into()));
    let body = json!({"image": photo(1)}).to_string();
    let mut stream = connect(&service);
    let head = format!(
        "POST {BASE}/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        service.token,
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).expect("sent");
    gate.reached_by(1);
    drop(stream);
    let line = "facevault_http_requests_total{method=\"POST\",route=\"/v2/face-recognition/detect\",status=\"499\"} 1";
    until(&service, "it is counted", |found| found == line);
    gate.open();
    assert!(service.get("/metrics").text.lines().any(|found| found == line));
}

/// Sends a body of so many bytes with the standard library and prints the status and the message.
const PYTHON: &str = r#"
import http.client, json, os, sys
address, path, token, kind, length = sys.argv[1:]
connection = http.client.HTTPConnection(address)
headers = {"Authorization": "Bearer " + token, "Content-Type": kind}
connection.request("PUT", path, b"x" * int(length), headers)
answer = connection.getresponse()
print(answer.status, json.loads(answer.read())["message"])
"#;

const NODE: &str = r#"
const [address, path, token, kind, length] = process.argv.slice(2);
const answer = await fetch(`http://${address}${path}`, {
  method: "PUT",
  headers: { Authorization: "Bearer " + token, "Content-Type": kind },
  body: "x".repeat(Number(length)),
});
console.log(answer.status, (await answer.json()).message);
"#;

#[test]
fn clients_that_still_send_see_why_they_were_refused() {
    let test = "clients_that_still_send_see_why_they_were_refused";
    let service = Service::with(|options| options.max_body = 4 << 20);
    service.enroll("ada", "Ada", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let address = service.url.trim_start_matches("http://");
    let path = format!("{BASE}/persons/ada");
    for (program, file, source) in [("python3", "send.py", PYTHON), ("node", "send.mjs", NODE)] {
        if !Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: {test}: there is no {program}");
            continue;
        }
        let file = folder.path().join(file);
        std::fs::write(&file, source).expect("written");
        for (path, token, kind, said) in [
            (path.as_str(), service.token.as_str(), "application/json", "413 body_too_large"),
            (path.as_str(), service.token.as_str(), "text/plain", "415 unsupported_media_type"),
            (path.as_str(), "none", "application/json", "401 UNAUTHORIZED"),
            ("/nowhere", service.token.as_str(), "application/json", "404 route_not_found"),
        ] {
            for length in [7 << 20, 5 << 20] {
                let output = Command::new(program)
                    .arg(&file)
                    .args([address, path, token, kind, &length.to_string()])
                    .output()
                    .expect("a program that starts");
                assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), said, "{program}: {output:?}");
            }
        }
    }
}

#[test]
fn who_asks_whether_to_send_is_told_not_to() {
    let service = Service::new();
    let head = format!(
        "PUT {BASE}/persons/ada HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\
         Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut stream = connect(&service);
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and the end");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
