//! A connection: how long it may stand still or be without a request, and how it is ended.
//!
//! A connection without an open request is idle, whatever else is said on it: an HTTP/2 client that only answers pings
//! is as idle as one of HTTP/1.1 that says nothing. It is closed after a while, or earlier where others need its place
//! ([`super::places`]).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::places::Place;

/// A connection as its requests know it: they can cut it. Cloning gives the same one.
#[derive(Debug, Clone)]
pub(super) struct ConnectionHandle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    cut: bool,
    /// Whether it ends as if the other end had closed it.
    closed: bool,
    /// Requests whose answers the network has not taken to the end.
    open: usize,
    /// When there was a request last; at first, when it was accepted.
    since: Instant,
    /// Whether it has shown a good token.
    is_known: bool,
    /// Wakes the task that serves this connection.
    talks: Option<Waker>,
}

/// How much an idle connection is worth: those that never showed a good token are worth least, then those that are
/// idle for longest.
pub(super) type Idle = (bool, Instant);

/// What is to be done when a connection is read.
enum Reading {
    /// Nothing may come any more.
    Ends,
    /// A request is open.
    Busy,
    /// No request is open since then.
    Idle(Instant),
}

impl Default for ConnectionHandle {
    fn default() -> Self {
        let state = State { cut: false, closed: false, open: 0, since: Instant::now(), is_known: false, talks: None };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl ConnectionHandle {
    /// Ends the connection: reading and writing fail with `TimedOut`.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        state.wake();
    }

    /// Ends the connection in peace, unless a request is open; tells whether it ends.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state();
        state.closed |= state.open == 0;
        state.wake();
        state.closed
    }

    /// Since when the connection is idle and what it is worth; `None` while a request is open.
    pub(super) fn idle(&self) -> Option<Idle> {
        let state = self.state();
        (state.open == 0).then_some((state.is_known, state.since))
    }

    /// Notes that a good token was shown.
    pub(super) fn trust(&self) {
        self.state().is_known = true;
    }

    /// Notes a request, which is open until what this gives is dropped.
    pub(super) fn begin(&self) -> OpenRequest {
        self.state().open += 1;
        OpenRequest(self.clone())
    }

    #[cfg(test)]
    pub(super) fn is_cut(&self) -> bool {
        self.state().cut
    }

    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.state().open > 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if the connection was cut; otherwise makes sure that the current task is woken when it is cut.
    fn check(&self, context: &Context<'_>) -> io::Result<Reading> {
        let mut state = self.state();
        if state.cut {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if !state.talks.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            state.talks = Some(context.waker().clone());
        }
        Ok(match state.open {
            0 if state.closed => Reading::Ends,
            0 => Reading::Idle(state.since),
            _ => Reading::Busy,
        })
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(task) = self.talks.take() {
            task.wake();
        }
    }
}

/// A request whose answer is not taken yet.
#[derive(Debug)]
pub(super) struct OpenRequest(ConnectionHandle);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        if state.open == 0 {
            state.since = Instant::now();
            // So that the connection's task starts to count.
            state.wake();
        }
    }
}

/// Notes a request as open until its answer has gone to the HTTP library; [`super::delivery`] knows longer ones.
pub(super) async fn open(request: Request, next: Next) -> Response {
    let Some(handle) = request.extensions().get::<ConnectionHandle>().cloned() else { return next.run(request).await };
    let open = handle.begin();
    next.run(request).await.map(|body| Body::new(Opened { body, _open: open }))
}

/// The body of an answer.
struct Opened {
    body: Body,
    _open: OpenRequest,
}

impl HttpBody for Opened {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose other end has to take what is written within some time, and to ask for something.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Rings when a write has waited for too long.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Rings when there was no request for too long.
    idle: Option<Pin<Box<Sleep>>>,
    handle: ConnectionHandle,
    _place: Place,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, patience: Duration, handle: ConnectionHandle, place: Place) -> Self {
        Self { stream, patience, stalled: None, idle: None, handle, _place: place }
    }

    /// Passes on the result of a write, and fails if the write has been waiting for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let end = Instant::now() + self.patience;
        match rings(&mut self.stalled, None, end, context) {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }
}

/// Whether a timer rings that is set for `moved`, if it is given, or else was set when it was first asked, for `first`.
/// If it does not, the task is woken when it will.
fn rings(
    timer: &mut Option<Pin<Box<Sleep>>>,
    moved: Option<Instant>,
    first: Instant,
    context: &mut Context<'_>,
) -> bool {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(moved.unwrap_or(first))));
    if let Some(end) = moved.filter(|end| *end != timer.deadline()) {
        timer.as_mut().reset(end);
    }
    if timer.as_mut().poll(context).is_pending() {
        return false;
    }
    // A timer that has rung must not be asked again.
    timer.as_mut().reset(first);
    true
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.handle.check(context)? {
            Reading::Ends => return Poll::Ready(Ok(())),
            Reading::Busy => {}
            Reading::Idle(since) => {
                let (end, later) = (since + this.patience, Instant::now() + this.patience);
                // As if the other end had closed: what is being written still goes.
                if rings(&mut this.idle, Some(end), later, context) && this.handle.close() {
                    return Poll::Ready(Ok(()));
                }
            }
        }
        Pin::new(&mut this.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.check(context)?;
        let write = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(context, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.check(context)?;
        let write = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.watch(context, write)
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
