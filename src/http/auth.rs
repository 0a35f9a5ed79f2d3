//! Whose request it is.
//!
//! Programs show `Authorization: Bearer TOKEN`. A browser that opens `/docs` asks for a name and a
//! password instead: the password is the token, the name does not matter.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::{App, Caller};
use super::error::ApiError;
use super::routes::{DOCS, HEALTH, OPENAPI};
use crate::vault::Access;
use crate::wire::decode_base64;

/// Lets those pass who show a good token, and notes for whom they act.
pub(super) async fn check(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path == HEALTH {
        return next.run(request).await;
    }
    let challenge = if [DOCS, OPENAPI].contains(&path) { "Basic realm=\"facevault\"" } else { "Bearer" };
    match caller(&app, address, request.headers(), challenge).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn caller(
    app: &App,
    address: SocketAddr,
    headers: &HeaderMap,
    challenge: &'static str,
) -> Result<Caller, ApiError> {
    let Some(shown) = headers.get(AUTHORIZATION) else { return Err(ApiError::unauthorized(challenge)) };
    let token = shown.to_str().ok().and_then(token).unwrap_or_default();
    let vault = app.vault.clone();
    // Not in the queues: one read by key, and who has no token must not take a place there.
    let found = tokio::task::spawn_blocking(move || vault.authenticate(&token)).await;
    match found.map_err(|_| ApiError::internal())?? {
        Access::Granted(vault) => Ok(Caller { vault }),
        Access::Expired => Err(ApiError::token_expired()),
        Access::Unknown if app.throttle.too_many(address.ip(), Instant::now()) => Err(ApiError::too_many()),
        Access::Unknown => Err(ApiError::unauthorized(challenge)),
    }
}

/// The token in the value of an `Authorization` header.
fn token(value: &str) -> Option<String> {
    let (scheme, shown) = value.trim().split_once(' ')?;
    let shown = shown.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(shown.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(decode_base64(shown)?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_in_one_of_two_ways() {
        for (value, expected) in [
            ("Bearer abc.def", Some("abc.def")),
            ("bearer  abc ", Some("abc")),
            // user:abc.def
            ("Basic dXNlcjphYmMuZGVm", Some("abc.def")),
            ("Basic dXNlcg==", None),
            ("Digest abc", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(token(value).as_deref(), expected, "{value}");
        }
    }
}
