//! A request from outside: its id, its line in the log, its place in the metrics.
//!
//! A line gives the route's pattern, never the path or the query: those may hold names. Whatever is
//! logged on the way, on any thread, stands under the request's id.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span};

use super::app::{App, Caller, RequestId};
use super::metrics::Metrics;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status recorded for a request whose client disconnected before the answer.
const LEFT: u16 = 499;

/// The metrics of the client that a request is for, set once the client is known.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientMetrics(Arc<OnceLock<Arc<Metrics>>>);

impl ClientMetrics {
    /// Notes the client whose request it is.
    pub(super) fn set(&self, caller: &Caller) {
        self.0.get_or_init(|| Arc::clone(&caller.metrics));
    }
}

/// Gives a request an id, answers it, and notes how that went.
pub(super) async fn request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().simple().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let method = word(request.method());
    // The span has the highest level, so that errors carry it even where nothing else is logged.
    let span = tracing::error_span!("request", %id, method, route);
    let client_metrics = ClientMetrics::default();
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(client_metrics.clone());
    let mut noted =
        Noted { app, method, route, client_metrics, span: span.clone(), began: Instant::now(), answered: None };
    let mut response = next.run(request).instrument(span).await;
    noted.answered = Some(response.status().as_u16());
    drop(noted);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // Answers hold photos and names, so no cache on the way may keep them.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The method as a label of metrics: a client may send any word, so all unknown methods share one label.
fn word(method: &Method) -> &'static str {
    let known = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    known.into_iter().find(|known| method.as_str() == *known).unwrap_or("other")
}

/// A request under way; when it is dropped, its end is noted.
struct Noted {
    app: App,
    method: &'static str,
    route: String,
    client_metrics: ClientMetrics,
    span: Span,
    began: Instant,
    /// The status; none where the client left before the answer.
    answered: Option<u16>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        let (status, took) = (self.answered.unwrap_or(LEFT), self.began.elapsed());
        for metrics in [Some(&self.app.metrics), self.client_metrics.0.get().map(AsRef::as_ref)].into_iter().flatten() {
            metrics.request(self.method, &self.route, status, took);
        }
        let milliseconds = took.as_secs_f64() * 1e3;
        self.span.in_scope(|| match self.answered {
            Some(_) => tracing::info!(status, milliseconds, "answered"),
            None => tracing::info!(status, milliseconds, "dropped: the client left before the answer"),
        });
    }
}
