//! Gives a body to the answers that the HTTP library makes itself.
//!
//! If a request's head cannot be parsed, no route sees it: the library answers 400 or 431 without a body. Here these
//! answers get the body that every error has. They are recognised by their status line, their empty body and by the
//! lack of a request id, which every answer of a route has. A write of a body is never taken for one, since no body of
//! this server starts with a status line and ends with an empty line of CR and LF.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::ApiError;
use super::observe::REQUEST_ID;

/// How the library's own answers begin.
const BEGINS: &[u8] = b"HTTP/1.1 4";
/// What they say of their body.
const NO_BODY: &str = "content-length: 0\r\n";

/// Accepts as another does, and gives the library's own answers a body.
#[derive(Debug, Clone)]
pub(super) struct Explaining<A>(pub(super) A);

impl<A, I, S> Accept<I, S> for Explaining<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Explained<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, A::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepted = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Explained { stream, own: None }, service))
        })
    }
}

/// A stream that replaces the library's own answers.
#[derive(Debug)]
pub(super) struct Explained<T> {
    stream: T,
    /// What is written instead, and how much of it is written.
    own: Option<(Vec<u8>, usize)>,
}

/// The answer with a body, if `bytes` are one of the library's own without one.
fn explained(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(BEGINS) || !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?;
    let (before, after) = head.split_once(NO_BODY)?;
    if head.contains(REQUEST_ID.as_str()) {
        return None;
    }
    let body = ApiError::unread(head.get(9..12)?)?.to_bytes();
    let about = "content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n";
    let head = format!("{before}content-length: {}\r\n{about}{after}", body.len());
    Some([head.as_bytes(), &body].concat())
}

impl ApiError {
    /// What the HTTP library answers by itself, with this status.
    fn unread(status: &str) -> Option<Self> {
        let error = "the request's head is too long or has too many fields";
        match status {
            "400" => Some(Self::malformed()),
            "431" => Some(Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, error, "head_too_large", "ERROR")),
            _ => None,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Explained<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Explained<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.own.is_none() {
            this.own = explained(bytes).map(|own| (own, 0));
        }
        let Some((own, gone)) = &mut this.own else { return Pin::new(&mut this.stream).poll_write(context, bytes) };
        while *gone < own.len() {
            match ready!(Pin::new(&mut this.stream).poll_write(context, &own[*gone..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *gone += count,
            }
        }
        this.own = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.iter().find(|part| !part.is_empty());
        match first {
            Some(first) if self.own.is_some() || first.starts_with(BEGINS) => self.poll_write(context, first),
            _ => Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_librarys_own_answers_alone_are_explained() {
        let own = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: now\r\n\r\n";
        let text = String::from_utf8(explained(own.as_bytes()).expect("a body")).expect("a text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n") && head.ends_with("connection: close\r\ndate: now"));
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((&body["message"], &body["code"]), (&"malformed_request".into(), &"ERROR".into()));
        for other in [
            own.replace("content-length: 0", "content-length: 12"),
            own.replace("date", "x-request-id"),
            own.replace("400 Bad Request", "404 Not Found"),
            own.replace("400 Bad Request", "200 OK"),
            format!("{own}{{}}"),
            own[..20].to_owned(),
            String::new(),
        ] {
            assert_eq!(explained(other.as_bytes()), None, "{other}");
        }
    }

    /// Takes a few bytes at a time, and only every second time it is asked.
    #[derive(Default)]
    struct Slow {
        taken: Vec<u8>,
        rests: bool,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.rests = !self.rests;
            if self.rests {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let count = bytes.len().min(7);
            self.taken.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_is_written_instead_goes_whole() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        let mut stream = Explained { stream: Slow::default(), own: None };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let wrote = runtime.block_on(std::future::poll_fn(|context| {
            Pin::new(&mut stream).poll_write_vectored(context, &[io::IoSlice::new(b""), io::IoSlice::new(own)])
        }));
        assert_eq!(wrote.expect("written"), own.len());
        assert_eq!(Some(stream.stream.taken), explained(own));
    }
}
