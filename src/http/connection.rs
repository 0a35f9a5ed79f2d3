//! A connection: how long a write may stall, how long it may be idle, and how it is closed.
//!
//! A connection without an open request is idle, even if it carries other traffic such as HTTP/2 pings. An idle
//! connection is closed after a while, or earlier if a new connection needs its place ([`super::places`]).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::places::Place;

/// The shared state of a connection, through which its requests can end it. Cloning gives the same state.
#[derive(Debug, Clone)]
pub(super) struct ConnectionHandle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    cut: bool,
    /// Reading gives the end of the stream, as if the client had closed the connection.
    closed: bool,
    /// Requests whose answers are not sent completely.
    open: usize,
    /// When the last request ended; before the first one, when the connection was accepted.
    since: Instant,
    /// Whether a valid token was sent on it.
    is_known: bool,
    /// Wakes the task that serves this connection.
    task: Option<Waker>,
}

/// The order in which idle connections are closed, lowest first: whether a valid token was sent on it, and since when
/// it is idle.
pub(super) type Idle = (bool, Instant);

/// The state in which a connection is read.
enum Reading {
    /// Closed: nothing more is read.
    Ends,
    /// A request is open.
    Busy,
    /// No request has been open since this time.
    Idle(Instant),
}

impl Default for ConnectionHandle {
    fn default() -> Self {
        let state = State { cut: false, closed: false, open: 0, since: Instant::now(), is_known: false, task: None };
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

    /// Closes the connection unless a request is open, and returns whether it is closed. Bytes that are being written
    /// are still sent.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state();
        state.closed |= state.open == 0;
        state.wake();
        state.closed
    }

    /// Where the connection stands in the order of closing; `None` while a request is open.
    pub(super) fn idle(&self) -> Option<Idle> {
        let state = self.state();
        (state.open == 0).then_some((state.is_known, state.since))
    }

    /// Notes that a valid token was sent.
    pub(super) fn trust(&self) {
        self.state().is_known = true;
    }

    /// Notes a request, which is open until the guard is dropped.
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
        if !state.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            state.task = Some(context.waker().clone());
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
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }
}

/// Guards an open request.
#[derive(Debug)]
pub(super) struct OpenRequest(ConnectionHandle);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        if state.open == 0 {
            state.since = Instant::now();
            // The connection's task starts the timer.
            state.wake();
        }
    }
}

/// Notes a request as open until the HTTP library drops the body of its answer. Answers with a longer life are noted by
/// [`super::delivery`] too.
pub(super) async fn open(request: Request, next: Next) -> Response {
    let Some(handle) = request.extensions().get::<ConnectionHandle>().cloned() else { return next.run(request).await };
    let open = handle.begin();
    let kept = move |error| {
        // The body owns this closure, and the closure owns the guard.
        let _ = &open;
        error
    };
    next.run(request).await.map(|body| Body::new(body.map_err(kept)))
}

/// A connection that is closed if a write stalls, or if it is idle, for longer than `patience`.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Expires when a write has waited for too long.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Expires when there was no request for too long.
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
        match has_expired(&mut self.stalled, None, end, context) {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }
}

/// Whether the timer has expired; if not, the task is woken when it does. A timer that is not set yet, or has expired,
/// is set to `first`; with `moved` it is set to that time first.
fn has_expired(
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
    // A timer that has expired must not be polled again.
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
                if has_expired(&mut this.idle, Some(end), later, context) && this.handle.close() {
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
