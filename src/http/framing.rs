//! How a request says where its body ends.
//!
//! The HTTP library reads a body whose last transfer coding is `chunked`, whatever stands before it, and hands the
//! coded bytes on as they are. RFC 9112 (section 6.1) has a server refuse a coding that it does not know.

use axum::extract::Request;
use axum::http::header::TRANSFER_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Refuses a request with a transfer coding other than `chunked`.
pub(super) async fn check(request: Request, next: Next) -> Response {
    match refused(request.headers()) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn refused(headers: &HeaderMap) -> Option<ApiError> {
    let lists = headers.get_all(TRANSFER_ENCODING).iter().map(|value| value.to_str().unwrap_or("?"));
    let codings: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    let chunked = codings.iter().filter(|coding| coding.eq_ignore_ascii_case("chunked")).count();
    match (codings.len() - chunked, chunked) {
        (0, ..=1) => None,
        // RFC 9112 forbids applying chunked more than once.
        (0, _) => Some(ApiError::malformed()),
        _ => Some(ApiError::unknown_coding()),
    }
}

impl ApiError {
    /// The head breaks the rules of HTTP.
    pub(super) fn malformed() -> Self {
        let error = "the request is not HTTP/1.1 or HTTP/2, or its head breaks their rules";
        Self::new(StatusCode::BAD_REQUEST, error, "malformed_request", "ERROR")
    }

    pub(super) fn unknown_coding() -> Self {
        let error = "the only transfer coding that is read is chunked";
        Self::new(StatusCode::NOT_IMPLEMENTED, error, "unknown_transfer_coding", "ERROR")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_alone_are_read() {
        for (lists, status) in [
            (&[][..], None),
            (&["chunked"], None),
            (&["Chunked "], None),
            (&["gzip, chunked"], Some(501)),
            (&["gzip", "chunked"], Some(501)),
            (&["identity, chunked"], Some(501)),
            (&["chunked, chunked"], Some(400)),
            (&["chunked", "chunked"], Some(400)),
            (&["\u{e9}"], Some(501)),
            (&[""], Some(501)),
        ] {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(TRANSFER_ENCODING, list.parse().expect("a value"));
            }
            assert_eq!(refused(&headers).map(|error| error.body().0), status, "{lists:?}");
        }
    }
}
