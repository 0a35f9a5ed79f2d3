//! A request from outside: its id, its line in the log, its place in the metrics.
//!
//! A line tells the route's pattern, never the path or the query: those may hold names.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::app::{App, RequestId};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request an id, answers it, and notes how that went.
pub(super) async fn request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = uuid::Uuid::now_v7().simple().to_string();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    app.metrics.request(method.as_str(), &route, status, took);
    tracing::info!(request = %id, %method, route, status, milliseconds = took.as_secs_f64() * 1e3, "answered");
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // Answers hold photos and names: nobody on the way keeps them.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
