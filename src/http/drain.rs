//! The rest of a request's body, which the client still sends after the answer.
//!
//! Ordinary clients send a whole body before they read. If a request is answered early (413, 401 and the like) and the
//! connection is closed while the body still arrives, the client's system reports a reset instead of the answer. So the
//! rest of the body is read and discarded, up to a limit, while the answer is sent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::app::App;

/// Receives a body that was not read to its end.
type Left = Arc<Mutex<Option<Body>>>;

/// Answers a request, then discards the unread rest of its body: up to twice the bytes that a body may have, for at
/// most the time that the server waits for the next part of a body.
pub(super) async fn leftover(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // A client that sent `Expect` and waits must not be told to continue just to discard its body.
    let asks = request.headers().contains_key(EXPECT);
    let left = Left::default();
    let back = Arc::clone(&left);
    let request = request.map(|body| Body::new(Borrowed { body, back, begun: !asks, ended: false }));
    let response = next.run(request).await;
    if let Some(body) = left.lock().unwrap_or_else(PoisonError::into_inner).take() {
        tokio::spawn(timeout(app.patience, thrown_away(body, app.max_body.saturating_mul(2))));
    }
    response
}

async fn thrown_away(mut body: Body, most: u64) {
    let mut count = 0;
    while let Some(Ok(frame)) = body.frame().await {
        count += frame.data_ref().map_or(0, Bytes::len) as u64;
        if count > most {
            return;
        }
    }
}

/// A body that is handed back for discarding if it is dropped before its end.
struct Borrowed {
    body: Body,
    back: Left,
    /// Whether the client is sending it: it did not ask first, or reading has begun.
    begun: bool,
    ended: bool,
}

impl HttpBody for Borrowed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.begun = true;
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.ended |= matches!(frame, Poll::Ready(None | Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if self.begun && !self.ended && !self.body.is_end_stream() {
            let body = std::mem::take(&mut self.body);
            *self.back.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
