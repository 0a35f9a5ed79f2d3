//! How an answer is sent: in frames, counted until they are written to the network, and within a time limit.
//!
//! A body in one piece could not be tracked once the HTTP library has copied it into its own buffers. Here all frames
//! share one count. When the last frame is dropped, wherever it is, the bytes are no longer counted and the timer is
//! cancelled. Photos are kept in binary and encoded as base64 one frame at a time, so an answer that a client reads
//! slowly needs the memory of its photos, not of their base64.

use std::any::Any;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::connection::{ConnectionHandle, OpenRequest};
use crate::person::ImageBytes;
use crate::wire::encode_base64;

/// Bytes of a frame, which the HTTP library and TLS may copy.
const FRAME: usize = 64 << 10;
/// Bytes of a photo whose base64 fills a frame.
const RAW: usize = FRAME / 4 * 3;

/// A part of an answer.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Bytes that are sent as they are.
    Text(Bytes),
    /// A photo that is sent in base64.
    Photo(ImageBytes),
}

impl Piece {
    /// How many bytes are sent.
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Photo(photo) => photo.len().div_ceil(3) as u64 * 4,
        }
    }

    /// How many bytes are in memory.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Photo(photo) => photo.len() as u64,
        }
    }
}

/// A body of these pieces. `counted` is dropped once they are sent. If that takes more than `longest`, the connection
/// is cut.
pub(super) fn body(
    pieces: Vec<Piece>,
    counted: impl Send + Sync + 'static,
    connection: ConnectionHandle,
    longest: Duration,
) -> Body {
    let open = connection.begin();
    let overdue = tokio::spawn(async move {
        tokio::time::sleep(longest).await;
        connection.cut();
    });
    let left = pieces.iter().map(Piece::length).sum();
    let counted = Arc::new(Counted { _counted: Box::new(counted), _open: open, overdue });
    Body::new(Delivery { pieces: pieces.into(), at: 0, left, counted })
}

/// What is kept until the last frame is dropped.
struct Counted {
    _counted: Box<dyn Any + Send + Sync>,
    _open: OpenRequest,
    overdue: JoinHandle<()>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.overdue.abort();
    }
}

/// The bytes of one frame.
struct Part {
    bytes: Bytes,
    _counted: Arc<Counted>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The pieces that the HTTP library has not requested yet.
struct Delivery {
    pieces: VecDeque<Piece>,
    /// How many bytes of the first piece are sent.
    at: usize,
    /// How many bytes are still to be sent.
    left: u64,
    counted: Arc<Counted>,
}

impl Delivery {
    fn next(&mut self) -> Option<Bytes> {
        loop {
            let (bytes, end, length) = match self.pieces.front()? {
                Piece::Text(text) => {
                    let end = text.len().min(self.at + FRAME);
                    (text.slice(self.at..end), end, text.len())
                }
                Piece::Photo(photo) => {
                    let end = photo.len().min(self.at + RAW);
                    (encode_base64(&photo[self.at..end]).into(), end, photo.len())
                }
            };
            self.at = end;
            if end == length {
                self.pieces.pop_front();
                self.at = 0;
            }
            if !bytes.is_empty() {
                return Some(bytes);
            }
        }
    }
}

impl HttpBody for Delivery {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(bytes) = self.next() else { return Poll::Ready(None) };
        self.left -= bytes.len() as u64;
        let part = Part { bytes, _counted: Arc::clone(&self.counted) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
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

    fn bytes(length: u32) -> Vec<u8> {
        (0..length).map(|i| i as u8).collect()
    }

    #[test]
    fn bytes_count_until_the_last_frame_is_gone() {
        runtime().block_on(async {
            let budget = Budget::new(1 << 30);
            let share = budget.share(&"a".parse().expect("an id"));
            let connection = ConnectionHandle::default();
            let text = bytes(200_000);
            let pieces = vec![Piece::Text(text.clone().into())];
            let mut body = body(pieces, share.hold(200_000), connection.clone(), Duration::from_secs(60));
            assert_eq!(body.size_hint().exact(), Some(200_000));
            let mut frames = Vec::new();
            while let Some(frame) = body.frame().await {
                frames.push(frame.expect("a frame").into_data().expect("bytes"));
            }
            assert!(frames.iter().all(|frame| frame.len() <= FRAME) && frames.concat() == text);
            drop(body);
            assert_eq!(budget.held(), 200_000);
            frames.truncate(1);
            assert_eq!((budget.held(), connection.is_open()), (200_000, true));
            drop(frames);
            assert_eq!((budget.held(), connection.is_open()), (0, false));
        });
    }

    #[test]
    fn photos_leave_in_base64() {
        runtime().block_on(async {
            let share = Budget::new(9).share(&"a".parse().expect("an id"));
            for length in [0, 1, 2, 3, RAW as u32 - 1, RAW as u32, RAW as u32 + 1, 3 * RAW as u32 + 7] {
                let photo = bytes(length);
                let pieces = vec![
                    Piece::Text("[\"".into()),
                    Piece::Photo(photo.clone().into()),
                    Piece::Text("\",\"".into()),
                    Piece::Photo(vec![1].into()),
                    Piece::Text("\"]".into()),
                ];
                assert_eq!(pieces[1].held(), u64::from(length));
                let body = body(pieces, share.hold(1), ConnectionHandle::default(), Duration::from_secs(60));
                let stated = body.size_hint().exact();
                let whole = body.collect().await.expect("a body").to_bytes();
                assert_eq!(stated, Some(whole.len() as u64));
                assert_eq!(whole, format!("[\"{}\",\"AQ==\"]", encode_base64(&photo)));
            }
        });
    }

    #[test]
    fn what_is_not_taken_in_time_cuts_the_line() {
        runtime().block_on(async {
            let share = Budget::new(9).share(&"a".parse().expect("an id"));
            let connection = ConnectionHandle::default();
            let one = || {
                let pieces = vec![Piece::Text(vec![1].into())];
                body(pieces, share.hold(1), connection.clone(), Duration::from_millis(10))
            };
            drop(one());
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!connection.is_cut());
            let _kept = one();
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(connection.is_cut());
        });
    }
}
