//! `facevault serve`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use clap::Args;
use facevault::http::{Server, ServerOptions, TlsFiles};
use facevault::models::Measured;
use facevault::{CalibrationTable, Error, ErrorKind, Result};
use serde_json::json;

use super::Outcome;
use super::matching::EnrolledLiveness;
use crate::context::Context;
use crate::output::{count, path};
use crate::place;
use crate::service::{Service, answering};
use crate::{core_dumps, interrupt};

const EXAMPLES: &str = "\
Examples:
  facevault serve people.vault
  facevault serve people.vault --console                     also a page for people, in the browser
  facevault serve postgres://owner@hub.example/facevault     a hub itself, without a vault
  facevault serve people.vault --listen 127.0.0.1:0          any free port; the answer names it
  facevault serve people.vault --tls-cert cert.pem --tls-key key.pem
  facevault serve people.vault --listen 0.0.0.0:8443 --allow-remote --host kiosk.example \\
      --tls-cert cert.pem --tls-key key.pem

Then, from another terminal:
  TOKEN=$(facevault token create people.vault --quiet)
  curl -X PUT http://127.0.0.1:8780/v2/face-recognition/persons/person_123456789 \\
      -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
      -d '{\"name\": \"John Doe Updated\"}'

http://127.0.0.1:8780/docs describes every route; a browser asks for a name and a password: the
token is the password. /openapi.json is the same for programs. /metrics gives Prometheus the
metrics of the token's client; --metrics serves those of the whole process.";

/// Where a hub is searched.
#[cfg(feature = "hub")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SearchPlace {
    Memory,
    Hub,
}

#[cfg(feature = "hub")]
impl From<SearchPlace> for facevault::SearchIn {
    fn from(place: SearchPlace) -> Self {
        match place {
            SearchPlace::Memory => Self::Memory,
            SearchPlace::Hub => Self::Hub,
        }
    }
}

/// Answer HTTP requests for a vault or a hub, until Ctrl-C
///
/// Programs send a token (`facevault token create`) and act for its client. Only programs on this
/// machine can connect unless you pass --allow-remote. Ctrl-C stops the server once running requests
/// have finished; a second Ctrl-C stops it at once, and even then a change is made completely or not
/// at all. The server writes no core dumps. Failures are logged, and with -v each request, without
/// names, photos or vectors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8780")]
    listen: SocketAddr,

    /// Serve the console, a page in the browser, at /console/; only on a loopback address
    #[arg(long)]
    console: bool,

    /// Let other machines connect; --listen must name an address that they can reach
    #[arg(long)]
    allow_remote: bool,

    /// Serve Prometheus metrics of the whole process on this loopback address, at /metrics and
    /// without a token
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// A name under which clients reach this server, beside localhost and addresses; repeat it
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// Serve HTTPS with this certificate: a PEM file, with the intermediate certificates after it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key: a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Where photos are searched for in a hub: in this server's memory, exactly and fastest, or in the hub, for more
    /// people than fit into memory (`facevault hub index`)
    #[cfg(feature = "hub")]
    #[arg(long, value_name = "PLACE", value_enum, default_value_t = SearchPlace::Memory)]
    search_in: SearchPlace,

    /// The table behind the scores, as `facevault calibrate` writes it, instead of the pack's own
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,

    /// The most bytes of a request's body [default: ten photos of 10 MiB]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1_024..=(4 << 30)))]
    max_body: Option<u64>,

    /// The most megapixels of all photos of one request; more are answered 413
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_megapixels: u32,

    /// How many requests with photos may wait for the models; more are answered 503. The places are
    /// divided equally between the clients with work
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(..=4_096))]
    queue: u16,

    /// The most connections; for a further one an idle one is closed, or else the new one
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,

    /// The most connections from one address. Behind a proxy, all come from the proxy's address
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections_per_address: u32,

    /// Load no models: requests that need photos encoded cannot be answered
    #[arg(long, conflicts_with = "min_liveness")]
    without_models: bool,

    #[command(flatten)]
    liveness: EnrolledLiveness,
}

pub(super) fn run(arguments: Arguments, context: &Context) -> Outcome {
    core_dumps::off();
    let mut options = options(&arguments)?;
    let vault = if arguments.without_models {
        context.vault(&arguments.vault)?
    } else {
        let min_liveness = arguments.liveness.min_liveness;
        let vault = context.vault_with_engine(&arguments.vault)?.with_min_liveness(min_liveness);
        if let Some(engine) = vault.engine() {
            match context.load_liveness(engine) {
                // What every photo needs must be there when the server starts.
                _ if min_liveness.is_some() => drop(engine.liveness_model()?),
                Ok(()) => {}
                Err(error) => context.output.notice(&format!(
                    "no liveness networks are loaded, so requests about liveness are answered 503: {error}"
                )),
            }
            context.self_test(engine)?;
        }
        options.manifest = Some(context.manifest()?);
        vault
    };
    if arguments.allow_remote && options.tls.is_none() && !arguments.listen.ip().is_loopback() {
        context.output.notice("without --tls-cert, tokens and photos travel in plain text");
    }
    if vault.engine().is_some() {
        match vault.people_without_encoding()?.len() as u64 {
            0 => {}
            people => context.output.notice(&format!(
                "{} cannot be found: their photos have no encoding by this pack's model",
                count(people, "person", "people")
            )),
        }
    }
    #[cfg(feature = "hub")]
    let vault = vault.with_search_in(arguments.search_in.into());
    let file = path(place::shown(&arguments.vault, &vault));
    let server = Server::bind(vault, options)?;
    let guard = interrupt::Guard::new();
    let stop = server.stop_handle();
    let service = Arc::new(Service::from_env());
    let told = Arc::clone(&service);
    guard.wakes(move || {
        told.stopping();
        stop.stop();
    });
    let (url, metrics, console) = (server.url(), server.metrics_url(), server.console_url());
    context.output.answer(&json!({"url": url, "console": console, "metrics": metrics, "vault": file}), |text| {
        text.line(format!("serving {file} at {url}; Ctrl-C stops"))?;
        console.iter().try_for_each(|console| {
            text.line(format!("open {console} in a browser; `facevault token create {file}` makes a token to sign in"))
        })?;
        metrics.iter().try_for_each(|metrics| text.line(format!("the process's numbers are at {metrics}")))
    })?;
    let (running, stopped) = mpsc::channel::<()>();
    let address = server.address();
    let watching = service.is_asked().then(|| {
        let watch = move || answering::watch(&service, address, &stopped);
        std::thread::Builder::new().name("facevault-watchdog".into()).spawn(watch)
    });
    let watching = watching.transpose().map_err(|error| {
        Error::new(ErrorKind::Io, "the thread that watches the server cannot be started").caused_by(error)
    })?;
    let ended = server.run();
    drop(running);
    // Whether it panicked changes nothing: it only told systemd what it saw.
    drop(watching.map(std::thread::JoinHandle::join));
    Ok(ended?)
}

fn options(arguments: &Arguments) -> Result<ServerOptions> {
    let defaults = ServerOptions::default();
    let max_body = arguments.max_body.unwrap_or(defaults.max_body);
    let tls = arguments.tls_cert.clone().zip(arguments.tls_key.clone());
    Ok(ServerOptions {
        listen: arguments.listen,
        allow_remote: arguments.allow_remote,
        console: arguments.console,
        metrics: arguments.metrics,
        hosts: arguments.host.clone(),
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        max_body,
        max_bodies: max_body.saturating_mul(4).max(defaults.max_bodies),
        max_megapixels: arguments.max_megapixels,
        queue: usize::from(arguments.queue),
        max_connections: arguments.max_connections as usize,
        max_connections_per_address: arguments.max_connections_per_address as usize,
        calibration: arguments.calibration.as_deref().map(table).transpose()?,
        ..defaults
    })
}

fn table(file: &Path) -> Result<CalibrationTable> {
    let wrong = |what: String| Error::new(ErrorKind::Invalid, format!("{}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()).caused_by(error))?;
    let measured = Measured::parse(&text).map_err(|error| wrong(error.to_string()).caused_by(error))?;
    Ok(measured.calibration)
}
