//! How the bytes of an answer leave: in frames, counted until the network has taken them, and
//! within some time.
//!
//! A body in one piece could not be followed any more once the HTTP library has put it into its own buffers. Here all
//! frames share the same bytes. When the last frame is dropped, wherever it is, the bytes stop counting and the timer
//! is cancelled.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::budget::Held;
use super::connection::ConnectionHandle;

/// Bytes of a frame: what may be copied on the way, encrypted or waiting for the other end.
const FRAME: usize = 64 << 10;

/// A body of these bytes. If they are not gone after `longest`, the connection is cut.
pub(super) fn body(bytes: Vec<u8>, held: Held, connection: ConnectionHandle, longest: Duration) -> Body {
    let overdue = tokio::spawn(async move {
        tokio::time::sleep(longest).await;
        connection.cut();
    });
    Body::new(Delivery { rest: Bytes::from_owner(Counted { bytes, _held: held, overdue }) })
}

/// Bytes that are counted until the last reference to them is dropped.
struct Counted {
    bytes: Vec<u8>,
    _held: Held,
    overdue: JoinHandle<()>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.overdue.abort();
    }
}

/// The bytes that the HTTP library has not requested yet.
struct Delivery {
    rest: Bytes,
}

impl HttpBody for Delivery {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.rest.len().min(FRAME);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::http::budget::Budget;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    }

    #[test]
    fn bytes_count_until_the_last_frame_is_gone() {
        runtime().block_on(async {
            let budget = Budget::new(1 << 30);
            let share = budget.share(&"a".parse().expect("an id"));
            let bytes: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
            let mut body =
                body(bytes.clone(), share.hold(200_000), ConnectionHandle::default(), Duration::from_secs(60));
            assert_eq!(body.size_hint().exact(), Some(200_000));
            let mut frames = Vec::new();
            while let Some(frame) = body.frame().await {
                frames.push(frame.expect("a frame").into_data().expect("bytes"));
            }
            assert!(frames.iter().all(|frame| frame.len() <= FRAME) && frames.concat() == bytes);
            drop(body);
            assert_eq!(budget.held(), 200_000);
            frames.truncate(1);
            assert_eq!(budget.held(), 200_000);
            drop(frames);
            assert_eq!(budget.held(), 0);
        });
    }

    #[test]
    fn what_is_not_taken_in_time_cuts_the_line() {
        runtime().block_on(async {
            let share = Budget::new(9).share(&"a".parse().expect("an id"));
            let connection = ConnectionHandle::default();
            let taken = body(vec![1], share.hold(1), connection.clone(), Duration::from_millis(10));
            drop(taken);
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!connection.is_cut());
            let _kept = body(vec![1], share.hold(1), connection.clone(), Duration::from_millis(10));
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(connection.is_cut());
        });
    }
}
