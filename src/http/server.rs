//! A server: bound to an address, run until it is asked to stop.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};

use super::app::App;
use super::options::ServerOptions;
use super::places::Bounded;
use super::retention::Retention;
use super::unread::Explaining;
use super::{console, routes, tending, tls};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::vault::Vault;

/// Streams of one HTTP/2 connection at once.
const STREAMS: u32 = 32;
/// Bytes of a request's head.
const HEAD: usize = 64 << 10;
/// Threads that talk to the network; work has threads of its own.
const NETWORK_THREADS: usize = 2;
/// Connections that may ask for the process's numbers at once.
const METRICS_CONNECTIONS: usize = 16;

/// A server that listens, but does not answer before [`Self::run`].
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// Where the process's numbers are asked for.
    metrics: Option<(TcpListener, SocketAddr)>,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
    vault: Vault,
    options: ServerOptions,
}

/// Stops a [`Server`] from another thread. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct StopHandle {
    handle: Handle<SocketAddr>,
    grace: Duration,
}

impl StopHandle {
    /// No more requests are taken; those under way are finished, up to
    /// [`ServerOptions::grace`]. Changes that were begun are finished in any case.
    pub fn stop(&self) {
        self.handle.graceful_shutdown(Some(self.grace));
    }
}

impl Server {
    /// Binds the addresses.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where [`ServerOptions::listen`] is an address that other machines reach and
    /// [`ServerOptions::allow_remote`] is off or [`ServerOptions::console`] is on, where [`ServerOptions::metrics`] is such an address, and where the
    /// certificate or key cannot be used; [`Io`](ErrorKind::Io) where an address cannot be taken.
    pub fn bind(vault: Vault, options: ServerOptions) -> Result<Self> {
        let asked = options.listen;
        if !asked.ip().to_canonical().is_loopback() && !options.allow_remote {
            let rule =
                format!("must be a loopback address such as 127.0.0.1 unless remote clients are allowed, is {asked}");
            return Err(Error::invalid("listen", Rule::Other(rule)));
        }
        if options.console && !asked.ip().to_canonical().is_loopback() {
            let rule = format!("must be a loopback address such as 127.0.0.1 where the console is served, is {asked}");
            return Err(Error::invalid("listen", Rule::Other(rule)));
        }
        let tls = options.tls.as_ref().map(tls::configuration).transpose()?.map(RustlsConfig::from_config);
        if let Some(metrics) = options.metrics.filter(|address| !address.ip().to_canonical().is_loopback()) {
            let rule = format!("must be a loopback address such as 127.0.0.1, is {metrics}");
            return Err(Error::invalid("metrics", Rule::Other(rule)));
        }
        let (listener, address) = listen(asked)?;
        let metrics = options.metrics.map(listen).transpose()?;
        Ok(Self { listener, address, metrics, tls, handle: Handle::new(), vault, options })
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:8780` or the like.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// Where the console is, if it is served.
    #[must_use]
    pub fn console_url(&self) -> Option<String> {
        self.options.console.then(|| format!("{}{}", self.url(), console::PAGE))
    }

    /// Where the numbers of the whole process are, if they were asked for.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        self.metrics.as_ref().map(|(_, address)| format!("http://{address}{}", routes::METRICS))
    }

    /// What stops the server.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle { handle: self.handle.clone(), grace: self.options.grace }
    }

    /// Answers requests until it is asked to stop, and returns when everything is finished.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the operating system gives no threads or takes the address away.
    pub fn run(self) -> Result<()> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, "the server cannot run").caused_by(error);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("facevault-http")
            .enable_io()
            .enable_time()
            .build()
            .map_err(failed)?;
        // A vault is asked before and behind the asynchronous part, never in it: a hub's answers are waited for.
        let vault = self.vault.clone();
        let app = App::new(vault.clone(), self.options.clone());
        let served = runtime.block_on(self.serve(app)).map_err(failed);
        // This waits for work that has begun: a change is never left half-way.
        drop(runtime);
        if let Err(error) = vault.audit_flush() {
            tracing::error!(%error, "entries of searches are not written into the audit trail");
        }
        served
    }

    async fn serve(self, app: App) -> std::io::Result<()> {
        let Self { listener, metrics, tls, handle, vault, options, .. } = self;
        let patience = options.patience;
        let bounded = Bounded::new(options.max_connections, options.max_connections_per_address, patience);
        let retention = (!vault.is_read_only()).then(|| Retention::start(vault));
        let tending = tokio::spawn(tending::tend(app.clone()));
        let process = Handle::new();
        if let Some((listener, _)) = metrics {
            let server = axum_server::from_tcp(listener)?.handle(process.clone()).first_request_timeout(patience);
            let server =
                tuned(server.acceptor(Bounded::new(METRICS_CONNECTIONS, METRICS_CONNECTIONS, patience)), patience);
            tokio::spawn(server.serve(routes::process(app.clone()).into_make_service()));
        }
        let service = routes::router(app).into_make_service_with_connect_info::<SocketAddr>();
        let server = axum_server::from_tcp(listener)?.handle(handle).first_request_timeout(patience);
        let served = match tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).handshake_timeout(patience).acceptor(bounded);
                tuned(server.acceptor(Explaining(acceptor)), patience).serve(service).await
            }
            None => tuned(server.acceptor(Explaining(bounded)), patience).serve(service).await,
        };
        tending.abort();
        process.shutdown();
        drop(retention);
        served
    }
}

/// A socket that listens, and where.
fn listen(asked: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let unusable = |error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("the server cannot listen on {asked}: {error}")).caused_by(error)
    };
    let listener = TcpListener::bind(asked).map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok((listener, address))
}

/// The server with the limits of its protocols set.
fn tuned<A>(mut server: axum_server::Server<SocketAddr, A>, patience: Duration) -> axum_server::Server<SocketAddr, A> {
    let builder = server.http_builder();
    builder.http1().header_read_timeout(patience).max_buf_size(HEAD);
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32)
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience);
    server
}
