//! The HTTP surface: a vault as a web service on the same machine.
//!
//! [`Server`] answers the routes of the HTTP API for one vault, several clients (tenants) of which
//! hold tokens. `docs/http.md` describes what the API promises, what a score means and how to run the server.
//!
//! ```no_run
//! use facevault::http::{Server, ServerOptions};
//! use facevault::{Engine, EngineOptions, Vault, VaultOptions};
//!
//! # fn main() -> facevault::Result<()> {
//! let engine = Engine::open(&EngineOptions::default())?;
//! let vault = Vault::open("people.vault", VaultOptions::default().with_engine(engine))?;
//! let (token, _) = vault.create_token(None)?;
//! println!("Authorization: Bearer {}", token.reveal());
//!
//! let server = Server::bind(vault, ServerOptions::default())?;
//! let stop = server.stop_handle();
//! std::thread::spawn(move || {
//!     std::thread::sleep(std::time::Duration::from_secs(60));
//!     stop.stop();
//! });
//! server.run()
//! # }
//! ```
//!
//! A request goes through these files: `places` (how many connections), `connection` (how slow and how idle), `unread`
//! (what is no request), `observe` (its id, log line and metrics), `drain` (the unread rest of its body), `framing`,
//! `host`, `auth` (which client it is for), a file of `routes`, `body` (how much of it), `request` (what it asks),
//! `photos` (what that costs), `work_queue` and `turns` (off the network's threads, each client in its turn), `answer`
//! or `error`, `delivery`. The page in the browser (`console`) is files alone, and asks the same routes.

mod answer;
mod app;
mod auth;
mod body;
mod budget;
mod connection;
mod console;
mod delivery;
#[cfg(test)]
mod described;
mod docs;
mod drain;
mod error;
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod live_request;
mod metrics;
mod observe;
mod openapi;
mod options;
mod photos;
mod places;
mod query;
mod request;
mod retention;
mod routes;
mod score;
mod server;
mod tending;
mod throttle;
mod thumbnail;
mod tls;
mod turns;
mod unread;
mod work_queue;

pub use openapi::openapi;
pub use options::{ServerOptions, TlsFiles};
pub use score::{ANCHOR_FMR, ANCHOR_SCORE, Scale};
pub use server::{Server, StopHandle};
