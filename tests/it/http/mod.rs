//! The HTTP surface, over the wire: a real server on a free port, a real client.

mod audit;
mod auth;
mod bytes;
mod collections;
mod console;
mod contract;
mod documents;
mod duplicates;
mod faces;
mod fairness;
mod framing;
mod hostile;
#[cfg(feature = "hub")]
mod hub;
mod isolation;
mod leaving;
mod limits;
mod liveness;
mod matching;
mod page;
mod persons;
mod process;
mod scripts;
#[cfg(unix)]
mod service;
mod tending;
mod texts;
mod thumbnails;
mod vault;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use facevault::http::{Server, ServerOptions, StopHandle};
use facevault::{CalibrationPoint, CalibrationTable, ClientId, Engine, MeasuredOn, Vault, VaultOptions};
use serde_json::Value;
use tempfile::TempDir;

use super::{data, fakes};
use crate::place::Place;

/// Every route, without `/v2/face-recognition`.
const BASE: &str = "/v2/face-recognition";

/// A server of a vault with two clients, `a` and `b`, in any [`Place`]. Dropping it stops it.
struct Service {
    url: String,
    /// Where the process's numbers are.
    metrics: Option<String>,
    vault: Vault,
    token: String,
    stop: StopHandle,
    running: Option<JoinHandle<facevault::Result<()>>>,
    agent: ureq::Agent,
    place: Place,
    _folder: Arc<TempDir>,
}

/// What was answered.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: ureq::http::HeaderMap,
    text: String,
}

impl Answered {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer's `data`, if it is a success.
    #[track_caller]
    fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        let mut body = self.json();
        assert_eq!(body["success"], true, "{self:?}");
        assert!(body["id"].as_str().is_some_and(|id| !id.is_empty()), "{self:?}");
        body["data"].take()
    }

    /// An error with this status, message and code; `error` is always there.
    #[track_caller]
    fn fails(&self, status: u16, message: &str, code: &str) {
        let body = self.json();
        assert_eq!((self.status, &body["message"], &body["code"]), (status, &message.into(), &code.into()), "{self:?}");
        assert!(body["error"].is_string(), "{self:?}");
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A table for the fake engine: photos that are equal are alike, others are not.
fn table() -> CalibrationTable {
    let measured_on = MeasuredOn {
        name: "synthetic".into(),
        sha256: "ab".repeat(32),
        people: 1_000,
        mated_pairs: 1_000,
        non_mated_pairs: 1_000_000,
    };
    let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.01 };
    let points = vec![point(0.5, 0.0), point(0.1, 0.5), point(1e-2, 0.8), point(1e-3, 0.95), point(1e-5, 0.99)];
    CalibrationTable::new(measured_on, points).expect("a table")
}

fn client(id: &str) -> ClientId {
    ClientId::new(id).expect("an id")
}

impl Service {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::of(Some(fakes::engine()), set)
    }

    fn of(engine: Option<Engine>, set: impl FnOnce(&mut ServerOptions)) -> Self {
        let mut options = VaultOptions::default();
        options.engine = engine;
        Self::of_vault(options, set)
    }

    /// A server of a vault with these options.
    fn of_vault(options: VaultOptions, set: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::of_clients(options, true, set)
    }

    /// A server of a vault with the client `a` alone.
    fn of_one_client() -> Self {
        Self::of_clients(VaultOptions::default().with_engine(fakes::engine()), false, |_| {})
    }

    fn of_clients(options: VaultOptions, with_b: bool, set: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("people.vault"));
        let vault = place.create(options.with_client(client("a")));
        if with_b {
            vault.add_client(&client("b")).expect("a client");
        }
        let (secret, _) = vault.create_token(None).expect("a token");
        let mut options = ServerOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            calibration: Some(table()),
            grace: Duration::from_secs(5),
            ..ServerOptions::default()
        };
        set(&mut options);
        let server = Server::bind(vault.clone(), options).expect("a server");
        let (url, metrics, stop) = (server.url(), server.metrics_url(), server.stop_handle());
        let running = Some(std::thread::spawn(move || server.run()));
        let agent = agent(|config| config);
        Self { url, metrics, vault, token: secret.reveal(), stop, running, agent, place, _folder: Arc::new(folder) }
    }

    /// The same server for the client `b`.
    fn token_of_b(&self) -> String {
        let vault = self.vault.for_client(&client("b")).expect("a client");
        vault.create_token(None).expect("a token").0.reveal()
    }

    /// The numbers of the whole process, where the options ask for them.
    #[track_caller]
    fn process_metrics(&self) -> String {
        let answer = self.agent.get(self.metrics.as_ref().expect("an address")).call().expect("an answer");
        answer.into_body().read_to_string().expect("text")
    }

    fn get(&self, path: &str) -> Answered {
        self.send("GET", path, None)
    }

    fn delete(&self, path: &str) -> Answered {
        self.send("DELETE", path, None)
    }

    fn post(&self, path: &str, body: &Value) -> Answered {
        self.send("POST", path, Some(body.to_string().as_bytes()))
    }

    fn put(&self, path: &str, body: &Value) -> Answered {
        self.send("PUT", path, Some(body.to_string().as_bytes()))
    }

    fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answered {
        self.send_as(&self.token, method, path, body)
    }

    /// A request with a token of the caller's choice; a path that is not of the service itself
    /// stands below [`BASE`].
    fn send_as(&self, token: &str, method: &str, path: &str, body: Option<&[u8]>) -> Answered {
        let bearer = format!("Bearer {token}");
        self.send_with(&[("Authorization", &bearer), ("Content-Type", "application/json")], method, path, body)
    }

    fn send_with(&self, headers: &[(&str, &str)], method: &str, path: &str, body: Option<&[u8]>) -> Answered {
        let own =
            ["/healthz", "/metrics", "/openapi.json", "/docs", "/console"].iter().any(|own| path.starts_with(own));
        let url = format!("{}{}{path}", self.url, if own { "" } else { BASE });
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.unwrap_or_default().to_vec();
        let answer = self.agent.run(request.body(body).expect("a request")).expect("an answer");
        let (parts, mut body) = answer.into_parts();
        let text = body.with_config().limit(1 << 30).read_to_string().expect("text");
        Answered { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// Creates a person with one photo.
    #[track_caller]
    fn enroll(&self, id: &str, name: &str, seed: u32) -> Value {
        self.post("/persons", &serde_json::json!({"_id": id, "name": name, "images": [photo(seed)]})).data()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.stop();
        let ended = self.running.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.expect("a server").expect("a server that does not panic").expect("a server that ends well");
        }
    }
}

fn agent(
    set: impl FnOnce(
        ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
    ) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(60)));
    set(config).build().new_agent()
}

/// What answers say of removed bytes in a hub: PostgreSQL overwrites them later.
const ERASURE_IN_HUBS: &str = "pending";

/// What the answer to a removal says of the removed bytes.
fn erasure() -> &'static str {
    if data::vaults_are_in_hubs() { ERASURE_IN_HUBS } else { "done" }
}

/// A photo of somebody in base64.
fn photo(seed: u32) -> String {
    base64::engine::general_purpose::STANDARD.encode(fakes::photo(seed).as_slice())
}

/// A photo with this many faces in base64.
fn photo_of(seed: u32, faces: u8) -> String {
    base64::engine::general_purpose::STANDARD.encode(fakes::photo_of(seed, faces).as_slice())
}
