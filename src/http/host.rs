//! Under which names the server answers.
//!
//! A page of another site can have its own name point at this machine and so make a browser ask
//! this server. It cannot do that with an address or with `localhost`, so those are always taken;
//! other names have to be listed.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::error::ApiError;

/// Refuses requests whose Host header does not name this server.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let named = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST).and_then(|host| host.to_str().ok()),
    };
    let is_one = request.headers().get_all(HOST).iter().count() < 2;
    if is_one && named.is_some_and(|host| is_own(host, &app.hosts)) {
        return next.run(request).await;
    }
    ApiError::unknown_host().into_response()
}

/// Whether `host`, with or without a port, is one of this server's.
fn is_own(host: &str, listed: &[String]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return is_port(port) && address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let (name, port) = host.find(':').map_or((host, ""), |colon| host.split_at(colon));
    let name = name.strip_suffix('.').unwrap_or(name);
    is_port(port)
        && (name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok()
            || listed.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_listed_names_are_own() {
        let listed = ["kiosk.example".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8780",
            "localhost.",
            "127.0.0.1:1",
            "192.168.1.5",
            "[::1]",
            "[::1]:80",
            "Kiosk.example:443",
        ] {
            assert!(is_own(host, &listed), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1",
            "[x]",
            "localhost:x",
            "localhost:99999",
            "::1",
            "a@localhost",
        ] {
            assert!(!is_own(host, &listed), "{host}");
        }
    }
}
