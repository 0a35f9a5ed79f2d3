//! The body of a request: JSON, not too large, not too slow.

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::app::{App, Caller};
use super::budget::Held;
use super::error::ApiError;

/// The most bytes of a body without photos.
const SMALL: u64 = 1 << 20;

/// A body that says it is JSON. Its bytes count as held until this is dropped.
#[derive(Debug)]
pub(super) struct JsonBody {
    pub(super) bytes: Vec<u8>,
    held: Held,
}

/// As [`JsonBody`], for routes that take no photos: 1 MiB at most.
#[derive(Debug)]
pub(super) struct SmallBody(pub(super) JsonBody);

impl FromRequest<App> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Self::read(request, app, app.max_body).await
    }
}

impl FromRequest<App> for SmallBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        JsonBody::read(request, app, app.max_body.min(SMALL)).await.map(Self)
    }
}

impl JsonBody {
    /// The bytes, and what counts them, which has to live as long as what is made of them.
    pub(super) fn into_parts(self) -> (Vec<u8>, Held) {
        (self.bytes, self.held)
    }

    async fn read(request: Request, app: &App, most: u64) -> Result<Self, ApiError> {
        let share = request.extensions().get::<Caller>().map(|caller| caller.share.clone());
        let share = share.ok_or_else(ApiError::internal)?;
        if !is_json(request.headers()) {
            return Err(ApiError::not_json());
        }
        let mut body = request.into_body();
        if body.size_hint().lower() > most {
            return Err(ApiError::too_large(most));
        }
        let mut held = share.nothing();
        let mut bytes = Vec::new();
        let end = Instant::now() + app.longest;
        loop {
            let patience = end.min(Instant::now() + app.patience);
            let frame = timeout_at(patience, body.frame()).await.map_err(|_| ApiError::too_slow())?;
            let Some(frame) = frame else { return Ok(Self { bytes, held }) };
            let Ok(part) = frame.map_err(|_| ApiError::cut_short())?.into_data() else { continue };
            if bytes.len() as u64 + part.len() as u64 > most {
                return Err(ApiError::too_large(most));
            }
            if !share.grow(&mut held, part.len() as u64) {
                return Err(ApiError::busy());
            }
            // Not doubled, as it would be by itself: the memory is to be what is counted, and little more.
            if bytes.capacity() < bytes.len() + part.len() {
                bytes.reserve_exact(part.len() + bytes.len() / 8);
            }
            bytes.extend_from_slice(&part);
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    json && headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity")
}
