//! How a server is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::comparison::CalibrationTable;
use crate::models::Manifest;

/// The default port.
const PORT: u16 = 8780;

/// Ten photos of 10 MiB as base64, and what stands around them.
const MAX_BODY: u64 = 10 * (10 << 20) / 3 * 4 + (1 << 20);

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where the server listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// Whether [`Self::listen`] may be an address that other machines reach.
    pub allow_remote: bool,
    /// Whether the console, a page in the browser, is served at `/console/`; [`Self::listen`] must be a loopback address
    /// then.
    pub console: bool,
    /// Where the numbers of the whole process are served to Prometheus at `/metrics`, without a
    /// token and with nothing of any client in them; a loopback address. Nowhere where `None`.
    pub metrics: Option<SocketAddr>,
    /// Names under which clients reach the server, beside `localhost` and addresses: a page of
    /// another site whose name was pointed at this machine is refused.
    pub hosts: Vec<String>,
    /// Certificate and key for HTTPS; plain HTTP where `None`.
    pub tls: Option<TlsFiles>,
    /// The most bytes of one request's body.
    pub max_body: u64,
    /// The most bytes of bodies and answers that are held at once, over all requests; more are
    /// answered 503. [`Self::max_body`] of them, at most a quarter, are reserved for parsing bodies. Of the rest a client
    /// may hold as much as all clients leave free, and in any case 1/32: with more clients than that at once, the total
    /// can exceed the limit by these parts.
    pub max_bodies: u64,
    /// The most megapixels of one request's photos, from the sizes that their headers state; more are answered 413.
    pub max_megapixels: u32,
    /// How many requests with photos may wait for the engine; more are answered 503. The places are divided equally
    /// between the clients with work.
    pub queue: usize,
    /// The most connections that are open at once. For a further one an idle one is closed; if none is idle, the new one
    /// is closed. One client may have half as many requests open, until their answers are sent.
    pub max_connections: usize,
    /// The most connections from one IPv4 address or one IPv6 network of 64 bits. For a further one an idle one from
    /// there is closed, or else the new one.
    pub max_connections_per_address: usize,
    /// How long a client may take to send a request's head, or to send or take the next part of a
    /// body, and how long a connection may be without a request.
    pub patience: Duration,
    /// How long a whole body may take to arrive, and a whole answer to be received, even at a steady pace; after that
    /// the connection is closed.
    pub longest: Duration,
    /// How long requests under way may take after [`StopHandle::stop`](super::StopHandle::stop).
    pub grace: Duration,
    /// How many unknown tokens a second one address may send before they are answered 429. Valid ones are accepted all
    /// the same.
    pub bad_tokens_per_second: u32,
    /// The table behind the scores; where `None`, the engine's for the vault's mode.
    pub calibration: Option<CalibrationTable>,
    /// The manifest of the engine's pack, for its licence.
    pub manifest: Option<Manifest>,
}

impl Default for ServerOptions {
    /// Plain HTTP for this machine, on port 8780.
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
            allow_remote: false,
            console: false,
            metrics: None,
            hosts: Vec::new(),
            tls: None,
            max_body: MAX_BODY,
            max_bodies: 4 * MAX_BODY,
            max_megapixels: 250,
            queue: 64,
            max_connections: 1_024,
            max_connections_per_address: 256,
            patience: Duration::from_secs(30),
            longest: Duration::from_secs(300),
            grace: Duration::from_secs(30),
            bad_tokens_per_second: 10,
            calibration: None,
            manifest: None,
        }
    }
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those that lead to its root, in PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, in PEM.
    pub key: PathBuf,
}
