//! Downloads by HTTPS.
//!
//! A thread of its own talks to the server, so that cancelling does not wait for one that has gone
//! silent.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::home::cannot;
use super::install::{Failure, report};
use super::source::is_plain_http;
use super::staging::Partial;
use crate::error::{Error, ErrorKind};
use crate::progress::{Progress, Step};

/// How long a server may take to be reached, to answer, and between two reads.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the download checks whether it was cancelled.
const INTERVAL: Duration = Duration::from_millis(100);

/// What the thread sends.
enum Event {
    /// The server answered; the length of the body, if it is stated.
    Length(Option<u64>),
    Bytes(Vec<u8>),
    End,
    Failed(String),
}

/// Appends what `url` answers to `partial`.
pub(super) fn download(url: &str, partial: &mut Partial, progress: &mut dyn Progress) -> Result<(), Failure> {
    let (sender, receiver) = sync_channel(8);
    let agent = agent(url)?;
    let address = url.to_owned();
    std::thread::Builder::new()
        .name("facevault download".to_owned())
        .spawn(move || talk(&agent, &address, &sender))
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot start a thread: {error}")))?;
    receive(&receiver, url, partial, progress)
}

fn receive(
    receiver: &Receiver<Event>,
    url: &str,
    partial: &mut Partial,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let label = url.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or(url);
    let (mut done, mut total) = (0, None);
    loop {
        report(progress, Step::bytes(label, done, total))?;
        match receiver.recv_timeout(INTERVAL) {
            Ok(Event::Length(length)) => {
                if let Some(length) = length.filter(|length| *length > partial.limit()) {
                    let message = format!("{url} has {length} bytes, expected at most {}", partial.limit());
                    return Err(Error::new(ErrorKind::ModelUnavailable, message).into());
                }
                total = length;
            }
            Ok(Event::Bytes(bytes)) => {
                done += bytes.len() as u64;
                partial.write(&bytes)?;
            }
            Ok(Event::End) => return Ok(()),
            Ok(Event::Failed(why)) => return Err(Failure::Unreachable(format!("{url}: {why}"))),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::Unreachable(format!("{url}: the download ended without an answer")));
            }
        }
    }
}

/// Sends the answer piece by piece, until it ends or nobody listens any more.
fn talk(agent: &ureq::Agent, url: &str, sender: &SyncSender<Event>) {
    let mut body = match agent.get(url).call() {
        Ok(answer) if answer.status() == 200 => answer.into_body(),
        Ok(answer) => {
            let _ = sender.send(Event::Failed(refusal(answer.status().as_u16())));
            return;
        }
        Err(error) => {
            let _ = sender.send(Event::Failed(said(&error)));
            return;
        }
    };
    if sender.send(Event::Length(body.content_length())).is_err() {
        return;
    }
    // The size is limited where the bytes are written.
    let mut reader = body.with_config().limit(u64::MAX).reader();
    loop {
        let mut piece = vec![0; 1 << 16];
        let event = match reader.read(&mut piece) {
            Ok(0) => Event::End,
            Ok(read) => {
                piece.truncate(read);
                Event::Bytes(piece)
            }
            Err(error) => Event::Failed(error.to_string()),
        };
        let last = !matches!(event, Event::Bytes(_));
        if sender.send(event).is_err() || last {
            return;
        }
    }
}

fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(code) => refusal(*code),
        error => error.to_string(),
    }
}

fn refusal(status: u16) -> String {
    format!("the server answers with status {status}")
}

fn agent(url: &str) -> Result<ureq::Agent, Failure> {
    let loopback = is_plain_http(url);
    let mut config = ureq::Agent::config_builder()
        .https_only(!loopback)
        .user_agent(concat!("facevault/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    config = if loopback {
        config.proxy(None).max_redirects(0)
    } else {
        config.tls_config(TlsConfig::builder().root_certs(root_certificates()?).build())
    };
    Ok(config.build().new_agent())
}

/// The certificates of `SSL_CERT_FILE`, which machines behind an inspecting proxy set, or those
/// that are built in.
fn root_certificates() -> Result<RootCerts, Failure> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let pem = std::fs::read(&path).map_err(|error| cannot("read", path.as_ref(), error))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    Ok(RootCerts::new_with_certs(&certificates))
}
