//! Authentication: which client a request is for.
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

use super::app::App;
use super::connection::ConnectionHandle;
use super::console;
use super::error::ApiError;
use super::observe::ClientMetrics;
use super::routes::{DOCS, HEALTH, OPENAPI};
use super::turns::Cost;
use crate::person::TokenId;
use crate::token::TokenSecret;
use crate::vault::{Access, Vault};
use crate::wire::decode_base64;

/// Lets requests with a valid token pass, and notes which client they are for.
pub(super) async fn check(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    // The console's files are the same for everybody; what they show is asked for with a token.
    if path == HEALTH || (app.console && console::is_file(path)) {
        return next.run(request).await;
    }
    let challenge = if [DOCS, OPENAPI].contains(&path) { "Basic realm=\"facevault\"" } else { "Bearer" };
    match vault(&app, address, request.headers(), challenge).await {
        Ok((vault, token)) => {
            let connection = request.extensions().get::<ConnectionHandle>().cloned().unwrap_or_default();
            connection.trust();
            let (caller, count) = app.caller(vault, token, connection);
            if let Some(metrics) = request.extensions().get::<ClientMetrics>() {
                metrics.set(&caller);
            }
            // Only an open request keeps a connection from being closed as idle, so no client can occupy all of them.
            if count > app.max_requests {
                return ApiError::busy().into_response();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn vault(
    app: &App,
    address: SocketAddr,
    headers: &HeaderMap,
    challenge: &'static str,
) -> Result<(Vault, TokenId), ApiError> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    // A proxy might check one of two headers, and this server the other.
    let (Some(shown), None) = (shown.next(), shown.next()) else { return Err(ApiError::unauthorized(challenge)) };
    let token = shown.to_str().ok().and_then(token).unwrap_or_default();
    let id = TokenSecret::parse(&token).map(|secret| secret.id().clone());
    let (vault, looked_up) = (app.vault.clone(), token.clone());
    let shower = app.throttle.shower(address.ip(), &token);
    // Lookups have a queue of their own, so that requests without a valid token take no places from others.
    let found = app.token_work.run(shower, Cost::ONE, move || vault.authenticate(&looked_up)).await??;
    app.throttle.note(&token, matches!(found, Access::Granted(_)));
    match (found, id) {
        (Access::Granted(vault), Some(id)) => Ok((vault, id)),
        (Access::Expired, _) => Err(ApiError::token_expired()),
        _ if app.throttle.too_many(address.ip(), Instant::now()) => Err(ApiError::too_many()),
        _ => Err(ApiError::unauthorized(challenge)),
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
