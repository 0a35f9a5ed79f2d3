//! `facevault serve` as a process of its own: started, stopped, killed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::children::kills;
use crate::harness::Facevault;

/// A server of the test's vault; dropping it kills it.
pub(super) struct Serving {
    pub(super) child: Child,
    url: Url,
    /// What it said when it began.
    pub(super) began: Value,
}

impl Serving {
    pub(super) fn start(test: &Facevault, more: &[&str]) -> Self {
        let mut command =
            test.command(["serve", test.vault(), "--listen", "127.0.0.1:0", "--without-models", "--json"]);
        command.args(more);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a server");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let mut answer: Value = serde_json::from_str(&line).expect("JSON");
        let began = answer["data"].take();
        Self { child, url: Url(began["url"].as_str().expect("an address").to_owned()), began }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn token(test: &Facevault) -> String {
    test.run(["token", "create", test.vault(), "--quiet"]).ok().stdout.trim().to_owned()
}

fn notes(test: &Facevault) -> u64 {
    let shown = test.run(["person", "show", test.vault(), "ada", "--json"]).ok().json();
    shown["data"]["notes"].as_str().expect("notes").parse().unwrap_or(0)
}

#[test]
fn a_killed_server_has_kept_every_update_that_it_acknowledged() {
    let test = Facevault::in_any_place().and_ada();
    let token = token(&test);
    let acknowledged = AtomicU64::new(0);
    let mut next = 0;
    for round in 0..kills(5) {
        let mut serving = Serving::start(&test, &["-v"]);
        let agent = super::agent(|config| config);
        std::thread::scope(|scope| {
            let (url, acknowledged, token, first) = (Url(serving.url.0.clone()), &acknowledged, &token, next);
            let writer = scope.spawn(move || {
                for count in first + 1.. {
                    match url.note(&agent, token, count) {
                        Some(200) => acknowledged.store(count, Ordering::SeqCst),
                        _ => return count,
                    }
                }
                first
            });
            // The first answer may take long where the machine is busy.
            let before = acknowledged.load(Ordering::SeqCst);
            while acknowledged.load(Ordering::SeqCst) == before && !writer.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(20 + 37 * round as u64));
            serving.child.kill().expect("killed");
            next = writer.join().expect("a writer");
        });
        let (kept, acknowledged) = (notes(&test), acknowledged.load(Ordering::SeqCst));
        assert!(acknowledged > 0 && kept >= acknowledged && kept <= next, "{acknowledged} {kept} {next}");
        test.run(["check", test.vault()]).ok();
    }
}

/// Where a server answers.
struct Url(String);

impl Url {
    /// Updates ada's notes; the status, where the server still answers.
    fn note(&self, agent: &ureq::Agent, token: &str, notes: u64) -> Option<u16> {
        let request = agent
            .put(format!("{}/v2/face-recognition/persons/ada", self.0))
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json");
        request.send(json!({"notes": notes.to_string()}).to_string()).ok().map(|answer| answer.status().as_u16())
    }
}

#[test]
fn ctrl_c_ends_it_well_and_the_log_holds_no_names() {
    let test = Facevault::in_any_place().and_ada().with("FACEVAULT_LOG", "debug");
    let token = token(&test);
    let mut serving = Serving::start(&test, &["-v"]);
    let url = &serving.url;
    let agent = super::agent(|config| config);
    assert_eq!(url.note(&agent, &token, 4_711), Some(200));
    let lookup = format!("{}/v2/face-recognition/persons/lookup?name=Lovelace", url.0);
    assert_eq!(
        agent.get(lookup).header("Authorization", format!("Bearer {token}")).call().expect("an answer").status(),
        200
    );
    let signalled = std::process::Command::new("kill").args(["-INT", &serving.child.id().to_string()]).status();
    assert!(signalled.expect("kill").success());
    let mut log = String::new();
    serving.child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
    assert!(serving.child.wait().expect("ended").success(), "{log}");
    assert!(log.contains("answered") && log.contains("/v2/face-recognition/persons/{id}"), "{log}");
    for secret in ["Lovelace", "4711", &token, token.rsplit('.').next().expect("a secret")] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn what_fails_is_logged_under_the_requests_id_without_being_asked_for() {
    if crate::data::only_of_files("a table of the file is renamed") {
        return;
    }
    let test = Facevault::in_any_place().and_ada();
    let token = token(&test);
    let mut serving = Serving::start(&test, &["--metrics", "127.0.0.1:0"]);
    let agent = super::agent(|config| config);
    let ask = |path: &str| {
        let request = agent.get(format!("{}/v2/face-recognition{path}", serving.url.0));
        request.header("Authorization", format!("Bearer {token}")).call().expect("an answer")
    };
    assert_eq!(ask("/persons/ada").status(), 200);
    let file = crate::data::database(test.path().join("v"));
    file.execute_batch("ALTER TABLE collections RENAME TO elsewhere").expect("renamed");
    let failed = ask("/collections");
    assert_eq!(failed.status(), 500);
    let id = failed.headers()["x-request-id"].to_str().expect("text").to_owned();
    serving.child.kill().expect("killed");
    let mut log = String::new();
    serving.child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() == 1 && lines[0].contains(&id) && lines[0].contains("a request failed"), "{log}");
    assert!(lines[0].contains("/v2/face-recognition/collections") && !log.contains(&token), "{log}");
}

#[test]
fn what_cannot_be_served_is_told() {
    let test = Facevault::in_any_place().and_ada();
    let vault = test.vault();
    test.run(["serve", "nothing"]).fails(2, "no such file");
    test.run(["serve", vault, "--listen", "0.0.0.0:0", "--without-models"]).fails(2, "loopback");
    test.run(["serve", vault, "--metrics", "0.0.0.0:0", "--without-models"]).fails(2, "loopback");
    test.run(["serve", vault, "--listen", "nowhere"]).fails(2, "--listen");
    test.run(["serve", vault, "--tls-cert", "x"]).fails(2, "--tls-key");
    test.run(["serve", vault, "--without-models", "--tls-cert", "x", "--tls-key", "x"]).fails(2, "cannot be read");
    test.run(["serve", vault]).fails(3, "facevault setup");
    let table = test.write("table.toml", "points = []");
    let table = table.display().to_string();
    test.run(["serve", vault, "--without-models", "--calibration", &table]).fails(2, "table.toml");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_writes_no_core_dump() {
    let test = Facevault::in_any_place().and_ada();
    let serving = Serving::start(&test, &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.child.id())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}

#[test]
fn a_server_removes_people_whose_time_has_come() {
    let test = Facevault::in_any_place().and_ada();
    let vault = test.vault();
    test.run(["person", "add", vault, "--name", "Old", "--id", "old", "--expires-at", "2020-01-01T00:00:00Z"]).ok();
    test.run(["purge", vault, "--policy", "--expired"]).ok();
    let _serving = Serving::start(&test, &[]);
    let begun = std::time::Instant::now();
    while test.run(["person", "show", vault, "old"]).code == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the person is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    test.run(["person", "show", vault, "ada"]).ok();
}
